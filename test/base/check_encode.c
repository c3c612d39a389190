/* Encodings and identifiers. */
#include <check.h>

#include "lib/base/encode.h"
#include "lib/base/ids.h"

/* RFC 4648 section 10. */
static const struct {
	const char *plain, *base64, *base32;
} vectors[] = {
	{ "", "", "" },
	{ "f", "Zg==", "my" },
	{ "fo", "Zm8=", "mzxq" },
	{ "foo", "Zm9v", "mzxw6" },
	{ "foob", "Zm9vYg==", "mzxw6yq" },
	{ "fooba", "Zm9vYmE=", "mzxw6ytb" },
	{ "foobar", "Zm9vYmFy", "mzxw6ytboi" },
};

START_TEST(rfc4648_vectors)
{
	char out[100];
	size_t n;

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct view plain = view_of(vectors[i].plain);
		struct buf b = BUF_INIT(100);
		base64_encode(&b, plain);
		ck_assert(view_is(buf_view(&b), vectors[i].base64));
		ck_assert(base64_decode(buf_view(&b), out, sizeof out, &n) && view_eq(view_make(out, n), plain));
		buf_reset(&b);
		base32_encode(&b, plain);
		ck_assert(view_is(buf_view(&b), vectors[i].base32));
		ck_assert(base32_decode(buf_view(&b), out, sizeof out, &n) && view_eq(view_make(out, n), plain));
		buf_reset(&b);
		base64url_encode(&b, plain);
		ck_assert(base64url_decode(buf_view(&b), out, sizeof out, &n) && view_eq(view_make(out, n), plain));
		buf_free(&b);
	}
}
END_TEST

/* All lengths and all bytes, against digits taken one after the other as RFC 4648 section 4 draws them. */
START_TEST(base64_of_every_length_and_byte)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char in[259];
	char expect[400], out[300];
	size_t n;

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (unsigned char)(i * 181);
	for (size_t length = 0; length <= sizeof in; length++) {
		struct buf b = BUF_INIT(400);
		struct view plain = view_make(in, length);
		size_t k = 0;
		for (size_t bit = 0; bit < length * 8; bit += 6) {
			unsigned value = 0;
			for (size_t at = bit; at < bit + 6; at++)
				value = value << 1 | (at < length * 8 ? in[at / 8] >> (7 - at % 8) & 1 : 0);
			expect[k++] = digits[value];
		}
		base64url_encode(&b, plain);
		ck_assert_uint_eq(b.n, k);
		for (size_t i = 0; i < k; i++)
			ck_assert_int_eq(b.p[i], expect[i] == '+' ? '-' : expect[i] == '/' ? '_' : expect[i]);
		ck_assert(base64url_decode(buf_view(&b), out, sizeof out, &n) && view_eq(view_make(out, n), plain));
		buf_reset(&b);
		base64_encode(&b, plain);
		ck_assert(b.n == (length + 2) / 3 * 4 && (k == 0 || memcmp(b.p, expect, k) == 0));
		for (size_t i = k; i < b.n; i++)
			ck_assert_int_eq(b.p[i], '=');
		buf_free(&b);
	}
}
END_TEST

START_TEST(hex_of_every_length_and_byte)
{
	unsigned char in[256];
	char expect[3], out[256];
	size_t n;

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (unsigned char)(i * 181);
	for (size_t length = 0; length <= sizeof in; length++) {
		struct buf b = BUF_INIT(512);
		hex_encode(&b, view_make(in, length));
		ck_assert_uint_eq(b.n, 2 * length);
		for (size_t i = 0; i < length; i++) {
			snprintf(expect, sizeof expect, "%02x", in[i]);
			ck_assert(memcmp(b.p + 2 * i, expect, 2) == 0);
		}
		ck_assert(hex_decode(buf_view(&b), out, sizeof out, &n) && n == length);
		ck_assert(n == 0 || memcmp(out, in, n) == 0);
		buf_free(&b);
	}
}
END_TEST

START_TEST(only_the_canonical_form_decodes)
{
	static const char *const bad64[] = { "Zg",    "Zg=",  "Zh==", "Zm9=", "Zm9v\n",
		                             " Zm9v", "Z===", "====", "Zm-_", "Zg==Zg==" };
	static const char *const bad32[] = { "MY", "m", "mz", "my======", "m1" };
	static const char *const badurl[] = { "Zg==", "Z", "Zh", "Zm+/" };
	static const char *const badhex[] = { "0", "0G", "AB", "0x" };
	char out[100];
	size_t n;

	for (size_t i = 0; i < sizeof bad64 / sizeof *bad64; i++)
		ck_assert_msg(!base64_decode(view_of(bad64[i]), out, sizeof out, &n), "%s", bad64[i]);
	for (size_t i = 0; i < sizeof badurl / sizeof *badurl; i++)
		ck_assert_msg(!base64url_decode(view_of(badurl[i]), out, sizeof out, &n), "%s", badurl[i]);
	for (size_t i = 0; i < sizeof badhex / sizeof *badhex; i++)
		ck_assert_msg(!hex_decode(view_of(badhex[i]), out, sizeof out, &n), "%s", badhex[i]);
	ck_assert(!base32_decode(view_of(bad32[0]), out, sizeof out, &n));
	ck_assert(!base32_decode(view_of(bad32[1]), out, sizeof out, &n));
	ck_assert(!base32_decode(view_of(bad32[2]), out, sizeof out, &n));
	ck_assert(!base32_decode(view_of(bad32[3]), out, sizeof out, &n));
	ck_assert(!base32_decode(view_of(bad32[4]), out, sizeof out, &n));
	ck_assert(!base64_decode(VIEW("Zm9vYmFy"), out, 5, &n));
}
END_TEST

/* Every byte at every place among 48 digits, where many are taken at once and where they are not. */
START_TEST(each_byte_is_a_digit_or_none_wherever_it_stands)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char text[48], out[36];
	size_t n;

	for (size_t at = 0; at < sizeof text; at++)
		for (int c = 0; c < 256; c++) {
			bool shared = c && strchr(digits, c);
			memset(text, 'A', sizeof text);
			text[at] = (char)c;
			/* At the end it stands for padding. */
			if (c != '=' || at < sizeof text - 1)
				ck_assert_msg(base64_decode(view_make(text, sizeof text), out, sizeof out, &n) ==
				                      (shared || c == '+' || c == '/'),
				              "%d at %zu", c, at);
			ck_assert_msg(base64url_decode(view_make(text, sizeof text), out, sizeof out, &n) ==
			                      (shared || c == '-' || c == '_'),
			              "%d at %zu", c, at);
			memset(text, '0', sizeof text);
			text[at] = (char)c;
			ck_assert_msg(hex_decode(view_make(text, sizeof text), out, sizeof out, &n) ==
			                      (c && strchr("0123456789abcdef", c)),
			              "%d at %zu", c, at);
		}
}
END_TEST

START_TEST(utf8_stops_at_the_first_bad_byte)
{
	/* RFC 3629 section 4: overlong, surrogate, past U+10FFFF, cut off. */
	static const char *const bad[] = { "\xc0\x80",     "\xc1\xbf",         "\xe0\x80\x80",
		                           "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		                           "\x80",         "\xe2\x82",         "\xf0\x80\x80\x80" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b = BUF_INIT(20);
		buf_adds(&b, "ok\xe2\x82\xac");
		buf_adds(&b, bad[i]);
		ck_assert_uint_eq(utf8_valid(buf_view(&b)), 5);
		buf_free(&b);
	}
	ck_assert_uint_eq(utf8_valid(VIEW("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80")), 10);
}
END_TEST

START_TEST(uuids_of_version_seven)
{
	/* RFC 9562 appendix A.6. */
	static const uint8_t random[10] = { 0xcc, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f };
	struct uuid u = uuid_v7(INT64_C(0x017F22E279B0), random), back;
	char text[UUID_TEXT + 1];

	ck_assert_int_eq(uuid_time_ms(&u), INT64_C(0x017F22E279B0));
	uuid_print(&u, text);
	ck_assert_str_eq(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	ck_assert(uuid_parse(view_of(text), &back));
	ck_assert_mem_eq(&u, &back, sizeof u);
	ck_assert(!uuid_parse(VIEW("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &back));
	ck_assert(!uuid_parse(VIEW("017f22e279b07cc398c4dc0c0c07398f"), &back));
	ck_assert(!uuid_parse(VIEW("017f22e2-79b0-7cc3-98c4+dc0c0c07398f"), &back));
}
END_TEST

START_TEST(secrets_compare_and_wipe)
{
	char a[16] = "0123456789abcde", b[16] = "0123456789abcde";

	ck_assert(same_secret(a, b, sizeof a));
	b[14] ^= 1;
	ck_assert(!same_secret(a, b, sizeof a));
	wipe(a, sizeof a);
	for (size_t i = 0; i < sizeof a; i++)
		ck_assert_int_eq(a[i], 0);
}
END_TEST

TCase *make_encode_case(void);
TCase *make_encode_case(void)
{
	TCase *c = tcase_create("encode");

	tcase_add_test(c, rfc4648_vectors);
	tcase_add_test(c, base64_of_every_length_and_byte);
	tcase_add_test(c, hex_of_every_length_and_byte);
	tcase_add_test(c, only_the_canonical_form_decodes);
	tcase_add_test(c, each_byte_is_a_digit_or_none_wherever_it_stands);
	tcase_add_test(c, utf8_stops_at_the_first_bad_byte);
	tcase_add_test(c, uuids_of_version_seven);
	tcase_add_test(c, secrets_compare_and_wipe);
	return c;
}
