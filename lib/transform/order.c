/* Which of two rules for one leaf is stricter: the one whose result can be computed from the result of the other. Who
 * has the other's result then learns nothing more from it, whatever the value was. What a key makes counts as made by
 * a function that nobody knows: a code follows from the value, never the value from the code, nor one code from
 * another.
 *
 * The order is partial. Rules of which neither follows from the other tell different things (the month of a birth, and
 * all dates of a person moved by the same days); to let one win would let out what the other withholds. It says no
 * more than can be proved for every value that both rules take: round to whole numbers does not follow from round to
 * tenths (2.45 and 2.5 both become 2.5 first, and 2 and 3 after), and a mask that keeps two characters does not follow
 * from one that keeps four (a text of six is masked whole by the second, not by the first). */
#include "lib/transform/actions.h"

static bool mask_empty(const struct mask_params *m)
{
	return m->length == 0 && m->first == 0 && m->last == 0;
}

static bool mask_follows(const struct mask_params *a, const struct mask_params *b)
{
	bool same = a->length == b->length && a->first == b->first && a->last == b->last;

	if (same)
		return a->character == b->character;
	if (b->length)
		return false;
	return a->length || mask_empty(a);
}

/* A subset of another's edges joins bands; so does a multiple of another's width, for all begin at 0. */
static bool band_follows(const struct band_params *a, const struct band_params *b)
{
	if (a->width)
		return b->width && a->width % b->width == 0;
	for (uint32_t i = 0, k = 0; i < a->n; i++) {
		if (b->width) {
			if (a->edges[i] % b->width != 0)
				return false;
			continue;
		}
		while (k < b->n && b->edges[k] < a->edges[i])
			k++;
		if (k == b->n || b->edges[k] != a->edges[i])
			return false;
	}
	return true;
}

static bool topcode_follows(const struct topcode_params *a, const struct topcode_params *b)
{
	return (!b->has_max || (a->has_max && a->max <= b->max)) && (!b->has_min || (a->has_min && a->min >= b->min));
}

/* A value that was cut to the edge lies in the same band as before, or the band's name does not follow. */
static bool band_follows_topcode(const struct band_params *a, const struct topcode_params *b)
{
	return a->n > 0 && (!b->has_min || a->edges[0] > b->min) && (!b->has_max || a->edges[a->n - 1] <= b->max);
}

static bool suppresses(const struct postcode_params *c, const char *area)
{
	for (uint32_t i = 0; i < c->n_suppress; i++)
		if (strcmp(c->suppress[i], area) == 0)
			return true;
	return false;
}

static bool postcode_follows(const struct postcode_params *a, const struct postcode_params *b)
{
	if ((a->first == 0) != (b->first == 0))
		return false;
	if (a->first != b->first || a->last != b->last)
		return b->n_suppress == 0 && (a->first ? a->first < b->first : a->last > b->last);
	for (uint32_t i = 0; i < b->n_suppress; i++)
		if (!suppresses(a, b->suppress[i]))
			return false;
	return true;
}

/* What blacks out at least as much, recogniser by recogniser and word by word. */
static bool redact_follows(const struct redact_params *a, const struct redact_params *b)
{
	size_t k = 0;

	if ((a->recognisers & b->recognisers) != b->recognisers)
		return false;
	for (size_t i = 0; i < b->n_hashes; i++) {
		while (k < a->n_hashes && a->hashes[k] < b->hashes[i])
			k++;
		if (k == a->n_hashes || a->hashes[k] != b->hashes[i])
			return false;
	}
	return true;
}

static bool same_domain(const struct rule *a, const struct rule *b)
{
	return strcmp(a->key.domain, b->key.domain) == 0;
}

static bool same_action_follows(const struct rule *a, const struct rule *b)
{
	switch (a->action) {
	case ACTION_KEEP:
	case ACTION_NULL:
	case ACTION_DROP: return true;
	case ACTION_K_GUARD:
	case ACTION_COUNT: return false;
	case ACTION_CONST: return strcmp(a->p.constant.token, b->p.constant.token) == 0;
	case ACTION_MASK: return mask_follows(&a->p.mask, &b->p.mask);
	case ACTION_PSEUDONYM:
		return same_domain(a, b) && a->p.pseudonym.profile == b->p.pseudonym.profile &&
		       a->p.pseudonym.bits <= b->p.pseudonym.bits;
	case ACTION_SURROGATE: return same_domain(a, b) && a->p.pseudonym.profile == b->p.pseudonym.profile;
	case ACTION_TOKEN:
		return same_domain(a, b) && a->p.hidden.pad == b->p.hidden.pad &&
		       a->p.hidden.per_subject == b->p.hidden.per_subject && subject_same(&a->subject, &b->subject);
	case ACTION_SEAL:
		return a->p.hidden.pad == b->p.hidden.pad ? same_domain(a, b) : a->p.hidden.pad % b->p.hidden.pad == 0;
	case ACTION_FPE:
		return same_domain(a, b) && a->p.fpe.radix == b->p.fpe.radix && a->p.fpe.check == b->p.fpe.check &&
		       strcmp(a->p.fpe.separators, b->p.fpe.separators) == 0;
	case ACTION_DATE_SHIFT:
		return same_domain(a, b) && a->p.shift.days == b->p.shift.days &&
		       subject_same(&a->subject, &b->subject);
	case ACTION_DATE_TRUNC: return a->p.trunc.to >= b->p.trunc.to && a->p.trunc.as_date >= b->p.trunc.as_date;
	case ACTION_BAND: return band_follows(a->p.band, b->p.band);
	case ACTION_ROUND: return a->p.round.digits == b->p.round.digits;
	case ACTION_TOPCODE: return topcode_follows(a->p.topcode, b->p.topcode);
	case ACTION_GEO:
		return a->p.geo.is_hash == b->p.geo.is_hash &&
		       (a->p.geo.is_hash ? a->p.geo.digits <= b->p.geo.digits : a->p.geo.digits == b->p.geo.digits);
	case ACTION_IP_PREFIX: return a->p.ip.v4 <= b->p.ip.v4 && a->p.ip.v6 <= b->p.ip.v6;
	case ACTION_POSTCODE: return postcode_follows(a->p.postcode, b->p.postcode);
	case ACTION_REDACT_TEXT: return redact_follows(&a->p.redact, &b->p.redact);
	}
	return false;
}

/* Keeps the number of characters, so that a row of stars of that length follows. */
static bool keeps_length(const struct rule *r)
{
	return r->action == ACTION_FPE || r->action == ACTION_DATE_SHIFT;
}

bool rule_follows(const struct rule *a, const struct rule *b)
{
	bool said = b->action != ACTION_NULL && b->action != ACTION_CONST; /* whether the value was null */

	if (a->action == b->action)
		return same_action_follows(a, b);
	if (b->action == ACTION_KEEP || a->action == ACTION_DROP)
		return a->action != ACTION_K_GUARD;
	if (b->action == ACTION_DROP || b->action == ACTION_K_GUARD)
		return false;
	switch (a->action) {
	case ACTION_NULL: return true;
	case ACTION_CONST: return b->action != ACTION_NULL;
	case ACTION_MASK: return said && (a->p.mask.length || (mask_empty(&a->p.mask) && keeps_length(b)));
	case ACTION_BAND: return b->action == ACTION_TOPCODE && band_follows_topcode(a->p.band, b->p.topcode);
	case ACTION_SEAL: return b->action == ACTION_TOKEN && a->p.hidden.pad % b->p.hidden.pad == 0;
	case ACTION_KEEP:
	case ACTION_ROUND:
	case ACTION_TOPCODE:
	case ACTION_DATE_SHIFT:
	case ACTION_DATE_TRUNC:
	case ACTION_GEO:
	case ACTION_IP_PREFIX:
	case ACTION_POSTCODE:
	case ACTION_REDACT_TEXT:
	case ACTION_FPE:
	case ACTION_TOKEN:
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: break;
	}
	return false;
}

int rule_compare(const struct rule *a, const struct rule *b)
{
	bool first = rule_follows(a, b), second = rule_follows(b, a);

	return first && second ? 0 : first ? -1 : second ? 1 : RULES_CONTRADICT;
}
