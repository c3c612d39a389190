/* The decision on one record: may it leave, in what form, and why. Decisions are data: written as JSON
 * with sorted keys, and the same from the same documents and record years later. Pure; one thread. */
#ifndef GATEWAY_POLICY_DECISION_H
#define GATEWAY_POLICY_DECISION_H

#include "lib/policy/agreement.h"
#include "lib/policy/approval.h"
#include "lib/policy/caveats.h"
#include "lib/policy/envelope.h"
#include "lib/policy/signed_act.h"

enum outcome { OUTCOME_RELEASED, OUTCOME_TRANSFORMED, OUTCOME_HELD, OUTCOME_REFUSED };
const char *outcome_name(enum outcome o); /* "released", "released-transformed", "held", "refused" */

/* Who asks and what is known at this instant; everything that is not in the agreement or the record. */
struct facts {
	int64_t now_ms;
	struct view self;   /* agency of this gateway */
	struct view agency; /* agency of the peer */
	bool gateway;       /* the peer is a partner's gateway: ingress */
	/* Acts in effect under the agreement (signed_act.h). */
	const struct act_effect *acts;
	size_t n_acts;
	struct uuid exchange; /* as the first gateway names it, for acts about one; zeros: it has none yet */
	bool suspended;       /* a question of what would be if it were suspended (simulate); no act is named */
	bool receipt_overdue;
	uint32_t tier_uses; /* of this tier in its window, for quotas */
	uint32_t exception_uses;
	struct digest input; /* SHA-256(salt || record) as it came in; approvals sign it */
	int64_t epoch_ms; /* of what was signed earlier this node may not know whether it was used; 0: it knows all */
	void *arg;
	officer_find *officer; /* pinned officers by their SPKI; NULL: none */
	/* Has a release used the approval whose statement has this SHA-256? NULL: none was used. */
	bool (*approval_used)(void *arg, const struct digest *statement);
	/* The lists of consents that the agreement names (consents.h); NULL: not here, or none is named. */
	const struct signed_document *withdrawals, *given;
	bool consent_unknown; /* one of the two is missing or out of date */
	unsigned checked;     /* from a gateway: CHECKED_…, as its audit entry says */
	/* From a gateway: digest of the consent that the sender judged; NULL: it names none. */
	const struct digest *consent;
	const struct caveats *inherited; /* of the exchange that is passed on; NULL: none is */
	const struct digest *training;   /* the document that training comes from, named in the decision; NULL: none */
	struct view build;               /* software build, named in the decision; may be empty */
};

/* What the provider's gateway has found in the envelope, whether or not a tier demands it: the recipient's takes that
 * from the audit entry instead of the texts (beside.h). */
#define CHECKED_CASE           1u /* there is a case */
#define CHECKED_CONSENT        2u /* a consent covers the purpose */
#define CHECKED_JUSTIFICATIONS 4u /* each leaf that leaves is justified */
#define CHECKED_NECESSITY      8u /* the necessity test is complete and cites a criterion of the tier */

#define DECISION_REASONS 24
struct failed {
	enum reason reason;
	char clause[96];   /* place in the agreement, as a JSON Pointer */
	char pointer[200]; /* place in the envelope or record; only names the schemas know */
};

#define DECISION_ACTS 8 /* named by a decision, at most; what more of them stop, the first ones do */
#define APPROVALS_MAX 8 /* the envelope's schema */
/* An approval that counts: it is used when the record is released. */
struct approval_counted {
	struct digest officer, statement;
	int64_t until_ms;
};

struct decision {
	enum outcome outcome;
	size_t n_failed;
	const struct agreement *agreement;
	const struct ruling *ruling; /* NULL when refused before one was found */
	struct view recipient;       /* agency */
	int64_t now_ms;
	struct duration copy;                    /* the retention granted */
	uint32_t released, transformed, dropped; /* leaves */
	bool exception_used;
	size_t n_approvals; /* that count */
	struct approval_counted approvals[APPROVALS_MAX];
	const char *approval_fault; /* what is wrong with the first that does not count, as a sentence; NULL: none */
	uint32_t lacking;           /* approvals: with nothing else wrong the record is held for them */
	char lacking_clause[96];
	struct view purpose, exception; /* as the agreement names them; empty when refused before they were found */
	enum subject_category category; /* SUBJECT_COUNT: not found */
	enum tier tier;                 /* TIER_COUNT: not found */
	bool ingress;                   /* the record came from a partner's gateway */
	unsigned checked;               /* CHECKED_… */
	unsigned beside;                /* members that leave beside the record, 1 << enum beside_member */
	bool wait;                      /* a person has to decide even if nothing else is wrong */
	const char *wait_for;           /* place in the envelope, where it is none of the two usual ones; or NULL */
	struct caveats caveats;         /* under which the record travels; views into envelope, agreement and facts */
	struct view build;              /* of the facts */
	/* Documents of the facts; zeros: none. */
	struct digest withdrawals, given, training;
	size_t n_acts; /* acts that stopped it, or by which it passes */
	struct digest acts[DECISION_ACTS];
	struct digest consent; /* that the record cites, consent_digest(); zeros: none, or no list says of which salt */
	/* All failed rules; the first is the main one. Last, and as long as there is none never written: most records fail none. */
	struct failed failed[DECISION_REASONS];
};

/* Checks who, which, purpose, basis, tier, case, necessity, exceptions, approvals, dates. Collects every
 * failed rule. True when nothing failed (outcome still open until the record has been run). */
bool decision_authorise(struct decision *d, const struct agreement *a, const struct facts *f,
                        const struct envelope *env, const struct tape *t) MUST_USE;
/* What an approval of the record in this envelope has to say: all but who may sign it, and when. */
void approval_asked_of(struct approval_asked *out, const struct agreement *a, const struct envelope *env,
                       const struct tape *t, const struct digest *input);
void decision_fail(struct decision *d, enum reason reason, const char *clause, const char *pointer);
/* After program_run(): checks what the tier demands of released leaves (justifications, waivers), sets
 * the counters and the outcome. */
bool decision_conclude(struct decision *d, const struct envelope *env, const struct tape *t,
                       const struct transform_run *r) MUST_USE;
/* The full decision as JSON (audit disclosures, simulate): released pointers with rule and action, dropped pointers,
 * digests of the governing documents. `r` may be NULL when refused. */
void decision_json(const struct decision *d, const struct tape *t, uint32_t record, const struct transform_run *r,
                   struct buf *out);
/* The same with the digest of its shape (shape.h), and how many leaves each line of that stands for, in the place of the two
 * lists. */
struct shape_use;
void decision_json_shaped(const struct decision *d, const struct transform_run *r, const struct shape_use *use,
                          struct buf *out);

#endif
