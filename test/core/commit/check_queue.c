/* Jobs that wait for the writer: whose turn it is. */
#include <check.h>

#include "gatewayd/core/commit/queue_private.h"

static struct queue q;
static struct lane flood, quiet, heavy;
static struct job jobs[800];
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
	struct job *first = queue_take(&q, 60, 1000, &n);
	ck_assert_uint_eq(n, 60);
	ck_assert_uint_eq(q.n, 40);
	for (size_t i = 0; first; i++, first = first->next)
		ck_assert_ptr_eq(first, &jobs[i]);
	first = queue_take(&q, 60, 1000, &n);
	ck_assert(n == 40 && first == &jobs[60] && q.n == 0);
	ck_assert_ptr_null(queue_take(&q, 60, 1000, &n));
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(one_that_came_late_is_in_the_next_transaction)
{
	uint32_t n;

	add_many(&flood, 300);
	struct job *mine = add(&quiet);
	struct job *first = queue_take(&q, 128, 1000, &n);
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
	struct job *first = queue_take(&q, 64, 1000, &n);
	ck_assert_uint_eq(among(first, 64, &heavy), 48);
	ck_assert_uint_eq(among(first, 64, &flood), 16);
}
END_TEST

START_TEST(the_nodes_own_come_first_and_leave_room)
{
	uint32_t n;

	add_many(&flood, 100);
	struct job *own = add(NULL);
	ck_assert_ptr_eq(queue_take(&q, 10, 1000, &n), own);
	add_many(NULL, 200);
	struct job *first = queue_take(&q, 128, 1000, &n);
	ck_assert_uint_eq(n, 128);
	ck_assert_uint_eq(among(first, 128, NULL), 64);
	/* Where nobody else waits they have all of it. */
	queue_take(&q, 1000, 1000, &n);
	ck_assert_uint_eq(q.n, 0);
	add_many(NULL, 90);
	queue_take(&q, 128, 1000, &n);
	ck_assert_uint_eq(n, 90);
}
END_TEST

START_TEST(where_several_wait_few_are_taken)
{
	uint32_t n;

	add_many(&flood, 100);
	queue_take(&q, 128, 16, &n);
	ck_assert_uint_eq(n, 100);
	add_many(&flood, 100);
	add(&quiet);
	struct job *first = queue_take(&q, 128, 16, &n);
	ck_assert_uint_eq(n, 32);
	ck_assert_uint_eq(among(first, 32, &quiet), 1);
	/* It may be back at once: */
	while (q.n > 0) {
		queue_take(&q, 128, 16, &n);
		ck_assert_uint_le(n, 32);
	}
	/* after a while the other has all of it. */
	for (int i = 0; i < 64; i++) {
		add(&flood);
		queue_take(&q, 128, 16, &n);
	}
	add_many(&flood, 100);
	queue_take(&q, 128, 16, &n);
	ck_assert_uint_eq(n, 100);
	add_many(&flood, 100);
	/* The node's own come beside them. */
	add_many(NULL, 40);
	add_many(&heavy, 100);
	first = queue_take(&q, 128, 16, &n);
	ck_assert_uint_eq(n, 72);
	ck_assert_uint_eq(among(first, 72, NULL), 40);
}
END_TEST

START_TEST(what_did_not_run_is_first_again)
{
	uint32_t n;

	add_many(&flood, 20);
	struct job *first = queue_take(&q, 10, 16, &n);
	/* Of lanes with a part in it nothing new is told, nor of the node's own. */
	ck_assert(!queue_add(&q, &(struct job){ .lane = NULL }));
	queue_take(&q, 1, 16, &n);
	ck_assert_uint_eq(n, 1);
	queue_put_back(&q, first);
	ck_assert_uint_eq(q.n, 20);
	struct job *mine = &jobs[used++];
	mine->lane = &quiet;
	ck_assert(queue_add(&q, mine));
	first = queue_take(&q, 128, 128, &n);
	ck_assert_uint_eq(n, 21);
	/* Its turn comes, and the rest is in the order of adding. */
	ck_assert_uint_eq(among(first, 9, &quiet), 1);
	unsigned next = 0;
	for (; first; first = first->next)
		if (first->lane == &flood)
			ck_assert_ptr_eq(first, &jobs[next++]);
	ck_assert_uint_eq(next, 20);
	mine = &jobs[used++];
	mine->lane = &quiet;
	ck_assert(!queue_add(&q, mine));
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
	tcase_add_test(c, where_several_wait_few_are_taken);
	tcase_add_test(c, what_did_not_run_is_first_again);
	return c;
}
