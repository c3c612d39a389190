/* See recall.h. */
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/copy/state.h"

#include <jansson.h>

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/serve/departures.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"
#include "gatewayd/os/log.h"

#define CHILDREN_MAX 256
#define WHY_MAX      2000

/* --- what a recall does --- */

/* Orders the recipient's gateway to call it back; the order's entry in our log proves it. */
static bool order(const struct act *a, const struct copy *c, struct view why, struct error *e)
{
	struct buf body = BUF_INIT(4 * WHY_MAX);
	static const struct digest none;
	struct notice n = { .kind = NOTICE_RECALL, .seq = c->seq, .recipient = view_of(c->recipient) };
	struct entry entry = { .outcome = VIEW("recalled") };

	buf_adds(&body, "{\"why\":");
	buf_add_json_string(&body, why);
	if (!digest_eq(&c->consent, &none)) {
		buf_adds(&body, ",\"consent\":\"");
		digest_print(&body, &c->consent);
		buf_addc(&body, '"');
		entry.note = VIEW("recall: consent withdrawn");
	}
	buf_addc(&body, '}');
	n.body = buf_view(&body);
	bool ok = body.failed ? error_set(e, REASON_NO_MEMORY, "memory ran out") : notice_send(a, &n, &entry, NULL, e);
	buf_free(&body);
	return ok;
}

struct children {
	uint64_t seq[CHILDREN_MAX];
	size_t n;
};

static bool add_child(void *arg, const struct store_link *l)
{
	struct children *c = arg;

	c->seq[c->n++] = l->child;
	return c->n < CHILDREN_MAX;
}

/* To whom this agency passed it on. */
static bool walk_on(const struct act *a, const struct copy *c, struct view why, struct error *e)
{
	struct children onward = { .n = 0 };
	struct copy child;
	bool first;

	if (!store_list_links(a->store, c->seq, LINK_ONWARD, add_child, &onward, e))
		return false;
	for (size_t i = 0; i < onward.n; i++)
		if (!copy_load(a, onward.seq[i], &child, e) || !recall_exchange(a, &child, why, &first, e))
			return false;
	return true;
}

bool recall_delivered(const struct act *a, struct copy *c, struct view why, struct error *e)
{
	c->plan.mask_ms = c->plan.review_ms = c->plan.end_ms = SCHEDULE_NEVER;
	if (c->inbox && !store_drop_inbox(a->store, c->inbox, e))
		return false;
	c->inbox = 0;
	return exchange_become(a, c, STATE_RECALLED, e) && copy_erase_payload(a, c, "recalled", e) &&
	       duty_withdraw(a, c, e) && (c->here || order(a, c, why, e)) && duty_make(a, c, DUTY_RECALL, why, e) &&
	       walk_on(a, c, why, e);
}

/* An attempt to deliver it ended without an answer that says what became of it, or may be under way. */
static bool may_have_arrived(const struct act *a, const struct copy *c, bool *arrived, struct error *e)
{
	struct store_delivery d;

	enum sought delivery = sought(store_get_delivery(a->store, c->seq, &d, e), e);
	*arrived = delivery == SOUGHT_FOUND && (d.attempts > 0 || departures_stop(a->core->departures, c->seq));
	return delivery != SOUGHT_FAILED;
}

bool recall_exchange(const struct act *a, struct copy *c, struct view why, bool *first, struct error *e)
{
	bool arrived;

	*first = true;
	switch (c->state) {
	case STATE_HELD: return held_end(a, c->seq, "recalled by its provider", NULL, e);
	case STATE_QUEUED:
		if (!may_have_arrived(a, c, &arrived, e))
			return false;
		if (arrived)
			return store_drop_delivery(a->store, c->seq, e) && recall_delivered(a, c, why, e);
		c->plan.notify_ms = SCHEDULE_NEVER;
		return store_drop_delivery(a->store, c->seq, e) &&
		       copy_erase_payload(a, c, "recalled before it was delivered", e) &&
		       copy_end(a, c, STATE_ENDED, e);
	case STATE_DELIVERED:
	case STATE_READY:
	case STATE_FETCHED: return recall_delivered(a, c, why, e);
	case STATE_REFUSED:
	case STATE_FAILED:
	case STATE_ERASED:
	case STATE_RECALLED:
	case STATE_CORRECTED:
	case STATE_RETURNED:
	case STATE_ENDED: break;
	}
	*first = false;
	return true;
}

/* --- POST /v1/exchanges/{uuid}/recall: the provider's own system asks --- */

struct recall {
	struct job job; /* first */
	struct request *request;
	struct uuid exchange;
	char why[WHY_MAX + 1];
	enum reason refused;
	bool first;
	enum exchange_state state;
	uint64_t index;
};

/* A refused attempt is in the log, too. */
static bool log_attempt(struct recall *r, const struct act *a, const char *outcome, struct error *e)
{
	struct entry entry = { .operation = r->refused ? OPERATION_REFUSAL : OPERATION_DECISION,
		               .exchange = r->exchange,
		               .peer = view_of(r->request->peer->id),
		               .outcome = view_of(outcome),
		               .note = VIEW("recall asked for") };

	if (r->refused)
		entry.reason = view_of(reason_coarse(r->refused));
	return audit_append(a, &entry, NULL, &r->index, e);
}

static bool write_recall(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct recall *r = JOB_OF(struct recall, j);
	struct request *q = r->request;
	struct act a = { .core = q->worker->core, .writer = w, .job = j, .store = s, .now_ms = q->now_ms };
	struct store_exchange x;
	struct copy c;

	r->refused = REASON_NONE;
	r->first = false;
	enum sought exchange = sought(store_find_exchange(s, &r->exchange, &x, e), e);
	if (exchange == SOUGHT_FAILED)
		return false;
	if (exchange == SOUGHT_NONE) {
		r->refused = REASON_NOT_FOUND;
	} else if (!view_is(x.provider, q->peer->agency)) {
		r->refused = REASON_NOT_FOUND; /* another party's: it is not told that there is one */
	} else if (x.state == STATE_REFUSED) {
		r->refused = REASON_RECALL_LATE;
	}
	if (r->refused)
		return log_attempt(r, &a, "refused", e);
	if (!log_attempt(r, &a, "recalled", e) || !copy_load(&a, x.seq, &c, e) ||
	    !recall_exchange(&a, &c, view_of(r->why), &r->first, e))
		return false;
	r->state = c.state;
	return true;
}

static void recalled(struct job *j)
{
	struct recall *r = JOB_OF(struct recall, j);
	struct request *q = r->request;
	struct buf body = BUF_INIT(4096);
	struct answer answer = { .status = 200 };
	char id[UUID_TEXT + 1];

	if (!j->committed) {
		log_line("error", "recall: %s", j->error.text);
		answer_problem(q, REASON_UNAVAILABLE);
	} else if (r->refused) {
		answer_problem(q, r->refused);
	} else {
		uuid_print(&r->exchange, id);
		buf_addf(&body, "{\"exchange\":\"%s\",\"state\":\"%s\",\"first\":%s,\"audit_index\":%llu}", id,
		         exchange_state_name(r->state), r->first ? "true" : "false", (unsigned long long)r->index);
		answer.body = buf_view(&body);
		answer_send(q, &answer);
	}
	writer_release(j);
	buf_free(&body);
	free(r);
}

/* {"why": text}; nothing else. */
static bool read_why(const struct request *q, char why[WHY_MAX + 1])
{
	json_t *doc = json_loadb(q->body.p ? q->body.p : "", q->body.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *text = json_object_get(doc, "why");
	bool ok = json_object_size(doc) == 1 && json_string_length(text) > 0 && json_string_length(text) <= WHY_MAX;

	if (ok)
		snprintf(why, WHY_MAX + 1, "%s", json_string_value(text));
	json_decref(doc);
	return ok;
}

void handle_recall(struct request *q)
{
	struct recall *r = calloc(1, sizeof *r);

	if (!r) {
		answer_problem(q, REASON_NO_MEMORY);
		return;
	}
	if (!uuid_parse(request_path_part(q, 2), &r->exchange)) {
		answer_problem(q, REASON_NOT_FOUND);
		free(r);
		return;
	}
	if (!read_why(q, r->why)) {
		answer_problem(q, REASON_BAD_JSON);
		free(r);
		return;
	}
	r->request = q;
	r->job =
	        (struct job){ .lane = request_lane(q), .home = q->worker->home, .run = write_recall, .done = recalled };
	writer_submit(q->worker->core->writer, &r->job);
}
