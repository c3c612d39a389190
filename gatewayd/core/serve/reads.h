/* How many reads each partner made this minute, over all workers, by the id of its file: a reload forgets none. A minute is
 * one of the wall clock, which answers name in Retry-After. Any thread. */
#ifndef GATEWAYD_CORE_SERVE_READS_H
#define GATEWAYD_CORE_SERVE_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/view.h"

struct reads;

struct reads *reads_new(void) MUST_USE;
void reads_free(struct reads *r);
/* Counts one; false when the partner has had `most` this minute, or memory ran out. */
bool reads_admit(struct reads *r, const char *partner, uint32_t most, int64_t now_ms) MUST_USE;

#endif
