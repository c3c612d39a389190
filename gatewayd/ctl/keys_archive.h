/* A few small files as a ustar archive (POSIX.1-2017, pax, "ustar Interchange Format"), so that `tar` reads what was sealed.
 * Made and read here alone: only plain files, names up to 99 characters. One thread. */
#ifndef GATEWAYD_CTL_KEYS_ARCHIVE_H
#define GATEWAYD_CTL_KEYS_ARCHIVE_H

#include "lib/base/buf.h"
#include "lib/base/error.h"

#define ARCHIVE_FILE_MAX (512u << 10)
#define ARCHIVE_MAX      (4u << 20)

bool archive_add(struct buf *out, const char *name, unsigned mode, struct view bytes, struct error *e) MUST_USE;
bool archive_end(struct buf *out, struct error *e) MUST_USE;
/* Calls `each` for every file; REASON_TAMPERED when it is no such archive. */
bool archive_each(struct view archive, bool (*each)(void *arg, struct view name, struct view bytes, struct error *e),
                  void *arg, struct error *e) MUST_USE;

#endif
