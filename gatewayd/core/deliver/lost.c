/* See lost.h. */
#include "gatewayd/core/deliver/lost.h"

#include <unistd.h>

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define BATCH       200
#define PAYLOAD_MAX (64u << 20)
#define SLUG        "payload-lost"

struct sweep {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	struct gcm *gcm;
	uint64_t read[BATCH], lost[BATCH];
	size_t n_read, n_lost;
	uint64_t total; /* lost, of all batches */
	bool ends;      /* the last job: takes the word back */
	bool home;
	bool restored; /* and not compared with partners yet: what waits may have arrived */
};

/* --- what is written of one --- */

static bool fail_delivery(const struct act *a, const struct copy *c, bool tell, struct error *e)
{
	struct store_delivery d;

	switch (sought(store_get_delivery(a->store, c->seq, &d, e), e)) {
	case SOUGHT_FOUND: break;
	case SOUGHT_NONE: return true;
	case SOUGHT_FAILED: return false;
	}
	uint32_t attempts = d.attempts;
	return store_retry_delivery(a->store, c->seq, OUTBOX_FAILED, VIEW(SLUG), e) &&
	       (!tell || outbox_tell(a, c, VIEW(SLUG), attempts, false, e));
}

static bool write_lost(const struct act *a, uint64_t seq, bool restored, struct error *e)
{
	struct copy c;

	if (!copy_load(a, seq, &c, e) || !store_drop_kept(a->store, seq, e) || !store_erase_payload(a->store, seq, e) ||
	    !copy_log(a, &c, OPERATION_INCIDENT, SLUG, "the key of its payload is gone: the record cannot be opened",
	              e))
		return false;
	if (c.state == STATE_HELD)
		return held_end(a, seq, "the key of its payload is gone", NULL, e);
	return c.state != STATE_QUEUED || fail_delivery(a, &c, !restored, e);
}

static bool write_batch(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct sweep *x = JOB_OF(struct sweep, j);
	struct act a = { .core = x->core, .writer = w, .job = j, .store = s, .now_ms = instant_now_ms() };

	for (size_t i = 0; i < x->n_lost; i++)
		if (!write_lost(&a, x->lost[i], x->restored, e))
			return false;
	return !x->ends || doubt_put(s, false, e);
}

static void written(struct job *j)
{
	JOB_OF(struct sweep, j)->home = true;
	writer_release(j);
}

/* Submits and waits: nothing else is done before the daemon serves. */
static bool write_and_wait(struct sweep *x, struct home *home, struct error *e)
{
	x->home = false;
	x->job = (struct job){ .home = home, .run = write_batch, .done = written };
	writer_submit(x->core->writer, &x->job);
	while (!x->home) {
		usleep(1000);
		home_collect(home);
	}
	return x->job.committed || error_set(e, x->job.error.reason, "%s", x->job.error.text);
}

/* --- which they are --- */

static bool note_row(void *arg, uint64_t seq)
{
	struct sweep *x = arg;

	x->read[x->n_read++] = seq;
	return x->n_read < BATCH;
}

static bool opens(struct sweep *x, uint64_t seq, bool *out, struct error *e)
{
	struct payload payload = { .plain = BUF_INIT(PAYLOAD_MAX) };
	struct error why = { .reason = REASON_NONE };
	struct store_exchange exchange;

	if (!store_get_exchange(x->reader, seq, &exchange, e))
		return false;
	struct uuid id = exchange.id;
	*out = payload_open(x->core->keys, x->gcm, x->reader, seq, &id, &payload, &why);
	payload_close(&payload);
	return *out || why.reason == REASON_NOT_FOUND || why.reason == REASON_DAMAGED || why.reason == REASON_CRYPTO ||
	       error_set(e, why.reason, "%s", why.text);
}

/* The next ones; *last: there are no more. */
static bool look(struct sweep *x, uint64_t after, bool *last, struct error *e)
{
	x->n_read = x->n_lost = 0;
	if (!store_list_payloads(x->reader, after, BATCH, note_row, x, e))
		return false;
	for (size_t i = 0; i < x->n_read; i++) {
		bool opened;

		if (!opens(x, x->read[i], &opened, e))
			return false;
		if (!opened)
			x->lost[x->n_lost++] = x->read[i];
	}
	*last = x->n_read < BATCH;
	return true;
}

static bool sweep(struct sweep *x, struct home *home, struct error *e)
{
	uint64_t after = 0;
	bool last = false;

	while (!last) {
		if (!look(x, after, &last, e))
			return false;
		after = x->n_read ? x->read[x->n_read - 1] : after;
		x->ends = last;
		x->total += x->n_lost;
		if ((x->n_lost || last) && !write_and_wait(x, home, e))
			return false;
	}
	if (x->total)
		log_line("warning", "%llu payloads cannot be opened any more: each is an incident in the log",
		         (unsigned long long)x->total);
	return true;
}

bool lost_sweep(struct core *c, struct store *reader, struct error *e)
{
	struct sweep x = { .core = c, .reader = reader };
	struct restored restored;
	struct home *home;
	bool doubt;

	if (!doubt_get(reader, &doubt, e))
		return false;
	if (!doubt)
		return true;
	enum sought open = sought(restored_get(reader, &restored, e), e);
	if (open == SOUGHT_FAILED)
		return false;
	x.restored = open == SOUGHT_FOUND;
	home = home_new();
	x.gcm = gcm_new();
	bool ok = (home && x.gcm) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	ok = ok && sweep(&x, home, e);
	gcm_free(x.gcm);
	home_free(home);
	return ok;
}

/* --- after the comparison --- */

struct untold {
	uint64_t seqs[BATCH], last;
	size_t n, looked;
};

static bool add_untold(void *arg, const struct store_delivery *d)
{
	struct untold *u = arg;

	u->last = d->seq;
	u->looked++;
	if (d->next_ms == OUTBOX_FAILED && view_is(d->last_error, SLUG))
		u->seqs[u->n++] = d->seq;
	return u->n < BATCH;
}

static bool tell_one(const struct act *a, uint64_t seq, struct error *e)
{
	struct store_delivery d;
	struct copy c;

	if (!copy_load(a, seq, &c, e) || !store_get_delivery(a->store, seq, &d, e))
		return false;
	return outbox_tell(a, &c, VIEW(SLUG), d.attempts, false, e);
}

bool lost_tell(const struct act *a, struct error *e)
{
	struct untold u = { .last = 0 };

	do {
		u.n = u.looked = 0;
		if (!store_list_deliveries(a->store, u.last, BATCH, add_untold, &u, e))
			return false;
		for (size_t i = 0; i < u.n; i++)
			if (!tell_one(a, u.seqs[i], e))
				return false;
	} while (u.looked == BATCH);
	return true;
}
