/* How far something long has come, as one line that is written over itself: on a terminal only, and to stderr, so that
 * what a command prints stays what it was. One thread. */
#ifndef GATEWAYD_CTL_PROGRESS_H
#define GATEWAYD_CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	const char *what; /* "entries" */
	uint64_t from, total;
	int64_t began_ms, shown_ms; /* monotonic */
	bool on, shown;
};

/* From `from` of `total`; silent where stderr is no terminal. */
void progress_begin(struct progress *p, const char *what, uint64_t from, uint64_t total);
/* `done` of the total; shows at most five times a second, and nothing of what takes less than a second. */
void progress_at(struct progress *p, uint64_t done);
/* Takes the line away. */
void progress_end(struct progress *p);

/* The line, without a newline: "410,000 of 1,000,003 entries, 41 %, 52,300 a second, 12 s left". */
void progress_line(const struct progress *p, uint64_t done, int64_t now_ms, char *out, size_t size);

#endif
