/* See state.h. */
#include "lib/policy/state.h"

#include "lib/policy/internal.h"

const char *agreement_state_name(enum agreement_state s)
{
	static const char *const names[] = { "not-effective",    "ended",
		                             "review-overdue",   "assessment-missing",
		                             "assessment-stale", "crypto-expired",
		                             "in-force" };

	return names[s];
}

enum agreement_state agreement_state(const struct agreement *a, int64_t now_ms)
{
	if (now_ms < a->effective_ms)
		return AGREEMENT_NOT_EFFECTIVE;
	if (now_ms >= a->sunset_ms)
		return AGREEMENT_ENDED;
	if (now_ms >= a->review_next_ms)
		return AGREEMENT_REVIEW_OVERDUE;
	if (!a->assessed)
		return AGREEMENT_ASSESSMENT_MISSING;
	if (now_ms >= a->assessment_next_ms)
		return AGREEMENT_ASSESSMENT_STALE;
	if (now_ms >= a->crypto_expires_ms)
		return AGREEMENT_CRYPTO_EXPIRED;
	return AGREEMENT_IN_FORCE;
}

const char *agreement_next_date(const struct agreement *a, int64_t now_ms, int64_t *at_ms)
{
	const json_t *renewal = json_object_get(a->doc, "renewal");
	const struct {
		const char *clause;
		int64_t at_ms;
	} dates[] = {
		{ "/effective_from", a->effective_ms },
		{ "/sunset", a->sunset_ms },
		{ "/review/next", a->review_next_ms },
		{ "/assessment/next_review", a->assessment_next_ms },
		{ "/algorithms", a->crypto_expires_ms },
		{ "/renewal/opens", json_instant(renewal, "opens") },
		{ "/renewal/closes", json_instant(renewal, "closes") },
	};
	const char *first = NULL;

	*at_ms = TIME_NONE;
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
		if (dates[i].at_ms != TIME_NONE && dates[i].at_ms > now_ms && (!first || dates[i].at_ms < *at_ms)) {
			first = dates[i].clause;
			*at_ms = dates[i].at_ms;
		}
	return first;
}
