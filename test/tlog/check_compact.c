/* Texts of the log in fewer bytes: each comes back byte for byte, whatever it is. */
#include <check.h>

#include "lib/base/encode.h"
#include "lib/tlog/compact.h"
#include "lib/tlog/entry.h"

TCase *make_compact_case(void);

static struct buf row, back;

static void set_up(void)
{
	row = back = BUF_INIT(COMPACT_MAX);
}

static void tear_down(void)
{
	buf_free(&row);
	buf_free(&back);
}

static size_t comes_back(struct view text)
{
	buf_reset(&row);
	buf_reset(&back);
	compact_write(text, &row);
	ck_assert(!row.failed);
	ck_assert_msg(compact_read(buf_view(&row), &back), "%.*s", VIEW_ARG(text));
	ck_assert_msg(view_eq(buf_view(&back), text), "%.*s\nbecame\n%.*s", VIEW_ARG(text), VIEW_ARG(buf_view(&back)));
	return row.n;
}

#define HEX "7b085430406cd2d9846763d0a9ba3f2298ae374b275f7f4e47f0a33d5f9705ac"
#define SD  "RnKcKjsx1pyN_RcAv1BY183MuTkhg7ZEUuQzedCr7sQ"
#define LEAF \
	"{\"_sd\":[\"" SD "\",\"" SD "\",\"" SD "\"],\"agreement\":\"pnr\",\"agreement_digest\":\"" HEX \
	"\",\"build\":\"1.0\",\"caveats\":\"" HEX \
	"\",\"exchange\":\"01a22ddb-c909-70df-8363-1ee1e29101a0\",\"form\":1," \
	"\"input\":\"" HEX "\",\"operation\":\"collection\",\"outcome\":\"released\",\"output\":\"" HEX "\"," \
	"\"random\":\"VESJx8XS4w4ClUqqaKdTJw\",\"time\":1796065708297}"

START_TEST(a_leaf_takes_half_of_its_bytes)
{
	ck_assert_uint_lt(comes_back(VIEW(LEAF)), sizeof LEAF / 2);
}
END_TEST

START_TEST(disclosures_take_half_of_theirs)
{
	static const uint8_t salt[16] = { 1, 2, 3 };
	struct disclosures d = { .n = 0 };

	disclosures_add(&d, salt, VIEW("decision"),
	                VIEW("{\"counts\":{\"dropped\":17,\"released\":17},\"digests\":{\"schema\":\"" HEX
	                     "\"},\"outcome\":\"released-transformed\",\"shape\":\"" HEX "\"}"));
	disclosures_nest(&d, salt, VIEW("case"), VIEW("\"case-\xc3\xa9\""));
	disclosures_group(&d, salt);
	disclosures_pad(&d, salt, 3);
	ck_assert_uint_lt(comes_back(buf_view(&d.packed)), d.packed.n / 2);
	disclosures_free(&d);
}
END_TEST

/* Rows that were written are read for as long as the log is kept: the form, and the places of the words, never change. */
START_TEST(the_bytes_of_a_row)
{
	const struct view text =
	        VIEW("{\"_sd\":[\"" SD "\"],\"decision\":\"delivered\",\"exchange\":"
	             "\"01a22ddb-c909-70df-8363-1ee1e29101a0\",\"x\":\"WyJhIl0\",\"" HEX "\":\"stated\x7f\n\"}");
	static const char expected[] = "017b0780" /* { first name 0 */
	                               "5b0246729c2a3b31d69c8dfd1700bf5058d7cdccb9392183b64452e43379d0abeec45d"
	                               "bcd88a03"
	                               "01a22ddbc90970df83631ee1e29101a0"
	                               "2c2278223a"
	                               "050000055b2261225d"
	                               "2c017b085430406cd2d9846763d0a9ba3f2298ae374b275f7f4e47f0a33d5f9705ac"
	                               "3a227374617465647f060a227d";
	struct buf hex = BUF_INIT(4096);

	comes_back(text);
	hex_encode(&hex, buf_view(&row));
	buf_addc(&hex, 0);
	ck_assert_str_eq(hex.p, expected);
	buf_free(&hex);
}
END_TEST

static const char *const texts[] = {
	"",
	"\"",
	"\"\"",
	",",
	",\"",
	"\"a\":",
	",\"time\":",
	"\"time\":",
	"\"time\"",
	"\"delivered\":",
	"\"delivered\"",
	",\"delivered\"",
	"{\"time\":\"delivered\",\"delivered\":\"time\"}",
	"\"WyI\"",
	"\"WyJ\"",
	"\"WyJhIl0=\"",
	"[\"WyJhIl0\",\"WyJXeUpoSWwwIl0\"]",
	"\"RnKcKjsx1pyN_RcAv1BY183MuTkhg7ZEUuQzedCr7sR\"", /* stray bits */
	"\"01A22DDB-c909-70df-8363-1ee1e29101a0\"",
	"\"7B085430406cd2d9846763d0a9ba3f2298ae374b275f7f4e47f0a33d5f9705ac\"",
	"\"a \\\" quote, \\\"time\\\":\"",
	"\x01\x02\x03\x04\x05\x06\x07\x80\xff",
	"\xc3\xa9\"\xc3\xa9\"",
};

START_TEST(odd_texts)
{
	comes_back(view_of(texts[_i]));
}
END_TEST

static uint32_t at_random;

static unsigned next(void)
{
	at_random = at_random * 1664525 + 1013904223;
	return at_random >> 16;
}

/* A leaf, altered at random. */
START_TEST(whatever_is_written_comes_back)
{
	char text[sizeof LEAF];

	at_random = 1;
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(text, LEAF, sizeof LEAF);
		for (unsigned n = next() % 5; n > 0; n--)
			text[next() % sizeof text] = (char)next();
		comes_back(view_make(text, next() % sizeof text));
	}
}
END_TEST

/* It is read, as another text, or refused. */
START_TEST(damaged_rows)
{
	const struct view leaf = VIEW(LEAF "[\"WyJhIl0\"]");
	struct buf whole = BUF_INIT(4096);
	unsigned refused = 0;

	comes_back(leaf);
	buf_add(&whole, buf_view(&row));
	for (size_t n = 0; n < whole.n; n++) {
		buf_reset(&back);
		bool read = compact_read(view_make(whole.p, n), &back);
		ck_assert(!read || !view_eq(buf_view(&back), leaf));
		for (unsigned bit = 0; bit < 8; bit++) {
			whole.p[n] = (char)(whole.p[n] ^ 1 << bit);
			buf_reset(&back);
			read = compact_read(buf_view(&whole), &back);
			refused += !read;
			ck_assert_msg(!read || !view_eq(buf_view(&back), leaf), "bit %u of byte %zu", bit, n);
			whole.p[n] = (char)(whole.p[n] ^ 1 << bit);
		}
	}
	ck_assert_uint_gt(refused, 0);
	/* A form that is none; a word that is none; a value where a name belongs; a disclosure within one; no bytes. */
	ck_assert(!compact_read(VIEW("\x02{}"), &back));
	ck_assert(!compact_read(VIEW("\x01\xff"), &back));
	ck_assert(!compact_read(VIEW("\x01\x07\xd0"), &back));
	ck_assert(!compact_read(VIEW("\x01\x07{"), &back));
	ck_assert(!compact_read(VIEW("\x01\x05\x00\x00\x02\x05\x01"), &back));
	ck_assert(!compact_read(VIEW("\x01\x05\xff\xff\xff\x01"), &back));
	ck_assert(!compact_read(VIEW("\x01\x06"), &back));
	ck_assert(!compact_read(VIEW("\x01\x08"), &back));
	ck_assert(!compact_read(VIEW(""), &back));
	buf_free(&whole);
}
END_TEST

START_TEST(no_room)
{
	struct buf small = BUF_INIT(8);

	compact_write(VIEW(LEAF), &small);
	ck_assert(small.failed);
	buf_free(&small);
	comes_back(VIEW(LEAF));
	small = BUF_INIT(8);
	ck_assert(!compact_read(buf_view(&row), &small) && small.failed);
	buf_free(&small);
}
END_TEST

/* As long as what is withheld of an entry may be, of bytes that take two each, and of a disclosure; no longer. */
START_TEST(long_texts)
{
	struct buf text = BUF_INIT(COMPACT_MAX), plain = BUF_INIT(COMPACT_TEXT);

	while (text.n < COMPACT_TEXT)
		buf_addc(&text, (char)(text.n % 31 ? 0xc3 : '\n'));
	ck_assert_uint_eq(comes_back(buf_view(&text)), COMPACT_MAX);
	buf_addc(&text, 'x');
	buf_reset(&row);
	compact_write(buf_view(&text), &row);
	ck_assert(row.failed && row.n == 0);
	buf_adds(&plain, "[\"");
	while (plain.n < COMPACT_TEXT / 4 * 3 - 6)
		buf_addc(&plain, '\n');
	buf_reset(&text);
	buf_addc(&text, '"');
	base64url_encode(&text, buf_view(&plain));
	buf_addc(&text, '"');
	ck_assert_uint_lt(comes_back(buf_view(&text)), text.n / 4 * 7);
	buf_free(&text);
	buf_free(&plain);
}
END_TEST

/* One that stands for more than any text has is damaged: it is told from memory that ran out. */
START_TEST(rows_that_stand_for_too_much)
{
	struct buf hostile = BUF_INIT(2 * COMPACT_MAX);
	unsigned char nested[] = { 1, 5, 0, 0, 0 };
	const size_t n = COMPACT_TEXT / 20;

	buf_addc(&hostile, 1);
	while (hostile.n <= n)
		buf_addc(&hostile, (char)0x82); /* ,"agreement_digest": */
	buf_reset(&back);
	ck_assert(compact_read(view_make(hostile.p, n + 1), &back));
	ck_assert_uint_le(back.n, COMPACT_TEXT);
	while (hostile.n <= 2 * n)
		buf_addc(&hostile, (char)0x82);
	buf_reset(&back);
	ck_assert(!compact_read(buf_view(&hostile), &back) && !back.failed);
	nested[2] = (unsigned char)(n >> 16), nested[3] = (unsigned char)(n >> 8), nested[4] = (unsigned char)n;
	memcpy(hostile.p, nested, sizeof nested);
	buf_reset(&back);
	ck_assert(!compact_read(view_make(hostile.p, sizeof nested + n), &back) && !back.failed);
	buf_reset(&hostile);
	buf_addc(&hostile, 1);
	while (hostile.n < COMPACT_MAX + 9)
		buf_addc(&hostile, 'x');
	buf_reset(&back);
	ck_assert(!compact_read(buf_view(&hostile), &back) && !back.failed);
	buf_free(&hostile);
}
END_TEST

TCase *make_compact_case(void)
{
	TCase *c = tcase_create("compact");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_leaf_takes_half_of_its_bytes);
	tcase_add_test(c, disclosures_take_half_of_theirs);
	tcase_add_test(c, the_bytes_of_a_row);
	tcase_add_loop_test(c, odd_texts, 0, sizeof texts / sizeof *texts);
	tcase_add_test(c, whatever_is_written_comes_back);
	tcase_add_test(c, damaged_rows);
	tcase_add_test(c, no_room);
	tcase_add_test(c, long_texts);
	tcase_add_test(c, rows_that_stand_for_too_much);
	return c;
}
