/* Notices: what two gateways tell each other about an exchange besides its record. The recipient's gateway sends
 * receipts of duties and what is returned, the provider's recalls, either holds and their lifting. A notice travels
 * with the proof of an audit entry of its sender, which has the digest of the notice's body; whoever takes it
 * answers with a receipt of the entry that says so. Both logs hold it, and neither side can deny it.
 *
 *   POST /v1/exchanges/{the first gateway's id}/notices
 *
 * Sending: notice_send() or notice_put() inside a job; notice_out.c sends after the commit, of one exchange in the
 * order of their making, until the notice arrived or is given up. Taking: notice_in.c verifies, and one job of the
 * writer takes it once. What a kind does at either end is its row of core/notice_kinds.c. */
#ifndef GATEWAYD_CORE_NOTICE_NOTICE_H
#define GATEWAYD_CORE_NOTICE_NOTICE_H

#include <jansson.h>

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/notice.h"
#include "lib/base/ids.h"
#include "lib/tlog/entry.h"

#define NOTICE_BODY_MAX 65536
/* Of one exchange and all kinds; a partner that sends more is refused. */
#define NOTICES_TAKEN_MAX 256

struct notice {
	enum notice_kind kind;
	uint64_t seq;          /* the exchange: it came from, or went to, a gateway */
	struct view recipient; /* agency */
	uint64_t entry;        /* of the audit entry whose proof travels, among all logs (store.h) */
	struct view body;      /* a JSON object's text, at most NOTICE_BODY_MAX bytes; never a record */
};

/* What the entry of a notice must say, into `e`: operation, recipient, the SHA-256 of the body as output, and the
 * kind's name as note unless the caller has set one, which then begins with that name and ": " and goes on in at most 32
 * small letters, spaces and hyphens. The caller sets
 * exchange, origin, agreement and agreement_digest from the exchange's row, and for NOTICE_RETURN input:
 * SHA-256(salt || record) of the payload as it lies in the store. */
void notice_entry(const struct notice *n, struct entry *e);
bool notice_note_fits(enum notice_kind k, struct view note);
/* What a body has that its kind does not, as a place and a sentence; NULL: nothing. Beside these members, each a short
 * text in ASCII without spaces, one gateway tells the other nothing: who takes a member looks it up on its list. */
const char *notice_body_fault(enum notice_kind k, json_t *body);
/* Only inside a job's run(), after the entry was appended: the notice leaves after the commit. */
bool notice_put(struct store *s, const struct notice *n, int64_t now_ms, struct error *e) MUST_USE;
/* Both, and what the row gives: fills `entry` (peer and what else it says are the caller's, in its own memory), appends it, sets n->entry and puts the notice. `d` may be NULL. */
bool notice_send(const struct act *a, struct notice *n, struct entry *entry, struct disclosures *d,
                 struct error *e) MUST_USE;

/* {"sent":[…],"taken":[…]}: all notices of an exchange. Of those that arrived the partner's receipt, of those that
 * were taken the partner's proof: texts that verify offline by the key of the partner's log. */
bool notice_list(struct store *reader, uint64_t seq, struct buf *out, struct error *e) MUST_USE;

/* A notice that arrived, verified. */
struct notice_in {
	struct job job;          /* first */
	struct request *request; /* peer, conf and now_ms */
	enum notice_kind kind;
	bool from_recipient; /* the sender received what this node provided; false: it is the provider */
	json_t *body;
	struct view body_text; /* its exact bytes */
	struct view record;    /* NOTICE_RETURN: exact bytes; otherwise empty */
	struct salt salt;      /* with it: its digest is in the sender's entry */
	/* notice_in.c's. */
	uint64_t seq;
	struct uuid exchange, own;   /* the first gateway's id; this node's, zero: none is known */
	struct buf entry, proof;     /* the sender's */
	struct digest digest;        /* of the sender's entry */
	struct error found, refused; /* before the job; by it or before it */
	struct buf leaf;
	uint64_t index;
	bool first;
	bool overdue; /* take()'s: a receipt came that was overdue (overdue.h) */
};
/* How a notice ended that was sent. */
struct notice_end {
	struct core *core;
	struct job *job;
	enum notice_kind kind;
	uint64_t seq;
	struct uuid exchange; /* this node's id */
	struct view recipient;
	bool arrived;
	struct view error; /* slug; why it did not */
	int64_t now_ms;
};
/* What a kind of notice does; struct core hands the table down. take() and ended() run in the writer's job and may be called
 * twice (writer.h); false rolls it back. */
struct notice_work {
	/* Takes a notice for exchange `x` (its views live until the next call on `s`); writes its effect, or refuses it
	 * by notice_refuse() before it wrote anything. */
	bool (*take)(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
	             struct error *e);
	/* On the worker's thread, after the commit of take(). NULL: nothing is left to do. */
	void (*taken)(const struct notice_in *in);
	/* NULL: nothing is left to do. */
	bool (*ended)(const struct notice_end *end, struct writer *w, struct store *s, struct error *e);
};
/* Answers true, for `return notice_refuse(…)` in take(). The reason is told to the sender, the text is only logged. */
bool notice_refuse(struct notice_in *in, enum reason reason, const char *text);

/* The worker's thread: reads, finds the exchange, verifies the sender's proof. False: in->found says why. */
bool notice_read(struct notice_in *in) MUST_USE;

/* POST /v1/exchanges/{id}/notices. */
void handle_notice(struct request *r);

#endif
