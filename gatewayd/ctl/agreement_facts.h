/* What a decision rests on that stands in no document: who sent the record, pinned officers, how often a quota was
 * used, whether the agreement was suspended, which acts were in effect. Given as options to simulate, explain and replay; what is not given is
 * taken as it is when nothing stands against the record. One thread. */
#ifndef GATEWAYD_CTL_AGREEMENT_FACTS_H
#define GATEWAYD_CTL_AGREEMENT_FACTS_H

#include "gatewayd/ctl/agreement.h"
#include "lib/policy/decision.h"

#define FACTS_OFFICERS_MAX 32u
#define FACTS_ACTS_MAX     16u

/* Values of getopt_long that no other option has. */
enum facts_option {
	FACT_OFFICER = 1000,
	FACT_INPUT,
	FACT_PEER,
	FACT_TIER_USES,
	FACT_EXCEPTION_USES,
	FACT_SUSPENDED,
	FACT_ACT,
	FACT_RECEIPT_OVERDUE,
	FACT_NO_WITHDRAWALS,
	FACT_APPROVED
};
#define FACTS_OPTIONS \
	{ "officer", required_argument, NULL, FACT_OFFICER }, { "input", required_argument, NULL, FACT_INPUT }, \
	        { "peer", required_argument, NULL, FACT_PEER }, \
	        { "tier-uses", required_argument, NULL, FACT_TIER_USES }, \
	        { "exception-uses", required_argument, NULL, FACT_EXCEPTION_USES }, \
	        { "suspended", no_argument, NULL, FACT_SUSPENDED }, { "act", required_argument, NULL, FACT_ACT }, \
	        { "receipt-overdue", no_argument, NULL, FACT_RECEIPT_OVERDUE }, \
	        { "no-withdrawals", no_argument, NULL, FACT_NO_WITHDRAWALS }, \
	{ \
		"approved", no_argument, NULL, FACT_APPROVED \
	}
#define FACTS_USAGE \
	"[--officer CERTIFICATE[=TRAINED-UNTIL]]… [--input DIGEST] [--peer AGENCY] [--tier-uses N] [--exception-uses N] " \
	"[--suspended] [--act FILE]… [--receipt-overdue] [--no-withdrawals] [--approved]"

struct given_facts {
	struct {
		struct digest spki;
		struct buf der;
		int64_t until_ms;
	} officers[FACTS_OFFICERS_MAX];
	size_t n_officers;
	struct signed_act *acts[FACTS_ACTS_MAX]; /* taken as in effect, if they are Actual */
	size_t n_acts;
	struct act_effect effects[FACTS_ACTS_MAX]; /* facts_of()'s */
	const char *peer;                          /* agency of the system that sent it; NULL: this one */
	struct digest input;
	uint32_t tier_uses, exception_uses;
	bool suspended, receipt_overdue, no_withdrawals;
	bool approved; /* a person has released what was held */
	/* Set by facts_of(), for the callbacks. */
	const struct agreement_setup *setup;
	struct view agency; /* that discloses */
};

bool facts_take(int option); /* is it one of FACTS_OPTIONS? */
/* CTL_OK, or an exit status after the reason was printed. */
int facts_option(struct given_facts *g, int option, const char *value);
void facts_free(struct given_facts *g);
/* The facts of the envelope under the agreement, which live as long as all four. */
struct facts facts_of(struct given_facts *g, const struct agreement_setup *setup, const struct agreement *a,
                      const struct envelope *env);

#endif
