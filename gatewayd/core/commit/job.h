/* A job: what its maker has the writer do (writer.h), and the way home of what was done. A job is the first member, named
 * `job`, of a struct of its maker's that holds what it needs. */
#ifndef GATEWAYD_CORE_COMMIT_JOB_H
#define GATEWAYD_CORE_COMMIT_JOB_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/queue.h>

#include "lib/base/error.h"
#include "lib/tlog/receipt.h"

struct store;
struct writer;
struct job;

/* Whose jobs take turns in the writer's queue with those of others: a partner's, of all its workers together. Made of zeros
 * by its owner, who keeps it until the writer has stopped. Everything but the weight is the writer's. */
struct lane {
	_Atomic uint32_t weight; /* jobs that it may have done in its turn, in units of LANE_TURN; 0 counts as 1 */
	struct job *first, *last;
	uint64_t taken;         /* the transaction that took of it last */
	TAILQ_ENTRY(lane) link; /* while it has jobs */
};

/* A queue of finished jobs; one a thread that makes jobs. Freed after writer_stop(). */
struct home;
struct home *home_new(void) MUST_USE;
void home_free(struct home *h);
int home_fd(const struct home *h); /* eventfd, readable when jobs are waiting */
/* Calls done() of every job that came home. The thread that owns `h`. */
void home_collect(struct home *h);

/* The text of a signed checkpoint, shared by all jobs of its commit. Atomic reference count. */
struct checkpoint_text;

struct job {
	/* Zeroed by its maker before it is submitted for the first time. */
	struct job *next;  /* the queue's */
	struct lane *lane; /* whose turn it takes; NULL: the node's own, which come first */
	struct home *home; /* who gets it back; NULL: done() is called on the writer thread */
	/* Writer thread, inside the transaction. Uses store_*() on `s` and writer_append(). */
	bool (*run)(struct job *j, struct writer *w, struct store *s, struct error *e);
	/* Home thread, after COMMIT (committed) or failure (error). Frees or recycles the job. */
	void (*done)(struct job *j);
	bool committed;
	int64_t submitted_us, committed_us; /* monotonic; the writer's. The second only of what is committed */
	struct error error;
	/* The receipt of the last writer_append() that asked for one; valid in done(). `checkpoint` looks
	 * into `text`, which writer_release() lets go. */
	bool want_receipt;
	struct receipt receipt;
	struct checkpoint_text *text;
	/* The writer's: it erased a key; the entry of this commit that the receipt is for. */
	bool erased;
	bool receipt_due;
	uint64_t receipt_index;
};

static inline void *first_whole(void *first, size_t checked)
{
	(void)checked;
	return first;
}

/* The `type` whose first member, named `member` and of type `kind`, is at `p`. Does not compile where it is not the first,
 * is of another type, or `p` points to another. */
#define FIRST_OF(type, member, kind, p) \
	((type *)first_whole(1 ? (p) : (kind *)NULL, sizeof(struct { \
		                     _Static_assert(offsetof(type, member) == 0 && \
		                                            _Generic(((type *)0)->member, kind : 1, default : 0), \
		                                    "`" #member "` is no " #kind ", or not the first member"); \
		                     char none; \
	                     })))
/* `struct delivery *d = JOB_OF(struct delivery, j);` */
#define JOB_OF(type, j) FIRST_OF(type, job, struct job, j)

#endif
