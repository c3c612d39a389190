/* May it? Every clause that a record is judged by, in the order of the agreement. Nothing stops at the
 * first failure: the audit and the sender's own operator see all of them. */
#include "lib/policy/decision.h"

#include "lib/json/pointer.h"
#include "lib/policy/consents.h"
#include "lib/policy/internal.h"

const char *outcome_name(enum outcome o)
{
	/* No test can take the way past all of an enum's values. */
	switch (o) {
	case OUTCOME_RELEASED: return "released";
	case OUTCOME_TRANSFORMED: return "released-transformed";
	case OUTCOME_HELD: return "held";
	case OUTCOME_REFUSED: return "refused";
	}
	return "refused";
}

/* What is under way while one envelope is judged. */
struct judge {
	struct decision *d;
	const struct agreement *a;
	const struct facts *f;
	const struct envelope *env;
	const struct tape *t;
	size_t purpose, basis, flow;
};

static bool present(struct view v)
{
	return v.n != 0;
}

/* --- is the agreement alive, and does it bind these two? --- */

static void check_state(struct judge *j)
{
	const struct agreement *a = j->a;
	const struct facts *f = j->f;

	if (f->now_ms < a->effective_ms)
		decision_fail(j->d, REASON_AGREEMENT_NOT_EFFECTIVE, "/effective_from", "");
	if (f->now_ms >= a->sunset_ms)
		decision_fail(j->d, REASON_AGREEMENT_SUNSET, "/sunset", "");
	if (f->suspended)
		decision_fail(j->d, REASON_AGREEMENT_SUSPENDED, "", "");
	if (f->now_ms >= a->review_next_ms)
		decision_fail(j->d, REASON_REVIEW_OVERDUE, "/review/next", "");
	if (!a->assessed)
		decision_fail(j->d, REASON_ASSESSMENT_MISSING, "/assessment/digest", "");
	else if (f->now_ms >= a->assessment_next_ms)
		decision_fail(j->d, REASON_ASSESSMENT_STALE, "/assessment/next_review", "");
	if (f->now_ms >= a->crypto_expires_ms) {
		char clause[60];
		snprintf(clause, sizeof clause, "/algorithms/%zu/expires", a->crypto_first);
		decision_fail(j->d, REASON_CRYPTO_EXPIRED, clause, "");
	}
	if (f->receipt_overdue)
		decision_fail(j->d, REASON_RECEIPT_OVERDUE, "", "");
}

/* The provider is the peer, or this agency itself; what a partner sends must end here. */
static void check_flow(struct judge *j)
{
	const struct agreement *a = j->a;
	const struct facts *f = j->f;

	if (!agreement_has_party(a, f->agency) || !agreement_has_party(a, f->self)) {
		decision_fail(j->d, REASON_AGREEMENT_UNKNOWN, "/parties", "");
		return;
	}
	j->flow = find_flow(a, f->agency);
	bool own = view_eq(f->agency, f->self);
	if (j->flow == INDEX_NONE || (f->gateway && own) || (!own && !view_eq(a->flows[j->flow].to, f->self))) {
		j->flow = INDEX_NONE;
		decision_fail(j->d, REASON_FLOW_UNMAPPED, "/flows", "");
		return;
	}
	j->d->recipient = a->flows[j->flow].to;
}

/* --- what for, by which law, how grave, about whom --- */

static void check_purpose(struct judge *j)
{
	const struct agreement *a = j->a;
	char clause[80];

	j->purpose = find_purpose(a, j->env->purpose);
	if (j->purpose == INDEX_NONE) {
		decision_fail(j->d, REASON_PURPOSE_NOT_PERMITTED, "/purposes", "/purpose");
		return;
	}
	const struct purpose *p = &a->purposes[j->purpose];
	j->d->purpose = p->id;
	if (p->denied != INDEX_NONE) {
		snprintf(clause, sizeof clause, "overlay.json/denied_purposes/%zu", p->denied);
		decision_fail(j->d, REASON_PURPOSE_NOT_PERMITTED, clause, "/purpose");
	}
	if (j->flow != INDEX_NONE && !(a->flows[j->flow].purposes & BIT(j->purpose))) {
		snprintf(clause, sizeof clause, "/flows/%zu/purposes", j->flow);
		decision_fail(j->d, REASON_FLOW_UNMAPPED, clause, "/purpose");
	}
	if (present(j->env->schema) && !view_eq(j->env->schema, a->schemas[p->schema].name)) {
		snprintf(clause, sizeof clause, "/purposes/%zu/schema", j->purpose);
		decision_fail(j->d, REASON_SCHEMA_UNKNOWN, clause, "/schema");
	}
}

static void check_basis(struct judge *j)
{
	char clause[80] = "/legal_bases";

	j->basis = find_basis(j->a, j->env->legal_basis);
	if (j->basis != INDEX_NONE && j->purpose != INDEX_NONE) {
		if (j->a->purposes[j->purpose].bases & BIT(j->basis))
			return;
		snprintf(clause, sizeof clause, "/purposes/%zu/legal_bases", j->purpose);
	}
	if (j->basis == INDEX_NONE || j->purpose != INDEX_NONE)
		decision_fail(j->d, REASON_NO_LEGAL_BASIS, clause, "/legal_basis");
}

static void check_tier(struct judge *j)
{
	char clause[80] = "/tiers";
	enum tier t = tier_find(j->env->tier);
	bool known = t != TIER_COUNT && j->a->tiers[t].present;

	if (known && j->purpose != INDEX_NONE && !(j->a->purposes[j->purpose].tiers >> t & 1)) {
		snprintf(clause, sizeof clause, "/purposes/%zu/tiers", j->purpose);
		known = false;
	}
	if (known)
		j->d->tier = t;
	else
		decision_fail(j->d, REASON_TIER_UNKNOWN, clause, "/tier");
}

static void check_category(struct judge *j)
{
	enum subject_category c = present(j->env->subject_category) ? subject_category_find(j->env->subject_category)
	                                                            : SUBJECT_UNCATEGORISED;
	char clause[80] = "/purposes";

	if (j->purpose != INDEX_NONE)
		snprintf(clause, sizeof clause, "/purposes/%zu/subject_categories", j->purpose);
	if (c == SUBJECT_COUNT || (j->purpose != INDEX_NONE && !(j->a->purposes[j->purpose].subjects >> c & 1))) {
		decision_fail(j->d, REASON_CATEGORY_UNKNOWN, clause, "/subject_category");
		return;
	}
	if (j->a->denied_subject[c] != INDEX_NONE) {
		snprintf(clause, sizeof clause, "overlay.json/denied_subject_categories/%zu", j->a->denied_subject[c]);
		decision_fail(j->d, REASON_CATEGORY_UNKNOWN, clause, "/subject_category");
		return;
	}
	j->d->category = c;
	/* LED Art. 6: who cannot be categorised is nobody's routine. */
	if (c == SUBJECT_UNCATEGORISED)
		j->d->wait = true;
}

/* --- what the tier demands --- */

/* From a gateway its entry says what the provider's side found; texts stay there. */
static bool found(const struct judge *j, unsigned check)
{
	return j->d->checked & check;
}

static bool has_text(const struct tape *t, uint32_t object, struct view name)
{
	return object && tape_member(t, object, name) != 0;
}

static bool cites_criterion(const struct judge *j, const struct tier_rule *r)
{
	uint32_t node = j->env->necessity ? tape_member(j->t, j->env->necessity, VIEW("criterion")) : 0;

	for (size_t i = 0; node && i < r->n_criteria; i++)
		if (view_eq(tape_string(j->t, node), r->criteria[i].id))
			return true;
	return false;
}

static const struct {
	struct view name;
	const char *pointer;
} parts[] = {
	{ { "likelihood", 10 }, "/necessity/likelihood" },
	{ { "alternative", 11 }, "/necessity/alternative" },
	{ { "explanation", 11 }, "/necessity/explanation" },
};

static bool necessity_complete(const struct judge *j, const struct tier_rule *r)
{
	bool all = cites_criterion(j, r);

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		all = all && has_text(j->t, j->env->necessity, parts[i].name);
	return all;
}

static void check_necessity(struct judge *j, const struct tier_rule *r)
{
	char clause[96];

	if (!r->necessity || found(j, CHECKED_NECESSITY))
		return;
	snprintf(clause, sizeof clause, "/tiers/%zu/criteria", r->index);
	if (!j->f->gateway && !cites_criterion(j, r))
		decision_fail(j->d, REASON_NECESSITY_INCOMPLETE, clause, "/necessity/criterion");
	snprintf(clause, sizeof clause, "%s/tiers/%zu/necessity", origin_document_name(r->necessity_from), r->index);
	if (j->f->gateway)
		decision_fail(j->d, REASON_NECESSITY_INCOMPLETE, clause, "/origin/entry");
	for (size_t i = 0; !j->f->gateway && i < sizeof parts / sizeof parts[0]; i++)
		if (!has_text(j->t, j->env->necessity, parts[i].name))
			decision_fail(j->d, REASON_NECESSITY_INCOMPLETE, clause, parts[i].pointer);
}

static void check_demands(struct judge *j)
{
	const struct tier_rule *r;
	char clause[96];

	if (j->d->tier == TIER_COUNT)
		return;
	r = &j->a->tiers[j->d->tier];
	if (!j->f->gateway && necessity_complete(j, r))
		j->d->checked |= CHECKED_NECESSITY;
	if (r->case_ref && !found(j, CHECKED_CASE)) {
		snprintf(clause, sizeof clause, "%s/tiers/%zu/case", origin_document_name(r->case_from), r->index);
		decision_fail(j->d, REASON_CASE_MISSING, clause, j->f->gateway ? "/origin/entry" : "/case");
	}
	check_necessity(j, r);
	if (r->quota.uses && j->f->tier_uses >= r->quota.uses) {
		snprintf(clause, sizeof clause, "/tiers/%zu/quota", r->index);
		decision_fail(j->d, REASON_QUOTA, clause, "");
	}
}

static void check_retention(struct judge *j)
{
	struct duration asked;
	char clause[96];

	if (j->purpose == INDEX_NONE)
		return;
	const struct purpose *p = &j->a->purposes[j->purpose];
	const json_t *own =
	        json_object_get(json_array_get(json_object_get(j->a->doc, "purposes"), j->purpose), "retention");
	bool of_purpose = json_object_get(own, "copy") != NULL;
	if (p->copy_from == FROM_OVERLAY)
		snprintf(clause, sizeof clause, "overlay.json/limits/copy");
	else if (of_purpose)
		snprintf(clause, sizeof clause, "/purposes/%zu/retention/copy", j->purpose);
	else
		snprintf(clause, sizeof clause, "/retention/copy");
	j->d->copy = p->retention.copy;
	if (duration_is_zero(&p->retention.copy) || (p->retention.must_state && !present(j->env->retention))) {
		decision_fail(j->d, REASON_RETENTION_MISSING, clause, "/retention");
		return;
	}
	if (!present(j->env->retention))
		return;
	/* A gateway tells it in one spelling, whatever its own system wrote. */
	bool read = j->d->ingress ? duration_parse_printed(j->env->retention, &asked)
	                          : duration_parse(j->env->retention, &asked);
	if (!read || duration_is_zero(&asked))
		decision_fail(j->d, REASON_RETENTION_MISSING, clause, "/retention");
	else if (!duration_at_most(&asked, &p->retention.copy))
		decision_fail(j->d, REASON_RETENTION_OVER_MAX, clause, "/retention");
	else
		j->d->copy = asked;
}

/* --- exceptions, codes, consent --- */

static void check_exception(struct judge *j)
{
	size_t i = find_exception(j->a, j->env->exception);
	char clause[80] = "/exceptions";

	if (!present(j->env->exception))
		return;
	if (i == INDEX_NONE) {
		decision_fail(j->d, REASON_EXCEPTION_UNKNOWN, clause, "/exception");
		return;
	}
	const struct exception *x = &j->a->exceptions[i];
	snprintf(clause, sizeof clause, x->denied ? "overlay.json/denied_exceptions" : "/exceptions/%zu", i);
	if (x->denied || (j->purpose != INDEX_NONE && !(x->purposes & BIT(j->purpose))) ||
	    (j->d->tier != TIER_COUNT && !(x->tiers >> j->d->tier & 1))) {
		decision_fail(j->d, REASON_EXCEPTION_UNKNOWN, clause, "/exception");
		return;
	}
	j->d->exception = x->id;
	if (j->f->now_ms >= x->expires_ms) {
		snprintf(clause, sizeof clause, "/exceptions/%zu/expires", i);
		decision_fail(j->d, REASON_EXCEPTION_EXPIRED, clause, "/exception");
	}
	if (j->f->exception_uses >= x->quota.uses) {
		snprintf(clause, sizeof clause, "/exceptions/%zu/quota", i);
		decision_fail(j->d, REASON_EXCEPTION_QUOTA, clause, "/exception");
	}
}

/* Codes that an envelope's list may have: those of the agreement's scales, and where they come from a gateway those that
 * the agreement itself puts on every record. */
static bool code_fits(const struct judge *j, const struct caveat *c, bool travels)
{
	return (j->a->scales >> c->scale & 1) || (travels && caveats_say(&j->a->caveats, c));
}

/* H3 is handling in words. */
static bool is_h3(const struct caveat *c)
{
	return c->scale == SCALE_EUROPOL_HANDLING && view_is(view_of(scale_value(c->scale, c->place)), "H3");
}

/* Only a person can read words. Those of the agreement were read by whoever signed it. */
static bool waits(const struct judge *j, const struct caveat *c, bool travels)
{
	return is_h3(c) && !(travels && caveats_say(&j->a->caveats, c));
}

/* Words that came with what is passed on go on only where the clause lets words of H3 leave. */
static bool may_speak(const struct judge *j, const struct caveat *c)
{
	const struct beside_rule *r = &j->a->beside[BESIDE_HANDLING];

	return c->text.n == 0 || caveats_say(&j->a->caveats, c) || (beside_leaves(r) && !r->denied);
}

/* One list of {scale, value}, added to `out`; returns the scales that it has as a mask. */
static uint32_t check_codes(struct judge *j, uint32_t list, const char *at, bool travels, struct caveats *out)
{
	uint32_t seen = 0, i = 0;
	bool had_h3 = false;
	char pointer[80];

	if (!list)
		return 0;
	for (uint32_t v = list + 1; v < j->t->nodes[list].next; v = j->t->nodes[v].next, i++) {
		struct caveat c;

		snprintf(pointer, sizeof pointer, "%s/%u", at, i);
		if (!caveat_read(j->t, v, &c) || !code_fits(j, &c, travels) || (!travels && is_h3(&c) && had_h3)) {
			/* The words of a second H3 would be lost. */
			decision_fail(j->d, REASON_HANDLING_UNKNOWN, "/handling/scales", pointer);
			continue;
		}
		had_h3 = had_h3 || is_h3(&c);
		/* Words of another code are nobody's handling and stay here. */
		if (!travels && !is_h3(&c))
			c.text = VIEW("");
		if (!caveats_add(out, &c))
			decision_fail(j->d, REASON_LIMIT, "", at);
		seen |= 1u << c.scale;
		j->d->wait = j->d->wait || waits(j, &c, travels);
	}
	return seen;
}

/* What came with the record that is passed on goes with it: under this agreement, too, everybody must know it. */
static uint32_t inherit(struct judge *j)
{
	const struct caveats *inherited = j->f->inherited;

	if (!inherited)
		return 0;
	for (size_t i = 0; i < inherited->n; i++)
		if (!code_fits(j, &inherited->list[i], true) || !may_speak(j, &inherited->list[i])) {
			decision_fail(j->d, REASON_HANDLING_UNKNOWN, "/handling/scales", "/onward_of");
			return 0;
		}
	if (!caveats_merge(&j->d->caveats, inherited))
		decision_fail(j->d, REASON_LIMIT, "", "/onward_of");
	return caveats_scales(inherited);
}

/* What a gateway sends stands in its one form, and leaves out nothing that its agreement or its own list says. */
static void check_caveats(struct judge *j, const struct caveats *handling)
{
	struct buf form = BUF_INIT(CAVEATS_BYTES);
	const struct caveats *c = &j->d->caveats;

	if (!j->env->origin.caveats)
		return;
	caveats_print(c, &form);
	if (form.failed)
		decision_fail(j->d, REASON_NO_MEMORY, "", "/origin/caveats");
	else if (!view_eq(buf_view(&form), tape_token(j->t, j->env->origin.caveats)))
		decision_fail(j->d, REASON_RECEIPT_INVALID, "the caveats are not in their one form", "/origin/caveats");
	buf_free(&form);
	if (!caveats_say_all(c, &j->a->caveats))
		decision_fail(j->d, REASON_RECEIPT_INVALID, "/onward/caveats", "/origin/caveats");
	if (!caveats_say_all(c, handling))
		decision_fail(j->d, REASON_RECEIPT_INVALID, "the caveats leave out a code of the envelope's",
		              "/origin/caveats");
}

static void check_handling(struct judge *j)
{
	struct caveats handling = { .n = 0 };
	uint32_t seen;

	if (j->env->from_gateway) {
		seen = check_codes(j, j->env->handling, "/handling", false, &handling);
		seen |= check_codes(j, j->env->origin.caveats, "/origin/caveats", true, &j->d->caveats);
	} else {
		j->d->caveats = j->a->caveats;
		seen = check_codes(j, j->env->handling, "/handling", false, &j->d->caveats);
	}
	seen |= inherit(j);
	if (j->a->scales_required & ~seen)
		decision_fail(j->d, REASON_HANDLING_UNKNOWN, "/handling/required", "/handling");
	else if (j->env->from_gateway && j->d->n_failed == 0)
		check_caveats(j, &handling);
}

static bool in_scope(const struct judge *j)
{
	uint32_t scope = tape_member(j->t, j->env->consent, VIEW("scope"));

	for (uint32_t v = scope + 1; v < j->t->nodes[scope].next; v = j->t->nodes[v].next)
		if (view_eq(tape_string(j->t, v), j->env->purpose))
			return true;
	return false;
}

/* The digest of the consent that the envelope cites; from a gateway, as the sender's log has it. False: it cites what
 * is no reference, and there is nothing to look up. */
static bool find_consent(struct judge *j)
{
	const struct facts *f = j->f;
	struct buf normal = BUF_INIT(4 * CONSENT_REFERENCE_MAX);

	if (f->gateway && f->consent) {
		j->d->consent = *f->consent;
		return true;
	}
	const char *wrong = consent_reference(
	        j->a, tape_string(j->t, tape_member(j->t, j->env->consent, VIEW("reference"))), &normal);
	if (wrong)
		decision_fail(j->d, REASON_CONSENT_REFERENCE, "/consent/references/pattern", "/consent/reference");
	else if (f->withdrawals || f->given)
		consent_digest(consents_salt(f->withdrawals ? f->withdrawals : f->given), buf_view(&normal),
		               &j->d->consent);
	buf_wipe(&normal);
	return !wrong;
}

/* One that is cited beside another basis counts, too; but only what rests on consent waits for a list that is out of
 * date. Without any list it could never be found again when it is withdrawn. */
static void check_consent(struct judge *j)
{
	const struct facts *f = j->f;
	bool wanted = j->basis != INDEX_NONE && j->a->bases[j->basis].consent;
	char clause[60] = "/consent";

	if (wanted)
		snprintf(clause, sizeof clause, "/legal_bases/%zu/consent", j->basis);
	if (!j->env->consent && !(f->gateway && f->consent)) {
		if (wanted)
			decision_fail(j->d, REASON_CONSENT_MISSING, clause, "/consent");
		return;
	}
	if (!f->gateway && in_scope(j))
		j->d->checked |= CHECKED_CONSENT;
	if (wanted && j->env->consent && !in_scope(j))
		decision_fail(j->d, REASON_CONSENT_MISSING, clause, "/consent/scope");
	if (!find_consent(j))
		return;
	if (f->withdrawals && consents_has(f->withdrawals, &j->d->consent, j->env->purpose))
		decision_fail(j->d, REASON_CONSENT_WITHDRAWN, clause, "/consent/reference");
	else if (f->given && !consents_has(f->given, &j->d->consent, j->env->purpose))
		decision_fail(j->d, REASON_CONSENT_NOT_GIVEN, "/consent/given", "/consent/reference");
	else if (f->consent_unknown && (wanted || !f->withdrawals))
		decision_fail(j->d, REASON_CONSENT_UNKNOWN,
		              f->withdrawals && consents_current(f->withdrawals, f->now_ms) && agreement_given(j->a).n
		                      ? "/consent/given"
		                      : "/consent/withdrawals",
		              "/consent/reference");
}

/* --- what may leave --- */

static bool reaches(const struct rule *r, const char *pointer)
{
	return r->field.action != ACTION_DROP && r->field.action != ACTION_K_GUARD &&
	       (pattern_covers(r->field.pointer, r->field.subtree, pointer) ||
	        pattern_covers(pointer, false, r->field.pointer));
}

/* A justification for a field that only a higher tier releases asks for more than the tier gives. */
static void check_justifications(struct judge *j)
{
	const struct agreement *a = j->a;
	uint32_t list = j->env->justifications, i = 0;

	if (!list || j->purpose == INDEX_NONE || j->d->tier == TIER_COUNT || j->d->category == SUBJECT_COUNT)
		return;
	for (uint32_t v = list + 1; v < j->t->nodes[list].next; v = j->t->nodes[v].next, i++) {
		struct view p = tape_string(j->t, tape_member(j->t, v, VIEW("pointer")));
		char pointer[401], at[60], clause[60];
		bool here = false;
		size_t above = INDEX_NONE;

		if (p.n >= sizeof pointer)
			continue;
		memcpy(pointer, p.p, p.n);
		pointer[p.n] = '\0';
		for (size_t k = 0; k < a->n_rules && !here; k++) {
			const struct rule *r = &a->rules[k];
			if (!(r->purposes & BIT(j->purpose)) || !(r->subjects >> j->d->category & 1) ||
			    !reaches(r, pointer))
				continue;
			here = r->tiers >> j->d->tier & 1;
			if (r->tiers >> j->d->tier > 1)
				above = k;
		}
		if (!here && above != INDEX_NONE) {
			snprintf(at, sizeof at, "/justifications/%u/pointer", i);
			snprintf(clause, sizeof clause, "/rules/%zu/when/tiers", above);
			decision_fail(j->d, REASON_TIER_FIELDS_EXCEEDED, clause, at);
		}
	}
}

bool decision_authorise(struct decision *d, const struct agreement *a, const struct facts *f,
                        const struct envelope *env, const struct tape *t)
{
	struct judge j = { .d = d,
		           .a = a,
		           .f = f,
		           .env = env,
		           .t = t,
		           .purpose = INDEX_NONE,
		           .basis = INDEX_NONE,
		           .flow = INDEX_NONE };

	memset(d, 0, offsetof(struct decision, failed));
	d->outcome = OUTCOME_REFUSED;
	d->agreement = a;
	d->now_ms = f->now_ms;
	d->build = f->build;
	d->ingress = f->gateway;
	d->tier = TIER_COUNT;
	d->category = SUBJECT_COUNT;
	if (f->gateway)
		d->checked = f->checked;
	else if (present(env->case_ref))
		d->checked = CHECKED_CASE;
	if (f->withdrawals)
		d->withdrawals = f->withdrawals->digest;
	if (f->given)
		d->given = f->given->digest;
	if (f->training)
		d->training = *f->training;
	check_flow(&j);
	check_state(&j);
	check_purpose(&j);
	check_basis(&j);
	check_tier(&j);
	check_category(&j);
	check_demands(&j);
	check_retention(&j);
	check_exception(&j);
	decision_acts(d, a, f, env, j.purpose);
	/* The provider's gateway knows its officers and has the record that they signed for. */
	if (!f->gateway && d->tier != TIER_COUNT)
		approvals_check(d, a, f, env, t);
	check_handling(&j);
	check_consent(&j);
	check_justifications(&j);
	if (d->n_failed) {
		if (d->lacking)
			decision_fail(d, REASON_APPROVAL_MISSING, d->lacking_clause, "/approvals");
		return false;
	}
	d->ruling = ruling_at(agreement_ruling(a, d->purpose, d->tier, d->category, !f->gateway), f->now_ms);
	if (!d->ruling)
		decision_fail(d, REASON_DEFAULT_DENY, "/rules", "");
	return d->ruling != NULL;
}
