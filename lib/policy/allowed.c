/* See allowed.h. */
#include "lib/policy/allowed.h"

#include "lib/policy/internal.h"

struct listing {
	const struct decision *d;
	const json_t *doc, *purpose; /* NULL: none was found */
	const char *tier;            /* NULL: none was found */
	void (*each)(void *arg, struct view value);
	void *arg;
};

static void say(const struct listing *l, const json_t *value)
{
	if (json_is_string(value))
		l->each(l->arg, view_make(json_string_value(value), json_string_length(value)));
}

/* Each of a list of texts, or of the members `name` of a list of objects. */
static void say_all(const struct listing *l, const json_t *list, const char *name)
{
	size_t i;
	const json_t *item;

	json_array_foreach(list, i, item) say(l, name ? json_object_get(item, name) : item);
}

static bool lists(const json_t *list, const char *text)
{
	size_t i;
	const json_t *item;

	json_array_foreach(list, i, item) if (strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

/* Of a clause that a purpose narrows: its own list, or all. */
static void say_of_purpose(const struct listing *l, const char *own, const char *clause, const char *name)
{
	const json_t *list = json_object_get(l->purpose, own);

	if (list)
		say_all(l, list, NULL);
	else if (clause)
		say_all(l, json_object_get(l->doc, clause), name);
}

/* Those that are for the purpose and tier; what names none is for all. */
static void say_exceptions(const struct listing *l)
{
	const json_t *id = json_object_get(l->purpose, "id"), *x;
	size_t i;

	json_array_foreach(json_object_get(l->doc, "exceptions"), i, x)
	{
		const json_t *purposes = json_object_get(x, "purposes"), *tiers = json_object_get(x, "tiers");

		if ((!purposes || !id || lists(purposes, json_string_value(id))) &&
		    (!tiers || !l->tier || lists(tiers, l->tier)))
			say(l, json_object_get(x, "id"));
	}
}

static void say_criteria(const struct listing *l)
{
	size_t i;
	const json_t *tier;

	json_array_foreach(json_object_get(l->doc, "tiers"), i,
	                   tier) if (l->tier && strcmp(json_string_value(json_object_get(tier, "tier")), l->tier) == 0)
	        say_all(l, json_object_get(tier, "criteria"), "id");
}

static void say_retention(const struct listing *l)
{
	const json_t *own = json_object_get(json_object_get(l->purpose, "retention"), "copy");

	say(l, own ? own : json_object_get(json_object_get(l->doc, "retention"), "copy"));
}

/* What the flow from `agency` is for. */
static void say_purposes(const struct listing *l, struct view agency)
{
	size_t flow = find_flow(l->d->agreement, agency);

	if (flow != INDEX_NONE)
		say_all(l, json_object_get(json_array_get(json_object_get(l->doc, "flows"), flow), "purposes"), NULL);
}

void allowed_values(const struct decision *d, const struct failed *f, struct view agency,
                    void (*each)(void *arg, struct view value), void *arg)
{
	const struct agreement *a = d->agreement;
	struct listing l = { .d = d, .each = each, .arg = arg };

	/* A clause of another document begins with its name. */
	if (!a || f->clause[0] != '/')
		return;
	size_t purpose = find_purpose(a, d->purpose);
	l.doc = a->doc;
	if (purpose != INDEX_NONE)
		l.purpose = json_array_get(json_object_get(a->doc, "purposes"), purpose);
	if (d->tier < TIER_COUNT)
		l.tier = tier_name(d->tier);
	if (strcmp(f->pointer, "/purpose") == 0)
		say_purposes(&l, agency);
	else if (strcmp(f->pointer, "/legal_basis") == 0)
		say_of_purpose(&l, "legal_bases", "legal_bases", "id");
	else if (strcmp(f->pointer, "/tier") == 0)
		say_of_purpose(&l, "tiers", "tiers", "tier");
	else if (strcmp(f->pointer, "/subject_category") == 0)
		say_of_purpose(&l, "subject_categories", NULL, NULL);
	else if (strcmp(f->pointer, "/schema") == 0)
		say(&l, json_object_get(l.purpose, "schema"));
	else if (strcmp(f->pointer, "/exception") == 0 && f->reason == REASON_EXCEPTION_UNKNOWN)
		say_exceptions(&l);
	else if (strcmp(f->pointer, "/necessity/criterion") == 0)
		say_criteria(&l);
	else if (strcmp(f->pointer, "/retention") == 0)
		say_retention(&l);
	else if (strncmp(f->pointer, "/handling/", 10) == 0)
		say_all(&l, json_object_get(json_object_get(a->doc, "handling"), "scales"), NULL);
}
