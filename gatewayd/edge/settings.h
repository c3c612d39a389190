/* What core told the edge to be (edge_config.h): limits, TLS contexts, hosts and name servers. Immutable
 * once built and counted by reference; each connection keeps the settings it started with. */
#ifndef GATEWAYD_EDGE_SETTINGS_H
#define GATEWAYD_EDGE_SETTINGS_H

#include <stdatomic.h>

#include "gatewayd/edge_config.h"
#include "gatewayd/edge/tls.h"

#define SETTINGS_MAX (16u * 1024 * 1024)

struct settings {
	atomic_int refs;
	struct buf bytes; /* what the views look at */
	struct edge_limits limits;
	struct tls_contexts *tls;
	struct view hosts, nameservers;
};

/* Takes the bytes of `config` (all CONFIG payloads, joined); the buffer is empty afterwards. One reference,
 * owned by the caller; NULL with an error. */
struct settings *settings_new(struct buf *config, struct error *err) MUST_USE;
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);

#endif
