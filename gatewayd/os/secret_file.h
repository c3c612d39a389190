/* Secrets in files of their own, as one line of hex. Any thread. */
#ifndef GATEWAYD_OS_SECRET_FILE_H
#define GATEWAYD_OS_SECRET_FILE_H

#include "lib/base/error.h"
#include "lib/crypto/crypto.h"

/* Reads a secret of `want` bytes (hex text, one line) from a file that others cannot read; want 0: 1 to 64.
 * The file's owner must be this user or root, and only root's files may be readable by a group (that is how
 * service managers hand over credentials). REASON_CONFIG or REASON_IO, naming the file. */
bool secret_read(const char *path, size_t want, struct secret *out, struct error *e) MUST_USE;
/* Mode 0600, synced; a file that exists is an error. */
bool secret_write_new(const char *path, const struct secret *s, struct error *e) MUST_USE;

#endif
