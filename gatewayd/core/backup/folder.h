/* A backup as a folder: `manifest` (manifest.h), the list of its pieces, and the pieces, each a message of its own to the
 * holder of the certificate (lib/crypto/envelope.h), at most PIECE_BYTES of what is backed up:
 *
 *     manifest
 *     pieces-<first half of the list's SHA-256>     lines: SHA-256 of the file, keyed tag of what is in it, name of the file
 *     pieces/<first half of the file's SHA-256>.cms
 *
 * A run that finds a piece's tag in the list before, and its file whole, does not write it again, so that what an hourly run
 * writes grows with what changed. Tags are keyed: they say which pieces are alike, and nothing else. Renaming the manifest is
 * the one step that switches from the backup before to the new one; one that is interrupted leaves the one before whole.
 * Without this program: decrypt the pieces in the order of the list with the openssl command, and put them together.
 *
 * Paths in errors are the files'. Any thread; one writer a folder. */
#ifndef GATEWAYD_CORE_BACKUP_FOLDER_H
#define GATEWAYD_CORE_BACKUP_FOLDER_H

#include "gatewayd/core/backup/manifest.h"
#include "lib/crypto/envelope.h"

#define PIECE_BYTES (4u << 20)

struct backup_writing {
	const char *dir;
	int source; /* descriptor of what is backed up, read from 0 to `manifest.bytes` */
	const struct envelope_recipient *to;
	const struct hmac_key *tags;                                /* of this node */
	const struct note_signer *signer;                           /* of the log */
	struct manifest manifest;                                   /* `certificate` and `pieces` are filled in */
	void (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes; may be NULL */
	void *arg;
};
struct backup_written {
	uint64_t pieces, written; /* written: the others were there */
};
/* Writes or goes on with the backup in `dir`, which is made when it is not there; 0700. Removes what the new manifest does
 * not name. REASON_CONFIG: another node's backup, or other files, are there. */
bool backup_write(const struct backup_writing *w, struct backup_written *out, struct error *e) MUST_USE;

/* The manifest of a folder, its signature checked by `key` (NULL: not). REASON_TAMPERED, REASON_IO. */
bool backup_manifest(const char *dir, const struct note_vkey *key, struct manifest *out, struct error *e) MUST_USE;
/* Reads the pieces of a backup whose manifest was read: each is the one that the list names. With `opener` they are
 * opened and written to `target` (a descriptor). REASON_TAMPERED: one is missing, short, or another; REASON_CONFIG: it is
 * sealed to another certificate. */
bool backup_read(const char *dir, const struct manifest *m, const struct envelope_opener *opener, int target,
                 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *e) MUST_USE;

#endif
