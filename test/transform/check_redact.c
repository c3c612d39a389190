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
	static const char *const pieces[] = { "a.", "1 ", "+1 ", "<<", "a@b.", "GB82 ", "Anna ", "A<", "1." };
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
	tcase_add_test(c, recognisers_have_names);
	tcase_add_test(c, dictionaries_have_an_end);
	tcase_add_test(c, hostile_texts_end_soon);
	return c;
}
