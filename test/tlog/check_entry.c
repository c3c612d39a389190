/* Audit entries and their disclosures. */
#include <check.h>
#include <limits.h>

#include "lib/crypto/crypto.h"
#include "test/tlog/fixture.h"

TCase *make_entry_case(void);

#define DECOY_0 "I7uEJBJ0VGjYl9dexHquYLDqQZ59jWeTZpt5OX7xGuk"
#define DECOY_1 "dMpaC3QEgCkhvNeVr8MFB4IWitnAQOY2vOVkpZEBhac"

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

	for (unsigned i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof name, "n%u", i);
		salt[0] = (uint8_t)i;
		disclosures_add(&d, salt, view_of(name), VIEW("1"));
	}
	struct entry e = { .operation = OPERATION_DISCLOSURE, .build = VIEW("b"), .note = VIEW("n") };
	entry_print(&e, &d, &b);
	ck_assert(view_starts(buf_view(&b), VIEW("{\"_sd\":[\"")));
	for (unsigned i = 1; i < 3; i++)
		ck_assert_int_lt(memcmp(b.p + 9 + (i - 1) * 46, b.p + 9 + i * 46, 43), 0);
	for (size_t i = 0; i < b.n; i++)
		ck_assert(b.p[i] >= 0x20 && b.p[i] < 0x7f);
	ck_assert(disclosures_verify(buf_view(&b), buf_view(&d.packed), NULL));
	buf_free(&b);
	disclosures_free(&d);
}
END_TEST

static unsigned printed(enum operation o, unsigned withheld, struct disclosures *d, struct buf *leaf)
{
	struct entry e = { .operation = o, .random = { 1 }, .seed = { 2 } };
	uint8_t salt[16] = { 3 };
	unsigned n = UINT_MAX;

	disclosures_reset(d);
	buf_reset(leaf);
	for (unsigned i = 0; i < withheld; i++) {
		salt[1] = (uint8_t)i;
		disclosures_add(d, salt, VIEW("x"), VIEW("1"));
	}
	entry_print(&e, d, leaf);
	ck_assert(leaf->failed || disclosures_count(buf_view(leaf), &n));
	return n;
}

/* Whatever is withheld, the leaves of an operation are as long and have as many digests, and each opens. */
START_TEST(test_as_many_digests)
{
	static const unsigned want[OPERATION_COUNT] = {
		[OPERATION_DISCLOSURE] = 3, [OPERATION_COLLECTION] = 3, [OPERATION_HOLD] = 3,
		[OPERATION_VALIDATION] = 3, [OPERATION_REFUSAL] = 2,    [OPERATION_DECISION] = 1,
		[OPERATION_DUTY] = 1,       [OPERATION_ACT] = 1
	};
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(65535);

	for (unsigned o = 0; o < OPERATION_COUNT; o++) {
		unsigned n = operation_digests((enum operation)o);
		size_t length = 0;

		ck_assert_uint_eq(n, want[o]);
		for (unsigned withheld = 0; withheld <= n; withheld++) {
			ck_assert_uint_eq(printed((enum operation)o, withheld, &d, &leaf), n);
			ck_assert(length == 0 || leaf.n == length);
			length = leaf.n;
			ck_assert(disclosures_verify(buf_view(&leaf), buf_view(&d.packed), NULL));
			ck_assert_uint_eq(d.packed.n > 0, n > 0);
		}
		ck_assert_uint_eq(printed((enum operation)o, n + 1, &d, &leaf), UINT_MAX);
		leaf.failed = false;
		d.packed.failed = false;
	}
	buf_free(&leaf);
	disclosures_free(&d);
}
END_TEST

/* Decoys after RFC 9901 section 4.2.5, ours of a seed: computed with coreutils,
 * { printf '\000\001\002…\017'; printf '\000'; } | sha256sum | xxd -r -p | basenc --base64url, and with \001 behind. */
START_TEST(test_decoys)
{
	static const char leaf[] = "{\"_sd\":[\"" DECOY_1 "\",\"" DECOY_0 "\"],\"operation\":\"start\"}";
	static const char row[] = "[\"AAECAwQFBgcICQoLDA0ODw\"]";
	static const char *const wrong[] = {
		"[\"AAECAwQFBgcICQoLDA0OD\"]",                             /* too short: a disclosure, and none */
		"[\"AAECAwQFBgcICQoLDA0ODx\"]",                            /* not canonical */
		"[\"AAECAwQFBgcICQoLDA0OEA\"]",                            /* another */
		"[\"AAECAwQFBgcICQoLDA0ODw\",\"AAECAwQFBgcICQoLDA0ODw\"]", /* not the last */
	};
	uint8_t seed[ENTRY_RANDOM];
	struct disclosures d = { 0 };
	struct buf b = BUF_INIT(1000);

	for (unsigned i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)i;
	disclosures_pad(&d, seed, 2);
	ck_assert(view_is(buf_view(&d.digests), DECOY_0 DECOY_1));
	ck_assert(view_is(buf_view(&d.packed), row));
	ck_assert(disclosures_verify(view_of(leaf), view_of(row), NULL));
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!disclosures_verify(view_of(leaf), view_of(wrong[i]), NULL), "%s", wrong[i]);
	/* One digest too many for the seed alone. */
	buf_addf(&b, "{\"_sd\":[\"%s\",\"%s\",\"%s\"],\"operation\":\"start\"}", DECOY_1, DECOY_0,
	         "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
	ck_assert(!disclosures_verify(buf_view(&b), view_of(row), NULL));
	buf_free(&b);
	disclosures_free(&d);
}
END_TEST

static void nest(struct disclosures *d, unsigned n)
{
	uint8_t salt[16] = { 9 };

	for (unsigned i = 0; i < n; i++) {
		char name[8];

		salt[1] = (uint8_t)i;
		snprintf(name, sizeof name, "n%u", i);
		disclosures_nest(d, salt, view_of(name), VIEW("{\"a\":1}"));
	}
}

/* Row item `k` of `packed` left out; true while there is one. */
static bool without(struct view packed, unsigned k, struct buf *out)
{
	const char *p = packed.p + 1, *end = packed.p + packed.n - 1;

	buf_reset(out);
	buf_addc(out, '[');
	for (unsigned i = 0; p < end; i++) {
		const char *close = memchr(p + 1, '"', (size_t)(end - p) - 1);

		if (i != k) {
			if (out->n > 1)
				buf_addc(out, ',');
			buf_add(out, view_make(p, (size_t)(close - p) + 1));
		}
		p = close + 2;
		if (i == k && p > end) {
			buf_addc(out, ']');
			return true;
		}
	}
	buf_addc(out, ']');
	return out->n < packed.n;
}

/* However many fields a group has, the leaf is as long; each field can be left out of what is shown, none of a row. */
START_TEST(test_group)
{
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(65535), row = BUF_INIT(65535);
	size_t length = 0;

	for (unsigned n = 0; n <= 60; n += n < 10 ? 1 : 10) {
		struct entry e = { .operation = OPERATION_REFUSAL, .random = { 1 }, .seed = { 2 } };
		unsigned digests, left = 0;

		disclosures_reset(&d);
		buf_reset(&leaf);
		nest(&d, n);
		disclosures_group(&d, (uint8_t[16]){ 7 });
		disclosures_group(&d, (uint8_t[16]){ 8 });
		entry_print(&e, &d, &leaf);
		ck_assert(disclosures_count(buf_view(&leaf), &digests) && digests == 2);
		ck_assert(length == 0 || leaf.n == length);
		length = leaf.n;
		ck_assert(disclosures_verify(buf_view(&leaf), buf_view(&d.packed), NULL));
		for (; without(buf_view(&d.packed), left, &row); left++)
			ck_assert(!disclosures_verify(buf_view(&leaf), buf_view(&row), NULL));
		ck_assert_uint_eq(left, n + (n > 0) + 1);
	}
	/* More than there is room for; some that were nested and have no group; a group that the leaf does not lead to. */
	struct entry e = { .operation = OPERATION_REFUSAL };
	disclosures_reset(&d);
	buf_reset(&leaf);
	nest(&d, 65);
	disclosures_group(&d, (uint8_t[16]){ 7 });
	entry_print(&e, &d, &leaf);
	ck_assert(leaf.failed);
	disclosures_free(&d);
	buf_free(&leaf);
	leaf = BUF_INIT(65535);
	nest(&d, 1);
	entry_print(&e, &d, &leaf);
	ck_assert(leaf.failed);
	disclosures_free(&d);
	nest(&d, 2);
	disclosures_group(&d, (uint8_t[16]){ 7 });
	ck_assert(!disclosures_verify(VIEW("{\"operation\":\"start\"}"), buf_view(&d.packed), NULL));
	/* With the leaf's own, more digests than an entry has. */
	disclosures_free(&d);
	nest(&d, 64);
	disclosures_group(&d, (uint8_t[16]){ 7 });
	buf_free(&leaf);
	leaf = BUF_INIT(65535);
	entry_print(&e, &d, &leaf);
	ck_assert(!leaf.failed);
	struct error error = { .reason = REASON_NONE };
	ck_assert(!disclosures_verify(buf_view(&leaf), buf_view(&d.packed), &error));
	ck_assert_ptr_nonnull(strstr(error.text, "malformed, or too many"));
	disclosures_free(&d);
	buf_free(&leaf);
	buf_free(&row);
}
END_TEST

START_TEST(test_random_and_erased)
{
	static const struct entry_range ranges[] = { { 3, 3 }, { 7, 1000000 } };
	struct entry e = { .operation = OPERATION_ERASURE,
		           .time_ms = 5,
		           .random = { 1, 2, 255 },
		           .erased = ranges,
		           .n_erased = 2,
		           .erased_log = VIEW("north.example/audit/gw/1") };
	struct buf b = BUF_INIT(65535);

	entry_print(&e, NULL, &b);
	ck_assert(view_is(buf_view(&b), "{\"erased\":[[3,3],[7,1000000]],\"erased_log\":\"north.example/audit/gw/1\","
	                                "\"operation\":\"erasure\",\"random\":\"AQL_AAAAAAAAAAAAAAAAAA\",\"time\":5}"));
	buf_free(&b);
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
	ck_assert(disclosures_count(buf_view(&leaf), &n) && n == 3);
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
	struct entry e = { .operation = OPERATION_DISCLOSURE };

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
	e.operation = OPERATION_START;
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

/* The digest of what is no base64url (RFC 9901 section 4.2.1), or of a text that none can be as long as, opens nothing. */
START_TEST(test_what_is_no_disclosure)
{
	static const struct {
		struct view text;
		bool good;
	} cases[] = {
		{ VIEW("WyJzIiwibiIsMV0"), true },    { VIEW("WyJzIiwibiIsM\xcb"), false },
		{ VIEW("WyJzIiwibiIsMV0="), false },  { VIEW("WyJzIiwibiIsMV+/"), false },
		{ VIEW("WyJzIiwibi\\nsMV0"), false }, { VIEW("WyJzIiwibiIsM"), false },
		{ VIEW("WyJzIiwibiIsMV0 "), false },  { VIEW("-_Z0aAzZ9"), false },
		{ VIEW("-_Z0aAzZ"), true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf leaf = BUF_INIT(1000), row = BUF_INIT(1000);
		struct error e = { .reason = REASON_NONE };

		buf_adds(&leaf, "{\"_sd\":[\"");
		disclosure_digest(cases[i].text, &leaf);
		buf_adds(&leaf, "\"],\"operation\":\"refusal\"}");
		buf_addf(&row, "[\"%.*s\"]", VIEW_ARG(cases[i].text));
		ck_assert_msg(disclosures_verify(buf_view(&leaf), buf_view(&row), &e) == cases[i].good, "%zu", i);
		ck_assert(cases[i].good ||
		          (e.reason == REASON_TAMPERED && strstr(e.text, "disclosure 1 is malformed")));
		buf_free(&leaf);
		buf_free(&row);
	}
}
END_TEST

TCase *make_entry_case(void)
{
	TCase *tc = tcase_create("entry");

	tcase_add_test(tc, test_print);
	tcase_add_test(tc, test_what_is_no_disclosure);
	tcase_add_test(tc, test_sorted);
	tcase_add_test(tc, test_as_many_digests);
	tcase_add_test(tc, test_decoys);
	tcase_add_test(tc, test_group);
	tcase_add_test(tc, test_random_and_erased);
	tcase_add_test(tc, test_rfc_vector);
	tcase_add_test(tc, test_add);
	tcase_add_test(tc, test_tampered_rows);
	tcase_add_test(tc, test_too_large);
	return tc;
}
