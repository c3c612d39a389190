/* Every verb that reads, asked about the world of conformance_world.h, and what it answers as text. */
#ifndef TEST_CORE_STORE_CONFORMANCE_READS_H
#define TEST_CORE_STORE_CONFORMANCE_READS_H

#include "lib/base/buf.h"
#include "test/core/store/conformance_world.h"

struct reading {
	const char *verb;
	bool (*ask)(struct store *s, struct buf *out, struct error *e);
};

#define N(x) (long long)(x)
#define V(x) (int)(x).n, (x).p
#define ASK(verb, ...) \
	static bool ask_##verb(struct store *s, struct buf *out, struct error *e) \
	{ \
		__VA_ARGS__ \
	}

/* All that is due to the world's recipient. */
static inline struct store_ask whole_ask(int64_t now_ms)
{
	return (struct store_ask){
		.recipient = VIEW("south"), .now_ms = now_ms, .before_ms = INT64_MAX, .shares = 1, .max = 10
	};
}

/* --- rows as text --- */

static bool tell_exchange(void *arg, const struct store_exchange *x)
{
	buf_addf(arg, "exchange %lld %d %.*s %.*s %lld %.*s %d %.*s %.*s %d %d %.*s %lld\n", N(x->seq), x->id.b[2],
	         V(x->partner), V(x->key), N(x->received_ms), V(x->agreement), x->agreement_digest.b[0], V(x->provider),
	         V(x->recipient), (int)x->state, x->status, V(x->answer), N(x->entry));
	return true;
}

static bool tell_timer(void *arg, const struct store_timer *t)
{
	buf_addf(arg, "timer %lld %lld %d %d %lld %d %.*s %.*s\n", N(t->seq), N(t->due_ms), (int)t->kind, t->held,
	         N(t->plan.payload_ms), t->plan.return_at_end, V(t->purpose), V(t->reference));
	return true;
}

static bool tell_due(void *arg, const struct store_due *d)
{
	buf_addf(arg, "due %lld %.*s %d %d %lld %lld %lld\n", N(d->day), V(d->agreement), (int)d->kind, d->held,
	         N(d->n), N(d->first_ms), N(d->last_ms));
	return true;
}

static bool tell_hold(void *arg, const struct store_hold *h)
{
	buf_addf(arg, "hold %lld %lld %d %lld %d %.*s %.*s %d\n", N(h->id), N(h->seq), (int)h->kind, N(h->until_ms),
	         h->statement.b[0], V(h->signer), V(h->role), h->ended_ms != TIME_NONE);
	return true;
}

static bool tell_duty(void *arg, const struct store_duty *d)
{
	buf_addf(arg, "duty %lld %lld %d %d %lld %d %.*s %.*s\n", N(d->id), N(d->seq), (int)d->kind, (int)d->state,
	         N(d->due_ms), d->blocks, V(d->result), V(d->why));
	return true;
}

static bool tell_blocking(void *arg, struct view agreement, struct view recipient)
{
	buf_addf(arg, "blocking %.*s %.*s\n", V(agreement), V(recipient));
	return true;
}

static bool tell_consent(void *arg, const struct store_consent *c)
{
	buf_addf(arg, "consent %lld %.*s %.*s %d %d\n", N(c->seq), VIEW_ARG(c->agreement), VIEW_ARG(c->purpose),
	         c->consent.b[0], c->told.b[0]);
	return true;
}

static bool tell_link(void *arg, const struct store_link *l)
{
	buf_addf(arg, "link %lld %lld %d %d\n", N(l->child), N(l->parent), (int)l->kind, (int)l->version);
	return true;
}

static bool tell_arrival(void *arg, const struct store_arrival *x)
{
	buf_addf(arg, "arrival %lld %d %d %lld %lld %d %.*s %.*s\n", N(x->seq), (int)x->state, (int)x->slot,
	         N(x->plan.payload_ms), N(x->plan.end_ms), (int)x->inbox, V(x->purpose), V(x->reference));
	return true;
}

static bool tell_delivery(void *arg, const struct store_delivery *d)
{
	buf_addf(arg, "delivery %lld %.*s %lld %lld %d %.*s %.*s\n", N(d->seq), V(d->recipient), N(d->next_ms),
	         N(d->deadline_ms), (int)d->attempts, V(d->last_error), V(d->envelope));
	return true;
}

static bool tell_number(void *arg, uint64_t n)
{
	buf_addf(arg, "number %lld\n", N(n));
	return true;
}

static bool tell_waiting(void *arg, const struct store_waiting *w)
{
	buf_addf(arg, "waiting %.*s %.*s %lld %lld %lld\n", V(w->recipient), V(w->reason), N(w->n), N(w->failed),
	         N(w->first_ms));
	return true;
}

static bool tell_notice(void *arg, const struct store_notice *n)
{
	buf_addf(arg, "notice %lld %lld %d %.*s %lld %.*s %lld %d %.*s\n", N(n->id), N(n->seq), (int)n->kind,
	         V(n->recipient), N(n->entry), V(n->body), N(n->next_ms), (int)n->attempts, V(n->last_error));
	return true;
}

static bool tell_end(void *arg, const struct store_notice_end *n)
{
	buf_addf(arg, "ended %lld %d %lld %.*s %.*s\n", N(n->id), (int)n->kind, N(n->ended_ms), V(n->error),
	         V(n->receipt));
	return true;
}

static bool tell_taken(void *arg, const struct store_notice_taken *t)
{
	buf_addf(arg, "taken %lld %d %d %lld %.*s\n", N(t->seq), t->digest.b[0], (int)t->kind, N(t->entry),
	         V(t->proof));
	return true;
}

static bool tell_inbox(void *arg, const struct store_inbox *i)
{
	buf_addf(arg, "inbox %lld %lld %d %.*s %.*s %lld\n", N(i->id), N(i->seq), i->exchange.b[2], V(i->kind),
	         V(i->body), N(i->acked_ms));
	return true;
}

static bool tell_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	buf_addf(arg, "entry %lld %.*s %.*s\n", N(index), V(leaf), V(packed));
	return true;
}

static bool tell_disclosure(void *arg, uint64_t entry, struct view leaf)
{
	buf_addf(arg, "disclosure %lld %.*s\n", N(entry), V(leaf));
	return true;
}

static bool tell_line(void *arg, struct view line)
{
	buf_addf(arg, "cosignature %.*s\n", V(line));
	return true;
}

static bool tell_sighted(void *arg, struct view origin, uint64_t size, struct view note)
{
	buf_addf(arg, "sighted %.*s %lld %.*s\n", V(origin), N(size), V(note));
	return true;
}

static bool tell_tale(void *arg, const struct digest *evidence)
{
	buf_addf(arg, "tale %d\n", evidence->b[0]);
	return true;
}

static bool tell_surrogates(void *arg, struct view agreement, uint32_t epoch, int64_t until_ms)
{
	buf_addf(arg, "surrogates %.*s %d %lld\n", V(agreement), (int)epoch, N(until_ms));
	return true;
}

static bool tell_act(void *arg, const struct store_act *a)
{
	buf_addf(arg, "act %lld %d %.*s %.*s %d %d %s %lld %lld %lld %lld %lld\n", N(a->number), a->digest.b[0],
	         V(a->text), V(a->agreement), a->kind, a->status, act_state_name(a->state), N(a->received_ms),
	         N(a->from_ms), N(a->due_ms), N(a->ended_ms), N(a->entry));
	return true;
}

static bool tell_act_signature(void *arg, const struct store_act_signature *g)
{
	buf_addf(arg, "signed %lld %d %.*s %.*s %.*s %lld\n", N(g->act), g->spki.b[0], V(g->seat), V(g->agency),
	         V(g->cms), N(g->received_ms));
	return true;
}

static bool tell_act_telling(void *arg, const struct store_act_telling *t)
{
	buf_addf(arg, "telling %lld %lld %.*s %lld %lld %lld %d %.*s\n", N(t->id), N(t->act), V(t->recipient),
	         N(t->made_ms), N(t->next_ms), N(t->until_ms), (int)t->attempts, V(t->last_error));
	return true;
}

static bool tell_text(struct buf *out, const char *what, uint64_t n, struct view text)
{
	buf_addf(out, "%s %lld %.*s\n", what, N(n), V(text));
	return true;
}

/* --- the verbs --- */

ASK(find_exchange, struct uuid id = world_id(1); struct store_exchange x;
    return store_find_exchange(s, &id, &x, e) && tell_exchange(out, &x);)
ASK(get_exchange, struct store_exchange x; return store_get_exchange(s, 2, &x, e) && tell_exchange(out, &x);)
ASK(find_origin, struct uuid id = world_id(4); struct store_exchange x;
    return store_find_origin(s, VIEW("north"), &id, &x, e) && tell_exchange(out, &x);)
ASK(list_exchanges, return store_list_exchanges(s, 0, 10, tell_exchange, out, e);)
ASK(get_payload, struct store_payload p;
    return store_get_payload(s, 1, &p, e) && tell_text(out, "payload", p.slot, p.sealed);)
ASK(list_payloads, return store_list_payloads(s, 0, 10, tell_number, out, e);)
ASK(slot_live, (void)e; store_slots_forget(s); bool four = store_slot_live(s, 4), five = store_slot_live(s, 5);
    store_slots_forget(s); return tell_text(out, "slots", four * 2u + five, VIEW(""));)
ASK(get_timer, struct store_timer t; return store_get_timer(s, 1, &t, e) && tell_timer(out, &t);)
ASK(list_timers, return store_list_timers(s, 0, 10, tell_timer, out, e);)
ASK(due_timers, return store_due_timers(s, T0 + 2 * DAY_MS, 10, tell_timer, out, e);)
ASK(list_due, return store_list_due(s, T0 + 2 * DAY_MS, 10, tell_timer, out, e);)
ASK(count_due, return store_count_due(s, false, T0 + 2 * DAY_MS, tell_due, out, e) &&
                      store_count_due(s, true, T0 + 2 * DAY_MS, tell_due, out, e);)
ASK(find_hold, struct digest d = world_digest(1); struct store_hold h;
    return store_find_hold(s, &d, &h, e) && tell_hold(out, &h);)
ASK(list_holds,
    return store_list_holds(s, 0, true, tell_hold, out, e) && store_list_holds(s, 2, false, tell_hold, out, e);)
ASK(due_holds, return store_due_holds(s, T0 + DAY_MS, 10, tell_hold, out, e);)
ASK(held, struct store_held h;
    return store_held(s, 2, &h, e) && tell_text(out, "held", h.legal * 10 + h.restrictions, VIEW(""));)
ASK(find_duty, struct store_duty d; return store_find_duty(s, 1, DUTY_ERASE, &d, e) && tell_duty(out, &d);)
ASK(list_duties, return store_list_duties(s, 1, tell_duty, out, e);)
ASK(list_overdue, return store_list_overdue(s, 0, 10, tell_duty, out, e);)
ASK(list_blocking, return store_list_blocking(s, tell_blocking, out, e);)
ASK(get_link, struct store_link l; return store_get_link(s, 2, LINK_CORRECTS, &l, e) && tell_link(out, &l);)
ASK(list_links, return store_list_links(s, 1, LINK_CORRECTS, tell_link, out, e) &&
                       store_list_links(s, 1, LINK_ONWARD, tell_link, out, e);)
ASK(get_caveats, struct store_caveats c; return store_get_caveats(s, 1, &c, e) &&
                                                tell_text(out, "caveats", c.salt.b[0], c.text) &&
                                                tell_number(out, c.mark.b[0]);)
ASK(any_marked, bool any; return store_any_marked(s, &any, e) && tell_number(out, any);)
ASK(list_marked, struct digest mark = { .b = { 9 } }; return store_list_marked(s, &mark, tell_number, out, e);)
ASK(get_delivery, struct store_delivery d; return store_get_delivery(s, 1, &d, e) && tell_delivery(out, &d);)
ASK(list_deliveries, return store_list_deliveries(s, 0, 10, tell_delivery, out, e);)
ASK(due_deliveries, const struct store_ask ask = whole_ask(T0 + DAY_MS);
    return store_due_deliveries(s, &ask, tell_delivery, out, e);)
ASK(count_deliveries, return store_count_deliveries(s, T0 + DAY_MS, tell_waiting, out, e);)
ASK(next_delivery_recipient, struct view v;
    return store_next_delivery_recipient(s, VIEW("a"), &v, e) && tell_text(out, "recipient", 1, v);)
ASK(get_receipt, struct view v; return store_get_receipt(s, 1, &v, e) && tell_text(out, "receipt", 1, v);)
ASK(list_arrivals, const uint64_t seqs[] = { 3, 2, 1 }; return store_list_arrivals(s, seqs, 3, tell_arrival, out, e);)
ASK(get_kept, struct view v; return store_get_kept(s, 1, &v, e) && tell_text(out, "kept", 1, v);)
ASK(get_notice, struct store_notice n; return store_get_notice(s, 1, &n, e) && tell_notice(out, &n);)
ASK(list_notices, return store_list_notices(s, 0, 10, tell_notice, out, e);)
ASK(list_notices_of, return store_list_notices_of(s, 1, tell_notice, out, e);)
ASK(due_notices, const struct store_ask ask = whole_ask(T0 + DAY_MS);
    return store_due_notices(s, &ask, tell_notice, out, e);)
ASK(count_notices, return store_count_notices(s, tell_waiting, out, e);)
ASK(next_notice_recipient, struct view v;
    return store_next_notice_recipient(s, VIEW("a"), &v, e) && tell_text(out, "recipient", 1, v);)
ASK(list_notice_ends, return store_list_notice_ends(s, 1, tell_end, out, e);)
ASK(get_notice_taken, struct digest d = world_digest(1); struct store_notice_taken t;
    return store_get_notice_taken(s, 1, &d, &t, e) && tell_taken(out, &t);)
ASK(count_notices_taken, uint64_t n;
    return store_count_notices_taken(s, 1, &n, e) && tell_text(out, "taken", n, VIEW(""));)
ASK(list_notices_taken, return store_list_notices_taken(s, 1, tell_taken, out, e);)
ASK(list_inbox, return store_list_inbox(s, 0, 10, tell_inbox, out, e);)
ASK(get_inbox, struct store_inbox i; return store_get_inbox(s, 2, &i, e) && tell_inbox(out, &i);)
ASK(log, (void)e; return tell_text(out, "log", store_log(s), VIEW(""));)
ASK(use_log, uint64_t log = store_log(s);
    bool ok = store_use_log(s, 1, e) && store_list_entries(s, 0, 10, tell_entry, out, e);
    return store_use_log(s, log, e) && ok;)
ASK(get_log, struct store_log_row l; return store_get_log(s, &l, e) && tell_text(out, "log", l.before.b[0], l.origin);)
ASK(get_entry, struct view leaf, packed;
    return store_get_entry(s, 0, &leaf, &packed, e) && tell_entry(out, 0, leaf, packed);)
ASK(find_entry, struct view leaf, packed; uint64_t entry = UINT64_C(1) << STORE_LOG_SHIFT;
    return store_find_entry(s, entry, &leaf, &packed, e) && tell_entry(out, entry, leaf, packed);)
ASK(entry_count, uint64_t n; return store_entry_count(s, &n, e) && tell_text(out, "entries", n, VIEW(""));)
ASK(list_entries, return store_list_entries(s, 0, 10, tell_entry, out, e);)
static bool tell_shape(void *arg, const struct store_shape *shape)
{
	buf_addf(arg, "shape %d %.*s %.*s\n", shape->digest.b[0], V(shape->agreement), V(shape->text));
	return true;
}

ASK(get_shape, struct digest d = world_digest(80); struct view text;
    return store_get_shape(s, VIEW("pnr-2026"), &d, &text, e) && tell_text(out, "text of a shape", 0, text);)
ASK(find_shape, struct view text; uint64_t entry = (UINT64_C(2) << STORE_LOG_SHIFT) + 2;
    return store_find_shape(s, entry, &text, e) && tell_text(out, "named", 0, text);)
ASK(count_shapes, uint64_t n;
    return store_count_shapes(s, VIEW("pnr-2026"), &n, e) && tell_text(out, "shapes", n, VIEW(""));)
ASK(get_slot, uint32_t slot; return store_get_slot(s, 1, &slot, e) && tell_text(out, "slot", slot, VIEW(""));)
ASK(list_shapes, return store_list_shapes(s, tell_shape, out, e);)
ASK(list_disclosures, return store_list_disclosures(s, 10, tell_disclosure, out, e);)
ASK(needs_entries, struct store_needed n;
    return store_needs_entries(s, 2, &n, e) && tell_text(out, "needed", n.unsent * 10 + n.open, VIEW(""));)
ASK(get_archive, struct store_archive a;
    return store_get_archive(s, 0, &a, e) && tell_text(out, "archive", a.size * 10 + a.told, VIEW(""));)
ASK(get_tile, struct view v; return store_get_tile(s, 0, 0, &v, e) && tell_text(out, "tile", v.n, v);)
ASK(get_checkpoint, uint64_t size; struct view v;
    return store_get_checkpoint(s, 0, &size, &v, e) && tell_text(out, "checkpoint", size, v);)
ASK(last_checkpoint, uint64_t size; struct view v;
    return store_last_checkpoint(s, &size, &v, e) && tell_text(out, "last", size, v);)
ASK(get_witnessed, struct store_witnessed w;
    return store_get_witnessed(s, VIEW("south/1"), &w, e) && tell_text(out, "witnessed", w.size, w.note);)
ASK(cosigned, uint64_t n; return store_cosigned(s, &n, e) && tell_text(out, "cosigned", n, VIEW(""));)
ASK(list_cosignatures,
    return store_list_cosignatures(s, 2, tell_line, out, e) && store_list_cosignatures(s, 4, tell_line, out, e);)
ASK(list_sighted, return store_list_sighted(s, tell_sighted, out, e);)
ASK(check_shapes, uint64_t n, bad;
    return store_check_shapes(s, &n, &bad, e) && tell_text(out, "shapes", n * 100 + bad, VIEW(""));)
ASK(get_sighted, struct view v;
    return store_get_sighted(s, VIEW("south/1"), 6, &v, e) && tell_text(out, "sighted", 6, v);)
ASK(list_tales, return store_list_tales(s, tell_tale, out, e);)
ASK(get_unproved, struct store_unproved u = { .size = 0 }; struct error missing = { .reason = REASON_NONE };
    bool other = store_get_unproved(s, 7, &u, &missing);
    return (other || missing.reason == REASON_NOT_FOUND) && store_get_unproved(s, 1, &u, e) &&
           tell_text(out, "unproved", u.size * 4 + (uint64_t)u.forked * 2 + other, u.origin);)
ASK(get_timestamp, struct view v; return store_get_timestamp(s, 2, &v, e) && tell_text(out, "timestamp", 2, v);)
ASK(timestamped, uint64_t n; return store_timestamped(s, &n, e) && tell_text(out, "timestamped", n, VIEW(""));)
ASK(get_surrogate, struct digest d = world_digest(1); uint8_t v[STORE_SURROGATE];
    return store_get_surrogate(s, VIEW("pnr-2026"), 1, &d, v, e) &&
           tell_text(out, "surrogate", v[0] * 256u + v[1], VIEW(""));)
/* The one that the world has used, or the one that is used next. */
ASK(get_approval, struct digest d = world_digest(60), next = world_digest(61);
    struct error missing = { .reason = REASON_NONE }; struct store_approval a, b; bool more;
    more = store_get_approval(s, &next, &b, &missing);
    return (more || missing.reason == REASON_NOT_FOUND) && store_get_approval(s, &d, &a, e) &&
           tell_text(out, "approval", (uint64_t)(a.until_ms - T0) * 2 + more, VIEW(""));)
ASK(get_consent, struct store_consent c; return store_get_consent(s, 1, &c, e) && tell_consent(out, &c);)
ASK(list_consents, struct digest d = world_digest(70);
    return store_list_consents(s, VIEW("pnr-2026"), &d, tell_consent, out, e) &&
           store_list_consents(s, VIEW("other"), &d, tell_consent, out, e);)
ASK(list_surrogates, return store_list_surrogates(s, tell_surrogates, out, e);)
static inline bool note_receipt(void *arg, uint64_t seq, const struct uuid *exchange, struct view receipt)
{
	return tell_text(arg, "receipt of", seq * 256 + exchange->b[15], receipt);
}
ASK(list_receipts, return store_list_receipts(s, 0, 9, note_receipt, out, e);)
static inline bool note_document(void *arg, const struct digest *d, int64_t first_ms, struct view text)
{
	return tell_text(arg, "document of", (uint64_t)first_ms + d->b[0], text);
}
ASK(list_documents, return store_list_documents(s, VIEW("agreement"), note_document, out, e);)
ASK(get_document, struct digest d = world_digest(50), later = world_digest(51); struct view v;
    struct error none = { .reason = REASON_NONE };
    if (store_get_document(s, &later, &v, &none)) tell_text(out, "document", 51, v);
    return store_get_document(s, &d, &v, e) && tell_text(out, "document", 50, v);)
ASK(find_act, struct digest d = world_digest(90); struct store_act a;
    return store_find_act(s, &d, &a, e) && tell_act(out, &a);)
ASK(get_act, struct store_act a; return store_get_act(s, 1, &a, e) && tell_act(out, &a);)
ASK(list_acts, return store_list_acts(s, 0, 10, VIEW(""), false, tell_act, out, e) &&
                      store_list_acts(s, 0, 10, VIEW("pnr-2026"), false, tell_act, out, e) &&
                      store_list_acts(s, 0, 10, VIEW("other"), false, tell_act, out, e) &&
                      store_list_acts(s, 0, 10, VIEW(""), true, tell_act, out, e);)
ASK(due_acts, return store_due_acts(s, T0 + DAY_MS, 10, tell_act, out, e);)
ASK(list_act_signatures, return store_list_act_signatures(s, 1, tell_act_signature, out, e);)
ASK(get_act_telling, struct store_act_telling t;
    return store_get_act_telling(s, 1, &t, e) && tell_act_telling(out, &t);)
ASK(due_act_tellings, const struct store_ask ask = whole_ask(T0 + DAY_MS);
    return store_due_act_tellings(s, &ask, tell_act_telling, out, e);)
ASK(next_act_recipient, struct view v;
    return store_next_act_recipient(s, VIEW("a"), &v, e) && tell_text(out, "recipient", 1, v);)
ASK(list_act_tellings, return store_list_act_tellings(s, 0, 10, tell_act_telling, out, e);)
ASK(get_value, struct view v; return store_get_value(s, VIEW("clock"), &v, e) && tell_text(out, "value", 0, v);)
ASK(count, struct store_counts c; if (!store_count(s, &c, e)) return false;
    buf_addf(out, "counts %lld %lld %lld %lld %lld %lld %lld %lld %lld\n", N(c.exchanges), N(c.payloads), N(c.timers),
             N(c.deliveries), N(c.notices), N(c.inbox), N(c.entries), N(c.acts_in_effect), N(c.acts_untold));
    return true;)

#define READING(verb) \
	{ \
		"store_" #verb, ask_##verb \
	}
static const struct reading readings[] = {
	READING(find_exchange),
	READING(get_exchange),
	READING(find_origin),
	READING(list_exchanges),
	READING(get_payload),
	READING(list_payloads),
	READING(slot_live),
	READING(get_timer),
	READING(list_timers),
	READING(due_timers),
	READING(list_due),
	READING(count_due),
	READING(find_hold),
	READING(list_holds),
	READING(due_holds),
	READING(held),
	READING(find_duty),
	READING(list_duties),
	READING(list_overdue),
	READING(list_blocking),
	READING(get_link),
	READING(list_links),
	READING(get_caveats),
	READING(any_marked),
	READING(list_marked),
	READING(get_kept),
	READING(get_delivery),
	READING(list_deliveries),
	READING(due_deliveries),
	READING(next_delivery_recipient),
	READING(count_deliveries),
	READING(get_receipt),
	READING(list_arrivals),
	READING(get_notice),
	READING(list_notices),
	READING(list_notices_of),
	READING(due_notices),
	READING(next_notice_recipient),
	READING(count_notices),
	READING(list_notice_ends),
	READING(get_notice_taken),
	READING(count_notices_taken),
	READING(list_notices_taken),
	READING(list_inbox),
	READING(get_inbox),
	READING(log),
	READING(use_log),
	READING(get_log),
	READING(get_entry),
	READING(find_entry),
	READING(entry_count),
	READING(list_entries),
	READING(list_disclosures),
	READING(get_shape),
	READING(find_shape),
	READING(count_shapes),
	READING(list_shapes),
	READING(get_slot),
	READING(needs_entries),
	READING(get_archive),
	READING(get_tile),
	READING(get_checkpoint),
	READING(last_checkpoint),
	READING(get_witnessed),
	READING(cosigned),
	READING(list_cosignatures),
	READING(list_sighted),
	READING(get_sighted),
	READING(check_shapes),
	READING(list_tales),
	READING(get_unproved),
	READING(get_timestamp),
	READING(timestamped),
	READING(get_surrogate),
	READING(list_surrogates),
	READING(get_approval),
	READING(get_consent),
	READING(list_consents),
	READING(get_document),
	READING(list_documents),
	READING(list_receipts),
	READING(find_act),
	READING(get_act),
	READING(list_acts),
	READING(due_acts),
	READING(list_act_signatures),
	READING(get_act_telling),
	READING(due_act_tellings),
	READING(next_act_recipient),
	READING(list_act_tellings),
	READING(get_value),
	READING(count),
};
#define READINGS (sizeof readings / sizeof *readings)

#endif
