/* How many records came to which end under which agreement. Rows are of agreements of a configuration and of nothing that a
 * request says, OUTCOMES_ROWS at most; what is of no agreement, or of one past those, has the row without a name. A row stays
 * until the process ends, for a counter must not go back. Any thread, without a lock: a row is put into its chain once, with one
 * exchange of a pointer. */
#ifndef GATEWAYD_CORE_CONTEXT_OUTCOMES_H
#define GATEWAYD_CORE_CONTEXT_OUTCOMES_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/base/view.h"

#define OUTCOMES_ROWS   1024
#define OUTCOMES_CHAINS 256

/* The names are the labels of the metric. */
#define ENDED_LIST(E) \
	E(RELEASED, "released") \
	E(TRANSFORMED, "released-transformed") \
	E(HELD, "held") \
	E(REFUSED, "refused") \
	E(REPLAYED, "replayed")
enum ended_as {
#define E(name, text) ENDED_##name,
	ENDED_LIST(E)
#undef E
	        ENDED_COUNT
};

struct outcomes_row {
	struct outcomes_row *next;
	_Atomic uint64_t n[ENDED_COUNT];
	char agreement[72];
};

/* Zeros: nothing was counted. */
struct outcomes {
	_Atomic(struct outcomes_row *) chains[OUTCOMES_CHAINS];
	_Atomic unsigned n;
	struct outcomes_row others;
};

/* The row of an agreement of the configuration, made where there is none; empty: that of no agreement. */
struct outcomes_row *outcomes_row(struct outcomes *o, struct view agreement);
void outcomes_count(struct outcomes *o, struct view agreement, enum ended_as how);
/* Calls `each` for every row; that of no agreement comes last. */
void outcomes_each(const struct outcomes *o, void (*each)(void *arg, const struct outcomes_row *row), void *arg);
const char *ended_name(enum ended_as how);
/* At the end, when no other thread looks any more. */
void outcomes_free(struct outcomes *o);

#endif
