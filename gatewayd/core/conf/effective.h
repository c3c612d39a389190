/* What of the operator's files takes effect, a statement a line: a text for people, whose digest stands in the log when it
 * changes. How a file is spelled, and its remarks, are not in it; no secret is. Any thread. */
#ifndef GATEWAYD_CORE_CONF_EFFECTIVE_H
#define GATEWAYD_CORE_CONF_EFFECTIVE_H

#include "gatewayd/core/conf/conf.h"

/* Each appends its text. A partner's: id, agency, roles, identity, endpoint, training, keys. */
void effective_partner(const struct partner *p, struct buf *out);
/* The node's: who it is, limits, periods, and what it is watched by. Not how many threads it has. */
void effective_node(const struct conf *c, struct buf *out);

#endif
