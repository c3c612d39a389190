/* Approvals: an approval is a signature by a pinned officer certificate over a small JSON text that names
 * the record's salted digest, the agreement's digest, the tier and an expiry. A name in an envelope is an
 * assertion and approves nothing. */
#include "lib/policy/internal.h"

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "lib/policy/decision.h"
#include "lib/schema/document.h"

#define APPROVALS_MAX 8 /* the envelope's schema */

/* The statement's digest of the record: with the officer's own salt, or the gateway's of this exchange. */
static bool covers_record(const json_t *statement, const struct facts *f, const struct tape *t, uint32_t record)
{
	struct view salt = json_view(statement, "salt");
	struct digest stated = json_digest(statement, "input"), have = f->input;
	struct salt own;
	size_t n;

	if (salt.n) {
		if (!hex_decode(salt, own.b, sizeof own.b, &n) || n != sizeof own.b)
			return false;
		struct view parts[] = { view_make(own.b, sizeof own.b), tape_token(t, record) };
		sha256_parts(parts, 2, &have);
	}
	return digest_eq(&stated, &have);
}

static bool statement_fits(const json_t *statement, const struct decision *d, const struct agreement *a,
                           const struct facts *f, const struct tape *t, uint32_t record)
{
	struct digest agreement = json_digest(statement, "agreement");

	return digest_eq(&agreement, &a->digest) && view_is(json_view(statement, "tier"), tier_name(d->tier)) &&
	       json_instant(statement, "expires") > f->now_ms &&
	       (!d->exception.n || view_eq(json_view(statement, "exception"), d->exception)) &&
	       covers_record(statement, f, t, record);
}

static enum reason check_one(const struct decision *d, const struct agreement *a, const struct facts *f,
                             const struct tape *t, uint32_t record, uint32_t approval, struct digest *officer)
{
	struct view text = tape_string(t, tape_member(t, approval, VIEW("statement")));
	struct view signature = tape_string(t, tape_member(t, approval, VIEW("signature")));
	struct error_list errors = { .max = 1 };
	struct error e = { .reason = REASON_NONE };
	struct cms_signer signer = { .name = VIEW("officer") };
	json_t *statement = document_read(a->approval_schema, "approval", text, &errors);
	enum reason reason = REASON_APPROVAL_INVALID;
	int64_t training;

	*officer = json_digest(statement, "officer");
	if (statement && statement_fits(statement, d, a, f, t, record) && f->officer &&
	    f->officer(f->arg, officer, &signer.cert_der, &training) &&
	    cms_verify(signature, text, &signer, 1, f->now_ms, &e) && signer.signed_it)
		reason = training < f->now_ms ? REASON_TRAINING_EXPIRED : REASON_NONE;
	json_decref(statement);
	error_list_free(&errors);
	return reason;
}

/* The named officer: pinned, trained. Sets *spki where there is one. */
static bool check_officer(struct decision *d, const struct agreement *a, const struct facts *f,
                          const struct envelope *env, const struct tape *t, struct digest *spki)
{
	const struct tier_rule *tier = &a->tiers[d->tier];
	struct view der;
	int64_t training = 0;
	char clause[96];

	snprintf(clause, sizeof clause, "%s/tiers/%zu/officer", origin_document_name(tier->officer_from), tier->index);
	if (!env->officer) {
		if (tier->officer)
			decision_fail(d, REASON_APPROVAL_MISSING, clause, "/officer");
		return false;
	}
	if (!digest_parse(tape_string(t, tape_member(t, env->officer, VIEW("certificate"))), spki) || !f->officer ||
	    !f->officer(f->arg, spki, &der, &training))
		decision_fail(d, REASON_APPROVAL_INVALID, clause, "/officer/certificate");
	else if (training < f->now_ms)
		decision_fail(d, REASON_TRAINING_EXPIRED, clause, "/officer/certificate");
	return true;
}

void approvals_check(struct decision *d, const struct agreement *a, const struct facts *f, const struct envelope *env,
                     const struct tape *t)
{
	const struct tier_rule *tier = &a->tiers[d->tier];
	struct digest seen[APPROVALS_MAX + 1];
	size_t n = 0, named, i = 0, x = find_exception(a, d->exception);
	uint32_t wanted = tier->approvals;
	char clause[96], pointer[60];

	n += check_officer(d, a, f, env, t, &seen[0]);
	named = n;
	snprintf(clause, sizeof clause, "%s/tiers/%zu/approvals", origin_document_name(tier->approvals_from),
	         tier->index);
	if (x != INDEX_NONE && a->exceptions[x].approvals > wanted) {
		wanted = a->exceptions[x].approvals;
		snprintf(clause, sizeof clause, "/exceptions/%zu/approvals", x);
	}
	if (env->approvals)
		for (uint32_t v = env->approvals + 1; v < t->nodes[env->approvals].next; v = t->nodes[v].next, i++) {
			enum reason reason = check_one(d, a, f, t, env->record, v, &seen[n]);
			bool again = false;
			for (size_t k = 0; k < n && reason == REASON_NONE; k++)
				again = again || digest_eq(&seen[k], &seen[n]);
			snprintf(pointer, sizeof pointer, "/approvals/%zu", i);
			if (reason != REASON_NONE || again) /* the second person is another one */
				decision_fail(d, reason ? reason : REASON_APPROVAL_INVALID, clause, pointer);
			else
				n++;
		}
	if (n - named < wanted)
		decision_fail(d, REASON_APPROVAL_MISSING, clause, "/approvals");
}
