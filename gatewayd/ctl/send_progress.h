/* How far `gatewayctl send` is, on one line of a terminal; elsewhere nothing. One thread. */
#ifndef GATEWAYD_CTL_SEND_PROGRESS_H
#define GATEWAYD_CTL_SEND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct send_progress {
	bool shown;     /* standard error is a terminal */
	uint64_t total; /* lines; 0: not known */
	uint64_t began; /* how many were done at the start */
	int64_t start_ms, drawn_ms;
};

/* From `done` lines on. */
void send_progress_start(struct send_progress *p, uint64_t done, uint64_t total);
/* Draws it, at most ten times a second. `waits`: what it waits for, NULL: it goes on. */
void send_progress_show(struct send_progress *p, uint64_t done, uint64_t refused, const char *waits);
/* The line goes. */
void send_progress_end(struct send_progress *p);

#endif
