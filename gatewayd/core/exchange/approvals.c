/* See approvals.h. */
#include "gatewayd/core/exchange/approvals.h"

#include <jansson.h>

#include "gatewayd/core/store/approval.h"
#include "gatewayd/core/store/log.h"

bool approvals_epoch(struct store *reader, int64_t *epoch_ms, struct error *e)
{
	struct view leaf;

	*epoch_ms = 0;
	if (store_log(reader) == 0)
		return true;
	if (!store_get_entry(reader, 0, &leaf, NULL, e))
		return false;
	json_t *genesis = json_loadb(leaf.p, leaf.n, 0, NULL), *time = json_object_get(genesis, "time");
	bool ok = json_is_integer(time) || error_set(e, REASON_STORE, "the log's first entry has no time");
	*epoch_ms = json_integer_value(time);
	json_decref(genesis);
	return ok;
}

bool approvals_used(struct store *reader, const struct digest *statement)
{
	struct error missing = { .reason = REASON_NONE };
	struct store_approval a;

	return store_get_approval(reader, statement, &a, &missing) || missing.reason != REASON_NOT_FOUND;
}

bool approvals_use(const struct decision *d, struct store *s, int64_t now_ms, struct error *e)
{
	if (d->n_approvals > 0 && !store_drop_approvals(s, now_ms, e))
		return false;
	for (size_t i = 0; i < d->n_approvals; i++) {
		struct store_approval a = { .statement = d->approvals[i].statement,
			                    .until_ms = d->approvals[i].until_ms };
		bool fresh;
		if (!store_put_approval(s, &a, &fresh, e))
			return false;
		if (!fresh)
			return error_set(e, REASON_APPROVAL_USED, "an approval was used by another release meanwhile");
	}
	return true;
}
