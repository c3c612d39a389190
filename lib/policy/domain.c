/* A walk over the schema's text. Where several parts of a schema speak of one place a value has to fit all of them, so
 * their domains meet; where they are alternatives the domains join. */
#include "lib/policy/domain.h"

#include <math.h>

#include "lib/json/pointer.h"

#define DEPTH_MAX 96
#define STEPS_MAX 200000 /* of one question: past them everything is allowed */

struct question {
	const struct reach *r;
	bool ref_alone, formats;
	size_t depth, steps;
};

struct domain domain_all(void)
{
	return (struct domain){ .kinds = DOMAIN_ALL, .max_length = LENGTH_NONE, .min = -INFINITY, .max = INFINITY };
}

struct domain domain_none(void)
{
	return (struct domain){ .min_length = LENGTH_NONE, .min = INFINITY, .max = -INFINITY };
}

struct domain domain_join(const struct domain *a, const struct domain *b)
{
	/* Lengths are of texts, bounds of numbers: what allows none says nothing of them. */
	static const unsigned numbers = DOMAIN_INTEGER | DOMAIN_FRACTION;
	bool text_a = a->kinds & DOMAIN_STRING, text_b = b->kinds & DOMAIN_STRING;
	bool only_a = text_a && !text_b, only_b = text_b && !text_a;
	bool number_a = a->kinds & numbers, number_b = b->kinds & numbers;
	const struct domain *x = number_a || !number_b ? a : b, *y = number_b || !number_a ? b : a;

	return (struct domain){
		.kinds = a->kinds | b->kinds,
		.min_length = only_a || (!only_b && a->min_length < b->min_length) ? a->min_length : b->min_length,
		.max_length = only_a || (!only_b && a->max_length > b->max_length) ? a->max_length : b->max_length,
		.min = fmin(x->min, y->min),
		.max = fmax(x->max, y->max)
	};
}

static void join(struct domain *d, struct domain with)
{
	*d = domain_join(d, &with);
}

/* What both allow. */
static void meet(struct domain *d, struct domain with)
{
	*d = (struct domain){ .kinds = d->kinds & with.kinds,
		              .min_length = d->min_length > with.min_length ? d->min_length : with.min_length,
		              .max_length = d->max_length < with.max_length ? d->max_length : with.max_length,
		              .min = fmax(d->min, with.min),
		              .max = fmin(d->max, with.max) };
}

static struct view text_of(const json_t *s)
{
	return view_make(json_string_value(s), json_string_length(s));
}

/* --- one schema's own keywords, of a value --- */

static unsigned kind_of_name(struct view name)
{
	static const struct {
		const char *name;
		unsigned kinds;
	} table[] = {
		{ "null", DOMAIN_NULL },       { "boolean", DOMAIN_BOOLEAN },
		{ "integer", DOMAIN_INTEGER }, { "number", DOMAIN_INTEGER | DOMAIN_FRACTION },
		{ "string", DOMAIN_STRING },   { "object", DOMAIN_OBJECT },
		{ "array", DOMAIN_ARRAY },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (view_is(name, table[i].name))
			return table[i].kinds;
	return 0;
}

static unsigned kinds_of_type(const json_t *type)
{
	unsigned kinds = 0;

	if (!type)
		return DOMAIN_ALL;
	if (json_is_string(type))
		return kind_of_name(text_of(type));
	for (size_t i = 0; i < json_array_size(type); i++)
		kinds |= kind_of_name(text_of(json_array_get(type, i)));
	return kinds;
}

static uint32_t count_points(struct view text)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

static struct domain of_value(const json_t *v)
{
	struct domain d = domain_none();

	switch (json_typeof(v)) {
	case JSON_NULL: d.kinds = DOMAIN_NULL; break;
	case JSON_TRUE:
	case JSON_FALSE: d.kinds = DOMAIN_BOOLEAN; break;
	case JSON_OBJECT: d.kinds = DOMAIN_OBJECT; break;
	case JSON_ARRAY: d.kinds = DOMAIN_ARRAY; break;
	case JSON_STRING:
		d.kinds = DOMAIN_STRING;
		d.min_length = d.max_length = count_points(text_of(v));
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		d.min = d.max = json_number_value(v);
		d.kinds = trunc(d.min) == d.min ? DOMAIN_INTEGER : DOMAIN_FRACTION;
		break;
	}
	return d;
}

static uint32_t length_of(const json_t *s, const char *name, uint32_t otherwise)
{
	const json_t *v = json_object_get(s, name);
	double n = json_number_value(v);

	return v && n >= 0 && n < LENGTH_NONE ? (uint32_t)n : otherwise;
}

static void meet_lengths(struct domain *d, uint32_t min, uint32_t max)
{
	if (min > d->min_length)
		d->min_length = min;
	if (max < d->max_length)
		d->max_length = max;
}

static void meet_text(const struct question *q, const json_t *s, struct domain *d)
{
	static const struct {
		const char *format;
		uint32_t min, max;
	} formats[] = { { "date", 10, 10 }, { "date-time", 20, LENGTH_NONE }, { "uuid", 36, 36 }, { "ipv4", 7, 15 } };
	struct view pattern = text_of(json_object_get(s, "pattern")); /* empty: says nothing */
	struct view format = text_of(json_object_get(s, "format"));
	uint32_t min, max;

	meet_lengths(d, length_of(s, "minLength", 0), length_of(s, "maxLength", LENGTH_NONE));
	regex_lengths(pattern, &min, &max);
	meet_lengths(d, min, max);
	for (size_t i = 0; q->formats && i < sizeof formats / sizeof formats[0]; i++)
		if (view_is(format, formats[i].format))
			meet_lengths(d, formats[i].min, formats[i].max);
}

static struct domain of_listed(const json_t *s)
{
	const json_t *list = json_object_get(s, "enum"), *constant = json_object_get(s, "const");
	struct domain d = list ? domain_none() : domain_all();

	for (size_t i = 0; i < json_array_size(list); i++)
		join(&d, of_value(json_array_get(list, i)));
	if (constant)
		meet(&d, of_value(constant));
	return d;
}

static struct domain of_schema(const struct question *q, const json_t *s)
{
	static const char *const low[] = { "minimum", "exclusiveMinimum" }, *const high[] = { "maximum",
		                                                                              "exclusiveMaximum" };
	const json_t *v;
	struct domain d = of_listed(s);

	d.kinds &= kinds_of_type(json_object_get(s, "type"));
	meet_text(q, s, &d);
	for (size_t i = 0; i < 2; i++) {
		if (json_is_number(v = json_object_get(s, low[i])))
			d.min = fmax(d.min, json_number_value(v));
		if (json_is_number(v = json_object_get(s, high[i])))
			d.max = fmin(d.max, json_number_value(v));
	}
	return d;
}

/* --- the way down --- */

static bool hides_beside_ref(const struct question *q, size_t doc)
{
	struct view dialect = text_of(json_object_get(q->r->documents[doc].root, "$schema"));

	return q->ref_alone || (dialect.p && (memmem(dialect.p, dialect.n, "draft-06", 8) ||
	                                      memmem(dialect.p, dialect.n, "draft-07", 8)));
}

static struct domain ask(struct question *q, const json_t *s, size_t doc, struct view rest);

/* A part that says nothing of a place leaves everything open. */
static struct domain ask_or_all(struct question *q, const json_t *s, size_t doc, struct view rest)
{
	return s ? ask(q, s, doc, rest) : domain_all();
}

static struct domain any_of_members(struct question *q, const json_t *map, size_t doc, struct view rest)
{
	struct domain d = domain_none();

	for (void *it = json_object_iter((json_t *)(uintptr_t)map); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)map, it))
		join(&d, ask(q, json_object_iter_value(it), doc, rest));
	return d;
}

static struct domain any_of_list(struct question *q, const json_t *list, size_t doc, struct view rest)
{
	struct domain d = domain_none();

	for (size_t i = 0; i < json_array_size(list); i++)
		join(&d, ask(q, json_array_get(list, i), doc, rest));
	return d;
}

/* Members that are not listed: a keyword that looks at other parts of the schema says nothing alone. */
static struct domain other_members(struct question *q, const json_t *s, size_t doc, struct view rest)
{
	return ask_or_all(q, json_object_get(s, "additionalProperties"), doc, rest);
}

static struct domain member(struct question *q, const json_t *s, size_t doc, const char *name, struct view rest)
{
	const json_t *own = json_object_get(json_object_get(s, "properties"), name);
	const json_t *patterns = json_object_get(s, "patternProperties");
	struct domain d;

	/* Patterns that match it too can only make it less. */
	if (own)
		return ask(q, own, doc, rest);
	d = any_of_members(q, patterns, doc, rest);
	join(&d, other_members(q, s, doc, rest));
	return d;
}

static struct domain any_member(struct question *q, const json_t *s, size_t doc, struct view rest)
{
	struct domain d = any_of_members(q, json_object_get(s, "properties"), doc, rest);

	join(&d, any_of_members(q, json_object_get(s, "patternProperties"), doc, rest));
	join(&d, other_members(q, s, doc, rest));
	return d;
}

static struct domain any_item(struct question *q, const json_t *s, size_t doc, struct view rest)
{
	const json_t *items = json_object_get(s, "items"), *prefix = json_object_get(s, "prefixItems");
	struct domain d;

	if (json_is_array(items)) { /* draft 2019-09 and before */
		prefix = items;
		items = json_object_get(s, "additionalItems");
	}
	d = any_of_list(q, prefix, doc, rest);
	join(&d, ask_or_all(q, items, doc, rest));
	return d;
}

/* --- what unevaluatedProperties and unevaluatedItems close --- */

static struct domain evaluated(struct question *q, const json_t *s, size_t doc, const char *name, struct view rest);

static void join_evaluated_list(struct question *q, const json_t *list, size_t doc, const char *name, struct view rest,
                                struct domain *d)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		join(d, evaluated(q, json_array_get(list, i), doc, name, rest));
}

/* By the schema's own keywords: members by name (NULL: any), or items where `name` is ITEMS. */
static const char ITEMS[] = "";

static void join_evaluated_here(struct question *q, const json_t *s, size_t doc, const char *name, struct view rest,
                                struct domain *d)
{
	static const char *const of_members[] = { "additionalProperties", "unevaluatedProperties" };
	static const char *const of_items[] = { "additionalItems", "unevaluatedItems", "contains" };
	const json_t *properties = json_object_get(s, "properties"), *items = json_object_get(s, "items");

	if (name == ITEMS) {
		join(d, any_of_list(q, json_object_get(s, "prefixItems"), doc, rest));
		join(d, json_is_array(items) ? any_of_list(q, items, doc, rest)
		        : items              ? ask(q, items, doc, rest)
		                             : domain_none());
		for (size_t i = 0; i < 3; i++)
			if (json_object_get(s, of_items[i]))
				join(d, ask(q, json_object_get(s, of_items[i]), doc, rest));
		return;
	}
	if (!name)
		join(d, any_of_members(q, properties, doc, rest));
	else if (json_object_get(properties, name))
		join(d, ask(q, json_object_get(properties, name), doc, rest));
	join(d, any_of_members(q, json_object_get(s, "patternProperties"), doc, rest));
	for (size_t i = 0; i < 2; i++)
		if (json_object_get(s, of_members[i]))
			join(d, ask(q, json_object_get(s, of_members[i]), doc, rest));
}

/* What is evaluated has passed one of these at least, and what is not passes what the keyword itself says. */
static struct domain evaluated(struct question *q, const json_t *s, size_t doc, const char *name, struct view rest)
{
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" }, *const singles[] = { "if", "then", "else" };
	const json_t *ref = json_object_get(s, "$ref"), *dependent = json_object_get(s, "dependentSchemas");
	struct domain d = domain_none();
	size_t other = doc;

	if (!json_is_object(s))
		return d;
	/* What a dynamic reference means depends on the way. */
	if (json_object_get(s, "$dynamicRef") || json_object_get(s, "$recursiveRef") || q->depth >= DEPTH_MAX ||
	    ++q->steps > STEPS_MAX)
		return domain_all();
	q->depth++;
	join_evaluated_here(q, s, doc, name, rest, &d);
	for (size_t i = 0; i < 3; i++) {
		join_evaluated_list(q, json_object_get(s, lists[i]), doc, name, rest, &d);
		join(&d, evaluated(q, json_object_get(s, singles[i]), doc, name, rest));
	}
	for (void *it = json_object_iter((json_t *)(uintptr_t)dependent); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)dependent, it))
		join(&d, evaluated(q, json_object_iter_value(it), doc, name, rest));
	if (ref) {
		const json_t *target = reach_follow(q->r, &other, text_of(ref));
		join(&d, target ? evaluated(q, target, other, name, rest) : domain_all());
	}
	q->depth--;
	return d;
}

/* Drafts of before do not know the keywords. */
static void close_unevaluated(struct question *q, const json_t *s, size_t doc, const char *name, struct view rest,
                              struct domain *d)
{
	const char *keyword = name == ITEMS ? "unevaluatedItems" : "unevaluatedProperties";

	if (json_object_get(s, keyword) && !hides_beside_ref(q, doc))
		meet(d, evaluated(q, s, doc, name, rest));
}

static struct domain step(struct question *q, const json_t *s, size_t doc, struct view rest)
{
	unsigned kinds = kinds_of_type(json_object_get(s, "type")) & of_listed(s).kinds;
	struct domain d = domain_none();
	char token[512], name[513];
	struct view t;

	if (rest.n > sizeof token || !pointer_next(&rest, token, &t))
		return domain_all();
	memcpy(name, t.p, t.n);
	name[t.n] = '\0';
	bool star = view_is(t, "*");
	if (kinds & DOMAIN_OBJECT) {
		struct domain members = star ? any_member(q, s, doc, rest) : member(q, s, doc, name, rest);
		close_unevaluated(q, s, doc, star ? NULL : name, rest, &members);
		join(&d, members);
	}
	if (star && kinds & DOMAIN_ARRAY) {
		struct domain items = any_item(q, s, doc, rest);
		close_unevaluated(q, s, doc, ITEMS, rest, &items);
		join(&d, items);
	}
	return d;
}

static struct domain ask_reference(struct question *q, const json_t *s, const char *keyword, size_t doc,
                                   struct view rest)
{
	const json_t *ref = json_object_get(s, keyword);
	const json_t *target = ref ? reach_follow(q->r, &doc, text_of(ref)) : NULL;

	return ask_or_all(q, target, doc, rest);
}

static void ask_in_place(struct question *q, const json_t *s, size_t doc, struct view rest, struct domain *d)
{
	static const char *const choices[] = { "anyOf", "oneOf" };
	const json_t *all = json_object_get(s, "allOf");
	const json_t *yes = json_object_get(s, "then"), *no = json_object_get(s, "else");

	for (size_t i = 0; i < json_array_size(all); i++)
		meet(d, ask(q, json_array_get(all, i), doc, rest));
	for (size_t i = 0; i < 2; i++) {
		const json_t *list = json_object_get(s, choices[i]);
		if (list)
			meet(d, any_of_list(q, list, doc, rest));
	}
	if (json_object_get(s, "if")) {
		struct domain either = ask_or_all(q, yes, doc, rest);
		join(&either, ask_or_all(q, no, doc, rest));
		meet(d, either);
	}
}

static struct domain ask(struct question *q, const json_t *s, size_t doc, struct view rest)
{
	struct domain d = domain_all();

	if (json_is_false(s))
		return domain_none();
	if (!json_is_object(s) || q->depth >= DEPTH_MAX || ++q->steps > STEPS_MAX)
		return d;
	q->depth++;
	meet(&d, ask_reference(q, s, "$ref", doc, rest));
	if (!json_object_get(s, "$ref") || !hides_beside_ref(q, doc)) {
		/* What a dynamic reference means depends on the way: it says nothing here. */
		ask_in_place(q, s, doc, rest, &d);
		meet(&d, rest.n ? step(q, s, doc, rest) : of_schema(q, s));
	}
	q->depth--;
	return d;
}

struct domain domain_at(const struct reach *r, bool ref_alone, bool formats, const char *pattern)
{
	struct question q = { .r = r, .ref_alone = ref_alone, .formats = formats };

	return ask_or_all(&q, reach_start(r), 0, view_of(pattern));
}
