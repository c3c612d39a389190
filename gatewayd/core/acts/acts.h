/* Acts of persons (lib/policy/signed_act.h): how they come, over HTTP, from a partner's gateway or the control socket; how they are
 * counted, inside the writer's transaction; how they go on to the gateways of every party; and how their time ends. What they stop is
 * stops.h.
 *
 *   act_submission_new() ─▶ act_submit() ─▶ done() ─▶ act_submission_free()
 *
 * The signature decides, not who shows it: whoever has none cannot make an act, and one that is shown twice counts once. */
#ifndef GATEWAYD_CORE_ACTS_ACTS_H
#define GATEWAYD_CORE_ACTS_ACTS_H

#include "gatewayd/core/audit/testimony.h"
#include "gatewayd/core/serve/request.h"
#include "gatewayd/core/store/act.h"
#include "lib/policy/council.h"

/* A signature that was verified. */
struct act_signature {
	struct act_vote vote;
	char seat[72], agency[72];
	struct buf cms;
};

struct act_submission {
	struct job job; /* first */
	/* Its maker's, before act_submit(). */
	struct core *core;
	struct store *reader; /* of the thread that makes it */
	struct home *home;
	struct lane *lane;
	struct conf *conf; /* a reference of its own */
	const char *peer;  /* partner id; NULL: the control socket, and `uid` is the operator's */
	const char *from;  /* agency whose gateway shows it; NULL: no gateway does */
	unsigned uid;
	int64_t now_ms;
	void (*done)(struct act_submission *s); /* the home's thread; frees it */
	void *owner;
	/* What became of it. */
	struct error refused; /* REASON_NONE: it was taken, or known */
	bool logged;          /* the log has an entry of this attempt: `index`, `leaf`, and the job's receipt */
	struct digest digest;
	enum act_kind kind; /* ACT_KINDS: the text could not be read */
	enum act_state state;
	int64_t due_ms; /* as of the row */
	bool first;     /* it brought something new */
	struct buf lacks, leaf;
	uint64_t index;
	/* act_submit.c's. */
	struct signed_act *act;
	const struct agreement *agreement;
	struct act_signature signatures[COUNCIL_SEATS_MAX];
	size_t n_signatures;
	struct error found;  /* what was wrong before the job */
	struct digest shown; /* what was shown, for attempts that come again */
	bool moved, submitted;
	struct testimony testimony;
};
/* NULL: no memory. */
struct act_submission *act_submission_new(struct core *core, struct store *reader, struct home *home) MUST_USE;
void act_submission_free(struct act_submission *s);
/* Reads and verifies on the calling thread, and has the rest done by a job. `text`: the act's exact bytes; `signatures`: PEM or
 * DER, each of one signer. */
void act_submit(struct act_submission *s, struct view text, const struct view *signatures, size_t n);
/* The same of an act that is here already: REASON_NOT_FOUND in `refused`, and nothing is logged, where none has this digest. */
void act_submit_signatures(struct act_submission *s, const struct digest *digest, const struct view *signatures,
                           size_t n);
/* {"act":…,"state":…,…}: what became of it, the object left open. */
void act_print_outcome(const struct act_submission *s, struct buf *out);

/* An act with who signed it, for those whom it concerns. Signatures in full where `all`. */
bool act_print(struct store *reader, const struct store_act *row, bool all, struct buf *out, struct error *e) MUST_USE;
/* Whether an act under this agreement concerns a partner: its own agency, a party, a seat, or who oversees one of them. */
bool act_concerns(const struct conf *conf, struct view agreement, const struct partner *p, int64_t now_ms);

/* POST /v1/acts, POST /v1/acts/{digest}/signatures; GET /v1/acts, GET /v1/acts/{digest}. */
void handle_act(struct request *r);
void handle_acts(struct request *r);

/* What ends by time. Core's main thread. */
struct acts;
struct acts *acts_new(struct core *core, struct store *reader) MUST_USE; /* NULL: no memory */
void acts_free(struct acts *a);                                          /* after writer_stop() */
/* False when the store cannot be read. Nothing while its last job is under way, or when the clock is not to be trusted. */
bool acts_sweep(struct acts *a, int64_t now_ms, struct error *e) MUST_USE;
bool acts_busy(const struct acts *a);

/* Tells partners' gateways: a part of each worker. */
void *act_courier(struct worker *w);

#endif
