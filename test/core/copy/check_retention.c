/* What falls due: the sweep, over a copy's life from its arrival to its end, and over the log's withheld fields. */
#include "gatewayd/core/copy/disclosure_retention.h"
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/copy/retention.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/log.h"
#include "test/core/worker_fixture.h"

TCase *make_retention_case(void);

static struct retention *retention;
static struct disclosure_retention *disclosures;
static struct exchange *received;
static struct store_exchange row;

static void set_up(void)
{
	struct submission s;

	worker_open();
	retention = retention_new(&f.core, f.reader);
	disclosures = disclosure_retention_new(&f.core, f.reader);
	ck_assert(retention && disclosures);
	s = submission_by(SOUTH_SYSTEM, "pnr");
	received = sent(&s, released_text());
	row = row_of(received);
	ck_assert_int_eq(row.state, STATE_READY);
}

static void tear_down(void)
{
	exchange_recycle(received);
	worker_close();
	retention_free(retention);
	disclosure_retention_free(disclosures);
}

/* The day is `days` from now: all that is due then is fired. */
static void sweep(int days)
{
	struct pollfd p = { .fd = retention_fd(retention), .events = POLLIN };

	for (int i = 0; i < 20; i++) {
		OK(retention_sweep(retention, f.now_ms + days * DAY_MS, e));
		if (!retention_busy(retention))
			return;
		while (retention_busy(retention)) {
			ck_assert_int_eq(poll(&p, 1, 30000), 1);
			retention_collect(retention);
		}
	}
	ck_abort_msg("the sweep does not end");
}

static enum exchange_state state(void)
{
	return row_of(received).state;
}

/* The newest item of the inbox; 0: there is none. Its kind is in `kind`. */
static unsigned long long item(char kind[32])
{
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox"), 200);
	json_t *list = json_object_get(answer_doc(), "items");
	json_t *one = json_array_get(list, json_array_size(list) ? json_array_size(list) - 1 : 0);

	snprintf(kind, 32, "%s", one ? core_member(one, "kind") : "");
	return (unsigned long long)json_integer_value(json_object_get(one, "id"));
}

static int ack(unsigned long long id, const char *body)
{
	char path[80];

	snprintf(path, sizeof path, "/v1/inbox/%llu/ack", id);
	return posted(NORTH_SYSTEM, path, view_of(body));
}

static void fetch(void)
{
	char kind[32];

	ck_assert_int_eq(ack(item(kind), "{}"), 200);
	ck_assert_int_eq(state(), STATE_FETCHED);
}

static void expect_item(const char *want)
{
	char kind[32];

	ck_assert_uint_gt(item(kind), 0);
	ck_assert_str_eq(kind, want);
}

static bool put_hold(void *arg, const struct act *a, struct error *e)
{
	struct store_hold h = { .seq = row.seq,
		                .kind = HOLD_LEGAL,
		                .from_ms = a->now_ms,
		                .until_ms = a->now_ms + 3650 * DAY_MS,
		                .statement = { .b = { 3 } },
		                .signer = VIEW("north-officer"),
		                .role = VIEW("officer") };
	bool *fresh = arg;

	return store_put_hold(a->store, &h, fresh, e);
}

static void hold_it(void)
{
	bool fresh = false;
	struct core_job j = core_act(&f, put_hold, &fresh);

	ck_assert_msg(j.committed && fresh, "%s", j.error.text);
}

/* --- the gateway's own copy --- */

START_TEST(what_nobody_fetches_is_erased_at_its_time)
{
	sweep(6); /* P7D */
	ck_assert(is_sealed(row.seq));
	ck_assert_int_eq(state(), STATE_READY);
	sweep(8);
	ck_assert(!is_sealed(row.seq));
	ck_assert_int_eq(state(), STATE_ERASED);
	ck_assert_uint_ge(atomic_load(&f.core.fired), 1);
}
END_TEST

START_TEST(what_is_held_is_not)
{
	hold_it();
	sweep(8);
	ck_assert(is_sealed(row.seq));
	ck_assert_int_eq(state(), STATE_READY);
}
END_TEST

/* --- the recipient's copy --- */

START_TEST(a_copy_is_masked_and_at_last_erased)
{
	char kind[32];

	fetch();
	sweep(150);
	ck_assert_uint_eq(item(kind), 0);
	sweep(190); /* P6M */
	expect_item("mask");
	ck_assert_int_eq(ack(item(kind), "{\"result\":\"masked\"}"), 200);
	sweep(3 * 366);
	expect_item("review");
	ck_assert_int_eq(ack(item(kind), "{\"result\":\"kept\"}"), 422); /* without a reason */
	ck_assert_int_eq(ack(item(kind), "{\"result\":\"kept\",\"reason\":\"still under inquiry\"}"), 200);
	sweep(5 * 366 + 1);
	expect_item("erase");
	ck_assert_int_eq(ack(item(kind), "{\"result\":\"erased\"}"), 200);
	ck_assert_int_eq(state(), STATE_ENDED);
}
END_TEST

/* Silence on a review means erase. */
START_TEST(a_review_without_an_answer)
{
	fetch();
	sweep(3 * 366);
	expect_item("review");
	sweep(3 * 366 + 200);
	expect_item("erase");
}
END_TEST

static bool count_overdue(void *arg, const struct store_duty *d)
{
	*(unsigned *)arg += d->escalated > 0;
	return true;
}

START_TEST(a_duty_without_a_receipt_is_called_for_again)
{
	unsigned n = 0;

	fetch();
	sweep(190);
	OK(store_list_overdue(f.reader, 0, 100, count_overdue, &n, e));
	ck_assert_uint_eq(n, 0);
	sweep(400);
	OK(store_list_overdue(f.reader, 0, 100, count_overdue, &n, e));
	ck_assert_uint_ge(n, 1);
}
END_TEST

/* --- the log --- */

static bool let_disclosures_go(int days)
{
	struct writer_stats before, after;
	struct timespec rest = { .tv_nsec = 5000000 };

	writer_stats(f.log.writer, &before);
	OK(disclosure_retention_sweep(disclosures, f.now_ms + days * DAY_MS, e));
	for (int i = 0; i < 100; i++) {
		writer_stats(f.log.writer, &after);
		if (after.tree_size > before.tree_size)
			return true;
		nanosleep(&rest, NULL);
	}
	return false;
}

START_TEST(withheld_fields_of_the_log_have_their_time)
{
	ck_assert(let_disclosures_go(5 * 366 + 1));
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "erasure");
	ck_assert_ptr_nonnull(strstr(core_member(entry, "note"), "withheld fields of"));
	json_decref(entry);
	struct view leaf, packed;
	OK(store_find_entry(f.reader, row.entry, &leaf, &packed, e));
	ck_assert(packed.n == 0 || view_is(packed, "[]"));
}
END_TEST

START_TEST(before_it_they_stay)
{
	ck_assert(!let_disclosures_go(4 * 365));
}
END_TEST

START_TEST(of_what_is_held_they_stay)
{
	struct view leaf, packed;

	hold_it();
	let_disclosures_go(5 * 366 + 1);
	OK(store_find_entry(f.reader, row.entry, &leaf, &packed, e));
	ck_assert_uint_gt(packed.n, 2);
}
END_TEST

static bool take_row(void *arg, const struct act *a, struct error *e)
{
	return store_erase_disclosures(a->store, *(const uint64_t *)arg, e);
}

/* Whether the last entry says that it erased this one's. */
static bool says_erased(uint64_t entry)
{
	json_t *doc = core_last_entry(&f), *range;
	bool says = false;
	size_t i;

	ck_assert_str_eq(core_member(doc, "operation"), "erasure");
	ck_assert_ptr_null(json_object_get(doc, "erased_log"));
	json_array_foreach(json_object_get(doc, "erased"), i, range) says =
	        says || (json_integer_value(json_array_get(range, 0)) <= (json_int_t)entry &&
	                 (json_int_t)entry <= json_integer_value(json_array_get(range, 1)));
	json_decref(doc);
	return says;
}

/* Three exchanges; returns the entry of the second. */
static uint64_t three_more(uint64_t all[3])
{
	struct submission s = submission_by(SOUTH_SYSTEM, "pnr");

	for (unsigned i = 0; i < 3; i++) {
		struct exchange *x = sent(&s, released_text());

		all[i] = row_of(x).entry;
		exchange_recycle(x);
	}
	return all[1];
}

START_TEST(the_entry_says_which_were_erased)
{
	uint64_t all[3];

	three_more(all);
	ck_assert(let_disclosures_go(5 * 366 + 1));
	for (unsigned i = 0; i < 3; i++)
		ck_assert(says_erased(all[i]));
	ck_assert(says_erased(row.entry));
	/* Over what withholds nothing, and not behind the last. */
	json_t *doc = core_last_entry(&f);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "erased")), 1);
	ck_assert(!says_erased(all[2] + 20));
	json_decref(doc);
}
END_TEST

START_TEST(it_does_not_say_what_was_taken_away_before)
{
	uint64_t all[3], gone = three_more(all);
	struct core_job j = core_act(&f, take_row, &gone);

	ck_assert_msg(j.committed, "%s", j.error.text);
	ck_assert(let_disclosures_go(5 * 366 + 1));
	ck_assert(says_erased(all[0]) && says_erased(all[2]));
	ck_assert(!says_erased(gone));
}
END_TEST

START_TEST(nor_what_is_held)
{
	uint64_t all[3];

	three_more(all);
	hold_it();
	ck_assert(let_disclosures_go(5 * 366 + 1));
	ck_assert(says_erased(all[0]));
	ck_assert(!says_erased(row.entry));
}
END_TEST

/* Keeps the writer until it may go on, and takes a row away before the erasure that waits behind it. */
struct keeping {
	_Atomic bool begun, go_on;
	uint64_t entry;
};

static bool keep_and_take(void *arg, const struct act *a, struct error *e)
{
	struct keeping *k = arg;
	struct timespec rest = { .tv_nsec = 1000000 };

	k->begun = true;
	while (!k->go_on)
		nanosleep(&rest, NULL);
	return store_erase_disclosures(a->store, k->entry, e);
}

START_TEST(nor_anything_when_one_is_taken_away_meanwhile)
{
	struct keeping k = { .entry = row.entry };
	struct core_job j = { .job = { .home = f.log.home, .run = core_job_run, .done = core_job_done },
		              .fixture = &f,
		              .run = keep_and_take,
		              .arg = &k };
	struct timespec rest = { .tv_nsec = 1000000 };
	struct view leaf, packed;
	uint64_t all[3];

	three_more(all);
	writer_submit(f.log.writer, &j.job);
	while (!k.begun)
		nanosleep(&rest, NULL);
	OK(disclosure_retention_sweep(disclosures, f.now_ms + (5 * 366 + 1) * DAY_MS, e));
	k.go_on = true;
	core_wait(&f, &j.home, 1);
	ck_assert_msg(j.committed, "%s", j.error.text);
	let_write();
	OK(store_find_entry(f.reader, all[0], &leaf, &packed, e));
	ck_assert_uint_gt(packed.n, 0);
	/* The next look leaves out what is gone. */
	ck_assert(let_disclosures_go(5 * 366 + 1));
	ck_assert(says_erased(all[0]));
	ck_assert(!says_erased(row.entry));
}
END_TEST

/* --- who owes a receipt --- */

static bool put_debt(void *arg, const struct act *a, struct error *e)
{
	struct store_duty *d = arg;

	return store_put_duty(a->store, d, e);
}

START_TEST(overdue_receipts_block_their_debtor_only)
{
	struct store_duty d = { .seq = row.seq,
		                .kind = DUTY_MASK,
		                .state = DUTY_OVERDUE,
		                .made_ms = f.now_ms,
		                .due_ms = f.now_ms,
		                .escalated = 1,
		                .blocks = true };

	overdue_refresh(&f.core, f.reader);
	ck_assert(!overdue_blocks(&f.core, VIEW("pnr"), VIEW("north")));
	struct core_job j = core_act(&f, put_debt, &d);
	ck_assert_msg(j.committed, "%s", j.error.text);
	ck_assert(!overdue_blocks(&f.core, VIEW("pnr"), VIEW("north")));
	overdue_refresh(&f.core, f.reader);
	ck_assert(overdue_blocks(&f.core, VIEW("pnr"), VIEW("north")));
	ck_assert(!overdue_blocks(&f.core, VIEW("pnr"), VIEW("south")));
	ck_assert(!overdue_blocks(&f.core, VIEW("counted"), VIEW("north")));
}
END_TEST

static bool set_debt(void *arg, const struct act *a, struct error *e)
{
	return store_set_duty(a->store, arg, e);
}

#define LOOKERS 3

static _Atomic bool looking;

static void *look_again_and_again(void *reader)
{
	while (atomic_load(&looking))
		overdue_refresh(&f.core, reader);
	return NULL;
}

/* Workers look at the same time: who began before a commit does not take back what was seen after it. */
START_TEST(an_older_picture_replaces_no_newer_one)
{
	struct store_duty d = { .seq = row.seq,
		                .kind = DUTY_MASK,
		                .state = DUTY_OVERDUE,
		                .made_ms = f.now_ms,
		                .due_ms = f.now_ms,
		                .escalated = 1,
		                .blocks = true };
	struct store *readers[LOOKERS];
	pthread_t threads[LOOKERS];

	ck_assert(core_act(&f, put_debt, &d).committed);
	atomic_store(&looking, true);
	for (size_t i = 0; i < LOOKERS; i++) {
		OK((readers[i] = store_open_reader(store_path, e)) != NULL);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, look_again_and_again, readers[i]), 0);
	}
	for (int n = 0; n < 400; n++) {
		d.state = n % 2 ? DUTY_OVERDUE : DUTY_DONE;
		ck_assert(core_act(&f, set_debt, &d).committed);
		overdue_refresh(&f.core, f.reader);
		for (int64_t until = instant_monotonic_us() + 300; instant_monotonic_us() < until;)
			ck_assert(overdue_blocks(&f.core, VIEW("pnr"), VIEW("north")) == (d.state == DUTY_OVERDUE));
	}
	atomic_store(&looking, false);
	for (size_t i = 0; i < LOOKERS; i++) {
		pthread_join(threads[i], NULL);
		store_close(readers[i]);
	}
}
END_TEST

TCase *make_retention_case(void)
{
	TCase *c = tcase_create("retention");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_nobody_fetches_is_erased_at_its_time);
	tcase_add_test(c, what_is_held_is_not);
	tcase_add_test(c, a_copy_is_masked_and_at_last_erased);
	tcase_add_test(c, a_review_without_an_answer);
	tcase_add_test(c, a_duty_without_a_receipt_is_called_for_again);
	tcase_add_test(c, withheld_fields_of_the_log_have_their_time);
	tcase_add_test(c, before_it_they_stay);
	tcase_add_test(c, of_what_is_held_they_stay);
	tcase_add_test(c, the_entry_says_which_were_erased);
	tcase_add_test(c, it_does_not_say_what_was_taken_away_before);
	tcase_add_test(c, nor_what_is_held);
	tcase_add_test(c, nor_anything_when_one_is_taken_away_meanwhile);
	tcase_add_test(c, overdue_receipts_block_their_debtor_only);
	tcase_add_test(c, an_older_picture_replaces_no_newer_one);
	return c;
}
