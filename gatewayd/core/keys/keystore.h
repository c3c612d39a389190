/* Secrets of the node, and the payload keys. Payload keys live in a file of fixed slots outside database
 * and backups: slot = nonce, AES-256-GCM(master key, payload key), so that erasing a slot (overwrite,
 * sync) makes every copy of its payload unreadable. The master key rotates: all live slots are wrapped
 * anew and the old master key is overwritten, which also makes every old copy of the slots useless.
 *
 * Threads: keystore_get() any thread; everything else the writer's.
 *
 * A transaction: keystore_put() and keystore_erase() collect changes in memory, keystore_sync() writes the keys that were
 * put with one fdatasync, then the database commits, then keystore_settle() says how that went, and keystore_destroy()
 * overwrites what the committed transaction erased, with one more. So no crash, full disk or roll back takes a key that a row
 * still names, and none outlives its erasure: a slot that no row names is swept at the next start. A slot is used again only
 * after it was overwritten, and one that a row still names never. */
#ifndef GATEWAYD_CORE_KEYS_KEYSTORE_H
#define GATEWAYD_CORE_KEYS_KEYSTORE_H

#include "lib/crypto/crypto.h"

struct keystore;

/* `dir` holds `slots` and `master.<generation>.key`; made when they do not exist and `create` is set. Locks the folder until
 * keystore_close(); REASON_UNAVAILABLE: another process has it. Writes nothing to what is there: whoever opens it for good calls
 * keystore_sweep() once the store was verified. Until then only slots that were never used are given out. */
struct keystore *keystore_open(const char *dir, bool create, struct error *e) MUST_USE;
/* Reads what is there and changes nothing, beside a daemon that may run: only keystore_get(), keystore_size() and
 * keystore_generation() may be called. Fails while the master key is being replaced. */
struct keystore *keystore_open_reader(const char *dir, struct error *e) MUST_USE;
void keystore_close(struct keystore *k);
bool keystore_put(struct keystore *k, const uint8_t key[32], uint32_t *slot, struct error *e) MUST_USE;
/* The slot keeps its key until keystore_destroy(). Erasing what is erased already is no error. */
bool keystore_erase(struct keystore *k, uint32_t slot, struct error *e) MUST_USE;
bool keystore_sync(struct keystore *k, struct error *e) MUST_USE;
/* Not committed: slots that were put are free again (unless they were synced: then they stay unused), those that were
 * erased hold their keys as before. */
void keystore_settle(struct keystore *k, bool committed);
/* After settling a commit: overwrites and syncs what it erased, frees those slots. False: the sync failed, and what the disk
 * holds is not known. Needs no memory. */
bool keystore_destroy(struct keystore *k, struct error *e) MUST_USE;
/* What was synced. False with REASON_NOT_FOUND when the slot is empty or erased. */
bool keystore_get(struct keystore *k, uint32_t slot, uint8_t key[32], struct error *e) MUST_USE;
/* At start, once the store and its log were verified: ends a rotation that was interrupted and erases every slot for which
 * `live` answers false. Returns how many held a key in *n. */
bool keystore_sweep(struct keystore *k, bool (*live)(void *arg, uint32_t slot), void *arg, uint32_t *n,
                    struct error *e) MUST_USE;
/* A new master key. Takes some 1.5 µs a slot; may be called inside a transaction (it syncs). */
bool keystore_rotate(struct keystore *k, struct error *e) MUST_USE;
/* Makes a folder whose file of slots is lost, cut or damaged, or has lost its master key, one that opens again, with `slots`
 * slots at least and this id. One that was only cut keeps what it has and is made longer, with empty slots: *kept. Any other
 * is made anew, under a new master key; what is left of master keys is destroyed. REASON_UNAVAILABLE: in use; REASON_CONFIG:
 * nothing is missing. Nobody has it open. */
bool keystore_mend(const char *dir, const struct uuid *id, uint32_t slots, bool *kept, struct error *e) MUST_USE;
/* The id that this key store and its store share; zeros: it has none yet. */
const struct uuid *keystore_id(const struct keystore *k);
/* Gives it one, and syncs. */
bool keystore_name(struct keystore *k, const struct uuid *id, struct error *e) MUST_USE;
/* How often the master key was made anew, from 1 on; slots that hold keys. */
uint32_t keystore_generation(const struct keystore *k);
uint32_t keystore_count(const struct keystore *k);
/* Slots of the file, with and without a key: those from 0 on. */
uint32_t keystore_size(const struct keystore *k);

#endif
