/* What is in force, as a list: each thing of a configuration that decides what may leave, what is taken and who is
 * believed, by kind, name and the SHA-256 of its text. Two lists say what changed between them; neither the order of files
 * nor their times are in one. Pure; one thread. */
#ifndef GATEWAYD_CORE_AUDIT_IN_FORCE_H
#define GATEWAYD_CORE_AUDIT_IN_FORCE_H

#include "gatewayd/core/context/context.h"

struct thing {
	struct view kind, name;
	struct digest digest;
	struct view text; /* p NULL: only its digest is kept */
};

struct in_force {
	struct arena mem;
	struct thing *things; /* in the order of kind and name, each once */
	size_t n;
};

/* Of a configuration and of this node's keys: the public ones as a text, the secret of pseudonyms by what HKDF makes of it
 * for this alone. False: no memory. What `conf` holds must outlive `out`, which the caller frees in any case. */
bool in_force_collect(const struct core *core, const struct conf *conf, struct in_force *out) MUST_USE;
void in_force_free(struct in_force *f);
/* Appends the list: `kind name digest` a line. */
void in_force_print(const struct in_force *f, struct buf *out);

struct in_force_change {
	struct view kind, name;
	const struct digest *before; /* NULL: it was not in force */
	const struct thing *after;   /* NULL: it is gone */
};
/* Calls `each` for what differs from the list `before` (empty: nothing was in force); what cannot be read of that counts as
 * not there. False as soon as `each` is. */
bool in_force_changes(struct view before, const struct in_force *now,
                      bool (*each)(void *arg, const struct in_force_change *change), void *arg) MUST_USE;

/* Appends which lines of two texts differ, as `-line +line`; `...` at the end where not all fitted into `out`. */
void in_force_lines(struct view before, struct view after, struct buf *out);

#endif
