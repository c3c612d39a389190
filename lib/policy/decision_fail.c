/* The list of what failed in a decision. See decision.h. */
#include "lib/policy/decision.h"

static bool is_told(const struct decision *d, enum reason reason, size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (d->failed[i].reason == reason)
			return true;
	return false;
}

/* Where the list is full, a reason that it has not yet says more than one more place of a reason that it has. */
static bool make_room(struct decision *d, enum reason reason)
{
	size_t i = d->n_failed;

	if (i < DECISION_REASONS)
		return true;
	if (is_told(d, reason, i))
		return false;
	while (i > 0 && !is_told(d, d->failed[i - 1].reason, i - 1))
		i--;
	if (i == 0)
		return false;
	memmove(&d->failed[i - 1], &d->failed[i], (d->n_failed - i) * sizeof d->failed[0]);
	d->n_failed--;
	return true;
}

void decision_fail(struct decision *d, enum reason reason, const char *clause, const char *pointer)
{
	if (reason != REASON_WAITING_DECISION)
		d->outcome = OUTCOME_REFUSED;
	if (!make_room(d, reason))
		return;
	struct failed *f = &d->failed[d->n_failed++];
	f->reason = reason;
	snprintf(f->clause, sizeof f->clause, "%s", clause ? clause : "");
	snprintf(f->pointer, sizeof f->pointer, "%s", pointer ? pointer : "");
}
