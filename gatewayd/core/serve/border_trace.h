/* The trace by which both gateways, and their operators, name an exchange (doc/decisions/9-border-trace.md): made of the exchange's
 * id, which crosses the border anyway, and of nothing else, so that a trace says nothing that the id does not. What a caller's
 * traceparent says never crosses. Any thread. */
#ifndef GATEWAYD_CORE_SERVE_BORDER_TRACE_H
#define GATEWAYD_CORE_SERVE_BORDER_TRACE_H

#include "lib/base/ids.h"
#include "lib/base/traceparent.h"

enum border_side { BORDER_SENDER, BORDER_RECIPIENT };

/* `exchange`: as the first gateway named it. The span is that of the gateway of this side. Always sampled: each exchange is in
 * both logs. */
void border_trace(const struct uuid *exchange, enum border_side side, struct traceparent *out);

#endif
