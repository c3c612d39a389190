/* Deliveries that leave in one request, and what is written of those that end together. */
#include <sqlite3.h>

#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "lib/policy/schedule.h"
#include "test/core/deliver/delivery_fixture.h"

TCase *make_delivery_together_case(void);

static struct exchange *two[2];

static void send_two(void)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	partner_answers(201, taking(collection(), f.south_key));
	await_state(STATE_DELIVERED);
	for (unsigned i = 0; i < 2; i++)
		two[i] = sent(&s, released_text());
	courier_sends(DELIVERIES);
}

/* The line of a gateway that took this one. */
static void taking_line(const struct exchange *x, struct buf *out)
{
	struct buf proof = BUF_INIT(65536);

	south_logs(leaf_text(collection_of(x)), f.south_key, &proof);
	buf_adds(out, "{\"status\":201,\"receipt\":");
	buf_add_json_string(out, buf_view(&proof));
	buf_adds(out, "}\n");
	buf_free(&proof);
}

static void let_two_go(void)
{
	exchange_recycle(two[0]);
	exchange_recycle(two[1]);
}

/* Each line is a whole envelope with its key, and both are proved at one checkpoint. */
START_TEST(two_leave_in_one_request)
{
	struct buf notes[2] = { BUF_INIT(65536), BUF_INIT(65536) };
	struct buf answer = BUF_INIT(1 << 20);

	send_two();
	ck_assert_str_eq(post_seen.head.p, "/v1/agreements/pnr/records");
	struct view text = buf_view(&post_seen.body);
	for (unsigned i = 0; i < 2; i++) {
		struct view line = view_cut(&text, '\n');
		json_t *doc = json_loadb(line.p, line.n, 0, NULL), *origin = json_object_get(doc, "origin");
		char id[UUID_TEXT + 1];
		uuid_print(&two[i]->decided.id, id);
		ck_assert_str_eq(core_member(doc, "key"), id);
		ck_assert_str_eq(core_member(origin, "exchange"), id);
		ck_assert(json_is_object(json_object_get(doc, "record")));
		const char *proof = core_member(origin, "proof");
		buf_adds(&notes[i], strstr(proof, "\n\n"));
		json_decref(doc);
		taking_line(two[i], &answer);
	}
	ck_assert_uint_eq(text.n, 0);
	ck_assert(view_eq(buf_view(&notes[0]), buf_view(&notes[1])));
	partner_answers(200, buf_view(&answer));
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(row_of(two[i]).state, STATE_DELIVERED);
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 3);
	buf_free(&notes[0]);
	buf_free(&notes[1]);
	buf_free(&answer);
	let_two_go();
}
END_TEST

static void both_taken(void)
{
	struct buf answer = BUF_INIT(1 << 20);

	for (unsigned i = 0; i < 2; i++)
		taking_line(two[i], &answer);
	partner_answers(200, buf_view(&answer));
	buf_free(&answer);
}

/* How many entries from `from` on are of this exchange and operation. */
static unsigned entries_of(uint64_t from, const struct exchange *x, const char *operation)
{
	struct writer_stats stats;
	struct view leaf, packed;
	char id[UUID_TEXT + 1];
	unsigned n = 0;

	uuid_print(&x->decided.id, id);
	writer_stats(f.log.writer, &stats);
	for (uint64_t i = from; i < stats.tree_size; i++) {
		OK(store_get_entry(f.reader, i, &leaf, &packed, e));
		json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
		n += strcmp(core_member(doc, "exchange"), id) == 0 &&
		     strcmp(core_member(doc, "operation"), operation) == 0;
		json_decref(doc);
	}
	return n;
}

static void has_receipt(const struct exchange *x)
{
	struct buf scratch_text = BUF_INIT(65536);
	struct receipt r;
	struct view text, leaf;

	OK(store_get_receipt(f.reader, row_of(x).seq, &text, e));
	OK(receipt_parse(text, &scratch_text, &r, &leaf, e));
	OK(receipt_verify(&r, leaf, &core_partner(&f, SOUTH_GATEWAY)->log, e));
	buf_free(&scratch_text);
}

/* Rows of receipts in the store, each of which has one at least that is read from it. */
static unsigned receipt_rows(void)
{
	struct sqlite3 *db;
	struct sqlite3_stmt *q;

	ck_assert_int_eq(sqlite3_open_v2(store_path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db,
	                                    "SELECT count(*), count(*) FILTER (WHERE id NOT IN "
	                                    "(SELECT bundle FROM receipt_of)) FROM receipt_bundle",
	                                    -1, &q, NULL),
	                 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	unsigned n = (unsigned)sqlite3_column_int(q, 0);
	ck_assert_int_eq(sqlite3_column_int(q, 1), 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

/* With one job: each has an entry that it was delivered and one that its payload was erased, its receipt, and a timer for what is
 * due next. */
START_TEST(two_end_together)
{
	struct writer_stats before, after;
	struct store_timer timer;
	struct store_delivery d;
	struct error none = { .reason = REASON_NONE };

	send_two();
	writer_stats(f.log.writer, &before);
	both_taken();
	writer_stats(f.log.writer, &after);
	ck_assert_uint_eq(after.entries - before.entries, 4);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t seq = row_of(two[i]).seq;
		ck_assert_int_eq(row_of(two[i]).state, STATE_DELIVERED);
		ck_assert(!is_sealed(seq));
		ck_assert(!store_get_delivery(f.reader, seq, &d, &none));
		ck_assert_uint_eq(entries_of(before.tree_size, two[i], "delivery"), 1);
		ck_assert_uint_eq(entries_of(before.tree_size, two[i], "erasure"), 1);
		OK(store_get_timer(f.reader, seq, &timer, e));
		ck_assert_int_eq(timer.plan.payload_ms, SCHEDULE_NEVER);
		ck_assert_int_ne(timer.kind, TIMER_ERASE);
		ck_assert_int_gt(timer.due_ms, f.now_ms);
		has_receipt(two[i]);
	}
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 3);
	let_two_go();
}
END_TEST

static void execute(const char *sql)
{
	struct sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(store_path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void both_have_ended(uint64_t from)
{
	struct error none = { .reason = REASON_NONE };
	struct store_delivery d;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t seq = row_of(two[i]).seq;
		ck_assert_int_eq(row_of(two[i]).state, STATE_DELIVERED);
		ck_assert(!is_sealed(seq));
		ck_assert(!store_get_delivery(f.reader, seq, &d, &none));
		ck_assert_uint_eq(entries_of(from, two[i], "delivery"), 1);
		ck_assert_uint_eq(entries_of(from, two[i], "erasure"), 1);
		has_receipt(two[i]);
	}
}

/* Their job fails when all but its last statement has run: nothing of it stays, and each is written by itself, once. */
START_TEST(two_that_cannot_end_together)
{
	struct writer_stats before, after;

	send_two();
	execute("CREATE TRIGGER apart BEFORE INSERT ON receipt_of WHEN new.place > 0 "
	        "BEGIN SELECT RAISE(ABORT, 'not together'); END");
	writer_stats(f.log.writer, &before);
	both_taken();
	worker_settle();
	writer_stats(f.log.writer, &after);
	ck_assert_uint_eq(after.entries - before.entries, 4);
	both_have_ended(before.tree_size);
	ck_assert_uint_eq(receipt_rows(), 3);
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 3);
	let_two_go();
}
END_TEST

/* Nothing can be written: nothing is lost, and what counts deliveries counts none. They are due as before, are sent once more, and
 * end then. */
START_TEST(two_that_cannot_end_at_all)
{
	struct buf answer = BUF_INIT(1 << 20);
	struct writer_stats before;

	send_two();
	for (unsigned i = 0; i < 2; i++)
		taking_line(two[i], &answer);
	execute("CREATE TRIGGER never BEFORE INSERT ON receipt_of BEGIN SELECT RAISE(ABORT, 'never'); END");
	writer_stats(f.log.writer, &before);
	partner_answers(200, buf_view(&answer));
	worker_settle();
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(row_of(two[i]).state, STATE_QUEUED);
		ck_assert(is_sealed(row_of(two[i]).seq));
	}
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 1);
	execute("DROP TRIGGER never");
	courier_sends(DELIVERIES);
	partner_answers(200, buf_view(&answer));
	both_have_ended(before.tree_size);
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 3);
	ck_assert_uint_eq(atomic_load(&f.core.delivery_failures), 0);
	buf_free(&answer);
	let_two_go();
}
END_TEST

static bool hold_it(void *arg, const struct act *a, struct error *e)
{
	struct store_hold h = { .seq = *(uint64_t *)arg,
		                .kind = HOLD_LEGAL,
		                .from_ms = a->now_ms,
		                .until_ms = f.now_ms + DAY_MS,
		                .statement = { .b = { 1 } },
		                .signer = VIEW("a court"),
		                .role = VIEW("authority") };
	bool fresh;

	return store_put_hold(a->store, &h, &fresh, e);
}

/* A hold keeps the payload of one; the other's goes. Both arrived. */
START_TEST(one_of_two_is_held)
{
	send_two();
	uint64_t seq = row_of(two[0]).seq;
	ck_assert(core_act(&f, hold_it, &seq).committed);
	both_taken();
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(row_of(two[i]).state, STATE_DELIVERED);
		has_receipt(two[i]);
	}
	ck_assert(is_sealed(seq));
	ck_assert(!is_sealed(row_of(two[1]).seq));
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 3);
	ck_assert_uint_eq(receipt_rows(), 2);
	let_two_go();
}
END_TEST

/* One was recalled while both were under way: it is called back, and the other is not. */
START_TEST(one_of_two_was_recalled)
{
	send_two();
	ck_assert_int_eq(posted(NORTH_SYSTEM, exchange_path(&two[0]->decided.id, "/recall"),
	                        VIEW("{\"why\":\"sent-in-error\"}")),
	                 200);
	both_taken();
	ck_assert_int_eq(row_of(two[0]).state, STATE_RECALLED);
	ck_assert_int_eq(row_of(two[1]).state, STATE_DELIVERED);
	has_receipt(two[0]);
	has_receipt(two[1]);
	ck_assert_uint_eq(receipt_rows(), 2);
	ck_assert(!is_sealed(row_of(two[1]).seq));
	let_two_go();
}
END_TEST

/* Both were: there is nothing to end together. */
START_TEST(both_were_recalled)
{
	send_two();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(posted(NORTH_SYSTEM, exchange_path(&two[i]->decided.id, "/recall"),
		                        VIEW("{\"why\":\"sent-in-error\"}")),
		                 200);
	both_taken();
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(row_of(two[i]).state, STATE_RECALLED);
		has_receipt(two[i]);
	}
	ck_assert_uint_eq(receipt_rows(), 2);
	let_two_go();
}
END_TEST

/* The receipt in a line is for that line's record, and for no other. */
START_TEST(a_receipt_of_another_line_ends_nothing)
{
	struct buf answer = BUF_INIT(1 << 20);

	send_two();
	taking_line(two[1], &answer);
	taking_line(two[0], &answer);
	partner_answers(200, buf_view(&answer));
	for (unsigned i = 0; i < 2; i++) {
		row = row_of(two[i]);
		await_retry_of(two[i], "receipt-invalid");
	}
	buf_free(&answer);
	let_two_go();
}
END_TEST

/* One is taken, the other refused, but its log does not prove it: that one waits. */
START_TEST(one_of_two_is_taken)
{
	struct buf answer = BUF_INIT(1 << 20);

	send_two();
	taking_line(two[0], &answer);
	buf_adds(&answer, "{\"type\":\"/problems/not-permitted\",\"status\":403,\"final\":true}\n");
	partner_answers(200, buf_view(&answer));
	ck_assert_int_eq(row_of(two[0]).state, STATE_DELIVERED);
	row = row_of(two[1]);
	await_retry_of(two[1], "not-permitted");
	buf_free(&answer);
	let_two_go();
}
END_TEST

TCase *make_delivery_together_case(void)
{
	TCase *c = tcase_create("delivery_together");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, two_leave_in_one_request);
	tcase_add_test(c, two_end_together);
	tcase_add_test(c, two_that_cannot_end_together);
	tcase_add_test(c, two_that_cannot_end_at_all);
	tcase_add_test(c, one_of_two_is_held);
	tcase_add_test(c, one_of_two_was_recalled);
	tcase_add_test(c, both_were_recalled);
	tcase_add_test(c, a_receipt_of_another_line_ends_nothing);
	tcase_add_test(c, one_of_two_is_taken);
	return c;
}
