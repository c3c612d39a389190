/* After the record has been run: what the tier demands of the leaves that would leave, and the outcome. */
#include "lib/policy/decision.h"

#include "lib/json/pointer.h"
#include "lib/policy/internal.h"
#include "lib/schema/format_parts.h"
#include "lib/transform/points.h"

struct closing {
	struct decision *d;
	const struct agreement *a;
	const struct ruling_full *full;
	const struct envelope *env;
	const struct tape *t;
	const struct exception *exception; /* that was cited, or NULL */
	size_t exception_index;
};

static bool name_known(void *arg, struct view name)
{
	return schema_knows(arg, name);
}

/* The leaf's pointer below the record, in full: for matching, never for printing. */
static void full_pointer(const struct closing *c, uint32_t node, bool safe, struct buf *out)
{
	struct buf whole = BUF_INIT(1 << 16), root = BUF_INIT(1 << 16);

	pointer_of(c->t, c->env->record, NULL, NULL, &root);
	/* The way to the record consists of names that the envelope's schema knows. */
	pointer_of(c->t, node, safe ? name_known : NULL, safe ? c->full->ruling.input : NULL, &whole);
	struct view p = buf_view(&whole);
	if (safe) { /* "record" itself is unknown to the record's schema: one token */
		size_t cut = 1;
		while (cut < p.n && p.p[cut] != '/')
			cut++;
		p = view_from(p, cut);
	} else {
		p = view_from(p, root.n);
	}
	buf_reset(out);
	buf_add(out, p);
	buf_addc(out, '\0');
	buf_free(&whole);
	buf_free(&root);
}

static void fail_leaf(struct closing *c, enum reason reason, const char *clause, uint32_t node)
{
	struct buf pointer = BUF_INIT(1 << 16);

	for (size_t i = 0; i < c->d->n_failed; i++) /* a rule that reaches many leaves fails once */
		if (c->d->failed[i].reason == reason && strcmp(c->d->failed[i].clause, clause) == 0)
			return;
	full_pointer(c, node, true, &pointer);
	decision_fail(c->d, reason, clause, pointer.failed ? "" : pointer.p);
	buf_free(&pointer);
}

static void rule_clause(const struct rule *r, char *out, size_t size)
{
	snprintf(out, size, r->overlay ? "overlay.json/rules/%zu" : "/rules/%zu", r->index);
}

static bool is_empty(const struct tape_node *n)
{
	return (n->type == TAPE_OBJECT || n->type == TAPE_ARRAY) && n->count == 0;
}

/* A direct identifier that stays readable needs the waiver that the agreement's rule names, cited and reaching it.
 * `r` is the rule that won, `under` the agreement's where the overlay's won. */
static void check_waiver(struct closing *c, const struct rule *r, const struct rule *under, uint8_t categories,
                         uint32_t node)
{
	char clause[96];

	if (!(categories >> FIELD_DIRECT & 1) || !r->clear || (c->d->ingress && is_empty(&c->t->nodes[node])))
		return;
	if (c->exception && under->waiver == c->exception_index) {
		c->d->exception_used = true;
		return;
	}
	rule_clause(r, clause, sizeof clause);
	fail_leaf(c, REASON_TRANSFORM_REQUIRED, clause, node);
}

/* A reason has a letter or a digit of some script: blanks and signs alone say nothing. */
static bool says_something(struct view reason)
{
	size_t at = 0;

	while (at < reason.n) {
		int32_t c = (int32_t)next_code_point(reason, &at);
		if (point_is_word(c) && !point_is_overlay(c))
			return true;
	}
	return false;
}

/* By a justification for the rule's own pointer, or one that names the leaf. */
static bool justified(const struct closing *c, const struct rule *r, uint32_t leaf_node)
{
	uint32_t list = c->env->justifications;
	struct buf leaf = BUF_INIT(1 << 16);
	bool found = false;

	if (!list)
		return false;
	full_pointer(c, leaf_node, false, &leaf);
	for (uint32_t v = list + 1; v < c->t->nodes[list].next && !found; v = c->t->nodes[v].next) {
		struct view p = tape_string(c->t, tape_member(c->t, v, VIEW("pointer")));
		char pointer[401];
		if (p.n >= sizeof pointer || !says_something(tape_string(c->t, tape_member(c->t, v, VIEW("reason")))))
			continue;
		memcpy(pointer, p.p, p.n);
		pointer[p.n] = '\0';
		found = strcmp(pointer, r->field.pointer) == 0 || (!leaf.failed && strcmp(pointer, leaf.p) == 0);
	}
	buf_free(&leaf);
	return found;
}

static bool is_leaf(const struct tape_node *n)
{
	return is_empty(n) || (n->type != TAPE_KEY && n->type != TAPE_OBJECT && n->type != TAPE_ARRAY);
}

/* Leaf by leaf, for a container that was kept whole is one step, however many of its leaves it stands for. `demanded`:
 * one that nobody justified refuses the record. */
static bool check_justified(struct closing *c, const struct rule *r, const struct rule *under, uint32_t node,
                            bool demanded)
{
	const struct tape_node *nodes = c->t->nodes;
	uint32_t at = node;
	char clause[96];

	while (at < nodes[node].next && (!is_leaf(&nodes[at]) || justified(c, under, at)))
		at++;
	if (at >= nodes[node].next)
		return true;
	if (demanded) {
		rule_clause(r, clause, sizeof clause);
		fail_leaf(c, REASON_FIELD_UNJUSTIFIED, clause, at);
	}
	return false;
}

/* Reasons stay with the provider, whose entry says whether each leaf has one. */
static void take_justified(struct closing *c)
{
	const struct tier_rule *tier = &c->a->tiers[c->d->tier];
	char clause[96];

	if (!tier->justify || (c->d->checked & CHECKED_JUSTIFICATIONS))
		return;
	snprintf(clause, sizeof clause, "%s/tiers/%zu/justify_fields", origin_document_name(tier->justify_from),
	         tier->index);
	decision_fail(c->d, REASON_FIELD_UNJUSTIFIED, clause, "/origin/entry");
}

static const struct rule *rule_behind(const struct compiled *c, uint32_t rule)
{
	return rule < c->n_by_rule ? c->by_rule[rule] : NULL;
}

bool decision_conclude(struct decision *d, const struct envelope *env, const struct tape *t,
                       const struct transform_run *r)
{
	const struct ruling_full *full = (const struct ruling_full *)d->ruling;
	struct closing c = { .d = d, .a = d->agreement, .full = full, .env = env, .t = t };
	bool justify = d->agreement->tiers[d->tier].justify && !d->ingress;
	bool justified_all = env->justifications && !d->ingress;
	struct program_guard guards[GUARDS_MAX];
	char clause[96];
	size_t n;
	const struct trace_step *steps = transform_trace(r, &n);

	c.exception_index = find_exception(d->agreement, d->exception);
	if (c.exception_index != INDEX_NONE)
		c.exception = &d->agreement->exceptions[c.exception_index];
	d->released = d->transformed = d->dropped = 0;
	for (size_t i = 0; i < n; i++) {
		const struct rule *rule = rule_behind(full->compiled, steps[i].rule),
		                  *under = rule_behind(full->compiled, steps[i].under);
		if (!rule || !under || steps[i].action == ACTION_DROP) {
			d->dropped++;
			continue;
		}
		d->released++;
		d->transformed += steps[i].action != ACTION_KEEP;
		check_waiver(&c, rule, under, steps[i].categories, steps[i].node);
		if (justify || justified_all)
			justified_all = check_justified(&c, rule, under, steps[i].node, justify) && justified_all;
	}
	if (justified_all)
		d->checked |= CHECKED_JUSTIFICATIONS;
	if (d->ingress)
		take_justified(&c);
	if (d->released == 0)
		decision_fail(d, REASON_DEFAULT_DENY, "/rules", "");
	/* What a person decides later leaves alone: no batch would count it. */
	if ((d->wait || d->lacking) && program_guards(full->ruling.program, guards) > 0) {
		rule_clause(full->compiled->by_rule[guards[0].rule], clause, sizeof clause);
		decision_fail(d, REASON_BATCH_REQUIRED, clause, "");
	}
	if (d->n_failed) {
		if (d->lacking)
			decision_fail(d, REASON_APPROVAL_MISSING, d->lacking_clause, "/approvals");
		return false;
	}
	d->outcome = d->transformed || d->dropped ? OUTCOME_TRANSFORMED : OUTCOME_RELEASED;
	/* What others have still to sign can be signed while it is held. */
	if (d->lacking) {
		decision_fail(d, REASON_APPROVAL_MISSING, d->lacking_clause, "/approvals");
		d->outcome = OUTCOME_HELD;
	}
	if (d->wait) {
		d->outcome = OUTCOME_HELD;
		if (d->category == SUBJECT_UNCATEGORISED)
			decision_fail(d, REASON_WAITING_DECISION, "", "/subject_category");
		else
			decision_fail(d, REASON_WAITING_DECISION, "/handling", "/handling");
	}
	return true;
}
