/* Receipts: C2SP tlog-proof. */
#include <check.h>

#include "lib/tlog/receipt.h"
#include "test/tlog/fixture.h"

TCase *make_receipt_case(void);

static void make_receipt(struct log *l, uint64_t index, struct buf *out)
{
	struct receipt r = { .index = index, .checkpoint = buf_view(&l->note) };

	ck_assert(tiles_prove(l->tiles, index, l->size, r.proof, &r.n));
	receipt_print(&r, view_make(l->leaf[index].p, l->leaf[index].n), out);
	ck_assert(!out->failed);
}

static bool check(struct view text, const struct note_vkey *k, struct buf *scratch, struct view *entry)
{
	struct receipt r;

	return receipt_parse(text, scratch, &r, entry, NULL) && receipt_verify(&r, *entry, k, NULL);
}

START_TEST(test_round_trip)
{
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 1000 };
	struct buf text = BUF_INIT(NOTE_MAX), again = BUF_INIT(NOTE_MAX), scratch = BUF_INIT(65535);

	for (unsigned s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		struct log *l = log_new("north.example/audit/gw/1", 1, sizes[s]);

		for (uint64_t i = 0; i < sizes[s]; i += 1 + sizes[s] / 20) {
			struct receipt r;
			struct view entry;
			struct error e = { 0 };

			buf_reset(&text);
			make_receipt(l, i, &text);
			ck_assert(receipt_parse(buf_view(&text), &scratch, &r, &entry, &e));
			ck_assert_uint_eq(r.index, i);
			ck_assert(view_eq(entry, view_make(l->leaf[i].p, l->leaf[i].n)));
			ck_assert(receipt_verify(&r, entry, &l->signer.vkey, &e));
			buf_reset(&again);
			receipt_print(&r, entry, &again);
			ck_assert(view_eq(buf_view(&text), buf_view(&again)));
		}
		log_free(l);
	}
	buf_free(&text);
	buf_free(&again);
	buf_free(&scratch);
}
END_TEST

/* Without the extra line the entry comes from elsewhere. */
START_TEST(test_without_extra)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 5);
	struct receipt r = { .index = 3, .checkpoint = buf_view(&l->note) };
	struct buf text = BUF_INIT(NOTE_MAX), scratch = BUF_INIT(65535);
	struct view entry;

	ck_assert(tiles_prove(l->tiles, 3, 5, r.proof, &r.n));
	receipt_print(&r, view_make(NULL, 0), &text);
	ck_assert(view_starts(buf_view(&text), VIEW("c2sp.org/tlog-proof@v1\nindex 3\n")));
	ck_assert(receipt_parse(buf_view(&text), &scratch, &r, &entry, NULL));
	ck_assert_uint_eq(entry.n, 0);
	ck_assert(receipt_verify(&r, view_make(l->leaf[3].p, l->leaf[3].n), &l->signer.vkey, NULL));
	ck_assert(!receipt_verify(&r, entry, &l->signer.vkey, NULL));
	ck_assert(!receipt_verify(&r, view_make(l->leaf[2].p, l->leaf[2].n), &l->signer.vkey, NULL));
	log_free(l);
	buf_free(&text);
	buf_free(&scratch);
}
END_TEST

/* Entry of one, proof of the other: swapping any part of two receipts fails. */
START_TEST(test_swapped)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 700);
	struct log *other = log_new("south.example/audit/gw/1", 2, 650);
	struct receipt a, b, mixed;
	struct view ea, eb;
	struct buf ta = BUF_INIT(NOTE_MAX), tb = BUF_INIT(NOTE_MAX), sa = BUF_INIT(65535), sb = BUF_INIT(65535);

	make_receipt(l, 100, &ta);
	make_receipt(l, 101, &tb);
	ck_assert(receipt_parse(buf_view(&ta), &sa, &a, &ea, NULL));
	ck_assert(receipt_parse(buf_view(&tb), &sb, &b, &eb, NULL));
	ck_assert(receipt_verify(&a, ea, &l->signer.vkey, NULL));
	ck_assert(!receipt_verify(&a, eb, &l->signer.vkey, NULL));
	ck_assert(!receipt_verify(&b, ea, &l->signer.vkey, NULL));
	mixed = a;
	mixed.index = b.index;
	ck_assert(!receipt_verify(&mixed, ea, &l->signer.vkey, NULL));
	mixed = a;
	mixed.checkpoint = buf_view(&other->note);
	ck_assert(!receipt_verify(&mixed, ea, &l->signer.vkey, NULL));
	ck_assert(!receipt_verify(&mixed, ea, &other->signer.vkey, NULL));
	ck_assert(!receipt_verify(&a, ea, &other->signer.vkey, NULL));
	mixed = a;
	mixed.n--;
	ck_assert(!receipt_verify(&mixed, ea, &l->signer.vkey, NULL));
	log_free(l);
	log_free(other);
	buf_free(&ta);
	buf_free(&tb);
	buf_free(&sa);
	buf_free(&sb);
}
END_TEST

START_TEST(test_flips)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 40);
	struct buf text = BUF_INIT(NOTE_MAX), scratch = BUF_INIT(65535);
	struct view entry;
	unsigned flips = 0;

	make_receipt(l, 17, &text);
	for (size_t i = 0; i < text.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++, flips++) {
			text.p[i] = (char)(text.p[i] ^ (1 << bit));
			ck_assert_msg(!check(buf_view(&text), &l->signer.vkey, &scratch, &entry), "byte %zu bit %u", i,
			              bit);
			text.p[i] = (char)(text.p[i] ^ (1 << bit));
		}
	}
	for (size_t n = 0; n < text.n; n++)
		ck_assert(!check(view_make(text.p, n), &l->signer.vkey, &scratch, &entry));
	ck_assert(check(buf_view(&text), &l->signer.vkey, &scratch, &entry));
	printf("receipt: %u bit flips found\n", flips);
	log_free(l);
	buf_free(&text);
	buf_free(&scratch);
}
END_TEST

START_TEST(test_malformed)
{
	static const char h[] = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
	static const char *const bad[] = {
		"",
		"c2sp.org/tlog-proof@v1",
		"c2sp.org/tlog-proof@v1\n",
		"c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
		"c2sp.org/tlog-proof@v1\r\nindex 0\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 00\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex -1\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex  1\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 1 \n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 1\n",
		"c2sp.org/tlog-proof@v1\nindex 1\n\n",
		"c2sp.org/tlog-proof@v1\nindex 1\nnotbase64\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra \nindex 1\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra QQ\nindex 1\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra QR==\nindex 1\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra QQ==\nextra QQ==\nindex 1\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 1\nextra QQ==\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra QQ==\n\nx\n",
	};
	struct buf scratch = BUF_INIT(65535), many = BUF_INIT(NOTE_MAX);
	struct receipt r;
	struct view entry;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!receipt_parse(view_of(bad[i]), &scratch, &r, &entry, NULL), "case %zu", i);
	for (unsigned hashes = 64; hashes <= 65; hashes++) {
		buf_reset(&many);
		buf_adds(&many, "c2sp.org/tlog-proof@v1\nindex 1\n");
		for (unsigned i = 0; i < hashes; i++)
			buf_addf(&many, "%s\n", h);
		buf_adds(&many, "\nx\n");
		ck_assert_int_eq(receipt_parse(buf_view(&many), &scratch, &r, &entry, NULL), hashes == 64);
	}
	buf_free(&scratch);
	buf_free(&many);
}
END_TEST

TCase *make_receipt_case(void)
{
	TCase *tc = tcase_create("receipt");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_without_extra);
	tcase_add_test(tc, test_swapped);
	tcase_add_test(tc, test_flips);
	tcase_add_test(tc, test_malformed);
	return tc;
}
