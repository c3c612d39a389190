/* Secrets of the node, and the payload keys. Payload keys live in a file of fixed slots outside database
 * and backups: slot = nonce, AES-256-GCM(master key, payload key), so that erasing a slot (overwrite,
 * sync) makes every copy of its payload unreadable. The master key rotates: all live slots are wrapped
 * anew and the old master key is overwritten. keystore_put/erase/sync: the writer's thread only;
 * keystore_get: any thread. */
#ifndef GATEWAYD_CORE_KEYSTORE_H
#define GATEWAYD_CORE_KEYSTORE_H

#include "lib/crypto/crypto.h"

struct keystore;

/* `dir` holds slots, master.key; made when they do not exist and `create` is set. */
struct keystore *keystore_open(const char *dir, bool create, struct error *e) MUST_USE;
void keystore_close(struct keystore *k);
bool keystore_put(struct keystore *k, const uint8_t key[32], uint32_t *slot, struct error *e) MUST_USE;
bool keystore_erase(struct keystore *k, uint32_t slot, struct error *e) MUST_USE;
bool keystore_sync(struct keystore *k, struct error *e) MUST_USE;
/* False with REASON_NOT_FOUND when the slot is empty or erased. */
bool keystore_get(struct keystore *k, uint32_t slot, uint8_t key[32], struct error *e) MUST_USE;
/* Erases every slot for which `live` answers false; at start. Returns how many in *n. */
bool keystore_sweep(struct keystore *k, bool (*live)(void *arg, uint32_t slot), void *arg, uint32_t *n,
                    struct error *e) MUST_USE;
bool keystore_rotate(struct keystore *k, struct error *e) MUST_USE;

/* Reads a secret of `want` bytes (hex text, one line) from a file that others cannot read; want 0: 1 to 64. */
bool secret_read(const char *path, size_t want, struct secret *out, struct error *e) MUST_USE;
bool secret_write_new(const char *path, const struct secret *s, struct error *e) MUST_USE;

#endif
