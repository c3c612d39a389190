/* Recognisers: what they find, and what only looks like it. Numbers are made up or the published specimens. */
#include <check.h>

#include "lib/transform/redact.h"

#define ALL ((1u << RECOGNISER_COUNT) - 1)
/* ICAO Doc 9303-4 and 9303-5, the specimens of appendix A. */
#define TD3_1 "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
#define TD3_2 "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
#define TD1_1 "I<UTOD231458907<<<<<<<<<<<<<<<"
#define TD1_2 "7408122F1204159UTO<<<<<<<<<<<6"
#define TD1_3 "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
#define TD2_2 "D231458907UTO7408122F1204159<<<<<<<6"

static const struct {
	const char *in, *out;
} cases[] = {
	{ "", "" },
	{ "nothing to see", "nothing to see" },
	/* IBANs of the registry's examples. */
	{ "to GB82WEST12345698765432.", "to [iban]." },
	{ "GB82 WEST 1234 5698 7654 32 and", "[iban] and" },
	{ "gb82west12345698765432", "[iban]" },
	{ "DE89\xc2\xa0"
	  "3704\xc2\xa0"
	  "0044\xc2\xa0"
	  "0532\xc2\xa0"
	  "0130\xc2\xa0"
	  "00",
	  "[iban]" },
	{ "NO93 8601 1117 947", "[iban]" },
	{ "GB82WEST12345698765433", "GB82WEST12345698765433" },
	{ "XGB82WEST12345698765432", "X[iban]" },
	{ "DE89 3704 0044 0532 0130 00 42", "[iban] 42" },
	/* Cards: the test numbers of the schemes. */
	{ "card 4111 1111 1111 1111!", "card [card]!" },
	{ "4111-1111-1111-1111", "[card]" },
	{ "4111111111111111", "[card]" },
	{ "4111111111111112", "4111111111111112" },
	{ "378282246310005", "[card]" },
	{ "12345678901", "12345678901" },
	{ "x4111111111111111", "x[card]" },
	{ "4111111111111111x", "[card]x" },
	{ "write anna.maria+x@mail.example.org, please", "write [email], please" },
	{ "<anna@example.org>", "<[email]>" },
	{ "J\xc3\xb6rg@ex\xc3\xa4mple.org", "[email]" },
	{ "berta@example", "berta@example" },
	{ "berta@.example.org", "berta@.example.org" },
	{ "anna@example.org.", "[email]." },
	{ "a@b.c", "a@b.c" },
	{ "@example.org", "@example.org" },
	{ "call +49 30 1234567 now", "call [phone] now" },
	{ "+44 (20) 7946-0000", "[phone]" },
	{ "+1.202.555.0100", "[phone]" },
	{ "+123456", "+123456" },
	{ "+0123456789", "+0123456789" },
	{ "+1234567890123456", "+1234567890123456" },
	{ "a+4930123456", "a[phone]" },
	{ "2 + 3", "2 + 3" },
	{ TD3_1 "\n" TD3_2, "[mrz]\n[mrz]" },
	{ TD1_1 "\n" TD1_2 "\n" TD1_3, "[mrz]\n[mrz]\n[mrz]" },
	{ TD2_2, "[mrz]" },
	{ "L898902C37UTO7408122F1204159ZE184226B<<<<<10", "L898902C37UTO7408122F1204159ZE184226B<<<<<10" },
	{ TD3_2 "0", TD3_2 "0" },
	{ "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD" },
	{ "GB", "GB" },
	{ "GB8", "GB8" },
	{ "GBA2WEST12345698765432", "GBA2WEST12345698765432" },
	{ "G882WEST12345698765432", "G882WEST12345698765432" },
	{ "GB82WEST123456", "GB82WEST123456" },
	{ "GB82 WEST 1234 5698 7654 32.", "[iban]." },
	{ "GB82 WEST  1234 5698 7654 32", "[iban]" },
	{ "4111\xe2\x80\xaf"
	  "1111\xe2\x80\x91"
	  "1111\xe2\x80\xaf"
	  "1111",
	  "[card]" },
	{ "4111.1111.1111.1111-", "[card]-" },
	{ "+", "+" },
	{ "+4930 ((((1234567", "+4930 ((((1234567" },
	{ "+49/30/1234567", "[phone]" },
	{ "+49 30 1234567 +49 30 7654321", "[phone] [phone]" },
	{ "berta@a-b.example", "[email]" },
	{ "berta@example..org", "berta@example..org" },
	{ "berta@example.o", "berta@example.o" },
	{ "berta@\xc3\xa4.\xc3\xb6rg", "[email]" },
	{ "berta@", "berta@" },
	{ TD3_2 "\xc3\xa9", TD3_2 "\xc3\xa9" },
	{ "C<UTOD231458907<<<<<<<<<<<<<<<", "[mrz]" },
	{ "X<UTOD231458907<<<<<<<<<<<<<<<", "X<UTOD231458907<<<<<<<<<<<<<<<" },
	{ "7408122F1204158UTO<<<<<<<<<<<6", "7408122F1204158UTO<<<<<<<<<<<6" },
	{ "7408123F1204159UTO<<<<<<<<<<<6", "7408123F1204159UTO<<<<<<<<<<<6" },
	{ "L898902C36UTO7408123F1204159ZE184226B<<<<<10", "L898902C36UTO7408123F1204159ZE184226B<<<<<10" },
	{ "L898902C36UTO7408122F1204158ZE184226B<<<<<10", "L898902C36UTO7408122F1204158ZE184226B<<<<<10" },
	{ "\xe6\x9d\x8e"
	  "Anna \xcc\x81 \xd9\xa3 \xe0\xa4\x83",
	  "\xe6\x9d\x8e"
	  "Anna \xcc\x81 \xd9\xa3 \xe0\xa4\x83" },
	{ "Anna and ANNA met anna", "[word] and [word] met [word]" },
	{ "Annabel, Hanna", "Annabel, Hanna" },
	{ "Anna Maria came", "[word] came" },
	{ "Anna Mariana", "[word] Mariana" },
	{ "J\xc3\x96RG J\xc3\xb6rg J\xc3\xb6rgen", "[word] [word] J\xc3\xb6rgen" },
	{ "\xe2\x80\x9e"
	  "Anna\xe2\x80\x9c",
	  "\xe2\x80\x9e[word]\xe2\x80\x9c" },
};

START_TEST(texts_are_redacted)
{
	struct dictionary *words = dictionary_new(3);
	struct buf out = BUF_INIT(4096);

	ck_assert(dictionary_add(words, VIEW("Anna")));
	ck_assert(dictionary_add(words, VIEW("Anna Maria")));
	ck_assert(dictionary_add(words, VIEW("J\xc3\xb6rg")));
	ck_assert(!dictionary_add(words, VIEW("...")));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&out);
		size_t n = redact(ALL, words, view_of(cases[i].in), &out, NULL);

		ck_assert_msg(view_is(buf_view(&out), cases[i].out), "%s gave %.*s", cases[i].in,
		              VIEW_ARG(buf_view(&out)));
		ck_assert_int_eq(n > 0, strcmp(cases[i].in, cases[i].out) != 0);
		/* What was redacted has nothing left to redact: the form that ingress checks. */
		ck_assert_uint_eq(redact(ALL, words, view_of(cases[i].out), NULL, NULL), 0);
		ck_assert_uint_eq(redact(0, words, view_of(cases[i].in), NULL, NULL), 0);
	}
	buf_free(&out);
	dictionary_free(words);
	dictionary_free(NULL);
}
END_TEST

/* What stands beside a find, or over it. */
START_TEST(finds_meet)
{
	static const struct {
		const char *in, *out;
	} meetings[] = {
		{ "Anna4111111111111111", "Anna[card]" },
		{ "[iban] [email] [IBAN]", "[iban] [email] [IBAN]" },
		{ "[iban]Anna", "[iban][word]" },
		{ "[ibanAnna]", "[ibanAnna]" },
		{ TD2_2 "4111111111111111", TD2_2 "4111111111111111" },
		/* The telephone number would take the card's front with it and leave the rest. */
		{ "+1 234 567 4111 1111 1111 1111", "[phone]" },
		{ "+49 30 1234567 +49 30 7654321", "[phone] [phone]" },
		{ "4111 1111 1111 1111 5555 5555 5555 4444 6011 1111 1111 1117", "[card] [card] [card]" },
		{ "1990 1991 1992 4111 1111 1111 1111 1993 1994 1995",
		  "1990 1991 1992 4111 1111 1111 1111 1993 1994 1995" },
		{ "7 4111 1111 1111 1111 8", "7 [card] 8" },
		{ "4006381333931", "4006381333931" }, /* GTIN-13 with a right Luhn digit, too? */
		{ "0.4111111111111111", "0.4111111111111111" },
		/* Characters that become several signs: fi, TEL, and a card behind the letter of a bracketed one. */
		{ "\xef\xac\x81n@example.org", "[email]" },
		{ "\xe2\x84\xa1+49301234567", "\xe2\x84\xa1[phone]" },
		{ "\xe2\x91\xa3"
		  "111111111111111",
		  "[card]" },
		{ "anna@example.o\xef\xac\x80 4111111111111111", "[email] [card]" },
		{ "at any point in time", "at any point in time" },
		{ "listed at example.org", "listed at example.org" },
		{ "found it at www.example.org", "found it at www.example.org" },
		{ "berta@example. It rained", "berta@example. It rained" },
		{ "2 @ 4.50", "2 @ 4.50" },
		{ "+20 000 000", "+20 000 000" },
		{ "+2 345 678", "+2 345 678" },
		{ "000012345678905", "000012345678905" },
		{ "file 12-0049-301234567", "file 12-0049-301234567" },
		{ "0010301234567", "0010301234567" },
		{ "00833012345678", "00833012345678" },
		{ "at last DE 89 37", "at last DE 89 37" },
		{ "last 5985 325 8780 8512 464 1595 2693", "last 5985 325 8780 8512 464 1595 2693" },
		{ "&#x110000; &#0; &#99999999999; &#x; &#", "&#x110000; &#0; &#99999999999; &#x; &#" },
		{ "%4", "%4" },
	};
	struct dictionary *words = dictionary_new(1);
	struct buf out = BUF_INIT(4096);

	ck_assert(dictionary_add(words, VIEW("Anna")));
	for (size_t i = 0; i < sizeof meetings / sizeof *meetings; i++) {
		buf_reset(&out);
		ck_assert_uint_ne(redact(ALL, words, view_of(meetings[i].in), &out, NULL), REDACT_REFUSED);
		ck_assert_msg(view_is(buf_view(&out), meetings[i].out), "%s gave %.*s", meetings[i].in,
		              VIEW_ARG(buf_view(&out)));
	}
	buf_free(&out);
	dictionary_free(words);
}
END_TEST

START_TEST(what_is_too_long_is_refused)
{
	char *text = malloc(REDACT_TEXT_MAX + 1);
	struct buf out = BUF_INIT(REDACT_TEXT_MAX + 1);

	memset(text, 'x', REDACT_TEXT_MAX + 1);
	ck_assert_uint_eq(redact(ALL, NULL, view_make(text, REDACT_TEXT_MAX + 1), &out, NULL), REDACT_REFUSED);
	ck_assert_uint_eq(out.n, 0);
	ck_assert_uint_eq(redact(ALL, NULL, view_make(text, REDACT_TEXT_MAX), &out, NULL), 0);
	ck_assert_uint_eq(out.n, REDACT_TEXT_MAX);
	free(text);
	buf_free(&out);
}
END_TEST

/* Wherever in a long text an identifier stands, also over the edges of what is read at a time. */
START_TEST(places_do_not_matter)
{
	static const char *const finds[] = { "GB82 WEST 1234 5698 7654 32",
		                             "4111 1111 1111 1111",
		                             "anna dot maria at example dot org",
		                             "+49 30 1234567",
		                             TD3_2,
		                             ("\xef\xbc\x94"
		                              "111111111111111") };
	static char text[6000];
	struct buf out = BUF_INIT(8192);

	for (size_t f = 0; f < sizeof finds / sizeof *finds; f++)
		for (size_t at = 900; at < 4400; at += 7) {
			size_t n = strlen(finds[f]);

			memset(text, ',', sizeof text);
			memcpy(text + at, finds[f], n);
			buf_reset(&out);
			ck_assert_uint_eq(redact(ALL, NULL, view_make(text, sizeof text), &out, NULL), 1);
			ck_assert_uint_eq(out.p[at - 1], ',');
			ck_assert_uint_eq(out.p[at], '[');
			ck_assert_uint_eq(out.n - (size_t)((char *)memchr(out.p, ']', out.n) - out.p) - 1,
			                  sizeof text - at - n);
		}
	buf_free(&out);
}
END_TEST

START_TEST(recognisers_have_names)
{
	for (int r = 0; r < RECOGNISER_COUNT; r++)
		ck_assert_int_eq(recogniser_find(view_of(recogniser_name((enum recogniser)r))), r);
	ck_assert_int_eq(recogniser_find(VIEW("name")), RECOGNISER_COUNT);
	ck_assert_str_eq(recogniser_name(RECOGNISER_COUNT), "");
}
END_TEST

START_TEST(dictionaries_have_an_end)
{
	struct dictionary *words = dictionary_new(0);
	size_t added = 0;

	while (added < 100 && dictionary_add(words, VIEW("same")))
		added++;
	ck_assert_uint_lt(added, 100);
	ck_assert_uint_eq(redact(ALL, words, VIEW("another same"), NULL, NULL), 1);
	dictionary_free(words);
}
END_TEST

/* Texts made so that each place looks like a beginning must not take time that grows with their square. */
START_TEST(hostile_texts_end_soon)
{
	static const char *const pieces[] = {
		"a.",           "1 ",       "+1 ",          "<<",        "a@b.",     "GB82 ", "Anna ", "A<",    "1.",
		"4111 ",        "00",       "at ",          " dot ",     "a (at) ",  "\"",    "[",     "a_at_", "&#",
		"\xef\xb7\xba", "\xcc\x81", "\xe2\x80\x8b", "4\xcc\xb6", "\xd9\xa4", "de89",  "P<",    "-a"
	};
	static char text[256 * 1024];
	struct dictionary *words = dictionary_new(1);

	ck_assert(dictionary_add(words, VIEW("Anna Anna Anna Maria")));
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		size_t n = strlen(pieces[i]);

		for (size_t at = 0; at < sizeof text; at++)
			text[at] = pieces[i][at % n];
		clock_t start = clock();
		ck_assert_uint_ne(redact(ALL, words, view_make(text, sizeof text), NULL, NULL), REDACT_REFUSED);
		ck_assert_msg(clock() - start < 2 * CLOCKS_PER_SEC, "%s", pieces[i]);
	}
	dictionary_free(words);
}
END_TEST

TCase *make_redact_case(void);
TCase *make_redact_case(void)
{
	TCase *c = tcase_create("redact");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, texts_are_redacted);
	tcase_add_test(c, finds_meet);
	tcase_add_test(c, what_is_too_long_is_refused);
	tcase_add_test(c, places_do_not_matter);
	tcase_add_test(c, recognisers_have_names);
	tcase_add_test(c, dictionaries_have_an_end);
	tcase_add_test(c, hostile_texts_end_soon);
	return c;
}
