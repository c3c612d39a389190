/* The overlay's rules, and what in it reaches nothing: an overlay that is ignored in silence is worse than none. */
#include "lib/policy/clear.h"
#include "lib/policy/internal.h"

/* Line and column of a pointer in a text. */
static bool text_fault(struct error_list *errors, const char *file, struct view text, enum reason reason,
                       const char *pointer, const char *what)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	uint32_t line = 0, column = 0;
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	if (parser && tape_parse(parser, text, &t, &e))
		place_of(&t, pointer, &line, &column);
	tape_parser_free(parser);
	return error_list_addf(errors, reason, file, line, column, "%s: %s", pointer, what);
}

bool overlay_fault(struct load *l, enum reason reason, const char *pointer, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return text_fault(l->errors, l->from->overlay_file ? l->from->overlay_file : "overlay.json", l->from->overlay,
	                  reason, pointer, text);
}

/* A rule for all agreements may match nothing in one, but not because it names items by their numbers: it would narrow
 * nothing unseen. With `*` for each number it matches here. */
static bool names_items_by_number(const struct agreement *a, const char *pointer)
{
	char stars[POINTER_MAX];

	return pattern_of_items(pointer, stars) && place_exists(a, stars, MASK_ALL);
}

/* A record with another value would be refused, each time. */
static bool takes_texts_only(const struct field_rule *f)
{
	return !f->subtree &&
	       (f->action == ACTION_MASK || f->action == ACTION_DATE_TRUNC || f->action == ACTION_REDACT_TEXT);
}

static bool check_rule(struct load *l, const struct rule *r, const struct domain *values, bool for_this_one)
{
	const struct agreement *a = l->a;
	char at[60];

	snprintf(at, sizeof at, "/rules/%zu/pointer", r->index);
	if (!place_exists(a, r->field.pointer, MASK_ALL) &&
	    (for_this_one || names_items_by_number(a, r->field.pointer)))
		return overlay_fault(l, REASON_CONFIG, at,
		                     "matches nothing in the schemas of %.*s; items are named by *", VIEW_ARG(a->id));
	if (values->kinds && takes_texts_only(&r->field) && !(values->kinds & DOMAIN_STRING))
		return overlay_fault(l, REASON_CONFIG, at, "in %.*s no text can stand here, and %s takes texts only",
		                     VIEW_ARG(a->id), action_name(r->field.action));
	if (!rule_fits_kinds(&r->field, values->kinds))
		return overlay_fault(l, REASON_CONFIG, at, "in %.*s " RULE_ON_CONTAINER, VIEW_ARG(a->id),
		                     r->field.pointer);
	return true;
}

bool read_overlay_rules(struct load *l, struct rule **rules, size_t *n)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->overlay_doc, "rules");
	bool ok = true;

	*n = 0;
	*rules = arena_alloc(&a->mem, (json_array_size(list) + 1) * sizeof **rules);
	if (!*rules)
		return load_fault(l, REASON_NO_MEMORY, "", "memory ran out");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		struct view only = json_view(o, "agreement");
		struct rule *r = &(*rules)[*n];
		char id[120], place[80];
		if (only.n && !view_eq(only, a->id))
			continue;
		snprintf(id, sizeof id, "overlay:%s", json_string_value(json_object_get(o, "id")));
		snprintf(place, sizeof place, OVERLAY_PLACE "/rules/%zu", i);
		*r = (struct rule){ .index = i,
			            .overlay = true,
			            .waiver = INDEX_NONE,
			            .field = { .id = arena_str(&a->mem, view_of(id)),
			                       .place = arena_str(&a->mem, view_of(place)),
			                       .action = action_find(json_view(o, "action")),
			                       .pointer = json_string_value(json_object_get(o, "pointer")),
			                       .category = FIELD_OPERATIONAL,
			                       .subtree = json_flag(o, "subtree"),
			                       .narrows = true,
			                       .params = json_object_get(o, "params") } };
		if (!r->field.id || !r->field.place)
			return load_fault(l, REASON_NO_MEMORY, "", "memory ran out");
		struct domain values = place_values(a, r->field.pointer, MASK_ALL);
		r->clear = rule_in_clear(&r->field, &values);
		ok = check_rule(l, r, &values, only.n != 0) && ok;
		++*n;
	}
	return ok;
}

/* --- over all agreements of a node --- */

struct survey {
	const char *file;
	struct view text;
	struct agreement *const *agreements;
	size_t n;
	struct error_list *errors;
};

static bool slip(const struct survey *s, const char *pointer, const char *what)
{
	return text_fault(s->errors, s->file, s->text, REASON_CONFIG, pointer, what);
}

/* Does less leave by the overlay's i-th rule, anywhere? */
static bool rule_narrows(struct agreement *const *agreements, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		for (size_t r = 0; r < agreements[k]->n_overlay_rules; r++)
			if (agreements[k]->overlay_rules[r].index == i && agreements[k]->overlay_rules[r].narrowed)
				return true;
	return false;
}

static bool survey_rule(const struct survey *s, const json_t *o, size_t i)
{
	struct view only = json_view(o, "agreement");
	const char *pointer = json_string_value(json_object_get(o, "pointer"));
	bool known = only.n == 0, matches = false;
	char at[60];

	for (size_t k = 0; k < s->n; k++) {
		bool this_one = only.n == 0 || view_eq(s->agreements[k]->id, only);
		known = known || this_one;
		matches = matches || (this_one && place_exists(s->agreements[k], pointer, MASK_ALL));
	}
	snprintf(at, sizeof at, "/rules/%zu/%s", i, known ? "pointer" : "agreement");
	if (!matches)
		return slip(s, at,
		            known ? "matches nothing in the schemas of any agreement"
		                  : "there is no such agreement here");
	snprintf(at, sizeof at, "/rules/%zu", i);
	/* One for all agreements may stand for what is still to come. */
	return only.n == 0 || rule_narrows(s->agreements, s->n, i) ||
	       slip(s, at, "narrows nothing: what the agreement lets pass there is as strict without it");
}

/* Each name of a list is one that `find` knows in some agreement. */
static bool survey_names(const struct survey *s, const json_t *doc, const char *member,
                         size_t (*find)(const struct agreement *a, struct view id))
{
	const json_t *list = json_object_get(doc, member);
	bool ok = true;

	for (size_t i = 0; i < json_array_size(list); i++) {
		bool known = false;
		char at[80];
		for (size_t k = 0; k < s->n; k++)
			known = known || find(s->agreements[k], view_of(json_string_value(json_array_get(list, i)))) !=
			                         INDEX_NONE;
		snprintf(at, sizeof at, "/%s/%zu", member, i);
		ok = (known || slip(s, at, "no agreement here has one of this name")) && ok;
	}
	return ok;
}

bool overlay_reaches(const char *file, struct view overlay, struct agreement *const *agreements, size_t n,
                     struct error_list *errors)
{
	struct survey s = { .file = file, .text = overlay, .agreements = agreements, .n = n, .errors = errors };
	const json_t *doc = n ? agreements[0]->overlay_doc : NULL, *rules = json_object_get(doc, "rules");
	bool ok = true;

	for (size_t i = 0; i < json_array_size(rules); i++)
		ok = survey_rule(&s, json_array_get(rules, i), i) && ok;
	ok = survey_names(&s, doc, "denied_purposes", find_purpose) && ok;
	return survey_names(&s, doc, "denied_exceptions", find_exception) && ok;
}

void overlay_idle(struct agreement *const *agreements, size_t n, void (*each)(void *arg, const char *text), void *arg)
{
	const json_t *rules = n ? json_object_get(agreements[0]->overlay_doc, "rules") : NULL;
	char text[400];

	for (size_t i = 0; i < json_array_size(rules); i++) {
		if (rule_narrows(agreements, n, i))
			continue;
		snprintf(text, sizeof text,
		         OVERLAY_PLACE "/rules/%zu (%s): narrows nothing in any agreement that is here", i,
		         json_string_value(json_object_get(json_array_get(rules, i), "id")));
		each(arg, text);
	}
}
