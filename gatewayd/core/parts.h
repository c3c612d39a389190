/* What runs on workers beside requests. */
#include "gatewayd/core/serve/worker.h"
#ifndef GATEWAYD_CORE_PARTS_H
#define GATEWAYD_CORE_PARTS_H

extern const struct part core_parts[];

#endif
