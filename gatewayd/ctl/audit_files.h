/* The files of a log, by their names in the layout of C2SP tlog-tiles: in a folder, at a gateway, or where a web server
 * publishes such a folder. Nothing that comes from here is trusted: everything is signed, or hashed into what is signed, which
 * is why a published log may be read over plain HTTP. One thread. */
#ifndef GATEWAYD_CTL_AUDIT_FILES_H
#define GATEWAYD_CTL_AUDIT_FILES_H

#include "gatewayd/ctl/connection.h"
#include "lib/base/buf.h"

struct audit_files;

/* Whether a log is named by the address of a server ("http://", "https://"). */
bool audit_files_is_url(const char *path) MUST_USE;
/* What "file:/PATH", "file:///PATH" or "file://localhost/PATH" (RFC 8089) names, with its %-escapes undone, or `path` as it
 * is; malloc'd. NULL: REASON_CONFIG, or no memory. */
char *audit_files_local(const char *path, struct error *e) MUST_USE;

/* A server is asked as a gateway where `access` has a certificate, else as one that publishes files. `access` stays the
 * caller's until it is closed; NULL: no server is taken. A path that is no URL is a folder's. NULL on error. */
struct audit_files *audit_files_open(const char *path, struct connection *access, struct error *e) MUST_USE;
void audit_files_close(struct audit_files *f); /* NULL does nothing */

/* Whether a gateway serves it, whose log goes on while it is read and is cosigned within a second or so. */
bool audit_files_live(const struct audit_files *f) MUST_USE;
/* Whether withheld fields lie beside it (disclosures/<N>). They are served by nobody. */
bool audit_files_disclosures(const struct audit_files *f) MUST_USE;
/* A whole file into malloc'd memory. REASON_NOT_FOUND: it is not there; REASON_TAMPERED: larger than it can be. */
bool audit_files_read(const struct audit_files *f, const char *name, size_t max, char **out, size_t *n,
                      struct error *e) MUST_USE;
/* The same, appended to `out`. */
bool audit_files_take(const struct audit_files *f, const char *name, size_t max, struct buf *out,
                      struct error *e) MUST_USE;
/* The checkpoint that shows cosignatures (none: nothing) and the newest one; in this order, so that what the log grows by
 * meanwhile is only more. */
bool audit_files_checkpoints(const struct audit_files *f, struct buf *cosigned, struct buf *newest,
                             struct error *e) MUST_USE;
/* The newest checkpoint that has a timestamp, and that (RFC 3161). REASON_NOT_FOUND without one. */
bool audit_files_timestamp(const struct audit_files *f, struct buf *note, struct buf *response,
                           struct error *e) MUST_USE;

#endif
