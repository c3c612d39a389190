/* The compiled form of a program: a deterministic automaton over the names on the way from the root to a
 * leaf, so that a run looks up one state a member however many patterns overlap there. For the files of this
 * folder. Immutable once compiled; any thread. */
#ifndef GATEWAY_TRANSFORM_STATES_H
#define GATEWAY_TRANSFORM_STATES_H

#include "lib/transform/actions.h"

#define STATE_NOTHING 0 /* no rule here or beneath: dropped */
#define STATE_ROOT    1
#define STATES_MAX    65536

struct state_name {
	struct view name; /* of a rule's pointer; lives with the program */
	uint32_t hash, to;
};

struct state {
	uint32_t rule;            /* for a leaf that ends here, or RULE_NONE */
	uint32_t under;           /* the strictest that does not narrow, or RULE_NONE */
	uint32_t star;            /* for items, and members that no rule names */
	uint32_t n_names, slots;  /* table of names: slots is 0 or a power of two above n_names */
	struct state_name *names; /* an empty slot has name.p == NULL */
	bool drop_all;            /* the rule drops, and everything beneath */
	bool keep_all;            /* the rule keeps, and everything beneath */
	bool keep_container;      /* stays when all in it was dropped */
	bool leaf_only;           /* a rule here takes no container: a record with one is refused */
	bool neither;             /* a leaf is dropped: rule and under cannot be compared, or */
	bool formless;            /* what rule leaves has not the form that under leaves */
	uint8_t categories;       /* of all rules that reach it, 1 << enum field_category */
	uint8_t guards;           /* k-guards that cover what is here, 1 << place in program.guards */
};

struct program {
	struct rule *rules;
	size_t n_rules;
	struct state *states;
	size_t n_states;
	char *names;                 /* of all edges, unescaped */
	char *agreement, *purpose;   /* context of the keys */
	uint32_t guards[GUARDS_MAX]; /* rules */
	size_t n_guards;
};

/* automaton.c: from the rules of a program; false with errors added. */
bool states_build(struct program *p, struct error_list *errors) MUST_USE;

/* guard.c: collects what leaves in guarded fields. Between two marks lies an item of an array, whose end counts: who
 * has which values is part of a combination. */
struct guard_marks {
	size_t n[GUARDS_MAX];
};
void guards_start(struct transform_run *r);
void guards_note(struct transform_run *r, unsigned guards, uint32_t state, struct view written);
void guards_mark(const struct program *p, const struct transform_run *r, struct guard_marks *marks);
void guards_end_item(const struct program *p, struct transform_run *r, const struct guard_marks *marks);
bool guards_finish(const struct program *p, struct transform_run *r, struct error *e) MUST_USE;

static inline uint32_t state_next(const struct state *s, struct view name, uint32_t hash)
{
	if (s->slots == 0)
		return s->star;
	for (uint32_t i = hash & (s->slots - 1); s->names[i].name.p; i = (i + 1) & (s->slots - 1))
		if (s->names[i].hash == hash && view_eq(s->names[i].name, name))
			return s->names[i].to;
	return s->star;
}

#endif
