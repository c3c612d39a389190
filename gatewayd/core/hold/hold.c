/* See hold.h. */
#include "gatewayd/core/hold/hold.h"

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/hold/hold_notice.h"
#include "gatewayd/core/hold/hold_spread_private.h"
#include "gatewayd/core/hold/hold_statement_private.h"
#include "gatewayd/core/audit/testimony.h"
#include "lib/schema/document.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/entry.h"

#define BATCH         100
#define STATEMENT_MAX 16384
#define SIGNATURE_MAX 32768

struct holds {
	struct job job; /* first: the sweep's */
	struct core *core;
	struct store *reader;
	struct schema *schema;
	_Atomic bool busy; /* the sweep's job is under way */
	int64_t now_ms;
};

struct holds *holds_new(struct core *core, struct store *reader)
{
	struct holds *h = calloc(1, sizeof *h);
	struct error e = { .reason = REASON_NONE };

	if (!h)
		return NULL;
	h->core = core;
	h->reader = reader;
	h->schema = document_schema(VIEW("hold"), &e);
	if (!h->schema) {
		holds_free(h);
		return NULL;
	}
	return h;
}

void holds_free(struct holds *h)
{
	if (!h)
		return;
	schema_unref(h->schema);
	free(h);
}

bool hold_restricted(struct store *s, uint64_t seq, bool *out, struct error *e)
{
	struct store_held held;

	if (!store_held(s, seq, &held, e))
		return false;
	*out = held.restrictions > 0;
	return true;
}

bool hold_in_force(struct store *s, uint64_t seq, bool *out, struct error *e)
{
	struct store_held held;

	if (!store_held(s, seq, &held, e))
		return false;
	*out = held.restrictions > 0 || held.legal > 0;
	return true;
}

/* --- writing (writer's thread) --- */

/* An entry about an exchange; `seq` 0: about none that is known. */
static bool append(const struct act *a, uint64_t seq, const char *note, struct testimony *t, struct error *e)
{
	struct entry entry = { .operation = OPERATION_DECISION, .time_ms = a->now_ms, .note = view_of(note) };
	struct store_exchange x;
	uint64_t index;

	if (seq && !store_get_exchange(a->store, seq, &x, e))
		return false;
	if (seq) {
		entry.exchange = x.id;
		entry.peer = x.partner;
		entry.recipient = x.recipient;
		entry.agreement = x.agreement;
		entry.agreement_digest = x.agreement_digest;
	}
	return testimony_append(t, a->core, a->writer, a->job, &entry, &index, e);
}

static const char *note_of(enum hold_kind kind, const char *restriction, const char *legal)
{
	return kind == HOLD_RESTRICTION ? restriction : legal;
}

struct period {
	int64_t from_ms, until_ms;
};

struct periods {
	struct period p[64];
	size_t n;
};

static bool add_period(void *arg, const struct store_hold *h)
{
	struct periods *all = arg;

	if (h->kind == HOLD_RESTRICTION && h->ended_ms != TIME_NONE)
		all->p[all->n++] = (struct period){ h->from_ms, h->ended_ms };
	return all->n < sizeof all->p / sizeof *all->p;
}

/* A delivery does not lose the time during which it could not be sent: of restrictions that overlap or follow on
 * one another, from the first one's beginning. */
static bool resume_delivery(struct store *s, uint64_t seq, int64_t now_ms, struct error *e)
{
	struct periods all = { .n = 0 };
	int64_t since_ms = now_ms;
	bool earlier = true;

	if (!store_list_holds(s, seq, true, add_period, &all, e))
		return false;
	while (earlier) {
		earlier = false;
		for (size_t i = 0; i < all.n; i++)
			if (all.p[i].from_ms < since_ms && all.p[i].until_ms >= since_ms) {
				since_ms = all.p[i].from_ms;
				earlier = true;
			}
	}
	return store_extend_delivery(s, seq, now_ms, now_ms - since_ms, e);
}

bool hold_end(struct store *s, const struct store_hold *h, int64_t now_ms, struct error *e)
{
	uint64_t seq = h->seq;
	bool restriction = h->kind == HOLD_RESTRICTION, still;

	if (!store_end_hold(s, h->id, now_ms, e) || !hold_restricted(s, seq, &still, e))
		return false;
	return !restriction || still || resume_delivery(s, seq, now_ms, e);
}

/* --- stating --- */

struct stating {
	struct job job; /* first */
	struct holds *holds;
	hold_done *done;
	void *arg;
	struct buf text, signature;
	struct hold_statement statement;
	uint64_t seq; /* 0: the exchange is not known */
	char signer[128], role[32];
	int64_t now_ms;
	const char *fault; /* NULL: it holds */
	bool changed;
	struct testimony testimony;
};

static void stating_free(struct stating *a)
{
	testimony_free(&a->testimony);
	buf_free(&a->text);
	buf_free(&a->signature);
	free(a);
}

static bool keep(struct stating *a, struct store *s, const char *kind, struct view text, struct error *e)
{
	struct digest digest;

	sha256(text, &digest);
	return store_put_document(s, &digest, view_of(kind), text, a->now_ms, e);
}

static bool write_set(struct stating *a, const struct act *act, struct error *e)
{
	struct hold_statement *st = &a->statement;
	struct store_hold h = { .seq = a->seq,
		                .kind = st->kind,
		                .from_ms = a->now_ms,
		                .until_ms = st->until_ms,
		                .statement = st->digest,
		                .signer = view_of(a->signer),
		                .role = view_of(a->role) };
	struct store_timer timer;

	switch (sought(store_get_timer(act->store, a->seq, &timer, e), e)) {
	case SOUGHT_FOUND: break;
	case SOUGHT_NONE: a->fault = "nothing is left to hold"; return true;
	case SOUGHT_FAILED: return false;
	}
	return store_put_hold(act->store, &h, &a->changed, e) &&
	       (!a->changed || (hold_tell(act, &h, NULL, false, e) && hold_spread(act, &h, &h.statement, e)));
}

static bool write_lift(struct stating *a, const struct act *act, struct error *e)
{
	struct store_hold h;

	if (!store_find_hold(act->store, &a->statement.hold, &h, e))
		return false;
	a->statement.kind = h.kind;
	a->changed = h.ended_ms == TIME_NONE;
	return !a->changed || (hold_end(act->store, &h, a->now_ms, e) && hold_tell(act, &h, NULL, true, e) &&
	                       hold_spread_lift(act, &h, &h.statement, e));
}

static const char *outcome_note(const struct stating *a)
{
	enum hold_kind kind = a->statement.kind;

	if (a->fault)
		return "a hold or lift was asked for in vain";
	if (!a->changed)
		return "a hold or lift was shown again";
	return a->statement.lift ? note_of(kind, "a restriction was lifted", "a legal hold was lifted")
	                         : note_of(kind, "a restriction was set", "a legal hold was set");
}

static bool write_stating(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct stating *a = JOB_OF(struct stating, j);
	struct act act = { .core = a->holds->core, .writer = w, .job = j, .store = s, .now_ms = a->now_ms };

	a->changed = false;
	if (!a->fault && !(a->statement.lift ? write_lift(a, &act, e) : write_set(a, &act, e)))
		return false;
	if (a->changed &&
	    (!keep(a, s, "hold", buf_view(&a->text), e) || !keep(a, s, "signature", buf_view(&a->signature), e)))
		return false;
	return append(&act, a->seq, outcome_note(a), &a->testimony, e);
}

static void stated(struct job *j)
{
	struct stating *a = JOB_OF(struct stating, j);
	struct hold_result r = { .ok = j->committed && !a->fault,
		                 .changed = a->changed,
		                 .statement = a->statement.digest,
		                 .text = !j->committed ? j->error.text
		                         : a->fault    ? a->fault
		                                       : "" };

	a->done(a->arg, &r);
	writer_release(j);
	stating_free(a);
}

/* What is wrong with it before anything is written; also finds the exchange. */
static const char *find_fault(struct stating *a, const struct hold_request *r)
{
	struct holds *h = a->holds;
	const char *fault = hold_statement_read(h->schema, r->statement, &a->statement), *role;
	struct error e = { .reason = REASON_NONE };
	const struct partner *signer;
	struct store_exchange x;
	struct store_hold lifted;

	if (fault)
		return fault;
	if (memcmp(&a->statement.exchange, &r->exchange, sizeof r->exchange) != 0)
		return "the statement is for another exchange";
	if (a->statement.lift != r->lift)
		return r->lift ? "the statement is not a lift" : "the statement is a lift";
	/* The exchange last: its views end with the next call on the store. */
	bool found = r->lift && store_find_hold(h->reader, &a->statement.hold, &lifted, &e);
	char lifted_role[sizeof a->role] = "";
	if (found) {
		snprintf(lifted_role, sizeof lifted_role, "%.*s", VIEW_ARG(lifted.role));
		lifted.role = view_of(lifted_role);
	}
	if (!store_find_exchange(h->reader, &r->exchange, &x, &e))
		return "no such exchange";
	a->seq = x.seq;
	struct conf *conf = core_conf(h->core);
	struct hold_check check = { .conf = conf,
		                    .now_ms = a->now_ms,
		                    .statement = &a->statement,
		                    .text = r->statement,
		                    .signature = r->signature,
		                    .exchange = &x,
		                    .lifted = found ? &lifted : NULL };
	fault = hold_statement_fault(&check, &signer, &role);
	if (!fault) {
		snprintf(a->signer, sizeof a->signer, "%s", signer->id);
		snprintf(a->role, sizeof a->role, "%s", role);
	}
	conf_unref(conf);
	return fault;
}

/* What oversight may read of it. A signature is named by its digest, under which it is kept. */
static void testify(struct stating *a, const struct hold_request *r)
{
	struct buf digest = BUF_INIT(65);
	struct digest d;

	sha256(r->signature, &d);
	digest_print(&digest, &d);
	testimony_statement(&a->testimony, r->uid, r->statement, a->signer, a->fault);
	testimony_text(&a->testimony, "signature", buf_view(&digest));
	buf_free(&digest);
}

void hold_ask(struct holds *h, const struct hold_request *r)
{
	struct hold_result no = { .text = "memory ran out" };
	struct stating *a = NULL;

	if (r->statement.n > STATEMENT_MAX || r->signature.n > SIGNATURE_MAX)
		no.text = "statement or signature is too long";
	else
		a = calloc(1, sizeof *a);
	if (!a) {
		r->done(r->arg, &no);
		return;
	}
	*a = (struct stating){ .holds = h,
		               .done = r->done,
		               .arg = r->arg,
		               .now_ms = instant_now_ms(),
		               .text = BUF_INIT(STATEMENT_MAX),
		               .signature = BUF_INIT(SIGNATURE_MAX) };
	buf_add(&a->text, r->statement);
	buf_add(&a->signature, r->signature);
	a->fault = find_fault(a, r);
	testify(a, r);
	if (a->text.failed || a->signature.failed) {
		r->done(r->arg, &no);
		stating_free(a);
		return;
	}
	a->job = (struct job){ .home = r->home, .run = write_stating, .done = stated };
	writer_submit(h->core->writer, &a->job);
}

/* --- ending at its date --- */

struct ended {
	struct store_hold h[BATCH];
	size_t n;
};

static bool add_due(void *arg, const struct store_hold *h)
{
	struct ended *due = arg;

	due->h[due->n++] = *h;
	return due->n < BATCH;
}

/* The list again, inside the transaction: one may have been lifted since. */
static bool write_ends(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct holds *h = JOB_OF(struct holds, j);
	struct act a = { .core = h->core, .writer = w, .job = j, .store = s, .now_ms = h->now_ms };
	struct ended *due = calloc(1, sizeof *due);
	bool ok = due ? store_due_holds(s, h->now_ms, BATCH, add_due, due, e)
	              : error_set(e, REASON_NO_MEMORY, "memory ran out");

	for (size_t i = 0; ok && i < due->n; i++) {
		const char *note = note_of(due->h[i].kind, "a restriction has ended", "a legal hold has ended");
		ok = hold_end(s, &due->h[i], h->now_ms, e) && append(&a, due->h[i].seq, note, NULL, e);
	}
	free(due);
	return ok;
}

/* On the writer's thread: nobody waits for it. */
static void ended(struct job *j)
{
	struct holds *h = JOB_OF(struct holds, j);

	if (!j->committed)
		log_line("error", "holds: %s", j->error.text);
	writer_release(j);
	atomic_store(&h->busy, false);
}

static bool note_due(void *arg, const struct store_hold *h)
{
	(void)h;
	*(bool *)arg = true;
	return false;
}

bool hold_sweep(struct holds *h, int64_t now_ms, struct error *e)
{
	bool due = false;

	if (atomic_load(&h->busy) || !clock_trusted(h->core))
		return true;
	if (!store_due_holds(h->reader, now_ms, 1, note_due, &due, e))
		return false;
	if (!due)
		return true;
	h->now_ms = now_ms;
	atomic_store(&h->busy, true);
	h->job = (struct job){ .run = write_ends, .done = ended };
	writer_submit(h->core->writer, &h->job);
	return true;
}

bool hold_busy(const struct holds *h)
{
	return atomic_load(&h->busy);
}
