/* The anchor: the last signed checkpoint in a file on another path (another disk, best), so that a store
 * that was put back to an older state is found at start. Written after the commit, by a thread of its own,
 * at most ten times a second and at the end: it delays no commit, and may lag behind the log. */
#ifndef GATEWAYD_CORE_COMMIT_ANCHOR_H
#define GATEWAYD_CORE_COMMIT_ANCHOR_H

#include "lib/base/buf.h"
#include "lib/base/error.h"

/* Puts `note` in place of the file at `path`: written beside, synced, renamed, folder synced. Any thread. */
bool anchor_write(const char *path, struct view note, struct error *e) MUST_USE;
/* Reads it into `out`; REASON_NOT_FOUND when there is none. */
bool anchor_read(const char *path, struct buf *out, struct error *e) MUST_USE;

struct anchor;
/* Starts the thread. `report` is called there when writing begins to fail, and with a NULL error when it works again; it is
 * tried each second. */
struct anchor *anchor_start(const char *path, void (*report)(void *arg, const struct error *e), void *arg,
                            struct error *e) MUST_USE;
/* The newest checkpoint; copied. One thread. */
void anchor_set(struct anchor *a, struct view note);
/* Writes what is not written yet, then ends the thread. NULL is fine. */
void anchor_stop(struct anchor *a);

#endif
