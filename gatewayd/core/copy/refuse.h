/* The end of what is held as refused: by a person, by silence, or because its provider recalled it. Only inside a job's
 * run(). */
#ifndef GATEWAYD_CORE_COPY_REFUSE_H
#define GATEWAYD_CORE_COPY_REFUSE_H

#include "gatewayd/core/audit/testimony.h"
#include "gatewayd/core/store/exchange.h"
#include "lib/base/ids.h"

struct act;

/* Copies of what the row says, for its views end with the next call. */
struct held_row {
	struct uuid id;
	enum exchange_state state;
	char partner[128], agreement[128], recipient[128];
	struct digest agreement_digest;
};
void held_row_copy(const struct store_exchange *x, struct held_row *to);

/* Appends the decision of a person or of the gateway about what is held. `t`: what is withheld of it; may be NULL. */
bool held_decision_append(struct core *c, struct writer *w, struct job *j, const struct entry *facts,
                          struct testimony *t, uint64_t *index, struct error *e) MUST_USE;
/* Refuses it, erases what is sealed, logs both; `why` is short ASCII text for the entries, `t` as above. */
bool held_end(const struct act *a, uint64_t seq, const char *why, struct testimony *t, struct error *e) MUST_USE;

#endif
