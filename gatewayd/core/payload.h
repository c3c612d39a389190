/* Sealed payloads, opened: key from its slot, AES-256-GCM, salts and record. Any thread, with its own reading
 * store and context. */
#ifndef GATEWAYD_CORE_PAYLOAD_H
#define GATEWAYD_CORE_PAYLOAD_H

#include "gatewayd/core/keystore.h"
#include "gatewayd/core/store.h"
#include "lib/base/buf.h"

struct payload {
	struct buf plain;               /* set its ceiling before payload_open() */
	struct salt salt, input_salt;
	struct view record;             /* into plain */
};

/* Opens sealed bytes with a key. False: it is not theirs (or memory ran out); `out` is as it was, but for its buffer. */
bool payload_unseal(struct gcm *gcm, const uint8_t key[32], struct view sealed, const struct uuid *exchange,
                    struct payload *out) MUST_USE;
/* REASON_NOT_FOUND when the payload is erased. */
bool payload_open(struct keystore *keys, struct gcm *gcm, struct store *reader, uint64_t seq,
                  const struct uuid *exchange, struct payload *out, struct error *e) MUST_USE;
/* Overwrites and frees. */
void payload_close(struct payload *p);

#endif
