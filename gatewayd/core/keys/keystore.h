/* Secrets of the node, and the payload keys. Payload keys live in a file of fixed slots outside database
 * and backups: slot = nonce, AES-256-GCM(master key, payload key), so that erasing a slot (overwrite,
 * sync) makes every copy of its payload unreadable. The master key rotates: all live slots are wrapped
 * anew and the old master key is overwritten, which also makes every old copy of the slots useless.
 *
 * Threads: keystore_get(), keystore_take() and keystore_give_back() any thread; everything else the writer's.
 *
 * Keys are given out from a pool: slots that were filled with random keys and synced ahead, by the writer between two
 * transactions, many with one sync. Whoever seals takes one, keystore_use() says that the open transaction names its slot, and
 * that transaction has nothing to sync for it. Where the pool is empty, keystore_put() writes a key of the caller's instead.
 *
 * A transaction: keystore_use(), keystore_put() and keystore_erase() collect changes in memory, keystore_sync() writes the keys
 * that were put, if any, with one fdatasync, then the database commits, then keystore_settle() says how that went, and
 * keystore_destroy() overwrites what the committed transaction erased, with one more. So no crash, full disk or roll back takes
 * a key that a row still names, and none outlives its erasure: a slot that no row names is swept at the next start, one of the
 * pool, too. A slot is used again only after it was overwritten, and one that a row still names never. */
#ifndef GATEWAYD_CORE_KEYS_KEYSTORE_H
#define GATEWAYD_CORE_KEYS_KEYSTORE_H

#include "lib/crypto/crypto.h"

/* Keys that a daemon has ready: of four commits as large as they get, in 256 KiB of the file.
 * A copy of the folder opens what they will seal, too; a rotation ends that. */
#define KEYSTORE_POOL 4096u

struct keystore;
/* Wipe it. */
struct key_grant {
	uint8_t key[32];
	uint32_t slot;
};

/* `dir` holds `slots` and `master.<generation>.key`; made when they do not exist and `create` is set. Locks the folder until
 * keystore_close(); REASON_UNAVAILABLE: another process has it. Writes nothing to what is there: whoever opens it for good calls
 * keystore_sweep() once the store was verified. Until then only slots that were never used are given out, and no pool is filled. */
struct keystore *keystore_open(const char *dir, bool create, struct error *e) MUST_USE;
/* Reads what is there and changes nothing, beside a daemon that may run: only keystore_get(), keystore_size() and
 * keystore_generation() may be called. Fails while the master key is being replaced. */
struct keystore *keystore_open_reader(const char *dir, struct error *e) MUST_USE;
void keystore_close(struct keystore *k);
/* The caller's alone from now on: its slot goes to keystore_use(), or back. False: the pool is empty. */
bool keystore_take(struct keystore *k, struct key_grant *out) MUST_USE;
/* Once, and only where no row that names it was committed, as far as is known. */
void keystore_give_back(struct keystore *k, uint32_t slot);
/* A row of the open transaction names the slot, which was given out. Rolled back, it is still its taker's. */
bool keystore_use(struct keystore *k, uint32_t slot, struct error *e) MUST_USE;
/* Outside a transaction, after keystore_sweep(): where a quarter of `size` keys (KEYSTORE_POOL at most) are no longer ready,
 * makes as many new ones, first in slots that were given back, then in free ones, for which the file grows; 1,024 with one sync.
 * Where there is no slot, no memory or no random byte now it is filled less, which is no error. False: a write or sync failed,
 * and what the disk holds is not known. */
bool keystore_fill(struct keystore *k, uint32_t size, struct error *e) MUST_USE;
/* Keys that are ready. Any thread. */
uint32_t keystore_ready(struct keystore *k);
bool keystore_put(struct keystore *k, const uint8_t key[32], uint32_t *slot, struct error *e) MUST_USE;
/* The slot keeps its key until keystore_destroy(). Erasing what is erased already is no error. */
bool keystore_erase(struct keystore *k, uint32_t slot, struct error *e) MUST_USE;
bool keystore_sync(struct keystore *k, struct error *e) MUST_USE;
/* Not committed: slots that were put are free again and those that were used still given out (unless keystore_sync() was called,
 * so that the COMMIT may have happened: then they stay unused until the next start), those that were erased hold their keys as
 * before. */
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
/* A new master key. Takes some 1.5 µs a slot; may be called inside a transaction (it syncs). The pool is emptied: what is sealed
 * from the next keystore_fill() on has keys that were made under the new master key. */
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
/* How often the master key was made anew, from 1 on; slots that hold keys, without the pool's. */
uint32_t keystore_generation(const struct keystore *k);
uint32_t keystore_count(const struct keystore *k);
/* Slots of the file, with and without a key: those from 0 on. */
uint32_t keystore_size(const struct keystore *k);

#endif
