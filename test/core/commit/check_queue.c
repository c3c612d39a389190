/* Jobs that wait for the writer: whose turn it is. */
#include <check.h>

#include "gatewayd/core/commit/queue_private.h"

static struct queue q;
static struct lane flood, quiet, heavy;
static struct job jobs[400];
static size_t used;

static void set_up(void)
{
	q = (struct queue){ .n = 0 };
	TAILQ_INIT(&q.lanes);
	flood = quiet = (struct lane){ .weight = 0 };
	heavy = (struct lane){ .weight = 3 };
	memset(jobs, 0, sizeof jobs);
	used = 0;
}

static struct job *add(struct lane *lane)
{
	struct job *j = &jobs[used++];

	j->lane = lane;
	queue_add(&q, j);
	return j;
}

static void add_many(struct lane *lane, unsigned n)
{
	while (n-- > 0)
		add(lane);
}

/* Of a chain, how many are the lane's among the first `n`. */
static unsigned among(const struct job *first, unsigned n, const struct lane *lane)
{
	unsigned found = 0;

	for (; first && n-- > 0; first = first->next)
		found += first->lane == lane;
	return found;
}

START_TEST(the_order_within_a_lane_is_that_of_adding)
{
	uint32_t n;

	add_many(&flood, 100);
	struct job *first = queue_take(&q, 60, &n);
	ck_assert_uint_eq(n, 60);
	ck_assert_uint_eq(q.n, 40);
	for (size_t i = 0; first; i++, first = first->next)
		ck_assert_ptr_eq(first, &jobs[i]);
	first = queue_take(&q, 60, &n);
	ck_assert(n == 40 && first == &jobs[60] && q.n == 0);
	ck_assert_ptr_null(queue_take(&q, 60, &n));
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(one_that_came_late_is_in_the_next_transaction)
{
	uint32_t n;

	add_many(&flood, 300);
	struct job *mine = add(&quiet);
	struct job *first = queue_take(&q, 128, &n);
	ck_assert_uint_eq(n, 128);
	ck_assert_uint_eq(among(first, 9, &quiet), 1);
	ck_assert_ptr_eq(mine->lane, &quiet);
	ck_assert_uint_eq(q.n, 173);
}
END_TEST

START_TEST(turns_have_weights)
{
	uint32_t n;

	add_many(&flood, 150);
	add_many(&heavy, 150);
	struct job *first = queue_take(&q, 64, &n);
	ck_assert_uint_eq(among(first, 64, &heavy), 48);
	ck_assert_uint_eq(among(first, 64, &flood), 16);
}
END_TEST

START_TEST(the_nodes_own_come_first_and_leave_room)
{
	uint32_t n;

	add_many(&flood, 100);
	struct job *own = add(NULL);
	ck_assert_ptr_eq(queue_take(&q, 10, &n), own);
	add_many(NULL, 200);
	struct job *first = queue_take(&q, 128, &n);
	ck_assert_uint_eq(n, 128);
	ck_assert_uint_eq(among(first, 128, NULL), 64);
	/* Where nobody else waits they have all of it. */
	queue_take(&q, 1000, &n);
	ck_assert_uint_eq(q.n, 0);
	add_many(NULL, 90);
	queue_take(&q, 128, &n);
	ck_assert_uint_eq(n, 90);
}
END_TEST

TCase *make_queue_case(void);
TCase *make_queue_case(void)
{
	TCase *c = tcase_create("queue");

	tcase_add_checked_fixture(c, set_up, NULL);
	tcase_add_test(c, the_order_within_a_lane_is_that_of_adding);
	tcase_add_test(c, one_that_came_late_is_in_the_next_transaction);
	tcase_add_test(c, turns_have_weights);
	tcase_add_test(c, the_nodes_own_come_first_and_leave_room);
	return c;
}
