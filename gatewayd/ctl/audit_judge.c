/* Judging a log's checkpoints by the auditor's keys. See audit.h. A log is always a little ahead of its witnesses: its
 * newest checkpoint is verified to the last entry, and must continue the one that they cosigned. */
#include "gatewayd/ctl/audit.h"

int audit_status(const struct error *e)
{
	if (e->reason == REASON_TAMPERED)
		return CTL_TAMPERED;
	if (e->reason == REASON_NOT_COSIGNED)
		return CTL_NOT_COSIGNED;
	return e->reason == REASON_COSIGNATURE_OLD ? CTL_STALE : CTL_FAILED;
}

/* The older one, which the policy's quorum cosigned. */
static bool accept_older(const struct audit_keys *k, const struct audit_source *s, struct audit_judged *j,
                         struct error *e)
{
	const struct note_vkey *signer;

	if (!audit_keys_open(k, audit_source_cosigned(s), &j->accepted, &signer, &j->witnessed, e))
		return false;
	if (!view_eq(j->accepted.origin, j->newest.origin))
		return error_set(e, REASON_TAMPERED, "the cosigned checkpoint is of another log than the newest");
	return j->accepted.size <= j->newest.size ||
	       error_set(e, REASON_TAMPERED,
	                 "the log went back: %llu entries were cosigned, its newest checkpoint covers %llu",
	                 (unsigned long long)j->accepted.size, (unsigned long long)j->newest.size);
}

bool audit_judge(const struct audit_keys *k, const struct audit_source *s, struct audit_judged *out, struct error *e)
{
	struct audit_judged j;
	struct error inner = { .reason = REASON_NONE };
	bool ok = audit_keys_open(k, audit_source_note(s), &j.newest, &j.signer, &j.witnessed, &inner);

	if (ok)
		j.accepted = j.newest;
	else if (inner.reason != REASON_NOT_COSIGNED)
		return error_set(e, inner.reason, "%s", inner.text);
	/* Also where the newest needs no cosignature: those that are there are counted. */
	if (!ok || (k->trust && j.witnessed.cosigned == 0)) {
		inner.reason = REASON_NONE;
		if (!accept_older(k, s, &j, &inner))
			return error_set(e, inner.reason, "%s", inner.text);
	}
	*out = j;
	return true;
}

bool audit_verify_judged(const struct audit_judged *j, const struct checkpoint *earlier, const struct verify_source *v,
                         struct verify_report *r, struct error *e)
{
	if (!verify_log(&j->newest, earlier, v, r, e))
		return false;
	if (verify_continues(&j->accepted, &j->newest, v))
		return true;
	r->place = VERIFY_HISTORY;
	r->index = j->accepted.size;
	return error_set(e, REASON_TAMPERED,
	                 "the log forked: its newest checkpoint of %llu entries does not continue the one of %llu "
	                 "that witnesses cosigned",
	                 (unsigned long long)j->newest.size, (unsigned long long)j->accepted.size);
}

bool audit_verify_source(const struct audit_keys *k, struct audit_source *s, struct verify_report *r, struct error *e)
{
	struct audit_judged j;

	*r = (struct verify_report){ 0 };
	audit_source_progress(s, true);
	bool ok = audit_judge(k, s, &j, e) && audit_verify_log(s, k, &j, NULL, NULL, r, e);
	audit_source_progress(s, false);
	return ok;
}
