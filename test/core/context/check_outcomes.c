/* Records by agreement: rows of the configuration's agreements, bounded, from every thread. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gatewayd/core/context/outcomes.h"

TCase *make_outcomes_case(void);

static struct outcomes all;

static void set_up(void)
{
	memset(&all, 0, sizeof all);
}

static void tear_down(void)
{
	outcomes_free(&all);
}

struct seen {
	unsigned rows;
	uint64_t n;
	const char *last;
};

static void see(void *arg, const struct outcomes_row *row)
{
	struct seen *s = arg;

	s->rows++;
	for (unsigned i = 0; i < ENDED_COUNT; i++)
		s->n += atomic_load(&row->n[i]);
	s->last = row->agreement;
}

static struct seen looked(void)
{
	struct seen s = { .rows = 0 };

	outcomes_each(&all, see, &s);
	ck_assert_str_eq(s.last, "");
	return s;
}

START_TEST(by_agreement)
{
	outcomes_count(&all, VIEW("pnr"), ENDED_HELD);
	outcomes_count(&all, VIEW("pnr"), ENDED_HELD);
	outcomes_count(&all, VIEW("fin"), ENDED_RELEASED);
	outcomes_count(&all, VIEW(""), ENDED_REFUSED);
	ck_assert_uint_eq(atomic_load(&outcomes_row(&all, VIEW("pnr"))->n[ENDED_HELD]), 2);
	ck_assert_uint_eq(atomic_load(&outcomes_row(&all, VIEW("fin"))->n[ENDED_RELEASED]), 1);
	ck_assert_uint_eq(atomic_load(&outcomes_row(&all, VIEW(""))->n[ENDED_REFUSED]), 1);
	ck_assert_uint_eq(looked().rows, 3);
	ck_assert_uint_eq(looked().n, 4);
	ck_assert_str_eq(ended_name(ENDED_TRANSFORMED), "released-transformed");
}
END_TEST

/* Past the bound, and of a name that no agreement can have, all is counted in the row without a name. */
START_TEST(bounded)
{
	char name[100];

	for (unsigned i = 0; i < OUTCOMES_ROWS + 50; i++) {
		snprintf(name, sizeof name, "agreement-%u", i);
		outcomes_count(&all, view_of(name), ENDED_RELEASED);
	}
	ck_assert_uint_eq(looked().rows, OUTCOMES_ROWS + 1);
	ck_assert_uint_eq(looked().n, OUTCOMES_ROWS + 50);
	ck_assert_uint_eq(atomic_load(&all.others.n[ENDED_RELEASED]), 50);
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = 0;
	ck_assert_ptr_eq(outcomes_row(&all, view_of(name)), &all.others);
}
END_TEST

#define THREADS  4
#define EACH     20000
#define OF_NAMES 64

static void *count_all(void *arg)
{
	char name[32];

	(void)arg;
	for (unsigned i = 0; i < EACH; i++) {
		snprintf(name, sizeof name, "agreement-%u", i % OF_NAMES);
		outcomes_count(&all, view_of(name), ENDED_RELEASED);
	}
	return NULL;
}

/* Threads that meet a new agreement at once make one row of it, and lose nothing. */
START_TEST(from_every_thread)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_all, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(looked().rows, OF_NAMES + 1);
	ck_assert_uint_eq(looked().n, THREADS * EACH);
	ck_assert_uint_eq(atomic_load(&outcomes_row(&all, VIEW("agreement-7"))->n[ENDED_RELEASED]),
	                  THREADS * (EACH / OF_NAMES + (7 < EACH % OF_NAMES)));
}
END_TEST

TCase *make_outcomes_case(void)
{
	TCase *c = tcase_create("outcomes");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, by_agreement);
	tcase_add_test(c, bounded);
	tcase_add_test(c, from_every_thread);
	return c;
}
