/* Deliveries that arrived together, and the receipts that came with them. */
#include "gatewayd/core/store/arrival.h"

#include <sqlite3.h>

#include "test/core/scratch.h"
#include "test/core/store/conformance_world.h"

TCase *make_store_arrival_case(void);

#define MANY 37 /* more than two statements take */

static struct scratch_dir dir;
static struct store *s;
static uint64_t seqs[MANY];

static bool queue_one(uint8_t n, struct error *e)
{
	struct store_exchange x = world_exchange(n, ""), prior;
	struct store_delivery d;
	struct store_timer t;
	enum store_accepted result;

	if (!store_accept(s, &x, &result, &prior, e))
		return false;
	struct store_payload p = { .seq = x.seq, .slot = 100 + n, .sealed = VIEW("sealed") };
	seqs[n] = x.seq;
	d = world_delivery(x.seq);
	t = world_timer(x.seq);
	return store_put_payload(s, &p, e) && store_put_delivery(s, &d, e) && store_put_timer(s, &t, e);
}

static void set_up(void)
{
	dir = scratch_new();
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	OK(store_begin(s, e));
	for (uint8_t n = 0; n < MANY; n++)
		OK(queue_one(n, e));
}

static void tear_down(void)
{
	store_close(s);
	scratch_remove(&dir);
}

struct seen {
	struct store_arrival all[MANY];
	size_t n, most;
};

static bool see(void *arg, const struct store_arrival *x)
{
	struct seen *l = arg;

	ck_assert_uint_lt(l->n, MANY);
	ck_assert_int_eq(x->state, STATE_QUEUED);
	ck_assert(view_eq(x->purpose, world_timer(1).purpose));
	ck_assert_int_eq(x->plan.end_ms, world_timer(1).plan.end_ms);
	l->all[l->n++] = *x;
	return l->n < l->most;
}

static size_t listed(size_t most)
{
	struct seen l = { .most = most };

	OK(store_list_arrivals(s, seqs, MANY, see, &l, e));
	for (size_t i = 0; i < l.n; i++)
		ck_assert_uint_eq(l.all[i].slot, 100 + (l.all[i].seq - seqs[0]));
	return l.n;
}

START_TEST(all_of_them_are_listed)
{
	ck_assert_uint_eq(listed(MANY + 1), MANY);
	ck_assert_uint_eq(listed(5), 5);
	ck_assert_uint_eq(listed(16), 16);
	OK(store_list_arrivals(s, seqs, 0, see, NULL, e));
}
END_TEST

START_TEST(what_is_not_plain_is_not)
{
	struct store_duty d = world_duty(DUTY_MASK);
	struct store_hold h = world_hold(1, HOLD_LEGAL);
	bool fresh;

	d.seq = seqs[3];
	h.seq = seqs[4];
	OK(store_put_duty(s, &d, e) && store_put_hold(s, &h, &fresh, e));
	OK(store_drop_timer(s, seqs[20], e) && store_erase_payload(s, seqs[36], e));
	ck_assert_uint_eq(listed(MANY + 1), MANY - 4);
}
END_TEST

START_TEST(they_end_together)
{
	struct store_delivery d;
	struct store_payload p;
	struct store_exchange x;
	struct error why = { .reason = REASON_NONE };

	OK(store_set_states(s, seqs, MANY - 1, STATE_DELIVERED, e));
	OK(store_end_arrivals(s, seqs, MANY - 1, e));
	for (size_t i = 0; i < MANY - 1; i++) {
		ck_assert(!store_get_delivery(s, seqs[i], &d, &why) && why.reason == REASON_NOT_FOUND);
		ck_assert(!store_get_payload(s, seqs[i], &p, &why) && why.reason == REASON_NOT_FOUND);
		OK(store_get_exchange(s, seqs[i], &x, e));
		ck_assert_int_eq(x.state, STATE_DELIVERED);
	}
	ck_assert(store_erased(s));
	/* The last is as it was. */
	OK(store_get_delivery(s, seqs[MANY - 1], &d, e) && store_get_payload(s, seqs[MANY - 1], &p, e));
	OK(store_get_exchange(s, seqs[MANY - 1], &x, e));
	ck_assert_int_eq(x.state, STATE_QUEUED);
}
END_TEST

START_TEST(one_that_is_not_there_fails)
{
	struct error why = { .reason = REASON_NONE };

	OK(store_erase_payload(s, seqs[30], e));
	ck_assert(!store_end_arrivals(s, seqs, MANY, &why));
	ck_assert_int_eq(why.reason, REASON_NOT_FOUND);
	why = (struct error){ .reason = REASON_NONE };
	seqs[30] = 99999;
	ck_assert(!store_set_states(s, seqs, MANY, STATE_DELIVERED, &why));
	ck_assert_int_eq(why.reason, REASON_NOT_FOUND);
	struct store_timer t = world_timer(99999);
	why = (struct error){ .reason = REASON_NONE };
	ck_assert(!store_rearm_timer(s, &t, &why));
	ck_assert_int_eq(why.reason, REASON_NOT_FOUND);
}
END_TEST

START_TEST(a_timer_is_rearmed)
{
	struct store_timer t = world_timer(seqs[1]), now;

	t.due_ms = T0 + 5;
	t.kind = TIMER_REVIEW;
	t.plan.payload_ms = 0;
	OK(store_rearm_timer(s, &t, e));
	OK(store_get_timer(s, seqs[1], &now, e));
	ck_assert_int_eq(now.due_ms, T0 + 5);
	ck_assert_int_eq(now.kind, TIMER_REVIEW);
	ck_assert_int_eq(now.plan.payload_ms, 0);
	ck_assert_int_eq(now.plan.end_ms, t.plan.end_ms);
	ck_assert(view_eq(now.purpose, t.purpose));
}
END_TEST

/* --- receipts --- */

static struct view receipt_of(uint64_t seq)
{
	struct view text;

	OK(store_get_receipt(s, seq, &text, e));
	return text;
}

static bool note_receipt(void *arg, uint64_t seq, const struct uuid *exchange, struct view receipt)
{
	struct buf *out = arg;

	(void)exchange;
	buf_addf(out, "%llu %.*s;", (unsigned long long)(seq - seqs[0]), VIEW_ARG(receipt));
	return true;
}

START_TEST(receipts_come_together_and_back_one_by_one)
{
	struct buf out = BUF_INIT(65536);
	struct error why = { .reason = REASON_NONE };
	struct view text;

	OK(world_receipts(s, seqs, 3, e));
	ck_assert(view_is(receipt_of(seqs[0]), "together 0"));
	ck_assert(view_is(receipt_of(seqs[2]), "together 2"));
	ck_assert(!store_get_receipt(s, seqs[3], &text, &why));
	ck_assert_int_eq(why.reason, REASON_NOT_FOUND);
	/* It came once more. */
	OK(store_put_receipt(s, seqs[1], VIEW("again"), e));
	ck_assert(view_is(receipt_of(seqs[1]), "again"));
	OK(store_list_receipts(s, seqs[0], 9, note_receipt, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "1 again;2 together 2;");
	buf_free(&out);
}
END_TEST

static void execute(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A store of the build before, whose receipts are texts in rows of their own: it is brought forward, and they are still there,
 * beside new ones. */
START_TEST(a_store_of_before)
{
	struct buf out = BUF_INIT(65536);

	OK(store_commit(s, e));
	store_close(s);
	execute("ALTER TABLE entry DROP COLUMN compact; ALTER TABLE disclosure DROP COLUMN compact;"
	        "DROP TABLE act; DROP TABLE act_signature; DROP TABLE act_telling;"
	        "DROP TABLE receipt_of; DROP TABLE receipt_bundle; PRAGMA user_version = 22;"
	        "INSERT INTO receipt (seq, receipt) VALUES (2, 'of before'), (3, 'as well')");
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	ck_assert(view_is(receipt_of(2), "of before"));
	OK(store_begin(s, e));
	OK(world_receipts(s, seqs, 1, e));
	OK(store_put_receipt(s, 3, VIEW("newer"), e));
	OK(store_list_receipts(s, 0, 9, note_receipt, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "0 together 0;1 of before;2 newer;");
	ck_assert(view_is(receipt_of(3), "newer"));
	OK(store_commit(s, e));
	buf_free(&out);
}
END_TEST

TCase *make_store_arrival_case(void)
{
	TCase *c = tcase_create("store_arrival");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, all_of_them_are_listed);
	tcase_add_test(c, what_is_not_plain_is_not);
	tcase_add_test(c, they_end_together);
	tcase_add_test(c, one_that_is_not_there_fails);
	tcase_add_test(c, a_timer_is_rearmed);
	tcase_add_test(c, receipts_come_together_and_back_one_by_one);
	tcase_add_test(c, a_store_of_before);
	return c;
}
