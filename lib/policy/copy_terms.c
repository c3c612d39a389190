/* See copy_terms.h. */
#include "lib/policy/copy_terms.h"

#include "lib/policy/internal.h"

#define RECEIPT_DAYS 7 /* schema: receipt_within */

static json_t *read_document(struct view text)
{
	return json_loadb(text.p, text.n, 0, NULL);
}

static const json_t *item_by_id(const json_t *list, struct view id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (view_eq(json_view(json_array_get(list, i), "id"), id))
			return json_array_get(list, i);
	return NULL;
}

/* A member of the purpose's own retention, or of the agreement's. */
static const json_t *term(const json_t *doc, const json_t *purpose, const char *name)
{
	const json_t *own = json_object_get(json_object_get(purpose, "retention"), name);

	return own ? own : json_object_get(json_object_get(doc, "retention"), name);
}

static struct duration duration_of(const json_t *value)
{
	struct duration d = { 0 };

	return duration_parse(view_of(json_string_value(value)), &d) ? d : (struct duration){ 0 };
}

static bool of_purpose(const json_t *rule, struct view purpose)
{
	const json_t *list = json_object_get(json_object_get(rule, "when"), "purposes");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (view_eq(view_of(json_string_value(json_array_get(list, i))), purpose))
			return true;
	return !list;
}

/* Without a list of its own, everything that is about a person and passes. */
static bool masked_by_rule(const json_t *rule)
{
	struct view category = json_view(rule, "category"), action = json_view(rule, "action");

	return !view_is(action, "drop") && (view_is(category, "direct-identifier") || view_is(category, "special") ||
	                                    view_is(category, "free-text"));
}

static void write_pointers(const json_t *doc, const json_t *purpose, struct buf *out)
{
	const json_t *stated = term(doc, purpose, "mask_pointers"), *rules = json_object_get(doc, "rules");
	struct view id = json_view(purpose, "id");
	bool first = true;

	buf_addc(out, '[');
	for (size_t i = 0; i < json_array_size(stated ? stated : rules); i++) {
		const json_t *o = json_array_get(stated ? stated : rules, i);
		struct view pointer = stated ? view_of(json_string_value(o)) : json_view(o, "pointer");
		if (!stated && (!masked_by_rule(o) || !of_purpose(o, id)))
			continue;
		if (!first)
			buf_addc(out, ',');
		first = false;
		buf_add_json_string(out, pointer);
	}
	buf_addc(out, ']');
}

bool copy_terms_read(struct view agreement, struct view purpose, struct view overlay, struct copy_terms *out,
                     struct buf *pointers, struct error *e)
{
	json_t *doc = read_document(agreement), *narrower = overlay.n ? read_document(overlay) : NULL;
	const json_t *p = item_by_id(json_object_get(doc, "purposes"), purpose);
	const json_t *notification = json_object_get(doc, "notification"), *receipt = term(doc, p, "receipt_within");
	struct copy_terms t = { .receipt = { .days = RECEIPT_DAYS } };
	const json_t *limits = json_object_get(narrower, "limits");
	struct duration most = json_duration(limits, "copy_review"), kept = json_duration(limits, "keep");
	bool found = p != NULL;

	if (found) {
		t.review = duration_of(term(doc, p, "review"));
		if (!duration_is_zero(&most))
			t.review = duration_is_zero(&t.review) ? most : duration_shorter(&t.review, &most);
		if (receipt)
			t.receipt = duration_of(receipt);
		t.block_overdue = view_is(view_of(json_string_value(term(doc, p, "overdue"))), "block");
		t.keep = json_duration(json_object_get(doc, "delivery"), "keep");
		if (json_object_get(limits, "keep"))
			t.keep = duration_shorter(&t.keep, &kept);
		t.notify_longest = json_duration(notification, "longest_delay");
		t.notify_again = json_duration(notification, "rejustify_every");
		write_pointers(doc, p, pointers);
		*out = t;
	}
	json_decref(doc);
	json_decref(narrower);
	if (!found)
		error_set(e, REASON_NOT_FOUND, "the agreement that governed has no such purpose");
	return found;
}

enum onward copy_onward(struct view agreement, struct view recipient)
{
	json_t *doc = read_document(agreement);
	const json_t *onward = json_object_get(doc, "onward"), *to = json_object_get(onward, "to");
	struct view allowed = json_view(onward, "allowed");
	enum onward may = ONWARD_NEVER;

	if (view_is(allowed, "with-permission"))
		may = ONWARD_WITH_PERMISSION;
	for (size_t i = 0; view_is(allowed, "listed") && i < json_array_size(to); i++)
		if (view_eq(view_of(json_string_value(json_array_get(to, i))), recipient))
			may = ONWARD_LISTED;
	json_decref(doc);
	return may;
}

/* --- at load --- */

static bool lets_pass(const struct agreement *a, const char *pointer, uint64_t purposes)
{
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct rule *r = &a->rules[i];
		if ((r->purposes & purposes) && r->field.action != ACTION_DROP &&
		    (patterns_meet(r->field.pointer, pointer) ||
		     pattern_covers(r->field.pointer, r->field.subtree, pointer) ||
		     pattern_covers(pointer, true, r->field.pointer)))
			return true;
	}
	return false;
}

static bool check_list(struct load *l, const json_t *list, const char *at, uint64_t purposes)
{
	bool ok = true;

	for (size_t i = 0; i < json_array_size(list); i++) {
		char place[160];
		snprintf(place, sizeof place, "%s/mask_pointers/%zu", at, i);
		if (!lets_pass(l->a, json_string_value(json_array_get(list, i)), purposes))
			ok = load_fault(l, REASON_CONFIG, place, "names nothing that a rule lets pass");
	}
	return ok;
}

bool check_masks(struct load *l)
{
	const json_t *purposes = json_object_get(l->a->doc, "purposes");
	bool ok = check_list(l, json_object_get(json_object_get(l->a->doc, "retention"), "mask_pointers"), "/retention",
	                     MASK_ALL);

	for (size_t i = 0; i < json_array_size(purposes); i++) {
		char at[80];
		snprintf(at, sizeof at, "/purposes/%zu/retention", i);
		ok = check_list(l,
		                json_object_get(json_object_get(json_array_get(purposes, i), "retention"),
		                                "mask_pointers"),
		                at, BIT(i)) &&
		     ok;
	}
	return ok;
}
