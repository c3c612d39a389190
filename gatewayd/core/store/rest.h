/* What is of no other noun: governing documents by digest, small values by name, and figures. See store.h. */
#ifndef GATEWAYD_CORE_STORE_REST_H
#define GATEWAYD_CORE_STORE_REST_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

/* Governing documents. */
bool store_put_document(struct store *s, const struct digest *d, struct view kind, struct view text, int64_t now_ms,
                        struct error *e) MUST_USE;
bool store_get_document(struct store *s, const struct digest *d, struct view *text, struct error *e) MUST_USE;
/* Those of a kind, the oldest first. */
bool store_list_documents(struct store *s, struct view kind,
                          bool (*each)(void *arg, const struct digest *d, int64_t first_ms, struct view text),
                          void *arg, struct error *e) MUST_USE;

/* When the last copy for a backup was begun, and a restore rehearsed, as RFC 3339 has times. */
#define STORE_BACKUP    "backup"
#define STORE_REHEARSED "rehearsed"
/* The trusted clock, … */
bool store_put_value(struct store *s, struct view name, struct view value,
                     struct error *e) MUST_USE; /* or replaces; empty: drops */
bool store_get_value(struct store *s, struct view name, struct view *value, struct error *e) MUST_USE;

/* Figures for status and metrics. */
struct store_counts {
	uint64_t exchanges, payloads, timers, deliveries, notices, inbox, entries;
	uint64_t acts_in_effect, acts_untold; /* pairs of act and partner that are still to be told */
};
bool store_count(struct store *s, struct store_counts *out, struct error *e) MUST_USE;

#endif
