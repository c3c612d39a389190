/* Receipts that share one bundle: each comes back byte for byte, whatever it is. */
#include <check.h>

#include "lib/base/encode.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/receipt_bundle.h"
#include "test/tlog/fixture.h"

TCase *make_receipt_bundle_case(void);

#define MANY 64

static struct receipt_bundle bundle;
static struct buf packed, back;

static void set_up(void)
{
	bundle = RECEIPT_BUNDLE_INIT;
	packed = back = BUF_INIT(RECEIPT_BUNDLE_MAX);
}

static void tear_down(void)
{
	receipt_bundle_free(&bundle);
	buf_free(&packed);
	buf_free(&back);
}

static void print(void)
{
	buf_reset(&packed);
	receipt_bundle_print(&bundle, &packed);
	ck_assert(!packed.failed);
}

static void comes_back(unsigned place, struct view text)
{
	struct error e = { .reason = REASON_NONE };

	buf_reset(&back);
	ck_assert_msg(receipt_bundle_read(buf_view(&packed), place, &back, &e), "%s", e.text);
	ck_assert_msg(view_eq(buf_view(&back), text), "%.*s\nbecame\n%.*s", VIEW_ARG(text), VIEW_ARG(buf_view(&back)));
}

/* A leaf as a gateway writes one. */
static void print_leaf(unsigned i, struct buf *out)
{
	struct digest d;
	char id[UUID_TEXT + 1];
	const struct uuid u = { .b = { 1, 0x93, 7, 8, 9, 10, 0x70, 0, 0x80, 0, 0, 0, 0, 0, (uint8_t)(i >> 8),
		                       (uint8_t)i } };

	sha256(view_make(&i, sizeof i), &d);
	uuid_print(&u, id);
	buf_adds(out, "{\"_sd\":[\"");
	base64url_encode(out, view_make(d.b, sizeof d.b));
	buf_adds(out, "\"],\"agreement\":\"pnr\",\"agreement_digest\":\"");
	hex_encode(out, view_make("0123456789abcdef0123456789abcdef", 32));
	buf_addf(out, "\",\"exchange\":\"%s\",\"form\":1,\"input\":\"", id);
	digest_print(out, &d);
	buf_adds(out, "\",\"random\":\"");
	base64url_encode(out, view_make(d.b, 16));
	buf_addf(out, "\",\"time\":%llu}", 1796031702000ULL + i);
}

/* The receipt of leaf `i` of a made-up tree: what proves nothing is kept like what does. */
static void print_receipt(unsigned i, struct buf *out)
{
	struct buf leaf = BUF_INIT(4096);
	struct receipt r = { .index = 1000 + i,
		             .n = 11,
		             .checkpoint = VIEW(
		                     "south.example/audit/gw/1\n2000\nAAAA\n\n— south.example/audit/gw/1 AAAA\n") };

	for (unsigned k = 0; k < r.n; k++) {
		unsigned at[] = { k, (1000 + i) >> (k + 1) };
		sha256(view_make(at, sizeof at), &r.proof[k]);
	}
	print_leaf(i, &leaf);
	receipt_print(&r, buf_view(&leaf), out);
	buf_free(&leaf);
}

START_TEST(many_share_what_is_alike)
{
	struct buf text = BUF_INIT(65536);
	size_t bytes = 0;

	for (unsigned i = 0; i < MANY; i++) {
		buf_reset(&text);
		print_receipt(i, &text);
		bytes += text.n;
		ck_assert(receipt_bundle_add(&bundle, buf_view(&text)));
	}
	print();
	for (unsigned i = MANY; i-- > 0;) {
		buf_reset(&text);
		print_receipt(i, &text);
		comes_back(i, buf_view(&text));
	}
	/* A fifth, at most: else it has something more than once, or as text. */
	ck_assert_uint_lt(packed.n, bytes / 5);
	ck_assert_uint_eq(bundle.n_texts, 2);
	buf_free(&text);
}
END_TEST

/* Of a real log, that verifies afterwards as before. */
START_TEST(it_verifies_as_before)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 300);
	struct receipt r = { .checkpoint = buf_view(&l->note) };
	struct buf text = BUF_INIT(NOTE_MAX), leaf = BUF_INIT(65536);
	struct view entry;

	for (uint64_t i = 290; i < 300; i++) {
		buf_reset(&text);
		r.index = i;
		ck_assert(tiles_prove(l->tiles, i, l->size, r.proof, &r.n));
		receipt_print(&r, view_make(l->leaf[i].p, l->leaf[i].n), &text);
		ck_assert(receipt_bundle_add(&bundle, buf_view(&text)));
	}
	print();
	for (unsigned i = 0; i < 10; i++) {
		buf_reset(&back);
		ck_assert(receipt_bundle_read(buf_view(&packed), i, &back, NULL));
		ck_assert(receipt_parse(buf_view(&back), &leaf, &r, &entry, NULL));
		ck_assert_uint_eq(r.index, 290 + i);
		ck_assert(receipt_verify(&r, entry, &l->signer.vkey, NULL));
	}
	log_free(l);
	buf_free(&text);
	buf_free(&leaf);
}
END_TEST

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define UUID   "01937000-0000-7000-8000-000000000001"

/* Leaves that are odd, and what only looks like a value. */
static const char *const leaves[] = {
	"{}",
	"x",
	"\"",
	"{\"a\":\"\\\"" HEX "\\\"\"}",
	"{\"a\":\"" HEX "\",\"b\":\"" HEX "\"}",
	"{\"a\":\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"}",
	"{\"a\":\"" DIGEST "\"}",
	"{\"a\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}", /* stray bits */
	"{\"a\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"b\":\"AAAAAAAAAAAAAAAAAAAAAB\"}",
	"{\"a\":\"" UUID "\",\"b\":\"01937000-0000-7000-8000-00000000000A\"}",
	"{\"a\":007,\"b\":0,\"c\":-12,\"d\":1.50,\"e\":9223372036854775807,\"f\":9223372036854775808,\"g\":127,\"h\":128}",
	"{\"a\":99999999999999999999999999999999999999}",
	"[1,2,3,\"4\",\"\"]",
	"{\"a\":\"\xc3\xa4\"}",
	"{\"a\":\"b\"} \x01 {\"" HEX "\":1}", /* as a mark: kept as text */
	"{\"" HEX "\":\"unended",
	("{\"" HEX),
};

START_TEST(odd_leaves)
{
	struct receipt r = { .index = 5, .checkpoint = VIEW("a note\n") };
	struct buf text = BUF_INIT(65536);

	receipt_print(&r, view_of(leaves[_i]), &text);
	for (int i = 0; i < 2; i++)
		ck_assert(receipt_bundle_add(&bundle, buf_view(&text)));
	print();
	comes_back(0, buf_view(&text));
	comes_back(1, buf_view(&text));
	buf_free(&text);
}
END_TEST

/* What is no receipt, and one that stands otherwise than it is printed. */
static const char *const texts[] = {
	"",
	"receipt",
	"c2sp.org/tlog-proof@v1\nindex 4\n\nnote\n",
	"c2sp.org/tlog-proof@v1\nindex 4\n\nnote",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex 4\n\nnote\n",
	"c2sp.org/tlog-proof@v1\nextra e30\nindex 4\n\nnote\n",
	"c2sp.org/tlog-proof@v1\nindex 04\n\nnote\n",
	"c2sp.org/tlog-proof@v1\nindex 4\nAAAA\n\nnote\n",
	"c2sp.org/tlog-proof@v1\r\nindex 4\n\nnote\n",
};

START_TEST(whatever_is_added_comes_back)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ck_assert(receipt_bundle_add(&bundle, view_of(texts[i])));
	print();
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		comes_back((unsigned)i, view_of(texts[i]));
}
END_TEST

START_TEST(more_hashes_than_the_map_has_places)
{
	struct receipt r = { .n = TLOG_PROOF_MAX, .checkpoint = VIEW("note\n") };
	struct buf text = BUF_INIT(65536);

	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 20; i++) {
			for (unsigned k = 0; k < r.n; k++) {
				/* All begin alike: the search for them ends, and they are kept twice. */
				memset(r.proof[k].b, 0, sizeof r.proof[k].b);
				r.proof[k].b[10] = (uint8_t)k;
				r.proof[k].b[11] = (uint8_t)i;
			}
			r.index = i;
			buf_reset(&text);
			receipt_print(&r, VIEW(""), &text);
			ck_assert(receipt_bundle_add(&bundle, buf_view(&text)));
		}
	print();
	for (unsigned place = 0; place < 40; place++) {
		buf_reset(&back);
		ck_assert(receipt_bundle_read(buf_view(&packed), place, &back, NULL));
		buf_reset(&text);
		for (unsigned k = 0; k < r.n; k++) {
			r.proof[k].b[10] = (uint8_t)k;
			r.proof[k].b[11] = (uint8_t)(place % 20);
		}
		r.index = place % 20;
		receipt_print(&r, VIEW(""), &text);
		ck_assert(view_eq(buf_view(&back), buf_view(&text)));
	}
	buf_free(&text);
}
END_TEST

/* A place that it does not have; and bytes that were cut, or altered, never make it fail otherwise than by saying so. */
START_TEST(a_damaged_one)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(65536);

	for (unsigned i = 0; i < 3; i++) {
		buf_reset(&text);
		print_receipt(i, &text);
		ck_assert(receipt_bundle_add(&bundle, buf_view(&text)));
	}
	print();
	ck_assert(!receipt_bundle_read(buf_view(&packed), 3, &back, &e));
	ck_assert_int_eq(e.reason, REASON_NOT_FOUND);
	for (size_t n = 0; n < packed.n; n++) {
		struct view cut = view_make(packed.p, n);
		e = (struct error){ .reason = REASON_NONE };
		buf_reset(&back);
		ck_assert(!receipt_bundle_read(cut, 2, &back, &e));
		ck_assert_int_eq(e.reason, REASON_STORE);
	}
	for (size_t n = 0; n < packed.n; n++) {
		packed.p[n] = (char)(packed.p[n] ^ 0xff);
		e = (struct error){ .reason = REASON_NONE };
		buf_reset(&back);
		if (!receipt_bundle_read(buf_view(&packed), 2, &back, &e))
			ck_assert(e.reason == REASON_STORE || e.reason == REASON_NOT_FOUND);
		packed.p[n] = (char)(packed.p[n] ^ 0xff);
	}
	buf_free(&text);
}
END_TEST

TCase *make_receipt_bundle_case(void)
{
	TCase *c = tcase_create("receipt_bundle");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, many_share_what_is_alike);
	tcase_add_test(c, it_verifies_as_before);
	tcase_add_loop_test(c, odd_leaves, 0, sizeof leaves / sizeof *leaves);
	tcase_add_test(c, whatever_is_added_comes_back);
	tcase_add_test(c, more_hashes_than_the_map_has_places);
	tcase_add_test(c, a_damaged_one);
	return c;
}
