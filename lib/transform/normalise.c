/* See normalise.h. */
#include "lib/transform/normalise.h"

#include <utf8proc.h>

#include "lib/base/datetime.h"
#include "lib/base/ids.h"
#include "lib/transform/points.h"
#include "lib/transform/script.h"

#define POINTS_START 256
#define POINTS_MAX   (1u << 20)
#define PHONE_MIN    7 /* digits; E.164 allows 15 */
#define PHONE_MAX    15

struct normaliser {
	utf8proc_int32_t *points;
	size_t cap, n;
};

const char *profile_name(enum profile p)
{
	static const char *const names[] = {
		[PROFILE_EXACT] = "exact",       [PROFILE_NAME] = "name",
		[PROFILE_DOCUMENT] = "document", [PROFILE_PHONE] = "phone",
		[PROFILE_DATE] = "date",         [PROFILE_EMAIL] = "email",
		[PROFILE_TEXT] = "text",         [PROFILE_NAME_SCRIPT] = "name-script",
		[PROFILE_NAME_ANY] = "name-any",
	};

	return (unsigned)p < PROFILE_COUNT ? names[p] : "";
}

enum profile profile_find(struct view name)
{
	for (int p = 0; p < PROFILE_COUNT; p++)
		if (view_is(name, profile_name((enum profile)p)))
			return (enum profile)p;
	return PROFILE_COUNT;
}

struct normaliser *normaliser_new(void)
{
	struct normaliser *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->cap = POINTS_START;
	n->points = malloc(n->cap * sizeof *n->points);
	if (!n->points) {
		free(n);
		return NULL;
	}
	return n;
}

void normaliser_wipe(struct normaliser *n)
{
	wipe(n->points, n->n * sizeof *n->points);
	n->n = 0;
}

void normaliser_free(struct normaliser *n)
{
	if (!n)
		return;
	normaliser_wipe(n);
	free(n->points);
	free(n);
}

static bool make_room(struct normaliser *n, size_t points)
{
	if (points <= n->cap)
		return true;
	utf8proc_int32_t *larger = malloc(points * sizeof *larger);
	if (!larger)
		return false;
	wipe(n->points, n->cap * sizeof *n->points);
	free(n->points);
	n->points = larger;
	n->cap = points;
	return true;
}

/* ASCII is its own NFKC, and folds letter by letter; most values are nothing else. False: not ASCII. */
static bool fold_ascii(struct normaliser *n, struct view text)
{
	if (text.n > n->cap)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c >= 0x80)
			return false;
		n->points[i] = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
	}
	n->n = text.n;
	return true;
}

/* utf8proc's NFKC_Casefold into our own memory; utf8proc_map() would allocate. */
static const char *fold(struct normaliser *n, struct view text)
{
	const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
	                                  UTF8PROC_IGNORE | UTF8PROC_REJECTNA;

	if (fold_ascii(n, text))
		return NULL;
	for (;;) {
		utf8proc_ssize_t got = utf8proc_decompose((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n,
		                                          n->points, (utf8proc_ssize_t)n->cap, options);
		if (got < 0 || (size_t)got > POINTS_MAX)
			return "the value has characters that Unicode has not assigned, or is too long";
		if ((size_t)got > n->cap) {
			if (!make_room(n, (size_t)got))
				return "there is no memory to normalise the value";
			continue;
		}
		got = utf8proc_normalize_utf32(n->points, got, options);
		n->n = got > 0 ? (size_t)got : 0;
		return got < 0 ? "the value cannot be normalised" : NULL;
	}
}

static void add_point(struct buf *out, utf8proc_int32_t c)
{
	utf8proc_uint8_t bytes[4];
	utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);

	buf_add(out, view_make(bytes, (size_t)n));
}

static const char *normal_text(struct normaliser *n, struct view text, struct buf *out)
{
	size_t start = out->n;
	bool gap = false;
	const char *wrong = fold(n, text);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < n->n; i++) {
		if (point_is_space(n->points[i])) {
			gap = true;
			continue;
		}
		if (gap && out->n > start)
			buf_addc(out, ' ');
		gap = false;
		add_point(out, n->points[i]);
	}
	return out->n > start ? NULL : "the value has no characters to normalise";
}

static const char *normal_email(struct normaliser *n, struct view text, struct buf *out)
{
	size_t at = 0, ats = 0;
	const char *wrong = fold(n, text);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < n->n; i++) {
		if (point_is_space(n->points[i]) || n->points[i] < 0x20)
			return "the value is not an e-mail address";
		if (n->points[i] == '@') {
			at = i;
			ats++;
		}
		add_point(out, n->points[i]);
	}
	return ats == 1 && at > 0 && at + 1 < n->n ? NULL : "the value is not an e-mail address";
}

/* ICAO Doc 9303-3 section 6: letters whose transliteration is not the letter without its mark. Folded, so in
 * lower case. Where the document leaves a choice, the first is taken (AE, OE, UE, AA). */
static const struct {
	utf8proc_int32_t point;
	const char *letters;
} transliteration[] = {
	{ 0xe4, "AE" },
	{ 0xe5, "AA" },
	{ 0xe6, "AE" },
	{ 0xf0, "D" },
	{ 0xf6, "OE" },
	{ 0xf8, "OE" },
	{ 0xfc, "UE" },
	{ 0xfe, "TH" },
	{ 0x111, "D" },
	{ 0x127, "H" },
	{ 0x131, "I" },
	{ 0x138, "Q" },
	{ 0x142, "L" },
	{ 0x14b, "N" },
	{ 0x153, "OE" },
	{ 0x167, "T" },
	/* 6.B, Cyrillic */
	{ 0x430, "A" },
	{ 0x431, "B" },
	{ 0x432, "V" },
	{ 0x433, "G" },
	{ 0x434, "D" },
	{ 0x435, "E" },
	{ 0x436, "ZH" },
	{ 0x437, "Z" },
	{ 0x438, "I" },
	{ 0x439, "I" },
	{ 0x43a, "K" },
	{ 0x43b, "L" },
	{ 0x43c, "M" },
	{ 0x43d, "N" },
	{ 0x43e, "O" },
	{ 0x43f, "P" },
	{ 0x440, "R" },
	{ 0x441, "S" },
	{ 0x442, "T" },
	{ 0x443, "U" },
	{ 0x444, "F" },
	{ 0x445, "KH" },
	{ 0x446, "TS" },
	{ 0x447, "CH" },
	{ 0x448, "SH" },
	{ 0x449, "SHCH" },
	{ 0x44a, "IE" },
	{ 0x44b, "Y" },
	{ 0x44c, "" },
	{ 0x44d, "E" },
	{ 0x44e, "IU" },
	{ 0x44f, "IA" },
	{ 0x451, "E" },
	{ 0x452, "D" },
	{ 0x453, "G" },
	{ 0x454, "IE" },
	{ 0x455, "DZ" },
	{ 0x456, "I" },
	{ 0x457, "I" },
	{ 0x458, "J" },
	{ 0x459, "LJ" },
	{ 0x45a, "NJ" },
	{ 0x45c, "K" },
	{ 0x45e, "U" },
	{ 0x45f, "DZ" },
	{ 0x491, "G" },
};

static const char *transliterate(utf8proc_int32_t c)
{
	size_t low = 0, high = sizeof transliteration / sizeof *transliteration;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (transliteration[middle].point == c)
			return transliteration[middle].letters;
		if (transliteration[middle].point < c)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The letters of one folded code point, "" for what is left out, "<" for what separates; NULL: not covered. */
static const char *name_letters(utf8proc_int32_t c, char plain[2])
{
	utf8proc_int32_t parts[8];
	int last_class = 0;

	plain[1] = 0;
	if (c >= 'a' && c <= 'z') {
		plain[0] = (char)(c - 'a' + 'A');
		return plain;
	}
	if (c == '\'' || c == '.' || c == 0x2019 || c == 0x2018 || c == 0x2bc || c == 0x60 || c == 0xb4 || c == 0xb7)
		return "";
	if (c == '-' || c == '<' || c == ',' || c == 0x2010 || c == 0x2011 || c == 0x2013 || point_is_space(c))
		return "<";
	const char *known = transliterate(c);
	if (known)
		return known;
	utf8proc_category_t category = utf8proc_category(c);
	if (category == UTF8PROC_CATEGORY_MN)
		return ""; /* a mark that combines with nothing composed */
	utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE, &last_class);
	if (n > 1 && n <= 8 && parts[0] >= 'a' && parts[0] <= 'z') {
		plain[0] = (char)(parts[0] - 'a' + 'A');
		return plain;
	}
	return n > 1 && n <= 8 ? transliterate(parts[0]) : NULL;
}

/* What was folded, after ICAO Doc 9303. */
static const char *icao_name(struct normaliser *n, struct buf *out)
{
	size_t start = out->n;
	bool gap = false;

	for (size_t i = 0; i < n->n; i++) {
		char plain[2];
		const char *letters = name_letters(n->points[i], plain);

		/* An accent that stands alone, as people type for an apostrophe: NFKC makes it a mark on a space. */
		if (n->points[i] == ' ' && i + 1 < n->n && utf8proc_category(n->points[i + 1]) == UTF8PROC_CATEGORY_MN)
			continue;
		if (!letters)
			return "the name has characters outside the transliteration of ICAO Doc 9303 for Latin and Cyrillic";
		if (*letters == '<') {
			gap = true;
			continue;
		}
		if (*letters && gap && out->n > start)
			buf_addc(out, '<');
		if (*letters)
			gap = false;
		buf_adds(out, letters);
	}
	/* Nothing left would give everybody one and the same pseudonym. */
	return out->n > start ? NULL : "the name has no letters";
}

static const char *normal_name(struct normaliser *n, enum profile profile, struct view text, struct buf *out)
{
	size_t start = out->n;
	const char *wrong = fold(n, text);

	if (wrong)
		return wrong;
	if (profile == PROFILE_NAME_SCRIPT)
		return script_name(n->points, n->n, out);
	wrong = icao_name(n, out);
	if (!wrong || profile == PROFILE_NAME || out->failed)
		return wrong;
	/* The two forms never meet: one has capitals only, the other none of A to Z. */
	out->n = start;
	return script_name(n->points, n->n, out);
}

static const char *normal_document(struct normaliser *n, struct view text, struct buf *out)
{
	size_t start = out->n;
	const char *wrong = fold(n, text);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < n->n; i++) {
		utf8proc_int32_t c = n->points[i];
		int digit = point_digit(c);

		if (c >= 'a' && c <= 'z')
			buf_addc(out, (char)(c - 'a' + 'A'));
		else if (digit >= 0)
			buf_addc(out, (char)('0' + digit));
		else if (!point_is_space(c) && !point_is_dash(c) && !point_is_dot(c) && c != '/' && c != '<')
			return "the document number has characters other than letters A to Z, digits and separators";
	}
	return out->n > start ? NULL : "the document number is empty";
}

/* +44 (0)20: the zero is dialled at home only; dropping it or not would be a guess. */
static bool is_trunk_prefix(const struct normaliser *n, size_t i)
{
	return i + 2 < n->n && n->points[i] == '(' && point_digit(n->points[i + 1]) == 0 && n->points[i + 2] == ')';
}

static const char *normal_phone(struct normaliser *n, struct view text, struct buf *out)
{
	size_t digits = 0;
	const char *wrong = fold(n, text);

	if (wrong)
		return wrong;
	if (n->n == 0 || n->points[0] != '+')
		return "the telephone number does not begin with +";
	buf_addc(out, '+');
	for (size_t i = 1; i < n->n; i++) {
		utf8proc_int32_t c = n->points[i];
		int digit = point_digit(c);

		if (digit >= 0) {
			if (digits == 0 && digit == 0)
				return "the telephone number has no country code";
			buf_addc(out, (char)('0' + digit));
			digits++;
		} else if (is_trunk_prefix(n, i)) {
			return "the telephone number has a trunk prefix in brackets";
		} else if (!point_is_space(c) && !point_is_dash(c) && !point_is_dot(c) && c != '/' && c != '(' &&
		           c != ')') {
			return "the telephone number has characters that do not belong there";
		}
	}
	return digits >= PHONE_MIN && digits <= PHONE_MAX ? NULL : "the telephone number is too short or too long";
}

/* What is left of most spellings of an identifier: its letters and digits. Marks go. */
const char *normalise_subject(struct normaliser *n, struct view text, struct buf *out)
{
	size_t start = out->n;
	const char *wrong = fold(n, text);

	for (size_t i = 0; !wrong && i < n->n; i++) {
		int digit = point_digit(n->points[i]);

		if (digit >= 0)
			buf_addc(out, (char)('0' + digit));
		else if (point_is_word(n->points[i]) && !point_is_overlay(n->points[i]))
			add_point(out, n->points[i]);
	}
	bool nothing = out->n == start;
	for (size_t i = 0; !wrong && nothing && i < n->n; i++)
		add_point(out, n->points[i]);
	if (!wrong && out->n == start)
		wrong = "the data subject has no characters";
	return !wrong && out->failed ? "the value is too long" : wrong;
}

static const char *normal_date(struct view text, struct buf *out)
{
	struct date d;

	if (!date_parse(text, &d))
		return "the value is not a full date";
	buf_add(out, text);
	return NULL;
}

const char *normalise(struct normaliser *n, enum profile profile, struct view text, struct buf *out)
{
	const char *wrong = "the profile is unknown";

	switch (profile) {
	case PROFILE_EXACT:
		buf_add(out, text);
		wrong = NULL;
		break;
	case PROFILE_NAME:
	case PROFILE_NAME_SCRIPT:
	case PROFILE_NAME_ANY: wrong = normal_name(n, profile, text, out); break;
	case PROFILE_DOCUMENT: wrong = normal_document(n, text, out); break;
	case PROFILE_PHONE: wrong = normal_phone(n, text, out); break;
	case PROFILE_DATE: wrong = normal_date(text, out); break;
	case PROFILE_EMAIL: wrong = normal_email(n, text, out); break;
	case PROFILE_TEXT: wrong = normal_text(n, text, out); break;
	case PROFILE_COUNT: break;
	}
	return !wrong && out->failed ? "the value is too long" : wrong;
}
