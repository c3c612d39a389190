/* See progress.h. */
#include "gatewayd/ctl/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gatewayd/os/instant.h"

#define EVERY_MS 200
#define QUIET_MS 1000

void progress_begin(struct progress *p, const char *what, uint64_t from, uint64_t total)
{
	int64_t now = instant_monotonic_ms();

	*p = (struct progress){ .what = what,
		                .from = from,
		                .total = total,
		                .began_ms = now,
		                .shown_ms = now,
		                .on = isatty(STDERR_FILENO) == 1 };
}

/* With commas between the thousands. */
static const char *grouped(uint64_t n, char out[32])
{
	char digits[24];
	size_t at = 0, count = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);

	for (size_t i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = 0;
	return out;
}

void progress_line(const struct progress *p, uint64_t done, int64_t now_ms, char *out, size_t size)
{
	char a[32], b[32], c[32];
	uint64_t took_ms = now_ms > p->began_ms ? (uint64_t)(now_ms - p->began_ms) : 1, came = done - p->from;
	uint64_t left_s = came ? (p->total - done) * took_ms / came / 1000 : 0;
	int n = snprintf(out, size, "%s of %s %s, %u %%, %s a second", grouped(done, a), grouped(p->total, b), p->what,
	                 p->total ? (unsigned)(done * 100 / p->total) : 100, grouped(came * 1000 / took_ms, c));

	if (n < 0 || (size_t)n >= size || !came)
		return;
	if (left_s >= 120)
		snprintf(out + n, size - (size_t)n, ", %llu min left", (unsigned long long)(left_s / 60));
	else
		snprintf(out + n, size - (size_t)n, ", %llu s left", (unsigned long long)left_s);
}

void progress_at(struct progress *p, uint64_t done)
{
	int64_t now = p->on ? instant_monotonic_ms() : 0;
	char line[160];

	if (!p->on || now - p->began_ms < QUIET_MS || now - p->shown_ms < EVERY_MS)
		return;
	progress_line(p, done, now, line, sizeof line);
	fprintf(stderr, "\r\033[K%s", line);
	p->shown_ms = now;
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->on = p->shown = false;
}
