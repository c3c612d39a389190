/* Regular expressions: what ECMA-262 has means what it says there, whatever it does not have is refused. */
#include <pthread.h>

#include "test/schema/regex_test.h"

TCase *make_regex_case(void);

/* ECMA-262, edition 14, with the section that decides. */
static const struct {
	const char *pattern, *text;
	bool match;
} semantics[] = {
	{ "^abc$", "abc\n", false }, /* 22.2.2.4: $ is the end, not before a line feed */
	{ "^a|b$", "xb", true },
	{ "^a|b$", "xbx", false },
	{ "a$b", "ab", false },
	{ "a^b", "ab", false },
	{ "$^", "", true },
	{ "$^", "a", false },
	{ "(?:^|,)a(?:,|$)", "b,a", true },
	{ "(?:^|,)a(?:,|$)", "ba", false },
	{ "^(a$|b)c?$", "a", true },
	{ "^(a$|b)c?$", "ac", false },
	{ "^.$", "\n", false },
	{ "^.$", "\r", false },
	{ "^.$", "\xe2\x80\xa8", false }, /* 22.2.2.7 . */
	{ "^.$", "\xc2\x85", true },
	{ "^.$", "\v", true },
	{ "^.$", "\xf0\x9f\x90\xb2", true },
	{ "^\\d$", "\xdf\x80", false },
	{ "^\\D$", "\xdf\x80", true }, /* 22.2.2.9 */
	{ "^\\w$", "\xc3\xa9", false },
	{ "^\\W$", "\xc3\xa9", true },
	{ "^\\s$", "\xef\xbb\xbf", true },
	{ "^\\s$", "\xe1\xa0\x8e", false },
	{ "^\\s$", "\v", true },
	{ "^\\S$", "\xe2\x80\x83", false },
	{ "^[^\\s]$", "\xe2\x80\x83", false },
	{ "^[\\s\\S]$", "\xe2\x80\x83", true },
	{ "^[^]$", "\n", true },
	{ "[]", "a", false },
	{ "^\\cC\\cc$", "\x03\x03", true },
	{ "^[\\b]$", "\b", true },
	{ "^\\x41\\u0042\\u{43}$", "ABC", true },
	{ "^\\ud83d\\udc32$", "\xf0\x9f\x90\xb2", true },
	{ "^\\0$", "a", false },
	{ "\\ud83d", "\xf0\x9f\x90\xb2", false },
	{ "^[\\ud800-\\udfff]*$", "", true },
	{ "^\xf0\x9f\x90\xb2*$", "\xf0\x9f\x90\xb2\xf0\x9f\x90\xb2", true },
	{ "^[\xf0\x9f\x90\xb0-\xf0\x9f\x90\xb3]$", "\xf0\x9f\x90\xb2", true },
	{ "^a{2}$", "aa", true },
	{ "^a{2}$", "aaa", false },
	{ "^a{2,}$", "aaaa", true },
	{ "^a{1,2}?$", "aa", true },
	{ "^(?:ab)*$", "aba", false },
	{ "^(|a)+b$", "aab", true },
	{ "a*?b", "caab", true },
	{ "x*", "", true },
	{ "^(?:a|ab)(?:c|bcd)$", "abcd", true },
	{ "\\.", "a", false },
	{ "^\\-\\/\\_$", "-/_", true },
	{ "^[\\-a]$", "-", true },
	{ "^[a-]$", "-", true },
	{ "^[-a]$", "-", true },
	{ "^[\\]]$", "]", true },
	/* what goes to PCRE2 */
	{ "^\\p{Letter}+$", "\xcf\x80", true },
	{ "^\\p{Lu}$", "a", false },
	{ "^\\P{Lu}$", "a", true },
	{ "^\\p{General_Category=digit}$", "\xe0\xa7\xaa", true },
	{ "^\\p{gc=Nd}$", "x", false },
	{ "^\\p{Script=Greek}$", "\xcf\x80", true },
	{ "^\\p{sc=Grek}$", "p", false },
	{ "^\\p{scx=Greek}$", "\xcf\x80", true },
	{ "^\\p{Alphabetic}$", "a", true },
	{ "^\\p{White_Space}$", " ", true },
	{ "^\\p{ASCII}$", "\xcf\x80", false },
	{ "^\\p{Any}$", "a", true },
	{ "^\\p{Assigned}$", "a", true },
	{ "^\\p{Cased_Letter}$", "a", true },
	{ "^[\\p{Lu}0-9]$", "7", true },
	{ "^[^\\p{Lu}0-9]$", "7", false },
	{ "^[^\\p{Lu}0-9]$", "a", true },
	{ "^[\\P{Lu}]$", "A", false },
	{ "a(?=b)", "ab", true },
	{ "a(?=b)", "ac", false },
	{ "a(?!b)", "ab", false },
	{ "^(?!.*x)", "abx", false },
	{ "(?<=a)b", "ab", true },
	{ "(?<=a)b", "cb", false },
	{ "(?<!a)b", "ab", false },
	{ "(?<!a)b", "b", true },
	{ "\\bcat\\b", "a cat.", true },
	{ "\\bcat\\b", "concat", false },
	{ "\\Bcat", "concat", true },
	{ "\\bcat",
	  "\xc3\xa9"
	  "cat",
	  true }, /* a letter, but no \w: 22.2.2.9.3 */
	{ "^(a+)-\\1$", "aa-aa", true },
	{ "^(a+)-\\1$", "aa-a", false },
	{ "(?<q>['\"]).*\\k<q>", "'x\"'", true },
	{ "^\\1(a)$", "a", true }, /* 22.2.2.7.2: a group without a capture is empty */
	{ "^(?:(a)|b)\\1$", "b", true },
};

START_TEST(means_what_ecma_262_means)
{
	ck_assert_msg(match(semantics[_i].pattern, view_of(semantics[_i].text)) ==
	                      (semantics[_i].match ? REGEX_MATCH : REGEX_NO_MATCH),
	              "%s on %s", semantics[_i].pattern, semantics[_i].text);
}
END_TEST

static const struct {
	const char *pattern;
	unsigned column;
} refused[] = {
	{ "\\A", 2 },
	{ "\\Z", 2 },
	{ "\\z", 2 },
	{ "\\a", 2 },
	{ "\\e", 2 },
	{ "\\Q", 2 },
	{ "\\h", 2 },
	{ "\\G", 2 },
	{ "a\\K", 3 },
	{ "\\X", 2 },
	{ "\\R", 2 },
	{ "\\C", 2 },
	{ "\\N", 2 },
	{ "\\_\\y", 4 },
	{ "(?i)a", 2 },
	{ "(?i:a)", 2 },
	{ "(?P<n>a)", 2 },
	{ "(?#c)", 2 },
	{ "(?>a)", 2 },
	{ "(?|a)", 2 },
	{ "(?R)", 2 },
	{ "(?1)", 2 },
	{ "(*COMMIT)a", 2 },
	{ "(?'n'a)", 2 },
	{ "a++", 3 },
	{ "a?+", 3 },
	{ "a{1}+", 5 },
	{ "*a", 1 },
	{ "a|*", 3 },
	{ "^*", 2 },
	{ "(?=a)*", 6 },
	{ "\\b+", 3 },
	{ "(a", 3 },
	{ "a)", 2 },
	{ "[a", 3 },
	{ "a]", 2 },
	{ "a{", 3 },
	{ "a{,2}", 3 },
	{ "a{2,1}", 7 },
	{ "}", 1 },
	{ "[b-a]", 5 },
	{ "[a-\\d]", 6 },
	{ "[\\d-a]", 6 },
	{ "[[:alpha:]]", 11 },
	{ "\\1", 3 },
	{ "\\k<n>", 6 },
	{ "\\k", 2 },
	{ "(?<n>a)(?<n>b)", 12 },
	{ "(?<1>a)", 4 },
	{ "\\01", 3 },
	{ "\\x4", 3 },
	{ "\\u12", 3 },
	{ "\\u{110000}", 0 },
	{ "\\u{}", 0 },
	{ "\\c1", 2 },
	{ "\\", 2 },
	{ "\\p{Nope}", 2 },
	{ "\\pL", 2 },
	{ "\\p{lu}", 2 },
	{ "\\p{Script=greek}", 2 },
	{ "\\p{L&}", 2 },
	{ "\xff", 1 },
	{ "a\xed\xa0\x80", 2 },
	{ "(?<=a+)b", 0 }, /* ECMA-262, but PCRE2 cannot */
	{ "\\p{Script=Nowhere}", 0 },
};

START_TEST(refuses_the_rest_with_its_column)
{
	struct error e = { 0 };
	struct regex *r = regex_compile(view_of(refused[_i].pattern), &e);

	ck_assert_msg(r == NULL, "%s is taken", refused[_i].pattern);
	ck_assert_int_eq(e.reason, REASON_SCHEMA_ERROR);
	if (refused[_i].column)
		ck_assert_msg(e.column == refused[_i].column, "%s: column %u", refused[_i].pattern, e.column);
	regex_free(r);
}
END_TEST

START_TEST(refuses_what_is_too_large)
{
	struct error e = { 0 }, f = { 0 }, g = { 0 }, h = { 0 };
	char *text = malloc(REGEX_PATTERN_MAX + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', REGEX_PATTERN_MAX + 1);
	ck_assert_ptr_null(regex_compile(view_make(text, REGEX_PATTERN_MAX + 1), &e));
	ck_assert_int_eq(e.reason, REASON_LIMIT);
	memset(text, '(', REGEX_PATTERN_MAX);
	ck_assert_ptr_null(regex_compile(view_make(text, 1000), &f));
	ck_assert_int_eq(f.reason, REASON_LIMIT);
	ck_assert_ptr_null(regex_compile(view_make(text, REGEX_PATTERN_MAX), &g));
	ck_assert_int_eq(g.reason, REASON_LIMIT);
	ck_assert_ptr_null(regex_compile(VIEW("a{65536}"), &h));
	ck_assert_int_eq(h.reason, REASON_LIMIT);
	free(text);
}
END_TEST

/* RFC 9485 sections 3 and 5; in ours `^` and `$` at the ends are allowed besides. */
static const struct {
	const char *pattern;
	bool is;
} portable[] = {
	{ "^[A-Za-z0-9\\-\\.]{1,64}$", true },
	{ "[a-z]+|b", true },
	{ "\\p{Lu}\\P{L}*", true },
	{ "(a|b)?c{2,}", true },
	{ "^$", true },
	{ "", true },
	{ ".*", true },
	{ "[^-a]", true },
	{ "[a-]", true },
	{ "[\\p{Nd}_]", true },
	{ "\xc3\xa9", true },
	{ "a\\\\$", true },
	{ "a\\$", false },
	{ "\\d", false },
	{ "[\\s\\S]*", false },
	{ "\\w+", false },
	{ "a*?", false },
	{ "(?:a)", false },
	{ "(?=a)", false },
	{ "a^b", false },
	{ "a$b", false },
	{ "\\bx", false },
	{ "\\p{Letter}", false },
	{ "\\p{Lx}", false },
	{ "[]", false },
	{ "[^]", false },
	{ "[a", false },
	{ "(a", false },
	{ "a)", false },
	{ "\\u0041", false },
	{ "(a)\\1", false },
	{ "a{", false },
	{ "a{,2}", false },
	{ "*a", false },
	{ "[a-b-c]", false },
	{ "\\", false },
	{ "\xff", false },
};

START_TEST(tells_what_is_portable)
{
	ck_assert_msg(regex_is_iregexp(view_of(portable[_i].pattern)) == portable[_i].is, "%s", portable[_i].pattern);
}
END_TEST

/* Who compiles a pattern that is in use gets the same; it lives until the last has given it back. */
START_TEST(is_shared_while_it_is_in_use)
{
	struct error e = { .reason = REASON_NONE };
	struct regex_run *run = regex_run_new();
	char text[] = "^[a-z]{2,5}$";
	struct regex *a = regex_compile(view_of(text), &e), *b, *other;

	text[1] = '('; /* it has a copy of its own */
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_eq(b = regex_compile(VIEW("^[a-z]{2,5}$"), &e), a);
	ck_assert_ptr_nonnull(other = regex_compile(VIEW("^[a-z]{2,6}$"), &e));
	ck_assert_ptr_ne(other, a);
	regex_free(a);
	ck_assert_int_eq(regex_match(b, run, VIEW("abcd")), REGEX_MATCH);
	ck_assert_int_eq(regex_match(b, run, VIEW("abcdef")), REGEX_NO_MATCH);
	ck_assert_int_eq(regex_match(other, run, VIEW("abcdef")), REGEX_MATCH);
	regex_free(b);
	ck_assert_ptr_nonnull(a = regex_compile(VIEW("^[a-z]{2,5}$"), &e));
	ck_assert_int_eq(regex_match(a, run, VIEW("abcd")), REGEX_MATCH);
	regex_free(a);
	regex_free(other);
	/* What is refused is not kept. */
	ck_assert_ptr_null(regex_compile(VIEW("("), &e));
	ck_assert_ptr_null(regex_compile(VIEW("("), &e));
	regex_run_free(run);
}
END_TEST

static void *compile_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		struct error e = { .reason = REASON_NONE };
		struct regex *r = regex_compile(i % 2 ? VIEW("^a{1,3}$") : VIEW("^b{1,3}$"), &e);
		ck_assert_ptr_nonnull(r);
		regex_free(r);
	}
	return NULL;
}

START_TEST(is_shared_by_threads)
{
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, compile_often, NULL), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

TCase *make_regex_case(void)
{
	TCase *c = tcase_create("regex");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, means_what_ecma_262_means, 0, COUNT(semantics));
	tcase_add_loop_test(c, refuses_the_rest_with_its_column, 0, COUNT(refused));
	tcase_add_test(c, refuses_what_is_too_large);
	tcase_add_test(c, is_shared_while_it_is_in_use);
	tcase_add_test(c, is_shared_by_threads);
	tcase_add_loop_test(c, tells_what_is_portable, 0, COUNT(portable));
	return c;
}
