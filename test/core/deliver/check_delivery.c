/* What is sent to a partner's gateway, what its answer means, and what is written of it. */
#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/copy/duty_notice.h"
#include "gatewayd/core/store/outbox.h"
#include "test/core/deliver/delivery_fixture.h"

TCase *make_delivery_case(void);

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
	return c;
}
