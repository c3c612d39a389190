/* Slips of the pen: how far two words are from each other, and what may be meant. */
#include <check.h>

#include "lib/base/slip.h"

TCase *make_slip_case(void);

START_TEST(edits)
{
	static const struct {
		const char *a, *b;
		unsigned edits;
	} rows[] = {
		{ "", "", 0 },           { "a", "", 1 },          { "", "ab", 2 },        { "north", "north", 0 },
		{ "nroth", "north", 1 }, { "norht", "north", 1 }, { "nrth", "north", 1 }, { "norrth", "north", 1 },
		{ "morth", "north", 1 }, { "south", "north", 2 }, { "abcd", "badc", 2 },  { "kitten", "sitting", 3 },
		{ "ca", "abc", 3 }, /* nothing is edited twice */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_uint_eq(slip_edits(view_of(rows[i].a), view_of(rows[i].b)), rows[i].edits);
		ck_assert_uint_eq(slip_edits(view_of(rows[i].b), view_of(rows[i].a)), rows[i].edits);
	}
}
END_TEST

START_TEST(the_longer_the_word)
{
	static const char sixty_one[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	unsigned n;

	ck_assert(slip_of(VIEW("ab"), VIEW("abc"), &n) && n == 1);
	ck_assert(!slip_of(VIEW("ab"), VIEW("abcd"), &n));
	ck_assert(slip_of(VIEW("abcdef"), VIEW("abcd"), &n) && n == 2);
	ck_assert(!slip_of(VIEW("abcdefg"), VIEW("abcd"), &n));
	ck_assert(slip_of(VIEW("abcdefghi"), VIEW("abcdef"), &n) && n == 3);
	/* Nobody means a word of that length. */
	ck_assert_uint_eq(sizeof sixty_one - 1, SLIP_WORD_MAX + 1);
	ck_assert(!slip_of(view_of(sixty_one), view_of(sixty_one), &n));
}
END_TEST

TCase *make_slip_case(void)
{
	TCase *c = tcase_create("slip");

	tcase_add_test(c, edits);
	tcase_add_test(c, the_longer_the_word);
	return c;
}
