/* Full verification of a log: every entry is hashed, every tile rebuilt and compared with the stored one, and
 * the root compared with the signed checkpoint; and every withheld field opens its digest, or an entry says that it was
 * erased. Memory does not grow with the log (about 80 KiB), but for what erasures.h needs. Any thread; keeps no state
 * between calls. */
#ifndef GATEWAY_TLOG_VERIFY_H
#define GATEWAY_TLOG_VERIFY_H

#include "lib/tlog/erasures.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tiles.h"

/* Where the bytes come from: a store, a directory, a peer. Views live until the next call. A callback that
 * fails with REASON_NOT_FOUND or REASON_TAMPERED says that something is missing or malformed, which is found
 * tampering; any other reason ends the verification as a failure. */
struct verify_source {
	/* Leaf `index`, asked in order, and its packed disclosures (empty: erased). NULL: the entries are kept elsewhere,
	 * and the stored hashes of level 0 stand for them: then only the tree is verified. */
	bool (*entry)(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e);
	tiles_source_fn *tile;
	void *arg;
	bool disclosures; /* the source has them; else they are neither checked nor counted */
	/* Whether what the disclosures of entry `index` name beside themselves is there, and is what they name: REASON_TAMPERED
	 * when not. NULL: nobody asks. */
	bool (*named)(void *arg, uint64_t index, struct view packed, struct error *e);
	/* The newest checkpoint, opened by its key, of a log that grows while it is read: asked for when rows are missing,
	 * for what erased them meanwhile stands behind the one that is verified; then the log is verified up to there. `out`
	 * lives until the end of the verification. NULL: it does not grow. */
	bool (*newer)(void *arg, struct checkpoint *out, struct error *e);
	struct later_erasures *later; /* see erasures.h; NULL: there are no later logs, or they are not known */
	/* What an earlier verification found whole, by a checkpoint that the log's key signed: its full tiles, and the entries of
	 * full bundles, are not read again. The tiles at its right edge must give its root, the entries of its last bundle are
	 * those of its last tile, and the log is verified from there. Not of a source
	 * with disclosures, which can be accounted for as a whole only. NULL: nothing was. */
	const struct checkpoint *verified;
};

enum verify_place {
	VERIFY_INTACT,
	VERIFY_ENTRY,       /* `index`: entry; `count` entries from there when it cannot be told apart */
	VERIFY_TILE,        /* `level`, `index`: tile; `hash`: place in it */
	VERIFY_DISCLOSURES, /* `index`: entry */
	VERIFY_MISSING,     /* `index`: first entry whose disclosures are gone without an entry that covers it */
	VERIFY_ROOT,        /* the rebuilt root is not the signed one */
	VERIFY_HISTORY      /* not the continuation of the earlier checkpoint */
};

struct verify_report {
	uint64_t entries;        /* hashed, or whose hash was taken, now or when they were verified before */
	struct digest root;      /* rebuilt; set when all entries were read */
	uint64_t disclosed;      /* entries whose disclosures are there */
	uint64_t erased;         /* and are erased, as an entry says */
	uint64_t unaccounted;    /* erased by builds that said how many, not which */
	uint64_t missing;        /* gone, and no entry says that they were erased */
	enum verify_place place; /* the first place of tampering */
	uint64_t index, count;
	unsigned level, hash;
};

/* Verifies the tree that `c` (already opened by its key) describes. With `earlier`, a checkpoint of the same
 * log from a trusted place (an earlier verification, a receipt), also that the log only grew from there: this
 * is what finds a copy that was rolled back or rewritten by the holder of the key. False with REASON_TAMPERED
 * and the place in `r` and in words in `e`; false with another reason when it could not be read. */
bool verify_log(const struct checkpoint *c, const struct checkpoint *earlier, const struct verify_source *s,
                struct verify_report *r, struct error *e) MUST_USE;

/* Whether the tree of `newer` continues that of `older`, a checkpoint of the same log: by a consistency proof (RFC 9162
 * section 2.1.4) from the source's tiles, which need not be verified for that. Also where `older` is empty. False as well
 * where tiles are missing. */
bool verify_continues(const struct checkpoint *older, const struct checkpoint *newer,
                      const struct verify_source *s) MUST_USE;

#endif
