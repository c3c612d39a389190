/* See recall.h. */
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/lineage/lineage.h"

#include <jansson.h>

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/serve/departures.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"
#include "gatewayd/os/log.h"

#define WORDS_MAX 2000

/* --- what a recall does --- */

/* Orders the recipient's gateway to call it back; the order's entry in our log proves it. */
static bool order(const struct act *a, const struct copy *c, enum recall_code why, struct error *e)
{
	struct buf body = BUF_INIT(512);
	static const struct digest none;
	struct notice n = { .kind = NOTICE_RECALL, .seq = c->seq, .recipient = view_of(c->recipient) };
	struct entry entry = { .outcome = VIEW("recalled") };

	buf_addf(&body, "{\"why\":\"%s\"", recall_code_name(why));
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

bool recall_delivered(const struct act *a, struct copy *c, enum recall_code why, struct error *e)
{
	c->plan.mask_ms = c->plan.review_ms = c->plan.end_ms = SCHEDULE_NEVER;
	if (c->inbox && !store_drop_inbox(a->store, c->inbox, e))
		return false;
	c->inbox = 0;
	return exchange_become(a, c, STATE_RECALLED, e) && copy_erase_payload(a, c, "recalled", e) &&
	       duty_withdraw(a, c, e) && (c->here || order(a, c, why, e)) &&
	       duty_make(a, c, DUTY_RECALL, view_of(recall_code_name(why)), e);
}

/* An attempt to deliver it ended without an answer that says what became of it, or may be under way. */
static bool may_have_arrived(const struct act *a, const struct copy *c, bool *arrived, struct error *e)
{
	struct store_delivery d;

	enum sought delivery = sought(store_get_delivery(a->store, c->seq, &d, e), e);
	*arrived = delivery == SOUGHT_FOUND && (d.attempts > 0 || departures_stop(a->core->departures, c->seq));
	return delivery != SOUGHT_FAILED;
}

static bool note_done(void *arg, const struct store_duty *d)
{
	*(bool *)arg = *(bool *)arg || d->state == DUTY_DONE;
	return true;
}

/* Whether it may have been at its recipient's gateway. What was corrected while it was queued may have been sent. */
static bool was_there(const struct act *a, const struct copy *c, bool *there, struct error *e)
{
	struct view receipt;

	*there = c->state != STATE_ENDED;
	if (*there)
		return true;
	enum sought arrived = sought(store_get_receipt(a->store, c->seq, &receipt, e), e);
	*there = arrived == SOUGHT_FOUND;
	return arrived != SOUGHT_FAILED && store_list_duties(a->store, c->seq, note_done, there, e);
}

/* The copy at the partner is gone as far as is known here; what was passed on from it there may live. */
static bool recall_gone(const struct act *a, struct copy *c, enum recall_code why, bool *first, struct error *e)
{
	struct store_duty d;

	*first = false;
	if (c->here)
		return true;
	enum sought asked = sought(store_find_duty(a->store, c->seq, DUTY_RECALL, &d, e), e);
	if (asked != SOUGHT_NONE)
		return asked == SOUGHT_FOUND;
	if (!was_there(a, c, first, e))
		return false;
	return !*first || recall_delivered(a, c, why, e);
}

/* One exchange of the lineage. */
static bool recall_one(const struct act *a, struct copy *c, enum recall_code why, bool *first, struct error *e)
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
	case STATE_ERASED:
	case STATE_CORRECTED:
	case STATE_ENDED: return recall_gone(a, c, why, first, e);
	case STATE_REFUSED:
	case STATE_FAILED:
	case STATE_RECALLED:
	case STATE_RETURNED: break;
	}
	*first = false;
	return true;
}

/* --- which exchanges it reaches --- */

struct reach {
	const struct act *a;
	const struct copy *c; /* what is recalled */
	enum recall_scope scope;
	bool consent;            /* it is for a withdrawn one, */
	struct digest withdrawn; /* this, */
	char purpose[72];        /* for this purpose */
};

/* Whether a copy stands on something else than the consent that was withdrawn. Of what is gone that is not known any more. */
static bool stands(const struct reach *r, uint64_t seq, bool *out, struct error *e)
{
	struct store_consent c;
	struct store_exchange x;

	*out = false;
	if (!r->consent || !store_get_exchange(r->a->store, seq, &x, e))
		return !r->consent;
	bool lives = exchange_lives(x.state);
	enum sought consent = sought(store_get_consent(r->a->store, seq, &c, e), e);
	*out = lives &&
	       !(consent == SOUGHT_FOUND && digest_eq(&c.consent, &r->withdrawn) && view_is(c.purpose, r->purpose));
	return consent != SOUGHT_FAILED;
}

/* Versions beside the one that is recalled, and what was passed on from those, only where the recall is of them as well. */
static bool reaches(void *arg, uint64_t seq, bool *takes, struct error *e)
{
	const struct reach *r = arg;
	struct store_link l = { .parent = seq };
	bool still;

	enum sought onward = sought(store_get_link(r->a->store, seq, LINK_ONWARD, &l, e), e);
	if (onward == SOUGHT_FAILED || !stands(r, l.parent, &still, e))
		return false;
	*takes = !still && (r->scope == RECALL_RECORD || l.parent == r->c->seq);
	return true;
}

static bool look_at_consent(struct reach *r, struct error *e)
{
	static const struct digest none;
	struct store_consent c;

	if (digest_eq(&r->c->consent, &none))
		return true;
	enum sought consent = sought(store_get_consent(r->a->store, r->c->seq, &c, e), e);
	if (consent != SOUGHT_FOUND)
		return consent == SOUGHT_NONE;
	r->consent = true;
	r->withdrawn = c.consent;
	snprintf(r->purpose, sizeof r->purpose, "%.*s", VIEW_ARG(c.purpose));
	return true;
}

/* What its own entry says of the consent, where it rests on the one that was withdrawn. */
static bool load(const struct reach *r, uint64_t seq, struct copy *c, struct error *e)
{
	struct store_consent row;

	if (!copy_load(r->a, seq, c, e))
		return false;
	if (!r->consent)
		return true;
	enum sought consent = sought(store_get_consent(r->a->store, seq, &row, e), e);
	if (consent == SOUGHT_FOUND && digest_eq(&row.consent, &r->withdrawn))
		c->consent = row.told;
	return consent != SOUGHT_FAILED;
}

bool recall_exchange(const struct act *a, struct copy *c, enum recall_code why, enum recall_scope scope, bool *first,
                     struct error *e)
{
	struct reach reach = { .a = a, .c = c, .scope = scope };
	struct lineage all = { .n = 0 };
	struct copy other;
	bool did;

	*first = false;
	bool ok = look_at_consent(&reach, e) && lineage_descend(a->store, c->seq, reaches, &reach, &all, e);
	for (size_t i = 0; ok && i < all.n; i++) {
		ok = i == 0 ? recall_one(a, c, why, &did, e)
		            : load(&reach, all.seq[i], &other, e) && recall_one(a, &other, why, &did, e);
		*first = *first || (ok && did);
	}
	lineage_free(&all);
	return ok;
}

/* --- POST /v1/exchanges/{uuid}/recall: the provider's own system asks --- */

struct recall {
	struct job job; /* first */
	struct request *request;
	struct uuid exchange;
	enum recall_code why;
	char words[WORDS_MAX + 1]; /* empty: none */
	enum reason refused;
	bool first;
	enum exchange_state state;
	uint64_t index;
};

static void recall_free(struct recall *r)
{
	wipe(r->words, sizeof r->words);
	free(r);
}

/* The words stay here, where oversight reads them. */
static bool disclose_words(const struct recall *r, struct disclosures *sd, struct error *e)
{
	struct buf words = BUF_INIT(8 * WORDS_MAX);
	uint8_t salt[2][16];
	bool ok = r->words[0] == 0 || random_bytes(salt, sizeof salt) || error_set(e, REASON_CRYPTO, "no random bytes");

	if (ok && r->words[0]) {
		buf_add_json_string(&words, view_of(r->words));
		disclosures_nest(sd, salt[0], VIEW("words"), buf_view(&words));
		disclosures_group(sd, salt[1]);
	}
	ok = ok && (!words.failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
	buf_free(&words);
	return ok;
}

/* A refused attempt is in the log, too. */
static bool log_attempt(struct recall *r, const struct act *a, const char *outcome, struct error *e)
{
	struct disclosures sd = { .packed = BUF_INIT(65536), .text = BUF_INIT(65536), .digests = BUF_INIT(4096) };
	char note[64];
	struct entry entry = { .operation = r->refused ? OPERATION_REFUSAL : OPERATION_DECISION,
		               .exchange = r->exchange,
		               .peer = view_of(r->request->peer->id),
		               .outcome = view_of(outcome) };

	snprintf(note, sizeof note, "recall asked for: %s", recall_code_name(r->why));
	entry.note = view_of(note);
	if (r->refused)
		entry.reason = view_of(reason_coarse(r->refused));
	bool ok = disclose_words(r, &sd, e) && audit_append(a, &entry, &sd, &r->index, e);
	disclosures_free(&sd);
	return ok;
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
	    !recall_exchange(&a, &c, r->why, RECALL_RECORD, &r->first, e))
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
	recall_free(r);
}

/* {"why": code[, "words": text]}; nothing else. */
static enum reason read_recall(const struct request *q, struct recall *r)
{
	json_t *doc = json_loadb(q->body.p ? q->body.p : "", q->body.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *why = json_object_get(doc, "why"), *words = json_object_get(doc, "words");
	bool ok = json_object_size(doc) == (words ? 2u : 1u) && json_string_length(why) > 0 &&
	          (!words || (json_string_length(words) > 0 && json_string_length(words) <= WORDS_MAX));

	r->why = ok ? recall_code_find(view_of(json_string_value(why))) : RECALL_CODES;
	if (ok && words)
		snprintf(r->words, sizeof r->words, "%s", json_string_value(words));
	json_decref(doc);
	return !ok ? REASON_BAD_JSON : r->why == RECALL_CODES ? REASON_RECALL_CODE : REASON_NONE;
}

/* Names the codes: who wrote words before writes them into `words` now. */
static void answer_code(struct request *q)
{
	struct buf body = BUF_INIT(4096);
	struct answer answer = { .status = reason_status(REASON_RECALL_CODE),
		                 .content_type = VIEW("application/problem+json") };

	problem_open(&body, REASON_RECALL_CODE);
	buf_adds(&body, ",\"errors\":[{\"pointer\":\"/why\",\"keyword\":\"is none of: ");
	recall_codes_list(&body);
	buf_addf(&body, "\",\"code\":\"%s\",\"allowed\":[", reason_slug(REASON_RECALL_CODE));
	for (unsigned c = 0; c < RECALL_CODES; c++)
		buf_addf(&body, "%s\"%s\"", c ? "," : "", recall_code_name((enum recall_code)c));
	buf_adds(&body, "]}]}");
	answer.body = buf_view(&body);
	answer_send(q, &answer);
	buf_free(&body);
}

/* Answers what is not so; true: it is submitted. */
static bool submit(struct recall *r, struct request *q)
{
	enum reason fault = read_recall(q, r);

	if (!uuid_parse(request_path_part(q, 2), &r->exchange)) {
		answer_problem(q, REASON_NOT_FOUND);
		return false;
	}
	if (fault == REASON_RECALL_CODE)
		answer_code(q);
	else if (fault != REASON_NONE)
		answer_problem(q, fault);
	if (fault != REASON_NONE)
		return false;
	r->request = q;
	r->job =
	        (struct job){ .lane = request_lane(q), .home = q->worker->home, .run = write_recall, .done = recalled };
	writer_submit(q->worker->core->writer, &r->job);
	return true;
}

void handle_recall(struct request *q)
{
	struct recall *r = calloc(1, sizeof *r);

	if (!r)
		answer_problem(q, REASON_NO_MEMORY);
	else if (!submit(r, q))
		recall_free(r);
}
