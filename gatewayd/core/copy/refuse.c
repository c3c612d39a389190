/* See refuse.h. */
#include "gatewayd/core/copy/refuse.h"

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/exchange.h"
#include "lib/tlog/entry.h"
#include "lib/policy/decision.h"

bool held_decision_append(struct core *c, struct writer *w, struct job *j, const struct entry *facts,
                          struct testimony *t, uint64_t *index, struct error *e)
{
	struct entry entry = *facts;

	entry.operation = OPERATION_DECISION;
	return testimony_append(t, c, w, j, &entry, index, e);
}

void held_row_copy(const struct store_exchange *x, struct held_row *to)
{
	to->id = x->id;
	to->state = x->state;
	to->agreement_digest = x->agreement_digest;
	snprintf(to->partner, sizeof to->partner, "%.*s", VIEW_ARG(x->partner));
	snprintf(to->agreement, sizeof to->agreement, "%.*s", VIEW_ARG(x->agreement));
	snprintf(to->recipient, sizeof to->recipient, "%.*s", VIEW_ARG(x->recipient));
}

/* What the sender sees from now on: the coarse reason. */
static bool write_answer(struct store *s, uint64_t seq, const struct held_row *row, struct error *e)
{
	struct buf answer = BUF_INIT(8192);
	char id[UUID_TEXT + 1];

	uuid_print(&row->id, id);
	problem_open(&answer, REASON_NOT_PERMITTED);
	buf_addf(&answer, ",\"exchange\":\"%s\",\"outcome\":\"refused\",\"errors\":[]", id);
	bool ok = (!answer.failed || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
	          store_set_answer(s, seq, reason_status(REASON_NOT_PERMITTED), buf_view(&answer), e);
	buf_free(&answer);
	return ok;
}

/* A record that a gateway delivered never reaches our system: its provider counts on no copy. */
static bool end_refused(const struct act *a, const struct held_row *row, uint64_t seq, const char *note,
                        struct testimony *t, struct error *e)
{
	struct entry entry = { .time_ms = a->now_ms,
		               .exchange = row->id,
		               .peer = view_of(row->partner),
		               .recipient = view_of(row->recipient),
		               .agreement = view_of(row->agreement),
		               .agreement_digest = row->agreement_digest,
		               .outcome = view_of(outcome_name(OUTCOME_REFUSED)),
		               .reason = view_of(reason_coarse(REASON_NOT_PERMITTED)),
		               .note = view_of(note) };
	uint64_t index;
	struct copy c;

	return held_decision_append(a->core, a->writer, a->job, &entry, t, &index, e) &&
	       store_set_entry(a->store, seq, index, e) && write_answer(a->store, seq, row, e) &&
	       copy_load(a, seq, &c, e) && exchange_become(a, &c, STATE_REFUSED, e) &&
	       copy_erase_payload(a, &c, note, e) &&
	       (!c.from_gateway || duty_tell(a, &c, "delivery", "never-fetched", e));
}

bool held_end(const struct act *a, uint64_t seq, const char *why, struct testimony *t, struct error *e)
{
	struct store_exchange x;
	struct held_row row;

	if (!store_get_exchange(a->store, seq, &x, e))
		return false;
	held_row_copy(&x, &row);
	return end_refused(a, &row, seq, why, t, e);
}
