/* C2SP tlog-policy: which logs, and which witnesses in what number, make a checkpoint valid. The file is the
 * verifier's own and comes from elsewhere than what is verified. Immutable once parsed: any thread. */
#ifndef GATEWAY_TLOG_TRUST_H
#define GATEWAY_TLOG_TRUST_H

#include "lib/tlog/note.h"

#define TRUST_LOGS_MAX  64
#define TRUST_NAMES_MAX 128 /* witnesses and groups together */

struct trust;

/* Reads a policy; REASON_CONFIG with the line. NULL on error. */
struct trust *trust_parse(struct view text, struct error *e) MUST_USE;
void trust_free(struct trust *t);

/* The logs of the policy, in its order; NULL past the last. */
const struct note_vkey *trust_log(const struct trust *t, size_t i);
/* Where that log is, as its line says; empty: the line does not. Lives as long as the policy. */
struct view trust_log_url(const struct trust *t, size_t i);

/* What the witnesses of a policy say of a checkpoint. A witness is independent when it is no interested party: no
 * gateway, whose witness key is named `<host>/witness/<node>`, and of no host that has a log in the policy. Those
 * exchange with each other and cosign each other. */
struct trust_witnessed {
	unsigned cosigned;                    /* witnesses with a valid cosignature */
	unsigned independent, of_independent; /* those among them that are, of so many in the policy */
	unsigned
	        unknown; /* witnesses whose algorithm is not known here, or not to this OpenSSL: they count as not met */
	bool quorum;     /* it is reached, or the policy asks for none */
	uint64_t time_s; /* the latest time from which on the quorum's cosignatures are; 0: none */
};
bool trust_is_gateway(const char *name); /* by the form of a witness key's name */
/* `text` and `signatures` are a checkpoint's (note_split()); the log's own signature is not looked at. False,
 * REASON_TAMPERED: a line of a known key does not verify. */
bool trust_weigh(const struct trust *t, struct view text, struct view signatures, struct trust_witnessed *out,
                 struct error *e) MUST_USE;

/* A checkpoint is valid when one of the logs signed it, whose name is its origin, and the quorum cosigned
 * it. A wrong signature of a known key spoils it. `*log` (may be NULL) gets the log, `*witnessed` (may be NULL)
 * the witnesses. `out` looks into `note`. REASON_TAMPERED; REASON_NOT_COSIGNED where the quorum alone is
 * missing: then all of these are set, too. */
bool trust_check(const struct trust *t, struct view note, struct checkpoint *out, const struct note_vkey **log,
                 struct trust_witnessed *witnessed, struct error *e) MUST_USE;

#endif
