/* What later logs erased of an earlier one: retention goes on over the logs of all epochs, and says so in the newest. */
#include "gatewayd/ctl/audit.h"

/* Those of a store that no key is given for: their tree is held against their own checkpoint. */
static bool open_unsigned(struct view note, struct checkpoint *out, struct error *e)
{
	struct view text, signatures;

	if (!note_split(note, &text, &signatures, e) || !checkpoint_parse(text, out, e))
		return false;
	fprintf(stderr,
	        "note: what the log %.*s erased of this one is taken from it as it is here: verify it by its own key, "
	        "too\n",
	        VIEW_ARG(out->origin));
	return true;
}

/* What its own disclosures became is another verification's affair. */
static bool collect(struct audit_source *s, const struct audit_keys *k, bool unsigned_too, struct later_erasures *all,
                    struct error *e)
{
	struct error not_by_key = { .reason = REASON_NONE };
	const struct note_vkey *signer;
	struct verify_source callbacks;
	struct verify_report r;
	struct checkpoint c;
	unsigned cosigned;

	if (audit_source_archived(s))
		return true;
	audit_source_callbacks(s, &callbacks);
	callbacks.disclosures = false;
	callbacks.later = all;
	if (!audit_keys_open(k, audit_source_note(s), &c, &signer, &cosigned, &not_by_key) &&
	    !(unsigned_too && open_unsigned(audit_source_note(s), &c, e)))
		return error_set(e, not_by_key.reason, "%s", not_by_key.text);
	return verify_log(&c, NULL, &callbacks, &r, e);
}

static bool collect_store(struct audit_source *s, const struct audit_keys *k, struct later_erasures *all,
                          struct error *e)
{
	struct audit_source *after;
	bool ok = true;

	for (uint64_t n = 1; ok && (after = audit_source_later(s, n, e)) != NULL; n++) {
		ok = collect(after, k, true, all, e);
		audit_source_close(after);
	}
	return ok && e->reason == REASON_NONE;
}

static bool collect_given(const struct audit_later *later, const struct audit_keys *k, struct later_erasures *all,
                          struct error *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < later->n; i++) {
		struct error inner = { .reason = REASON_NONE };
		struct audit_source *s = audit_source_open(later->path[i], NULL, &inner);

		ok = s && collect(s, k, false, all, &inner);
		if (!ok)
			error_at(e, inner.reason, later->path[i], 0, 0, "%s", inner.text);
		audit_source_close(s);
	}
	return ok;
}

bool audit_verify_log(struct audit_source *s, const struct audit_keys *k, const struct checkpoint *c,
                      const struct checkpoint *earlier, const struct audit_later *later, struct verify_report *r,
                      struct error *e)
{
	struct later_erasures all = { .n = 0 };
	struct verify_source callbacks;
	struct error first = { .reason = REASON_NONE };

	audit_source_follow(s, k);
	audit_source_callbacks(s, &callbacks);
	if (audit_source_archived(s))
		callbacks.entry = NULL;
	bool ok = verify_log(c, earlier, &callbacks, r, &first);
	if (ok || r->place != VERIFY_MISSING)
		return ok || error_set(e, first.reason, "%s", first.text);
	ok = (!audit_source_store(s) || collect_store(s, k, &all, e)) && (!later || collect_given(later, k, &all, e));
	callbacks.later = &all;
	ok = ok && (all.n > 0 || all.unranged > 0 ? verify_log(c, earlier, &callbacks, r, e)
	                                          : error_set(e, first.reason, "%s", first.text));
	later_erasures_free(&all);
	return ok;
}
