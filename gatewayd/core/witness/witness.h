/* Witnessing, both sides (C2SP tlog-witness, tlog-cosignature, tlog-policy). Each gateway cosigns the checkpoints of its
 * partners' logs when they only grew, whoever brings them, and asks its partners, and the witnesses that the node file
 * names, to cosign its own. A log whose
 * older state was put back, or that has two versions, cannot hide it: a partner holds a later checkpoint that
 * the log's own key signed. Then this node gives no service (exit 78) until an operator begins a new epoch.
 *
 * Beside the standard's POST /add-checkpoint a witness answers GET /witnessed/<origin>: the last checkpoint of
 * that log that it cosigned, with the log's signature, so that what it claims is proved by the log's own key.
 *
 * witness.c cosigns and witness_show.c shows, on workers' threads. witness_ask.c asks, on the first worker's thread. */
#ifndef GATEWAYD_CORE_WITNESS_WITNESS_H
#define GATEWAYD_CORE_WITNESS_WITNESS_H

#include "gatewayd/core/serve/worker.h"
#include "lib/tlog/note.h"

/* What all threads share; immutable but for the atomics. */
struct witness {
	struct note_vkey log;      /* of this node's own log */
	struct note_signer signer; /* cosigns others' logs; key NULL: this node has none and is no witness */
	/* Every witness was asked once, or could not be reached: the log may grow and records may be taken. */
	_Atomic bool settled;
	_Atomic uint64_t cosigned, incidents, cosignatures, failures; /* for metrics: given, found; had, missed */
	/* Witnesses that have owed a cosignature for too long; those that are no interested party and not silent, of all. */
	_Atomic uint64_t silent, independent, of_independent;
	_Atomic uint64_t named;    /* that this node asks */
	_Atomic int64_t latest_ms; /* witness_latest_ms() */
	_Atomic int64_t near_ms;   /* witness_near_ms() */
};

/* Reads keys/witness.key, which may be missing. NULL on error. */
struct witness *witness_open(const struct core *c, const struct ed25519_key *audit, struct error *e) MUST_USE;
void witness_free(struct witness *w);
bool witness_settled(const struct core *c);
/* The newest time at which a partner cosigned this node's log, by that partner's clock; TIME_NONE without one. A
 * clock that is behind it is behind. Any thread. */
int64_t witness_latest_ms(const struct core *c);
/* The same of those alone that did not lie a day ahead of this node's clock when they were had: one witness that says whatever
 * takes the others' word from nobody. What confirms a clock is this. */
int64_t witness_near_ms(const struct core *c);
/* A verified cosignature of `time_s` was had. */
void witness_seen(struct witness *w, uint64_t time_s);
/* Takes that time from the stored cosignatures, verified anew; at start, before any thread. */
bool witness_recall(struct witness *w, const struct conf *conf, struct store *s, struct error *e) MUST_USE;
/* The name of a node's witness key, `<host>/witness/<node>`: it stays over epochs. */
/* Main thread, once the workers run: until witness_settled(), a few seconds at most. False when the log turned
 * out not to be the one that partners saw, or the daemon goes down for another reason. */
bool witness_wait(const struct core *c) MUST_USE;

/* The asking side; the first worker has one. */
void *witness_ask_new(struct worker *w) MUST_USE;
void witness_ask_free(void *asking);
void witness_ask_tick(void *asking);

/* The partner whose log has this origin, or NULL. */
const struct partner *witness_find_log(const struct conf *c, struct view origin);

void handle_checkpoint(struct request *r);
void handle_add_checkpoint(struct request *r);
void handle_witnessed(struct request *r);
void handle_monitored(struct request *r);
/* POST /evidence: evidence.c; GET /evidence, and GET /evidence/<digest>: evidence_show.c. */
void handle_evidence(struct request *r);
void handle_evidence_list(struct request *r);
void handle_evidence_text(struct request *r);

#endif
