/* International bank account numbers, ISO 13616: the form that each country's have, and mod 97. See recognise.h. */
#include "lib/transform/recognise.h"

#include "lib/transform/points.h"

#define IBAN_MIN 15
#define IBAN_MAX 34
#define GAP_MAX  4

/* The registry's structures behind country and check digits: n digits, a letters, c either. */
static const struct {
	char country[3];
	char form[13];
} forms[] = {
	{ "AD", "n8c12" },    { "AE", "n19" },      { "AL", "n8c16" },    { "AT", "n16" },     { "AZ", "a4c20" },
	{ "BA", "n16" },      { "BE", "n12" },      { "BG", "a4n6c8" },   { "BH", "a4c14" },   { "BI", "n23" },
	{ "BR", "n23a1c1" },  { "BY", "c4n4c16" },  { "CH", "n5c12" },    { "CR", "n18" },     { "CY", "n8c16" },
	{ "CZ", "n20" },      { "DE", "n18" },      { "DJ", "n23" },      { "DK", "n14" },     { "DO", "c4n20" },
	{ "EE", "n16" },      { "EG", "n25" },      { "ES", "n20" },      { "FI", "n14" },     { "FK", "a2n12" },
	{ "FO", "n14" },      { "FR", "n10c11n2" }, { "GB", "a4n14" },    { "GE", "a2n16" },   { "GI", "a4c15" },
	{ "GL", "n14" },      { "GR", "n7c16" },    { "GT", "c24" },      { "HN", "a4n20" },   { "HR", "n17" },
	{ "HU", "n24" },      { "IE", "a4n14" },    { "IL", "n19" },      { "IQ", "a4n15" },   { "IS", "n22" },
	{ "IT", "a1n10c12" }, { "JO", "a4n4c18" },  { "KW", "a4c22" },    { "KZ", "n3c13" },   { "LB", "n4c20" },
	{ "LC", "a4c24" },    { "LI", "n5c12" },    { "LT", "n16" },      { "LU", "n3c13" },   { "LV", "a4c13" },
	{ "LY", "n21" },      { "MC", "n10c11n2" }, { "MD", "c20" },      { "ME", "n18" },     { "MK", "n3c10n2" },
	{ "MN", "n16" },      { "MR", "n23" },      { "MT", "a4n5c18" },  { "MU", "a4n19a3" }, { "NI", "a4n20" },
	{ "NL", "a4n10" },    { "NO", "n11" },      { "OM", "n3c16" },    { "PK", "a4c16" },   { "PL", "n24" },
	{ "PS", "a4c21" },    { "PT", "n21" },      { "QA", "a4c21" },    { "RO", "a4c16" },   { "RS", "n18" },
	{ "RU", "n14c15" },   { "SA", "n2c18" },    { "SC", "a4n20a3" },  { "SD", "n14" },     { "SE", "n20" },
	{ "SI", "n15" },      { "SK", "n20" },      { "SM", "a1n10c12" }, { "SO", "n19" },     { "ST", "n21" },
	{ "SV", "a4n20" },    { "TL", "n19" },      { "TN", "n20" },      { "TR", "n6c16" },   { "UA", "n6c19" },
	{ "VA", "n18" },      { "VG", "a4n16" },    { "XK", "n16" },      { "YE", "a4n4c18" },
};

static const char *form_of(const char country[2])
{
	size_t low = 0, high = sizeof forms / sizeof *forms;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = memcmp(country, forms[middle].country, 2);

		if (order == 0)
			return forms[middle].form;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Characters that the form takes, 0 when they do not fit. *loose: letters stand where digits could. */
static size_t form_fits(const char *form, const struct spelt *s, bool *loose)
{
	size_t at = 4;

	*loose = false;
	while (*form) {
		char kind = *form++;
		size_t n = 0;

		while (is_digit(*form))
			n = n * 10 + (size_t)(*form++ - '0');
		for (; n > 0; n--, at++) {
			if (at >= s->n || (kind == 'n' && !is_digit(s->c[at])) || (kind == 'a' && is_digit(s->c[at])))
				return 0;
			*loose = *loose || (kind == 'c' && !is_digit(s->c[at]));
		}
	}
	return at;
}

static bool mod97_is_1(const char *iban, size_t n)
{
	unsigned rest = 0;

	/* The first four characters count behind the others. */
	for (size_t i = 0; i < n; i++) {
		char c = iban[(i + 4) % n];

		rest = is_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97
		                   : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
	}
	return rest == 1;
}

/* Two letters and two digits are in front, with separators between: the same as spelling four and looking at them, but it
 * ends with the first that is none. */
static bool front_fits(const struct place *p)
{
	size_t i = 1;

	for (size_t n = 1; n < 4; n++) {
		size_t from = i;
		while (i - from < GAP_MAX && separates(sign_at(p, i)))
			i++;
		char c = take_alnum(sign_at(p, i++));
		if (!c || is_digit(c) != (n > 1))
			return false;
	}
	return true;
}

size_t find_iban(const struct place *p)
{
	struct spelt s;
	bool loose, begins = !point_is_word(p->before);
	char first = take_alnum(sign_at(p, 0));

	if (!first || is_digit(first))
		return 0;
	/* The third letter of a word: most places end here. */
	if (sign_is_letter(sign_at(p, 1)) && sign_is_letter(sign_at(p, 2)))
		return 0;
	if (!front_fits(p))
		return 0;
	spell(p, take_alnum, IBAN_MAX, GAP_MAX, &s);
	/* Glued to a word its front stands in one go: "at last 5985" is no account of ST. */
	if (!begins && s.end[3] != 4)
		return 0;
	const char *form = form_of(s.c);
	if (form) {
		size_t n = form_fits(form, &s, &loose);

		/* Words that follow look like letters of the account, if they may stand in uneven groups. */
		return n && mod97_is_1(s.c, n) && (!loose || spelt_is_even(&s, n)) ? s.end[n - 1] : 0;
	}
	/* Of another country: in one go or in fours, as ISO 13616 prints it. */
	for (size_t n = s.n; begins && n >= IBAN_MIN; n--)
		if ((s.end[n - 1] == n || s.gap[4] != GAP_NONE) && !point_is_word(sign_at(p, s.end[n - 1])) &&
		    mod97_is_1(s.c, n) && spelt_is_even(&s, n))
			return s.end[n - 1];
	return 0;
}
