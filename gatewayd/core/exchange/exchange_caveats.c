/* The codes under which a record travels: what came with what is passed on, and what leaves. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/audit/damaged.h"
#include "gatewayd/core/lineage/lineage.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/log.h"
#include "lib/tlog/entry.h"

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

/* Which exchange is passed on? What corrects a record that was passed on passes on the same one, whether it says so or
 * not, or else one that corrects it. So all versions of a record come from the same one, what is passed on is younger than
 * what it came from, and no chain of gateways waits for itself when that is recalled. */
static void find_passed_on(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct store *reader = x->decider->reader;
	uint64_t corrected = d->envelope.corrects.n ? find(reader, d->envelope.corrects) : 0,
	         before = corrected ? lineage_parent(reader, corrected, LINK_ONWARD) : 0;

	if (d->envelope.onward_of.n) {
		d->onward.seq = find(reader, d->envelope.onward_of);
		d->onward.astray = corrected && !(before && lineage_stands_for(reader, d->onward.seq, before));
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

/* Does the leaf have the digest of that disclosure? */
static bool leaf_discloses(struct tape_parser *parser, struct view leaf, const struct store_caveats *c)
{
	struct disclosures sd = { .packed = BUF_INIT(0) };
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	bool found = false;

	disclosures_add(&sd, c->salt.b, VIEW("caveats"), c->text);
	uint32_t list = tape_parse(parser, leaf, &t, &e) ? tape_member(&t, 0, VIEW("_sd")) : 0;
	if (list && t.nodes[list].type == TAPE_ARRAY && !sd.packed.failed && !sd.digests.failed)
		for (uint32_t v = list + 1; !found && v < t.nodes[list].next; v = t.nodes[v].next)
			found = t.nodes[v].type == TAPE_STRING && view_eq(tape_string(&t, v), buf_view(&sd.digests));
	disclosures_free(&sd);
	return found;
}

/* The row is what the exchange's entry discloses: an altered one is inherited by nobody. *known is false where there is
 * nothing to hold it against: its entry was archived, or a build wrote it that kept no salt. */
static bool check_row(struct exchange *x, uint64_t seq, const struct store_caveats *c, bool *known)
{
	static const struct salt none;
	struct decider *by = x->decider;
	struct error *e = &x->decided.error;
	struct store_exchange row;
	struct view leaf;

	*known = false;
	if (memcmp(&c->salt, &none, sizeof none) == 0)
		return true;
	if (!store_get_exchange(by->reader, seq, &row, e))
		return false;
	struct uuid id = row.id;
	enum sought got = sought(store_find_entry(by->reader, row.entry, &leaf, NULL, e), e);
	if (got != SOUGHT_FOUND)
		return got == SOUGHT_NONE;
	*known = true;
	if (leaf_discloses(by->scratch->entry, leaf, c))
		return true;
	damaged_found(by->core, &id, "the codes that it came under are not those of its entry");
	return error_at(e, REASON_DAMAGED, "/onward_of", 0, 0,
	                "the codes that it came under were altered in the store");
}

/* Adds what an exchange came under; *found: that is known. */
static bool add_came(struct exchange *x, uint64_t seq, bool *found)
{
	struct decided *d = &x->decided;
	struct error *e = &d->error;
	struct caveats came = { .n = 0 };
	struct store_caveats row;
	struct tape t;

	enum sought got = sought(store_get_caveats(x->decider->reader, seq, &row, e), e);
	*found = got == SOUGHT_FOUND;
	if (got != SOUGHT_FOUND)
		return got == SOUGHT_NONE;
	/* It outlives the store's next answer. */
	row.text = arena_copy(&x->written.mem, row.text);
	if (!row.text.p)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (!check_row(x, seq, &row, found))
		return false;
	if (!*found)
		return true;
	/* It is this gateway's own text. */
	if (!tape_parse(x->decider->scratch->entry, row.text, &t, e) || !caveats_read(&t, 0, &came, e))
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

/* A copy of it lives at a recipient, or may: it has a row of codes. */
static bool has_codes(struct store *reader, uint64_t seq, bool *has, struct error *e)
{
	struct store_exchange row;

	if (!store_get_exchange(reader, seq, &row, e))
		return false;
	*has = row.state == STATE_QUEUED || row.state == STATE_DELIVERED || row.state == STATE_READY ||
	       row.state == STATE_FETCHED;
	return true;
}

/* What corrects it counts from its arrival on: nobody waits with the acknowledgement to go on under milder codes. */
static bool add_corrections(struct exchange *x)
{
	struct store *reader = x->decider->reader;
	uint64_t seq = x->decided.onward.seq;
	bool found, has;

	for (unsigned i = 0; i < CORRECTIONS_MAX; i++) {
		uint64_t newer = 0;
		if (!store_list_links(reader, seq, LINK_CORRECTS, note_newest, &newer, &x->decided.error))
			return false;
		if (newer == 0)
			return true;
		if (!add_came(x, newer, &found) || !has_codes(reader, newer, &has, &x->decided.error))
			return false;
		/* One whose row is gone, or is not to be held against anything, takes what is known of the first with it. */
		x->decided.onward.known = x->decided.onward.known && (found || !has);
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
	if (!exchange_find_copy(x))
		return false;
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
