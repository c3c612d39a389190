/* Figures of this node: the one list that metrics and the operator's status both show. No figure, and no name of one, tells
 * of a person or a case. */
#ifndef GATEWAYD_CORE_READ_FIGURES_H
#define GATEWAYD_CORE_READ_FIGURES_H

#include "gatewayd/core/context/context.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/store/rest.h"

/* What figures are read from, taken at one time. */
struct figures {
	struct core *core;
	const struct conf *conf;
	int64_t now_ms;
	struct writer_stats writer;
	struct budget_state budget; /* of all partners */
	struct store_counts store;
	uint64_t cosigned; /* entries under the newest checkpoint that witnesses cosigned; 0: none is */
	bool counted;      /* the store could be */
};
/* `reader` is the thread's own. False when the store cannot be counted: figures of the store are then left out. Any thread. */
bool figures_take(struct figures *f, struct core *core, const struct conf *conf, struct store *reader, int64_t now_ms,
                  struct error *e) MUST_USE;

enum figure_kind {
	FIGURE_COUNTER, /* only grows, from the start of this process */
	FIGURE_GAUGE
};

struct figure {
	enum figure_kind kind;
	const char *metric; /* its name without gatewayd_; NULL: not among the metrics */
	const char *help;   /* a sentence */
	const char *group;  /* of the status; NULL: not shown there */
	const char *name;   /* within the group */
	/* False: there is none now. */
	bool (*read)(const struct figures *f, uint64_t *value);
};
/* Ends with one whose `read` is NULL. */
extern const struct figure figure_list[];

#endif
