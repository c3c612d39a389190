/* See script.h. */
#include "lib/transform/script.h"

#include <utf8proc.h>

#include "lib/transform/points.h"

static bool is_greek(int32_t c)
{
	return (c >= 0x370 && c <= 0x3ff) || (c >= 0x1f00 && c <= 0x1fff);
}

/* Han, Kana and Hangul: names are written without spaces, or with, and are the same. */
static bool is_syllabic(int32_t c)
{
	return (c >= 0x1100 && c <= 0x11ff) || (c >= 0x3005 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7ff) ||
	       (c >= 0xf900 && c <= 0xfaff) || (c >= 0x1b000 && c <= 0x1b16f) || (c >= 0x20000 && c <= 0x3ffff);
}

/* One letter for those that keyboards of one language or another give for it. */
static int32_t one_letter(int32_t c)
{
	switch (c) {
	case 0x131: return 'i';   /* without its dot */
	case 0x451: return 0x435; /* Cyrillic io */
	case 0x671: return 0x627; /* alef wasla */
	case 0x649:               /* alef maksura */
	case 0x6cc: return 0x64a; /* Persian yeh */
	case 0x6a9: return 0x643; /* Persian kaf */
	default: return c;
	}
}

enum kind { KIND_LETTER, KIND_GAP, KIND_NOTHING, KIND_STRANGE };

static enum kind kind_of(int32_t c)
{
	if (point_is_apostrophe(c) || c == '.' || c == 0xb7 || point_is_vowel_point(c))
		return KIND_NOTHING;
	if (c == '<' || point_is_space(c) || point_is_dash(c) || point_is_dot(c))
		return KIND_GAP;
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ND: return KIND_LETTER;
	case UTF8PROC_CATEGORY_PC:
	case UTF8PROC_CATEGORY_PD:
	case UTF8PROC_CATEGORY_PS:
	case UTF8PROC_CATEGORY_PE:
	case UTF8PROC_CATEGORY_PI:
	case UTF8PROC_CATEGORY_PF:
	case UTF8PROC_CATEGORY_PO: return KIND_GAP;
	default: return KIND_STRANGE;
	}
}

/* The letter without marks that this script's writers leave out. */
static int32_t plain_letter(int32_t c)
{
	utf8proc_int32_t parts[8];
	int last_class = 0;
	int digit = point_digit(c);

	if (digit >= 0)
		return '0' + digit;
	if (is_greek(c) || (c >= 0x590 && c <= 0x8ff)) {
		utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE, &last_class);

		c = n > 0 && n <= 8 ? parts[0] : c;
	}
	return one_letter(c);
}

static void add_point(struct buf *out, int32_t c)
{
	utf8proc_uint8_t bytes[4];
	utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);

	buf_add(out, view_make(bytes, (size_t)n));
}

const char *script_name(const int32_t *points, size_t n, struct buf *out)
{
	size_t start = out->n;
	int32_t last = 0; /* letter that was written */
	bool gap = false, letters = false;

	for (size_t i = 0; i < n; i++) {
		int32_t c = points[i];
		enum kind kind = kind_of(c);

		/* An accent that stands alone, as people type for an apostrophe: NFKC makes it a mark on a space. */
		if (c == ' ' && i + 1 < n && point_is_overlay(points[i + 1])) {
			i++;
			continue;
		}
		if (kind == KIND_STRANGE)
			return "the name has characters that are no letters, digits, marks or punctuation";
		gap = gap || kind == KIND_GAP;
		if (kind != KIND_LETTER)
			continue;
		/* Marks over Greek, for which there is no letter with it, and the dot that Turkish capitals leave. */
		if (point_is_overlay(c) && (is_greek(last) || last == 0 || (last == 'i' && c == 0x307)))
			continue;
		c = plain_letter(c);
		if (gap && last && !(is_syllabic(last) && is_syllabic(c)))
			buf_addc(out, ' ');
		gap = false;
		add_point(out, c);
		last = c;
		letters = letters || utf8proc_category(c) != UTF8PROC_CATEGORY_MN;
	}
	/* Nothing left would give everybody one and the same pseudonym. */
	return letters && out->n > start ? NULL : "the name has no letters";
}
