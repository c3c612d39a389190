/* See hold_spread_private.h. */
#include "gatewayd/core/hold/hold_spread_private.h"

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/hold/hold_notice.h"
#include "gatewayd/core/lineage/lineage.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/timer.h"
#include "lib/tlog/entry.h"

#define ROLE_OF_LINEAGE VIEW("lineage")

struct other {
	uint64_t seq;
	const struct digest *root;
	struct digest statement; /* under which it is held because of the first */
	bool received;           /* its provider is told by whoever told this node, or knows */
};

void hold_spread_statement(const struct digest *root, const struct uuid *exchange, struct digest *out)
{
	struct view parts[] = { VIEW("hold along "), view_make(root->b, sizeof root->b),
		                view_make(exchange->b, sizeof exchange->b) };

	sha256_parts(parts, sizeof parts / sizeof *parts, out);
}

static bool find_other(const struct act *a, const struct digest *root, uint64_t seq, struct other *out, struct error *e)
{
	struct conf *conf = core_conf(a->core);
	struct store_exchange x;
	bool ok = store_get_exchange(a->store, seq, &x, e);

	if (ok) {
		out->seq = seq;
		out->root = root;
		out->received = view_is(x.recipient, conf->node.agency);
		hold_spread_statement(root, &x.id, &out->statement);
	}
	conf_unref(conf);
	return ok;
}

static bool log_other(const struct act *a, uint64_t seq, enum hold_kind kind, bool lift, struct error *e)
{
	struct store_exchange x;
	char note[64];

	if (!store_get_exchange(a->store, seq, &x, e))
		return false;
	snprintf(note, sizeof note, "%s was %s with another exchange's",
	         kind == HOLD_RESTRICTION ? "a restriction" : "a legal hold", lift ? "lifted" : "set");
	struct entry entry = { .operation = OPERATION_DECISION,
		               .exchange = x.id,
		               .peer = x.partner,
		               .recipient = x.recipient,
		               .agreement = x.agreement,
		               .agreement_digest = x.agreement_digest,
		               .note = view_of(note) };
	return audit_append(a, &entry, NULL, NULL, e);
}

static bool set_other(const struct act *a, const struct store_hold *h, const struct other *o, struct error *e)
{
	struct store_hold row = { .seq = o->seq,
		                  .kind = h->kind,
		                  .from_ms = a->now_ms,
		                  .until_ms = h->until_ms,
		                  .statement = o->statement,
		                  .signer = h->signer,
		                  .role = ROLE_OF_LINEAGE };
	struct store_timer timer;
	struct store_hold first;
	bool fresh;

	/* For that very exchange it was stated. */
	enum sought stated = sought(store_find_hold(a->store, o->root, &first, e), e);
	if (stated == SOUGHT_FAILED || (stated == SOUGHT_FOUND && first.seq == o->seq))
		return stated == SOUGHT_FOUND;
	enum sought left = sought(store_get_timer(a->store, o->seq, &timer, e), e);
	if (left != SOUGHT_FOUND)
		return left == SOUGHT_NONE;
	if (!store_put_hold(a->store, &row, &fresh, e) || !fresh)
		return e->reason == REASON_NONE;
	return log_other(a, o->seq, h->kind, false, e) && (o->received || hold_tell(a, &row, o->root, false, e));
}

static bool lift_other(const struct act *a, const struct other *o, struct error *e)
{
	struct store_hold row;

	enum sought held = sought(store_find_hold(a->store, &o->statement, &row, e), e);
	if (held != SOUGHT_FOUND || row.ended_ms != TIME_NONE)
		return held != SOUGHT_FAILED;
	return hold_end(a->store, &row, a->now_ms, e) && log_other(a, o->seq, row.kind, true, e) &&
	       (o->received || hold_tell(a, &row, o->root, true, e));
}

static bool spread(const struct act *a, const struct store_hold *h, const struct digest *root, bool lift,
                   struct error *e)
{
	struct lineage all = { .n = 0 };
	struct other o;
	bool ok = lineage_descend(a->store, h->seq, NULL, NULL, &all, e);

	/* The exchange itself may have it by another way, which came first. */
	for (size_t i = lift ? 0 : 1; ok && i < all.n; i++)
		ok = find_other(a, root, all.seq[i], &o, e) && (lift ? lift_other(a, &o, e) : set_other(a, h, &o, e));
	lineage_free(&all);
	return ok;
}

bool hold_spread(const struct act *a, const struct store_hold *h, const struct digest *root, struct error *e)
{
	return spread(a, h, root, false, e);
}

bool hold_spread_lift(const struct act *a, const struct store_hold *h, const struct digest *root, struct error *e)
{
	return spread(a, h, root, true, e);
}
