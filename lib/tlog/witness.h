/* C2SP tlog-witness, both sides of add-checkpoint: the log asks a witness to cosign its newest checkpoint and
 * proves that it grew from the one that the witness saw last. Any thread, no state: what a witness remembers
 * of a log is its caller's, who reads and writes it in one transaction around witness_judge(). */
#ifndef GATEWAY_TLOG_WITNESS_H
#define GATEWAY_TLOG_WITNESS_H

#include "lib/tlog/note.h"

#define WITNESS_PROOF_MAX 63

/* The body of POST /add-checkpoint. */
struct witness_request {
	uint64_t old; /* size that the witness saw last, as the log believes */
	struct digest proof[WITNESS_PROOF_MAX];
	unsigned n;
	struct view note; /* the signed checkpoint */
};
void witness_request_print(const struct witness_request *r, struct buf *out);
/* `out->note` looks into `body`. REASON_BAD_REQUEST (HTTP 400). */
bool witness_request_parse(struct view body, struct witness_request *out, struct error *e) MUST_USE;
/* The origin that the checkpoint claims, before anything is verified: to look up the log's keys and state.
 * An unknown origin is answered 404. REASON_BAD_REQUEST. */
bool witness_request_origin(const struct witness_request *r, struct view *origin, struct error *e) MUST_USE;

/* What a witness remembers of a log: the last checkpoint that it cosigned; size 0 before the first. */
struct witness_state {
	uint64_t size;
	struct digest root;
};

/* The HTTP status of the answer. */
enum witness_verdict {
	WITNESS_COSIGN = 200, /* remember `*c`, then answer with note_cosign() of its text */
	WITNESS_BAD_REQUEST = 400,
	WITNESS_FORBIDDEN = 403, /* no signature of a key that is trusted for the log, or a wrong one */
	WITNESS_CONFLICT = 409,  /* answer with witness_conflict_print(); media type text/x.tlog.size */
	/* The consistency proof is wrong, or the root is another than that of this size: evidence of a fork. */
	WITNESS_UNPROCESSABLE = 422
};
/* Judges a request by the keys of its log and what is remembered of it. `*c` and `*text` (what a cosignature
 * covers) look into the request and are set from WITNESS_CONFLICT on too, where the checkpoint is signed. */
enum witness_verdict witness_judge(const struct witness_request *r, const struct note_vkey *keys, size_t n,
                                   const struct witness_state *state, struct checkpoint *c, struct view *text,
                                   struct error *e);
void witness_conflict_print(const struct witness_state *state, struct buf *out);
/* The size in the body of a 409. */
bool witness_conflict_parse(struct view body, uint64_t *size, struct error *e) MUST_USE;

/* The log's side: appends to `lines` the first line of a 200 answer that is a valid cosignature of each of
 * `witnesses` over the checkpoint's text, and counts them. Lines of unknown keys are ignored; a line of a
 * known one that does not verify is REASON_TAMPERED. */
bool witness_response_take(struct view body, struct view text, const struct note_vkey *witnesses, size_t n,
                           struct buf *lines, unsigned *taken, struct error *e) MUST_USE;

#endif
