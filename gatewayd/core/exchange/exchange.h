/* One record, from envelope to answer. exchange.c is the page to read: who are you, which agreement covers
 * this, may it, does it fit, what may pass and in what form. exchange_store.c writes what was decided, in
 * one transaction, and answers after its commit. The worker's thread; only exchange_store.c's run is the
 * writer's. */
#ifndef GATEWAYD_CORE_EXCHANGE_EXCHANGE_H
#define GATEWAYD_CORE_EXCHANGE_EXCHANGE_H

#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/exchange/surrogates.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "lib/base/ids.h"
#include "lib/policy/decision.h"
#include "lib/tlog/entry.h"

/* Bytes of one answer without its receipt, at most. */
#define ANSWER_MAX (256u * 1024)

/* A worker's exchanges that are not in use. Their part (core/parts.c): the worker's thread. */
struct decider {
	struct exchange *free;
};
void *decider_new(struct worker *w) MUST_USE;
void decider_free(void *decider);

/* Fresh random bytes of one exchange, drawn at once. */
struct exchange_random {
	uint8_t id[10];
	struct salt salt;       /* of what leaves; goes to the recipient with it */
	struct salt input_salt; /* of what came; never leaves, so that dropped fields cannot be guessed */
	uint8_t key[32];        /* of the payload */
	uint8_t nonce[12];
	uint8_t disclosures[6][16];
	uint8_t seed[32]; /* of the transforms */
};

enum exchange_kind {
	EXCHANGE_EGRESS, /* own agency's system: to the outbox */
	EXCHANGE_SINGLE, /* a partner's system, raw records: full enforcement, to the inbox */
	EXCHANGE_INGRESS /* a partner's gateway: verified and narrowed, to the inbox */
};

struct exchange {
	struct job job; /* first: the writer hands it back */
	struct exchange *next_free;
	struct worker *worker;
	struct request *request;
	unsigned line; /* of NDJSON, from 0 */
	bool dry_run;  /* /validate: nothing is stored but an audit entry */
	bool final;    /* the answer is kept for its key; false: the sender tries again */

	/* decided */
	enum exchange_kind kind;
	struct exchange_random random;
	struct view text; /* the envelope's bytes */
	struct tape tape;
	struct envelope envelope;
	struct agreement *agreement; /* the conf's */
	struct decision decision;
	struct error error;          /* why, when a step before the decision failed */
	struct digest input, output; /* salted digests of the record */
	struct uuid id, origin;
	int64_t origin_ms;               /* when the first gateway released it, as its log says */
	struct quota_use quota;          /* reserved until the release is committed or nothing is released */
	struct surrogate_use surrogates; /* held until the release is committed or nothing is released */
	bool approved;                   /* a person has decided: what would be held is released */
	bool batch;                      /* somebody counts it among others: k-guards are seen to */
	uint8_t suppressed;              /* k-guards of the program whose fields are withheld */
	const char *rare;                /* rule of the k-guard that refuses the record, or NULL */
	struct corrected {
		uint64_t seq;     /* 0: corrects nothing */
		struct uuid id;   /* this gateway's */
		int64_t base_ms;  /* release of the first version */
		uint32_t version; /* of this one: 2 for the first correction */
	} corrects;
	uint64_t onward_of; /* exchange that the data came by; 0: none */

	/* written */
	struct arena mem; /* views of the rows below */
	struct store_exchange row;
	bool keeps_payload, delivers, receives;
	struct buf sealed; /* nonce, then AES-256-GCM of salts and record */
	struct buf answer; /* JSON without receipt and closing brace */
	struct buf leaf;
	struct disclosures sd;
	struct store_timer timer;
	struct store_delivery delivery;
	struct store_inbox inbox;
	struct buf members; /* envelope members for the delivery, or the inbox' body */

	/* what the writer found */
	enum store_accepted accepted;
	struct buf prior; /* the first answer, when it is replayed */
	int prior_status;
	uint64_t index; /* audit index of the answer's entry */
	struct uuid answer_id;
	struct buf result; /* the finished answer */
	int status;
};

/* Decides one envelope of a request and hands it to the writer; the answer goes out after COMMIT.
 * `line` is its place in NDJSON, 0 otherwise; the request counts it as pending. */
void exchange_start(struct request *r, unsigned line, struct view text, bool dry_run);
/* The first half of that: an exchange with fresh ids and random bytes, not decided yet. NULL: it could not begin. */
struct exchange *exchange_begin(struct request *r, unsigned line, struct view text, bool dry_run) MUST_USE;
/* Takes back what was decided and prepared, but for what was reserved, to decide the same record anew. False: there are
 * no random bytes. */
bool exchange_again(struct exchange *x) MUST_USE;
/* The steps themselves, on x->text with fresh x->random and x->id set; x->decision is complete afterwards.
 * True: something would leave, now or after a person's decision. */
bool exchange_decide(struct exchange *x);
/* Fills the rows, the audit entry and the answer from the decision. False: memory ran out, nothing may be
 * written. */
bool exchange_prepare(struct exchange *x) MUST_USE;
/* Prepares and submits. */
void exchange_submit(struct exchange *x);
/* Submits what exchange_prepare() has filled; `prepared` is its answer. */
void exchange_hand_over(struct exchange *x, bool prepared);
/* Only inside a job's run(), with x->row.seq set: payload, timer, outbox or inbox row and quota of a release,
 * or the payload of what is held. */
bool exchange_write_payload(struct exchange *x, struct writer *w, struct store *s, struct error *e) MUST_USE;
bool exchange_is_release(const struct exchange *x);
/* An exchange of the request could not even begin: nothing was decided, its sender is told so. */
void exchange_lost(struct request *r);
/* Takes an exchange from the worker's free ones, or makes it. NULL: no memory. */
struct exchange *exchange_take(struct request *r, unsigned line) MUST_USE;
/* Gives it back; wipes what was of the record. */
void exchange_recycle(struct exchange *x);
void exchange_free(struct exchange *x);

/* What it follows from (exchange_follow.c): the record that it corrects, the exchange that it passes on. Worker's
 * thread, after authorisation. */
bool exchange_follow(struct exchange *x);
/* Only inside a job's run(), with x->row.seq set and all its rows written: the links, and what the correction replaces. */
bool exchange_write_links(struct exchange *x, struct writer *w, struct store *s, struct error *e) MUST_USE;

/* The main reason of a refusal, REASON_NONE when released. */
enum reason exchange_reason(const struct exchange *x);

#endif
