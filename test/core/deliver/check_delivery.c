/* What is sent to a partner's gateway, what its answer means, and what is written of it. */
#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/copy/duty_notice.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "lib/policy/schedule.h"
#include "test/core/worker_fixture.h"
#include "test/policy/officers.h"

TCase *make_delivery_case(void);

static struct exchange *queued;
static struct store_exchange row;

static void set_up(void)
{
	struct submission s;

	south_size = 0;
	worker_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued = sent(&s, released_text());
	row = row_of(queued);
	ck_assert_int_eq(row.state, STATE_QUEUED);
	courier_sends(DELIVERIES);
}

static void tear_down(void)
{
	exchange_recycle(queued);
	worker_close();
}

static void await_state(enum exchange_state want)
{
	for (int turns = 0; row_of(queued).state != want && turns < 100; turns++)
		worker_turn();
	ck_assert_str_eq(exchange_state_name(row_of(queued).state), exchange_state_name(want));
}

/* It waits to be sent again, for this reason. */
static void await_retry_of(const struct exchange *x, const char *slug)
{
	struct store_delivery d;
	bool there = false;

	for (int turns = 0; !there && turns < 100; turns++) {
		OK(store_get_delivery(f.reader, row.seq, &d, e));
		there = d.attempts > 0;
		if (!there)
			worker_turn();
	}
	ck_assert_msg(there, "nothing was written");
	ck_assert_msg(view_is(d.last_error, slug), "%.*s", VIEW_ARG(d.last_error));
	ck_assert_int_gt(d.next_ms, f.now_ms);
	ck_assert_int_eq(row_of(x).state, STATE_QUEUED);
	ck_assert(is_sealed(row.seq));
}

static void await_retry(const char *slug)
{
	await_retry_of(queued, slug);
}

/* The answer of a gateway that took it, with a receipt of an entry that says this; taken over. */
static struct view taking(json_t *entry, struct ed25519_key *key)
{
	struct buf proof = BUF_INIT(65536);

	south_logs(leaf_text(entry), key, &proof);
	struct view text = text_of(json_pack("{s:s%}", "receipt", proof.p, proof.n));
	buf_free(&proof);
	return text;
}

static json_t *collection_of(const struct exchange *x)
{
	struct buf agreement = BUF_INIT(65);
	json_t *leaf = parsed(&x->written.leaf);

	digest_print(&agreement, agreement_digest(x->decided.agreement));
	json_t *entry =
	        json_pack("{s:s, s:s%, s:s, s:s}", "operation", "collection", "agreement_digest", agreement.p,
	                  agreement.n, "input", core_member(leaf, "output"), "caveats", core_member(leaf, "caveats"));
	json_decref(leaf);
	buf_free(&agreement);
	return entry;
}

static json_t *collection(void)
{
	return collection_of(queued);
}

START_TEST(it_leaves_with_the_proof_that_it_left)
{
	json_t *doc = parsed(&post_seen.body), *origin = json_object_get(doc, "origin");
	struct buf scratch_text = BUF_INIT(65536);
	struct receipt r;
	struct view extra;
	char leaf[65536], id[UUID_TEXT + 1], text[TRACEPARENT_TEXT + 1];
	struct traceparent trace;
	size_t n;

	ck_assert_str_eq(post_seen.head.p, "/v1/agreements/pnr/records");
	ck_assert(json_is_object(json_object_get(doc, "record")));
	uuid_print(&queued->decided.id, id);
	ck_assert_str_eq(core_member(origin, "exchange"), id);
	border_trace(&queued->decided.id, BORDER_SENDER, &trace);
	traceparent_print(&trace, text);
	ck_assert_str_eq(post_seen.traceparent, text);
	ck_assert_str_eq(core_member(origin, "agency"), "north");
	json_t *caveats = json_object_get(origin, "caveats");
	ck_assert_uint_eq(json_array_size(caveats), 1);
	ck_assert_str_eq(core_member(json_array_get(caveats, 0), "value"), "H2");
	ck_assert(base64_decode(view_of(core_member(origin, "entry")), leaf, sizeof leaf, &n));
	OK(receipt_parse(view_of(core_member(origin, "proof")), &scratch_text, &r, &extra, e));
	OK(receipt_verify(&r, view_make(leaf, n), &f.log.vkey, e));
	json_decref(doc);
	buf_free(&scratch_text);
}
END_TEST

START_TEST(a_receipt_ends_it)
{
	struct view receipt;

	partner_answers(201, taking(collection(), f.south_key));
	await_state(STATE_DELIVERED);
	ck_assert(!is_sealed(row.seq));
	OK(store_get_receipt(f.reader, row.seq, &receipt, e));
	ck_assert_uint_gt(receipt.n, 100);
	ck_assert_uint_eq(atomic_load(&f.core.delivered), 1);
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&queued->decided.id, "")), 200);
	ck_assert_ptr_nonnull(answer_member("partner_receipt"));
}
END_TEST

/* What was taken says so in its log; no other answer will do, and the record stays until one comes. */
static json_t *other_operation(void)
{
	json_t *entry = collection();

	json_object_set_new(entry, "operation", json_string("disclosure"));
	return entry;
}

static json_t *other_input(void)
{
	json_t *entry = collection();

	json_object_set_new(entry, "input", json_string("abab"));
	return entry;
}

static json_t *other_agreement(void)
{
	json_t *entry = collection();

	json_object_del(entry, "agreement_digest");
	return entry;
}

static json_t *other_caveats(void)
{
	json_t *entry = collection();

	json_object_set_new(entry, "caveats", json_string("abab"));
	return entry;
}

/* As an older build writes it, which does not keep them. */
static json_t *no_caveats(void)
{
	json_t *entry = collection();

	json_object_del(entry, "caveats");
	return entry;
}

static json_t *more(void)
{
	json_t *entry = collection();

	json_object_set_new(entry, "remark", json_string("for your eyes"));
	return entry;
}

static json_t *(*const others[])(void) = { other_operation, other_input, other_agreement,
	                                   other_caveats,   no_caveats,  more };

START_TEST(a_receipt_of_something_else_ends_nothing)
{
	partner_answers(201, taking(others[_i](), f.south_key));
	await_retry("receipt-invalid");
}
END_TEST

START_TEST(a_receipt_of_another_log_ends_nothing)
{
	partner_answers(201, taking(collection(), f.log.key));
	await_retry("receipt-invalid");
}
END_TEST

START_TEST(a_held_one_says_hold)
{
	partner_answers(202, taking(collection(), f.south_key));
	await_retry("receipt-invalid");
}
END_TEST

static const struct {
	int status;
	const char *body, *slug;
} again[] = {
	{ 0, "", "unreachable" },
	{ 201, "{}", "receipt-invalid" },
	{ 201, "no JSON", "receipt-invalid" },
	{ 503, "{\"type\":\"/problems/unavailable\"}", "unavailable" },
	{ 429, "{\"type\":\"/problems/rate-limited\"}", "rate-limited" },
};

START_TEST(what_may_pass_is_tried_again)
{
	partner_answers(again[_i].status, view_of(again[_i].body));
	await_retry(again[_i].slug);
}
END_TEST

/* What the partner's log does not prove to be final keeps the payload and is tried again. */
START_TEST(a_refusal_without_proof_ends_nothing)
{
	partner_answers(403, VIEW("{\"type\":\"/problems/not-permitted\",\"final\":true}"));
	await_retry("not-permitted");
	ck_assert(is_sealed(row.seq));
	ck_assert_uint_eq(atomic_load(&f.core.delivery_failures), 0);
}
END_TEST

/* Recalled before it was sent anywhere else: what is under way is called back when it arrives. */
START_TEST(what_was_recalled_while_it_was_under_way)
{
	ck_assert_int_eq(posted(NORTH_SYSTEM, exchange_path(&queued->decided.id, "/recall"),
	                        VIEW("{\"why\":\"sent-in-error\"}")),
	                 200);
	partner_answers(201, taking(collection(), f.south_key));
	await_state(STATE_RECALLED);
	courier_sends(NOTICES);
	json_t *doc = parsed(&post_seen.body);
	ck_assert_str_eq(core_member(doc, "kind"), "recall");
	json_decref(doc);
}
END_TEST

/* --- two in one request --- */

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
	ck_assert_str_eq(post_seen.traceparent, ""); /* each has its own, which its exchange says */
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

static bool recall_finds_nothing(void *arg, const struct act *a, struct error *e)
{
	struct notice_end end = { .core = a->core,
		                  .job = a->job,
		                  .kind = NOTICE_RECALL,
		                  .seq = *(uint64_t *)arg,
		                  .error = VIEW("not-found"),
		                  .now_ms = a->now_ms };

	return duty_recall_ended(&end, a->writer, a->store, e);
}

/* The recall was there first, and the record came after it: it is called back once more. */
START_TEST(what_a_recall_has_overtaken)
{
	ck_assert_int_eq(posted(NORTH_SYSTEM, exchange_path(&queued->decided.id, "/recall"),
	                        VIEW("{\"why\":\"sent-in-error\"}")),
	                 200);
	ck_assert_int_eq(row_of(queued).state, STATE_RECALLED);
	struct core_job j = core_act(&f, recall_finds_nothing, &row.seq);
	ck_assert_msg(j.committed, "%s", j.error.text);
	ck_assert_int_eq(row_of(queued).state, STATE_ENDED);
	partner_answers(201, taking(collection(), f.south_key));
	await_state(STATE_RECALLED);
}
END_TEST

TCase *make_delivery_case(void)
{
	TCase *c = tcase_create("delivery");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, it_leaves_with_the_proof_that_it_left);
	tcase_add_test(c, a_receipt_ends_it);
	tcase_add_loop_test(c, a_receipt_of_something_else_ends_nothing, 0, (int)(sizeof others / sizeof *others));
	tcase_add_test(c, a_receipt_of_another_log_ends_nothing);
	tcase_add_test(c, a_held_one_says_hold);
	tcase_add_loop_test(c, what_may_pass_is_tried_again, 0, (int)(sizeof again / sizeof *again));
	tcase_add_test(c, a_refusal_without_proof_ends_nothing);
	tcase_add_test(c, what_was_recalled_while_it_was_under_way);
	tcase_add_test(c, what_a_recall_has_overtaken);
	tcase_add_test(c, two_leave_in_one_request);
	tcase_add_test(c, two_end_together);
	tcase_add_test(c, one_of_two_is_held);
	tcase_add_test(c, one_of_two_was_recalled);
	tcase_add_test(c, both_were_recalled);
	tcase_add_test(c, a_receipt_of_another_line_ends_nothing);
	tcase_add_test(c, one_of_two_is_taken);
	return c;
}
