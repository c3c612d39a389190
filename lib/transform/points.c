/* See points.h. */
#include "lib/transform/points.h"

#include <utf8proc.h>

int point_digit(int32_t c)
{
	int32_t first = c;

	if (c < 0x80)
		return c >= '0' && c <= '9' ? c - '0' : -1;
	if (utf8proc_category(c) != UTF8PROC_CATEGORY_ND)
		return -1;
	/* Decimal digits stand in runs of ten from zero to nine (The Unicode Standard, 4.6); some runs touch. */
	while (utf8proc_category(first - 1) == UTF8PROC_CATEGORY_ND)
		first--;
	return (int)((c - first) % 10);
}

bool point_is_line_end(int32_t c)
{
	return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool point_is_space(int32_t c)
{
	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r');
	/* U+2800 is a pattern of Braille without dots, and looks like a space. */
	return point_is_line_end(c) || c == 0x2800 || utf8proc_category(c) == UTF8PROC_CATEGORY_ZS;
}

bool point_is_dash(int32_t c)
{
	if (c < 0x80)
		return c == '-';
	return c == 0x2d7 || c == 0x2043 || c == 0x2212 || c == 0x2796 || utf8proc_category(c) == UTF8PROC_CATEGORY_PD;
}

bool point_is_dot(int32_t c)
{
	static const int32_t dots[] = { '.',    0xb7,   0x387,  0x5c5,  0x6d4,  0x2022, 0x2024, 0x2027, 0x2219,
		                        0x22c5, 0x2e31, 0x2e33, 0x3002, 0x30fb, 0xff0e, 0xff61, 0xff65 };

	for (size_t i = 0; i < sizeof dots / sizeof *dots; i++)
		if (dots[i] == c)
			return true;
	return false;
}

bool point_is_apostrophe(int32_t c)
{
	static const int32_t marks[] = { '\'',   '`',    0xb4,   0x2b9,  0x2ba,  0x2bb,  0x2bc,  0x2bd,
		                         0x2be,  0x2bf,  0x2c8,  0x2ca,  0x2cb,  0x2f4,  0x384,  0x55a,
		                         0x5f3,  0x5f4,  0x1fbd, 0x1fbf, 0x1fef, 0x1ffd, 0x1ffe, 0x2018,
		                         0x2019, 0x201a, 0x201b, 0x2032, 0x2035, 0xa78c, 0xff07, 0xff40 };

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (marks[i] == c)
			return true;
	return false;
}

bool point_is_word_beyond(int32_t c)
{
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ND: return true;
	default: return false;
	}
}

bool point_is_overlay(int32_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) || (c >= 0x1ab0 && c <= 0x1aff) ||
	       (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe20 && c <= 0xfe2f);
}

bool point_is_vowel_point(int32_t c)
{
	if (c < 0x591 || c > 0x8ff)
		return false;
	/* Hebrew and Arabic: every non-spacing mark, the letter extender, and hamza and madda over a letter. */
	return c == 0x640 || utf8proc_category(c) == UTF8PROC_CATEGORY_MN;
}

char point_look_alike(int32_t c)
{
	static const struct {
		int32_t point;
		char letter;
	} pairs[] = {
		{ 0x391, 'A' }, { 0x392, 'B' }, { 0x395, 'E' }, { 0x396, 'Z' }, { 0x397, 'H' }, { 0x399, 'I' },
		{ 0x39a, 'K' }, { 0x39c, 'M' }, { 0x39d, 'N' }, { 0x39f, 'O' }, { 0x3a1, 'P' }, { 0x3a4, 'T' },
		{ 0x3a5, 'Y' }, { 0x3a7, 'X' }, { 0x405, 'S' }, { 0x406, 'I' }, { 0x408, 'J' }, { 0x410, 'A' },
		{ 0x412, 'B' }, { 0x415, 'E' }, { 0x41a, 'K' }, { 0x41c, 'M' }, { 0x41d, 'H' }, { 0x41e, 'O' },
		{ 0x420, 'P' }, { 0x421, 'C' }, { 0x422, 'T' }, { 0x423, 'Y' }, { 0x425, 'X' },
	};

	if (c < 0x370 || c > 0x45f)
		return 0;
	int32_t capital = utf8proc_toupper(c);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (pairs[i].point == capital)
			return pairs[i].letter;
	return 0;
}
