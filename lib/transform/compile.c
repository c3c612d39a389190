/* From rules to a program: parameters checked, keys derived, patterns made an automaton. Every error is listed. */
#include "lib/transform/states.h"

#include "lib/json/pointer.h"

#define TOKENS_MAX 64 /* of a pointer: no record is deeper */

static char *copy_text(struct view v)
{
	char *s = malloc(v.n + 1);

	if (s) {
		memcpy(s, v.p ? v.p : "", v.n);
		s[v.n] = 0;
	}
	return s;
}

static bool add_rule(struct program *p, const struct field_rule *from, const struct key_context *keys,
                     struct error_list *errors)
{
	struct rule *r = &p->rules[p->n_rules++];
	struct error e = { .reason = REASON_NONE };

	*r = (struct rule){ .id = copy_text(view_of(from->id)),
		            .pointer = copy_text(view_of(from->pointer)),
		            .place = copy_text(view_of(from->place ? from->place : from->pointer)),
		            .waiver = from->waiver ? copy_text(view_of(from->waiver)) : NULL,
		            .action = from->action,
		            .category = from->category,
		            .subtree = from->subtree,
		            .narrows = from->narrows,
		            .arrived = from->arrived };
	if (!r->id || !r->pointer || !r->place || (from->waiver && !r->waiver))
		return error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
	if (!from->pointer || !pointer_valid(view_of(from->pointer)))
		return error_list_addf(errors, REASON_CONFIG, r->place, 0, 0, "rule %s: it is not a JSON Pointer",
		                       r->id);
	size_t tokens = 0;
	for (const char *c = from->pointer; *c; c++)
		tokens += *c == '/';
	if (tokens > TOKENS_MAX)
		return error_list_addf(errors, REASON_CONFIG, r->place, 0, 0,
		                       "rule %s: its pointer is deeper than any record", r->id);
	if (from->subtree && from->action == ACTION_K_GUARD)
		return error_list_addf(errors, REASON_CONFIG, r->place, 0, 0, "rule %s: a k-guard takes no \"subtree\"",
		                       r->id);
	r->key.agreement = view_of(p->agreement);
	r->key.purpose = view_of(p->purpose);
	if (!rule_params(r, from->params, errors))
		return false;
	return rule_derive(r, keys, &e) || error_list_add(errors, &e);
}

static int id_cmp(const void *a, const void *b)
{
	const struct field_rule *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* Rules in the order of their ids, which everything that follows keeps: the order in which they came is nowhere in
 * the program. */
static bool add_rules(struct program *p, const struct field_rule *rules, size_t n, const struct key_context *keys,
                      struct error_list *errors)
{
	const struct field_rule **sorted = calloc(n + 1, sizeof *sorted);
	bool ok = true;

	if (!sorted)
		return error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
	for (size_t i = 0; i < n; i++)
		sorted[i] = &rules[i];
	qsort(sorted, n, sizeof *sorted, id_cmp);
	for (size_t i = 0; i < n; i++) {
		ok = add_rule(p, sorted[i], keys, errors) && ok;
		if (i > 0 && strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
			ok = error_list_addf(errors, REASON_CONFIG, sorted[i]->place, 0, 0,
			                     "rule %s: another rule has the same id", sorted[i]->id);
	}
	free(sorted);
	return ok;
}

static bool take_guards(struct program *p, struct error_list *errors)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		if (p->rules[i].action != ACTION_K_GUARD)
			continue;
		if (p->n_guards == GUARDS_MAX)
			return error_list_addf(errors, REASON_CONFIG, p->rules[i].place, 0, 0,
			                       "rule %s: it is one k-guard too many", p->rules[i].id);
		p->guards[p->n_guards++] = (uint32_t)i;
	}
	return true;
}

struct program *program_compile(const struct field_rule *rules, size_t n, const struct key_context *keys,
                                struct error_list *errors)
{
	struct program *p = calloc(1, sizeof *p);
	bool ok = p != NULL;

	if (p) {
		p->rules = calloc(n + 1, sizeof *p->rules);
		p->agreement = copy_text(keys->agreement);
		p->purpose = copy_text(keys->purpose);
		ok = p->rules && p->agreement && p->purpose;
	}
	if (!ok) {
		error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
		program_free(p);
		return NULL;
	}
	ok = add_rules(p, rules, n, keys, errors);
	ok = take_guards(p, errors) && ok;
	if (!ok || !states_build(p, errors)) {
		program_free(p);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (p->rules[i].arrived && p->rules[i].action != ACTION_DROP)
			rule_arrive(&p->rules[i]);
	return p;
}

bool program_arm(struct program *p, const struct secret *secret, struct error *e)
{
	struct key_context keys = { .secret = *secret };
	bool ok = true;

	for (size_t i = 0; i < p->n_rules && ok; i++) {
		keys.epoch = p->rules[i].epoch;
		ok = rule_derive(&p->rules[i], &keys, e);
	}
	secret_wipe(&keys.secret);
	return ok;
}

void program_free(struct program *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_rules; i++)
		rule_free(&p->rules[i]);
	for (size_t i = 0; i < p->n_states; i++)
		free(p->states[i].names);
	free(p->rules);
	free(p->states);
	free(p->names);
	free(p->agreement);
	free(p->purpose);
	free(p);
}

size_t program_rule_count(const struct program *p)
{
	return p->n_rules;
}

const char *program_rule_id(const struct program *p, uint32_t rule)
{
	return rule < p->n_rules ? p->rules[rule].id : "";
}

enum action program_rule_action(const struct program *p, uint32_t rule)
{
	return rule < p->n_rules ? p->rules[rule].action : ACTION_DROP;
}

enum field_category program_rule_category(const struct program *p, uint32_t rule)
{
	return rule < p->n_rules ? p->rules[rule].category : FIELD_CATEGORY_COUNT;
}

/* State 0 is no place of a rule. */
size_t program_places(const struct program *p)
{
	return p->n_states - STATE_ROOT;
}

static struct program_place place_of_state(const struct program *p, const struct state *s)
{
	return (struct program_place){ .rule = s->rule,
		                       .under = s->under,
		                       .categories = s->categories,
		                       .dropped = s->rule == RULE_NONE || s->drop_all || s->neither ||
		                                  p->rules[s->rule].action == ACTION_DROP,
		                       .neither = s->neither,
		                       .formless = s->formless,
		                       .keeps_container = s->keep_container };
}

struct program_place program_place(const struct program *p, size_t k)
{
	return place_of_state(p, &p->states[STATE_ROOT + k]);
}

struct program_place program_place_at(const struct program *p, const char *pattern)
{
	struct view rest = view_of(pattern), token;
	uint32_t at = STATE_ROOT;
	char name[4096];

	if (rest.n > sizeof name)
		return place_of_state(p, &p->states[STATE_NOTHING]);
	while (!p->states[at].drop_all && pointer_next(&rest, name, &token))
		at = view_is(token, "*") ? p->states[at].star : state_next(&p->states[at], token, tape_hash(token));
	return place_of_state(p, &p->states[at]);
}

int program_compare(const struct program *a, uint32_t rule_a, const struct program *b, uint32_t rule_b)
{
	return rule_compare(&a->rules[rule_a], &b->rules[rule_b]);
}
