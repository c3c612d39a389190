/* What notices about duties do at the other gateway: receipts and returned records at the provider's, recalls at the
 * recipient's. Rows of core/notice_kinds.c; the writer's thread. */
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/copy/duty_notice.h"

#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/copy/returns.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/notice.h"

static struct act act_of(struct notice_in *in, struct writer *w, struct store *s)
{
	return (struct act){ .core = in->request->worker->core,
		             .writer = w,
		             .job = &in->job,
		             .store = s,
		             .now_ms = in->request->now_ms };
}

/* --- receipts --- */

static struct view text(const struct notice_in *in, const char *name)
{
	return view_of(json_string_value(json_object_get(in->body, name)));
}

/* {"duty","result","made","done"[,"until"]}; what the recipient's own gateway has checked is checked here again. */
static const char *read_receipt(const struct notice_in *in, struct duty_receipt *r)
{
	struct duty_answer answer = { .result = text(in, "result"),
		                      .reason = VIEW("stays with the recipient"),
		                      .until_ms = TIME_NONE,
		                      .record = VIEW("{}"),
		                      .salt = VIEW("0") };
	struct view duty = text(in, "duty"), until = text(in, "until");
	int64_t made_ms;

	*r = (struct duty_receipt){ .kind = duty_kind_find(duty), .result = answer.result, .until_ms = TIME_NONE };
	if (!time_parse_printed(text(in, "done"), &r->done_ms))
		return "/body/done: is no date-time";
	if (!time_parse_printed(text(in, "made"), &made_ms))
		return "/body/made: is no date-time";
	if (until.n && !time_parse_printed(until, &r->until_ms))
		return "/body/until: is no date-time";
	answer.until_ms = r->until_ms;
	if (view_is(duty, "delivery"))
		return view_is(r->result, "never-fetched") ? NULL : "/body/result: is no answer to a delivery";
	if (r->kind == DUTY_KINDS)
		return "/body/duty: is no duty";
	return duty_answer_fault(r->kind, &answer);
}

static bool take_receipt(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                         struct error *e)
{
	struct act a = act_of(in, w, s);
	struct duty_receipt r;
	struct copy c;

	if (!in->from_recipient)
		return notice_refuse(in, REASON_ROLE_DENIED, "only the recipient sends receipts");
	/* Its recipient cannot know of it: nothing has left. */
	if (x->state == STATE_HELD)
		return notice_refuse(in, REASON_NOT_FOUND, "nothing was released in this exchange");
	const char *fault = read_receipt(in, &r);
	if (fault)
		return notice_refuse(in, REASON_DUTY_ANSWER, fault);
	if (!copy_load(&a, x->seq, &c, e) || !duty_take_receipt(&a, &c, &r, e))
		return false;
	if (in->kind == NOTICE_RETURN && !returned_take(in, &a, &c, e))
		return false;
	in->overdue = a.overdue;
	return true;
}

void duty_receipt_settled(const struct notice_in *in)
{
	if (in->overdue)
		overdue_refresh(in->request->worker->core, in->request->worker->reader);
}

bool duty_receipt_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                        struct error *e)
{
	if (view_is(text(in, "result"), "returned"))
		return notice_refuse(in, REASON_DUTY_ANSWER, "/body/result: what is returned comes with its record");
	return take_receipt(in, x, w, s, e);
}

bool duty_return_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                       struct error *e)
{
	if (!view_is(text(in, "result"), "returned"))
		return notice_refuse(in, REASON_DUTY_ANSWER, "/body/result: only what is returned comes with a record");
	return take_receipt(in, x, w, s, e);
}

/* It arrived, or never will: the payload was kept for it alone. */
bool duty_return_ended(const struct notice_end *end, struct writer *w, struct store *s, struct error *e)
{
	struct act a = { .core = end->core, .writer = w, .job = end->job, .store = s, .now_ms = end->now_ms };
	struct copy c;

	return copy_load(&a, end->seq, &c, e) &&
	       copy_erase_payload(&a, &c, end->arrived ? "returned to the provider" : "could not be returned", e);
}

/* --- recalls --- */

bool duty_recall_ended(const struct notice_end *end, struct writer *w, struct store *s, struct error *e)
{
	struct act a = { .core = end->core, .writer = w, .job = end->job, .store = s, .now_ms = end->now_ms };
	const struct duty_receipt none = {
		.kind = DUTY_RECALL, .result = VIEW("not-found"), .done_ms = end->now_ms, .until_ms = TIME_NONE
	};
	struct copy c;

	if (end->arrived || !view_is(end->error, reason_slug(REASON_NOT_FOUND)))
		return true;
	return copy_load(&a, end->seq, &c, e) && duty_take_receipt(&a, &c, &none, e);
}

/* A recall for a withdrawn consent names it as the record's own entry does; where it is not known any more the copy is
 * on its way out already. */
static bool names_consent(const struct notice_in *in, uint64_t seq, struct store *s, bool *fits, struct digest *told,
                          struct error *e)
{
	const json_t *member = json_object_get(in->body, "consent");
	struct store_consent c;

	*fits = !member || digest_parse(view_of(json_string_value(member)), told);
	if (!member || !*fits)
		return true;
	enum sought known = sought(store_get_consent(s, seq, &c, e), e);
	*fits = known == SOUGHT_NONE || (known == SOUGHT_FOUND && digest_eq(&c.told, told));
	return known != SOUGHT_FAILED;
}

bool duty_recall_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                       struct error *e)
{
	struct act a = act_of(in, w, s);
	enum recall_code why = recall_code_find(text(in, "why"));
	struct digest told = { .b = { 0 } };
	uint64_t seq = x->seq;
	struct copy c;
	bool first, fits;

	if (in->from_recipient)
		return notice_refuse(in, REASON_ROLE_DENIED, "only the provider recalls");
	if (why == RECALL_CODES)
		return notice_refuse(in, REASON_RECALL_CODE,
		                     "/body/why: is no code of a recall; builds of before the codes sent words");
	if (json_object_get(in->body, "consent") && why != RECALL_CONSENT_WITHDRAWN)
		return notice_refuse(in, REASON_NOTICE_INVALID, "/body/consent: only a withdrawn consent is named");
	if (!names_consent(in, seq, s, &fits, &told, e))
		return false;
	if (!fits)
		return notice_refuse(in, REASON_NOTICE_INVALID, "/body/consent: is not that of the record");
	if (!copy_load(&a, seq, &c, e))
		return false;
	c.consent = told;
	bool under_way = c.state == STATE_RECALLED;
	enum exchange_state was = c.state;
	if (!recall_exchange(&a, &c, why, RECALL_VERSION, &first, e))
		return false;
	/* The provider waits for a receipt. Of what was held, or is gone, there is nobody left to give one. */
	return under_way || c.state == STATE_RECALLED || was == STATE_HELD || duty_recall_gone(&a, &c, e);
}
