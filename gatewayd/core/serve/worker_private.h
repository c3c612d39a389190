/* Between worker.c, a worker's life and turns of its loop, and worker_frames.c, what its edge sends. Its own thread. */
#ifndef GATEWAYD_CORE_SERVE_WORKER_PRIVATE_H
#define GATEWAYD_CORE_SERVE_WORKER_PRIVATE_H

#include "gatewayd/core/serve/worker.h"

/* Takes one frame; `arg` is the worker. What breaks the channel's rules ends core, and of a worker whose edge broke them no
 * more is taken. */
void worker_frame(void *arg, const struct frame *f);

#endif
