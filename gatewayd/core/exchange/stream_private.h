/* Streams: NDJSON of any length, decided as it comes. Lines are cut from the body, decided and committed like those of a
 * batch, and each result is sent, in order, when its commit has returned. What is held is bounded: the line under way, lines
 * between decision and commit, and results that the peer has not read; while that is full, no more is read.
 *
 * The answer is 200, and begins with the first result. What ends a stream before its time is the result of a last line that
 * was not sent: the partner's day is used up, nobody reads the results, no record is taken at the moment. Lines are paced by the
 * partner's rates, and all that was read counts, also what is no line. The worker's thread. */
#ifndef GATEWAYD_CORE_EXCHANGE_STREAM_PRIVATE_H
#define GATEWAYD_CORE_EXCHANGE_STREAM_PRIVATE_H

#include "gatewayd/core/exchange/exchange.h"

/* Takes the request over, whole or not. */
void stream_start(struct request *r);

/* records.c: what stands for all envelopes of the request; and, where one was refused, what that costs beside its place. */
struct submission records_submission(const struct request *r, bool dry_run);
void records_count_refusal(const struct request *r, const struct exchange *x);

/* White space alone (RFC 8259 section 2) is no line. */
bool records_line_is_empty(struct view line);

#endif
