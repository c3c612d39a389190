/* The two back ends of regular expressions: the table and PCRE2 agree on every text, and no pattern takes long. */
#include <time.h>

#include "test/schema/regex_test.h"

TCase *make_regex_table_case(void);

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Patterns of published schemas (FHIR R4, STIX 2.1, BODS) and of our own, that must become tables. */
static const char *const tables[] = {
	"^[ \\r\\n\\t\\S]+$",
	"^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1])(T([01]"
	"[0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?$",
	"^\\S*$",
	"^true|false$",
	"^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$",
	"^[0]|([1-9][0-9]*)$",
	"^[^\\s]+(\\s[^\\s]+)*$",
	"^[A-Za-z0-9\\-\\.]{1,64}$",
	"^(\\s*([0-9a-zA-Z\\+/=]){4}\\s*)+$",
	"^[\\s\\S]*$",
	"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
	"^[a-z][a-z0-9-]+[a-z0-9]--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-"
	"[0-9a-fA-F]{12}$",
	"^[0-9]{4}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)"
	"(\\.[0-9]+)?Z$",
	"T\\d{2}:\\d{2}:\\d{2}\\.\\d{3,}Z$",
	"^([a-z][a-z0-9]*)+(-[a-z0-9]+)*\\-?$",
	"^(relationship|sighting|bundle|marking-definition|language-content)--.+$",
	"^MD5|SHA-1|SHA-256|SHA-512|SHA3-256|SHA3-512|SSDEEP|TLSH$",
	"^[^\\s].*[^\\s]$",
	"^[a-zA-Z0-9/\\.+_:-]{2,250}$",
	"a.b|[^x]y",
	"\\s\\S\\s",
	"^(a|\xc3\xa9|\xe2\x80\xa8|\xf0\x9f\x90\xb2)*$",
	"[\xc3\xa0-\xe2\x82\xac][\xf0\x9f\x90\x80-\xf0\x9f\x9f\xbf]?z",
	"^[\\s\\S]+-[\\s\\S]{2}$",
	"(a|b$|^c)d?",
	"^a[]*|b[]?c",
	"^a[^\\u0000-\\ud7ff\\ue000-\\u{10ffff}]*b",
	"",
};

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* A text near the language of the pattern: fragments that patterns speak of, and cut or doubled ones. */
static struct view random_text(uint32_t *state, char *out, size_t size)
{
	static const char *const pieces[] = {
		"a",
		"b",
		"c",
		"d",
		"x",
		"y",
		"z",
		"0",
		"1",
		"9",
		"2015",
		"-02",
		"-07",
		"T13:28:17",
		".239",
		"Z",
		"+02:00",
		"14:00",
		"-",
		"--",
		".",
		" ",
		"\t",
		"\n",
		"\r",
		"\xc2\xa0",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
		"\xc3\xa9",
		"\xe2\x82\xac",
		"\xf0\x9f\x90\xb2",
		"true",
		"false",
		"urn:uuid:",
		"sighting",
		"relationship",
		"d9b8fa0c",
		"-e5f6",
		"-4a1b",
		"-8c2d",
		"-0123456789ab",
		"SHA-256",
		"MD5",
		"abcd",
		"/+=",
		"e+5",
		"urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380",
		"note--2eb8aa08-aa98-11ea-b4aa-73b441d16380",
		"2020-05-21T17:43:26.506Z",
	};
	size_t n = 0;

	for (uint32_t count = next_random(state) % 12; count > 0; count--) {
		const char *piece = pieces[next_random(state) % (sizeof pieces / sizeof *pieces)];
		if (n + strlen(piece) > size)
			break;
		memcpy(out + n, piece, strlen(piece));
		n += strlen(piece);
	}
	return view_make(out, n);
}

START_TEST(table_agrees_with_pcre)
{
	struct error e = { 0 };
	struct regex *table = regex_compile(view_of(tables[_i]), &e),
	             *pcre = regex_compile_pcre(view_of(tables[_i]), &e);
	struct regex_run *run = regex_run_new();
	uint32_t state = 2463534242u + (uint32_t)_i;
	unsigned matched = 0;
	char text[256];

	ck_assert(table && pcre && run);
	ck_assert_msg(regex_is_table(table), "%s is no table", tables[_i]);
	ck_assert(!regex_is_table(pcre));
	ck_assert_uint_le(regex_table_bytes(table), 66 * 1024);
	for (int i = 0; i < 20000; i++) {
		struct view v = random_text(&state, text, sizeof text);
		enum regex_verdict a = regex_match(table, run, v), b = regex_match(pcre, run, v);
		ck_assert_msg(a == b, "%s on %.*s: table %d, PCRE2 %d", tables[_i], VIEW_ARG(v), a, b);
		matched += a == REGEX_MATCH;
	}
	ck_assert_msg(matched > 0, "%s matched no text", tables[_i]);
	regex_run_free(run);
	regex_free(table);
	regex_free(pcre);
}
END_TEST

/* Random patterns over a small alphabet: both back ends read the same syntax tree, and must agree. */
static size_t random_pattern(uint32_t *state, char *out, size_t room, int depth)
{
	static const char *const atoms[] = {
		"a", "b", ".",      "[ab]", "[^a]", "\\d", "\\S", "\\s", "\xc3\xa9", "[\xc3\xa0-\xe2\x82\xac]",
		"^", "$", "[^\\s]", "\\W",
	};
	static const char *const quantifiers[] = { "", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}" };
	size_t n = 0;

	for (uint32_t terms = 1 + next_random(state) % 4; terms > 0 && n + 40 < room; terms--) {
		bool assertion = false;
		if (depth < 3 && next_random(state) % 4 == 0) {
			out[n++] = '(';
			n += random_pattern(state, out + n, room - n - 10, depth + 1);
			if (next_random(state) % 2) {
				out[n++] = '|';
				n += n + 60 < room ? random_pattern(state, out + n, room - n - 10, depth + 1) : 0;
			}
			out[n++] = ')';
		} else {
			const char *atom = atoms[next_random(state) % (sizeof atoms / sizeof *atoms)];
			assertion = *atom == '^' || *atom == '$';
			memcpy(out + n, atom, strlen(atom));
			n += strlen(atom);
		}
		const char *q =
		        quantifiers[assertion ? 0 : next_random(state) % (sizeof quantifiers / sizeof *quantifiers)];
		memcpy(out + n, q, strlen(q));
		n += strlen(q);
	}
	return n;
}

START_TEST(random_patterns_agree)
{
	static const char *const pieces[] = {
		"a", "b", "1", " ", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xb2"
	};
	struct regex_run *run = regex_run_new();
	uint32_t state = 88172645u;
	unsigned as_tables = 0, verdicts[3] = { 0, 0, 0 };
	char pattern[600], text[64];

	ck_assert_ptr_nonnull(run);
	for (int i = 0; i < 3000; i++) {
		struct view p = view_make(pattern, random_pattern(&state, pattern, 200, 0));
		struct error e = { 0 };
		struct regex *table = regex_compile(p, &e), *pcre = regex_compile_pcre(p, &e);
		ck_assert_msg(table && pcre, "%.*s: %s", VIEW_ARG(p), e.text);
		as_tables += regex_is_table(table);
		for (int k = 0; k < 40; k++) {
			size_t n = 0;
			for (uint32_t count = next_random(&state) % 9; count > 0; count--) {
				const char *piece = pieces[next_random(&state) % 8];
				memcpy(text + n, piece, strlen(piece));
				n += strlen(piece);
			}
			struct view v = view_make(text, n);
			enum regex_verdict a = regex_match(table, run, v), b = regex_match(pcre, run, v);
			ck_assert_msg(a == b, "%.*s on %.*s: %d, %d", VIEW_ARG(p), VIEW_ARG(v), a, b);
			verdicts[a]++;
		}
		regex_free(table);
		regex_free(pcre);
	}
	printf("regex: 3000 random patterns, %u tables; %u texts matched, %u not\n", as_tables, verdicts[REGEX_MATCH],
	       verdicts[REGEX_NO_MATCH]);
	ck_assert_uint_gt(as_tables, 2500);
	ck_assert_uint_gt(verdicts[REGEX_MATCH], 10000);
	ck_assert_uint_gt(verdicts[REGEX_NO_MATCH], 10000);
	regex_run_free(run);
}
END_TEST

/* What makes backtrackers and naive searches blow up, on 256 KiB: each ends soon, with any verdict. */
static const struct {
	const char *pattern, *piece;
} hostile[] = {
	{ "^(a+)+$", "a" },
	{ "(a|aa)+$", "a" },
	{ "(a|a)*b", "a" },
	{ "a*a*a*a*a*b", "a" },
	{ "(.*)*x", "a" },
	{ "(\\p{L}+)+$", "a" },
	{ "\\p{L}*\\p{L}*\\p{L}*!", "a" },
	{ "(?=.*b)a", "a" },
	{ "(?!.*b)c", "a" },
	{ "(a*)*\\1b", "a" },
	{ "(.*)\\1\\1$", "ab" },
	{ "\\p{L}{1,500}!", "a" },
	{ ".{1,1000}x.{1,1000}y", "x" },
	{ "(\\p{L}|\\p{Lu}|\\w|a|aa|aaa){1,60}!", "a" },
	{ "((?=\\w*!)\\w)*", "a" },
	{ "(?<=a)(?<!ab)(a*a*)*\\b!", "a" },
};

START_TEST(no_pattern_takes_long)
{
	size_t n = 256 * 1024, unit = strlen(hostile[_i].piece);
	char *text = malloc(n);

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < n; i++)
		text[i] = hostile[_i].piece[i % unit];
	for (size_t size = 64; size <= n; size *= 8) {
		double start = seconds();
		(void)!match(hostile[_i].pattern, view_make(text, size));
		double took = seconds() - start;
		ck_assert_msg(took < 5.0, "%s on %zu bytes takes %.1f s", hostile[_i].pattern, size, took);
		if (took > 0.25)
			printf("regex: %s on %zu bytes: %.2f s\n", hostile[_i].pattern, size, took);
	}
	free(text);
}
END_TEST

/* Patterns that are large once compiled: bounded, whatever becomes of them. */
START_TEST(no_pattern_compiles_long)
{
	static const char *const patterns[] = {
		"(a{1,1000}){1,1000}",
		"((((a{1,50}){1,50}){1,50}){1,50})",
		"(((()){65535}){65535}){65535}",
		"(x|y|.{1,300}){1,300}[^a]{1,300}",
		"(a|b)*a(a|b){20}",
		"(\\S{1,100}\\s){1,100}",
		"((a?){65535}){65535}",
		".*(\\d.{30}|\\D.{31}|x.{32})$",
	};
	struct error e = { 0 };
	double start = seconds();
	struct regex *r = regex_compile(view_of(patterns[_i]), &e);
	double took = seconds() - start;

	ck_assert(r != NULL || e.reason != REASON_NONE);
	ck_assert_msg(took < 2.0, "%s takes %.1f s", patterns[_i], took);
	regex_free(r);
}
END_TEST

/* A budget that is used up is never "no match". */
START_TEST(limit_is_its_own_verdict)
{
	size_t n = 200000;
	char *text = malloc(n);

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', n);
	ck_assert_int_eq(match("(a*)*\\1b", view_make(text, n)), REGEX_LIMIT);
	ck_assert_int_eq(match("\\p{L}{1,500}!", view_make(text, n)), REGEX_LIMIT);
	ck_assert_int_eq(match("(?=.*b)a", view_make(text, n)), REGEX_LIMIT);
	/* and the same patterns on short texts decide */
	ck_assert_int_eq(match("(a*)*\\1b", view_make(text, 10)), REGEX_NO_MATCH);
	ck_assert_int_eq(match("\\p{L}{1,500}!", view_make(text, 100)), REGEX_NO_MATCH);
	ck_assert_int_eq(match("(?=.*b)a", view_make(text, 100)), REGEX_NO_MATCH);
	free(text);
}
END_TEST

/* The best of some rounds; printed, not asserted, for machines differ. */
START_TEST(cost_of_a_call)
{
	static const struct {
		const char *what, *pattern, *text;
	} calls[] = {
		{ "FHIR dateTime",
		  "^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3"
		  "[0-1])(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14"
		  ":00)))?)?)?$",
		  "2015-02-07T13:28:17.239+02:00" },
		{ "FHIR id", "^[A-Za-z0-9\\-\\.]{1,64}$", "9f7c1b52-0d0e-4bb7-9d2e-1f0f5a6b7c8d" },
		{ "FHIR string", "^[ \\r\\n\\t\\S]+$", "12 Market Street, Second Floor" },
		{ "FHIR uri", "^\\S*$", "http://example.org/fhir/StructureDefinition/birthPlace" },
		{ "FHIR code", "^[^\\s]+(\\s[^\\s]+)*$", "married" },
		{ "STIX identifier",
		  "^[a-z][a-z0-9-]+[a-z0-9]--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB]"
		  "[0-9a-fA-F]{3}-[0-9a-fA-F]{12}$",
		  "attack-pattern--0c4b9d2e-7b2f-4d0a-9a53-2f9a3d5d1c11" },
		{ "STIX timestamp", "T\\d{2}:\\d{2}:\\d{2}\\.\\d{3,}Z$", "2020-05-21T17:43:26.506Z" },
		{ "STIX dictionary key", "^([a-z][a-z0-9]*)+(-[a-z0-9]+)*\\-?$", "windows-registry-key" },
	};
	struct error e = { 0 };
	struct regex *r[2] = { regex_compile(view_of(calls[_i].pattern), &e),
		               regex_compile_pcre(view_of(calls[_i].pattern), &e) };
	struct regex_run *run = regex_run_new();
	double ns[2] = { 1e9, 1e9 };

	ck_assert(r[0] && r[1] && run);
	for (int round = 0; round < 40; round++) {
		for (int k = 0; k < 2; k++) {
			double start = seconds();
			unsigned matched = 0;
			for (int i = 0; i < 500; i++)
				matched += regex_match(r[k], run, view_of(calls[_i].text)) == REGEX_MATCH;
			double took = (seconds() - start) * 1e9 / 500;
			ns[k] = took < ns[k] ? took : ns[k];
			ck_assert_uint_eq(matched, 500);
		}
	}
	regex_free(r[0]);
	regex_free(r[1]);
	printf("regex: %-19s %5.0f ns a call by table, %5.0f ns by PCRE2\n", calls[_i].what, ns[0], ns[1]);
	regex_run_free(run);
}
END_TEST

TCase *make_regex_table_case(void)
{
	TCase *c = tcase_create("regex_table");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, table_agrees_with_pcre, 0, COUNT(tables));
	tcase_add_test(c, random_patterns_agree);
	tcase_add_loop_test(c, no_pattern_takes_long, 0, COUNT(hostile));
	tcase_add_loop_test(c, no_pattern_compiles_long, 0, 8);
	tcase_add_test(c, limit_is_its_own_verdict);
	tcase_add_loop_test(c, cost_of_a_call, 0, 8);
	return c;
}
