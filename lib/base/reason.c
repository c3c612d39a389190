/* See reason.h. */
#include "lib/base/reason.h"

static const struct {
	const char *slug;
	int status;
	const char *coarse, *text, *remedy;
} reasons[REASON_COUNT] = {
#define R(name, slug, status, coarse, text, remedy) [REASON_##name] = { slug, status, coarse, text, remedy },
	REASON_LIST(R)
#undef R
};

const char *reason_slug(enum reason r)
{
	return reasons[r].slug;
}

int reason_status(enum reason r)
{
	return reasons[r].status;
}

const char *reason_coarse(enum reason r)
{
	return reasons[r].coarse;
}

const char *reason_text(enum reason r)
{
	return reasons[r].text;
}

const char *reason_remedy(enum reason r)
{
	return reasons[r].remedy;
}

enum reason reason_for_peer(enum reason r)
{
	switch ((int)r) {
	case REASON_CONSENT_NOT_GIVEN:
	case REASON_CONSENT_WITHDRAWN:
	case REASON_UNDER_CHALLENGE:
	case REASON_COUNCIL_VETO:
	case REASON_EXCEPTION_QUOTA:
	case REASON_QUOTA: return REASON_NOT_PERMITTED;
	}
	return r;
}

bool reason_is_mendable(enum reason r)
{
	switch ((int)r) {
	case REASON_PARTNER_UNKNOWN:
	case REASON_AGREEMENT_UNKNOWN:
	case REASON_AGREEMENT_MISMATCH:
	case REASON_RECEIPT_INVALID:
	case REASON_OUTPUT_VIOLATION:
	case REASON_NOT_FOUND:
	case REASON_TOO_LARGE:
	/* What persons stop, they start again; only the end of an agreement is one. */
	case REASON_COUNCIL_VETO:
	case REASON_AGREEMENT_SUSPENDED:
	case REASON_NOT_AUTHORISED:
	case REASON_TIER_RESTRICTED: return true;
	}
	return false;
}

enum reason reason_find(struct view slug)
{
	unsigned r = 0;

	while (r < REASON_COUNT && !view_is(slug, reasons[r].slug))
		r++;
	return (enum reason)r;
}
