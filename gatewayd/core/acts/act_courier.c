/* Acts on their way to the gateways of every party: the text with all signatures that are here, again whenever one more comes, until the
 * partner's log has it in the state that it has here. courier.h does the rest. */
#include "gatewayd/core/acts/acts.h"

#include "gatewayd/core/acts/act_state.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/serve/courier.h"
#include "gatewayd/core/witness/parcel_receipt.h"

#define IN_FLIGHT  16
#define LONGEST_MS 5000 /* between two attempts: an act is urgent */
#define URGENT     720  /* attempts: an hour */

struct act_out {
	struct parcel parcel; /* first; its id is the telling's */
	struct digest digest;
	enum act_state state;
	enum act_kind kind;
	bool known;
	size_t sent; /* signatures */
};

static bool note_due(void *arg, const struct store_act_telling *t)
{
	const struct courier_due due = { .id = t->id, .attempts = t->attempts, .deadline_ms = t->until_ms };

	return courier_note(arg, &due);
}

static bool list_due(struct store *reader, const struct store_ask *ask, struct courier_look *look, struct error *e)
{
	return store_due_act_tellings(reader, ask, note_due, look, e);
}

static bool find_target(struct parcel *p)
{
	struct act_out *o = PARCEL_OF(struct act_out, p);
	struct store_act_telling t;
	struct error e = { .reason = REASON_NONE };
	struct store_act row;

	if (!store_get_act_telling(p->worker->reader, p->due.id, &t, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	view_keep(p->recipient, sizeof p->recipient, t.recipient);
	if (!store_get_act(p->worker->reader, t.act, &row, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	o->digest = row.digest;
	o->state = row.state;
	o->kind = (enum act_kind)row.kind;
	o->known = true;
	snprintf(p->target, sizeof p->target, "/v1/acts");
	return true;
}

static bool add_signature(void *arg, const struct store_act_signature *g)
{
	struct buf *b = arg;

	if (b->p[b->n - 1] != '[')
		buf_addc(b, ',');
	buf_add_json_string(b, g->cms);
	return true;
}

static bool count_signature(void *arg, const struct store_act_signature *g)
{
	(void)g;
	++*(size_t *)arg;
	return true;
}

static bool pack(struct parcel *p)
{
	struct act_out *o = PARCEL_OF(struct act_out, p);
	struct error e = { .reason = REASON_NONE };
	struct buf *b = &p->body;
	struct store_act row;

	if (!parcel_address(p))
		return false;
	if (!store_find_act(p->worker->reader, &o->digest, &row, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	buf_adds(b, "{\"act\":");
	buf_add_json_string(b, row.text);
	buf_adds(b, ",\"signatures\":[");
	if (!store_list_act_signatures(p->worker->reader, row.number, add_signature, b, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	buf_adds(b, "]}");
	if (!store_list_act_signatures(p->worker->reader, row.number, count_signature, &o->sent, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	return !b->failed || parcel_later(p, "no-memory", "the act is too large");
}

/* --- the answer --- */

static bool says_act(struct parcel *p, const struct tape *leaf)
{
	struct buf digest = BUF_INIT(65);

	digest_print(&digest, &PARCEL_OF(struct act_out, p)->digest);
	buf_addc(&digest, '\0');
	bool ok =
	        !digest.failed && proof_leaf_says(leaf, "operation", "act") && proof_leaf_says(leaf, "input", digest.p);
	buf_free(&digest);
	return ok;
}

/* Whether the partner has to have it in the same state: in effect, or, of what ends once it was carried, done. */
static bool must_be_alike(const struct act_out *o)
{
	return act_state_effective(o->state) ||
	       (o->state == ACT_ENDED && (o->kind == ACT_LIFT || o->kind == ACT_AMEND_NO_CHANGE));
}

/* Taken is: the partner's log says so, and it is there what it is here. One that the partner could not count yet, for a seat is not
 * pinned there, is shown again. */
static bool proved(struct parcel *p)
{
	const struct act_out *o = PARCEL_OF(struct act_out, p);
	uint32_t node = p->answer ? tape_member(p->answer, 0, VIEW("state")) : 0;
	struct view there =
	        node && p->answer->nodes[node].type == TAPE_STRING ? tape_string(p->answer, node) : VIEW("");

	if (!view_is(there, act_state_name(o->state)) && must_be_alike(o))
		return parcel_later(p, "act-incomplete", "the partner has not counted it as in effect");
	return parcel_receipt(p, says_act);
}

/* Nothing that a partner says ends it: pins and agreements change. */
static bool refused(struct parcel *p)
{
	(void)p;
	return false;
}

static bool over(struct parcel *p)
{
	const struct act_out *o = PARCEL_OF(struct act_out, p);
	bool ended = o->known && !act_state_collects(o->state) && !act_state_effective(o->state);

	/* A lift and its like have ended by being in effect: those are told. */
	return o->known && p->now_ms >= p->due.deadline_ms && ended;
}

/* Whether something came while it was under way, of which the partner knows nothing. */
static bool has_more(const struct act_out *o, const struct act *a, bool *more, struct error *e)
{
	struct store_act row;
	size_t n = 0;

	*more = false;
	if (o->sent == 0)
		return true;
	if (!store_find_act(a->store, &o->digest, &row, e))
		return false;
	*more = row.state != o->state;
	if (!store_list_act_signatures(a->store, row.number, count_signature, &n, e))
		return false;
	*more = *more || n != o->sent;
	return true;
}

static bool write_end(struct parcel *p, struct act *a, struct error *e)
{
	int64_t wait;
	bool more;

	if (!has_more(PARCEL_OF(struct act_out, p), a, &more, e))
		return false;
	if (more && p->end != PARCEL_EXPIRED)
		return store_retry_act_telling(a->store, p->due.id, a->now_ms, VIEW(""), e);
	if (p->end != PARCEL_RETRY)
		return store_drop_act_telling(a->store, p->due.id, e);
	wait = post_wait_ms(&p->conf->node, p->due.attempts);
	if (p->due.attempts < URGENT && wait > LONGEST_MS)
		wait = LONGEST_MS;
	return store_retry_act_telling(a->store, p->due.id, a->now_ms + wait, view_of(p->slug), e);
}

static void describe(struct parcel *p, char *out, size_t size)
{
	struct buf digest = BUF_INIT(65);

	digest_print(&digest, &PARCEL_OF(struct act_out, p)->digest);
	snprintf(out, size, "act %.*s", VIEW_ARG(buf_view(&digest)));
	buf_free(&digest);
}

static const struct courier_kind tellings = {
	.name = "acts",
	.size = sizeof(struct act_out),
	.most = IN_FLIGHT,
	.taken = { 200, 202 },
	.recipient = store_next_act_recipient,
	.due = list_due,
	.batch = 1,
	.target = find_target,
	.pack = pack,
	.send = post_send,
	.proved = proved,
	.refused = refused,
	.over = over,
	.write = write_end,
	.describe = describe,
};

void *act_courier(struct worker *w)
{
	return courier_new(w, &tellings);
}
