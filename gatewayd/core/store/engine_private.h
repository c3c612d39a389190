/* What the store asks of a database engine: one table of functions an engine, each in a folder of its own (sqlite/), and
 * the only way by which the other files of the room reach it. A connection and its statements belong to one thread at a
 * time. */
#ifndef GATEWAYD_CORE_STORE_ENGINE_PRIVATE_H
#define GATEWAYD_CORE_STORE_ENGINE_PRIVATE_H

#include "lib/base/error.h"

struct connection; /* the engine's own */

/* What a statement takes. */
struct bound {
	enum { BOUND_NULL, BOUND_INT, BOUND_TEXT, BOUND_BLOB } type;
	int64_t n;
	struct view v;
};

/* A prepared statement; the engine's own follows it in memory. */
struct statement {
	const struct engine *engine;
};

enum step { STEP_ROW, STEP_DONE, STEP_FAILED };

/* What a connection is for. A trial reads, and may run migrations, in one transaction that is rolled back when it is
 * closed: nothing of it stays, in no file. */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_TRIAL };

/* A copy that is being made, the engine's own; and how far it is, in the engine's units of place. */
struct copy_target;
struct copy_progress {
	uint64_t done, total; /* `total` may change while rows are written */
};

/* What was committed and does not lie where it stays yet. `held`: a reader of an older state keeps it from being moved, and
 * so from ending; `holder`: that one's process, where it is another one and known, else 0. */
struct unmoved {
	uint64_t bytes;
	bool held;
	int holder;
};

struct engine {
	/* Whether there is no database at `place`, or one that was made and holds nothing yet. */
	bool (*absent)(const char *place);
	/* Opens the database at `place`. One that writes makes it where there is none, and keeps every other one that
	 * would write away (REASON_UNAVAILABLE), and so does a trial, which is of an empty database where there is none.
	 * NULL: `e` says why. */
	struct connection *(*open)(const char *place, enum access access, struct error *e);
	void (*close)(struct connection *c); /* after its statements were finished; NULL does nothing */
	/* The version of the schema, 0 in an empty database; refuses one of another program. */
	bool (*version)(struct connection *c, int64_t *version, struct error *e);
	/* Runs a migration and notes the version that it leads to, both or neither. A failure leaves a connection that
	 * can only be closed. In a trial it is undone with the rest. */
	bool (*migrate)(struct connection *c, const char *text, int64_t version, struct error *e);

	/* What is read between these two is of one state, that of the first read; of a connection that reads. */
	bool (*look)(struct connection *c, struct error *e);
	void (*look_end)(struct connection *c);
	bool (*begin)(struct connection *c, struct error *e);  /* and keeps other writers out until its end */
	bool (*commit)(struct connection *c, struct error *e); /* true: it survives a loss of power */
	void (*rollback)(struct connection *c);
	/* Moves what was committed to where it stays. `force`: so that nothing that was erased is left anywhere; then
	 * REASON_UNAVAILABLE while a reader is in the way. */
	bool (*checkpoint)(struct connection *c, bool force, struct error *e);
	bool (*wants_checkpoint)(const struct connection *c); /* it has grown long enough for one, or is held and due */
	/* Does the long part of a checkpoint ahead of it, beside the transactions that follow: called again until *ready, when
	 * what is left is short. False: the connection may not be used any more. */
	bool (*move_ahead)(struct connection *c, bool *ready, struct error *e);
	bool (*moving)(const struct connection *c);                       /* and it is not ready yet */
	void (*unmoved)(const struct connection *c, struct unmoved *out); /* as the last checkpoint found it */

	void (*shed)(struct connection *c); /* frees what of the database is kept in memory, between transactions */

	/* Parameters are ?1, ?2, … in the text, which the engine translates. */
	struct statement *(*prepare)(struct connection *c, const char *text, struct error *e);
	void (*finish)(struct statement *q); /* NULL does nothing */
	/* The value of the parameter `at`, from 1 on; its bytes are read until the statement ends. False: too large. */
	bool (*bind)(struct statement *q, int at, const struct bound *b);
	enum step (*step)(struct statement *q);
	void (*end)(struct statement *q); /* back to before its first step, without values */
	/* Columns of the row that the statement stands on, from 0 on. */
	int64_t (*column_int)(struct statement *q, int at);
	bool (*column_null)(struct statement *q, int at);
	struct view (*column_view)(struct statement *q, int at); /* until the next step */
	int (*changes)(struct connection *c);                    /* rows that the last statement changed */
	/* Says in `e` why the last call on the connection failed; false. */
	bool (*fail)(struct connection *c, struct error *e);

	/* Looks at all that is stored, and calls `each` with what is wrong in the engine's words, until it returns false. */
	bool (*integrity)(struct connection *c, bool (*each)(void *arg, struct view what), void *arg, struct error *e);
	/* A copy of all that is committed, to a new place, in steps between the transactions of a connection that writes:
	 * whatever is committed until the last step is in the copy, and nothing is kept from being moved between two steps.
	 * end: after the last step the copy survives a loss of power; before it, what was made is left as it is. */
	struct copy_target *(*copy_begin)(struct connection *c, const char *place, struct error *e);
	bool (*copy_step)(struct copy_target *t, unsigned pages, struct copy_progress *out, struct error *e);
	bool (*copy_end)(struct copy_target *t, struct error *e); /* NULL does nothing */
};

#endif
