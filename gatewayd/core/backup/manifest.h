/* What a backup says of itself: a signed note (C2SP signed-note) with lines of a name and a value, which names its list of
 * pieces by digest and nothing about a person.
 *
 *     gatewayd backup v1
 *     kind store | keys
 *     origin <host>/audit/<node>/<epoch>
 *     id <the id that store and key folder share>
 *     made, until <RFC 3339>
 *     entries <of the newest log> and checkpoint <SHA-256 of its last signed checkpoint>   (a store's)
 *     bytes <of what was sealed>
 *     certificate <SHA-256 of that which it is sealed to>
 *     pieces <SHA-256 of the file `pieces-…`>
 *
 * Signed by the key of the node's audit log, so that whoever can only write to where backups lie cannot put one there. Any
 * thread, no state. */
#ifndef GATEWAYD_CORE_BACKUP_MANIFEST_H
#define GATEWAYD_CORE_BACKUP_MANIFEST_H

#include "lib/tlog/note.h"

enum backup_kind { BACKUP_STORE, BACKUP_KEYS };

struct manifest {
	enum backup_kind kind;
	char origin[NOTE_NAME_MAX];
	struct uuid id;
	int64_t made_ms, until_ms;
	uint64_t entries;
	struct digest checkpoint;
	uint64_t bytes;
	struct digest certificate, pieces;
};

/* Appends the signed note. */
bool manifest_print(const struct manifest *m, const struct note_signer *signer, struct buf *out,
                    struct error *e) MUST_USE;
/* Reads one that `key` signed (NULL: not asked); the key's name must be its origin. REASON_TAMPERED. */
bool manifest_parse(struct view note, const struct note_vkey *key, struct manifest *out, struct error *e) MUST_USE;
/* Whether it may still be used. REASON_CONFIG after its end date: it is to be destroyed. */
bool manifest_in_time(const struct manifest *m, int64_t now_ms, struct error *e) MUST_USE;

#endif
