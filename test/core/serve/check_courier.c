/* What a courier takes up, how often it sends, and what becomes of each: with a kind that sends nothing. */
#include "gatewayd/core/serve/courier.h"

#include "test/core/log_fixture.h"

#define DUE_MAX 100
#define MOST    4

TCase *make_courier_case(void);

struct letter {
	struct parcel parcel; /* first */
	struct letter *next, **link;
};

static struct log_fixture f;
static struct core core;
static struct worker worker;
static struct courier *courier;

/* What the kind says, and what it was asked. */
static struct {
	struct courier_due due[DUE_MAX];
	unsigned n_due, max;
	bool cannot_list, no_memory, cannot_send, write_fails;
	struct letter *letters;
	unsigned made, sent, judged, freed;
	_Atomic unsigned written;
	int64_t written_ms;
	struct courier_due last_written;
} k;

static bool list_due(struct store *reader, int64_t now_ms, unsigned max, courier_each *each, void *arg, struct error *e)
{
	ck_assert_ptr_null(reader);
	ck_assert_int_gt(now_ms, 0);
	k.max = max;
	if (k.cannot_list)
		return error_set(e, REASON_STORE, "made up");
	for (unsigned i = 0; i < k.n_due && i < max; i++)
		if (!each(arg, &k.due[i]))
			break;
	return true;
}

static struct parcel *make(struct worker *w, const struct courier_due *due)
{
	struct letter *l = k.no_memory ? NULL : calloc(1, sizeof *l);

	ck_assert_ptr_eq(w, &worker);
	ck_assert_uint_gt(due->id, 0);
	if (!l)
		return NULL;
	k.made++;
	l->next = k.letters;
	l->link = &k.letters;
	if (l->next)
		l->next->link = &l->next;
	k.letters = l;
	return &l->parcel;
}

static bool send_it(struct parcel *p)
{
	(void)p;
	k.sent++;
	return !k.cannot_send;
}

static void judge(struct parcel *p)
{
	k.judged++;
	p->now_ms = 4711;
}

static bool write_it(struct parcel *p, struct act *a, struct error *e)
{
	ck_assert_ptr_eq(a->core, &core);
	ck_assert_ptr_eq(a->job, &p->job);
	ck_assert(a->writer && a->store);
	k.written_ms = a->now_ms;
	k.last_written = p->due;
	k.written++;
	return !k.write_fails || error_set(e, REASON_QUOTA, "this one fails");
}

static void let_go(struct parcel *p)
{
	struct letter *l = PARCEL_OF(struct letter, p);

	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	free(l);
	k.freed++;
}

static const struct courier_kind letters = {
	.name = "letters",
	.most = MOST,
	.due = list_due,
	.make = make,
	.send = send_it,
	.judge = judge,
	.write = write_it,
	.free = let_go,
};

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	memset(&k, 0, sizeof k);
	core = (struct core){ .writer = f.writer, .n_workers = 1 };
	worker = (struct worker){ .core = &core, .home = f.home };
	courier = courier_new(&worker, &letters);
	ck_assert_ptr_nonnull(courier);
}

static void teardown(void)
{
	log_stop(&f);
	courier_free(courier);
	ck_assert_uint_eq(k.made, k.freed);
	log_teardown(&f);
}

static void due(unsigned n)
{
	for (k.n_due = 0; k.n_due < n; k.n_due++)
		k.due[k.n_due] = (struct courier_due){ .id = k.n_due + 1, .attempts = 7, .deadline_ms = 8 };
}

static void collect(unsigned freed)
{
	struct pollfd p = { .fd = home_fd(f.home), .events = POLLIN };

	while (k.freed < freed) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(f.home);
	}
	ck_assert_uint_eq(k.freed, freed);
}

/* The partner answers the one that was sent last. */
static void answer(void)
{
	struct post *p = &k.letters->parcel.post;

	p->ended(p->arg);
}

START_TEST(only_so_many_are_under_way)
{
	due(10);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, MOST);
	ck_assert_uint_eq(k.judged, 0);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, MOST);
	answer();
	collect(1);
	k.due[3].id = 11; /* the last one sent, written: no longer due */
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, MOST + 1);
	ck_assert_uint_eq(k.letters->parcel.due.id, 11);
}
END_TEST

START_TEST(what_is_under_way_is_not_sent_again)
{
	due(2);
	courier_tick(courier);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
	ck_assert_uint_eq(k.max, MOST + 2);
}
END_TEST

START_TEST(each_worker_has_its_share)
{
	core.n_workers = 3;
	worker.index = 2;
	due(7);
	courier_tick(courier);
	ck_assert_uint_eq(k.max, 3 * MOST);
	ck_assert_uint_eq(k.sent, 2); /* 2 and 5 */
	ck_assert_uint_eq(k.letters->parcel.due.id, 5);
	ck_assert_uint_eq(k.letters->next->parcel.due.id, 2);
}
END_TEST

START_TEST(an_answer_is_judged_then_written_then_it_is_gone)
{
	due(1);
	courier_tick(courier);
	answer();
	ck_assert_uint_eq(k.judged, 1);
	collect(1);
	ck_assert_uint_eq(k.written, 1);
	ck_assert_int_eq(k.written_ms, 4711);
	ck_assert_uint_eq(k.last_written.id, 1);
	ck_assert_uint_eq(k.last_written.attempts, 7);
	ck_assert_int_eq(k.last_written.deadline_ms, 8);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(what_cannot_be_sent_is_judged_at_once)
{
	k.cannot_send = true;
	due(1);
	courier_tick(courier);
	ck_assert_uint_eq(k.judged, 1);
	collect(1);
	ck_assert_uint_eq(k.written, 1);
}
END_TEST

START_TEST(what_cannot_be_written_is_due_again)
{
	k.write_fails = true;
	due(1);
	courier_tick(courier);
	answer();
	collect(1);
	k.write_fails = false;
	courier_tick(courier);
	answer();
	collect(2);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(without_memory_or_store_nothing_is_taken_up)
{
	k.no_memory = true;
	due(2);
	courier_tick(courier);
	k.no_memory = false;
	k.cannot_list = true;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 0);
	k.cannot_list = false;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

TCase *make_courier_case(void)
{
	TCase *c = tcase_create("courier");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, only_so_many_are_under_way);
	tcase_add_test(c, what_is_under_way_is_not_sent_again);
	tcase_add_test(c, each_worker_has_its_share);
	tcase_add_test(c, an_answer_is_judged_then_written_then_it_is_gone);
	tcase_add_test(c, what_cannot_be_sent_is_judged_at_once);
	tcase_add_test(c, what_cannot_be_written_is_due_again);
	tcase_add_test(c, without_memory_or_store_nothing_is_taken_up);
	return c;
}
