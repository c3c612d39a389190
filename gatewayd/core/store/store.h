/* The store: verbs of the domain over one database. Nothing of the engine shows through here. One
 * connection that writes (the writer thread's; verbs that write are refused outside store_begin/commit)
 * and any number of reading ones, a thread each. Views that go in are copied; views that come out live
 * until the next call on the same store.
 *
 * Errors: REASON_STORE when the engine fails or a verb is used wrongly, REASON_NO_MEMORY, and
 * REASON_NOT_FOUND where a row is asked for or changed that is not there.
 *
 * Listings call `each` for every row; when it returns false the listing ends early and returns true. The
 * views of a row live until `each` returns. `each` may read other things from the same store, but must
 * neither write nor start the same listing. */
#ifndef GATEWAYD_CORE_STORE_STORE_H
#define GATEWAYD_CORE_STORE_STORE_H

#include "lib/base/error.h"

struct store;

/* What came of looking something up, for callers that go on where there is nothing. `got`: what a function returned that
 * says REASON_NOT_FOUND where there is nothing; `e`: the error that it was given, which was not set before. SOUGHT_NONE
 * takes that error away; after SOUGHT_FAILED it says what failed. */
enum sought { SOUGHT_FOUND, SOUGHT_NONE, SOUGHT_FAILED };
enum sought sought(bool got, struct error *e) MUST_USE;

struct store *store_open(const char *path, struct error *e) MUST_USE;        /* writes; makes and migrates */
struct store *store_open_reader(const char *path, struct error *e) MUST_USE; /* reads only */
/* Opens it as store_open() would, with every check and migration, and for reading alone: nothing of that stays, and no byte
 * of any file is changed. Where there is no store it reads as a new one. REASON_UNAVAILABLE: another process writes it;
 * REASON_CONFIG: the path is wrong, or the store is of a newer version. Not beside another connection of this process. */
struct store *store_open_trial(const char *path, struct error *e) MUST_USE;
/* Whether there is no store at that path, or one whose making was interrupted before it held anything. */
bool store_absent(const char *path);
void store_close(struct store *s);

/* Reads between these two see the store as it was at the first of them, and cost less: each by itself takes a lock on the
 * write-ahead log and gives it back. For a few reads that follow each other, by one that reads: meanwhile no checkpoint ends.
 * A look is not begun in another. */
bool store_look(struct store *s, struct error *e) MUST_USE;
void store_look_end(struct store *s);
/* Within a look: what follows sees what was committed by now. Else nothing. */
bool store_look_anew(struct store *s, struct error *e) MUST_USE;

bool store_begin(struct store *s, struct error *e) MUST_USE; /* BEGIN IMMEDIATE */
bool store_commit(struct store *s, struct error *e) MUST_USE;
void store_rollback(struct store *s);
/* Completes a checkpoint when the write-ahead log has grown past its mark, or always when `force` (after
 * erasures: TRUNCATE, so that nothing of the erased is left in the main file or the log). Writer thread,
 * between transactions. A reader in the way is no failure unless `force`: then REASON_UNAVAILABLE, and the
 * caller tries again later. */
bool store_checkpoint(struct store *s, bool force, struct error *e) MUST_USE;
/* Before a checkpoint, between transactions: does the long part of it beside what is committed meanwhile. Called again after
 * each transaction, or a few milliseconds later, until *ready. False: nothing may be written any more. */
bool store_move_ahead(struct store *s, bool *ready, struct error *e) MUST_USE;
bool store_moving(const struct store *s); /* it was begun, and is not ready yet */
/* Whether the write-ahead log has grown past its mark. */
bool store_wants_checkpoint(const struct store *s);
/* What was committed and does not lie where it stays yet, as the last checkpoint found it. Writer thread. */
struct store_unmoved {
	uint64_t bytes;
	bool held;  /* by a reader, so that it grows with every commit until that one ends */
	int holder; /* the process of that reader, where it is another one's and known; else 0 */
};
void store_unmoved(const struct store *s, struct store_unmoved *out);
/* Frees what it keeps in memory of the database to be quick; between transactions. */
void store_shed(struct store *s);
/* Whether something was erased since the last forced checkpoint. */
bool store_erased(const struct store *s);

/* The newest schema that this program knows: a store of an earlier one is brought to it when it is opened for writing. */
int store_schema(void);

/* What is due of those that wait to be sent to one recipient. */
struct store_ask {
	struct view recipient; /* agency */
	int64_t now_ms;
	int64_t before_ms; /* only those whose deadline (of a notice: that were made) is not after it; INT64_MAX: all */
	unsigned share, shares; /* only those whose number leaves `share` when divided by `shares` (>= 1) */
	unsigned max;
};

#endif
