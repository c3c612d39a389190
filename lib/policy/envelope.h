/* The envelope: what is POSTed around a record. Read from the tape; views point into it. One thread. */
#ifndef GATEWAY_POLICY_ENVELOPE_H
#define GATEWAY_POLICY_ENVELOPE_H

#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/json/tape.h"
#include "lib/schema/schema.h"

/* What the first gateway adds for the second. */
struct origin {
	struct uuid exchange;
	struct view agency, node;
	struct digest agreement_digest;
	struct view entry; /* the leaf's exact bytes, decoded into the caller's buffer */
	struct view proof; /* the tlog-proof's text */
	struct salt salt;
	uint32_t caveats;      /* tape node, 0 for none */
	struct digest consent; /* consent_digest() of the consent that the sender judged; zeros: none */
};

/* An absent member is an empty view or node 0. */
struct envelope {
	struct view purpose, legal_basis, tier, subject_category;
	struct view case_ref;  /* "case" */
	struct view reference; /* the sending system's own reference */
	struct view schema;    /* which of the agreement's schemas; optional with one */
	struct view exception, retention, key;
	struct view corrects, onward_of; /* exchange ids */
	uint32_t necessity;              /* object: criterion, likelihood, alternative, … */
	uint32_t justifications;         /* array of {pointer, reason} */
	uint32_t approvals, consent, handling, officer;
	uint32_t record;   /* root of the record; never 0 */
	bool from_gateway; /* has `origin` */
	struct origin origin;
};

/* `schema` is the compiled built-in "envelope". Decoded bytes of origin.entry go to `scratch`. On false
 * `e` is REASON_ENVELOPE_INVALID with the pointer. */
bool envelope_read(const struct schema *schema, struct schema_run *run, const struct tape *t, struct buf *scratch,
                   struct envelope *out, struct error *e) MUST_USE;

#endif
