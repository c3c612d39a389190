/* See recall_code.h. */
#include "lib/policy/recall_code.h"

static const char *const names[RECALL_CODES] = {
	[RECALL_INACCURATE] = "inaccurate",
	[RECALL_INCOMPLETE] = "incomplete",
	[RECALL_UNLAWFUL] = "unlawful",
	[RECALL_NOT_NEEDED] = "not-needed",
	[RECALL_CONSENT_WITHDRAWN] = "consent-withdrawn",
	[RECALL_AGREEMENT_ENDED] = "agreement-ended",
	[RECALL_SENT_IN_ERROR] = "sent-in-error",
	[RECALL_COURT_ORDER] = "court-order",
	[RECALL_SUPERVISOR_ORDER] = "supervisor-order",
	[RECALL_COUNCIL_VETO] = "council-veto",
	[RECALL_ORIGIN_RECALLED] = "origin-recalled",
	[RECALL_LET_GO] = "let-go",
};

const char *recall_code_name(enum recall_code c)
{
	return names[c];
}

enum recall_code recall_code_find(struct view name)
{
	unsigned c = 0;

	while (c < RECALL_CODES && !view_is(name, names[c]))
		c++;
	return (enum recall_code)c;
}

void recall_codes_list(struct buf *out)
{
	for (unsigned c = 0; c < RECALL_CODES; c++)
		buf_addf(out, "%s%s", c ? ", " : "", names[c]);
}
