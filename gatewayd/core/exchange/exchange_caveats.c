/* The codes under which a record travels: what came with the exchange that is passed on, and what leaves. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/link.h"

/* Corrections of corrections that are followed back. */
#define CORRECTIONS_MAX 64

/* --- what came --- */

/* By the id that this gateway gave; 0: there is none. */
static uint64_t find(struct store *reader, struct view text)
{
	struct error e = { .reason = REASON_NONE };
	struct store_exchange found;
	struct uuid id;

	return uuid_parse(text, &id) && store_find_exchange(reader, &id, &found, &e) ? found.seq : 0;
}

static uint64_t parent(struct store *reader, uint64_t child, enum link_kind kind)
{
	struct error e = { .reason = REASON_NONE };
	struct store_link l;

	return store_get_link(reader, child, kind, &l, &e) ? l.parent : 0;
}

/* Is `seq` that exchange, or a correction of it? */
static bool stands_for(struct store *reader, uint64_t seq, uint64_t first)
{
	for (unsigned i = 0; seq && seq != first && i < CORRECTIONS_MAX; i++)
		seq = parent(reader, seq, LINK_CORRECTS);
	return seq == first;
}

/* Which exchange is passed on? What corrects a record that was passed on passes on the same one, whether it says so or
 * not, or else one that corrects it. */
static void find_passed_on(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct store *reader = x->decider->reader;
	uint64_t corrected = d->envelope.corrects.n ? find(reader, d->envelope.corrects) : 0,
	         before = corrected ? parent(reader, corrected, LINK_ONWARD) : 0;

	if (d->envelope.onward_of.n) {
		d->onward.seq = find(reader, d->envelope.onward_of);
		d->onward.astray = before && !stands_for(reader, d->onward.seq, before);
	} else if (before) {
		d->onward.seq = before;
		d->onward.implied = true;
	}
}

/* The words outlive the tape and the store's next answer. */
static bool keep_words(struct caveats *c, struct arena *mem)
{
	for (size_t i = 0; i < c->n; i++) {
		struct view *text = &c->list[i].text;
		if (text->n && (*text = arena_copy(mem, *text)).n == 0)
			return false;
	}
	return true;
}

bool exchange_inherit(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct error *e = &d->error;
	struct view text;
	struct tape t;

	/* How what a gateway delivers came to it is its own affair: what it inherited is among what it sends. */
	if (d->kind != EXCHANGE_EGRESS)
		return true;
	find_passed_on(x);
	if (d->onward.seq == 0)
		return true;
	switch (sought(store_get_caveats(x->decider->reader, d->onward.seq, &text, e), e)) {
	case SOUGHT_FOUND: break;
	case SOUGHT_NONE: return true;
	case SOUGHT_FAILED: return false;
	}
	d->onward.known =
	        tape_parse(x->decider->scratch->entry, text, &t, e) && caveats_read(&t, 0, &d->onward.caveats, e);
	if (d->onward.known && !keep_words(&d->onward.caveats, &x->written.mem))
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	/* It is this gateway's own text. */
	return d->onward.known || error_set(e, REASON_INTERNAL, "what an exchange came under cannot be read");
}

/* --- what leaves --- */

bool exchange_caveats(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct salt *salt = d->kind == EXCHANGE_INGRESS ? &d->envelope.origin.salt : &d->random.salt;
	struct buf *text = &x->written.caveats;

	caveats_print(&d->decision.caveats, text);
	if (text->failed)
		return error_set(&d->error, REASON_NO_MEMORY, "memory ran out");
	exchange_salted(salt, buf_view(text), &d->caveats);
	return true;
}
