/* Routes: which method and path does what, and for which roles. The table is the whole of the interface. */
#include "gatewayd/core/serve/router.h"
#ifndef GATEWAYD_CORE_ROUTES_H
#define GATEWAYD_CORE_ROUTES_H

extern const struct route core_routes[];

#endif
