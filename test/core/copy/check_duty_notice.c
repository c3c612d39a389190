/* Receipts of a partner's gateway: what they may say of an exchange, and what is refused by name before anything is
 * written. */
#include "gatewayd/core/copy/duty_notice.h"
#include "gatewayd/core/copy/state.h"
#include "test/core/core_fixture.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/timer.h"

static struct core_fixture f;
static struct worker worker;
static struct request request;
static struct notice_in in;

static void set_up(void)
{
	core_setup(&f);
	core_add_agreement(&f, core_preset(&f, "pnr"));
	core_start(&f);
	worker = (struct worker){ .core = &f.core, .reader = f.reader };
	request = (struct request){
		.worker = &worker, .conf = f.core.conf, .peer = core_partner(&f, SOUTH_GATEWAY), .now_ms = f.now_ms
	};
	in = (struct notice_in){ .request = &request, .from_recipient = true };
}

static void tear_down(void)
{
	json_decref(in.body);
	core_teardown(&f);
}

struct arrival {
	enum exchange_state state;
	uint64_t seq;
};

/* An exchange of ours in that state, and the notice about it, in one job. */
static bool arrive(void *arg, const struct act *a, struct error *e)
{
	struct arrival *arrival = arg;
	struct store_exchange prior, x = { .id = { .b = { 1 } },
		                           .origin = { .b = { 1 } },
		                           .partner = VIEW("north-system"),
		                           .agreement = VIEW("pnr"),
		                           .agreement_digest = *agreement_digest(f.core.conf->agreements[0]),
		                           .provider = VIEW("north"),
		                           .recipient = VIEW("south"),
		                           .received_ms = a->now_ms,
		                           .state = arrival->state,
		                           .status = 201,
		                           .answer = VIEW("{}") };
	struct store_timer t = { .kind = TIMER_ERASE,
		                 .purpose = VIEW("serious-crime"),
		                 .due_ms = a->now_ms + DAY_MS,
		                 .plan.payload_ms = a->now_ms + DAY_MS };
	enum store_accepted accepted;

	if (!store_accept(a->store, &x, &accepted, &prior, e))
		return false;
	arrival->seq = t.seq = x.seq;
	if (!store_put_timer(a->store, &t, e))
		return false;
	return in.kind == NOTICE_RETURN ? duty_return_taken(&in, &x, a->writer, a->store, e)
	                                : duty_receipt_taken(&in, &x, a->writer, a->store, e);
}

static enum exchange_state take(enum exchange_state state, enum notice_kind kind, const char *duty, const char *result)
{
	struct arrival arrival = { .state = state };
	struct store_exchange after;
	char done[64];

	time_print(f.now_ms, done);
	in.kind = kind;
	in.body = json_pack("{s:s,s:s,s:s,s:s}", "duty", duty, "result", result, "made", done, "done", done);
	ck_assert_ptr_nonnull(in.body);
	struct core_job j = core_act(&f, arrive, &arrival);
	ck_assert_msg(j.committed, "%s", j.error.text);
	OK(store_get_exchange(f.reader, arrival.seq, &after, e));
	return after.state;
}

static const struct {
	enum exchange_state from;
	const char *duty, *result;
	enum exchange_state to;
} reports[] = {
	{ STATE_QUEUED, "erase", "erased", STATE_ENDED }, /* it overtook the answer to the delivery */
	{ STATE_DELIVERED, "erase", "erased", STATE_ENDED },
	{ STATE_DELIVERED, "delivery", "never-fetched", STATE_ERASED },
	{ STATE_DELIVERED, "mask", "masked", STATE_DELIVERED },
	{ STATE_RECALLED, "recall", "erased", STATE_ENDED },
	{ STATE_RECALLED, "erase", "erased", STATE_RECALLED }, /* it crossed the recall, whose receipt is owed */
	{ STATE_RECALLED, "erase", "not-found", STATE_RECALLED },
	{ STATE_RECALLED, "delivery", "never-fetched", STATE_ERASED },
	{ STATE_FAILED, "delivery", "never-fetched", STATE_ERASED }, /* it had arrived after all */
	{ STATE_CORRECTED, "delivery", "never-fetched", STATE_ERASED },
	{ STATE_ENDED, "erase", "erased", STATE_ENDED },
};

START_TEST(what_a_receipt_does)
{
	ck_assert_int_eq(take(reports[_i].from, NOTICE_RECEIPT, reports[_i].duty, reports[_i].result), reports[_i].to);
	ck_assert_int_eq(in.refused.reason, REASON_NONE);
}
END_TEST

struct recall_end {
	struct arrival arrival;
	const char *error;
};

static bool end_recall(void *arg, const struct act *a, struct error *e)
{
	const struct recall_end *r = arg;
	struct notice_end end = { .core = a->core,
		                  .job = a->job,
		                  .kind = NOTICE_RECALL,
		                  .seq = r->arrival.seq,
		                  .arrived = !r->error,
		                  .error = view_of(r->error ? r->error : ""),
		                  .now_ms = a->now_ms };

	return duty_recall_ended(&end, a->writer, a->store, e);
}

/* Only a partner that never had it has nothing to erase: one that refuses for another reason owes the receipt. */
START_TEST(how_a_recall_ends)
{
	static const struct {
		const char *error;
		enum exchange_state to;
	} ends[] = {
		{ NULL, STATE_RECALLED },
		{ "role-denied", STATE_RECALLED },
		{ "unreachable", STATE_RECALLED },
		{ "not-found", STATE_ENDED },
	};
	struct recall_end r = { .arrival = { .state = STATE_RECALLED } };
	struct store_exchange after;

	in.kind = NOTICE_RECEIPT;
	in.body = json_object();
	struct core_job j = core_act(&f, arrive, &r.arrival);
	ck_assert_msg(j.committed, "%s", j.error.text);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		r.error = ends[i].error;
		j = core_act(&f, end_recall, &r);
		ck_assert_msg(j.committed, "%s", j.error.text);
		OK(store_get_exchange(f.reader, r.arrival.seq, &after, e));
		ck_assert_int_eq(after.state, ends[i].to);
	}
}
END_TEST

START_TEST(nothing_has_left_of_what_is_held)
{
	ck_assert_int_eq(take(STATE_HELD, NOTICE_RECEIPT, "erase", "erased"), STATE_HELD);
	ck_assert_int_eq(in.refused.reason, REASON_NOT_FOUND);
}
END_TEST

START_TEST(what_is_returned_comes_with_its_record)
{
	ck_assert_int_eq(take(STATE_DELIVERED, NOTICE_RECEIPT, "return", "returned"), STATE_DELIVERED);
	ck_assert_int_eq(in.refused.reason, REASON_DUTY_ANSWER);
}
END_TEST

START_TEST(a_record_comes_only_with_what_is_returned)
{
	ck_assert_int_eq(take(STATE_DELIVERED, NOTICE_RETURN, "notify", "notified"), STATE_DELIVERED);
	ck_assert_int_eq(in.refused.reason, REASON_DUTY_ANSWER);
}
END_TEST

START_TEST(what_is_no_receipt)
{
	ck_assert_int_eq(take(STATE_DELIVERED, NOTICE_RECEIPT, "erase", "masked"), STATE_DELIVERED);
	ck_assert_int_eq(in.refused.reason, REASON_DUTY_ANSWER);
}
END_TEST

START_TEST(only_the_recipient_sends_receipts)
{
	in.from_recipient = false;
	ck_assert_int_eq(take(STATE_DELIVERED, NOTICE_RECEIPT, "erase", "erased"), STATE_DELIVERED);
	ck_assert_int_eq(in.refused.reason, REASON_ROLE_DENIED);
}
END_TEST

TCase *make_duty_notice_case(void);
TCase *make_duty_notice_case(void)
{
	TCase *c = tcase_create("duty_notice");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, what_a_receipt_does, 0, sizeof reports / sizeof *reports);
	tcase_add_test(c, how_a_recall_ends);
	tcase_add_test(c, nothing_has_left_of_what_is_held);
	tcase_add_test(c, what_is_returned_comes_with_its_record);
	tcase_add_test(c, a_record_comes_only_with_what_is_returned);
	tcase_add_test(c, what_is_no_receipt);
	tcase_add_test(c, only_the_recipient_sends_receipts);
	return c;
}
