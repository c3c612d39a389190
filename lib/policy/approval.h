/* One approval: a statement after approval.schema.json, and the detached CMS signature of a pinned officer over its
 * exact bytes. A name in an envelope is an assertion and approves nothing. Pure; one thread. */
#ifndef GATEWAY_POLICY_APPROVAL_H
#define GATEWAY_POLICY_APPROVAL_H

#include "lib/base/datetime.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/schema/schema.h"

/* No approval lives longer after its signature than this, whatever an agreement says. */
#define APPROVAL_HOURS  72
#define APPROVAL_MAX_MS (APPROVAL_HOURS * 3600 * SECOND_MS)

/* A pinned officer, as whoever keeps the certificates knows it. */
struct officer_found {
	struct view cert_der, agency;
	int64_t training_until_ms;
};
typedef bool officer_find(void *arg, const struct digest *spki, struct officer_found *out);

/* What an approval has to say, and who may say it. Views outlive the call. */
struct approval_asked {
	const struct schema *schema; /* approval.schema.json */
	struct digest agreement;
	struct digest input; /* SHA-256(salt || record) with the gateway's salt of this exchange */
	struct view record;  /* its exact bytes, for a salt of the officer's own */
	struct view purpose, subject_category, tier;
	struct view case_ref, exception; /* empty: the envelope names none, and so must the statement */
	struct digest named;             /* the envelope's officer; zeros: none */
	int64_t now_ms, epoch_ms;        /* signed before epoch_ms: this node may have forgotten that it was used */
	struct duration lifetime;        /* from the signature on; zero: APPROVAL_MAX_MS */
	officer_find *officer;           /* NULL: no officers */
	/* May this one approve? */
	bool (*may)(void *arg, const struct digest *spki, struct view agency);
	/* Has a release used the statement of this SHA-256? NULL: none. */
	bool (*used)(void *arg, const struct digest *statement);
	void *arg;
};

struct approval_verdict {
	enum reason reason;      /* REASON_NONE: it counts */
	const char *member;      /* below the approval, as a JSON Pointer: what is wrong; never NULL */
	const char *text;        /* the same as a sentence; never NULL */
	struct digest officer;   /* that it names */
	struct digest statement; /* SHA-256 of its text: what is used once */
	int64_t until_ms;        /* it expires */
};
void approval_judge(const struct approval_asked *asked, struct view statement, struct view signature,
                    struct approval_verdict *out);

#endif
