/* The tables. A `y` is a yes of the agreement's text; what is not there is a no. */
#include "oracle.h"

enum answer oracle_passenger(const struct passenger_question *q)
{
	/*                              suspect convicted victim other uncategorised not-stated unknown */
	static const char who[2][8] = { "yy-yyy-",   /* terrorism-prevention */
		                        "yyyy---" }; /* serious-crime */
	/*                               T0   T1   T2   none */
	static const char grave[2][5] = { "-yy-",   /* terrorism-prevention */
		                          "yy--" }; /* serious-crime */
	static const char law[2][4] = { "yy-", "y--" };

	if (q->agency == WEST)
		return ANSWER_REFUSED;
	if (q->gateway && q->agency != SOUTH)
		return ANSWER_REFUSED; /* only south's gateway is a partner of north's */
	if (q->state != IN_FORCE)
		return ANSWER_REFUSED;
	if (q->purpose == 2 || law[q->purpose][q->basis] != 'y' || grave[q->purpose][q->tier] != 'y' ||
	    who[q->purpose][q->category] != 'y')
		return ANSWER_REFUSED;
	if (q->retention == 1)
		return ANSWER_REFUSED; /* five years at most */
	if (q->tier == ROUTINE)
		return ANSWER_RELEASED; /* no case, no test of necessity */
	if (!q->with_case || q->necessity != 1)
		return ANSWER_REFUSED;
	if (q->tier == IMMINENT && !q->gateway)
		return ANSWER_REFUSED; /* these envelopes name no officer and carry no approval */
	return q->category == UNCATEGORISED || q->category == NOT_STATED ? ANSWER_HELD : ANSWER_RELEASED;
}

/* Is each approval that the envelope carries one that counts? */
static int approvals_hold(const struct police_question *q)
{
	switch (q->approval) {
	case BY_SECOND:
	case BY_TWO: return q->training != SECOND_UNTRAINED;
	case BY_NAMED: /* the second person is another one */
		return q->officer != PINNED_OFFICER && q->training != NAMED_UNTRAINED;
	case FOR_OTHER_EXCEPTION:
	case EXPIRED_APPROVAL: return 0;
	}
	return 1;
}

enum answer oracle_police(const struct police_question *q)
{
	static const char law[2][3] = { "y-", "yy" };

	if (q->tier == ROUTINE || law[q->purpose][q->basis] != 'y')
		return ANSWER_REFUSED;
	if (q->purpose == 0 ? q->category == VICTIM : q->category != VICTIM)
		return ANSWER_REFUSED;
	if (q->exception == 2 || (q->exception == 1 && (q->tier != IMMINENT || q->used_up)))
		return ANSWER_REFUSED;
	if (q->officer == STRANGE_OFFICER || (q->officer == PINNED_OFFICER && q->training == NAMED_UNTRAINED))
		return ANSWER_REFUSED;
	if (!approvals_hold(q))
		return ANSWER_REFUSED;
	if (q->tier == SERIOUS && q->justified)
		return ANSWER_REFUSED; /* it gives reasons for fields that only tier T2 lets out */
	/* In imminent danger names leave in clear: under the exception alone, by two people, with a reason each. */
	if (q->tier == IMMINENT && (q->exception != 1 || q->officer == NO_OFFICER || !q->justified))
		return ANSWER_REFUSED;
	/* The second person may sign later. */
	if (q->tier == IMMINENT && q->approval == NO_APPROVAL)
		return ANSWER_HELD;
	return q->category == UNCATEGORISED ? ANSWER_HELD : ANSWER_RELEASED;
}

enum answer oracle_tracing(const struct tracing_question *q)
{
	static const char law[2][3] = { "yy", "y-" }, grave[2][3] = { "-y", "y-" };

	if (q->agency == WEST || q->state != IN_FORCE)
		return ANSWER_REFUSED;
	if (law[q->purpose][q->basis] != 'y' || grave[q->purpose][q->tier] != 'y')
		return ANSWER_REFUSED;
	if (q->category != VICTIM && q->category != OTHER)
		return ANSWER_REFUSED;
	if (q->tier == SERIOUS && !q->with_case)
		return ANSWER_REFUSED;
	/* What rests on consent needs one for this purpose; one that was taken back stops the record on any basis. */
	if (q->consent == CONSENT_WITHDRAWN)
		return ANSWER_REFUSED;
	if (q->basis == 0 && q->consent != CONSENT)
		return ANSWER_REFUSED;
	return ANSWER_RELEASED;
}
