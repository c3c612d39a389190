/* Payloads that are owed and cannot be served as they were sealed: the key is gone, the sealed bytes or what stands beside
 * them in the inbox or the outbox was altered. Any thread, with its own reader and context. */
#ifndef GATEWAYD_CORE_KEYS_DAMAGE_H
#define GATEWAYD_CORE_KEYS_DAMAGE_H

#include "gatewayd/core/keys/payload.h"

struct damage_look {
	struct keystore *keys;
	struct gcm *gcm;
	struct store *reader;
	/* What was found; a sentence without a value of a record. */
	void (*found)(void *arg, const struct uuid *exchange, const char *what);
	void *arg;
	uint64_t after; /* number of the exchange that was looked at last; 0 at first */
	uint64_t looked, damaged;
};

/* Whether what stands beside the record of an opened payload, in the outbox or in the inbox, is what was sealed with it: *what is
 * NULL, or a sentence about what is not. */
bool damage_beside(struct store *reader, uint64_t seq, const struct payload *p, const char **what,
                   struct error *e) MUST_USE;
/* Looks at the next `max` payloads. *more: there may be further ones. False: the store cannot be read. */
bool damage_look(struct damage_look *l, unsigned max, bool *more, struct error *e) MUST_USE;

#endif
