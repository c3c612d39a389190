/* After the record has been run: what the tier demands of the leaves that would leave, and the outcome. */
#include "lib/policy/decision.h"

#include "lib/json/pointer.h"
#include "lib/policy/internal.h"
#include "lib/schema/format_parts.h"
#include "lib/transform/points.h"

#define JUSTIFIED_MAX 401 /* bytes of a justification's pointer, and one more: no rule's is longer */

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

/* The leaf's pointer below the record, as it may be printed: without names that the record's schema does not know. */
static void safe_pointer(const struct closing *c, uint32_t node, struct buf *out)
{
	struct buf whole = BUF_INIT(1 << 16);
	size_t cut = 1;

	pointer_of(c->t, node, name_known, c->full->ruling.input, &whole);
	struct view p = buf_view(&whole);
	/* "record" itself is unknown to the record's schema: one token */
	while (cut < p.n && p.p[cut] != '/')
		cut++;
	buf_reset(out);
	buf_add(out, view_from(p, cut));
	buf_addc(out, '\0');
	buf_free(&whole);
}

static void fail_leaf(struct closing *c, enum reason reason, const char *clause, uint32_t node)
{
	struct buf pointer = BUF_INIT(1 << 16);

	for (size_t i = 0; i < c->d->n_failed; i++) /* a rule that reaches many leaves fails once */
		if (c->d->failed[i].reason == reason && strcmp(c->d->failed[i].clause, clause) == 0)
			return;
	safe_pointer(c, node, &pointer);
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

/* A direct identifier that stays readable by the agreement needs the waiver that its rule names, cited and reaching it.
 * `under` is the agreement's rule, whether or not the overlay's won: what the sender's own overlay made of it the recipient's
 * gateway cannot know, and an overlay narrows what may leave; it permits nothing. */
static void check_waiver(struct closing *c, const struct rule *under, uint8_t categories, uint32_t node)
{
	char clause[96];

	if (!(categories >> FIELD_DIRECT & 1) || !under->clear || (c->d->ingress && is_empty(&c->t->nodes[node])))
		return;
	if (c->exception && under->waiver == c->exception_index) {
		c->d->exception_used = true;
		return;
	}
	rule_clause(under, clause, sizeof clause);
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

/* Does the token name the item at `index`? Nothing but a number names an item. */
static bool names_item(struct view token, uint32_t index)
{
	unsigned long long number;

	return view_to_u64(token, UINT32_MAX, &number) && number == index;
}

/* Does a justification's pointer name the leaf itself, member by member? `*` names but a member of that name. */
static bool names_leaf(const struct closing *c, struct view pointer, uint32_t leaf)
{
	const struct tape_node *nodes = c->t->nodes;
	uint32_t at = c->env->record;
	char unescaped[JUSTIFIED_MAX];
	struct view token;

	while (at != leaf) {
		bool object = nodes[at].type == TAPE_OBJECT;
		uint32_t key = at + 1, index = 0;

		while (leaf >= nodes[key + object].next) {
			key = nodes[key + object].next;
			index++;
		}
		if (!pointer_next(&pointer, unescaped, &token) ||
		    !(object ? view_eq(token, tape_string(c->t, key)) : names_item(token, index)))
			return false;
		at = key + object;
	}
	return pointer.n == 0;
}

/* By a justification for the rule's own pointer, or one that names the leaf. */
static bool justified(const struct closing *c, const struct rule *r, uint32_t leaf)
{
	uint32_t list = c->env->justifications;

	for (uint32_t v = list + 1; list && v < c->t->nodes[list].next; v = c->t->nodes[v].next) {
		struct view pointer = tape_string(c->t, tape_member(c->t, v, VIEW("pointer")));
		if (pointer.n < JUSTIFIED_MAX &&
		    says_something(tape_string(c->t, tape_member(c->t, v, VIEW("reason")))) &&
		    (view_is(pointer, r->field.pointer) || names_leaf(c, pointer, leaf)))
			return true;
	}
	return false;
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
		/* Where the agreement has no rule an overlay's can only drop. */
		if (!under || steps[i].action == ACTION_DROP) {
			d->dropped++;
			continue;
		}
		d->released++;
		d->transformed += steps[i].action != ACTION_KEEP;
		check_waiver(&c, under, steps[i].categories, steps[i].node);
		justified_all = (justify || justified_all) &&
		                check_justified(&c, rule, under, steps[i].node, justify) && justified_all;
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
		if (d->wait_for)
			decision_fail(d, REASON_WAITING_DECISION, "", d->wait_for);
		else if (d->category == SUBJECT_UNCATEGORISED)
			decision_fail(d, REASON_WAITING_DECISION, "", "/subject_category");
		else
			decision_fail(d, REASON_WAITING_DECISION, "/handling", "/handling");
	}
	return true;
}
