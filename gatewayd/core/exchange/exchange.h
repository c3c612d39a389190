/* One record, from envelope to answer. exchange.c is the page to read: who are you, which agreement covers this, may
 * it, does it fit, what may pass and in what form. exchange_caveats.c sees to the
 * codes under which it travels, exchange_rows.c prepares what will be written of the decision,
 * exchange_shape.c keeps what decisions have in common, exchange_commit.c writes it in one transaction and makes the answer
 * after its commit, exchange_memory.c has the
 * memory of it all. One thread decides with a struct decider of its own and waits for nothing; only what says so runs
 * on the writer's thread.
 *
 *   exchange_take() ─▶ exchange_decide() ─▶ exchange_prepare() ─▶ exchange_commit() ─▶ done() ─▶ exchange_recycle()
 *                          ▲                     │
 *                          └─────────────────────┘ a line of a batch whose share changed
 */
#ifndef GATEWAYD_CORE_EXCHANGE_EXCHANGE_H
#define GATEWAYD_CORE_EXCHANGE_EXCHANGE_H

#include "gatewayd/core/commit/job.h"
#include "gatewayd/core/context/context.h"
#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/exchange/surrogates.h"
#include "gatewayd/core/keys/key_lease.h"
#include "gatewayd/core/serve/scratch.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/store/witness.h"
#include "lib/base/ids.h"
#include "lib/policy/beside.h"
#include "lib/policy/decision.h"
#include "lib/policy/shape.h"
#include "lib/tlog/entry.h"

/* Bytes of one answer without its receipt, at most. */
#define ANSWER_MAX (256u * 1024)

struct exchange;

/* What one thread decides with; all of it that thread's. */
struct decider {
	struct core *core;        /* shared */
	struct store *reader;     /* its reading store */
	struct home *home;        /* where its jobs come back */
	struct scratch *scratch;  /* of the record that is being decided */
	struct worker_took *took; /* where it says how long it took; NULL: nowhere */
	struct exchange *free;    /* exchanges that are not in use */
	unsigned n_free;
	unsigned n_lines; /* of batches, begun and not answered */
	unsigned quiet;   /* calls of decider_rest() since one was taken */
};
/* Lines of batches that one decider has under way at once: what two commits take. Thousands more would only wait for the
 * writer, and each in memory of its own; so the next ones use what is warm from these. */
#define DECIDER_LINES 256
/* Ten times a second: when none was taken for a while, frees those that are not in use, and forgets shapes. */
void decider_rest(struct decider *d);
/* Frees the exchanges that are not in use; the rest is its maker's. */
void decider_close(struct decider *d);

/* What was held before and a person has released: it keeps its id, and the salt under which its input was logged. */
struct approved {
	struct uuid id;
	struct salt input_salt;
};

/* Who sends an envelope, and what it is judged by. What it points to outlives the exchange. */
struct submission {
	struct conf *conf;               /* governs from start to end; the maker holds the reference */
	const struct partner *peer;      /* of `conf` */
	struct view path;                /* /v1/agreements/{id}/…: names the agreement */
	struct view key;                 /* Idempotency-Key; empty: none */
	struct view traceparent;         /* as it was sent; empty: none. It goes into the journal and nowhere else */
	int64_t now_ms;                  /* judges everything */
	struct lane *lane;               /* whose turn its job takes; NULL: the node's own */
	bool dry_run;                    /* /validate: nothing is stored but an audit entry */
	bool batch;                      /* somebody counts it among others: k-guards are seen to */
	uint8_t suppressed;              /* k-guards of the program whose fields are withheld */
	const char *rare;                /* rule of the k-guard that refuses the record, or NULL */
	const struct approved *approved; /* what would be held is released; NULL: it is new */
};
/* The id of the agreement that its path names. */
struct view submission_agreement(const struct submission *s);

/* Disclosures of an entry: decision, case, reference, officer, and from here on the four grounds of a release, and its caveats. */
#define DISCLOSED_GROUNDS 4
#define DISCLOSED_CAVEATS (DISCLOSED_GROUNDS + 4)
#define DISCLOSED_STATED  (DISCLOSED_CAVEATS + 1) /* the group of what the envelope states */
#define DISCLOSED_ALL     (DISCLOSED_STATED + 1)
/* Fresh random bytes of one decision, drawn at once. */
struct exchange_random {
	uint8_t id[10];
	struct salt salt;       /* of what leaves; goes to the recipient with it */
	struct salt input_salt; /* of what came; never leaves, so that dropped fields cannot be guessed */
	uint8_t nonce[12];
	uint8_t disclosures[DISCLOSED_ALL][16];
	uint8_t leaf[ENTRY_RANDOM], decoys[ENTRY_RANDOM]; /* of the audit entry */
	uint8_t seed[32];                                 /* of the transforms */
};

enum exchange_kind {
	EXCHANGE_EGRESS, /* own agency's system: to the outbox */
	EXCHANGE_SINGLE, /* a partner's system, raw records: full enforcement, to the inbox */
	EXCHANGE_INGRESS /* a partner's gateway: verified and narrowed, to the inbox */
};

/* The version that a correction replaces. */
struct corrected {
	uint64_t seq;     /* 0: corrects nothing */
	struct uuid id;   /* this gateway's */
	int64_t base_ms;  /* release of the first version; of one that is not here, of the one before */
	uint32_t version; /* of this one: 2 for the first correction */
};

/* The exchange by which data came that are passed on: named by the envelope, or by way of what it corrects. */
struct passed_on {
	uint64_t seq; /* 0: none was found */
	bool implied; /* the envelope names none, and corrects what was passed on */
	bool astray;  /* what the envelope corrects was passed on from another one, or from none */
	bool unnamed; /* the record is one that came here, and the envelope does not name the exchange by which */
	bool known;   /* `caveats` is what came with it; their words lie in written.mem */
	struct caveats caveats;
};

/* All that a decision finds, and the rows that follow from it. Each decision starts with one assignment to the whole:
 * what an earlier one on the same record found cannot stand in a later one's entry. No buffer is in it and nothing that
 * must be given back. */
struct decided {
	struct submission asked;
	struct view text;              /* the envelope's bytes */
	bool drawn;                    /* `random` is fresh; else nothing may be written */
	struct exchange_random random; /* wiped when it is let go */
	enum exchange_kind kind;
	struct tape tape;
	struct envelope envelope;
	struct agreement *agreement; /* the conf's */
	struct decision decision;
	struct error error;          /* why, when a step before the decision failed */
	struct digest input, output; /* salted digests of the record */
	struct digest consent_told;  /* consent_told() of the consent that it rests on; zeros: none */
	struct uuid id, origin;
	unsigned checked;      /* CHECKED_…, as its log says */
	struct beside beside;  /* what leaves beside the record; in the decider's scratch */
	struct digest members; /* of all of it, salted; zeros: it does not go to another gateway */
	int64_t origin_ms;     /* when the first gateway released it, as its log says */
	struct corrected corrects;
	struct passed_on onward;
	uint64_t onward_of;    /* exchange that the data came by, and may be passed on from; 0: none */
	struct digest caveats; /* salted digest of what written.caveats has */
	struct digest
	        mark; /* keyed digest of what came here, by which a copy is known, or of what is this agency's own; zeros: none */
	struct digest
	        posted; /* the same of what was posted without an exchange that it passes on; zeros: it is not egress */
	bool proved;    /* a gateway's: its log says that this record left for us, in this exchange */
	bool final;     /* the answer is kept for its key; false: the sender tries again */
	int status;     /* HTTP, of the answer in `written` */

	/* rows, with views into `written` */
	struct store_exchange row;
	bool keeps_payload, delivers, receives;
	struct store_timer timer;
	struct digest series; /* delivery.series lies here */
	struct store_delivery delivery;
	struct store_inbox inbox;
	struct store_unproved unproved; /* size 0: it may be handed out at once */
	struct store_consent consent;   /* `told` zeros: it rests on none */
};

/* What was taken from others for the record, and goes back by a call. */
struct reserved {
	struct quota_use quota;          /* until the release is committed or nothing is released; once a record */
	struct surrogate_use surrogates; /* until then, or until the record is decided anew */
	struct key_lease key;            /* of the payload, from its sealing on; the same */
	struct shape *shape;             /* that its decision names; NULL: it lists each leaf, or none leaves */
	bool shape_is_new;               /* it was not stored: core->shapes_underway counts it */
};

/* Buffers, used for one record after another. */
struct written {
	struct arena mem;  /* views of the rows */
	struct buf sealed; /* nonce, then AES-256-GCM of salts and record */
	struct buf answer; /* JSON without receipt and closing brace */
	struct buf leaf;
	struct disclosures sd;
	struct buf members; /* envelope members for the delivery, or the inbox' body */
	struct buf caveats; /* under which it travels, JSON */
	struct buf prior;   /* the first answer, when it is replayed */
	struct buf result;  /* the finished answer */
};

/* What the writer found, and the answer's head that follows from it. */
struct found {
	enum store_accepted accepted;
	bool keyed; /* a row names the slot of its key */
	int prior_status;
	uint64_t index; /* audit index of the answer's entry */
	struct uuid answer_id;
	int status; /* HTTP, of `written.result` */
};

struct stops_picture;
struct exchange {
	struct job job;          /* first: the writer hands it back */
	struct decider *decider; /* by whom it was decided; NULL: not yet */
	struct exchange *next_free;
	struct decided decided;
	struct stops_picture *stops; /* the acts in effect, by which it was decided; NULL: none */
	uint64_t generation;         /* stops_generation() then */
	struct reserved reserved;
	struct written written;
	struct found found;
	void (*done)(struct exchange *x); /* exchange_commit() */
	void *owner;
};

/* --- memory (exchange_memory.c) --- */

/* From those that are not in use, or a new one. NULL: no memory. It is given back once it was decided. */
struct exchange *exchange_take(struct decider *d) MUST_USE;
/* Lets go of a decision: wipes what was of the record, gives surrogates and key back. The quota stays reserved. */
void exchange_forget(struct exchange *x);
/* Gives it back to its decider, with all that it had reserved. */
void exchange_recycle(struct exchange *x);
/* The same when its decider is gone: nothing may be under way. NULL is fine. */
void exchange_free(struct exchange *x);

/* --- deciding (exchange.c) --- */

/* The steps, on `text`, which stays until the exchange is recycled. What an earlier decision on the same record found
 * is forgotten, but for its quota, which is reserved once. `x` has the decision afterwards, whatever it is. True:
 * something would leave, now or after a person's decision. */
bool exchange_decide(struct decider *d, const struct submission *s, struct view text, struct exchange *x);
/* The main reason of a refusal, REASON_NONE when released. */
enum reason exchange_reason(const struct exchange *x);
bool exchange_is_release(const struct exchange *x);
/* SHA-256(salt || bytes). */
void exchange_salted(const struct salt *salt, struct view bytes, struct digest *out);
/* What it follows from (exchange_follow.c): the record that it corrects, the exchange that it passes on. A step. */
bool exchange_follow(struct exchange *x);
/* Two steps about the codes under which it travels (exchange_caveats.c): what came with the exchange that it passes on,
 * before it is asked whether it may; and, after, what all of them together are. */
bool exchange_inherit(struct exchange *x);
bool exchange_caveats(struct exchange *x);
/* A copy of what came here (exchange_copies.c): marks what comes, as it is handed out, and what leaves as the agency's own; and
 * asks of what is posted whether it is one of which the envelope does not name the exchange, where the store has any mark.
 * False: the store cannot say. */
void exchange_mark(struct exchange *x, const struct tape *out); /* `out`: of the record that is handed out */
bool exchange_find_copy(struct exchange *x);

/* --- preparing (exchange_rows.c) --- */

/* Fills the rows, the audit entry and the answer from the decision. False: memory or random bytes ran out, nothing may
 * be written. */
bool exchange_prepare(struct exchange *x) MUST_USE;

/* --- the shape that a decision names (exchange_shape.c) --- */

/* Of a release. False: the decision lists each leaf, for the agreement has as many shapes as are kept, or memory ran out. */
bool exchange_take_shape(struct exchange *x, struct shape_use *use);
/* It goes back; `stored`: it is in the store now. */
void exchange_settle_shape(struct exchange *x, bool stored);
/* Only inside its job's run(): the entry with its disclosures; x->found.index is its place. */
bool exchange_append(struct exchange *x, struct writer *w, struct error *e) MUST_USE;

/* --- writing (exchange_commit.c) --- */

/* Hands what exchange_prepare() has filled to the writer; `prepared` is its answer. `done` is called on the decider's
 * thread after the commit, or at once when nothing was prepared: x->found and x->written.result are the answer. It
 * recycles the exchange, or keeps it. */
void exchange_commit(struct exchange *x, bool prepared, void (*done)(struct exchange *x), void *owner);
/* Only inside a job's run(), with the row's seq set: payload, timer, outbox or inbox row and quota of a release, or the
 * payload of what is held. */
bool exchange_write_payload(struct exchange *x, struct writer *w, struct store *s, struct error *e) MUST_USE;
/* Only inside a job's run(), with the row's seq set and all its rows written (exchange_follow.c): the links, and what
 * the correction replaces. */
bool exchange_write_links(struct exchange *x, struct writer *w, struct store *s, struct error *e) MUST_USE;

#endif
