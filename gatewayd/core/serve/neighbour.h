/* How many things a courier may have under way to one recipient at once. A recipient begins with a few places and gets one
 * more with each answer, up to the kind's most. What finds it silent takes half of them; NEIGHBOUR_PATIENCE in a row shut
 * the way to it. From then on one thing at a time asks whether it is there again, after a pause that grows, and the first
 * answer opens the way.
 *
 *            NEIGHBOUR_PATIENCE times silent                pause over: one place
 *   open ───────────────────────────────────▶ shut ───────────────────────────────▶ asked ─▶ open, or shut for longer
 *
 * How many things one request may have grows likewise: a few of a recipient of which nothing is known, twice as many after each
 * request that was answered for all, half as many after silence, and what was told to fit after one that was in vain.
 *
 * An answer is any that says something of what was sent, a refusal too; 429, 5xx and none at all are silence. A courier's own; its
 * thread. */
#ifndef GATEWAYD_CORE_SERVE_NEIGHBOUR_H
#define GATEWAYD_CORE_SERVE_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/view.h"
#include "uthash.h"

#define NEIGHBOUR_FIRST    4 /* places of one of which nothing is known */
#define NEIGHBOUR_PATIENCE 3
#define NEIGHBOUR_LINES    16               /* things in one request to one of which nothing is known */
#define NEIGHBOUR_ONE_MS   (60 * 60 * 1000) /* so long is one that does not take many sent one by one */

struct node;

struct neighbour {
	char agency[72];
	unsigned places, under_way, silent; /* requests; silent: times in a row */
	unsigned parcels;                   /* things under way: in requests, or answered and not written yet */
	unsigned lines;                     /* things in one request, at most */
	int64_t one_until_ms;               /* until then one by one */
	bool more;                          /* more is due than there were places for */
	int64_t asked_ms;                   /* when it may be asked again, while it is shut */
	int64_t late_ms;                    /* when what is past its deadline is looked for again, while it is shut */
	UT_hash_handle hh;
};

/* Of `all`, made when it is not there; NULL: no memory. */
struct neighbour *neighbour_of(struct neighbour **all, struct view agency) MUST_USE;
void neighbours_free(struct neighbour **all);

/* All may be asked now. */
void neighbours_open(struct neighbour *all);

bool neighbour_shut(const struct neighbour *n);
/* Places that are free now. */
unsigned neighbour_room(const struct neighbour *n, int64_t now_ms);
/* What was under way ended. `status`: of the answer, 0 when none came; `most`: of places. Whether it opened or shut by
 * this. */
bool neighbour_ended(struct neighbour *n, int status, unsigned most, const struct node *node, int64_t now_ms);

/* How many things the next request may have, of the kind's `most`. */
unsigned neighbour_lines(const struct neighbour *n, unsigned most, int64_t now_ms);
/* A request with so many had a result for each. */
void neighbour_took(struct neighbour *n, unsigned lines, unsigned most);
/* A request with many had not: the next has `lines`. `form`: it does not take many at all. */
void neighbour_in_vain(struct neighbour *n, unsigned lines, bool form, int64_t now_ms);

#endif
