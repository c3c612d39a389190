/* See batch_private.h. */
#include "gatewayd/core/exchange/batch_private.h"

#include "gatewayd/os/log.h"

/* One line: what its record tells in each guard. */
struct member {
	struct batch_line *line;
	struct submission asked;       /* with what the batch has done to it so far */
	const struct program *program; /* NULL: it does not leave */
	size_t n_guards;
	struct program_guard guards[GUARDS_MAX];
	struct {
		bool any;
		struct digest combination, subject;
	} told[GUARDS_MAX];
	bool repeats; /* the key of an earlier line */
};

/* One record in one guard, to be sorted: those that must be alike lie side by side. */
struct entry_of {
	const struct program *program;
	size_t guard;
	struct digest combination, subject;
	struct member *member;
};

struct batch {
	struct decider *decider;
	struct member *members;
	struct entry_of *entries;
	size_t n, n_entries;
};

bool batch_is_counted(const struct submission *s)
{
	const struct agreement *a = NULL;

	if (!(s->peer->roles & ROLE(GATEWAY)))
		a = conf_agreement(s->conf, submission_agreement(s), NULL, s->now_ms);
	return a && agreement_has_guards(a);
}

/* Decides the line (again), fills what will be written, and keeps what its record tells. */
static void decide(struct decider *d, struct member *m)
{
	struct exchange *x = m->line->x;
	const struct transform_run *run = d->scratch->transform_run;
	bool leaves = exchange_decide(d, &m->asked, m->line->text, x);

	m->program = leaves ? x->decided.decision.ruling->program : NULL;
	m->n_guards = leaves ? program_guards(m->program, m->guards) : 0;
	for (size_t g = 0; g < m->n_guards; g++)
		m->told[g].any = transform_combination(run, g, &m->told[g].combination, &m->told[g].subject);
	m->line->prepared = exchange_prepare(x);
	/* What could not be prepared is not released either. */
	if (!m->line->prepared || !exchange_is_release(x))
		m->program = NULL;
}

static int compare(const void *a, const void *b)
{
	const struct entry_of *x = a, *y = b;

	if (x->program != y->program)
		return x->program < y->program ? -1 : 1;
	if (x->guard != y->guard)
		return x->guard < y->guard ? -1 : 1;
	int order = memcmp(x->combination.b, y->combination.b, sizeof x->combination.b);
	return order ? order : memcmp(x->subject.b, y->subject.b, sizeof x->subject.b);
}

static bool same_group(const struct entry_of *a, const struct entry_of *b)
{
	return a->program == b->program && a->guard == b->guard && digest_eq(&a->combination, &b->combination);
}

/* Subjects in a group; records that name none count each for itself. */
static size_t count(const struct entry_of *group, size_t n)
{
	static const struct digest none;
	const struct entry_of *last = NULL;
	size_t subjects = 0;

	for (size_t i = 0; i < n; i++) {
		if (group[i].member->repeats)
			continue;
		subjects +=
		        !last || digest_eq(&group[i].subject, &none) || !digest_eq(&group[i].subject, &last->subject);
		last = &group[i];
	}
	return subjects;
}

static void collect(struct batch *b)
{
	b->n_entries = 0;
	for (size_t i = 0; i < b->n; i++) {
		struct member *m = &b->members[i];

		for (size_t g = 0; m->program && g < m->n_guards; g++)
			if (m->told[g].any)
				b->entries[b->n_entries++] = (struct entry_of){ .program = m->program,
					                                        .guard = g,
					                                        .member = m,
					                                        .combination = m->told[g].combination,
					                                        .subject = m->told[g].subject };
	}
	qsort(b->entries, b->n_entries, sizeof *b->entries, compare);
}

/* Withholds what is rare as things stand, or refuses; true when that changed something. Each change takes a
 * guard's fields or the line away for good, so that this ends. */
static bool withhold(struct batch *b)
{
	bool changed = false;
	size_t n;

	for (size_t i = 0; i < b->n_entries; i += n) {
		const struct entry_of *group = &b->entries[i];
		const struct program_guard *guard = &group->member->guards[group->guard];

		for (n = 1; i + n < b->n_entries && same_group(group, &group[n]); n++)
			;
		if (count(group, n) >= guard->k)
			continue;
		changed = true;
		for (size_t k = 0; k < n; k++) {
			struct submission *asked = &group[k].member->asked;

			if (guard->refuse)
				asked->rare = program_rule_id(group->program, guard->rule);
			else
				asked->suppressed |= (uint8_t)(1u << group->guard);
		}
	}
	return changed;
}

/* Lines whose share changed are decided again. */
static void decide_changed(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct member *m = &b->members[i];

		if (m->program && (m->asked.rare || m->asked.suppressed != m->line->x->decided.asked.suppressed))
			decide(b->decider, m);
	}
}

/* The key that the line's row has; empty: none. */
static struct view key_of(const struct member *m)
{
	return m->line->x ? m->line->x->decided.row.key : VIEW("");
}

/* Keys of lines that came before; the second of two is answered like the first. */
static void mark_repeats(struct batch *b)
{
	for (size_t i = 1; i < b->n; i++) {
		struct member *m = &b->members[i];

		for (size_t k = 0; key_of(m).n && k < i && !m->repeats; k++)
			m->repeats = view_eq(key_of(&b->members[k]), key_of(m));
	}
}

static void settle(struct batch *b)
{
	mark_repeats(b);
	for (;;) {
		collect(b);
		if (!withhold(b))
			return;
		decide_changed(b);
	}
}

bool batch_decide(struct decider *d, const struct submission *s, struct batch_line *lines, size_t n)
{
	struct batch b = { .decider = d, .n = n };
	bool ok;

	b.members = calloc(n, sizeof *b.members);
	b.entries = calloc(n * GUARDS_MAX, sizeof *b.entries);
	ok = b.members && b.entries;
	for (size_t i = 0; ok && i < n; i++) {
		struct member *m = &b.members[i];

		m->line = &lines[i];
		m->asked = *s;
		m->asked.batch = true;
		m->line->x = exchange_take(d);
		if (m->line->x)
			decide(d, m);
		else
			log_line("error", "exchange: memory ran out");
	}
	if (ok)
		settle(&b);
	free(b.members);
	free(b.entries);
	return ok;
}
