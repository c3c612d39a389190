/* See missing.h. */
#include "gatewayd/core/witness/missing.h"

#include "gatewayd/core/store/outbox.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"

struct listing {
	struct view origin;
	uint64_t end, last;
	unsigned n;
	struct buf scratch;
	bool (*each)(void *arg, const struct uuid *exchange, uint64_t index);
	void *arg;
	bool stopped;
};

/* They were verified when they came. */
static bool look(void *arg, uint64_t seq, const struct uuid *exchange, struct view text)
{
	struct listing *l = arg;
	struct receipt r;
	struct view entry, note, signatures;
	struct checkpoint c;

	l->last = seq;
	l->n++;
	if (receipt_parse(text, &l->scratch, &r, &entry, NULL) && note_split(r.checkpoint, &note, &signatures, NULL) &&
	    checkpoint_parse(note, &c, NULL) && view_eq(c.origin, l->origin) && r.index >= l->end)
		l->stopped = !l->each(l->arg, exchange, r.index);
	return !l->stopped;
}

bool missing_list(struct store *reader, struct view origin, uint64_t end, uint64_t *after_seq, unsigned max, bool *more,
                  bool (*each)(void *arg, const struct uuid *exchange, uint64_t index), void *arg, struct error *e)
{
	struct listing l = { .origin = origin,
		             .end = end,
		             .last = *after_seq,
		             .scratch = BUF_INIT(ENTRY_MAX + 3),
		             .each = each,
		             .arg = arg };
	bool ok = store_list_receipts(reader, *after_seq, max, look, &l, e);

	buf_free(&l.scratch);
	*after_seq = l.last;
	*more = ok && l.n == max && !l.stopped;
	return ok;
}
