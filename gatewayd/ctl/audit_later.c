/* What later logs erased of an earlier one: retention goes on over the logs of all epochs, and says so in the newest. */
#include "gatewayd/ctl/audit.h"

/* Those of a store that no key is given for: their tree is held against their own checkpoint. */
static bool judge_unsigned(struct view note, struct audit_judged *out, struct error *e)
{
	struct view text, signatures;

	*out = (struct audit_judged){ .signer = NULL };
	if (!note_split(note, &text, &signatures, e) || !checkpoint_parse(text, &out->newest, e))
		return false;
	out->accepted = out->newest;
	fprintf(stderr,
	        "note: what the log %.*s erased of this one is taken from it as it is here: verify it by its own key, "
	        "too\n",
	        VIEW_ARG(out->newest.origin));
	return true;
}

/* What its own disclosures became is another verification's affair. */
static bool collect(struct audit_source *s, const struct audit_keys *k, bool unsigned_too, struct later_erasures *all,
                    struct error *e)
{
	struct error not_by_key = { .reason = REASON_NONE };
	struct verify_source callbacks;
	struct verify_report r;
	struct audit_judged j;

	if (audit_source_archived(s))
		return true;
	audit_source_callbacks(s, &callbacks);
	callbacks.disclosures = false;
	callbacks.later = all;
	if (!audit_judge(k, s, &j, &not_by_key) && !(unsigned_too && judge_unsigned(audit_source_note(s), &j, e)))
		return error_set(e, not_by_key.reason, "%s", not_by_key.text);
	return audit_verify_judged(&j, NULL, &callbacks, &r, e);
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

static bool verify_whole(struct audit_source *s, const struct audit_keys *k, const struct audit_judged *j,
                         const struct checkpoint *earlier, const struct audit_later *later, struct verify_report *r,
                         struct error *e)
{
	struct later_erasures all = { .n = 0 };
	struct verify_source callbacks;
	struct error first = { .reason = REASON_NONE };

	audit_source_callbacks(s, &callbacks);
	if (audit_source_archived(s))
		callbacks.entry = NULL;
	bool ok = audit_verify_judged(j, earlier, &callbacks, r, &first);
	if (ok || r->place != VERIFY_MISSING)
		return ok || error_set(e, first.reason, "%s", first.text);
	ok = (!audit_source_store(s) || collect_store(s, k, &all, e)) && (!later || collect_given(later, k, &all, e));
	callbacks.later = &all;
	ok = ok && (all.n > 0 || all.unranged > 0 ? audit_verify_judged(j, earlier, &callbacks, r, e)
	                                          : error_set(e, first.reason, "%s", first.text));
	later_erasures_free(&all);
	return ok;
}

bool audit_verify_log(struct audit_source *s, const struct audit_keys *k, const struct audit_judged *j,
                      const struct checkpoint *earlier, const struct audit_later *later, struct verify_report *r,
                      struct error *e)
{
	audit_source_follow(s, k);
	bool ok = verify_whole(s, k, j, earlier, later, r, e);
	audit_source_follow(s, NULL);
	return ok;
}
