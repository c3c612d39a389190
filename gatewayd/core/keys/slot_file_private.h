/* The files of the key store: header and slots, master keys, and their replacement. Used by keystore.c
 * alone; the writer's thread.
 *
 * slots:  header of 64 bytes: "gwslots1", u32 generation, u32 zero, first 16 bytes of SHA-256(master key),
 *         16 bytes that name this file and the store that it belongs to (zeros: of a build before that), zeros; then slots of 64 bytes: u8 1 (live) or 0 (empty), 3 zeros, nonce 12, sealed key 48. Integers
 *         are big-endian. A slot never crosses a sector.
 * master.<generation>.key: hex text. The generation in the header of `slots` says which one counts, so that
 *         renaming a new `slots` into place is the one step that switches both. */
#ifndef GATEWAYD_CORE_KEYS_SLOT_FILE_PRIVATE_H
#define GATEWAYD_CORE_KEYS_SLOT_FILE_PRIVATE_H

#include "lib/crypto/crypto.h"

#define SLOT_SIZE 64u
#define SLOT_LIVE 1

struct slot_file {
	char dir[200];
	int fd;    /* of `slots` */
	int lock;  /* of the folder, locked; -1: a reader */
	bool lost; /* set with an error: the file or its master key is not there, or not what it was */
	uint32_t generation;
	struct uuid id; /* zeros: it has none */
	struct secret master;
};

static inline int64_t slot_offset(uint32_t slot)
{
	return (int64_t)SLOT_SIZE * ((int64_t)slot + 1);
}

/* Opens what is there, or makes it, and locks the folder against every other process that opens it so. What is there is left
 * as it is. REASON_UNAVAILABLE: somebody else has it open. */
bool slot_file_open(struct slot_file *f, const char *dir, bool create, struct error *e) MUST_USE;
/* The lock alone, of a folder whose files cannot be opened; the rest of `f` is as of a file that is not there. */
bool slot_file_lock(struct slot_file *f, const char *dir, struct error *e) MUST_USE;
/* Overwrites a master key and removes it; a file that is not there is fine. */
bool slot_file_destroy_master(const char *dir, uint32_t generation, struct error *e) MUST_USE;
/* Clears away what an interrupted rotation left. */
bool slot_file_recover(const struct slot_file *f, struct error *e) MUST_USE;
/* Writes an id into the header, and syncs. */
bool slot_file_name(struct slot_file *f, const struct uuid *id, struct error *e) MUST_USE;
/* Opens what is there for reading, and leaves everything as it is. */
bool slot_file_open_reader(struct slot_file *f, const char *dir, struct error *e) MUST_USE;
void slot_file_close(struct slot_file *f);
bool slot_file_write(const struct slot_file *f, uint32_t slot, const void *p, size_t n, struct error *e) MUST_USE;
/* Makes room for slots [from, to) with zeros, and syncs. */
bool slot_file_extend(const struct slot_file *f, uint32_t from, uint32_t to, struct error *e) MUST_USE;
bool slot_file_sync(const struct slot_file *f, struct error *e) MUST_USE;

/* See keystore_mend(); it has `needed` slots at least, and where it is made longer or anew `made`. */
bool slot_file_mend(const char *dir, const struct uuid *id, uint32_t needed, uint32_t made, bool *kept,
                    struct error *e) MUST_USE;

/* Rotation. begin: makes and stores the next master key and opens `slots.new` as `next`. end: syncs it,
 * renames it into place (from there on `next` counts) and destroys the old master key. abort: takes begin
 * back. */
bool slot_file_begin(const struct slot_file *f, struct slot_file *next, struct error *e) MUST_USE;
bool slot_file_end(const struct slot_file *f, struct slot_file *next, struct error *e) MUST_USE;
void slot_file_abort(struct slot_file *next);

#endif
