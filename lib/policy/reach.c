/* The walk keeps a chain of the schemas it is in, so that `$ref` that comes back to one of them without
 * having moved down the record ends there. */
#include "lib/policy/reach.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/json/pointer.h"

#define DEPTH_MAX      96     /* schemas entered, along one way */
#define LEAF_DEPTH_MAX 12     /* tokens of a leaf's pattern: recursion ends there */
#define STEPS_MAX      400000 /* of one question: combinators multiply */

struct walk {
	const struct reach *r;
	size_t depth, tokens;
	size_t steps;
	void (*each)(void *arg, const char *pattern);
	void *arg;
	struct buf path;
	const json_t *chain[DEPTH_MAX]; /* schemas that the listing of leaves is in */
};

static struct view text_of(const json_t *s)
{
	return view_make(json_string_value(s), json_string_length(s));
}

/* What stands before '#'. */
static struct view without_fragment(struct view uri)
{
	return view_cut(&uri, '#');
}

/* RFC 3986 5.2 as far as schemas need it: `ref` is absolute, an absolute path, or relative to the last
 * slash of `base`. */
static void resolve(struct view base, struct view ref, struct buf *out)
{
	size_t colon = 0, cut = 0;

	while (colon < ref.n && ref.p[colon] != ':' && ref.p[colon] != '/')
		colon++;
	if (colon < ref.n && ref.p[colon] == ':') {
		buf_add(out, ref);
		return;
	}
	if (ref.n && ref.p[0] == '/') {
		size_t slashes = 0;
		while (cut < base.n && (base.p[cut] != '/' || ++slashes < 3))
			cut++;
	} else {
		cut = base.n;
		while (cut && base.p[cut - 1] != '/')
			cut--;
		while (view_starts(ref, VIEW("./")))
			ref = view_from(ref, 2);
		while (view_starts(ref, VIEW("../"))) {
			ref = view_from(ref, 3);
			if (cut)
				cut--;
			while (cut && base.p[cut - 1] != '/')
				cut--;
		}
	}
	buf_add(out, view_make(base.p, cut));
	buf_add(out, ref);
}

/* A schema below `s` with that $anchor or $dynamicAnchor. */
static const json_t *find_anchor(const json_t *s, struct view name, size_t depth)
{
	const json_t *found = NULL;
	size_t i;

	if (depth > DEPTH_MAX)
		return NULL;
	if (json_is_object(s)) {
		if (view_eq(text_of(json_object_get(s, "$anchor")), name) ||
		    view_eq(text_of(json_object_get(s, "$dynamicAnchor")), name))
			return s;
		for (void *it = json_object_iter((json_t *)(uintptr_t)s); it && !found;
		     it = json_object_iter_next((json_t *)(uintptr_t)s, it))
			found = find_anchor(json_object_iter_value(it), name, depth + 1);
	} else if (json_is_array(s)) {
		for (i = 0; i < json_array_size(s) && !found; i++)
			found = find_anchor(json_array_get(s, i), name, depth + 1);
	}
	return found;
}

static const json_t *at_fragment(const json_t *root, struct view fragment)
{
	char token[512];
	struct view t;

	if (fragment.n == 0)
		return root;
	if (fragment.p[0] != '/')
		return find_anchor(root, fragment, 0);
	while (fragment.n) {
		if (fragment.n > sizeof token || !pointer_next(&fragment, token, &t))
			return NULL;
		if (json_is_object(root)) {
			char name[513];
			memcpy(name, t.p, t.n);
			name[t.n] = '\0';
			root = json_object_get(root, name);
		} else {
			unsigned long long i;
			if (!view_to_u64(t, 100000, &i))
				return NULL;
			root = json_array_get(root, (size_t)i);
		}
	}
	return root;
}

const json_t *reach_start(const struct reach *r)
{
	return at_fragment(r->documents[0].root, view_from(r->entry, 1));
}

const json_t *reach_follow(const struct reach *r, size_t *doc, struct view ref)
{
	const struct reach_document *d = &r->documents[*doc];
	struct view id = text_of(json_object_get(d->root, "$id"));
	struct view fragment = ref, target = view_cut(&fragment, '#');
	struct buf full = BUF_INIT(4096), base = BUF_INIT(4096);
	const json_t *found = NULL;

	if (target.n == 0)
		return at_fragment(d->root, fragment);
	resolve(d->uri, id, &base);
	resolve(id.n ? buf_view(&base) : d->uri, target, &full);
	for (size_t i = 0; i < r->n && !found; i++) {
		struct view other = text_of(json_object_get(r->documents[i].root, "$id"));
		if (view_eq(without_fragment(r->documents[i].uri), buf_view(&full)) ||
		    (other.n && view_eq(without_fragment(other), buf_view(&full))) ||
		    view_eq(without_fragment(other), target)) {
			found = at_fragment(r->documents[i].root, fragment);
			*doc = i;
		}
	}
	buf_free(&full);
	buf_free(&base);
	return found;
}

static const char *const in_place[] = { "allOf", "anyOf", "oneOf" };
static const char *const in_place_single[] = { "if", "then", "else" };

/* A schema that is not there, or that is false. */
static bool allows_nothing(const json_t *s)
{
	return !s || json_typeof(s) == JSON_FALSE;
}

static bool structured(const json_t *s)
{
	static const char *const keywords[] = { "properties",
		                                "patternProperties",
		                                "additionalProperties",
		                                "items",
		                                "prefixItems",
		                                "$ref",
		                                "$dynamicRef",
		                                "allOf",
		                                "anyOf",
		                                "oneOf",
		                                "not",
		                                "enum",
		                                "const",
		                                "unevaluatedProperties",
		                                "unevaluatedItems" };

	if (allows_nothing(s))
		return true;
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		if (json_object_get(s, keywords[i]))
			return true;
	return false;
}

static bool has_type(const json_t *s, const char *name)
{
	const json_t *t = json_object_get(s, "type");

	if (!t || view_is(text_of(t), name))
		return true;
	for (size_t i = 0; i < json_array_size(t); i++)
		if (view_is(text_of(json_array_get(t, i)), name))
			return true;
	return false;
}

static bool matches(struct walk *w, const json_t *s, size_t doc, struct view rest);

/* One step down: from schema `s` by the first token of `rest`. */
static bool step(struct walk *w, const json_t *s, size_t doc, struct view rest)
{
	char token[512], name[513];
	struct view t;
	const json_t *properties = json_object_get(s, "properties"),
	             *patterns = json_object_get(s, "patternProperties");
	const json_t *prefix = json_object_get(s, "prefixItems"), *list = json_object_get(s, "items");
	static const char *const others[] = { "additionalProperties", "unevaluatedProperties" };
	static const char *const other_items[] = { "additionalItems", "unevaluatedItems" };

	if (rest.n > sizeof token || !pointer_next(&rest, token, &t))
		return false;
	memcpy(name, t.p, t.n);
	name[t.n] = '\0';
	bool any = view_is(t, "*");
	if (!structured(s) && (has_type(s, "object") || has_type(s, "array")))
		return true;
	for (void *it = json_object_iter((json_t *)(uintptr_t)properties); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)properties, it))
		if ((any || view_is(t, json_object_iter_key(it))) && matches(w, json_object_iter_value(it), doc, rest))
			return true;
	for (void *it = json_object_iter((json_t *)(uintptr_t)patterns); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)patterns, it))
		if (matches(w, json_object_iter_value(it), doc, rest))
			return true;
	for (size_t i = 0; i < 2; i++)
		if (matches(w, json_object_get(s, others[i]), doc, rest))
			return true;
	if (!any) /* a rule reaches items by `*` alone */
		return false;
	if (json_is_array(list)) /* draft 2019-09 and before */
		prefix = list;
	for (size_t i = 0; i < json_array_size(prefix); i++)
		if (matches(w, json_array_get(prefix, i), doc, rest))
			return true;
	for (size_t i = 0; i < 2; i++)
		if (matches(w, json_object_get(s, other_items[i]), doc, rest))
			return true;
	return !json_is_array(list) && matches(w, list, doc, rest);
}

static bool matches(struct walk *w, const json_t *s, size_t doc, struct view rest)
{
	bool found = false;

	if (allows_nothing(s) || w->depth >= DEPTH_MAX || ++w->steps > STEPS_MAX)
		return false;
	if (rest.n == 0)
		return true;
	w->depth++;
	const json_t *ref = json_object_get(s, "$ref");
	size_t other = doc;
	if (ref) {
		const json_t *target = reach_follow(w->r, &other, text_of(ref));
		found = matches(w, target, other, rest);
	}
	other = doc;
	if (!found && (ref = json_object_get(s, "$dynamicRef"))) {
		const json_t *target = reach_follow(w->r, &other, text_of(ref));
		found = matches(w, target, other, rest);
	}
	for (size_t i = 0; i < 3 && !found; i++) {
		const json_t *list = json_object_get(s, in_place[i]);
		for (size_t k = 0; k < json_array_size(list) && !found; k++)
			found = structured(json_array_get(list, k)) && matches(w, json_array_get(list, k), doc, rest);
	}
	for (size_t i = 0; i < 3 && !found; i++) {
		const json_t *sub = json_object_get(s, in_place_single[i]);
		found = structured(sub) && matches(w, sub, doc, rest);
	}
	const json_t *dependent = json_object_get(s, "dependentSchemas");
	for (void *it = json_object_iter((json_t *)(uintptr_t)dependent); it && !found;
	     it = json_object_iter_next((json_t *)(uintptr_t)dependent, it))
		found = matches(w, json_object_iter_value(it), doc, rest);
	if (!found)
		found = step(w, s, doc, rest);
	w->depth--;
	return found;
}

bool reach_matches(const struct reach *r, const char *pattern)
{
	struct walk w = { .r = r };

	return matches(&w, reach_start(r), 0, view_of(pattern));
}

static void leaves(struct walk *w, const json_t *s, size_t doc);

static void leaves_below(struct walk *w, struct view token, const json_t *s, size_t doc)
{
	size_t n = w->path.n;

	if (w->tokens >= LEAF_DEPTH_MAX)
		return;
	w->tokens++;
	pointer_add(&w->path, token);
	leaves(w, s, doc);
	w->path.n = n;
	w->tokens--;
}

static void leaf(struct walk *w)
{
	buf_addc(&w->path, '\0');
	if (!w->path.failed)
		w->each(w->arg, w->path.p);
	w->path.n--;
}

static bool leaves_in_place(struct walk *w, const json_t *s, size_t doc)
{
	bool any = false;
	static const char *const refs[] = { "$ref", "$dynamicRef" };

	for (size_t i = 0; i < 2; i++) {
		const json_t *ref = json_object_get(s, refs[i]);
		size_t other = doc;
		const json_t *target = ref ? reach_follow(w->r, &other, text_of(ref)) : NULL;
		if (target) {
			leaves(w, target, other);
			any = true;
		}
	}
	for (size_t i = 0; i < 3; i++) {
		const json_t *list = json_object_get(s, in_place[i]);
		for (size_t k = 0; k < json_array_size(list); k++)
			if (structured(json_array_get(list, k))) {
				leaves(w, json_array_get(list, k), doc);
				any = true;
			}
	}
	for (size_t i = 1; i < 3; i++) {
		const json_t *sub = json_object_get(s, in_place_single[i]);
		if (sub && structured(sub)) {
			leaves(w, sub, doc);
			any = true;
		}
	}
	return any;
}

static void leaves(struct walk *w, const json_t *s, size_t doc)
{
	static const char *const others[] = { "additionalProperties", "unevaluatedProperties", "additionalItems",
		                              "unevaluatedItems" };
	const json_t *properties, *list, *prefix, *patterns, *other;
	bool any;

	if (allows_nothing(s) || w->depth >= DEPTH_MAX || ++w->steps > STEPS_MAX)
		return;
	for (size_t i = 0; i < w->depth; i++)
		if (w->chain[i] == s) { /* it holds itself: what follows was listed */
			leaf(w);
			return;
		}
	w->chain[w->depth++] = s;
	any = leaves_in_place(w, s, doc);
	properties = json_object_get(s, "properties");
	for (void *it = json_object_iter((json_t *)(uintptr_t)properties); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)properties, it)) {
		leaves_below(w, view_of(json_object_iter_key(it)), json_object_iter_value(it), doc);
		any = true;
	}
	patterns = json_object_get(s, "patternProperties");
	for (void *it = json_object_iter((json_t *)(uintptr_t)patterns); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)patterns, it)) {
		leaves_below(w, VIEW("*"), json_object_iter_value(it), doc);
		any = true;
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		other = json_object_get(s, others[i]);
		if (allows_nothing(other))
			continue;
		leaves_below(w, VIEW("*"), other, doc);
		any = true;
	}
	list = json_object_get(s, "items");
	prefix = json_is_array(list) ? list : json_object_get(s, "prefixItems");
	for (size_t i = 0; i < json_array_size(prefix); i++) {
		leaves_below(w, VIEW("*"), json_array_get(prefix, i), doc);
		any = true;
	}
	if (!json_is_array(list) && !allows_nothing(list)) {
		leaves_below(w, VIEW("*"), list, doc);
		any = true;
	}
	if (!any)
		leaf(w);
	w->depth--;
}

void reach_leaves(const struct reach *r, void (*each)(void *arg, const char *pattern), void *arg)
{
	struct walk w = { .r = r, .each = each, .arg = arg, .path = BUF_INIT(65536) };

	leaves(&w, reach_start(r), 0);
	buf_free(&w.path);
}
