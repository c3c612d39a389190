/* See entry.h. */
#include "gatewayd/core/audit/entry.h"

bool audit_print(const struct core *c, const struct entry *facts, struct disclosures *sd, struct buf *leaf,
                 struct error *e)
{
	struct entry entry = *facts;

	entry.build = view_of(c->build);
	if (!random_bytes(entry.random, sizeof entry.random) || !random_bytes(entry.seed, sizeof entry.seed))
		return error_set(e, REASON_CRYPTO, "no random bytes for an audit entry");
	entry_print(&entry, sd, leaf);
	return (!leaf->failed && !sd->packed.failed && !sd->digests.failed && !sd->text.failed) ||
	       error_set(e, REASON_NO_MEMORY, "no memory for an audit entry, or it is too large");
}

bool audit_append(const struct act *a, const struct entry *facts, struct disclosures *sd, uint64_t *index,
                  struct error *e)
{
	struct entry entry = *facts;
	struct disclosures none = { .n = 0 };
	struct buf leaf = BUF_INIT(ENTRY_MAX);
	uint64_t at;

	if (!sd)
		sd = &none;
	entry.time_ms = a->now_ms;
	bool ok = audit_print(a->core, &entry, sd, &leaf, e) &&
	          writer_append(a->writer, a->job, buf_view(&leaf), buf_view(&sd->packed), index ? index : &at, e);
	buf_free(&leaf);
	disclosures_free(&none);
	return ok;
}
