/* See copy.h. */
#include "gatewayd/core/copy/copy.h"

#include <jansson.h>
#include <uthash.h>

#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/timer.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"

#define POINTERS_MAX 262144

/* --- the row --- */

/* Without a timer row, the exchange's entry says for which purpose it was. */
static void read_purpose(const struct act *a, struct copy *c)
{
	struct error e = { .reason = REASON_NONE };
	struct view leaf;

	if (!store_find_entry(a->store, c->entry, &leaf, NULL, &e))
		return; /* there is none: whoever needs the purpose fails by name */
	json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
	const char *purpose = json_string_value(json_object_get(doc, "purpose"));
	view_keep(c->purpose, sizeof c->purpose, view_of(purpose ? purpose : ""));
	json_decref(doc);
}

bool copy_load(const struct act *a, uint64_t seq, struct copy *c, struct error *e)
{
	struct store_exchange x;
	struct store_timer t;

	if (!store_get_exchange(a->store, seq, &x, e))
		return false;
	*c = (struct copy){ .seq = seq,
		            .id = x.id,
		            .origin = x.origin,
		            .state = x.state,
		            .entry = x.entry,
		            .agreement_digest = x.agreement_digest };
	view_keep(c->partner, sizeof c->partner, x.partner);
	view_keep(c->agreement, sizeof c->agreement, x.agreement);
	view_keep(c->provider, sizeof c->provider, x.provider);
	view_keep(c->recipient, sizeof c->recipient, x.recipient);
	struct conf *conf = core_conf(a->core);
	c->here = strcmp(c->recipient, conf->node.agency) == 0;
	conf_unref(conf);
	c->from_gateway = memcmp(&c->id, &c->origin, sizeof c->id) != 0;
	enum sought timer = sought(store_get_timer(a->store, seq, &t, e), e);
	if (timer == SOUGHT_NONE)
		read_purpose(a, c);
	if (timer != SOUGHT_FOUND)
		return timer == SOUGHT_NONE;
	c->timed = true;
	c->held = t.held;
	c->plan = t.plan;
	c->inbox = t.inbox;
	view_keep(c->purpose, sizeof c->purpose, t.purpose);
	view_keep(c->reference, sizeof c->reference, t.reference);
	return true;
}

static bool earliest_receipt(void *arg, const struct store_duty *d)
{
	int64_t *at = arg;

	if ((d->state == DUTY_OPEN || d->state == DUTY_OVERDUE) && (*at == 0 || d->due_ms < *at))
		*at = d->due_ms;
	return true;
}

static enum timer_kind kind_of(enum due what, bool return_at_end)
{
	switch (what) {
	case DUE_NOTHING:
	case DUE_PAYLOAD: break;
	case DUE_NOTIFY: return TIMER_NOTIFY;
	case DUE_MASK: return TIMER_MASK;
	case DUE_REVIEW: return TIMER_REVIEW;
	case DUE_END: return return_at_end ? TIMER_COPY_RETURN : TIMER_COPY_ERASE;
	}
	return TIMER_ERASE;
}

enum due copy_timer(const struct copy *c, struct store_timer *t)
{
	*t = (struct store_timer){ .seq = c->seq,
		                   .plan = c->plan,
		                   .inbox = c->inbox,
		                   .purpose = view_of(c->purpose),
		                   .reference = view_of(c->reference) };
	enum due next = schedule_next(&c->plan, &t->due_ms);
	t->kind = kind_of(next, c->plan.return_at_end);
	return next;
}

bool copy_settle(const struct act *a, struct copy *c, struct error *e)
{
	struct store_timer t;
	enum due next = copy_timer(c, &t);

	if (!store_list_duties(a->store, c->seq, earliest_receipt, &t.receipt_ms, e))
		return false;
	if (t.receipt_ms && (next == DUE_NOTHING || t.receipt_ms < t.due_ms)) {
		t.due_ms = t.receipt_ms;
		t.kind = TIMER_RECEIPT;
	}
	c->timed = t.due_ms != 0;
	return c->timed ? store_put_timer(a->store, &t, e) : store_drop_timer(a->store, c->seq, e);
}

/* --- terms, kept while the configuration is the same --- */

struct terms_key {
	struct digest agreement;
	char purpose[72];
};

struct kept_terms {
	struct terms_key key;
	struct copy_terms terms;
	struct buf pointers;
	UT_hash_handle hh;
};

struct terms_cache {
	struct kept_terms *kept;
	uint64_t generation;
};

static void forget(struct terms_cache *cache)
{
	struct kept_terms *k, *next;

	HASH_ITER(hh, cache->kept, k, next)
	{
		HASH_DEL(cache->kept, k);
		buf_free(&k->pointers);
		free(k);
	}
}

struct terms_cache *terms_cache_new(void)
{
	return calloc(1, sizeof(struct terms_cache));
}

void terms_cache_free(struct terms_cache *cache)
{
	if (!cache)
		return;
	forget(cache);
	free(cache);
}

static struct kept_terms *read_terms(const struct act *a, const struct conf *conf, const struct terms_key *key,
                                     struct error *e)
{
	struct kept_terms *k = calloc(1, sizeof *k);
	struct view text;

	if (!k) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	k->key = *key;
	k->pointers = BUF_INIT(POINTERS_MAX);
	if (!store_get_document(a->store, &key->agreement, &text, e) ||
	    !copy_terms_read(text, view_of(key->purpose), conf->overlay, &k->terms, &k->pointers, e)) {
		buf_free(&k->pointers);
		free(k);
		return NULL;
	}
	HASH_ADD(hh, a->core->terms->kept, key, sizeof k->key, k);
	return k;
}

bool copy_terms(const struct act *a, const struct copy *c, struct copy_terms *out, struct buf *pointers,
                struct error *e)
{
	struct terms_cache *cache = a->core->terms;
	struct conf *conf = core_conf(a->core);
	struct terms_key key = { .agreement = c->agreement_digest };
	struct kept_terms *k;

	view_keep(key.purpose, sizeof key.purpose, view_of(c->purpose));
	if (cache->generation != conf->generation)
		forget(cache);
	cache->generation = conf->generation;
	HASH_FIND(hh, cache->kept, &key, sizeof key, k);
	if (!k)
		k = read_terms(a, conf, &key, e);
	conf_unref(conf);
	if (!k)
		return false;
	*out = k->terms;
	if (pointers)
		buf_add(pointers, buf_view(&k->pointers));
	return true;
}

/* --- log --- */

bool copy_append(const struct act *a, const struct copy *c, struct entry *entry, struct disclosures *sd,
                 struct error *e)
{
	entry->exchange = c->id;
	if (c->from_gateway)
		entry->origin = c->origin;
	entry->recipient = view_of(c->recipient);
	entry->agreement = view_of(c->agreement);
	entry->agreement_digest = c->agreement_digest;
	return audit_append(a, entry, sd, NULL, e);
}

bool copy_log(const struct act *a, const struct copy *c, enum operation operation, const char *outcome,
              const char *note, struct error *e)
{
	struct entry entry = { .operation = operation, .outcome = view_of(outcome), .note = view_of(note) };

	return copy_append(a, c, &entry, NULL, e);
}

/* --- ends --- */

bool copy_erase_payload(const struct act *a, struct copy *c, const char *why, struct error *e)
{
	bool left = !c->here && c->state != STATE_QUEUED; /* it may be kept, and under way once more (keep.h) */
	uint32_t slot = 0;

	if (left && !store_drop_delivery(a->store, c->seq, e))
		return false;
	if (c->held) {
		c->plan.payload_ms = a->now_ms;
		return copy_settle(a, c, e);
	}
	c->plan.payload_ms = SCHEDULE_NEVER;
	switch (sought(store_get_slot(a->store, c->seq, &slot, e), e)) {
	case SOUGHT_FOUND: break;
	case SOUGHT_NONE: return copy_settle(a, c, e);
	case SOUGHT_FAILED: return false;
	}
	return (!left || store_drop_kept(a->store, c->seq, e)) && writer_erase_key(a->writer, a->job, slot, e) &&
	       store_erase_payload(a->store, c->seq, e) && copy_log(a, c, OPERATION_ERASURE, "", why, e) &&
	       copy_settle(a, c, e);
}

static bool let_go(const struct act *a, struct copy *c, struct error *e)
{
	c->plan.mask_ms = c->plan.review_ms = c->plan.end_ms = SCHEDULE_NEVER;
	if (!keep_end(a, c, "the copy has ended", e) || !duty_withdraw(a, c, e))
		return false;
	if (c->inbox && !store_drop_inbox(a->store, c->inbox, e))
		return false;
	c->inbox = 0;
	return store_drop_consent(a->store, c->seq, e) && copy_settle(a, c, e);
}

bool copy_gone(const struct act *a, struct copy *c, struct error *e)
{
	return let_go(a, c, e) && duty_passed_on(a, c, e);
}

bool copy_end(const struct act *a, struct copy *c, enum exchange_state state, struct error *e)
{
	return exchange_become(a, c, state, e) && let_go(a, c, e) && duty_passed_on(a, c, e);
}
