/* The mirror: committed audit entries as lines of JSON in a file, for `tail -f`. A view, never the source.
 * A thread of the mirror's own writes the file; the writer only hands lines over, so that a slow or full
 * disk delays no record. What was not written is fetched from the store later; the file is reopened when it
 * was rotated away.
 *
 * At start the mirror goes on after the last index of the file, or, when that is empty, of `<path>.1` (what
 * log rotation leaves). What a crash damaged at the end is removed first; the store has it. */
#ifndef GATEWAYD_CORE_COMMIT_MIRROR_H
#define GATEWAYD_CORE_COMMIT_MIRROR_H

#include "lib/base/buf.h"
#include "lib/base/error.h"

struct mirror;

/* Starts the thread (signals blocked). `store` is the path of the store, which exists by now; it is opened for
 * reading when lines are missing. `report` is called on the mirror's thread, once when writing begins to fail and with a NULL error
 * when it works again; may be NULL. */
struct mirror *mirror_open(const char *path, const char *store, void (*report)(void *arg, const struct error *e),
                           void *arg, struct error *e) MUST_USE;
/* Writes what was handed over, then ends the thread. NULL is fine. */
void mirror_close(struct mirror *m);

/* One thread, the writer's. Entries in the order of their indexes; they wait until mirror_flush(), which
 * follows COMMIT, or mirror_discard(). */
void mirror_add(struct mirror *m, uint64_t index, struct view leaf);
void mirror_flush(struct mirror *m);
void mirror_discard(struct mirror *m);
/* The file is opened anew before the next line (logrotate's postrotate). Any thread. */
void mirror_reopen(struct mirror *m);

/* Appends the line of an entry, with its newline: the leaf's members after its index. */
void mirror_line(uint64_t index, struct view leaf, struct buf *out);

#endif
