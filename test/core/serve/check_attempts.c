/* Attempts that come again: noted once, quiet for an hour, forgotten by the newer ones. */
#include "gatewayd/core/serve/attempts.h"

#include "test/core/scratch.h"

#define NOW INT64_C(1000000000)

TCase *make_attempts_case(void);

static struct attempts *attempts;

static void setup(void)
{
	attempts = attempts_new();
	ck_assert_ptr_nonnull(attempts);
}

static void teardown(void)
{
	attempts_free(attempts);
}

static struct attempt numbered(uint32_t n)
{
	return attempt_of(VIEW("south"), view_make(&n, sizeof n), REASON_RECEIPT_INVALID);
}

START_TEST(one_is_known_for_an_hour)
{
	struct attempt one = numbered(1);

	ck_assert(!attempts_known(attempts, &one, NOW));
	attempts_note(attempts, &one, NOW);
	ck_assert(attempts_known(attempts, &one, NOW));
	ck_assert(attempts_known(attempts, &one, NOW + ATTEMPTS_QUIET - 1));
	ck_assert(!attempts_known(attempts, &one, NOW + ATTEMPTS_QUIET));
	/* A clock that was set back. */
	ck_assert(!attempts_known(attempts, &one, NOW - 1));
	attempts_note(attempts, &one, NOW + ATTEMPTS_QUIET);
	ck_assert(attempts_known(attempts, &one, NOW + ATTEMPTS_QUIET));
}
END_TEST

START_TEST(who_what_and_why_make_it_one)
{
	struct attempt one = attempt_of(VIEW("south"), VIEW("x"), REASON_RECEIPT_INVALID);
	const struct attempt others[] = { attempt_of(VIEW("north"), VIEW("x"), REASON_RECEIPT_INVALID),
		                          attempt_of(VIEW("south"), VIEW("y"), REASON_RECEIPT_INVALID),
		                          attempt_of(VIEW("south"), VIEW("x"), REASON_OUTPUT_VIOLATION) };

	attempts_note(attempts, &one, NOW);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert(!attempts_known(attempts, &others[i], NOW));
	one = attempt_of(VIEW("south"), VIEW("x"), REASON_RECEIPT_INVALID);
	ck_assert(attempts_known(attempts, &one, NOW));
}
END_TEST

START_TEST(the_oldest_makes_room)
{
	struct attempt first = numbered(0), second = numbered(1), last = numbered(ATTEMPTS_KEPT);

	for (uint32_t i = 0; i <= ATTEMPTS_KEPT; i++) {
		struct attempt one = numbered(i);
		attempts_note(attempts, &one, NOW);
	}
	ck_assert(!attempts_known(attempts, &first, NOW));
	ck_assert(attempts_known(attempts, &second, NOW));
	ck_assert(attempts_known(attempts, &last, NOW));
	/* One that is noted again takes no other's place. */
	attempts_note(attempts, &last, NOW);
	ck_assert(attempts_known(attempts, &second, NOW));
}
END_TEST

TCase *make_attempts_case(void)
{
	TCase *c = tcase_create("attempts");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, one_is_known_for_an_hour);
	tcase_add_test(c, who_what_and_why_make_it_one);
	tcase_add_test(c, the_oldest_makes_room);
	return c;
}
