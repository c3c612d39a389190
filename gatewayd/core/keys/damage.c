/* See damage.h. */
#include "gatewayd/core/keys/damage.h"

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/timer.h"

#define PLAIN_MAX (48u * 1024 * 1024)
#define PART_MAX  256u

struct part {
	uint64_t seqs[PART_MAX];
	unsigned n;
};

static bool add_seq(void *arg, uint64_t seq)
{
	struct part *p = arg;

	p->seqs[p->n++] = seq;
	return p->n < PART_MAX;
}

/* *same: what waits in the outbox for the partner, or is kept to be sent again, is what was sealed; or nothing is there. */
static bool sent_beside(struct store *reader, uint64_t seq, const struct payload *p, bool *same, struct error *e)
{
	struct store_delivery d;
	enum sought row = sought(store_get_delivery(reader, seq, &d, e), e);

	struct view kept;

	*same = row != SOUGHT_FOUND || payload_beside(p, d.envelope);
	if (row != SOUGHT_NONE)
		return row != SOUGHT_FAILED;
	row = sought(store_get_kept(reader, seq, &kept, e), e);
	*same = row != SOUGHT_FOUND || payload_beside(p, kept);
	return row != SOUGHT_FAILED;
}

static bool shown_beside(struct store *reader, uint64_t seq, const struct payload *p, bool *same, struct error *e)
{
	struct store_timer t;
	struct store_inbox i;
	enum sought row = sought(store_get_timer(reader, seq, &t, e), e);

	*same = true;
	if (row != SOUGHT_FOUND || t.inbox == 0)
		return row != SOUGHT_FAILED;
	row = sought(store_get_inbox(reader, t.inbox, &i, e), e);
	if (row == SOUGHT_FOUND && i.acked_ms == 0 && inbox_has_record(i.kind))
		*same = payload_beside(p, i.body);
	return row != SOUGHT_FAILED;
}

bool damage_beside(struct store *reader, uint64_t seq, const struct payload *p, const char **what, struct error *e)
{
	bool sent = true, shown = true;

	*what = NULL;
	if (!sent_beside(reader, seq, p, &sent, e) || !shown_beside(reader, seq, p, &shown, e))
		return false;
	if (!(sent && shown))
		*what = sent ? "what its inbox item says is not what was sealed with the record"
		             : "what goes to the partner is not what was sealed with the record";
	return true;
}

/* NULL: nothing is wrong with it, or it was erased in the meantime. */
static bool judge(struct damage_look *l, uint64_t seq, const struct uuid *id, const char **what, struct error *e)
{
	struct payload p = { .plain = BUF_INIT(PLAIN_MAX) };
	bool ok = payload_open(l->keys, l->gcm, l->reader, seq, id, &p, e);

	*what = NULL;
	if (ok) {
		ok = damage_beside(l->reader, seq, &p, what, e);
	} else if (e->reason == REASON_DAMAGED) {
		*what = "its payload does not open";
		ok = true;
	} else if (e->reason == REASON_NOT_FOUND) {
		struct part still = { .n = 0 };
		*e = (struct error){ .reason = REASON_NONE };
		ok = store_list_payloads(l->reader, seq - 1, 1, add_seq, &still, e);
		if (ok && still.n == 1 && still.seqs[0] == seq)
			*what = "its payload is gone, and nobody erased it";
	}
	if (ok)
		*e = (struct error){ .reason = REASON_NONE };
	payload_close(&p);
	return ok;
}

bool damage_look(struct damage_look *l, unsigned max, bool *more, struct error *e)
{
	struct part part = { .n = 0 };
	unsigned most = max < PART_MAX ? max : PART_MAX;

	if (!store_list_payloads(l->reader, l->after, most, add_seq, &part, e))
		return false;
	*more = part.n == most;
	for (unsigned i = 0; i < part.n; i++) {
		struct store_exchange x;
		const char *what;
		if (!store_get_exchange(l->reader, part.seqs[i], &x, e))
			return false;
		struct uuid id = x.id;
		if (!judge(l, part.seqs[i], &id, &what, e))
			return false;
		l->after = part.seqs[i];
		l->looked++;
		l->damaged += what != NULL;
		if (what)
			l->found(l->arg, &id, what);
	}
	return true;
}
