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
#include "lib/base/ids.h"
#include "lib/policy/schedule.h"

struct store;

struct store *store_open(const char *path, struct error *e) MUST_USE;        /* writes; makes and migrates */
struct store *store_open_reader(const char *path, struct error *e) MUST_USE; /* reads only */
void store_close(struct store *s);

bool store_begin(struct store *s, struct error *e) MUST_USE; /* BEGIN IMMEDIATE */
bool store_commit(struct store *s, struct error *e) MUST_USE;
void store_rollback(struct store *s);
/* Completes a checkpoint when the write-ahead log has grown past its mark, or always when `force` (after
 * erasures: TRUNCATE, so that nothing of the erased is left in the main file or the log). Writer thread,
 * between transactions. A reader in the way is no failure unless `force`: then REASON_UNAVAILABLE, and the
 * caller tries again later. */
bool store_checkpoint(struct store *s, bool force, struct error *e) MUST_USE;
/* Whether the write-ahead log has grown past its mark. */
bool store_wants_checkpoint(const struct store *s);
/* Whether something was erased since the last forced checkpoint. */
bool store_erased(const struct store *s);

/* --- exchanges --- */
enum exchange_state {
	STATE_REFUSED,
	STATE_HELD,
	STATE_QUEUED /* in the outbox */,
	STATE_DELIVERED /* partner acknowledged */,
	STATE_READY /* in the recipient's inbox */,
	STATE_FETCHED,
	STATE_FAILED /* past its deadline */,
	STATE_ERASED /* never fetched */,
	STATE_RECALLED,
	STATE_CORRECTED,
	STATE_RETURNED /* to the provider */,
	STATE_ENDED /* the recipient's copy is gone */
};
const char *exchange_state_name(enum exchange_state s);

#define STORE_NO_ENTRY      UINT64_MAX
#define STORE_KEY_WINDOW_MS INT64_C(86400000)

struct store_exchange {
	uint64_t seq;        /* set by store_accept; from 1 on, in the order of acceptance */
	struct uuid id;      /* this gateway's */
	struct uuid origin;  /* the first gateway's id; the same as id when this is the first */
	struct view partner; /* partner id that posted it */
	struct view key;     /* idempotency key; empty: none */
	struct digest body;  /* keyed digest of the body */
	int64_t received_ms;
	struct view agreement;
	struct digest agreement_digest;
	struct view provider, recipient; /* agencies */
	enum exchange_state state;
	int status;         /* HTTP status of the answer; 0: it is still to come */
	struct view answer; /* the answer's JSON without the receipt */
	uint64_t entry;     /* log and audit index; STORE_NO_ENTRY: none yet. Not read by store_accept */
};

enum store_accepted { STORE_NEW, STORE_REPLAY, STORE_CONFLICT, STORE_IN_USE };
/* Decides idempotency inside the transaction. An exchange whose origin is not its id comes from another
 * gateway and is looked up by (provider, origin), as long as the row exists (never less than 30 days);
 * another one with a key by (partner, key), within 24 h of x->received_ms; one without is always new.
 *   NEW       the row was written and x->seq set
 *   REPLAY    same body: `prior` is the first exchange
 *   CONFLICT  another body: `prior` as well
 *   IN_USE    same body, but the first one's answer (status) is still to come: `prior` as well
 * Jobs of one batch see each other's rows: the second of two with one key is a REPLAY of the first, which
 * is right because both are answered after their common COMMIT; when the batch is rolled back and its jobs
 * run again one by one, each decides anew. IN_USE is for what is accepted in one transaction and answered
 * in a later one (status 0, then store_set_answer()). */
bool store_accept(struct store *s, struct store_exchange *x, enum store_accepted *result, struct store_exchange *prior,
                  struct error *e) MUST_USE;
/* `index` of the newest log. */
bool store_set_entry(struct store *s, uint64_t seq, uint64_t index, struct error *e) MUST_USE;
bool store_set_state(struct store *s, uint64_t seq, enum exchange_state state, struct error *e) MUST_USE;
bool store_set_answer(struct store *s, uint64_t seq, int status, struct view answer, struct error *e) MUST_USE;
bool store_find_exchange(struct store *s, const struct uuid *id, struct store_exchange *out, struct error *e) MUST_USE;
bool store_get_exchange(struct store *s, uint64_t seq, struct store_exchange *out, struct error *e) MUST_USE;
/* By the first gateway's id: what a partner gateway calls the exchange. */
bool store_find_origin(struct store *s, struct view provider, const struct uuid *origin, struct store_exchange *out,
                       struct error *e) MUST_USE;
/* The newest first, at most `max`, before `before_seq` (0: all). */
bool store_list_exchanges(struct store *s, uint64_t before_seq, unsigned max,
                          bool (*each)(void *arg, const struct store_exchange *x), void *arg, struct error *e) MUST_USE;

/* --- payloads: sealed bytes, and the slot of their key --- */
struct store_payload {
	uint64_t seq;
	uint32_t slot;
	struct view sealed; /* AES-256-GCM(key, salt || record), aad: exchange id */
};
/* One payload an exchange; replaces an older one, whose key the caller erases. */
bool store_put_payload(struct store *s, const struct store_payload *p, struct error *e) MUST_USE;
bool store_get_payload(struct store *s, uint64_t seq, struct store_payload *out,
                       struct error *e) MUST_USE; /* NOT_FOUND when erased */
bool store_erase_payload(struct store *s, uint64_t seq, struct error *e) MUST_USE;
/* Whether a payload needs the slot; for keystore_sweep() at start, on the writing store before the writer
 * runs. The slots are read once, at the first call; store_slots_forget() lets that memory go. False answers
 * would erase keys, so a store that cannot be read answers true. */
bool store_slot_live(struct store *s, uint32_t slot);
void store_slots_forget(struct store *s);

/* --- timers: one row an exchange, the next thing due --- */
enum timer_kind {
	TIMER_ERASE /* the gateway's own payload */,
	TIMER_MASK,
	TIMER_REVIEW,
	TIMER_COPY_ERASE,
	TIMER_COPY_RETURN,
	TIMER_RECEIPT /* of a duty is owed */,
	TIMER_NOTIFY
};
const char *timer_kind_name(enum timer_kind k);
struct store_timer {
	uint64_t seq;
	int64_t due_ms; /* of `kind` */
	enum timer_kind kind;
	bool held; /* a hold is in force: does not fire; as the holds say, not as it is put */
	/* What comes after it. */
	struct schedule plan; /* lib/policy/schedule.h */
	int64_t receipt_ms;   /* when the earliest receipt is owed; 0: none is */
	uint64_t inbox;       /* item under which the record waits for the recipient's system; 0: none */
	struct view purpose;
	struct view reference; /* under which the recipient's system keeps its copy */
};
/* Inserts or replaces. */
bool store_put_timer(struct store *s, const struct store_timer *t, struct error *e) MUST_USE;
bool store_drop_timer(struct store *s, uint64_t seq, struct error *e) MUST_USE; /* nothing there: true */
bool store_get_timer(struct store *s, uint64_t seq, struct store_timer *out, struct error *e) MUST_USE;
/* All timers, held or not, by exchange. */
bool store_list_timers(struct store *s, uint64_t after_seq, unsigned max,
                       bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e) MUST_USE;
/* Timers due at `now_ms`, earliest first. */
bool store_due_timers(struct store *s, int64_t now_ms, unsigned max,
                      bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e) MUST_USE;

/* --- what falls due when, for people to look at --- */
/* Timers due by `until_ms`, held ones too, earliest first. */
bool store_list_due(struct store *s, int64_t until_ms, unsigned max,
                    bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e) MUST_USE;
/* How many timers of a kind fall due, counted by the store without listing them. */
struct store_due {
	int64_t day;           /* since 1970-01-01, UTC; by day only */
	struct view agreement; /* by agreement only */
	enum timer_kind kind;
	bool held;
	uint64_t n;
	int64_t first_ms, last_ms;
};
bool store_count_due(struct store *s, bool by_agreement, int64_t until_ms,
                     bool (*each)(void *arg, const struct store_due *d), void *arg, struct error *e) MUST_USE;

/* --- holds: what stops the erasure of an exchange's data, or their use as well --- */
enum hold_kind {
	HOLD_LEGAL,      /* stops erasure */
	HOLD_RESTRICTION /* disputed data: stops erasure and use */
};
const char *hold_kind_name(enum hold_kind k); /* as in hold.schema.json */
struct store_hold {
	uint64_t id; /* set by store_put_hold; grows */
	uint64_t seq;
	enum hold_kind kind;
	int64_t from_ms, until_ms;
	struct digest statement; /* SHA-256 of what was stated and signed: a document */
	struct view signer;      /* partner id */
	struct view role;        /* in which the signer spoke, and who lifts it */
	int64_t ended_ms;        /* TIME_NONE: in force; before `until_ms`: lifted */
};
/* In force until it is ended, whatever the clock says; meanwhile the exchange's timer is held, also one that is put
 * later. *fresh false: this statement was put before, and nothing changes. */
bool store_put_hold(struct store *s, struct store_hold *h, bool *fresh, struct error *e) MUST_USE;
/* The timer is held no longer when no other hold is in force. REASON_NOT_FOUND: none in force has this id. */
bool store_end_hold(struct store *s, uint64_t id, int64_t ended_ms, struct error *e) MUST_USE;
bool store_find_hold(struct store *s, const struct digest *statement, struct store_hold *out, struct error *e) MUST_USE;
/* Of one exchange (`seq` 0: of all), in the order in which they came; only those in force, or ended ones too. */
bool store_list_holds(struct store *s, uint64_t seq, bool ended_too,
                      bool (*each)(void *arg, const struct store_hold *h), void *arg, struct error *e) MUST_USE;
/* Those in force whose end has come, earliest first. */
bool store_due_holds(struct store *s, int64_t now_ms, unsigned max, bool (*each)(void *arg, const struct store_hold *h),
                     void *arg, struct error *e) MUST_USE;
/* How many of each kind are in force on an exchange. */
struct store_held {
	unsigned legal, restrictions;
};
bool store_held(struct store *s, uint64_t seq, struct store_held *out, struct error *e) MUST_USE;

/* --- duties: what the recipient's system is to do with its copy, and the receipts of it. Both gateways keep a
 * row a duty: the recipient's, which hands it to the system, and the provider's, which awaits the receipt --- */
enum duty_kind {
	DUTY_MASK,
	DUTY_REVIEW,
	DUTY_ERASE,
	DUTY_RETURN,
	DUTY_RECALL,
	DUTY_CORRECTION,
	DUTY_NOTIFY,
	DUTY_KINDS
};
const char *duty_kind_name(enum duty_kind k);
enum duty_kind duty_kind_find(struct view name); /* DUTY_KINDS: none */
enum duty_state {
	DUTY_OPEN,
	DUTY_OVERDUE /* still open */,
	DUTY_WAITING /* carried out here, onward recipients not yet */,
	DUTY_DONE,
	DUTY_WITHDRAWN /* another one took its place, or the copy is gone */
};
const char *duty_state_name(enum duty_state s);
struct store_duty {
	uint64_t id, seq;
	enum duty_kind kind;
	enum duty_state state;
	int64_t made_ms, due_ms; /* fell due; the receipt is owed */
	int64_t done_ms;         /* acknowledged by the recipient's system; 0: not */
	uint32_t escalated;      /* how often the receipt was called for again */
	bool blocks;             /* while overdue, no new records to that recipient under the agreement */
	uint64_t inbox;          /* item under which the recipient's system has it; 0: none */
	struct view result;      /* as acknowledged */
	struct view why;         /* of a recall, until it is acknowledged */
};
/* Inserts a row and sets d->id. */
bool store_put_duty(struct store *s, struct store_duty *d, struct error *e) MUST_USE;
/* Writes the row of d->id again. */
bool store_set_duty(struct store *s, const struct store_duty *d, struct error *e) MUST_USE;
/* The newest duty of that kind; REASON_NOT_FOUND. */
bool store_find_duty(struct store *s, uint64_t seq, enum duty_kind kind, struct store_duty *out,
                     struct error *e) MUST_USE;
/* Of an exchange, in the order in which they fell due. */
bool store_list_duties(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_duty *d), void *arg,
                       struct error *e) MUST_USE;
/* Overdue ones, by exchange; at most `max` behind `after_id`. */
bool store_list_overdue(struct store *s, uint64_t after_id, unsigned max,
                        bool (*each)(void *arg, const struct store_duty *d), void *arg, struct error *e) MUST_USE;
/* By agreement and recipient, those that block. */
bool store_list_blocking(struct store *s, bool (*each)(void *arg, struct view agreement, struct view recipient),
                         void *arg, struct error *e) MUST_USE;

/* --- links between exchanges --- */
enum link_kind { LINK_ONWARD /* the child passed on what came by the parent */, LINK_CORRECTS /* it replaces it */ };
struct store_link {
	uint64_t child, parent;
	enum link_kind kind;
	uint32_t version; /* of a correction: 2 for the first */
};
bool store_put_link(struct store *s, const struct store_link *l, struct error *e) MUST_USE;
/* The parent of a child; REASON_NOT_FOUND. */
bool store_get_link(struct store *s, uint64_t child, enum link_kind kind, struct store_link *out,
                    struct error *e) MUST_USE;
/* The children of a parent, oldest first. */
bool store_list_links(struct store *s, uint64_t parent, enum link_kind kind,
                      bool (*each)(void *arg, const struct store_link *l), void *arg, struct error *e) MUST_USE;

/* --- outbox: deliveries to partner gateways --- */
struct store_delivery {
	uint64_t seq;
	struct view recipient; /* agency */
	int64_t next_ms, deadline_ms;
	uint32_t attempts;
	struct view last_error; /* slug */
	struct view envelope;   /* JSON members of the envelope without record and origin */
};
bool store_put_delivery(struct store *s, const struct store_delivery *d, struct error *e) MUST_USE;
/* Counts an attempt. */
bool store_retry_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error,
                          struct error *e) MUST_USE;
/* Due at `next_ms`, with a deadline that much later; nothing there: true. */
bool store_extend_delivery(struct store *s, uint64_t seq, int64_t next_ms, int64_t by_ms, struct error *e) MUST_USE;
bool store_drop_delivery(struct store *s, uint64_t seq, struct error *e) MUST_USE; /* nothing there: true */
bool store_get_delivery(struct store *s, uint64_t seq, struct store_delivery *out, struct error *e) MUST_USE;
/* The whole outbox, by exchange. */
bool store_list_deliveries(struct store *s, uint64_t after_seq, unsigned max,
                           bool (*each)(void *arg, const struct store_delivery *d), void *arg,
                           struct error *e) MUST_USE;
/* Those to be sent by `now_ms`, earliest first, without what is restricted. */
bool store_due_deliveries(struct store *s, int64_t now_ms, unsigned max,
                          bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e) MUST_USE;
/* The partner gateway's receipt, kept beside the exchange. */
bool store_put_receipt(struct store *s, uint64_t seq, struct view receipt, struct error *e) MUST_USE;
bool store_get_receipt(struct store *s, uint64_t seq, struct view *receipt, struct error *e) MUST_USE;

/* --- notices: what two gateways tell each other about an exchange (notice.h) --- */
enum notice_kind { NOTICE_RECEIPT, NOTICE_RECALL, NOTICE_HOLD, NOTICE_LIFT, NOTICE_RETURN };
#define NOTICE_KINDS 5
const char *notice_kind_name(enum notice_kind k);
struct store_notice {
	uint64_t id; /* set by store_put_notice; grows */
	uint64_t seq;
	enum notice_kind kind;
	struct view recipient; /* agency */
	uint64_t entry;        /* by its number among all logs: whose proof travels */
	struct view body;      /* a JSON object's text */
	int64_t made_ms, next_ms;
	uint32_t attempts;
	struct view last_error; /* slug */
};
bool store_put_notice(struct store *s, struct store_notice *n, struct error *e) MUST_USE;
/* Counts an attempt. */
bool store_retry_notice(struct store *s, uint64_t id, int64_t next_ms, struct view last_error,
                        struct error *e) MUST_USE;
bool store_get_notice(struct store *s, uint64_t id, struct store_notice *out, struct error *e) MUST_USE;
/* Those that wait, by id. */
bool store_list_notices(struct store *s, uint64_t after_id, unsigned max,
                        bool (*each)(void *arg, const struct store_notice *n), void *arg, struct error *e) MUST_USE;
/* Those of one exchange, by id. */
bool store_list_notices_of(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_notice *n),
                           void *arg, struct error *e) MUST_USE;
/* Due at `now_ms`, of each exchange and recipient only the oldest that waits: they arrive in their order. */
bool store_due_notices(struct store *s, int64_t now_ms, unsigned max,
                       bool (*each)(void *arg, const struct store_notice *n), void *arg, struct error *e) MUST_USE;
/* One that no longer waits: it arrived, and the partner's receipt proves it, or it was given up. */
struct store_notice_end {
	uint64_t id;
	enum notice_kind kind;
	struct view recipient;
	uint64_t entry;
	int64_t made_ms, ended_ms;
	struct view error;   /* slug; empty: it arrived */
	struct view receipt; /* the partner's */
};
/* Takes the notice out of those that wait and keeps how it ended; REASON_NOT_FOUND when it did not wait. */
bool store_drop_notice(struct store *s, uint64_t id, int64_t now_ms, struct view error, struct view receipt,
                       struct error *e) MUST_USE;
/* Of one exchange, in their order. */
bool store_list_notice_ends(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_notice_end *n),
                            void *arg, struct error *e) MUST_USE;
/* A partner's notice that was taken. It is keyed by exchange and digest, so that it takes effect once. */
struct store_notice_taken {
	uint64_t seq;
	struct digest digest; /* SHA-256 of the partner's entry */
	enum notice_kind kind;
	uint64_t entry; /* ours that says so, by its number among all logs */
	int64_t taken_ms;
	struct view proof; /* the partner's, with its entry: a receipt in the partner's log */
};
bool store_put_notice_taken(struct store *s, const struct store_notice_taken *t, struct error *e) MUST_USE;
bool store_get_notice_taken(struct store *s, uint64_t seq, const struct digest *digest, struct store_notice_taken *out,
                            struct error *e) MUST_USE;
bool store_count_notices_taken(struct store *s, uint64_t seq, uint64_t *n, struct error *e) MUST_USE;
/* Of one exchange, in the order of their taking. */
bool store_list_notices_taken(struct store *s, uint64_t seq,
                              bool (*each)(void *arg, const struct store_notice_taken *t), void *arg,
                              struct error *e) MUST_USE;

/* --- inbox: what the recipient's system fetches --- */
struct store_inbox {
	uint64_t id; /* grows; `after` of GET /v1/inbox */
	uint64_t seq;
	struct uuid exchange;
	struct view kind; /* "record", "correction", "returned", or a duty's name */
	struct view body; /* JSON members: agreement, purpose, tier, retention, … */
	int64_t made_ms;
	int64_t acked_ms; /* 0: not yet; then `body` is the receipt instead */
};
/* Sets i->id: larger than every id before, also of acknowledged ones. */
bool store_put_inbox(struct store *s, struct store_inbox *i, struct error *e) MUST_USE;
/* Those not yet acknowledged. */
bool store_list_inbox(struct store *s, uint64_t after, unsigned max,
                      bool (*each)(void *arg, const struct store_inbox *i), void *arg, struct error *e) MUST_USE;
bool store_get_inbox(struct store *s, uint64_t id, struct store_inbox *out, struct error *e) MUST_USE;
/* Takes an item away that was not acknowledged; nothing there: true. */
bool store_drop_inbox(struct store *s, uint64_t id, struct error *e) MUST_USE;
/* *first: it was not acknowledged before; a second acknowledgement changes nothing. */
bool store_ack_inbox(struct store *s, uint64_t id, int64_t now_ms, struct view receipt, bool *first,
                     struct error *e) MUST_USE;

/* --- audit log --- */
/* The logs of this node are numbered, from 0 on; a new epoch begins a new one. The verbs below are about the
 * newest one, or (of a store that only reads) the one that store_use_log() chose; an `index` counts within it.
 * An exchange's `entry` is the number of an entry among all logs, so that it stays true in later epochs. */
#define STORE_LOG_SHIFT 40
static inline uint64_t store_entry_log(uint64_t entry)
{
	return entry >> STORE_LOG_SHIFT;
}
static inline uint64_t store_entry_index(uint64_t entry)
{
	return entry & ((UINT64_C(1) << STORE_LOG_SHIFT) - 1);
}
uint64_t store_log(const struct store *s);
/* REASON_NOT_FOUND when there is no such log. */
bool store_use_log(struct store *s, uint64_t log, struct error *e) MUST_USE;
struct store_log_row {
	struct view origin;
	struct digest before; /* SHA-256 of the last signed checkpoint of the log before */
	struct view note;     /* what the genesis entry says of that log */
};
/* Begins a new log: from the commit on the verbs are about it. */
bool store_put_log(struct store *s, const struct store_log_row *l, struct error *e) MUST_USE;
/* The log that the verbs are about; REASON_NOT_FOUND for the first one, which has no row. */
bool store_get_log(struct store *s, struct store_log_row *out, struct error *e) MUST_USE;

bool store_put_entry(struct store *s, uint64_t index, struct view leaf, struct view packed, struct error *e) MUST_USE;
bool store_get_entry(struct store *s, uint64_t index, struct view *leaf, struct view *packed, struct error *e) MUST_USE;
/* By its number among all logs, whichever log the verbs are about. */
bool store_find_entry(struct store *s, uint64_t entry, struct view *leaf, struct view *packed,
                      struct error *e) MUST_USE;
/* How many entries there are: the index of the next. */
bool store_entry_count(struct store *s, uint64_t *n, struct error *e) MUST_USE;
/* In order, from index `from` on; `packed` is empty when erased or never there. */
bool store_list_entries(struct store *s, uint64_t from, unsigned max,
                        bool (*each)(void *arg, uint64_t index, struct view leaf, struct view packed), void *arg,
                        struct error *e) MUST_USE;
/* By its number among all logs. */
bool store_erase_disclosures(struct store *s, uint64_t entry, struct error *e) MUST_USE;
/* Entries of all logs, by their number, that have disclosures; at most `max`. */
bool store_list_disclosures(struct store *s, unsigned max, bool (*each)(void *arg, uint64_t entry, struct view leaf),
                            void *arg, struct error *e) MUST_USE;
/* Of an earlier log whose entries were archived: tiles, checkpoints and timestamps stay. */
struct store_archive {
	uint64_t size;            /* entries that it had */
	struct digest checkpoint; /* SHA-256 of its last signed checkpoint */
	bool told;                /* the newest log has an entry about it */
};
/* What needs an entry of log number `log`, or will: deliveries and notices that wait to be sent; and exchanges that
 * are held for a decision, under a hold, or whose record may yet be returned. */
struct store_needed {
	uint64_t unsent, open;
};
bool store_needs_entries(struct store *s, uint64_t log, struct store_needed *out, struct error *e) MUST_USE;
/* Deletes the entries of that log and their disclosures, and remembers it. Never of the newest: REASON_STORE. */
bool store_archive_entries(struct store *s, uint64_t log, const struct store_archive *a, struct error *e) MUST_USE;
/* REASON_NOT_FOUND: its entries are here. */
bool store_get_archive(struct store *s, uint64_t log, struct store_archive *out, struct error *e) MUST_USE;
bool store_tell_archive(struct store *s, uint64_t log, struct error *e) MUST_USE;
bool store_put_tile(struct store *s, unsigned level, uint64_t index, struct view hashes,
                    struct error *e) MUST_USE; /* or replaces */
bool store_get_tile(struct store *s, unsigned level, uint64_t index, struct view *hashes, struct error *e) MUST_USE;
bool store_put_checkpoint(struct store *s, uint64_t size, struct view note, struct error *e) MUST_USE;
/* The checkpoint of the smallest tree that holds `index`. */
bool store_get_checkpoint(struct store *s, uint64_t index, uint64_t *size, struct view *note, struct error *e) MUST_USE;
bool store_last_checkpoint(struct store *s, uint64_t *size, struct view *note,
                           struct error *e) MUST_USE; /* size 0: none */

/* --- witnessing --- */
/* What this node cosigned last of another's log. */
struct store_witnessed {
	uint64_t size;
	struct digest root;
	struct view note;       /* that checkpoint, with its log's signature and this node's */
	struct digest incident; /* of the checkpoint that the last incident was about; zero: none */
};
bool store_put_witnessed(struct store *s, struct view origin, const struct store_witnessed *w,
                         struct error *e) MUST_USE;
bool store_get_witnessed(struct store *s, struct view origin, struct store_witnessed *out, struct error *e) MUST_USE;
/* Another's cosignature line over this node's checkpoint of `size`; replaces that witness's older one. */
bool store_put_cosignature(struct store *s, struct view witness, uint64_t size, struct view line,
                           struct error *e) MUST_USE;
/* The largest size that was cosigned; 0: none. */
bool store_cosigned(struct store *s, uint64_t *size, struct error *e) MUST_USE;
bool store_list_cosignatures(struct store *s, uint64_t size, bool (*each)(void *arg, struct view line), void *arg,
                             struct error *e) MUST_USE;

/* Checkpoints of others' logs that came along and are not proved yet, and the newest one that is (sight.h). One a
 * size: the first stays. */
bool store_put_sighted(struct store *s, struct view origin, uint64_t size, struct view note, struct error *e) MUST_USE;
/* Those of `from` to `to` entries. */
bool store_drop_sighted(struct store *s, struct view origin, uint64_t from, uint64_t to, struct error *e) MUST_USE;
/* Keeps the `most` largest. */
bool store_trim_sighted(struct store *s, struct view origin, unsigned most, struct error *e) MUST_USE;
bool store_list_sighted(struct store *s, bool (*each)(void *arg, struct view origin, uint64_t size, struct view note),
                        void *arg, struct error *e) MUST_USE;

/* A timestamp (RFC 3161, a TimeStampResp) of this log's checkpoint of `size`; the first one of a size stays. */
bool store_put_timestamp(struct store *s, uint64_t size, int64_t time_ms, struct view response,
                         struct error *e) MUST_USE;
bool store_get_timestamp(struct store *s, uint64_t size, struct view *response, struct error *e) MUST_USE;
/* The largest size that has one; 0: none. */
bool store_timestamped(struct store *s, uint64_t *size, struct error *e) MUST_USE;

/* --- governing documents, by digest --- */
bool store_put_document(struct store *s, const struct digest *d, struct view kind, struct view text, int64_t now_ms,
                        struct error *e) MUST_USE;
bool store_get_document(struct store *s, const struct digest *d, struct view *text, struct error *e) MUST_USE;

/* --- surrogates: random stand-ins of values, by a keyed digest of the value, within an agreement and key epoch --- */
#define STORE_SURROGATE 16
struct store_surrogate {
	struct view agreement;
	uint32_t epoch;
	struct digest key;
	uint8_t value[STORE_SURROGATE];
	int64_t until_ms; /* of the epoch; the latest that was put counts for all of them */
};
/* Nothing when it is there; REASON_STORE when the key has another value. */
bool store_put_surrogate(struct store *s, const struct store_surrogate *x, struct error *e) MUST_USE;
bool store_get_surrogate(struct store *s, struct view agreement, uint32_t epoch, const struct digest *key,
                         uint8_t value[STORE_SURROGATE], struct error *e) MUST_USE;
/* Agreements and epochs that have any. */
bool store_list_surrogates(struct store *s,
                           bool (*each)(void *arg, struct view agreement, uint32_t epoch, int64_t until_ms), void *arg,
                           struct error *e) MUST_USE;
bool store_erase_surrogates(struct store *s, struct view agreement, uint32_t epoch, struct error *e) MUST_USE;

/* --- small values by name: the trusted clock, … --- */
bool store_put_value(struct store *s, struct view name, struct view value,
                     struct error *e) MUST_USE; /* or replaces; empty: drops */
bool store_get_value(struct store *s, struct view name, struct view *value, struct error *e) MUST_USE;

/* --- figures for status and metrics --- */
struct store_counts {
	uint64_t exchanges, payloads, timers, deliveries, notices, inbox, entries;
	int64_t oldest_delivery_ms; /* next_ms of the oldest, TIME_NONE without one */
};
bool store_count(struct store *s, struct store_counts *out, struct error *e) MUST_USE;

#endif
