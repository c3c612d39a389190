/* gatewayctl doctor: what a colleague would look at, a finding each, with what to do. What is looked at is told apart from what is
 * found of it, so that tests judge what they like: doctor_machine.c and doctor_peers.c look, doctor_judge.c judges. */
#ifndef GATEWAYD_CTL_DOCTOR_H
#define GATEWAYD_CTL_DOCTOR_H

#include <jansson.h>

#include "gatewayd/core/conf/conf.h"

/* In this order the exit status of the command. */
enum verdict { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAULT };

struct doctor {
	json_t *findings; /* check, verdict, text */
	enum verdict worst;
	int64_t now_ms;
};
const char *verdict_name(enum verdict v);
void doctor_say(struct doctor *d, const char *check, enum verdict v, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* doctor_judge.c: of the daemon's answers to status, clock-show and retention-overdue. */

void doctor_judge_status(struct doctor *d, const json_t *status, const char *build);
void doctor_judge_clock(struct doctor *d, const json_t *clock);
void doctor_judge_duties(struct doctor *d, const json_t *overdue);
/* `median_us`: how long a write and fdatasync(2) of a page took. */
void doctor_judge_sync(struct doctor *d, const char *folder, uint64_t median_us, bool in_memory);
void doctor_judge_space(struct doctor *d, const char *path, uint64_t free_bytes, uint64_t kept);
/* An agreement's text. */
void doctor_judge_agreement(struct doctor *d, struct view text);
/* A partner's answer to GET /v1/peer, of whom our file says `p`. `log`: the verifier key of our own log. */
void doctor_judge_peer(struct doctor *d, const struct partner *p, const char *agency, const char *log, int status,
                       const json_t *answer);

/* doctor_machine.c. The configuration, with what the machine lacks for it; NULL: it does not load, which is said. */
struct conf *doctor_configuration(struct doctor *d, const char *path);
void doctor_machine(struct doctor *d, const struct conf *c);

/* doctor_peers.c: asks each partner's gateway, by this node's certificate. */
void doctor_peers(struct doctor *d, const struct conf *c);

#endif
