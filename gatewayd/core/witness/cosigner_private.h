/* What is known of each witness that cosigns this node's log, over the requests to it: what it cosigned last, when it is
 * asked again, and whether it has been silent for too long. For witness_ask.c, on its thread. */
#ifndef GATEWAYD_CORE_WITNESS_COSIGNER_PRIVATE_H
#define GATEWAYD_CORE_WITNESS_COSIGNER_PRIVATE_H

#include "lib/tlog/note.h"

struct cosigner {
	char name[NOTE_NAME_MAX]; /* of its key */
	bool independent;         /* no partner, and no gateway's key by its name */
	uint64_t generation;      /* of the conf that names it last */
	bool under_way;           /* it is being asked */
	bool asked;               /* once, with whatever result */
	bool known;               /* `size` is what it cosigned last; else it has to be asked first */
	uint64_t size;
	/* monotonic */
	int64_t next_ms;    /* not asked before */
	int64_t refresh_ms; /* asked then also when nothing is new */
	int64_t owes_ms;    /* since when it owes a cosignature; 0: it owes none */
	unsigned failures;  /* in a row */
	bool silent;        /* the alarm was given */
	char why[200];      /* the last failure */
	struct cosigner *next;
};

/* Finds or makes it. NULL: no memory. */
struct cosigner *cosigner_get(struct cosigner **list, const char *name, bool outside) MUST_USE;
void cosigners_free(struct cosigner *list);
/* Whether it is to be asked now. Gives the alarm, in the name of `id`, when it has owed for `silence_ms`. */
bool cosigner_owes(struct cosigner *t, uint64_t newest, int64_t now_ms, int64_t silence_ms, const char *id) MUST_USE;
void cosigner_cosigned(struct cosigner *t, uint64_t size, int64_t now_ms, int64_t every_ms);
void cosigner_missed(struct cosigner *t, const char *why, int64_t now_ms);

struct cosigners_state {
	unsigned named, unasked, silent;
	unsigned independent, of_independent; /* that have cosigned and are not silent, of so many */
};
/* Of those that this conf names. */
void cosigners_state(const struct cosigner *list, uint64_t generation, struct cosigners_state *out);

#endif
