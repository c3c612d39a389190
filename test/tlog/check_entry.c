/* Audit entries and their disclosures. */
#include <check.h>

#include "lib/crypto/crypto.h"
#include "test/tlog/fixture.h"

TCase *make_entry_case(void);

START_TEST(test_print)
{
	struct entry e = { .operation = OPERATION_REFUSAL,
		           .time_ms = 1767323045678,
		           .peer = VIEW("south"),
		           .recipient = VIEW("agency-\"s\""),
		           .form = 1,
		           .exception = VIEW("imminent-threat"),
		           .checked = VIEW("case,necessity"),
		           .final = true,
		           .agreement = VIEW("a\\b"),
		           .purpose = VIEW("tab\tbell\x07"
		                           "del\x7f"),
		           .legal_basis = VIEW("Stra\xc3\x9f"
		                               "e \xe2\x82\xac \xf0\x9f\x94\x91"),
		           .outcome = VIEW("refused"),
		           .reason = VIEW("policy") };
	struct buf b = BUF_INIT(65535);

	memset(e.agreement_digest.b, 0xab, 32);
	memset(e.envelope.b, 0xcd, 32);
	ck_assert(uuid_parse(VIEW("019b76da-a800-7000-8000-000000000001"), &e.exchange));
	ck_assert(uuid_parse(VIEW("019b76da-a800-7000-8000-000000000002"), &e.origin));
	entry_print(&e, NULL, &b);
	ck_assert(view_is(
	        buf_view(&b),
	        "{\"agreement\":\"a\\\\b\",\"agreement_digest\":\"abababababababababababababababababababababababababababababababab\","
	        "\"checked\":\"case,necessity\",\"envelope\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\","
	        "\"exception\":\"imminent-threat\",\"exchange\":\"019b76da-a800-7000-8000-000000000001\",\"final\":true,\"form\":1,\"legal_basis\":\"Stra\\u00dfe \\u20ac \\ud83d\\udd11\","
	        "\"operation\":\"refusal\",\"origin\":\"019b76da-a800-7000-8000-000000000002\",\"outcome\":\"refused\",\"peer\":\"south\",\"purpose\":\"tab\\u0009bell\\u0007del\\u007f\","
	        "\"reason\":\"policy\",\"recipient\":\"agency-\\\"s\\\"\",\"time\":1767323045678}"));
	buf_reset(&b);
	e = (struct entry){ .operation = OPERATION_POLICY_CHANGE,
		            .kind = VIEW("overlay"),
		            .name = VIEW("overlay"),
		            .change = VIEW("back"),
		            .note = VIEW("n"),
		            .time_ms = -1,
		            .build = VIEW("b") };
	memset(e.before.b, 0xbb, 32);
	memset(e.after.b, 0xaa, 32);
	e.agreement_digest = e.after;
	entry_print(&e, NULL, &b);
#define A_32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B_32 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	ck_assert(view_is(buf_view(&b),
	                  "{\"after\":\"" A_32 A_32 "\",\"agreement_digest\":\"" A_32 A_32 "\",\"before\":\"" B_32 B_32
	                  "\",\"build\":\"b\",\"change\":\"back\",\"kind\":\"overlay\",\"name\":\"overlay\","
	                  "\"note\":\"n\",\"operation\":\"policy-change\"}"));
	buf_reset(&b);
	e = (struct entry){ .operation = OPERATION_GENESIS, .time_ms = -1 };
	entry_print(&e, NULL, &b);
	ck_assert(view_is(buf_view(&b), "{\"operation\":\"genesis\"}"));
	buf_free(&b);
}
END_TEST

/* Names sorted by their bytes, `_sd` before all, its digests sorted, all of it printable ASCII. */
START_TEST(test_sorted)
{
	struct disclosures d = { 0 };
	struct buf b = BUF_INIT(65535);
	uint8_t salt[16] = { 0 };

	for (unsigned i = 0; i < 20; i++) {
		char name[8];

		snprintf(name, sizeof name, "n%u", i);
		salt[0] = (uint8_t)i;
		disclosures_add(&d, salt, view_of(name), VIEW("1"));
	}
	struct entry e = { .operation = OPERATION_START, .build = VIEW("b"), .note = VIEW("n") };
	entry_print(&e, &d, &b);
	ck_assert(view_starts(buf_view(&b), VIEW("{\"_sd\":[\"")));
	for (unsigned i = 1; i < 20; i++)
		ck_assert_int_lt(memcmp(b.p + 9 + (i - 1) * 46, b.p + 9 + i * 46, 43), 0);
	for (size_t i = 0; i < b.n; i++)
		ck_assert(b.p[i] >= 0x20 && b.p[i] < 0x7f);
	ck_assert(disclosures_verify(buf_view(&b), buf_view(&d.packed), NULL));
	buf_free(&b);
	disclosures_free(&d);
}
END_TEST

/* RFC 9901 section 4.2.1 (the disclosure) and 4.2.3 (its digest). */
START_TEST(test_rfc_vector)
{
	static const char disclosure[] = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
	static const char digest[] = "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0";
	struct buf b = BUF_INIT(1000), packed = BUF_INIT(1000);

	disclosure_digest(view_of(disclosure), &b);
	ck_assert(view_is(buf_view(&b), digest));
	buf_reset(&b);
	buf_addf(&b, "{\"_sd\":[\"%s\"],\"operation\":\"start\"}", digest);
	buf_addf(&packed, "[\"%s\"]", disclosure);
	ck_assert(disclosures_verify(buf_view(&b), buf_view(&packed), NULL));
	buf_free(&b);
	buf_free(&packed);
}
END_TEST

/* Ours: salt of 16 bytes in base64url, no white space. Text computed with coreutils:
 * printf '["AAECAwQFBgcICQoLDA0ODw","officer","no. 7"]' | basenc --base64url */
START_TEST(test_add)
{
	static const uint8_t salt[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct disclosures d = { 0 };

	disclosures_add(&d, salt, VIEW("officer"), VIEW("\"no. 7\""));
	ck_assert(view_is(buf_view(&d.packed), "[\"WyJBQUVDQXdRRkJnY0lDUW9MREEwT0R3Iiwib2ZmaWNlciIsIm5vLiA3Il0\"]"));
	ck_assert_uint_eq(d.n, 1);
	disclosures_reset(&d);
	ck_assert_uint_eq(d.n, 0);
	ck_assert_uint_eq(d.packed.n, 0);
	disclosures_free(&d);
}
END_TEST

START_TEST(test_tampered_rows)
{
	struct disclosures d = { 0 }, other = { 0 };
	struct buf leaf = BUF_INIT(65535), row = BUF_INIT(65535);
	unsigned flips = 0, n;

	log_print_entry(2, &d, &leaf);
	buf_reset(&leaf);
	log_print_entry(5, &other, &leaf);
	buf_reset(&leaf);
	log_print_entry(2, &d, &leaf);
	struct view packed = buf_view(&d.packed);
	ck_assert(disclosures_count(buf_view(&leaf), &n) && n == 2);
	ck_assert(disclosures_verify(buf_view(&leaf), packed, NULL));
	ck_assert(disclosures_verify(buf_view(&leaf), VIEW(""), NULL));
	/* Another entry's row, this row twice, half of it, cut anywhere, any bit. */
	ck_assert(!disclosures_verify(buf_view(&leaf), buf_view(&other.packed), NULL));
	for (size_t i = 1; i < packed.n; i++)
		ck_assert(!disclosures_verify(buf_view(&leaf), view_make(packed.p, i), NULL));
	buf_add(&row, packed);
	buf_add(&row, packed);
	ck_assert(!disclosures_verify(buf_view(&leaf), buf_view(&row), NULL));
	buf_reset(&row);
	const char *comma = memchr(packed.p, ',', packed.n);
	buf_add(&row, view_make(packed.p, (size_t)(comma - packed.p)));
	buf_addc(&row, ']');
	ck_assert(!disclosures_verify(buf_view(&leaf), buf_view(&row), NULL));
	buf_reset(&row);
	buf_add(&row, packed);
	for (size_t i = 0; i < row.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++, flips++) {
			row.p[i] = (char)(row.p[i] ^ (1 << bit));
			ck_assert(!disclosures_verify(buf_view(&leaf), buf_view(&row), NULL));
			row.p[i] = (char)(row.p[i] ^ (1 << bit));
		}
	}
	ck_assert(!disclosures_verify(VIEW("{\"operation\":\"start\"}"), packed, NULL));
	/* A row that is no array, beside a leaf that has none. */
	ck_assert(!disclosures_verify(VIEW("{\"operation\":\"start\"}"), VIEW("["), NULL));
	ck_assert(!disclosures_verify(VIEW("{\"operation\":\"start\"}"), VIEW("[]"), NULL));
	ck_assert(!disclosures_verify(VIEW("{\"_sd\":[\"short\"]}"), VIEW(""), NULL));
	ck_assert(
	        !disclosures_verify(VIEW("{\"_sd\":[\"X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0\""), VIEW(""), NULL));
	disclosures_free(&d);
	disclosures_free(&other);
	buf_free(&leaf);
	buf_free(&row);
}
END_TEST

/* A disclosure that is too large fails the entry, never half of it. */
START_TEST(test_too_large)
{
	static const uint8_t salt[16];
	struct disclosures d = { 0 };
	struct buf value = BUF_INIT(1 << 20), leaf = BUF_INIT(65535);
	struct entry e = { .operation = OPERATION_START };

	buf_addc(&value, '"');
	for (unsigned i = 0; i < 300000; i++)
		buf_addc(&value, 'a');
	buf_addc(&value, '"');
	disclosures_add(&d, salt, VIEW("x"), buf_view(&value));
	entry_print(&e, &d, &leaf);
	ck_assert(leaf.failed);
	disclosures_reset(&d);
	buf_reset(&leaf);
	for (unsigned i = 0; i < 65; i++)
		disclosures_add(&d, salt, VIEW("x"), VIEW("1"));
	entry_print(&e, &d, &leaf);
	ck_assert(leaf.failed);
	/* The entry itself: 65,535 bytes fit into a bundle, one more does not. */
	struct buf large = BUF_INIT(1 << 20);
	e.note = view_make(value.p + 1, ENTRY_MAX - strlen("{\"note\":\"\",\"operation\":\"start\",\"time\":0}"));
	entry_print(&e, NULL, &large);
	ck_assert(!large.failed);
	ck_assert_uint_eq(large.n, ENTRY_MAX);
	buf_reset(&large);
	e.note.n++;
	entry_print(&e, NULL, &large);
	ck_assert(large.failed);
	buf_free(&large);
	disclosures_free(&d);
	buf_free(&value);
	buf_free(&leaf);
}
END_TEST

TCase *make_entry_case(void)
{
	TCase *tc = tcase_create("entry");

	tcase_add_test(tc, test_print);
	tcase_add_test(tc, test_sorted);
	tcase_add_test(tc, test_rfc_vector);
	tcase_add_test(tc, test_add);
	tcase_add_test(tc, test_tampered_rows);
	tcase_add_test(tc, test_too_large);
	return tc;
}
