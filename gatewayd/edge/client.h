/* The requests that this gateway sends to others (FRAME_OUTBOUND): TLS 1.3 with the gateway's own certificate,
 * the server's name and pins checked before a byte of the request leaves, connections kept open and used
 * again for the same host, port, name and pins. Answers are read by the same strict reader as requests. Each
 * request has one deadline for all of it. What core marks as plain goes without TLS. A client belongs to its thread. */
#ifndef GATEWAYD_EDGE_CLIENT_H
#define GATEWAYD_EDGE_CLIENT_H

#include "gatewayd/edge/edge.h"

struct client *client_new(struct edge_thread *t) MUST_USE;
void client_free(struct client *c);

/* A frame of core whose id has CHANNEL_OUTBOUND set. */
void client_frame(struct edge_thread *t, const struct frame *f);
/* New settings: idle connections of the old ones are closed. */
void client_settings(struct edge_thread *t);
/* At the end of each turn of the loop: frees what closed. */
void client_turn(struct edge_thread *t);

#endif
