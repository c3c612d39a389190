/* See send_progress.h. */
#include "gatewayd/ctl/send_progress.h"

#include <stdio.h>
#include <unistd.h>

#include "gatewayd/os/instant.h"

#define BAR      24
#define DRAWN_MS 100

void send_progress_start(struct send_progress *p, uint64_t done, uint64_t total)
{
	*p = (struct send_progress){
		.shown = isatty(STDERR_FILENO) == 1, .total = total, .began = done, .start_ms = instant_monotonic_ms()
	};
}

static void draw_bar(const struct send_progress *p, uint64_t done)
{
	char bar[BAR + 1];
	uint64_t full = done < p->total ? done * BAR / p->total : BAR;

	for (uint64_t i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = 0;
	fprintf(stderr, "[%s] %llu/%llu", bar, (unsigned long long)done, (unsigned long long)p->total);
}

void send_progress_show(struct send_progress *p, uint64_t done, uint64_t refused, const char *waits)
{
	int64_t now_ms = instant_monotonic_ms(), took_ms = now_ms - p->start_ms;

	if (!p->shown || (now_ms - p->drawn_ms < DRAWN_MS && !waits))
		return;
	p->drawn_ms = now_ms;
	double a_second = took_ms > 0 ? (double)(done - p->began) * 1000 / (double)took_ms : 0;
	fputs("\r\033[K", stderr);
	if (p->total)
		draw_bar(p, done);
	else
		fprintf(stderr, "%llu", (unsigned long long)done);
	fprintf(stderr, "  %.0f records/s", a_second);
	if (p->total > done && a_second > 0) {
		uint64_t left_s = (uint64_t)((double)(p->total - done) / a_second);
		fprintf(stderr, "  ETA %llu:%02llu:%02llu", (unsigned long long)(left_s / 3600),
		        (unsigned long long)(left_s / 60 % 60), (unsigned long long)(left_s % 60));
	}
	if (refused)
		fprintf(stderr, "  %llu refused", (unsigned long long)refused);
	if (waits)
		fprintf(stderr, "  waits: %s", waits);
}

void send_progress_end(struct send_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
