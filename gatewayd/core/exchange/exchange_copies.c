/* A copy of what came here, posted as if it were the sender's own. See exchange.h.
 *
 * What is found is the same record, value for value, however its members are ordered or spelled: one changed character
 * is another record. More would take a register of all values that were ever received. A keyed digest of the whole record
 * (store/mark.h) stands in its row of caveats and goes with it, when the copy is gone. What leaves as the agency's own is marked alike: who
 * sends it back under strict codes does not keep the agency from what was its own before. That begins when the first record
 * comes: who only sends need not compute it. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/lineage/lineage.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/mark.h"
#include "lib/json/splice.h"

/* Halves of a letter that a record's values have at least by which it is known again. Answers that are one of few (no hit, so
 * many cases in a month) are soon alike by chance, and who has such a one of its own must not be refused. */
#define TELLING 32

static void mark(const struct exchange *x, struct view canonical, struct digest *out)
{
	struct view parts[] = { VIEW("came here"), canonical };

	hmac_parts(x->decider->core->body_key, parts, 2, out);
}

/* A digit tells about half of what a letter does: numbers are small, and dates are of our time. */
static size_t telling_of(struct view text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < TELLING; i++) {
		unsigned char c = (unsigned char)text.p[i];
		n += (c >= '0' && c <= '9') ? 1 : ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80 ? 2 : 0;
	}
	return n;
}

/* By what the schemas leave open: a text that one of them lists is one of few. */
static bool tells(const struct ruling *r, const struct tape *t)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->nodes[0].next && n < TELLING; i++) {
		bool text = t->nodes[i].type == TAPE_STRING;
		struct view v = text ? tape_string(t, i) : VIEW("");

		if (t->nodes[i].type == TAPE_NUMBER)
			n += telling_of(tape_token(t, i));
		else if (text && !schema_lists(r->input, v) && !schema_lists(r->output, v))
			n += telling_of(v);
	}
	return n >= TELLING;
}

void exchange_mark(struct exchange *x, const struct tape *out)
{
	struct decided *d = &x->decided;
	static const struct digest none = { .b = { 0 } };
	bool comes = d->kind != EXCHANGE_EGRESS && view_is(d->decision.recipient, d->asked.conf->node.agency);
	bool own = d->kind == EXCHANGE_EGRESS && !digest_eq(&d->posted, &none);

	if ((!comes && !own) || !tells(d->decision.ruling, out))
		return;
	if (own) {
		d->mark = d->posted;
		return;
	}
	mark(x, buf_view(&x->decider->scratch->record), &d->mark);
	/* Before its row is written, let alone committed: whoever may see the row sees this. */
	atomic_store(&x->decider->core->marked, MARKED_SOME);
}

/* Where nothing came yet, as at a gateway that only sends, no record is put in order and hashed to look for it. */
static bool may_find(struct exchange *x, bool *may)
{
	struct core *c = x->decider->core;
	int known = atomic_load(&c->marked);
	bool any;

	if (known == MARKED_UNKNOWN) {
		if (!store_any_marked(x->decider->reader, &any, &x->decided.error))
			return false;
		/* One that was made meanwhile stays. */
		if (atomic_compare_exchange_strong(&c->marked, &known, any ? MARKED_SOME : MARKED_NONE))
			known = any ? MARKED_SOME : MARKED_NONE;
	}
	*may = known == MARKED_SOME;
	return true;
}

struct copies {
	uint64_t seq[STORE_MARKED_MAX];
	size_t n;
};

static bool note_copy(void *arg, uint64_t seq)
{
	struct copies *all = arg;

	all->seq[all->n++] = seq;
	return all->n < STORE_MARKED_MAX;
}

/* Is it handed out, or may it be? Or is it of this agency itself, which sent it? */
static bool look(struct exchange *x, uint64_t seq, bool *living, bool *own)
{
	struct decided *d = &x->decided;
	struct store_exchange row;

	if (!store_get_exchange(x->decider->reader, seq, &row, &d->error))
		return false;
	*living = row.state == STATE_READY || row.state == STATE_FETCHED;
	*own = view_is(row.provider, d->asked.conf->node.agency);
	return true;
}

static bool has_mark(struct store *reader, uint64_t seq, const struct digest *mark)
{
	struct error e = { .reason = REASON_NONE };
	struct store_caveats c;

	return seq && store_get_caveats(reader, seq, &c, &e) && digest_eq(&c.mark, mark);
}

bool exchange_find_copy(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct store *reader = x->decider->reader;
	uint64_t named = d->onward.seq;
	struct digest is = { .b = { 0 } };
	struct copies all = { .n = 0 };
	struct splice out;
	bool found = false, living, own, may;

	if (!may_find(x, &may))
		return false;
	if (!may)
		return true;
	buf_reset(&s->beside);
	splice_start(&out, &s->beside, &s->order);
	splice_copy(&out, &d->tape, d->envelope.record);
	if (s->beside.failed)
		return error_set(&d->error, REASON_NO_MEMORY, "memory ran out");
	mark(x, buf_view(&s->beside), &is);
	buf_reset(&s->beside);
	if (!named)
		d->posted = is;
	if (!store_list_marked(reader, &is, note_copy, &all, &d->error))
		return false;
	if (all.n > 0 && has_mark(reader, named, &is))
		return true;
	for (size_t i = 0; i < all.n; i++) {
		if (!look(x, all.seq[i], &living, &own))
			return false;
		if (i == 0 && own)
			return true;
		if (living && named &&
		    (lineage_stands_for(reader, all.seq[i], named) || lineage_stands_for(reader, named, all.seq[i])))
			return true;
		found = found || living;
	}
	d->onward.unnamed = found;
	return true;
}
