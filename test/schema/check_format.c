/* Formats: the official suite's optional/format files against format_check, and vectors of our own that
 * need no data. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "lib/schema/format.h"

TCase *make_format_case(void);

static const struct {
	const char *format, *text;
	bool valid;
} vectors[] = {
	/* RFC 3339 5.8, and 5.7: the leap second */
	{ "date-time", "1985-04-12T23:20:50.52Z", true },
	{ "date-time", "1996-12-19T16:39:57-08:00", true },
	{ "date-time", "1990-12-31T23:59:60Z", true },
	{ "date-time", "1990-12-31T15:59:60-08:00", true },
	{ "date-time", "1937-01-01T12:00:27.87+00:20", true },
	{ "date-time", "1990-12-31T23:59:60+08:00", false },
	{ "date-time", "1985-04-12 23:20:50Z", false },
	{ "date-time", "1985-04-12T23:20:50.Z", false },
	{ "date-time", "1985-04-12T23:20:50", false },
	{ "date-time", "1985-04-12T23:20:50+0100", false },
	{ "date-time", "1985-04-12T", false },
	{ "date", "2000-02-29", true },
	{ "date", "1900-02-29", false },
	{ "date", "2024-2-01", false },
	{ "time", "23:59:60Z", true },
	{ "time", "12:00:00+24:00", false },
	{ "time", "12:00Z", false },
	/* RFC 3339 appendix A */
	{ "duration", "P3Y6M4DT12H30M5S", true },
	{ "duration", "P23W", true },
	{ "duration", "P1Y1D", false },
	{ "duration", "P1YT", false },
	{ "duration", "P1D1W", false },
	{ "duration", "P", false },
	/* RFC 5321 4.1.2 and 4.1.3 */
	{ "email", "a@b", true },
	{ "email", "\"a\\\"b\"@example.org", true },
	{ "email", "\"a\"b@example.org", false },
	{ "email", "a@[IPv6:2001:db8::1]", true },
	{ "email", "a@[IPv6:2001:db8::g]", false },
	{ "email", "a@[x-tag:content]", true },
	{ "email", "a@[tag]", false },
	{ "email", "a@-b.example", false },
	{ "email", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org", false },
	{ "email", "\xc3\xa9@example.org", false },
	{ "idn-email", "\xc3\xa9@example.org", true },
	{ "idn-email", "\xc3\xa9", false },
	/* RFC 1123 2.1, RFC 5890 2.3.1 */
	{ "hostname", "3com.example", true },
	{ "hostname", "a_b", false },
	{ "hostname", "ab--cd.example", true },
	{ "hostname", "xn--bcher-kva.example", true },
	{ "hostname", "xn--bcher-kvb.example", false },
	{ "idn-hostname",
	  "b\xc3\xbc"
	  "cher.example",
	  true },
	{ "idn-hostname",
	  "B\xc3\x9c"
	  "cher.example",
	  false },                                      /* U+00DC is DISALLOWED (RFC 5892 2.8) */
	{ "idn-hostname", "ab--cd.example", false },    /* RFC 5891 4.2.3.1 */
	{ "idn-hostname", "u\xcc\x88.example", false }, /* not NFC, RFC 5891 4.2.1 */
	/* RFC 2673 3.2; RFC 4291 2.2 */
	{ "ipv4", "192.0.2.255", true },
	{ "ipv4", "192.0.2.256", false },
	{ "ipv4", "192.0.02.1", false },
	{ "ipv4", "192.0.2", false },
	{ "ipv6", "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", true },
	{ "ipv6", "2001:DB8:0:0:8:800:200C:417A", true },
	{ "ipv6", "FF01::101", true },
	{ "ipv6", "0:0:0:0:0:FFFF:129.144.52.38", true },
	{ "ipv6", "::13.1.68.3", true },
	{ "ipv6", "1:2:3:4:5:6:7::", true },
	{ "ipv6", "1:2:3:4:5:6:7:8::", false },
	{ "ipv6", "::1:2:3:4:5:6:7:8", false },
	{ "ipv6", "1:2:3:4:5:6:7:1.2.3.4", false },
	{ "ipv6", "", false },
	/* RFC 3986 1.1.2, 3.2.2, 4.2 */
	{ "uri", "ldap://[2001:db8::7]/c=GB?objectClass?one", true },
	{ "uri", "telnet://192.0.2.16:80/", true },
	{ "uri", "urn:oasis:names:specification:docbook:dtd:xml:4.1.2", true },
	{ "uri", "http://[v1.a:b]/", true },
	{ "uri", "http://[v.a]/", false },
	{ "uri", "http://[::1", false },
	{ "uri", "http://a/#b#c", false },
	{ "uri", "http://a/?b?c/d", true },
	{ "uri", "a", false },
	{ "uri-reference", "../a;b", true },
	{ "uri-reference", "a:1/b", true },
	{ "uri-reference", "1a:b", false },
	{ "uri-reference", "%4", false },
	/* RFC 3987 2.2 */
	{ "iri", "http://r\xc3\xa9sum\xc3\xa9.example.org/\xee\x80\x80", false }, /* private use in a path */
	{ "iri", "http://r\xc3\xa9sum\xc3\xa9.example.org/?\xee\x80\x80", true },
	{ "iri-reference", "r\xc3\xa9sum\xc3\xa9", true },
	{ "iri-reference", "a b", false },
	/* RFC 6570 1.2, 2.1 to 2.4 */
	{ "uri-template", "http://example.org/~{username}/", true },
	{ "uri-template", "{?q,lang*}", true },
	{ "uri-template", "{var:30}", true },
	{ "uri-template", "{var:1x}", false },
	{ "uri-template", "{var", false },
	{ "uri-template", "a}b", false },
	{ "uri-template", "100%", false },
	/* RFC 4122 3 */
	{ "uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true },
	{ "uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bfg", false },
	{ "uuid", "f81d4fae_7dec-11d0-a765-00a0c91e6bf6", false },
	/* RFC 6901 5 */
	{ "json-pointer", "/a~1b", true },
	{ "json-pointer", "/m~2n", false },
	{ "json-pointer", "a", false },
	{ "relative-json-pointer", "2/highly/nested/objects", true },
	{ "relative-json-pointer", "0#", true },
	{ "relative-json-pointer", "00", false },
	{ "relative-json-pointer", "#", false },
	/* ECMA-262 22.2.1 */
	{ "regex", "^(?<year>\\d{4})-\\k<year>$", true },
	{ "regex", "(?<=a+)b", true },
	{ "regex", "\\p{Script=Greek}", true },
	{ "regex", "\\p{Script=Nowhere}", false },
	{ "regex", "(?i)a", false },
	/* unknown names assert nothing */
	{ "colour", "anything", true },
};

START_TEST(vectors_of_the_standards)
{
	const char *text = vectors[_i].text;

	ck_assert_msg(format_check(format_find(view_of(vectors[_i].format)), view_of(text)) == vectors[_i].valid,
	              "%s of %s must be %s", vectors[_i].format, text, vectors[_i].valid ? "valid" : "invalid");
}
END_TEST

START_TEST(names_are_found)
{
	for (int f = FORMAT_UNKNOWN + 1; f < FORMAT_COUNT; f++)
		ck_assert_int_eq(format_find(view_of(format_name((enum format)f))), f);
	ck_assert_int_eq(format_find(VIEW("")), FORMAT_UNKNOWN);
	ck_assert_int_eq(format_find(VIEW("Date")), FORMAT_UNKNOWN);
}
END_TEST

/* No check may read past its text: each runs on every prefix of the vectors, in memory of its own. */
START_TEST(prefixes_stay_within_bounds)
{
	size_t full = strlen(vectors[_i].text);

	for (size_t n = 0; n <= full; n++) {
		char *copy = malloc(n ? n : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, vectors[_i].text, n);
		/* A prefix may end in the middle of a character: then it is no text. */
		if (n == full || ((unsigned char)vectors[_i].text[n] & 0xc0) != 0x80)
			for (int f = 0; f < FORMAT_COUNT; f++) {
				bool valid = format_check((enum format)f, view_make(copy, n));
				ck_assert(valid || f != FORMAT_UNKNOWN);
			}
		free(copy);
	}
}
END_TEST

struct tally {
	unsigned passed, failed;
};

static void run_file(const char *draft, const char *path, struct tally *t)
{
	json_t *groups = json_load_file(path, JSON_ALLOW_NUL, NULL), *group, *test;
	size_t i, j;

	ck_assert_msg(groups != NULL, "%s cannot be read", path);
	json_array_foreach(groups, i, group)
	{
		const char *name = json_string_value(json_object_get(json_object_get(group, "schema"), "format"));
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			json_t *data = json_object_get(test, "data");
			bool valid = true;
			if (name && json_is_string(data))
				valid = format_check(format_find(view_of(name)),
				                     view_make(json_string_value(data), json_string_length(data)));
			if (valid == json_is_true(json_object_get(test, "valid"))) {
				t->passed++;
				continue;
			}
			t->failed++;
			printf("format %s %s: %s\n", draft, name,
			       json_string_value(json_object_get(test, "description")));
		}
	}
	json_decref(groups);
}

/* The files that drafts have in optional/format; what a draft lacks is passed over. */
static const char *const files[] = {
	"date-time",
	"date",
	"duration",
	"email",
	"hostname",
	"idn-email",
	"idn-hostname",
	"ipv4",
	"ipv6",
	"iri-reference",
	"iri",
	"json-pointer",
	"regex",
	"ecmascript-regex",
	"relative-json-pointer",
	"time",
	"unknown",
	"uri-reference",
	"uri-template",
	"uri",
	"uuid",
};

START_TEST(official_suite)
{
	static const char *const drafts[] = { "draft2020-12", "draft2019-09", "draft7", "draft6" };
	const char *data = getenv("GATEWAY_TEST_DATA");
	char path[1024];
	unsigned ran = 0, failed = 0;

	for (size_t d = 0; data && d < sizeof drafts / sizeof *drafts; d++) {
		struct tally t = { 0, 0 };
		for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
			snprintf(path, sizeof path, "%s/json-schema-test-suite/tests/%s/optional/format/%s.json", data,
			         drafts[d], files[i]);
			FILE *f = fopen(path, "r");
			if (!f)
				continue;
			fclose(f);
			run_file(drafts[d], path, &t);
		}
		if (t.passed + t.failed == 0)
			continue;
		ran++;
		failed += t.failed;
		printf("format %s: %u passed, %u failed\n", drafts[d], t.passed, t.failed);
	}
	if (!ran)
		printf("SKIP formats of the official suite: GATEWAY_TEST_DATA not found\n");
	ck_assert_uint_eq(failed, 0);
}
END_TEST

TCase *make_format_case(void)
{
	TCase *c = tcase_create("format");

	tcase_add_loop_test(c, vectors_of_the_standards, 0, sizeof vectors / sizeof *vectors);
	tcase_add_test(c, names_are_found);
	tcase_add_loop_test(c, prefixes_stay_within_bounds, 0, sizeof vectors / sizeof *vectors);
	tcase_add_test(c, official_suite);
	return c;
}
