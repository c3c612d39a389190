/* Which of two rules for one leaf is stricter. Between actions the catalogue's order decides; within one
 * action the parameters do, where one of the two reveals less of every value. Where neither does (two
 * pseudonym domains, two lists of bands) the rules contradict each other, and no program is made. */
#include "lib/transform/actions.h"

#define SIGN(a, b) (((a) > (b)) - ((a) < (b)))

/* Joins the verdicts on two parameters. */
static int both(int a, int b)
{
	if (a == RULES_CONTRADICT || b == RULES_CONTRADICT || a * b < 0)
		return RULES_CONTRADICT;
	return a ? a : b;
}

static int alike(bool same)
{
	return same ? 0 : RULES_CONTRADICT;
}

static int compare_const(const struct const_params *a, const struct const_params *b)
{
	return alike(strcmp(a->token, b->token) == 0);
}

static int compare_mask(const struct mask_params *a, const struct mask_params *b)
{
	/* A fixed length hides the length as well. Two fixed lengths reveal the same: nothing. */
	int fixed = SIGN(b->length != 0, a->length != 0);
	int kept = both(SIGN(a->first, b->first), SIGN(a->last, b->last));

	if (a->length && b->length)
		return alike(a->length == b->length && a->character == b->character);
	return both(alike(a->character == b->character), both(fixed, kept));
}

static int compare_band(const struct band_params *a, const struct band_params *b)
{
	return alike(a->n == b->n && a->width == b->width &&
	             memcmp(a->edges, b->edges, a->n * sizeof a->edges[0]) == 0);
}

static int compare_topcode(const struct topcode_params *a, const struct topcode_params *b)
{
	int64_t a_max = a->has_max ? a->max : INT64_MAX, b_max = b->has_max ? b->max : INT64_MAX;
	int64_t a_min = a->has_min ? a->min : INT64_MIN, b_min = b->has_min ? b->min : INT64_MIN;

	return both(SIGN(a_max, b_max), SIGN(b_min, a_min));
}

static int compare_postcode(const struct postcode_params *a, const struct postcode_params *b)
{
	int cut = a->first && b->first ? SIGN(a->first, b->first)
	          : a->last && b->last ? SIGN(b->last, a->last)
	                               : RULES_CONTRADICT;
	bool same = a->n_suppress == b->n_suppress;

	for (uint32_t i = 0; same && i < a->n_suppress; i++)
		same = strcmp(a->suppress[i], b->suppress[i]) == 0;
	return both(cut, alike(same));
}

static int compare_redact(const struct redact_params *a, const struct redact_params *b)
{
	unsigned both_sets = a->recognisers & b->recognisers;

	if (a->words || b->words)
		return RULES_CONTRADICT;
	return a->recognisers == b->recognisers ? 0
	       : both_sets == b->recognisers    ? -1
	       : both_sets == a->recognisers    ? 1
	                                        : RULES_CONTRADICT;
}

static int compare_params(const struct rule *a, const struct rule *b)
{
	switch (a->action) {
	case ACTION_KEEP:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: return 0;
	case ACTION_CONST: return compare_const(&a->p.constant, &b->p.constant);
	case ACTION_MASK: return compare_mask(&a->p.mask, &b->p.mask);
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
		return alike(a->p.pseudonym.profile == b->p.pseudonym.profile &&
		             a->p.pseudonym.bits == b->p.pseudonym.bits);
	case ACTION_TOKEN:
	case ACTION_SEAL:
		return alike(a->p.hidden.pad == b->p.hidden.pad && a->p.hidden.per_subject == b->p.hidden.per_subject &&
		             subject_same(&a->subject, &b->subject));
	case ACTION_FPE:
		return alike(a->p.fpe.radix == b->p.fpe.radix && a->p.fpe.check == b->p.fpe.check &&
		             strcmp(a->p.fpe.separators, b->p.fpe.separators) == 0);
	case ACTION_DATE_SHIFT:
		return alike(a->p.shift.days == b->p.shift.days && subject_same(&a->subject, &b->subject));
	case ACTION_DATE_TRUNC:
		return both(SIGN(b->p.trunc.to, a->p.trunc.to), alike(a->p.trunc.as_date == b->p.trunc.as_date));
	case ACTION_BAND: return compare_band(a->p.band, b->p.band);
	case ACTION_ROUND: return SIGN(a->p.round.digits, b->p.round.digits);
	case ACTION_TOPCODE: return compare_topcode(a->p.topcode, b->p.topcode);
	case ACTION_GEO:
		return both(SIGN(a->p.geo.digits, b->p.geo.digits), alike(a->p.geo.is_hash == b->p.geo.is_hash));
	case ACTION_IP_PREFIX: return both(SIGN(a->p.ip.v4, b->p.ip.v4), SIGN(a->p.ip.v6, b->p.ip.v6));
	case ACTION_POSTCODE: return compare_postcode(a->p.postcode, b->p.postcode);
	case ACTION_REDACT_TEXT: return compare_redact(&a->p.redact, &b->p.redact);
	}
	return RULES_CONTRADICT;
}

int rule_compare(const struct rule *a, const struct rule *b)
{
	if (a->action != b->action)
		return SIGN(b->action, a->action);
	return both(alike(strcmp(a->key.domain, b->key.domain) == 0), compare_params(a, b));
}
