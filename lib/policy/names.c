/* Names of tiers and categories, small readers over jansson, and look-ups by id. */
#include "lib/policy/internal.h"

static const char *const tiers[TIER_COUNT] = { "T0", "T1", "T2" };
static const char *const subjects[SUBJECT_COUNT] = { "suspect", "convicted", "victim", "other", "uncategorised" };

const char *tier_name(enum tier t)
{
	return tiers[t];
}

const char *subject_category_name(enum subject_category c)
{
	return subjects[c];
}

enum tier tier_find(struct view name)
{
	unsigned t = 0;

	while (t < TIER_COUNT && !view_is(name, tiers[t]))
		t++;
	return (enum tier)t;
}

enum subject_category subject_category_find(struct view name)
{
	unsigned c = 0;

	while (c < SUBJECT_COUNT && !view_is(name, subjects[c]))
		c++;
	return (enum subject_category)c;
}

const char *origin_document_name(enum origin_document d)
{
	switch (d) {
	case FROM_AGREEMENT: return "";
	case FROM_FLOOR: return "floor.json";
	case FROM_OVERLAY: return "overlay.json";
	}
	return "";
}

struct view json_view(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	return view_make(json_string_value(v), json_string_length(v));
}

bool json_flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

struct duration json_duration(const json_t *object, const char *name)
{
	struct duration d = { 0, 0, 0, 0 };

	if (!duration_parse(json_view(object, name), &d))
		return (struct duration){ 0, 0, 0, 0 };
	return d;
}

int64_t json_instant(const json_t *object, const char *name)
{
	int64_t ms = TIME_NONE;

	return time_parse(json_view(object, name), &ms) ? ms : TIME_NONE;
}

struct digest json_digest(const json_t *object, const char *name)
{
	struct digest d;

	return digest_parse(json_view(object, name), &d) ? d : (struct digest){ .b = { 0 } };
}

bool duration_is_zero(const struct duration *d)
{
	return d->years == 0 && d->months == 0 && d->days == 0 && d->seconds == 0;
}

uint32_t tier_mask(const json_t *names)
{
	uint32_t mask = 0;

	if (!names)
		return (1u << TIER_COUNT) - 1;
	for (size_t i = 0; i < json_array_size(names); i++)
		mask |= 1u << tier_find(view_of(json_string_value(json_array_get(names, i))));
	return mask;
}

uint32_t subject_mask(const json_t *names)
{
	uint32_t mask = 0;

	if (!names)
		return (1u << SUBJECT_COUNT) - 1;
	for (size_t i = 0; i < json_array_size(names); i++)
		mask |= 1u << subject_category_find(view_of(json_string_value(json_array_get(names, i))));
	return mask;
}

size_t find_purpose(const struct agreement *a, struct view id)
{
	for (size_t i = 0; i < a->n_purposes; i++)
		if (view_eq(a->purposes[i].id, id))
			return i;
	return INDEX_NONE;
}

size_t find_basis(const struct agreement *a, struct view id)
{
	for (size_t i = 0; i < a->n_bases; i++)
		if (view_eq(a->bases[i].id, id))
			return i;
	return INDEX_NONE;
}

size_t find_exception(const struct agreement *a, struct view id)
{
	for (size_t i = 0; i < a->n_exceptions; i++)
		if (view_eq(a->exceptions[i].id, id))
			return i;
	return INDEX_NONE;
}

size_t find_schema(const struct agreement *a, struct view name)
{
	for (size_t i = 0; i < a->n_schemas; i++)
		if (view_eq(a->schemas[i].name, name))
			return i;
	return INDEX_NONE;
}

size_t find_flow(const struct agreement *a, struct view from)
{
	for (size_t i = 0; i < a->n_flows; i++)
		if (view_eq(a->flows[i].from, from))
			return i;
	return INDEX_NONE;
}

bool json_same(const json_t *a, const json_t *b)
{
	const size_t flags = JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY;
	char *x = a ? json_dumps(a, flags) : NULL, *y = b ? json_dumps(b, flags) : NULL;
	bool same = strcmp(x ? x : "{}", y ? y : "{}") == 0;

	free(x);
	free(y);
	return same;
}
