/* Room for records. While less than the reserve is left where the store, its keys or the audit log's mirror and anchor lie, no
 * new record is taken (core.space_low): what is there is still read, acknowledged, delivered and erased, which takes the
 * reserve. It ends by itself, once a sixteenth more than the reserve is free. Core's main thread. */
#ifndef GATEWAYD_CORE_SERVE_SPACE_H
#define GATEWAYD_CORE_SERVE_SPACE_H

#include "gatewayd/core/context/context.h"

/* Looks, and says in the log when it changed. Called before serving and then often. */
void space_watch(struct core *c);

#endif
