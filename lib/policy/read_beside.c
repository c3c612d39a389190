/* The clause `envelope`: which texts of an envelope leave beside the record. Without it none does. */
#include "lib/policy/domain.h"
#include "lib/policy/internal.h"

static const char *const members[BESIDE_COUNT] = { "case", "handling", "reference" };
/* What the envelope's schema takes, in code points. */
static const uint32_t most[BESIDE_COUNT] = { 128, 2000, 128 };

const char *beside_member_name(enum beside_member m)
{
	return members[m];
}

enum beside_member beside_member_find(struct view name)
{
	unsigned m = 0;

	while (m < BESIDE_COUNT && !view_is(name, members[m]))
		m++;
	return (enum beside_member)m;
}

/* Dates that move, and tokens that differ, by the envelope's reference: who has both knows whose they are. */
static bool by_reference(const struct rule *r)
{
	bool asks = r->field.action == ACTION_DATE_SHIFT ||
	            (r->field.action == ACTION_TOKEN && json_flag(r->field.params, "per_subject"));

	return asks && !json_object_get(r->field.params, "subject");
}

static bool read_pattern(struct load *l, const json_t *o, const char *at, struct beside_rule *r, uint32_t longest)
{
	static const struct schema_options options = { .draft = DRAFT_2020_12, .strict = true, .formats = true };
	struct view pattern = json_view(o, "pattern");
	struct schema_set *set = schema_set_new();
	struct error e = { .reason = REASON_NONE };
	json_t *doc = json_pack("{s:s,s:O}", "type", "string", "pattern", json_object_get(o, "pattern"));
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	uint32_t shortest;
	bool ok = true;

	regex_lengths(pattern, &shortest, &r->longest);
	if (!set || !text)
		ok = load_fault(l, REASON_NO_MEMORY, at, "memory ran out");
	else if (!schema_set_add(set, VIEW("urn:gatewayd:envelope"), view_of(text), &e) ||
	         !(r->form = schema_compile(set, VIEW("urn:gatewayd:envelope"), &options, &e)))
		ok = load_fault(l, REASON_SCHEMA_ERROR, at, "%s", e.text);
	else if (r->longest > longest)
		ok = load_fault(l, REASON_CONFIG, at,
		                "sets no length, or more than the %u characters that may stand there: anchor it with ^ "
		                "and $, and bound what it repeats",
		                (unsigned)longest);
	free(text);
	json_decref(doc);
	schema_set_free(set);
	return ok;
}

/* A token hides the whole value, padded, and has to fit the envelope itself: base64url of the padded bytes, of which a
 * character has four at most, with type and end, and the tag, behind the prefix with its epoch. */
#define TOKEN_BYTES ((256 - 14) / 4 * 3 - 16)
static uint32_t longest_of(const struct beside_rule *r, enum beside_member m)
{
	const json_t *pad = json_object_get(r->field.params, "pad");
	uint32_t n = pad ? (uint32_t)json_integer_value(pad) : 16, room = TOKEN_BYTES / n * n;

	if (r->action != ACTION_TOKEN)
		return most[m];
	return room < 6 ? 0 : (room - 2) / 4;
}

static bool read_member(struct load *l, const json_t *o, size_t i)
{
	struct agreement *a = l->a;
	enum beside_member m = beside_member_find(json_view(o, "member"));
	struct beside_rule *r = &a->beside[m];
	char at[80], id[40], place[40], pointer[20];

	snprintf(at, sizeof at, "/envelope/%zu/member", i);
	if (r->listed)
		return load_fault(l, REASON_CONFIG, at, "the same as in /envelope/%zu", r->index);
	snprintf(id, sizeof id, "envelope:%s", members[m]);
	snprintf(place, sizeof place, "/envelope/%zu", i);
	snprintf(pointer, sizeof pointer, "/%s", members[m]);
	*r = (struct beside_rule){ .listed = true,
		                   .index = i,
		                   .action = action_find(json_view(o, "action")),
		                   .field = { .id = arena_str(&a->mem, view_of(id)),
		                              .place = arena_str(&a->mem, view_of(place)),
		                              .pointer = arena_str(&a->mem, view_of(pointer)),
		                              .category = FIELD_OPERATIONAL,
		                              .params = json_object_get(o, "params") } };
	r->field.action = r->action;
	if (!r->field.id || !r->field.place || !r->field.pointer)
		return load_fault(l, REASON_NO_MEMORY, at, "memory ran out");
	snprintf(at, sizeof at, "/envelope/%zu/action", i);
	if (m == BESIDE_HANDLING && r->action != ACTION_KEEP && r->action != ACTION_DROP)
		return load_fault(l, REASON_CONFIG, at, "words are for people to read: keep or drop");
	if (m == BESIDE_REFERENCE && r->action == ACTION_KEEP && a->subject_is_reference)
		return load_fault(
		        l, REASON_CONFIG, at,
		        "a rule shifts dates or tells tokens apart by this reference, so it never leaves as it "
		        "is: make it a pseudonym, or name the rule's subject in the record");
	snprintf(at, sizeof at, "/envelope/%zu/pattern", i);
	return r->action == ACTION_DROP || read_pattern(l, o, at, r, longest_of(r, m));
}

bool read_beside(struct load *l)
{
	const json_t *list = json_object_get(l->a->doc, "envelope");
	bool ok = true;

	for (unsigned m = 0; m < BESIDE_COUNT; m++) { /* errors name the place also of what is not listed */
		static const char *const pointers[BESIDE_COUNT] = { "/case", "/handling", "/reference" };
		l->a->beside[m] = (struct beside_rule){ .action = ACTION_DROP, .field.pointer = pointers[m] };
	}
	for (size_t i = 0; i < l->a->n_rules; i++)
		l->a->subject_is_reference = l->a->subject_is_reference || by_reference(&l->a->rules[i]);
	for (size_t i = 0; i < json_array_size(list); i++)
		ok = read_member(l, json_array_get(list, i), i) && ok;
	return ok;
}

/* --- programs --- */

static bool add_program(struct load *l, const struct field_rule *fields, size_t n, size_t purpose, uint32_t epoch)
{
	struct agreement *a = l->a;
	struct beside_program *b = arena_alloc(&a->mem, sizeof *b);
	struct key_context keys = { .agreement = a->id, .epoch = epoch };
	struct error_list errors = { .max = 10 };

	if (!b)
		return load_fault(l, REASON_NO_MEMORY, "/envelope", "memory ran out");
	keys.purpose = a->purposes[purpose == INDEX_NONE ? 0 : purpose].id;
	if (purpose != INDEX_NONE)
		keys.secret = l->from->pseudonym_secret;
	*b = (struct beside_program){ .next = a->beside_programs, .purpose = purpose, .epoch = epoch };
	b->program = program_compile(fields, n, &keys, &errors);
	secret_wipe(&keys.secret);
	if (!b->program && errors.n == 0)
		load_fault(l, REASON_NO_MEMORY, "/envelope", "the clause does not compile");
	for (size_t i = 0; i < errors.n; i++)
		load_fault(l, errors.items[i].reason, errors.items[i].where, "%s", errors.items[i].text);
	error_list_free(&errors);
	if (b->program)
		a->beside_programs = b;
	return b->program != NULL;
}

bool compile_beside(struct load *l)
{
	static const enum beside_member texts[] = { BESIDE_CASE, BESIDE_REFERENCE };
	struct agreement *a = l->a;
	struct field_rule fields[2];
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		if (beside_leaves(&a->beside[texts[i]]))
			fields[n++] = a->beside[texts[i]].field;
	if (n == 0)
		return true;
	if (!add_program(l, fields, n, INDEX_NONE, a->epoch))
		return false;
	for (size_t p = 0; p < a->n_purposes; p++)
		for (size_t i = 0; i < a->n_epochs; i++)
			if (!add_program(l, fields, n, p, a->epochs[i].epoch))
				return false;
	return true;
}

bool arm_beside(struct agreement *a, const struct secret *secret, struct error *e)
{
	for (struct beside_program *b = a->beside_programs; b; b = b->next)
		if (b->purpose != INDEX_NONE && !program_arm(b->program, secret, e))
			return false;
	return true;
}

const struct program *beside_program(const struct agreement *a, struct view purpose, int64_t now_ms, bool arrived)
{
	size_t p = arrived ? INDEX_NONE : find_purpose(a, purpose), i = 0;

	while (i + 1 < a->n_epochs && a->epochs[i + 1].from_ms <= now_ms)
		i++;
	for (const struct beside_program *b = a->beside_programs; b; b = b->next)
		if (b->purpose == p && (arrived || b->epoch == a->epochs[i].epoch))
			return b->program;
	return NULL;
}
