/* What leaves beside the record. The texts of an envelope are the sending system's own: of them leaves only what the
 * agreement's clause `envelope` lists, each by its pattern and action, and less where the overlay says so. What the
 * agreement itself knows leaves as before: purpose, legal basis, tier, category, schema, exception, retention, the
 * exchange that is corrected, and the codes of `handling`, each once and in the order of the code lists. Necessity,
 * justifications, officer and approvals stay: what the provider's gateway found of them its audit entry says
 * (`checked`), and the recipient's gateway takes that. Pure; one thread. */
#ifndef GATEWAY_POLICY_BESIDE_H
#define GATEWAY_POLICY_BESIDE_H

#include "lib/json/member_order.h"
#include "lib/policy/decision.h"

/* JSON texts in the one form of lib/json/canonical.h; empty: it does not leave. */
struct beside {
	struct view case_ref, handling, reference;
};

/* Scratch of the caller's thread. */
struct beside_tools {
	struct tape_parser *parser; /* of small texts */
	struct schema_run *run;
	struct transform_run *transform; /* its last trace is lost */
	struct member_order *order;
	struct buf *text; /* what leaves; the views of struct beside lie in it */
};

/* After decision_authorise(), with a ruling found. On the provider's side each value fits its pattern and is transformed
 * (ENVELOPE_MEMBER with clause and place otherwise); on the recipient's (d->ingress) only what the agreement lists, in
 * the form that its action leaves, has arrived (OUTPUT_VIOLATION otherwise). False: the decision has failed. */
bool beside_take(struct decision *d, const struct envelope *env, const struct tape *t, const struct beside_tools *w,
                 struct beside *out) MUST_USE;

/* The members of a delivery but record and origin, as a JSON object in the one form. */
void beside_delivery(const struct decision *d, const struct envelope *env, const struct beside *b,
                     struct member_order *order, struct buf *out);
/* The same of an envelope that arrived, to compare: its members but record, origin and key. */
void beside_arrived(const struct tape *t, struct member_order *order, struct buf *out);

/* The words of `checked` in the sender's audit entry, in the order of the alphabet with commas between; empty for
 * none. Words that this build does not know are passed over. */
void checked_print(unsigned checked, struct buf *out);
unsigned checked_parse(struct view words);
/* Of an entry on a tape; 0 where it has none. */
unsigned checked_of_entry(const struct tape *entry);

#endif
