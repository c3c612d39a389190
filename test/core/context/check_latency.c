/* Histograms of how long something took. */
#include <check.h>
#include <pthread.h>

#include "gatewayd/os/latency.h"

TCase *make_latency_case(void);

/* Where so many microseconds are counted. */
static size_t bucket(int64_t us)
{
	struct latency l = { .sum_us = 0 };
	size_t i = 0;

	latency_note(&l, us);
	while (atomic_load(&l.n[i]) == 0)
		i++;
	return i;
}

/* Each bound belongs to the bucket that it ends; one microsecond more to the next. */
START_TEST(bounds)
{
	uint64_t bound = 64;

	ck_assert_uint_eq(bucket((int64_t)0), 0);
	ck_assert_uint_eq(bucket((int64_t)1), 0);
	ck_assert_uint_eq(bucket((int64_t)2), 0);
	for (size_t i = 0; i < LATENCY_BUCKETS; i++, bound *= 2) {
		ck_assert_uint_eq(latency_bound_us(i), bound);
		ck_assert_uint_eq(bucket((int64_t)bound), i);
		ck_assert_uint_eq(bucket((int64_t)bound + 1), i + 1);
	}
	ck_assert_uint_eq(latency_bound_us(LATENCY_BUCKETS), 0);
	ck_assert_uint_eq(bucket(INT64_MAX), LATENCY_BUCKETS);
}
END_TEST

START_TEST(sums)
{
	struct latency a = { .sum_us = 0 }, b = { .sum_us = 0 };
	struct latency_sum sum = { .sum_us = 0 };

	latency_note(&a, 10);
	latency_note(&a, 100);
	latency_note(&b, 100);
	latency_note(&b, -5); /* as clocks of two threads may say */
	latency_note(&b, INT64_C(1) << 40);
	latency_add(&sum, &a);
	latency_add(&sum, &b);
	ck_assert_uint_eq(sum.n[0], 2);
	ck_assert_uint_eq(sum.n[1], 2);
	ck_assert_uint_eq(sum.n[LATENCY_BUCKETS], 1);
	ck_assert_uint_eq(sum.sum_us, 210 + (UINT64_C(1) << 40));
}
END_TEST

#define NOTES 200000

static void *note_all(void *l)
{
	for (int i = 0; i < NOTES; i++)
		latency_note(l, i % 1000);
	return NULL;
}

/* A reader finds no more than was noted, never less than before, and all of it in the end. */
START_TEST(read_meanwhile)
{
	struct latency l = { .sum_us = 0 };
	uint64_t before = 0, n = 0;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, note_all, &l), 0);
	while (n < NOTES) {
		struct latency_sum sum = { .sum_us = 0 };
		latency_add(&sum, &l);
		n = 0;
		for (size_t i = 0; i <= LATENCY_BUCKETS; i++)
			n += sum.n[i];
		ck_assert_uint_ge(n, before);
		ck_assert_uint_le(n, NOTES);
		before = n;
	}
	pthread_join(thread, NULL);
}
END_TEST

TCase *make_latency_case(void)
{
	TCase *c = tcase_create("latency");

	tcase_add_test(c, bounds);
	tcase_add_test(c, sums);
	tcase_add_test(c, read_meanwhile);
	return c;
}
