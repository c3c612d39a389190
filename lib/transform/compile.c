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
		            .action = from->action,
		            .category = from->category,
		            .subtree = from->subtree };
	if (!r->id || !r->pointer)
		return error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
	if (!from->pointer || !pointer_valid(view_of(from->pointer)))
		return error_list_addf(errors, REASON_CONFIG, r->pointer, 0, 0, "rule %s: it is not a JSON Pointer",
		                       r->id);
	size_t tokens = 0;
	for (const char *c = from->pointer; *c; c++)
		tokens += *c == '/';
	if (tokens > TOKENS_MAX)
		return error_list_addf(errors, REASON_CONFIG, NULL, 0, 0,
		                       "rule %s: its pointer is deeper than any record", r->id);
	if (from->subtree && from->action != ACTION_KEEP && from->action != ACTION_DROP)
		return error_list_addf(errors, REASON_CONFIG, r->pointer, 0, 0,
		                       "rule %s: \"subtree\" is for keep and drop only", r->id);
	r->key.agreement = view_of(p->agreement);
	r->key.purpose = view_of(p->purpose);
	if (!rule_params(r, from->params, errors))
		return false;
	return rule_derive(r, keys, &e) || error_list_add(errors, &e);
}

static int id_cmp(const void *a, const void *b)
{
	const struct rule *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static bool ids_differ(const struct program *p, struct error_list *errors)
{
	const struct rule **sorted = calloc(p->n_rules + 1, sizeof *sorted);
	bool ok = true;

	if (!sorted)
		return error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
	for (size_t i = 0; i < p->n_rules; i++)
		sorted[i] = &p->rules[i];
	qsort(sorted, p->n_rules, sizeof *sorted, id_cmp);
	for (size_t i = 1; i < p->n_rules; i++)
		if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
			ok = error_list_addf(errors, REASON_CONFIG, sorted[i]->pointer, 0, 0,
			                     "rule %s: another rule has the same id", sorted[i]->id);
	free(sorted);
	return ok;
}

static bool take_guards(struct program *p, struct error_list *errors)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		if (p->rules[i].action != ACTION_K_GUARD)
			continue;
		if (p->n_guards == GUARDS_MAX)
			return error_list_addf(errors, REASON_CONFIG, NULL, 0, 0, "rule %s: it is one k-guard too many",
			                       p->rules[i].id);
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
	for (size_t i = 0; i < n; i++)
		ok = add_rule(p, &rules[i], keys, errors) && ok;
	ok = take_guards(p, errors) && ok;
	ok = ok && ids_differ(p, errors);
	if (!ok || !states_build(p, errors)) {
		program_free(p);
		return NULL;
	}
	return p;
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
