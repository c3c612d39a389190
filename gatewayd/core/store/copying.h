/* A copy of a whole store at another path, made while the store is written, and a look at all of a store. See store.h.
 *
 * The copy is made in steps by the connection that writes, between its transactions. What is committed meanwhile goes into
 * it, too, so that it is the store as it is at the last step; a transaction that is rolled back makes it begin anew. Nothing is
 * locked between two steps: checkpoints go on. */
#ifndef GATEWAYD_CORE_STORE_COPYING_H
#define GATEWAYD_CORE_STORE_COPYING_H

#include "gatewayd/core/store/store.h"

/* Where the copy is made that a backup is taken of: beside the store, so that it is protected as the store is. Writes the
 * path into `out`. REASON_STORE: it is too long. */
bool store_copy_path(const char *store, char *out, size_t size, struct error *e) MUST_USE;

struct store_copy;
/* A copy that lies there already is cleared away first. `s` writes; it outlives the copy. The writer's thread. */
struct store_copy *store_copy_begin(struct store *s, const char *path, struct error *e) MUST_USE;
/* Some pages more, between transactions. *done: it is whole; then only store_copy_end() follows. */
bool store_copy_step(struct store_copy *c, unsigned pages, bool *done, struct error *e) MUST_USE;
/* In pages; `total` may grow. */
void store_copy_progress(const struct store_copy *c, uint64_t *done, uint64_t *total);
/* `whole`: brings it to the disk. Else what was made is cleared away. NULL is fine. */
bool store_copy_end(struct store_copy *c, bool whole, struct error *e) MUST_USE;
/* Overwrites a copy and removes it; what is not there is fine. Any thread. */
bool store_copy_clear(const char *path, struct error *e) MUST_USE;

/* Whether all that is stored can be read and fits together as the engine sees it: calls `each` with what does not, in its
 * words and without a value, until it returns false. Takes as long as reading the whole store. */
bool store_integrity(struct store *s, bool (*each)(void *arg, struct view what), void *arg, struct error *e) MUST_USE;

#endif
