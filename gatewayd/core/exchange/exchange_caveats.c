/* The codes under which a record travels: what came with what is passed on, and what leaves. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/lineage/lineage.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/link.h"

/* Corrections of corrections that are followed back. */
#define CORRECTIONS_MAX (2 * LINEAGE_MAX)

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
 * not, or else one that corrects it. So all versions of a record come from the same one, what is passed on is younger than
 * what it came from, and no chain of gateways waits for itself when that is recalled. */
static void find_passed_on(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct store *reader = x->decider->reader;
	uint64_t corrected = d->envelope.corrects.n ? find(reader, d->envelope.corrects) : 0,
	         before = corrected ? parent(reader, corrected, LINK_ONWARD) : 0;

	if (d->envelope.onward_of.n) {
		d->onward.seq = find(reader, d->envelope.onward_of);
		d->onward.astray = corrected && !(before && stands_for(reader, d->onward.seq, before));
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

/* Adds what an exchange came under; *found: that is known. */
static bool add_came(struct exchange *x, uint64_t seq, bool *found)
{
	struct decided *d = &x->decided;
	struct error *e = &d->error;
	struct caveats came = { .n = 0 };
	struct view text;
	struct tape t;

	enum sought got = sought(store_get_caveats(x->decider->reader, seq, &text, e), e);
	*found = got == SOUGHT_FOUND;
	if (got != SOUGHT_FOUND)
		return got == SOUGHT_NONE;
	/* It is this gateway's own text. */
	if (!tape_parse(x->decider->scratch->entry, text, &t, e) || !caveats_read(&t, 0, &came, e))
		return error_set(e, REASON_INTERNAL, "what an exchange came under cannot be read");
	if (!keep_words(&came, &x->written.mem))
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	return caveats_merge(&d->onward.caveats, &came) ||
	       error_at(e, REASON_LIMIT, "/onward_of", 0, 0, "it came under more than %d codes", CAVEATS_MAX);
}

static bool note_newest(void *arg, const struct store_link *l)
{
	*(uint64_t *)arg = l->child;
	return true;
}

/* What corrects it counts from its arrival on: nobody waits with the acknowledgement to go on under milder codes. */
static bool add_corrections(struct exchange *x)
{
	struct store *reader = x->decider->reader;
	uint64_t seq = x->decided.onward.seq;
	bool found;

	for (unsigned i = 0; i < CORRECTIONS_MAX; i++) {
		uint64_t newer = 0;
		if (!store_list_links(reader, seq, LINK_CORRECTS, note_newest, &newer, &x->decided.error))
			return false;
		if (newer == 0)
			return true;
		if (!add_came(x, newer, &found))
			return false;
		seq = newer;
	}
	return true;
}

bool exchange_inherit(struct exchange *x)
{
	struct decided *d = &x->decided;

	/* How what a gateway delivers came to it is its own affair: what it inherited is among what it sends. */
	if (d->kind != EXCHANGE_EGRESS)
		return true;
	find_passed_on(x);
	return d->onward.seq == 0 || (add_came(x, d->onward.seq, &d->onward.known) && add_corrections(x));
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
