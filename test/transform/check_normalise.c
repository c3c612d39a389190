/* Normalisation profiles: spellings that are one value, and what is refused. */
#include <check.h>

#include "lib/transform/normalise.h"

static const struct {
	enum profile profile;
	const char *in, *out;
} cases[] = {
	{ PROFILE_EXACT, " A\xc3\xa9 ", " A\xc3\xa9 " },
	{ PROFILE_EXACT, "", "" },
	/* ICAO Doc 9303-4, the specimen's names, and 9303-3 section 6. */
	{ PROFILE_NAME, "Eriksson, Anna Maria", "ERIKSSON<ANNA<MARIA" },
	{ PROFILE_NAME, "ERIKSSON<<ANNA<MARIA<<<<", "ERIKSSON<ANNA<MARIA" },
	{ PROFILE_NAME, "O'Connor", "OCONNOR" },
	{ PROFILE_NAME,
	  "O\xe2\x80\x99"
	  "Connor",
	  "OCONNOR" },
	{ PROFILE_NAME, "  Papandropoulous  Jonathon--Alec ", "PAPANDROPOULOUS<JONATHON<ALEC" },
	{ PROFILE_NAME,
	  "J\xc3\xb6rg M\xc3\xbcller-Stra\xc3\x9f"
	  "e",
	  "JOERG<MUELLER<STRASSE" },
	{ PROFILE_NAME, "Jo\xcc\x88rg", "JOERG" }, /* o and a combining diaeresis */
	{ PROFILE_NAME, "J\xc3\x96RG", "JOERG" },
	{ PROFILE_NAME,
	  "\xc3\x85"
	  "se S\xc3\xb8rensen \xc3\x86gir",
	  "AASE<SOERENSEN<AEGIR" },
	{ PROFILE_NAME, "\xc3\x9e\xc3\xb3ra \xc3\x90uri\xc3\xb0r", "THORA<DURIDR" },
	{ PROFILE_NAME,
	  "Nu\xc3\xb1"
	  "ez Fran\xc3\xa7ois",
	  "NUNEZ<FRANCOIS" },
	{ PROFILE_NAME, "\xc5\x81ukasz \xc5\xbb\xc3\xb3\xc5\x82\xc4\x87", "LUKASZ<ZOLC" },
	{ PROFILE_NAME, "Nguy\xe1\xbb\x85n", "NGUYEN" },
	{ PROFILE_NAME,
	  "\xc4\xb0"
	  "smail I\xc5\x9f\xc4\xb1k",
	  "ISMAIL<ISIK" },
	{ PROFILE_NAME,
	  "\xd0\xa9\xd0\xb5\xd1\x80\xd0\xb1\xd0\xb0\xd0\xba\xd0\xbe\xd0\xb2 \xd0\xae\xd1\x80\xd0\xb8\xd0\xb9",
	  "SHCHERBAKOV<IURII" },
	{ PROFILE_NAME, "\xd0\x81\xd0\xbb\xd0\xba\xd0\xb8\xd0\xbd", "ELKIN" },
	{ PROFILE_NAME, "\xef\xbc\xa1\xef\xbd\x8e\xef\xbd\x8e\xef\xbd\x81", "ANNA" }, /* full width */
	{ PROFILE_NAME, "An\xc2\xadna", "ANNA" },                                     /* soft hyphen */
	{ PROFILE_NAME, "'-", NULL },
	{ PROFILE_NAME, "", NULL },
	{ PROFILE_NAME, "Anna 2", NULL },
	{ PROFILE_NAME, "\xe5\xbc\xa0\xe4\xbc\x9f", NULL },         /* Chinese: not transliterated */
	{ PROFILE_NAME, "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf", NULL }, /* Arabic */
	{ PROFILE_NAME,
	  "A`B\xc2\xb4"
	  "C\xe2\x80\x98"
	  "D\xca\xbc"
	  "E.F",
	  "ABCDEF" },
	{ PROFILE_NAME,
	  "A\xe2\x80\x90"
	  "B\xe2\x80\x91"
	  "C\xe2\x80\x93"
	  "D\tE",
	  "A<B<C<D<E" },
	{ PROFILE_NAME, "Gal\xc2\xb7la", "GALLA" },
	{ PROFILE_NAME, "q\xcc\x83", "Q" },              /* a mark that composes with nothing */
	{ PROFILE_NAME, "\xc7\xbf\xe1\xb8\xbf", "OEM" }, /* o with stroke and acute, m with acute */
	{ PROFILE_NAME, "\xd2\x93", NULL },              /* a letter of Kazakh that 9303 has not */
	{ PROFILE_NAME, "\xe1\xbc\x80", NULL },          /* Greek with a breathing mark */
	{ PROFILE_NAME, "\xe2\x82\xac", NULL },
	{ PROFILE_TEXT, "\xc3\xa9\r\nb", "\xc3\xa9 b" },
	{ PROFILE_EMAIL,
	  "\xc3\x89"
	  "a@b.c",
	  "\xc3\xa9"
	  "a@b.c" },
	{ PROFILE_DOCUMENT, "l898902 c3", "L898902C3" },
	{ PROFILE_DOCUMENT, "12.345/67-A<<<", "1234567A" },
	{ PROFILE_DOCUMENT, "\xef\xbc\x91\xef\xbc\x92", "12" },
	{ PROFILE_DOCUMENT, "", NULL },
	{ PROFILE_DOCUMENT, " - ", NULL },
	{ PROFILE_DOCUMENT,
	  "\xc3\x84"
	  "12",
	  NULL },
	{ PROFILE_DOCUMENT, "12#3", NULL },
	{ PROFILE_PHONE, "+49 (30) 123-45.67/8", "+493012345678" },
	{ PROFILE_PHONE, "+4930123", "+4930123" },
	{ PROFILE_PHONE, "+123456789012345", "+123456789012345" },
	{ PROFILE_PHONE, "+1234567890123456", NULL },
	{ PROFILE_PHONE, "+123456", NULL },
	{ PROFILE_PHONE, "+044123456", NULL },
	{ PROFILE_PHONE, "004930123456", NULL },
	{ PROFILE_PHONE, "+44 (0)20 7946 0000", NULL },
	{ PROFILE_PHONE, "+49 30 12345 x6", NULL },
	{ PROFILE_PHONE, "", NULL },
	{ PROFILE_PHONE, "+", NULL },
	{ PROFILE_DATE, "1984-03-17", "1984-03-17" },
	{ PROFILE_DATE, "1984-03", NULL },
	{ PROFILE_DATE, "1984-02-30", NULL },
	{ PROFILE_DATE, "17.03.1984", NULL },
	{ PROFILE_EMAIL, "Anna.Maria@Example.ORG", "anna.maria@example.org" },
	{ PROFILE_EMAIL, "\xef\xbc\xa1nna@example.org", "anna@example.org" },
	{ PROFILE_EMAIL, "anna", NULL },
	{ PROFILE_EMAIL, "a@b@c", NULL },
	{ PROFILE_EMAIL, "@example.org", NULL },
	{ PROFILE_EMAIL, "anna@", NULL },
	{ PROFILE_EMAIL, "an na@example.org", NULL },
	{ PROFILE_EMAIL, "anna@exa\nmple.org", NULL },
	{ PROFILE_EMAIL, "anna@exa\001mple.org", NULL },
	{ PROFILE_NAME, "Anna\001", NULL },
	{ PROFILE_TEXT,
	  "  Gro\xc3\x9f"
	  "e \t\n STRASSE\xc2\xa0"
	  "5 ",
	  "grosse strasse 5" },
	{ PROFILE_TEXT, "\xe5\xbc\xa0\xe4\xbc\x9f", "\xe5\xbc\xa0\xe4\xbc\x9f" },
	{ PROFILE_TEXT, "\xef\xac\x81nal", "final" }, /* ligature fi */
	{ PROFILE_TEXT, "", NULL },
	{ PROFILE_TEXT, " \t", NULL },
	{ PROFILE_TEXT, "a\xcd\xb8", NULL }, /* U+0378 is not assigned */
	{ PROFILE_EMAIL, "a\xcd\xb8@example.org", NULL },
	{ PROFILE_NAME, "a\xcd\xb8", NULL },
	{ PROFILE_DOCUMENT, "a\xcd\xb8", NULL },
	/* Names in their own script. */
	{ PROFILE_NAME_SCRIPT, "M\u00fcller-Stra\u00dfe", "m\u00fcller strasse" },
	{ PROFILE_NAME_SCRIPT, "MU\u0308LLER  STRASSE", "m\u00fcller strasse" },
	{ PROFILE_NAME_SCRIPT, "\u03a0\u0391\u03a0\u0391\u0394\u039f\u03a0\u039f\u03a5\u039b\u039f\u03a3",
	  "\u03c0\u03b1\u03c0\u03b1\u03b4\u03bf\u03c0\u03bf\u03c5\u03bb\u03bf\u03c3" },
	{ PROFILE_NAME_SCRIPT, "\u03a0\u03b1\u03c0\u03b1\u03b4\u03cc\u03c0\u03bf\u03c5\u03bb\u03bf\u03c2",
	  "\u03c0\u03b1\u03c0\u03b1\u03b4\u03bf\u03c0\u03bf\u03c5\u03bb\u03bf\u03c3" },
	{ PROFILE_NAME_SCRIPT, "\u039c\u03ac\u03ca\u03bf\u03c2", "\u03bc\u03b1\u03b9\u03bf\u03c3" },
	{ PROFILE_NAME_SCRIPT, "\u1f0c\u03bd\u03bd\u03b1", "\u03b1\u03bd\u03bd\u03b1" }, /* with a breathing mark */
	{ PROFILE_NAME_SCRIPT, "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
	  "\u0645\u062d\u0645\u062f" },                                                              /* vowelled */
	{ PROFILE_NAME_SCRIPT, "\u0645\u062d\u0640\u0640\u0645\u062f", "\u0645\u062d\u0645\u062f" }, /* with tatweel */
	{ PROFILE_NAME_SCRIPT, "\u0623\u062d\u0645\u062f", "\u0627\u062d\u0645\u062f" },
	{ PROFILE_NAME_SCRIPT, "\u0627\u0654\u062d\u0645\u062f", "\u0627\u062d\u0645\u062f" },
	{ PROFILE_NAME_SCRIPT, "\u0639\u0644\u06cc", "\u0639\u0644\u064a" }, /* Persian yeh */
	{ PROFILE_NAME_SCRIPT, "\u0671\u0649\u06a9", "\u0627\u064a\u0643" },
	{ PROFILE_NAME_SCRIPT, "\ufee3\ufea4\ufee4\ufeaa", "\u0645\u062d\u0645\u062f" }, /* presentation forms */
	{ PROFILE_NAME_SCRIPT, "\u202b\u0645\u062d\u0645\u062f\u202c",
	  "\u0645\u062d\u0645\u062f" }, /* direction marks */
	{ PROFILE_NAME_SCRIPT, "\u05d9\u05b0\u05e8\u05d5\u05bc\u05e9\u05c1", "\u05d9\u05e8\u05d5\u05e9" }, /* pointed */
	{ PROFILE_NAME_SCRIPT, "\u05d1\u05df\u05be\u05d2\u05d5\u05e8\u05d9\u05d5\u05df",
	  "\u05d1\u05df \u05d2\u05d5\u05e8\u05d9\u05d5\u05df" },
	{ PROFILE_NAME_SCRIPT, "\u05d2\u05f3\u05d5\u05d6", "\u05d2\u05d5\u05d6" },
	{ PROFILE_NAME_SCRIPT, "\u05d2'\u05d5\u05d6", "\u05d2\u05d5\u05d6" },
	{ PROFILE_NAME_SCRIPT, "\u5f20\u3000\u4f1f", "\u5f20\u4f1f" },
	{ PROFILE_NAME_SCRIPT, "\u5f20\u4f1f", "\u5f20\u4f1f" },
	{ PROFILE_NAME_SCRIPT, "\u963f\u535c\u00b7\u4e70\u63d0", "\u963f\u535c\u4e70\u63d0" },
	{ PROFILE_NAME_SCRIPT, "\u963f\u535c\u2022\u4e70\u63d0", "\u963f\u535c\u4e70\u63d0" },
	{ PROFILE_NAME_SCRIPT, "\uff94\uff8f\uff80\uff9e", "\u30e4\u30de\u30c0" }, /* half width */
	{ PROFILE_NAME_SCRIPT, "\uae40 \ucca0\uc218", "\uae40\ucca0\uc218" },
	{ PROFILE_NAME_SCRIPT, "\u1c92\u1c98\u1c9d\u1ca0\u1c92\u1c98",
	  "\u10d2\u10d8\u10dd\u10e0\u10d2\u10d8" }, /* capitals */
	{ PROFILE_NAME_SCRIPT, "\u10d2\u10d8\u10dd\u10e0\u10d2\u10d8", "\u10d2\u10d8\u10dd\u10e0\u10d2\u10d8" },
	{ PROFILE_NAME_SCRIPT, "\u0e2a\u0e21\u0e0a\u0e32\u0e22 \u0e43\u0e08\u0e14\u0e35",
	  "\u0e2a\u0e21\u0e0a\u0e32\u0e22 \u0e43\u0e08\u0e14\u0e35" },
	{ PROFILE_NAME_SCRIPT, "\u0928\u0940\u0930\u091c \u0967", "\u0928\u0940\u0930\u091c 1" },
	{ PROFILE_NAME_SCRIPT, "\u0556\u0561\u0580\u055a\u0585", "\u0586\u0561\u0580\u0585" },
	{ PROFILE_NAME_SCRIPT, "\u0401\u043b\u043a\u0438\u043d", "\u0435\u043b\u043a\u0438\u043d" },
	{ PROFILE_NAME_SCRIPT, "\u0414\u0435\u043c\u2019\u044f\u043d", "\u0434\u0435\u043c\u044f\u043d" },
	{ PROFILE_NAME_SCRIPT, "I\u015e\u0131K", "i\u015fik" },
	{ PROFILE_NAME_SCRIPT, "\u0130smail", "ismail" },
	{ PROFILE_NAME_SCRIPT, "O'Connor", "oconnor" },
	{ PROFILE_NAME_SCRIPT, "O\u2032Connor", "oconnor" },
	{ PROFILE_NAME_SCRIPT, "O\u02bcCo\u02bbn\u02b9nor", "oconnor" },
	{ PROFILE_NAME_SCRIPT, "O\u00b4Connor", "oconnor" },
	{ PROFILE_NAME_SCRIPT, "O`Connor", "oconnor" },
	{ PROFILE_NAME_SCRIPT, "Anna\u2014Maria\u2212Eva\u2011Li", "anna maria eva li" },
	{ PROFILE_NAME_SCRIPT, "Muster, Anna \"Ani\" (2)", "muster anna ani 2" },
	{ PROFILE_NAME_SCRIPT, "Anna 2", "anna 2" },
	{ PROFILE_NAME_SCRIPT, "Anna \u0662", "anna 2" },
	{ PROFILE_NAME_SCRIPT, "Anna_\u2162.", "anna iii" },
	{ PROFILE_NAME_SCRIPT, "q\u0303", "q\u0303" },
	{ PROFILE_NAME_SCRIPT, "7", "7" },
	{ PROFILE_NAME_SCRIPT, "", NULL },
	{ PROFILE_NAME_SCRIPT, "'- .", NULL },
	{ PROFILE_NAME_SCRIPT, "\u0303", NULL },
	{ PROFILE_NAME_SCRIPT, "\u064e", NULL },
	{ PROFILE_NAME_SCRIPT, "Anna\u20ac", NULL },
	{ PROFILE_NAME_SCRIPT, "Anna \U0001f600", NULL },
	{ PROFILE_NAME_SCRIPT, "Anna\001", NULL },
	{ PROFILE_NAME_SCRIPT, "a\xcd\xb8", NULL },
	/* ICAO Doc 9303 where it has every letter, the own script elsewhere. */
	{ PROFILE_NAME_ANY, "M\u00fcller, J\u00f6rg", "MUELLER<JOERG" },
	{ PROFILE_NAME_ANY, "\u0429\u0435\u0440\u0431\u0430\u043a\u043e\u0432", "SHCHERBAKOV" },
	{ PROFILE_NAME_ANY, "\u5f20\u4f1f", "\u5f20\u4f1f" },
	{ PROFILE_NAME_ANY, "M\u00fcller \u03b1", "m\u00fcller \u03b1" },
	{ PROFILE_NAME_ANY, "Anna 2", "anna 2" },
	{ PROFILE_NAME_ANY, "", NULL },
	{ PROFILE_NAME_ANY, "'", NULL },
	{ PROFILE_NAME_ANY, "Anna\u20ac", NULL },
	{ PROFILE_NAME_ANY, "a\xcd\xb8", NULL },
	/* Signs of other keyboards in numbers. */
	{ PROFILE_DOCUMENT, "L\u2011898902\u2013C3", "L898902C3" },
	{ PROFILE_DOCUMENT, "L898\u00a0902\u2009C\u00b73", "L898902C3" },
	{ PROFILE_DOCUMENT, "\u0661\u0662\u06f3", "123" },
	{ PROFILE_DOCUMENT, "L898\u200b902C3", "L898902C3" },
	{ PROFILE_PHONE, "+49\u00a030\u20131234567", "+49301234567" },
	{ PROFILE_PHONE, "\uff0b49 30 1234567", "+49301234567" },
	{ PROFILE_PHONE, "+\u0664\u0669 30 1234567", "+49301234567" },
	{ PROFILE_PHONE, "+49\u00b730\u00b71234567", "+49301234567" },
	{ PROFILE_PHONE, "+44 (\u0660)20 7946 0000", NULL },
	{ PROFILE_PHONE, "+\u0660449301234567", NULL },
	{ PROFILE_PHONE, "+49 30 1234567\u20ac", NULL },
	{ PROFILE_PHONE, "+49 30 123456\xcd\xb8", NULL },
	{ PROFILE_COUNT, "a", NULL },
};

START_TEST(values_are_normalised)
{
	struct normaliser *n = normaliser_new();
	struct buf out = BUF_INIT(4096);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&out);
		const char *wrong = normalise(n, cases[i].profile, view_of(cases[i].in), &out);

		ck_assert_msg(!wrong == (cases[i].out != NULL), "%zu: %s: %s", i, cases[i].in,
		              wrong ? wrong : "accepted");
		if (!cases[i].out)
			continue;
		ck_assert_msg(view_is(buf_view(&out), cases[i].out), "%zu: %s gave %.*s", i, cases[i].in,
		              VIEW_ARG(buf_view(&out)));
		/* A normal form is its own normal form. */
		char once[256];
		snprintf(once, sizeof once, "%.*s", VIEW_ARG(buf_view(&out)));
		buf_reset(&out);
		ck_assert_ptr_null(normalise(n, cases[i].profile, view_of(once), &out));
		ck_assert_msg(view_is(buf_view(&out), once), "%zu: %s is not stable", i, once);
	}
	buf_free(&out);
	normaliser_free(n);
	normaliser_free(NULL);
}
END_TEST

/* What is wrong is said, and each thing by itself. */
START_TEST(refusals_say_why)
{
	static const struct {
		enum profile profile;
		const char *in, *why;
	} wrong[] = {
		{ PROFILE_TEXT, "a\xcd\xb8", "Unicode has not assigned" },
		{ PROFILE_EMAIL, "a\xcd\xb8@b.example", "Unicode has not assigned" },
		{ PROFILE_NAME, "a\xcd\xb8", "Unicode has not assigned" },
		{ PROFILE_DOCUMENT, "a\xcd\xb8", "Unicode has not assigned" },
		{ PROFILE_EMAIL, "a b@c.example", "not an e-mail address" },
		{ PROFILE_PHONE, "", "does not begin with +" },
		{ PROFILE_PHONE, "449301234567", "does not begin with +" },
		{ PROFILE_PHONE, "+049301234567", "no country code" },
	};
	struct normaliser *n = normaliser_new();
	struct buf out = BUF_INIT(4096);

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buf_reset(&out);
		const char *why = normalise(n, wrong[i].profile, view_of(wrong[i].in), &out);
		ck_assert_msg(why && strstr(why, wrong[i].why), "%zu: %s", i, why ? why : "accepted");
	}
	buf_free(&out);
	normaliser_free(n);
}
END_TEST

/* Subjects are told apart by letters and digits alone. */
START_TEST(subjects_are_counted_by_what_is_left)
{
	static const struct {
		const char *in, *out;
	} subjects[] = {
		{ "MAXI@", "maxi" },
		{ "maxi@", "maxi" },
		{ "anna.maria@example.org", "annamariaexampleorg" },
		{ " Anna-Maria @EXAMPLE.org ", "annamariaexampleorg" },
		{ "L 898902-C3", "l898902c3" },
		{ "\uff2c\u0668\u0669\u0668902c3", "l898902c3" },
		{ "M\u00dcLLER", "m\u00fcller" },
		{ "q\u0303", "q" },
		{ "***", "***" },
		{ "", NULL },
		{ "\u200b", NULL },
		{ "a\xcd\xb8", NULL },
	};
	struct normaliser *n = normaliser_new();
	struct buf out = BUF_INIT(4096), small = BUF_INIT(3);

	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		buf_reset(&out);
		const char *wrong = normalise_subject(n, view_of(subjects[i].in), &out);

		ck_assert_msg(!wrong == (subjects[i].out != NULL), "%s: %s", subjects[i].in,
		              wrong ? wrong : "accepted");
		ck_assert_msg(wrong || view_is(buf_view(&out), subjects[i].out), "%s gave %.*s", subjects[i].in,
		              VIEW_ARG(buf_view(&out)));
	}
	ck_assert_str_eq(normalise_subject(n, VIEW("anna"), &small), "the value is too long");
	buf_free(&out);
	buf_free(&small);
	normaliser_free(n);
}
END_TEST

START_TEST(long_values_grow_the_scratch)
{
	struct normaliser *n = normaliser_new();
	struct buf out = BUF_INIT(1u << 22), small = BUF_INIT(100);
	static char text[100001];

	memset(text, 'A', sizeof text - 1);
	ck_assert_ptr_null(normalise(n, PROFILE_TEXT, view_of(text), &out));
	ck_assert_uint_eq(out.n, 100000);
	/* One code point can become eighteen: U+FDFA. */
	for (size_t i = 0; i + 3 < sizeof text; i += 3)
		memcpy(text + i, "\xef\xb7\xba", 3);
	text[99999] = 0;
	buf_reset(&out);
	ck_assert_ptr_null(normalise(n, PROFILE_TEXT, view_of(text), &out));
	ck_assert_uint_gt(out.n, 33333 * 18);
	ck_assert_ptr_nonnull(normalise(n, PROFILE_TEXT, view_of(text), &small));
	buf_free(&out);
	buf_free(&small);
	normaliser_free(n);
}
END_TEST

START_TEST(profiles_have_names)
{
	for (int p = 0; p < PROFILE_COUNT; p++)
		ck_assert_int_eq(profile_find(view_of(profile_name((enum profile)p))), p);
	ck_assert_int_eq(profile_find(VIEW("upper")), PROFILE_COUNT);
	ck_assert_str_eq(profile_name(PROFILE_COUNT), "");
}
END_TEST

TCase *make_normalise_case(void);
TCase *make_normalise_case(void)
{
	TCase *c = tcase_create("normalise");

	tcase_add_test(c, values_are_normalised);
	tcase_add_test(c, refusals_say_why);
	tcase_add_test(c, subjects_are_counted_by_what_is_left);
	tcase_add_test(c, long_values_grow_the_scratch);
	tcase_add_test(c, profiles_have_names);
	return c;
}
