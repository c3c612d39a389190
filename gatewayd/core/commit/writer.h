/* The writer: the one thread that writes the database. Jobs that queue while a commit is under way are
 * the next transaction: all their rows, audit entries, tree tiles and the signed checkpoint are one
 * COMMIT. Nobody is answered before it has returned: a job goes home (to the queue of the thread that
 * made it, woken by eventfd) afterwards.
 *
 * When a job's run() fails, the whole batch is rolled back and its jobs are run again, each in a
 * transaction of its own, so that one bad job harms no other; run() must bear being called twice. A
 * failed COMMIT or sync is never retried: the writer stops and the daemon goes down (TECH, audit log). */
#ifndef GATEWAYD_CORE_COMMIT_WRITER_H
#define GATEWAYD_CORE_COMMIT_WRITER_H

#include "gatewayd/core/commit/job.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/os/latency.h"
#include "lib/tlog/note.h"

struct key_lease;
struct keystore;
struct mirror;
struct writer;

struct writer_options {
	struct store *store; /* the writing connection; the writer alone uses it from now on */
	struct keystore *keys;
	uint32_t key_pool;         /* keys that are kept ready; see keystore_fill(). 0: none are */
	struct mirror *mirror;     /* NULL: none */
	struct note_signer signer; /* audit key; its name is the log's origin */
	const char *anchor_path;   /* where the last checkpoint is also kept, on another path; NULL: none */
	void (*died)(void *arg, const struct error *e); /* writer thread: the daemon must go down */
	/* Writer's or anchor's thread: something failed that delays nothing and is tried again (writing the
	 * anchor, clearing the write-ahead log after an erasure). May be NULL. */
	/* The anchor cannot be written; NULL: it is written again. Its thread. May be NULL. */
	void (*anchored)(void *arg, const struct error *e);
	void (*report)(void *arg, const struct error *e);
	void *arg;
};

/* Rebuilds the right edge, verifies the last checkpoint and the anchor (REASON_TAMPERED when they do not
 * agree), appends a genesis entry to an empty log, then starts the thread, which blocks all signals.
 *
 * The anchor may lag behind the log by what a crash cut off, never the other way. It exists from before
 * genesis on: a log with entries and no anchor at `anchor_path` is refused as well (whoever sets that path
 * on a log that has entries first writes its last checkpoint there, see anchor.h). */
struct writer *writer_start(const struct writer_options *o, struct error *e) MUST_USE;
/* The checks of writer_start() alone: store, signer and anchor are read, and nothing is changed. */
bool writer_verify(const struct writer_options *o, struct error *e) MUST_USE;
/* Finishes what is queued, writes the anchor, then ends the thread. NULL is fine. */
void writer_stop(struct writer *w);
/* Any thread. The job stays its maker's memory; until done() the writer owns it. After died() it comes home
 * at once with REASON_STORE, and so it does after writer_stop(), when `w` is NULL. */
void writer_submit(struct writer *w, struct job *j);
/* Only inside run(): appends an audit entry. `packed` is the disclosure row, may be empty. Returns its
 * index. */
bool writer_append(struct writer *w, struct job *j, struct view leaf, struct view packed, uint64_t *index,
                   struct error *e) MUST_USE;
/* The same with the shape that the disclosures name (store/shape.h); NULL: they name none. */
struct store_shape;
bool writer_append_shaped(struct writer *w, struct job *j, struct view leaf, struct view packed,
                          const struct store_shape *shape, uint64_t *index, struct error *e) MUST_USE;
/* Only inside run(): key slots (see keystore.h). A key that is placed has its slot and was synced, or is put; one that is put is
 * synced before this transaction's COMMIT; one that is erased is destroyed after it, and the job goes home when that is done. */
bool writer_place_key(struct writer *w, const struct key_lease *l, uint32_t *slot, struct error *e) MUST_USE;
bool writer_put_key(struct writer *w, const uint8_t key[32], uint32_t *slot, struct error *e) MUST_USE;
bool writer_erase_key(struct writer *w, struct job *j, uint32_t slot, struct error *e) MUST_USE;
/* Only inside run(): a new master key for the slots. */
bool writer_rotate_keys(struct writer *w, struct error *e) MUST_USE;
/* Lets the receipt's checkpoint go: in done(), once, whatever became of the job. */
void writer_release(struct job *j);
/* A receipt for an older entry, by its number among all logs (store.h), at the checkpoint of the commit that
 * appended it: only inside run(). Also for an entry of this very transaction (a replay beside its original). */
bool writer_receipt(struct writer *w, struct job *j, uint64_t entry, struct error *e) MUST_USE;

/* A copy of the store at `path` (core/store/copying.h), made in short steps between transactions, so that jobs go on
 * meanwhile. Any thread. REASON_UNAVAILABLE: one is being made. */
bool writer_copy(struct writer *w, const char *path, struct error *e) MUST_USE;
enum copy_state { COPY_NONE, COPY_UNDER_WAY, COPY_MADE, COPY_FAILED };
struct writer_copy {
	enum copy_state state;
	uint64_t done, total; /* pages */
	struct error error;   /* COPY_FAILED */
};
/* Of the copy that was asked for last. Any thread. */
void writer_copy_state(struct writer *w, struct writer_copy *out);

/* Any thread. */
struct writer_stats {
	uint64_t commits, jobs, entries;
	uint32_t median_batch; /* of the last 1,024 commits */
	uint32_t queued;
	uint64_t tree_size;
	struct store_unmoved unmoved; /* as the last checkpoint found it */
};
void writer_stats(struct writer *w, struct writer_stats *out);
/* Adds how long jobs waited for the transaction that they were committed in to begin, and how long transactions took until they
 * were durable; of those that were rolled back nothing. Any thread. */
void writer_took(const struct writer *w, struct latency_sum *waited, struct latency_sum *committed);

#endif
