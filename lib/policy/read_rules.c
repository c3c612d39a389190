/* The field rules and the exceptions. A rule that can match nothing, a rule on an object or array that says nothing of
 * what is in it, and two rules that contradict each other, are faults: what an instrument says must mean something, and
 * one thing. */
#include "lib/policy/clear.h"
#include "lib/policy/internal.h"
#include "lib/policy/reach.h"

/* A list of ids in `when` or an exception as a mask; an unknown id is a fault. */
static bool purposes_of(struct load *l, const json_t *names, const char *at, uint64_t *mask)
{
	bool ok = true;

	*mask = names ? 0 : MASK_ALL;
	for (size_t i = 0; i < json_array_size(names); i++) {
		struct view name = view_of(json_string_value(json_array_get(names, i)));
		size_t k = find_purpose(l->a, name);
		char place[160];
		snprintf(place, sizeof place, "%s/%zu", at, i);
		if (k == INDEX_NONE)
			ok = load_unknown(l, REASON_PURPOSE_NOT_PERMITTED, place,
			                  "there is no such purpose in this agreement", name, "purposes", "id");
		else
			*mask |= BIT(k);
	}
	return ok;
}

static struct reach reach_of(const struct record_schema *s, struct reach_document *documents, size_t max)
{
	size_t n = 0;

	documents[n++] = (struct reach_document){ .uri = s->uri, .root = s->root };
	for (size_t i = 0; i < s->n_references && n < max; i++)
		documents[n++] = (struct reach_document){ .uri = s->reference_uris[i], .root = s->references[i] };
	return (struct reach){ .entry = s->entry, .documents = documents, .n = n };
}

bool place_exists(const struct agreement *a, const char *pointer, uint64_t purposes)
{
	struct reach_document documents[101];

	for (size_t s = 0; s < a->n_schemas; s++) {
		bool used = false;
		for (size_t p = 0; p < a->n_purposes; p++)
			used = used || (a->purposes[p].schema == s && (purposes & BIT(p)));
		struct reach r = reach_of(&a->schemas[s], documents, 101);
		if (used && reach_matches(&r, pointer))
			return true;
	}
	return false;
}

struct domain place_values(const struct agreement *a, const char *pointer, uint64_t purposes)
{
	struct reach_document documents[101];
	struct domain all = domain_none();

	for (size_t s = 0; s < a->n_schemas; s++) {
		bool used = false;
		for (size_t p = 0; p < a->n_purposes; p++)
			used = used || (a->purposes[p].schema == s && (purposes & BIT(p)));
		struct reach r = reach_of(&a->schemas[s], documents, 101);
		if (!used || !reach_matches(&r, pointer))
			continue;
		struct domain d = domain_at(&r, a->schemas[s].ref_alone, a->schemas[s].formats, pointer);
		all = domain_join(&all, &d);
	}
	return all;
}

bool rule_fits_kinds(const struct field_rule *f, unsigned kinds)
{
	return f->action == ACTION_KEEP || f->action == ACTION_DROP || f->action == ACTION_K_GUARD || f->subtree ||
	       !(kinds & DOMAIN_CONTAINER);
}

static bool read_exception(struct load *l, const json_t *o, size_t i)
{
	struct agreement *a = l->a;
	struct exception *x = &a->exceptions[i];
	const json_t *pointers = json_object_get(o, "pointers"), *quota = json_object_get(o, "quota");
	char at[100];
	bool ok;

	*x = (struct exception){ .id = json_view(o, "id"),
		                 .tiers = tier_mask(json_object_get(o, "tiers")),
		                 .expires_ms = json_instant(o, "expires"),
		                 .approvals = (uint32_t)json_integer_value(json_object_get(o, "approvals")),
		                 .quota = { (uint32_t)json_integer_value(json_object_get(quota, "uses")),
		                            json_duration(quota, "per") } };
	snprintf(at, sizeof at, "/exceptions/%zu/purposes", i);
	ok = purposes_of(l, json_object_get(o, "purposes"), at, &x->purposes);
	x->pointers = arena_alloc(&a->mem, json_array_size(pointers) * sizeof *x->pointers);
	if (!x->pointers)
		return false;
	x->n_pointers = json_array_size(pointers);
	for (size_t k = 0; k < x->n_pointers; k++) {
		x->pointers[k] = json_string_value(json_array_get(pointers, k));
		snprintf(at, sizeof at, "/exceptions/%zu/pointers/%zu", i, k);
		if (!place_exists(a, x->pointers[k], x->purposes))
			ok = load_fault(l, REASON_CONFIG, at, "matches nothing in the schemas of its purposes");
	}
	for (size_t k = 0; k < i; k++)
		if (view_eq(a->exceptions[k].id, x->id)) {
			snprintf(at, sizeof at, "/exceptions/%zu/id", i);
			ok = load_fault(l, REASON_CONFIG, at, "the same as in /exceptions/%zu", k);
		}
	snprintf(at, sizeof at, "/exceptions/%zu/expires", i);
	if (x->expires_ms > a->sunset_ms && a->sunset_ms != TIME_NONE)
		ok = load_fault(l, REASON_CONFIG, at, "must not come after the sunset");
	return ok;
}

static bool check_waiver(struct load *l, const struct rule *r, const json_t *o)
{
	const struct agreement *a = l->a;
	char at[100];

	if (!json_object_get(o, "waiver"))
		return true;
	snprintf(at, sizeof at, "/rules/%zu/waiver", r->index);
	if (r->waiver == INDEX_NONE)
		return load_unknown(l, REASON_EXCEPTION_UNKNOWN, at, "there is no such exception in this agreement",
		                    json_view(o, "waiver"), "exceptions", "id");
	const struct exception *x = &a->exceptions[r->waiver];
	for (size_t i = 0; i < x->n_pointers; i++)
		if (pattern_covers(x->pointers[i], r->field.subtree, r->field.pointer))
			return true;
	return load_fault(l, REASON_EXCEPTION_UNKNOWN, at, "the exception does not reach this pointer");
}

/* A guard on a field that is not there would guard nothing. */
static bool check_guard(struct load *l, const struct rule *r)
{
	const json_t *fields = json_object_get(r->field.params, "fields");
	bool ok = true;

	for (size_t i = 0; r->field.action == ACTION_K_GUARD && i < json_array_size(fields); i++) {
		char at[100];
		snprintf(at, sizeof at, "/rules/%zu/params/fields/%zu", r->index, i);
		if (!place_exists(l->a, json_string_value(json_array_get(fields, i)), r->purposes))
			ok = load_fault(l, REASON_CONFIG, at,
			                "rule %s: it matches nothing in the schemas of its purposes", r->field.id);
	}
	return ok;
}

static bool read_rule(struct load *l, const json_t *o, size_t i)
{
	struct agreement *a = l->a;
	struct rule *r = &a->rules[i];
	const json_t *when = json_object_get(o, "when"), *tiers = json_object_get(when, "tiers");
	char at[100];
	bool ok;

	*r = (struct rule){ .index = i,
		            .subjects = subject_mask(json_object_get(when, "subject_categories")),
		            .stated_tiers = tiers != NULL,
		            .tiers = tier_mask(tiers),
		            .waiver = find_exception(a, json_view(o, "waiver")),
		            .field = { .id = json_string_value(json_object_get(o, "id")),
		                       .pointer = json_string_value(json_object_get(o, "pointer")),
		                       .category = field_category_find(json_view(o, "category")),
		                       .action = action_find(json_view(o, "action")),
		                       .subtree = json_flag(o, "subtree"),
		                       .waiver = json_string_value(json_object_get(o, "waiver")),
		                       .params = json_object_get(o, "params") } };
	snprintf(at, sizeof at, "/rules/%zu", i);
	r->field.place = arena_str(&a->mem, view_of(at));
	if (!tiers) /* routine: nothing passes unless a rule names the tier */
		r->tiers &= ~(1u << TIER_T0);
	snprintf(at, sizeof at, "/rules/%zu/when/purposes", i);
	ok = purposes_of(l, json_object_get(when, "purposes"), at, &r->purposes);
	snprintf(at, sizeof at, "/rules/%zu/pointer", i);
	if (ok && !place_exists(a, r->field.pointer, r->purposes))
		ok = load_fault(l, REASON_CONFIG, at,
		                "rule %s: the pointer matches nothing in the schemas of its purposes", r->field.id);
	struct domain values = place_values(a, r->field.pointer, r->purposes);
	r->clear = rule_in_clear(&r->field, &values);
	if (ok && !rule_fits_kinds(&r->field, values.kinds))
		ok = load_fault(l, REASON_CONFIG, at, "rule %s: " RULE_ON_CONTAINER, r->field.id, r->field.pointer);
	const char *subject = json_string_value(json_object_get(r->field.params, "subject"));
	snprintf(at, sizeof at, "/rules/%zu/params/subject", i);
	if (ok && subject && !place_exists(a, subject, r->purposes))
		ok = load_fault(l, REASON_CONFIG, at,
		                "rule %s: the subject matches nothing in the schemas of its purposes", r->field.id);
	snprintf(at, sizeof at, "/rules/%zu/subtree", i);
	if (r->field.subtree && r->field.action == ACTION_K_GUARD)
		ok = load_fault(l, REASON_CONFIG, at, "rule %s: a k-guard takes no subtree", r->field.id);
	r->faulty = !(check_waiver(l, r, o) && check_guard(l, r) && ok && r->field.place);
	return !r->faulty;
}

static bool same_form(const struct rule *a, const struct rule *b)
{
	return a->field.action == b->field.action && a->field.subtree == b->field.subtree &&
	       json_same(a->field.params, b->field.params);
}

/* Two rules for one pointer. Under overlapping conditions the stricter one wins, so that a general rule can be
 * narrowed; what contradicts is a different outcome under the same conditions, or two opinions on what kind of
 * field it is. Rules of which neither is stricter are found where they are compiled. */
static bool check_pair(struct load *l, const struct rule *a, const struct rule *b)
{
	/* All purposes are the same, listed or not. */
	uint64_t all = MASK_ALL >> (64 - l->a->n_purposes);
	bool overlap = (a->purposes & b->purposes) && (a->tiers & b->tiers) && (a->subjects & b->subjects);
	bool alike = (a->purposes & all) == (b->purposes & all) && a->tiers == b->tiers && a->subjects == b->subjects;
	const char *what = NULL;
	char at[60];

	if (!overlap || (a->field.action == ACTION_K_GUARD) != (b->field.action == ACTION_K_GUARD))
		return true;
	if (a->field.category != b->field.category)
		what = "says otherwise what kind of field it is";
	else if (alike)
		what = same_form(a, b) ? "says the same" : "says otherwise under the same conditions";
	if (!what)
		return true;
	snprintf(at, sizeof at, "/rules/%zu", b->index);
	return load_fault(l, REASON_CONFIG, at, "rule %s contradicts rule %s on the same pointer, which %s",
	                  b->field.id, a->field.id, what);
}

static bool check_pairs(struct load *l)
{
	struct agreement *a = l->a;
	bool ok = true;

	for (size_t i = 0; i < a->n_rules; i++)
		for (size_t k = 0; k < i; k++) {
			if (strcmp(a->rules[i].field.id, a->rules[k].field.id) == 0) {
				char at[60];
				snprintf(at, sizeof at, "/rules/%zu/id", i);
				ok = load_fault(l, REASON_CONFIG, at, "the same as in /rules/%zu", k);
			}
			if (strcmp(a->rules[i].field.pointer, a->rules[k].field.pointer) == 0)
				ok = check_pair(l, &a->rules[k], &a->rules[i]) && ok;
		}
	return ok;
}

/* A purpose for which nothing can leave is no purpose of the agreement. */
static bool check_purpose(struct load *l, size_t p)
{
	const struct agreement *a = l->a;
	const struct purpose *purpose = &a->purposes[p];
	char at[60];

	for (size_t i = 0; i < a->n_rules; i++) {
		const struct rule *r = &a->rules[i];
		if (r->field.action != ACTION_DROP && r->field.action != ACTION_K_GUARD && (r->purposes & BIT(p)) &&
		    (r->tiers & purpose->tiers) && (r->subjects & purpose->subjects))
			return true;
	}
	snprintf(at, sizeof at, "/purposes/%zu", p);
	return load_fault(l, REASON_CONFIG, at, "no rule lets anything pass for it: give it rules, or take it away");
}

bool read_rules(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *rules = json_object_get(a->doc, "rules"), *exceptions = json_object_get(a->doc, "exceptions");
	bool ok = true;

	a->n_exceptions = json_array_size(exceptions);
	a->exceptions = arena_alloc(&a->mem, (a->n_exceptions + 1) * sizeof *a->exceptions);
	a->n_rules = json_array_size(rules);
	a->rules = arena_alloc(&a->mem, (a->n_rules + 1) * sizeof *a->rules);
	if (!a->exceptions || !a->rules) {
		a->n_exceptions = a->n_rules = 0;
		return false;
	}
	for (size_t i = 0; i < a->n_exceptions; i++)
		ok = read_exception(l, json_array_get(exceptions, i), i) && ok;
	for (size_t i = 0; i < a->n_rules; i++)
		ok = read_rule(l, json_array_get(rules, i), i) && ok;
	for (size_t p = 0; p < a->n_purposes && !(l->incomplete & PART_RULES); p++)
		ok = check_purpose(l, p) && ok;
	return check_pairs(l) && ok;
}
