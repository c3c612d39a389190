/* What core told the edge to be (edge_config.h): limits, TLS contexts, hosts and name servers, partners' keys. Immutable
 * once built and counted by reference; each connection keeps the settings it started with. */
#ifndef GATEWAYD_EDGE_SETTINGS_H
#define GATEWAYD_EDGE_SETTINGS_H

#include <stdatomic.h>

#include "gatewayd/edge_config.h"
#include "gatewayd/edge/address.h"
#include "gatewayd/edge/tls.h"
#include "gatewayd/journal.h"

#define SETTINGS_MAX (16u * 1024 * 1024)

struct settings {
	atomic_int refs;
	struct buf bytes; /* what the views look at */
	struct edge_limits limits;
	struct tls_contexts *tls;
	struct view hosts, nameservers, names;
	struct partner_key *partners; /* by key */
	size_t n_partners;
	struct prefix *reserved;
	size_t n_reserved;
	struct known_source *known; /* as core remembered when it sent this */
	size_t n_known;
	enum journal_level log_level;
	enum journal_form log_form;
};

/* Where a partner came from of late, and for how long it stays known. */
struct known_source {
	struct address address;
	uint64_t left_ms;
	struct digest partner; /* the first key that it pins */
};

/* A key that a partner file pins, and the first that it pins, by which the partner is counted. */
struct partner_key {
	struct digest key, partner;
};

/* Takes the bytes of `config` (all CONFIG payloads, joined); the buffer is empty afterwards. One reference,
 * owned by the caller; NULL with an error. */
struct settings *settings_new(struct buf *config, struct error *err) MUST_USE;
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);

/* Whose certificate has this key; false: nobody's. */
bool settings_partner(const struct settings *s, const struct digest *key, struct digest *partner);
/* Whether the address is one that configuration reserves room for. */
bool settings_lists(const struct settings *s, const struct address *a);
/* Whether this gateway answers to the name or address, which has no port. */
bool settings_answers_to(const struct settings *s, struct view name);

#endif
