/* Floor and overlay. The agreement must reach the floor in every member, or it does not load and the
 * clause is named; the overlay narrows what the agreement permits, for this nation's side alone. */
#include "lib/policy/internal.h"

#include "lib/schema/document.h"

/* All agreements of a node are read with it: what is wrong with it is said once. */
static json_t *read_document(struct load *l, const char *name, const char *file, struct view text,
                             struct digest *digest)
{
	struct error e = { .reason = REASON_NONE };
	struct error_list faults = { .max = l->errors->max };

	struct schema *s = document_schema(view_of(name), &e);
	if (!s) {
		error_list_add(l->errors, &e);
		return NULL;
	}
	json_t *doc = document_read_own(s, file, text, &faults);
	schema_unref(s);
	for (size_t i = 0; i < faults.n; i++)
		if (!fault_known(l->errors, file, faults.items[i].text))
			error_list_add(l->errors, &faults.items[i]);
	error_list_free(&faults);
	sha256(text, digest);
	return doc;
}

/* --- the floor --- */

struct clock {
	const char *member;        /* of the floor's limits */
	const char *clause, *name; /* of the agreement: /clause/name */
};
static const struct clock clocks[] = {
	{ "review", "review", "interval" },
	{ "breach_supervisor", "breach", "notify_supervisor" },
	{ "breach_partner", "breach", "notify_partner" },
	{ "notification_delay", "notification", "longest_delay" },
	{ "redress_access", "redress", "access_within" },
	{ "redress_correction", "redress", "correction_within" },
};

/* The agreement's period at `at` must not be longer than the floor's member. */
static bool at_most(struct load *l, const json_t *limits, const char *member, const struct duration *have,
                    const char *at)
{
	struct duration most = json_duration(limits, member);

	if (!json_object_get(limits, member) || duration_at_most(have, &most))
		return true;
	return load_fault(l, REASON_BELOW_FLOOR, at, "is longer than floor.json: /limits/%s permits", member);
}

static bool check_retention_floor(struct load *l, const json_t *limits, const struct purpose *p, const char *at)
{
	const struct retention *r = &p->retention;
	struct duration mask = json_duration(limits, "mask"), review = json_duration(limits, "copy_review");
	char place[100];
	bool ok;

	snprintf(place, sizeof place, "%s/payload", at);
	ok = at_most(l, limits, "payload", &r->payload, place);
	snprintf(place, sizeof place, "%s/copy", at);
	ok = at_most(l, limits, "copy", &r->copy, place) && ok;
	snprintf(place, sizeof place, "%s/mask", at);
	if (json_object_get(limits, "mask") && !duration_at_most(&r->copy, &mask)) {
		if (duration_is_zero(&r->mask))
			ok = load_fault(l, REASON_BELOW_FLOOR, place,
			                "is missing, and floor.json: /limits/mask demands it");
		else
			ok = at_most(l, limits, "mask", &r->mask, place) && ok;
	}
	snprintf(place, sizeof place, "%s/review", at);
	if (json_object_get(limits, "copy_review") && !duration_at_most(&r->copy, &review)) {
		if (duration_is_zero(&r->review))
			ok = load_fault(l, REASON_BELOW_FLOOR, place,
			                "is missing, and floor.json: /limits/copy_review demands it");
		else
			ok = at_most(l, limits, "copy_review", &r->review, place) && ok;
	}
	return ok;
}

static bool check_limits(struct load *l, const json_t *limits)
{
	struct agreement *a = l->a;
	struct duration term = json_duration(limits, "term");
	const json_t *exceptions = json_object_get(a->doc, "exceptions");
	char at[100];
	bool ok = true;

	for (size_t i = 0; i < a->n_purposes; i++) {
		const json_t *o = json_array_get(json_object_get(a->doc, "purposes"), i);
		if (periods_left_out(l, i))
			continue;
		snprintf(at, sizeof at, json_object_get(o, "retention") ? "/purposes/%zu/retention" : "/retention", i);
		ok = check_retention_floor(l, limits, &a->purposes[i], at) && ok;
	}
	ok = at_most(l, limits, "keep", &a->keep, "/delivery/keep") && ok;
	ok = check_rates_floor(l, limits) && ok;
	if (json_object_get(limits, "term") && a->effective_ms != TIME_NONE &&
	    a->sunset_ms > duration_add(a->effective_ms, &term))
		ok = load_fault(l, REASON_BELOW_FLOOR, "/sunset", "comes later than floor.json: /limits/term permits");
	for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
		struct duration have = json_duration(json_object_get(a->doc, clocks[i].clause), clocks[i].name);
		snprintf(at, sizeof at, "/%s/%s", clocks[i].clause, clocks[i].name);
		ok = at_most(l, limits, clocks[i].member, &have, at) && ok;
	}
	for (unsigned t = 0; t < TIER_COUNT; t++) {
		const struct tier_rule *r = &a->tiers[t];
		struct duration have = approval_lifetime(r);
		if (!r->present || (duration_is_zero(&r->lifetime) && approvals_asked(a, (enum tier)t) == 0))
			continue;
		snprintf(at, sizeof at, "/tiers/%zu/approval_lifetime", r->index);
		ok = at_most(l, limits, "approval", &have, at) && ok;
	}
	for (size_t i = 0; i < json_array_size(exceptions); i++) {
		struct duration have = json_duration(json_array_get(exceptions, i), "review_within");
		snprintf(at, sizeof at, "/exceptions/%zu/review_within", i);
		ok = at_most(l, limits, "exception_review", &have, at) && ok;
	}
	return ok;
}

static bool check_demands(struct load *l, const json_t *demands)
{
	const json_t *doc = l->a->doc, *council = json_object_get(doc, "council");
	const json_t *must = json_object_get(council, "must_include");
	bool privacy = false, ok = true;

	for (size_t i = 0; i < json_array_size(must); i++)
		privacy = privacy || view_is(view_of(json_string_value(json_array_get(must, i))), "privacy");
	if (json_flag(demands, "council") && !council)
		ok = load_fault(l, REASON_BELOW_FLOOR, "/council",
		                "is missing, and floor.json: /demands/council demands it");
	if (json_flag(demands, "council_privacy_seat") && !privacy)
		ok = load_fault(
		        l, REASON_BELOW_FLOOR, "/council/must_include",
		        "does not reserve a privacy seat, which floor.json: /demands/council_privacy_seat demands");
	if (json_flag(demands, "assessment") && !l->a->assessed)
		ok = load_fault(l, REASON_BELOW_FLOOR, "/assessment/digest",
		                "is empty, and floor.json: /demands/assessment demands it");
	if (json_flag(demands, "pseudonym_rotation") && json_object_get(doc, "pseudonyms") &&
	    !json_object_get(json_object_get(doc, "pseudonyms"), "rotation"))
		ok = load_fault(l, REASON_BELOW_FLOOR, "/pseudonyms/rotation",
		                "is missing, and floor.json: /demands/pseudonym_rotation demands it");
	return ok;
}

static bool check_tier_floor(struct load *l, const json_t *o, size_t i)
{
	enum tier t = tier_find(json_view(o, "tier"));
	const struct tier_rule *r = &l->a->tiers[t];
	const struct {
		const char *name;
		bool have;
	} flags[] = {
		{ "case", r->case_ref },
		{ "necessity", r->necessity },
		{ "officer", r->officer },
		{ "justify_fields", r->justify },
	};
	long long approvals = json_integer_value(json_object_get(o, "approvals"));
	char at[80];
	bool ok = true;

	if (!r->present)
		return true;
	for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++)
		if (json_flag(o, flags[k].name) && !flags[k].have) {
			snprintf(at, sizeof at, "/tiers/%zu/%s", r->index, flags[k].name);
			ok = load_fault(l, REASON_BELOW_FLOOR, at,
			                "is not demanded, and floor.json: /tiers/%zu/%s demands it", i, flags[k].name);
		}
	snprintf(at, sizeof at, "/tiers/%zu/approvals", r->index);
	if (approvals > (long long)r->approvals)
		ok = load_fault(l, REASON_BELOW_FLOOR, at, "are fewer than floor.json: /tiers/%zu/approvals demands",
		                i);
	return ok;
}

static int onward_rank(struct view v)
{
	return view_is(v, "never") ? 0 : view_is(v, "with-permission") ? 1 : 2;
}

/* A rule stands in many places of a program, and is at fault once. */
static bool fault_of_rule(struct load *l, const char *at, const char *what)
{
	char text[400];

	snprintf(text, sizeof text, "%s: %s", at, what);
	return fault_known(l->errors, l->file, text) ? false : load_fault(l, REASON_BELOW_FLOOR, at, "%s", what);
}

static bool floor_permits(const json_t *special, enum action action)
{
	for (size_t k = 0; k < json_array_size(special); k++)
		if (action_find(view_of(json_string_value(json_array_get(special, k)))) == action)
			return true;
	return special == NULL || action == ACTION_DROP;
}

/* What the rule lets pass of a field of these categories. */
static bool check_rule_floor(struct load *l, const struct rule *r, unsigned categories, bool below_t2)
{
	const json_t *floor = l->a->floor_doc, *special = json_object_get(floor, "special_actions");
	bool never = view_is(json_view(floor, "clear_identifiers"), "never");
	bool with_waiver = view_is(json_view(floor, "clear_identifiers"), "with-waiver"), ok = true;
	char at[60], text[300];

	snprintf(at, sizeof at, "/rules/%zu/action", r->index);
	if (categories >> FIELD_DIRECT & 1 && r->clear && (never || (with_waiver && r->waiver == INDEX_NONE))) {
		snprintf(
		        text, sizeof text,
		        "rule %s lets a direct identifier leave in clear, which floor.json: /clear_identifiers permits %s",
		        r->field.id, never ? "never" : "only with a waiver");
		ok = fault_of_rule(l, at, text);
	}
	if (categories >> FIELD_SPECIAL & 1 && below_t2 && !floor_permits(special, r->field.action)) {
		snprintf(
		        text, sizeof text,
		        "rule %s: floor.json: /special_actions does not permit this for a special category below tier T2",
		        r->field.id);
		ok = fault_of_rule(l, at, text);
	}
	return ok;
}

static bool check_rules_floor(struct load *l)
{
	bool ok = true;

	for (size_t i = 0; i < l->a->n_rules; i++) {
		const struct rule *r = &l->a->rules[i];
		ok = (r->faulty || check_rule_floor(l, r, 1u << r->field.category, r->tiers & ~(1u << TIER_T2))) && ok;
	}
	return ok;
}

bool check_floor_places(struct load *l, const struct compiled *shared, enum tier t)
{
	bool ok = true;

	for (size_t k = 0; l->a->floor_doc && k < program_places(shared->program); k++) {
		struct program_place at = program_place(shared->program, k);
		if (!at.dropped)
			ok = check_rule_floor(l, shared->by_rule[at.rule], at.categories, t != TIER_T2) && ok;
	}
	return ok;
}

static bool check_envelope_floor(struct load *l)
{
	const json_t *never = json_object_get(l->a->floor_doc, "envelope_never_clear");
	char at[60];
	bool ok = true;

	for (size_t i = 0; i < json_array_size(never); i++) {
		enum beside_member m = beside_member_find(view_of(json_string_value(json_array_get(never, i))));
		const struct beside_rule *r = &l->a->beside[m];
		snprintf(at, sizeof at, "/envelope/%zu/action", r->index);
		if (r->listed && r->action == ACTION_KEEP)
			ok = load_fault(l, REASON_BELOW_FLOOR, at,
			                "lets %s leave as it is, which floor.json: /envelope_never_clear/%zu forbids",
			                beside_member_name(m), i);
	}
	return ok;
}

static bool check_floor(struct load *l)
{
	const json_t *floor = l->a->floor_doc, *tiers = json_object_get(floor, "tiers");
	const json_t *onward = json_object_get(l->a->doc, "onward");
	bool ok = true;

	if (json_object_get(floor, "limits"))
		ok = check_limits(l, json_object_get(floor, "limits"));
	ok = check_demands(l, json_object_get(floor, "demands")) && ok;
	for (size_t i = 0; i < json_array_size(tiers); i++)
		ok = check_tier_floor(l, json_array_get(tiers, i), i) && ok;
	if (json_object_get(floor, "onward") && onward &&
	    onward_rank(json_view(onward, "allowed")) > onward_rank(json_view(floor, "onward")))
		ok = load_fault(l, REASON_BELOW_FLOOR, "/onward/allowed", "is looser than floor.json: /onward");
	ok = check_envelope_floor(l) && ok;
	return check_rules_floor(l) && ok;
}

/* --- the overlay --- */

static void shorten(struct duration *have, const json_t *limits, const char *member, bool zero_is_never)
{
	struct duration most = json_duration(limits, member);

	if (json_object_get(limits, member))
		*have = zero_is_never && duration_is_zero(have) ? most : duration_shorter(have, &most);
}

static void narrow_retention(struct purpose *p, const json_t *limits)
{
	struct retention *r = &p->retention;
	struct duration before = r->copy;

	shorten(&r->payload, limits, "payload", false);
	shorten(&r->copy, limits, "copy", false);
	if (!duration_at_most(&before, &r->copy))
		p->copy_from = FROM_OVERLAY;
	shorten(&r->mask, limits, "mask", true);
	shorten(&r->review, limits, "copy_review", true);
	if (duration_at_most(&r->copy, &r->mask)) /* erased before it would be masked */
		r->mask = (struct duration){ 0, 0, 0, 0 };
	if (duration_below(&r->copy, &r->review))
		r->review = (struct duration){ 0, 0, 0, 0 };
}

static void demand(bool *have, enum origin_document *from, bool wanted)
{
	if (wanted && !*have) {
		*have = true;
		*from = FROM_OVERLAY;
	}
}

static void narrow_tier(struct agreement *a, const json_t *o)
{
	struct tier_rule *r = &a->tiers[tier_find(json_view(o, "tier"))];
	uint32_t approvals = (uint32_t)json_integer_value(json_object_get(o, "approvals"));

	demand(&r->case_ref, &r->case_from, json_flag(o, "case"));
	demand(&r->necessity, &r->necessity_from, json_flag(o, "necessity"));
	demand(&r->officer, &r->officer_from, json_flag(o, "officer"));
	demand(&r->justify, &r->justify_from, json_flag(o, "justify_fields"));
	if (approvals > r->approvals) {
		r->approvals = approvals;
		r->approvals_from = FROM_OVERLAY;
	}
}

static void apply_overlay(struct agreement *a)
{
	const json_t *limits = json_object_get(a->overlay_doc, "limits"),
	             *tiers = json_object_get(a->overlay_doc, "tiers");
	const json_t *purposes = json_object_get(a->overlay_doc, "denied_purposes");
	const json_t *subjects = json_object_get(a->overlay_doc, "denied_subject_categories");
	const json_t *exceptions = json_object_get(a->overlay_doc, "denied_exceptions");
	const json_t *members = json_object_get(a->overlay_doc, "denied_envelope");

	for (size_t i = 0; i < json_array_size(members); i++)
		a->beside[beside_member_find(view_of(json_string_value(json_array_get(members, i))))].denied = true;
	shorten(&a->keep, limits, "keep", false);
	narrow_rates(a);
	for (size_t i = 0; limits && i < a->n_purposes; i++)
		narrow_retention(&a->purposes[i], limits);
	for (size_t i = 0; i < json_array_size(tiers); i++)
		narrow_tier(a, json_array_get(tiers, i));
	for (size_t i = 0; i < json_array_size(purposes); i++) {
		size_t p = find_purpose(a, view_of(json_string_value(json_array_get(purposes, i))));
		if (p != INDEX_NONE)
			a->purposes[p].denied = i;
	}
	for (size_t i = 0; i < json_array_size(subjects); i++)
		a->denied_subject[subject_category_find(view_of(json_string_value(json_array_get(subjects, i))))] = i;
	for (size_t i = 0; i < json_array_size(exceptions); i++) {
		size_t x = find_exception(a, view_of(json_string_value(json_array_get(exceptions, i))));
		if (x != INDEX_NONE)
			a->exceptions[x].denied = true;
	}
}

/* An overlay that permits more than the floor says nothing false, but it is a mistake: it is refused. */
static bool check_overlay(struct load *l)
{
	const json_t *floor = json_object_get(l->a->floor_doc, "limits"),
	             *own = json_object_get(l->a->overlay_doc, "limits");
	static const char *const members[] = { "payload", "keep", "copy", "mask", "copy_review" };
	bool ok = true;

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		struct duration most = json_duration(floor, members[i]), have = json_duration(own, members[i]);
		char at[60];
		snprintf(at, sizeof at, "/limits/%s", members[i]);
		if (json_object_get(floor, members[i]) && json_object_get(own, members[i]) &&
		    !duration_at_most(&have, &most))
			ok = overlay_fault(l, REASON_BELOW_FLOOR, at, "is longer than floor.json: /limits/%s permits",
			                   members[i]);
	}
	for (size_t i = 0; i < RATE_MEMBERS; i++) {
		const char *name = rate_members[i].name;
		json_int_t most = json_integer_value(json_object_get(json_object_get(floor, "rates"), name));
		json_int_t have = json_integer_value(json_object_get(json_object_get(own, "rates"), name));
		char at[60];
		snprintf(at, sizeof at, "/limits/rates/%s", name);
		if (most && have > most)
			ok = overlay_fault(l, REASON_BELOW_FLOOR, at,
			                   "is more than floor.json: /limits/rates/%s permits", name);
	}
	return ok;
}

bool read_floor(struct load *l)
{
	struct agreement *a = l->a;
	bool ok = true;

	for (unsigned c = 0; c < SUBJECT_COUNT; c++)
		a->denied_subject[c] = INDEX_NONE;
	if (l->from->floor.n) {
		a->floor_doc = read_document(l, "floor", l->from->floor_file ? l->from->floor_file : "floor.json",
		                             l->from->floor, &a->floor_digest);
		ok = a->floor_doc && check_floor(l);
	}
	if (l->from->overlay.n) {
		a->overlay_doc =
		        read_document(l, "overlay", l->from->overlay_file ? l->from->overlay_file : "overlay.json",
		                      l->from->overlay, &a->overlay_digest);
		ok = a->overlay_doc && check_overlay(l) && ok;
		apply_overlay(a);
	}
	return ok;
}
