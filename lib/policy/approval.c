/* Approvals: what one must say and who may sign it, and how many of them a tier or exception demands. */
#include "lib/policy/approval.h"

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "lib/policy/decision.h"
#include "lib/policy/internal.h"
#include "lib/schema/document.h"

static bool is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_eq(d, &zero);
}

static void refuse(struct approval_verdict *v, enum reason reason, const char *member, const char *text)
{
	v->reason = reason;
	v->member = member;
	v->text = text;
}

/* The statement's digest of the record: with the officer's own salt, or the gateway's of this exchange. */
static bool covers_record(const json_t *statement, const struct approval_asked *asked)
{
	struct view salt = json_view(statement, "salt");
	struct digest stated = json_digest(statement, "input"), have = asked->input;
	struct salt own;
	size_t n;

	if (salt.n) {
		if (!hex_decode(salt, own.b, sizeof own.b, &n) || n != sizeof own.b)
			return false;
		struct view parts[] = { view_make(own.b, sizeof own.b), asked->record };
		sha256_parts(parts, 2, &have);
	}
	return digest_eq(&stated, &have);
}

/* Every member says what the exchange is: one that is left out must be left out in the envelope, too. */
static bool statement_fits(const json_t *statement, const struct approval_asked *asked, struct approval_verdict *v)
{
	const struct {
		const char *name, *member, *text;
		struct view want;
	} texts[] = {
		{ "purpose", "/statement/purpose", "the approval is for another purpose", asked->purpose },
		{ "subject_category", "/statement/subject_category", "the approval is for another category of people",
		  asked->subject_category },
		{ "tier", "/statement/tier", "the approval is for another tier", asked->tier },
		{ "case", "/statement/case", "the approval is for another case", asked->case_ref },
		{ "exception", "/statement/exception", "the approval is for another exception", asked->exception },
	};
	struct digest agreement = json_digest(statement, "agreement"), named = json_digest(statement, "named");

	if (!covers_record(statement, asked))
		refuse(v, REASON_APPROVAL_INVALID, "/statement/input", "the approval is for another record");
	else if (!digest_eq(&agreement, &asked->agreement))
		refuse(v, REASON_APPROVAL_INVALID, "/statement/agreement",
		       "the approval is for another agreement, or another version of it");
	for (size_t i = 0; v->reason == REASON_NONE && i < sizeof texts / sizeof texts[0]; i++)
		if (!view_eq(json_view(statement, texts[i].name), texts[i].want))
			refuse(v, REASON_APPROVAL_INVALID, texts[i].member, texts[i].text);
	if (v->reason == REASON_NONE && !digest_eq(&named, &asked->named))
		refuse(v, REASON_APPROVAL_INVALID, "/statement/named", "the approval is for another named officer");
	if (v->reason == REASON_NONE && v->until_ms <= asked->now_ms)
		refuse(v, REASON_APPROVAL_INVALID, "/statement/expires", "the approval has expired");
	return v->reason == REASON_NONE;
}

/* From the signature on: as long as the agreement allows, and never longer than the gateway takes any. */
static bool lives_too_long(const struct approval_asked *asked, int64_t signed_ms, int64_t until_ms)
{
	int64_t end = duration_is_zero(&asked->lifetime) ? TIME_NONE : duration_add(signed_ms, &asked->lifetime);

	return until_ms - signed_ms > APPROVAL_MAX_MS || (end != TIME_NONE && until_ms > end);
}

static void check_signature(const struct approval_asked *asked, struct view statement, struct view signature,
                            struct approval_verdict *v)
{
	struct error e = { .reason = REASON_NONE };
	struct cms_signer signer = { .name = VIEW("officer") };
	struct officer_found officer;

	if (!asked->officer || !asked->officer(asked->arg, &v->officer, &officer))
		return refuse(v, REASON_APPROVAL_INVALID, "/statement/officer",
		              "the approval names no officer who is pinned here");
	if (!asked->may(asked->arg, &v->officer, officer.agency))
		return refuse(v, REASON_APPROVAL_INVALID, "/statement/officer",
		              "the approval names an officer who may not approve this: no officer of this agency that "
		              "discloses, nor one that the agreement names");
	signer.cert_der = officer.cert_der;
	if (!cms_verify(signature, statement, &signer, 1, asked->now_ms, &e) || !signer.signed_it)
		return refuse(v, REASON_APPROVAL_INVALID, "/signature",
		              "the approval is not signed by the officer that it names");
	if (signer.signed_at_ms < asked->epoch_ms)
		return refuse(v, REASON_APPROVAL_USED, "/signature",
		              "the approval was signed before the log of this node began anew");
	if (lives_too_long(asked, signer.signed_at_ms, v->until_ms))
		return refuse(
		        v, REASON_APPROVAL_INVALID, "/statement/expires",
		        "the approval lives longer after its signature than the agreement allows, or than 72 hours");
	if (officer.training_until_ms < asked->now_ms)
		return refuse(v, REASON_TRAINING_EXPIRED, "/statement/officer", "the officer's training has expired");
	if (asked->used && asked->used(asked->arg, &v->statement))
		refuse(v, REASON_APPROVAL_USED, "", "the approval was used before");
}

void approval_judge(const struct approval_asked *asked, struct view statement, struct view signature,
                    struct approval_verdict *out)
{
	struct error_list errors = { .max = 1 };
	json_t *doc = document_read(asked->schema, "approval", statement, &errors);

	*out = (struct approval_verdict){ .reason = REASON_NONE, .member = "", .text = "" };
	sha256_parts(&statement, 1, &out->statement);
	if (!doc) {
		refuse(out, REASON_APPROVAL_FORM, "/statement",
		       "the statement is not an approval as approval.schema.json has it: an older form binds too little");
	} else {
		out->officer = json_digest(doc, "officer");
		out->until_ms = json_instant(doc, "expires");
		if (statement_fits(doc, asked, out))
			check_signature(asked, statement, signature, out);
	}
	json_decref(doc);
	error_list_free(&errors);
}

/* --- of an envelope --- */

/* Who may approve a disclosure: the disclosing agency's officers, and those of other parties that the agreement names;
 * never the recipient's own. */
static bool may_disclose(const struct decision *d, const struct facts *f, const struct digest *spki, struct view agency)
{
	const struct agreement *a = d->agreement;
	const json_t *item;
	size_t i;

	if (agency.n == 0 || view_eq(agency, d->recipient) || !agreement_has_party(a, agency))
		return false;
	if (view_eq(agency, f->agency))
		return true;
	json_array_foreach(json_object_get(a->doc, "officers"), i, item)
	{
		struct digest named;
		if (digest_parse(view_of(json_string_value(item)), &named) && digest_eq(&named, spki))
			return true;
	}
	return false;
}

/* What the callbacks of a judgement need. */
struct panel {
	const struct decision *d;
	const struct facts *f;
};

static bool panel_officer(void *arg, const struct digest *spki, struct officer_found *out)
{
	const struct facts *f = ((struct panel *)arg)->f;

	return f->officer && f->officer(f->arg, spki, out);
}

static bool panel_may(void *arg, const struct digest *spki, struct view agency)
{
	const struct panel *p = arg;

	return may_disclose(p->d, p->f, spki, agency);
}

static bool panel_used(void *arg, const struct digest *statement)
{
	const struct facts *f = ((struct panel *)arg)->f;

	return f->approval_used && f->approval_used(f->arg, statement);
}

static struct digest named_officer(const struct envelope *env, const struct tape *t)
{
	struct digest d;

	if (!env->officer || !digest_parse(tape_string(t, tape_member(t, env->officer, VIEW("certificate"))), &d))
		return (struct digest){ { 0 } };
	return d;
}

void approval_asked_of(struct approval_asked *out, const struct agreement *a, const struct envelope *env,
                       const struct tape *t, const struct digest *input)
{
	enum tier tier = tier_find(env->tier);

	*out = (struct approval_asked){ .schema = a->approval_schema,
		                        .agreement = a->digest,
		                        .input = *input,
		                        .record = tape_token(t, env->record),
		                        .purpose = env->purpose,
		                        .subject_category =
		                                env->subject_category.n ? env->subject_category : VIEW("uncategorised"),
		                        .tier = env->tier,
		                        .case_ref = env->case_ref,
		                        .exception = env->exception,
		                        .named = named_officer(env, t) };
	if (tier != TIER_COUNT)
		out->lifetime = a->tiers[tier].lifetime;
}

/* The named officer: pinned, trained, and one who may approve. Sets *spki where there is one. */
static bool check_officer(struct decision *d, const struct agreement *a, const struct facts *f,
                          const struct envelope *env, const struct tape *t, struct digest *spki)
{
	const struct tier_rule *tier = &a->tiers[d->tier];
	struct officer_found officer;
	char clause[96];

	snprintf(clause, sizeof clause, "%s/tiers/%zu/officer", origin_document_name(tier->officer_from), tier->index);
	if (!env->officer) {
		if (tier->officer)
			decision_fail(d, REASON_APPROVAL_MISSING, clause, "/officer");
		return false;
	}
	*spki = named_officer(env, t);
	if (is_zero(spki) || !f->officer || !f->officer(f->arg, spki, &officer) ||
	    !may_disclose(d, f, spki, officer.agency))
		decision_fail(d, REASON_APPROVAL_INVALID, clause, "/officer/certificate");
	else if (officer.training_until_ms < f->now_ms)
		decision_fail(d, REASON_TRAINING_EXPIRED, clause, "/officer/certificate");
	return true;
}

/* Each approval of the list; those that count are kept in the decision. `seen` has the named officer, if any. */
static void check_list(struct decision *d, const struct approval_asked *asked, uint32_t list, const struct tape *t,
                       const char *clause, const struct digest *named)
{
	char pointer[80];
	size_t i = 0;

	for (uint32_t v = list + 1; v < t->nodes[list].next; v = t->nodes[v].next, i++) {
		struct approval_verdict verdict;
		bool again = false;
		approval_judge(asked, tape_string(t, tape_member(t, v, VIEW("statement"))),
		               tape_string(t, tape_member(t, v, VIEW("signature"))), &verdict);
		for (size_t k = 0; k < d->n_approvals; k++)
			again = again || digest_eq(&d->approvals[k].officer, &verdict.officer);
		if (verdict.reason == REASON_NONE && (again || digest_eq(named, &verdict.officer))) {
			verdict.reason = REASON_APPROVAL_INVALID; /* the second person is another one */
			verdict.member = "/statement/officer";
			verdict.text =
			        "the approval is by an officer who is named or has approved already: it takes another";
		}
		snprintf(pointer, sizeof pointer, "/approvals/%zu%s", i, verdict.member);
		if (verdict.reason != REASON_NONE && !d->approval_fault)
			d->approval_fault = verdict.text;
		if (verdict.reason != REASON_NONE || d->n_approvals == APPROVALS_MAX)
			decision_fail(d, verdict.reason ? verdict.reason : REASON_LIMIT, clause, pointer);
		else
			d->approvals[d->n_approvals++] =
			        (struct approval_counted){ verdict.officer, verdict.statement, verdict.until_ms };
	}
}

uint32_t approvals_asked(const struct agreement *a, enum tier t)
{
	uint32_t most = a->tiers[t].approvals;

	for (size_t i = 0; i < a->n_exceptions; i++)
		if ((a->exceptions[i].tiers >> t & 1) && a->exceptions[i].approvals > most)
			most = a->exceptions[i].approvals;
	return most;
}

struct duration approval_lifetime(const struct tier_rule *r)
{
	static const struct duration most = { .seconds = APPROVAL_HOURS * 3600 };

	return duration_is_zero(&r->lifetime) ? most : r->lifetime;
}

void approvals_check(struct decision *d, const struct agreement *a, const struct facts *f, const struct envelope *env,
                     const struct tape *t)
{
	const struct tier_rule *tier = &a->tiers[d->tier];
	struct panel panel = { d, f };
	struct approval_asked asked;
	struct digest named = { { 0 } };
	size_t x = find_exception(a, d->exception);
	uint32_t wanted = tier->approvals;
	char *clause = d->lacking_clause;

	check_officer(d, a, f, env, t, &named);
	snprintf(clause, sizeof d->lacking_clause, "%s/tiers/%zu/approvals", origin_document_name(tier->approvals_from),
	         tier->index);
	if (x != INDEX_NONE && a->exceptions[x].approvals > wanted) {
		wanted = a->exceptions[x].approvals;
		snprintf(clause, sizeof d->lacking_clause, "/exceptions/%zu/approvals", x);
	}
	approval_asked_of(&asked, a, env, t, &f->input);
	asked.now_ms = f->now_ms;
	asked.epoch_ms = f->epoch_ms;
	asked.officer = panel_officer;
	asked.may = panel_may;
	asked.used = panel_used;
	asked.arg = &panel;
	if (env->approvals)
		check_list(d, &asked, env->approvals, t, clause, &named);
	d->lacking = wanted > d->n_approvals ? wanted - (uint32_t)d->n_approvals : 0;
}
