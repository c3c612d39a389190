/* Inside of the store: its statements, and the few calls through which the files of the nouns run them. Whatever engine
 * the store is over, they are the same. */
#ifndef GATEWAYD_CORE_STORE_SQL_PRIVATE_H
#define GATEWAYD_CORE_STORE_SQL_PRIVATE_H

#include "gatewayd/core/store/engine_private.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/key_window.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/policy/schedule.h"

/* Every statement; the texts are in statements.c, the migrations in migrations.c. The first ones write. */
enum sql {
	SQL_EXCHANGE_PUT,
	SQL_EXCHANGE_ANSWER,
	SQL_EXCHANGE_AGREEMENT,
	SQL_STATE_PUT,
	SQL_STATE_STATE,
	SQL_STATE_ENTRY,
	SQL_PAYLOAD_PUT,
	SQL_PAYLOAD_SLOT_PUT,
	SQL_PAYLOAD_ERASE,
	SQL_PAYLOAD_SLOT_ERASE,
	SQL_TIMER_PUT,
	SQL_TIMER_PUT_NEW,
	SQL_TIMER_DROP,
	SQL_DUTY_PUT,
	SQL_DUTY_SET,
	SQL_LINK_PUT,
	SQL_CAVEATS_PUT,
	SQL_CAVEATS_DROP,
	SQL_MARK_PUT,
	SQL_MARK_DROP,
	SQL_MARK_END,
	SQL_HOLD_PUT,
	SQL_HOLD_END,
	SQL_HOLD_TIMER,
	SQL_ACT_PUT,
	SQL_ACT_SET,
	SQL_ACT_SIGNATURE_PUT,
	SQL_ACT_TELLING_PUT,
	SQL_ACT_TELLING_RETRY,
	SQL_ACT_TELLING_DROP,
	SQL_DELIVERY_PUT,
	SQL_DELIVERY_RETRY,
	SQL_DELIVERY_STOP,
	SQL_DELIVERY_EXTEND,
	SQL_DELIVERY_DROP,
	SQL_KEPT_PUT,
	SQL_KEPT_DROP,
	SQL_INBOX_PUT,
	SQL_INBOX_DONE,
	SQL_INBOX_DROP,
	SQL_ENTRY_PUT,
	SQL_DISCLOSURE_PUT,
	SQL_DISCLOSURE_ERASE,
	SQL_SHAPE_PUT,
	SQL_SHAPE_COUNT,
	SQL_SHAPE_DROP,
	SQL_SHAPE_ARCHIVE,
	SQL_SHAPE_TRIM,
	SQL_ENTRY_ARCHIVE,
	SQL_DISCLOSURE_ARCHIVE,
	SQL_TILE_PUT,
	SQL_CHECKPOINT_PUT,
	SQL_DOCUMENT_PUT,
	SQL_VALUE_PUT,
	SQL_VALUE_DROP,
	SQL_LOG_PUT,
	SQL_WITNESSED_PUT,
	SQL_COSIGNATURE_PUT,
	SQL_COSIGNATURE_DROP,
	SQL_COSIGNATURE_TRIM,
	SQL_SIGHTED_PUT,
	SQL_SIGHTED_DROP,
	SQL_SIGHTED_TRIM,
	SQL_SIGHTED_TRIM_LONG,
	SQL_UNPROVED_PUT,
	SQL_UNPROVED_FORKED,
	SQL_UNPROVED_DROP,
	SQL_UNPROVED_ERASE,
	SQL_TALE_PUT,
	SQL_TALE_DROP,
	SQL_TIMESTAMP_PUT,
	SQL_NOTICE_PUT,
	SQL_NOTICE_HASTEN,
	SQL_NOTICE_RETRY,
	SQL_NOTICE_END_PUT,
	SQL_NOTICE_DROP,
	SQL_NOTICE_TAKEN_PUT,
	SQL_SURROGATE_PUT,
	SQL_SURROGATE_END_PUT,
	SQL_SURROGATE_ERASE,
	SQL_SURROGATE_END_DROP,
	SQL_APPROVAL_PUT,
	SQL_APPROVAL_DROP,
	SQL_CONSENT_PUT,
	SQL_CONSENT_DROP,
	SQL_STATES_STATE,
	SQL_TIMER_REARM,
	SQL_RECEIPT_BUNDLE_PUT,
	SQL_RECEIPT_OF_PUT,
	SQL_DELIVERIES_DROP,
	SQL_PAYLOADS_ERASE,
	SQL_PAYLOAD_SLOTS_ERASE,
	SQL_UNPROVED_ERASE_ALL,
	SQL_WRITES,
	SQL_EXCHANGE_SEQ = SQL_WRITES,
	SQL_EXCHANGE_ID,
	SQL_EXCHANGE_ORIGIN,
	SQL_EXCHANGE_LIST,
	SQL_STATE_WINDOW,
	SQL_EXCHANGE_LAST,
	SQL_PAYLOAD_GET,
	SQL_PAYLOAD_SLOT,
	SQL_PAYLOAD_LIST,
	SQL_PAYLOAD_SLOTS,
	SQL_TIMER_GET,
	SQL_TIMER_DUE,
	SQL_TIMER_LIST,
	SQL_DUE_LIST,
	SQL_DUE_DAYS,
	SQL_DUE_AGREEMENTS,
	SQL_HOLD_FIND,
	SQL_HOLD_LIST,
	SQL_HOLD_LIST_OF,
	SQL_HOLD_DUE,
	SQL_HOLD_COUNT,
	SQL_ACT_FIND,
	SQL_ACT_GET,
	SQL_ACT_LIST,
	SQL_ACT_LIST_OF,
	SQL_ACT_LIST_EFFECTIVE,
	SQL_ACT_DUE,
	SQL_ACT_SIGNATURE_LIST,
	SQL_ACT_TELLING_GET,
	SQL_ACT_TELLING_DUE,
	SQL_ACT_TELLING_RECIPIENT,
	SQL_ACT_TELLING_LIST,
	SQL_NOTICE_LAST,
	SQL_NOTICE_GET,
	SQL_NOTICE_DUE,
	SQL_NOTICE_RECIPIENT,
	SQL_NOTICE_COUNT,
	SQL_NOTICE_LIST,
	SQL_NOTICE_END_LIST,
	SQL_NOTICE_TAKEN_GET,
	SQL_NOTICE_TAKEN_COUNT,
	SQL_NOTICE_TAKEN_LIST,
	SQL_NOTICE_LIST_OF,
	SQL_DUTY_FIND,
	SQL_DUTY_LIST,
	SQL_DUTY_OVERDUE,
	SQL_DUTY_BLOCKING,
	SQL_LINK_GET,
	SQL_LINK_LIST,
	SQL_CAVEATS_GET,
	SQL_MARK_ANY,
	SQL_MARK_IS,
	SQL_MARK_LAST,
	SQL_MARK_LIST,
	SQL_MARK_UNMOVED,
	SQL_DELIVERY_GET,
	SQL_DELIVERY_DUE,
	SQL_DELIVERY_RECIPIENT,
	SQL_DELIVERY_COUNT,
	SQL_DELIVERY_LIST,
	SQL_RECEIPT_GET,
	SQL_ARRIVAL_LIST,
	SQL_RECEIPT_LIST,
	SQL_KEPT_GET,
	SQL_INBOX_GET,
	SQL_INBOX_DONE_GET,
	SQL_INBOX_LIST,
	SQL_INBOX_LAST,
	SQL_ENTRY_GET,
	SQL_LEAF_GET,
	SQL_ENTRY_LIST,
	SQL_ENTRY_LAST,
	SQL_ENTRY_NEEDED,
	SQL_DISCLOSURE_LIST,
	SQL_SHAPE_ID,
	SQL_SHAPE_GET,
	SQL_SHAPE_OF,
	SQL_SHAPE_COUNT_OF,
	SQL_SHAPE_CHECK,
	SQL_SHAPE_LIST,
	SQL_TILE_GET,
	SQL_CHECKPOINT_AT,
	SQL_CHECKPOINT_LAST,
	SQL_DOCUMENT_GET,
	SQL_DOCUMENT_LIST,
	SQL_VALUE_GET,
	SQL_LOG_GET,
	SQL_LOG_LAST,
	SQL_WITNESSED_GET,
	SQL_COSIGNATURE_LIST,
	SQL_COSIGNATURE_LEAST,
	SQL_SIGHTED_LIST,
	SQL_SIGHTED_GET,
	SQL_TALE_LIST,
	SQL_UNPROVED_GET,
	SQL_TIMESTAMP_GET,
	SQL_TIMESTAMP_LAST,
	SQL_SURROGATE_GET,
	SQL_SURROGATE_END_LIST,
	SQL_APPROVAL_GET,
	SQL_CONSENT_GET,
	SQL_CONSENT_LIST,
	SQL_COUNTS,
	SQL_COUNT
};
extern const char *const sql_texts[SQL_COUNT];
/* Migration k brings a database of version k to k + 1. NULL ends the table. */
extern const char *const sql_migrations[];

/* The narrow row of the exchange that was accepted last, not yet written: its entry and state are mostly
 * set right after, and then cost no statement of their own. */
struct pending_state {
	bool set;
	uint64_t seq, entry;
	enum exchange_state state;
	int64_t received_ms;
	uint64_t hash;
};

/* A shape that disclosures of late name, and how many of this transaction are not counted in its row yet. */
struct shape_named {
	uint64_t id; /* 0: none */
	struct digest digest;
	char agreement[128]; /* a longer name is not remembered */
	uint64_t added;
};

struct store {
	const struct engine *engine;
	struct connection *connection;
	struct statement *statements[SQL_COUNT];
	bool writes, in_transaction, looking;
	bool erased;             /* since the last checkpoint that was forced */
	struct arena scratch;    /* views that go out */
	struct buf row;          /* of the log, as it is written */
	struct buf leaf, packed; /* of an entry that went out */
	struct window window;
	struct marks *marks; /* of a store that writes its own; NULL: a reader that shares nobody's */
	uint8_t window_key[16];
	uint64_t last_log, log; /* the newest audit log's number; the one that the verbs are about */
	struct pending_state pending;
	struct shape_named shapes[16]; /* by digest */
	bool puts_hold;                /* this transaction did */
	uint64_t next_seq, next_inbox;
	uint64_t committed_seq, committed_inbox; /* the same at the last commit */
	uint32_t *live_slots;                    /* bit map for store_slot_live(), loaded at its first call */
	uint32_t live_slots_n;
};

static inline struct bound as_null(void)
{
	return (struct bound){ .type = BOUND_NULL };
}
static inline struct bound as_int(int64_t n)
{
	return (struct bound){ .type = BOUND_INT, .n = n };
}
static inline struct bound as_number(uint64_t n)
{
	return as_int((int64_t)n);
}
static inline struct bound as_text(struct view v)
{
	return (struct bound){ .type = BOUND_TEXT, .v = v };
}
static inline struct bound as_blob(struct view v)
{
	return (struct bound){ .type = BOUND_BLOB, .v = v };
}
static inline struct bound as_digest(const struct digest *d)
{
	return as_blob(view_make(d->b, sizeof d->b));
}
static inline struct bound as_uuid(const struct uuid *u)
{
	return as_blob(view_make(u->b, sizeof u->b));
}
/* The two arguments `b` and `n` of the functions below: one value for each parameter, in their order. */
#define BOUND(...) \
	(const struct bound[]){ __VA_ARGS__ }, sizeof((const struct bound[]){ __VA_ARGS__ }) / sizeof(struct bound)

/* A statement with its values, to be stepped and ended. NULL (and `e`) when it writes and no transaction is open, or
 * a value is too large. */
struct statement *sql_start(struct store *s, enum sql id, const struct bound *b, size_t n, struct error *e) MUST_USE;
/* Runs a statement to its end. */
bool sql_run(struct store *s, enum sql id, const struct bound *b, size_t n, struct error *e) MUST_USE;
/* The same; REASON_NOT_FOUND with `what` when it changed no row. */
bool sql_change(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what,
                struct error *e) MUST_USE;
/* A statement whose first parameters are numbers, SQL_THESE of them, runs for all of these, so many at a time; `more`: values
 * of the parameters behind them, one at most. `*changed` (may be NULL): rows that changed. */
#define SQL_THESE 16
bool sql_run_these(struct store *s, enum sql id, const uint64_t *these, size_t n, const struct bound *more,
                   uint64_t *changed, struct error *e) MUST_USE;
/* The same for the first SQL_THESE at most, to be stepped and ended. */
struct statement *sql_start_these(struct store *s, enum sql id, const uint64_t *these, size_t n,
                                  const struct bound *more, struct error *e) MUST_USE;
/* A statement that stands on its one row; NULL, and REASON_NOT_FOUND with `what` when there is none. */
struct statement *sql_row(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what,
                          struct error *e) MUST_USE;
/* The row of a number, whose columns are about to be kept: resets the scratch memory. NULL: `e` says why. */
struct statement *sql_row_of(struct store *s, enum sql id, uint64_t number, const char *what, struct error *e) MUST_USE;
/* One number: the first column of the one row. */
bool sql_number(struct store *s, enum sql id, const struct bound *b, size_t n, uint64_t *out, struct error *e) MUST_USE;
/* One text or blob: the first column of the one row, kept until the next call on the store. */
bool sql_keep(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what, struct view *out,
              struct error *e) MUST_USE;
/* Goes to the next row. False when there is none, or on a failure: then *ok is false. After that the statement is
 * ended; who stops earlier ends it. `q` NULL: a start that failed. */
bool sql_next(struct store *s, struct statement *q, bool *ok, struct error *e) MUST_USE;
void sql_end(struct statement *q);
/* Rows that the last statement changed. */
int sql_changes(struct store *s);
int64_t col_int(struct statement *q, int at);
bool col_null(struct statement *q, int at);
struct view col_view(struct statement *q, int at); /* until the next step */
/* Until the next call on the store, in *out; the caller has reset the scratch memory. */
bool col_keep(struct store *s, struct statement *q, int at, struct view *out, struct error *e) MUST_USE;
void col_bytes(struct statement *q, int at, void *out, size_t n); /* zeros when the length differs */

/* The plan of a timer's row: its seven columns from `at` on. */
struct schedule timer_plan(struct statement *q, int at);

/* Rows of store_count_deliveries() and the like; ends the statement. */
struct store_waiting;
bool sql_each_waiting(struct store *s, struct statement *q, bool (*each)(void *arg, const struct store_waiting *w),
                      void *arg, struct error *e) MUST_USE;

/* Prepares every statement that the store may run. */
bool sql_prepare(struct store *s, struct error *e) MUST_USE;
void sql_finish(struct store *s);

/* Writes the pending narrow row; before anything that reads it, and before COMMIT. */
bool pending_flush(struct store *s, struct error *e) MUST_USE;
/* Writes how many disclosures more name each shape; before anything that counts them, and before COMMIT. */
bool shapes_flush(struct store *s, struct error *e) MUST_USE;
/* Forgets what is remembered of shapes. */
void shapes_drop(struct store *s);
/* A disclosure that named it is gone; the shape with its last. */
bool shape_unname(struct store *s, uint64_t id, struct error *e) MUST_USE;
/* The disclosures of these entries are about to go. */
bool shapes_archive(struct store *s, uint64_t from, uint64_t to, struct error *e) MUST_USE;
/* They are gone: so is what they alone named. */
bool shapes_trim(struct store *s, struct error *e) MUST_USE;
/* A row of caveats with a mark was written. */
bool mark_put(struct store *s, uint64_t seq, const struct digest *mark, struct error *e) MUST_USE;
/* Moves some of the marks that lie in memory into their index; before COMMIT. */
bool marks_move(struct store *s, struct error *e) MUST_USE;
/* Loads the marks that are not in the index. */
bool marks_load(struct store *s, struct error *e) MUST_USE;
/* Loads the number of the newest audit log. */
bool logs_load(struct store *s, struct error *e) MUST_USE;
/* Loads the window of keys, and the counters. */
bool exchanges_load(struct store *s, struct error *e) MUST_USE;

#endif
