/* The newest marks in memory, and their way into the index. See mark.h. For the files of this room.
 *
 *   this transaction's ─COMMIT─▶ newest ─STORE_MARKS_RECENT exchanges later─▶ moving, some with each commit ─▶ moved
 *
 * Those that were moved last stay until the next are: whoever looked into the database just before finds them here. A table
 * has its slots in the order of the marks, so that what is moved is written page after page. An entry is a hint, as in
 * key_window.h: whoever finds one compares the row. All but marks_look() is the writer's; the lock guards the tables. */
#ifndef GATEWAYD_CORE_STORE_MARK_PRIVATE_H
#define GATEWAYD_CORE_STORE_MARK_PRIVATE_H

#include <pthread.h>

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

struct mark_table {
	uint64_t *slots; /* first four bytes of the mark << 32 | (seq - base + 1); 0: free */
	unsigned bits;   /* 1 << bits slots; 0: none */
	uint32_t n;      /* used */
	uint64_t base;   /* no exchange before it is here */
};

struct marks {
	pthread_mutex_t lock;
	struct mark_table newest, moving, moved;
	uint64_t *added; /* by this transaction, in the form of the newest table's slots */
	size_t n_added, cap_added;
	bool is_moving;
	uint64_t last; /* exchange whose mark may be among those that move */
	uint32_t at;   /* slots of `moving` that the last commit has done with, and that this one will */
	uint32_t next;
};

/* NULL: no memory. `base`: the first exchange whose mark is not in the index. */
struct marks *marks_new(uint64_t base) MUST_USE;
void marks_free(struct marks *m);
/* Of a row that this transaction wrote, or, with marks_commit() behind it, that was found at the start. False: no memory, and the
 * transaction must fail. */
bool marks_add(struct marks *m, const struct digest *mark, uint64_t seq) MUST_USE;
/* Room for what the transaction added. */
bool marks_reserve(struct marks *m) MUST_USE;
/* What this transaction added can be found from now on; what it moved has been moved. */
void marks_commit(struct marks *m);
void marks_rollback(struct marks *m);
/* Whether so many of the newest begin as this one does that further ones are to go into the index at once: each would have to
 * pass them all, and the index has them side by side. */
bool marks_are_many(const struct marks *m, const struct digest *mark);
/* Exchanges behind `after` whose marks lie in memory and begin as this one does, at most STORE_MARKED_MAX, the first ones, in
 * order. Any thread. */
size_t marks_look(struct marks *m, const struct digest *mark, uint64_t after, uint64_t *seqs);
/* Lets the newest ones move, when exchange `next` is the first one of this transaction and enough came before it. */
void marks_turn(struct marks *m, uint64_t next);
/* The next one to move in this transaction; false: there is none left. */
bool marks_next(struct marks *m, uint64_t *seq) MUST_USE;
/* Whether this transaction moves the last of them. */
bool marks_are_through(const struct marks *m);
/* Adds to `seqs`, which lie in order and each once, of which it keeps the first STORE_MARKED_MAX; how many there are then. */
size_t marks_keep(uint64_t *seqs, size_t n, uint64_t seq);

#endif
