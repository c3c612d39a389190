/* Payloads, sealed and opened: AES-256-GCM (NIST SP 800-38D) of both salts, the digest of what stands beside the record in the
 * row that it is served from, and the record, with a key of their own that lies in a slot, and the exchange's id as additional
 * data. So neither the record nor its tier or end can be altered in the store without a word. Any thread, with its own reading
 * store and context. */
#ifndef GATEWAYD_CORE_KEYS_PAYLOAD_H
#define GATEWAYD_CORE_KEYS_PAYLOAD_H

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/store/store.h"
#include "lib/base/buf.h"

struct payload {
	struct buf plain; /* set its ceiling before payload_open() */
	struct salt salt, input_salt;
	struct view record; /* into plain */
	bool has_beside;    /* an older build's says nothing of it */
	struct digest beside;
};

/* Opens sealed bytes with a key. False: it is not theirs (or memory ran out); `out` is as it was, but for its buffer. */
bool payload_unseal(struct gcm *gcm, const uint8_t key[32], struct view sealed, const struct uuid *exchange,
                    struct payload *out) MUST_USE;
/* Appends nonce and sealed bytes to `out`; `plain` is scratch memory, wiped. False: memory ran out, or the cipher failed. */
struct payload_parts {
	const uint8_t *key, *nonce; /* 32 and 12 bytes, fresh */
	const struct uuid *exchange;
	const struct salt *salt, *input_salt;
	struct view beside; /* text of the row that it will be served from; empty: none */
	struct view record;
};
bool payload_seal(struct gcm *gcm, const struct payload_parts *p, struct buf *plain, struct buf *out) MUST_USE;
/* REASON_NOT_FOUND when the payload is erased; REASON_DAMAGED: it is damaged, or its key is gone although it is owed. */
bool payload_open(struct keystore *keys, struct gcm *gcm, struct store *reader, uint64_t seq,
                  const struct uuid *exchange, struct payload *out, struct error *e) MUST_USE;
/* Whether `text` is what was sealed as standing beside the record. */
bool payload_beside(const struct payload *p, struct view text) MUST_USE;
/* Overwrites and frees. */
void payload_close(struct payload *p);

#endif
