/* Small helpers over files. Paths in errors are the caller's. Any thread. */
#ifndef GATEWAYD_OS_FILES_H
#define GATEWAYD_OS_FILES_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

/* Appends a whole regular file of at most `max` bytes to `out`. What is none is refused and never waited for. */
bool file_read(const char *path, size_t max, struct buf *out, struct error *e) MUST_USE;
/* The same, and refuses a file that others than its owner (and group) may read or write. */
bool file_read_private(const char *path, size_t max, struct buf *out, struct error *e) MUST_USE;
/* Writes a new file with this mode; fails when it exists. */
bool file_write_new(const char *path, struct view bytes, unsigned mode, struct error *e) MUST_USE;
/* Puts a file of these bytes in the place of what is there, whole and on the disk, or not at all; a link goes on pointing to it. A
 * new one may be read by everybody whatever the umask is, for a daemon of another account reads it; one that was there keeps its
 * mode, and its owner where this is root. */
bool file_replace(const char *path, struct view bytes, struct error *e) MUST_USE;
/* The folder part of a path, "." without one. NULL: mem->failed. */
const char *file_folder(struct arena *mem, const char *path);
/* `path` when absolute, else folder/path. NULL: mem->failed. */
const char *file_beside(struct arena *mem, const char *folder, const char *path);
/* Calls `each` for the names in a folder that end in `suffix`, sorted, until it returns false. False: it did so, and says why, or
 * the folder cannot be listed. */
bool file_each(const char *folder, const char *suffix, bool (*each)(void *arg, const char *name), void *arg,
               struct error *e) MUST_USE;

#endif
