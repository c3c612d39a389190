/* Fields are compared by what each combination of purpose, tier and subject category lets pass, clauses by
 * their meaning; what is left is compared as JSON and reported as other. */
#include "lib/policy/diff.h"

#include "lib/policy/approval.h"
#include "lib/policy/internal.h"
#include "lib/policy/plain.h"

const char *diff_kind_name(enum diff_kind k)
{
	switch (k) {
	case DIFF_STRICTER: return "stricter";
	case DIFF_LOOSER: return "looser";
	case DIFF_OTHER: return "other";
	}
	return "other";
}

struct diff {
	const struct agreement *old, *new;
	void (*report)(void *arg, enum diff_kind kind, const char *pointer, const char *text);
	void *arg;
	size_t looser;
};

static void tell(struct diff *d, enum diff_kind kind, const char *pointer, const char *fmt, ...) PRINTF_LIKE(4, 5);

static void tell(struct diff *d, enum diff_kind kind, const char *pointer, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	d->report(d->arg, kind, pointer, text);
	d->looser += kind == DIFF_LOOSER;
}

/* --- field rules --- */

/* What a combination's own program, without floor and overlay, does at a pointer. */
struct verdict {
	const struct compiled *compiled;
	struct program_place at;
	const struct rule *rule; /* that wins; NULL: dropped */
};

static struct verdict verdict_of(const struct agreement *a, const char *pointer, size_t p, unsigned t, unsigned s)
{
	const struct ruling_full *full = a->rulings[ruling_slot(p, (enum tier)t, (enum subject_category)s, true)];
	struct verdict v = { .compiled = full ? full->shared : NULL };

	if (!v.compiled)
		return v;
	v.at = program_place_at(v.compiled->program, pointer);
	v.rule = v.at.dropped ? NULL : v.compiled->by_rule[v.at.rule];
	return v;
}

static bool covered(const struct agreement *a, size_t p, unsigned t, unsigned s)
{
	return a->tiers[t].present && (a->purposes[p].tiers >> t & 1) && (a->purposes[p].subjects >> s & 1);
}

static enum action action_of(const struct rule *r)
{
	return r ? r->field.action : ACTION_DROP;
}

/* From the one to the other: what follows from the other's result is stricter. */
static enum diff_kind kind_of_change(const struct verdict *was, const struct verdict *is)
{
	if (!was->rule || !is->rule)
		return is->rule ? DIFF_LOOSER : DIFF_STRICTER;
	switch (program_compare(is->compiled->program, is->at.rule, was->compiled->program, was->at.rule)) {
	case -1: return DIFF_STRICTER;
	case 1: return DIFF_LOOSER;
	}
	return DIFF_OTHER;
}

/* The change of one pointer, told once for the first combination in which it differs; further different
 * changes of it are told, too. */
static void diff_pointer(struct diff *d, const char *pointer, const char *at)
{
	uint64_t told[ACTION_COUNT] = { 0 };

	for (size_t q = 0; q < d->new->n_purposes; q++) {
		size_t p = find_purpose(d->old, d->new->purposes[q].id);
		for (unsigned t = 0; p != INDEX_NONE && t < TIER_COUNT; t++)
			for (unsigned s = 0; s < SUBJECT_COUNT; s++) {
				if (!covered(d->old, p, t, s) || !covered(d->new, q, t, s))
					continue;
				struct verdict was = verdict_of(d->old, pointer, p, t, s),
				               is = verdict_of(d->new, pointer, q, t, s);
				enum action before = action_of(was.rule), after = action_of(is.rule);
				bool form = before == after && was.rule && is.rule &&
				            (was.rule->field.subtree != is.rule->field.subtree ||
				             !json_same(was.rule->field.params, is.rule->field.params));
				if ((before == after && !form) || (told[before] & BIT(after)))
					continue;
				told[before] |= BIT(after);
				tell(d, kind_of_change(&was, &is), at, "%s %s, where before it %s (%.*s, %s)",
				     pointer[0] ? pointer : "the whole record",
				     form ? "has other parameters" : plain_action(after), plain_action(before),
				     VIEW_ARG(d->new->purposes[q].id), tier_name((enum tier)t));
			}
	}
}

static const struct rule *rule_of(const struct agreement *a, const char *id);

/* k-guards stand on no field: they are compared by their ids. */
static void diff_guard(struct diff *d, const struct rule *of, bool now, const char *at)
{
	const struct rule *other = rule_of(now ? d->old : d->new, of->field.id);
	bool guards = other && other->field.action == ACTION_K_GUARD;

	if (of->field.action != ACTION_K_GUARD)
		return;
	if (!guards)
		tell(d, now ? DIFF_STRICTER : DIFF_LOOSER, at, "a k-guard %s",
		     now ? "withholds rare combinations, where before none did"
		         : "no longer withholds rare combinations");
	else if (now && (!json_same(of->field.params, other->field.params) || of->purposes != other->purposes ||
	                 of->tiers != other->tiers || of->subjects != other->subjects))
		tell(d, DIFF_OTHER, at, "a k-guard has other parameters or conditions");
}

static const struct rule *rule_of(const struct agreement *a, const char *id)
{
	for (size_t i = 0; i < a->n_rules; i++)
		if (strcmp(a->rules[i].field.id, id) == 0)
			return &a->rules[i];
	return NULL;
}

static bool guarded(enum field_category c)
{
	return c == FIELD_DIRECT || c == FIELD_SPECIAL;
}

/* What kind of field it is, and under which exception it may leave in clear: both decide without the action. */
static void diff_kind_of_field(struct diff *d, const struct rule *is, const char *at)
{
	const struct rule *was = rule_of(d->old, is->field.id);

	if (!was)
		return;
	if (was->field.category != is->field.category)
		tell(d, guarded(was->field.category) && !guarded(is->field.category) ? DIFF_LOOSER : DIFF_OTHER, at,
		     "%s counts as %s, where before as %s", is->field.pointer, field_category_name(is->field.category),
		     field_category_name(was->field.category));
	struct view before = was->waiver == INDEX_NONE ? VIEW("no exception") : d->old->exceptions[was->waiver].id;
	struct view after = is->waiver == INDEX_NONE ? VIEW("no exception") : d->new->exceptions[is->waiver].id;
	if (!view_eq(before, after))
		tell(d,
		     is->waiver == INDEX_NONE    ? DIFF_STRICTER
		     : was->waiver == INDEX_NONE ? DIFF_LOOSER
		                                 : DIFF_OTHER,
		     at, "%s may leave in clear under %.*s, where before under %.*s", is->field.pointer,
		     VIEW_ARG(after), VIEW_ARG(before));
}

static void diff_rules(struct diff *d)
{
	char at[60];

	for (size_t i = 0; i < d->new->n_rules; i++) {
		bool again = false;
		for (size_t k = 0; k < i && !again; k++)
			again = strcmp(d->new->rules[k].field.pointer, d->new->rules[i].field.pointer) == 0;
		snprintf(at, sizeof at, "/rules/%zu", i);
		if (!again)
			diff_pointer(d, d->new->rules[i].field.pointer, at);
		diff_guard(d, &d->new->rules[i], true, at);
		diff_kind_of_field(d, &d->new->rules[i], at);
	}
	for (size_t i = 0; i < d->old->n_rules; i++) {
		bool again = false;
		for (size_t k = 0; k < d->new->n_rules && !again; k++)
			again = strcmp(d->new->rules[k].field.pointer, d->old->rules[i].field.pointer) == 0;
		for (size_t k = 0; k < i && !again; k++)
			again = strcmp(d->old->rules[k].field.pointer, d->old->rules[i].field.pointer) == 0;
		snprintf(at, sizeof at, "/rules/%zu", i);
		if (!again)
			diff_pointer(d, d->old->rules[i].field.pointer, at);
		diff_guard(d, &d->old->rules[i], false, at);
	}
}

/* --- purposes, tiers --- */

/* 0: as long, -1: never longer, 1: longer at some start. */
static int duration_order(const struct duration *is, const struct duration *was)
{
	if (!duration_at_most(is, was))
		return 1;
	return duration_at_most(was, is) ? 0 : -1;
}

static void diff_period(struct diff *d, const struct duration *was, const struct duration *is, bool zero_is_never,
                        const char *at, const char *what)
{
	struct buf words = BUF_INIT(4096);
	int order = duration_order(is, was);

	if (zero_is_never && duration_is_zero(is) != duration_is_zero(was))
		order = duration_is_zero(is) ? 1 : -1;
	if (order != 0) {
		plain_duration(&words, was);
		buf_adds(&words, " becomes ");
		plain_duration(&words, is);
		tell(d, order > 0 ? DIFF_LOOSER : DIFF_STRICTER, at, "%s: %.*s", what, VIEW_ARG(buf_view(&words)));
	}
	buf_free(&words);
}

static void diff_mask(struct diff *d, uint32_t was, uint32_t is, unsigned n, const char *at, const char *what,
                      const char *(*name)(unsigned))
{
	for (unsigned i = 0; i < n; i++)
		if ((was ^ is) >> i & 1)
			tell(d, is >> i & 1 ? DIFF_LOOSER : DIFF_STRICTER, at, "%s %s is %s", what, name(i),
			     is >> i & 1 ? "added" : "taken away");
}

static const char *name_of_tier(unsigned t)
{
	return tier_name((enum tier)t);
}

static const char *name_of_subject(unsigned s)
{
	return subject_category_name((enum subject_category)s);
}

static void diff_flag(struct diff *d, bool was, bool is, const char *at, const char *what)
{
	if (was != is)
		tell(d, is ? DIFF_STRICTER : DIFF_LOOSER, at, "%s is %s demanded", what, is ? "now" : "no longer");
}

/* Strings of a list that the other one lacks. */
static void diff_list(struct diff *d, const json_t *list, const json_t *other, enum diff_kind kind, const char *at,
                      const char *what)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));
		bool there = false;
		for (size_t k = 0; k < json_array_size(other) && !there; k++)
			there = strcmp(one, json_string_value(json_array_get(other, k))) == 0;
		if (!there)
			tell(d, kind, at, "%s %s is %s", what, one, kind == DIFF_LOOSER ? "added" : "taken away");
	}
}

static const json_t *item_of(const struct agreement *a, const char *clause, size_t i)
{
	return json_array_get(json_object_get(a->doc, clause), i);
}

static void diff_purpose(struct diff *d, size_t k, size_t index)
{
	const struct purpose *was = &d->old->purposes[k], *is = &d->new->purposes[index];
	const json_t *before = json_object_get(item_of(d->old, "purposes", k), "legal_bases");
	const json_t *after = json_object_get(item_of(d->new, "purposes", index), "legal_bases");
	char at[60];

	snprintf(at, sizeof at, "/purposes/%zu", index);
	diff_list(d, after, before, DIFF_LOOSER, at, "legal basis");
	diff_list(d, before, after, DIFF_STRICTER, at, "legal basis");
	diff_mask(d, was->tiers, is->tiers, TIER_COUNT, at, "tier", name_of_tier);
	diff_mask(d, was->subjects, is->subjects, SUBJECT_COUNT, at, "subject category", name_of_subject);
	diff_period(d, &was->retention.payload, &is->retention.payload, false, at, "the gateway's payload");
	diff_period(d, &was->retention.copy, &is->retention.copy, false, at, "the recipient's copy");
	diff_period(d, &was->retention.mask, &is->retention.mask, true, at, "masking of the copy");
	diff_period(d, &was->retention.review, &is->retention.review, true, at, "review of the copy");
	diff_period(d, &was->retention.receipt, &is->retention.receipt, false, at, "time for receipts");
	diff_flag(d, was->retention.block_overdue, is->retention.block_overdue, at,
	          "a stop of new records while receipts are overdue");
}

static void diff_purposes(struct diff *d)
{
	char at[60];

	for (size_t i = 0; i < d->new->n_purposes; i++) {
		size_t k = find_purpose(d->old, d->new->purposes[i].id);
		snprintf(at, sizeof at, "/purposes/%zu", i);
		if (k == INDEX_NONE)
			tell(d, DIFF_LOOSER, at, "the purpose %.*s is added", VIEW_ARG(d->new->purposes[i].id));
		else
			diff_purpose(d, k, i);
	}
	for (size_t i = 0; i < d->old->n_purposes; i++)
		if (find_purpose(d->new, d->old->purposes[i].id) == INDEX_NONE) {
			snprintf(at, sizeof at, "/purposes/%zu", i);
			tell(d, DIFF_STRICTER, at, "the purpose %.*s is taken away", VIEW_ARG(d->old->purposes[i].id));
		}
}

/* As many uses in a shorter window are more. */
static void diff_window(struct diff *d, const struct duration *was, const struct duration *is, const char *at)
{
	int order = duration_order(is, was);
	struct buf words = BUF_INIT(4096);

	if (order != 0) {
		plain_duration(&words, was);
		buf_adds(&words, " becomes ");
		plain_duration(&words, is);
		tell(d, order < 0 ? DIFF_LOOSER : DIFF_STRICTER, at, "the quota's window: %.*s",
		     VIEW_ARG(buf_view(&words)));
	}
	buf_free(&words);
}

/* How long an approval counts after its signature; none is stated where it is the most that any may. */
static void diff_lifetime(struct diff *d, const struct duration *was, const struct duration *is, const char *at)
{
	static const struct duration most = { .seconds = APPROVAL_HOURS * 3600 };
	int order = duration_order(duration_is_zero(is) ? &most : is, duration_is_zero(was) ? &most : was);

	if (order != 0)
		tell(d, order > 0 ? DIFF_LOOSER : DIFF_STRICTER, at,
		     "an approval counts for a %s time after its signature", order > 0 ? "longer" : "shorter");
}

static void diff_tiers(struct diff *d)
{
	for (unsigned t = 0; t < TIER_COUNT; t++) {
		const struct tier_rule *was = &d->old->tiers[t], *is = &d->new->tiers[t];
		char at[60];
		if (!was->present || !is->present)
			continue;
		snprintf(at, sizeof at, "/tiers/%zu", is->index);
		diff_flag(d, was->case_ref, is->case_ref, at, "a case reference");
		diff_flag(d, was->necessity, is->necessity, at, "the necessity test");
		diff_flag(d, was->officer, is->officer, at, "a named officer");
		diff_flag(d, was->justify, is->justify, at, "a justification of each field");
		if (was->approvals != is->approvals)
			tell(d, is->approvals > was->approvals ? DIFF_STRICTER : DIFF_LOOSER, at,
			     "%u approvals become %u", was->approvals, is->approvals);
		diff_lifetime(d, &was->lifetime, &is->lifetime, at);
		/* 0 is no quota at all. */
		if (was->quota.uses != is->quota.uses)
			tell(d, was->quota.uses - 1 < is->quota.uses - 1 ? DIFF_LOOSER : DIFF_STRICTER, at,
			     "the quota changes from %u to %u uses%s", was->quota.uses, is->quota.uses,
			     was->quota.uses && is->quota.uses ? "" : " (0: none)");
		if (was->quota.uses && is->quota.uses)
			diff_window(d, &was->quota.per, &is->quota.per, at);
		if (!json_same(json_object_get(item_of(d->old, "tiers", was->index), "criteria"),
		               json_object_get(item_of(d->new, "tiers", is->index), "criteria")))
			tell(d, DIFF_OTHER, at, "the criteria read otherwise");
	}
}

/* --- dates, exceptions, and the rest --- */

static void diff_date(struct diff *d, int64_t was, int64_t is, const char *at, const char *what)
{
	struct buf words = BUF_INIT(4096);

	if (was == is)
		return;
	plain_date(&words, was);
	buf_adds(&words, " becomes ");
	plain_date(&words, is);
	tell(d, is > was ? DIFF_LOOSER : DIFF_STRICTER, at, "%s: %.*s", what, VIEW_ARG(buf_view(&words)));
	buf_free(&words);
}

/* How far it reaches, for what, and what is said of it. */
static void diff_reach(struct diff *d, size_t k, size_t i, const char *at)
{
	static const char *const words[] = { "ground", "text", "purposes" };
	const json_t *was = item_of(d->old, "exceptions", k), *is = item_of(d->new, "exceptions", i);
	struct duration before = json_duration(was, "review_within"), after = json_duration(is, "review_within");

	diff_list(d, json_object_get(is, "pointers"), json_object_get(was, "pointers"), DIFF_LOOSER, at,
	          "the exception's field");
	diff_list(d, json_object_get(was, "pointers"), json_object_get(is, "pointers"), DIFF_STRICTER, at,
	          "the exception's field");
	diff_mask(d, d->old->exceptions[k].tiers, d->new->exceptions[i].tiers, TIER_COUNT, at, "the exception's tier",
	          name_of_tier);
	diff_period(d, &before, &after, false, at, "review of its uses");
	diff_window(d, &d->old->exceptions[k].quota.per, &d->new->exceptions[i].quota.per, at);
	for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
		if (!json_same(json_object_get(was, words[w]), json_object_get(is, words[w])))
			tell(d, DIFF_OTHER, at, "the exception's %s reads otherwise", words[w]);
}

static void diff_exceptions(struct diff *d)
{
	char at[60];

	for (size_t i = 0; i < d->new->n_exceptions; i++) {
		size_t k = find_exception(d->old, d->new->exceptions[i].id);
		const struct exception *is = &d->new->exceptions[i];
		snprintf(at, sizeof at, "/exceptions/%zu", i);
		if (k == INDEX_NONE) {
			tell(d, DIFF_LOOSER, at, "the exception %.*s is added", VIEW_ARG(is->id));
			continue;
		}
		diff_date(d, d->old->exceptions[k].expires_ms, is->expires_ms, at, "the exception's end");
		if (is->approvals != d->old->exceptions[k].approvals)
			tell(d, is->approvals > d->old->exceptions[k].approvals ? DIFF_STRICTER : DIFF_LOOSER, at,
			     "%u approvals become %u", d->old->exceptions[k].approvals, is->approvals);
		if (is->quota.uses != d->old->exceptions[k].quota.uses)
			tell(d, is->quota.uses > d->old->exceptions[k].quota.uses ? DIFF_LOOSER : DIFF_STRICTER, at,
			     "%u uses become %u", d->old->exceptions[k].quota.uses, is->quota.uses);
		diff_reach(d, k, i, at);
	}
	for (size_t i = 0; i < d->old->n_exceptions; i++)
		if (find_exception(d->new, d->old->exceptions[i].id) == INDEX_NONE) {
			snprintf(at, sizeof at, "/exceptions/%zu", i);
			tell(d, DIFF_STRICTER, at, "the exception %.*s is taken away",
			     VIEW_ARG(d->old->exceptions[i].id));
		}
}

/* How much of a member leaves: nothing, a code of it, itself. */
static int shown(const struct beside_rule *r)
{
	return !beside_leaves(r) ? 0 : r->action == ACTION_KEEP ? 2 : 1;
}

static void diff_envelope(struct diff *d)
{
	static const char *const words[] = { "stays", "leaves as a code", "leaves as it is" };
	char at[60];

	for (unsigned m = 0; m < BESIDE_COUNT; m++) {
		const struct beside_rule *was = &d->old->beside[m], *is = &d->new->beside[m];
		const char *name = beside_member_name((enum beside_member)m);
		snprintf(at, sizeof at, is->listed ? "/envelope/%zu" : "/envelope", is->index);
		if (shown(was) != shown(is))
			tell(d, shown(is) > shown(was) ? DIFF_LOOSER : DIFF_STRICTER, at,
			     "the envelope's %s %s, before: %s", name, words[shown(is)], words[shown(was)]);
		else if (shown(is) && !json_same(json_array_get(json_object_get(d->old->doc, "envelope"), was->index),
		                                 json_array_get(json_object_get(d->new->doc, "envelope"), is->index)))
			tell(d, is->longest > was->longest ? DIFF_LOOSER : DIFF_OTHER, at,
			     "what is said of the envelope's %s reads otherwise", name);
	}
}

static void diff_limits(struct diff *d)
{
	for (size_t i = 0; i < RATE_MEMBERS; i++) {
		uint64_t was = rates_of(&d->old->rates, i), is = rates_of(&d->new->rates, i);
		char at[60], before[24] = "no bound", after[24] = "no bound";

		if (was == is)
			continue;
		snprintf(at, sizeof at, "/limits/%s", rate_members[i].name);
		if (was)
			snprintf(before, sizeof before, "%llu", (unsigned long long)was);
		if (is)
			snprintf(after, sizeof after, "%llu", (unsigned long long)is);
		tell(d, was && (!is || is > was) ? DIFF_LOOSER : DIFF_STRICTER, at, "%s: %s becomes %s",
		     rate_members[i].words, before, after);
	}
}

static void diff_clauses(struct diff *d)
{
	static const char *const clauses[] = { "title",      "parties", "flows",        "legal_bases", "schemas",
		                               "pseudonyms", "onward",  "handling",     "consent",     "assessment",
		                               "council",    "breach",  "notification", "redress",     "answers",
		                               "algorithms", "renewal" };
	char at[60];

	for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
		const json_t *was = json_object_get(d->old->doc, clauses[i]),
		             *is = json_object_get(d->new->doc, clauses[i]);
		snprintf(at, sizeof at, "/%s", clauses[i]);
		if (!was != !is)
			tell(d, DIFF_OTHER, at, "the clause is %s", is ? "added" : "taken away");
		else if (was && !json_same(was, is))
			tell(d, DIFF_OTHER, at, "the clause reads otherwise");
	}
}

size_t agreement_diff(const struct agreement *before, const struct agreement *after,
                      void (*report)(void *arg, enum diff_kind kind, const char *pointer, const char *text), void *arg)
{
	struct diff d = { .old = before, .new = after, .report = report, .arg = arg };

	diff_date(&d, before->sunset_ms, after->sunset_ms, "/sunset", "the end of sharing");
	diff_date(&d, before->review_next_ms, after->review_next_ms, "/review/next", "the next review");
	diff_purposes(&d);
	diff_period(&d, &before->keep, &after->keep, false, "/delivery/keep", "what the sender keeps after delivery");
	diff_limits(&d);
	diff_tiers(&d);
	diff_rules(&d);
	diff_exceptions(&d);
	diff_list(&d, json_object_get(after->doc, "officers"), json_object_get(before->doc, "officers"), DIFF_LOOSER,
	          "/officers", "an officer who may approve");
	diff_list(&d, json_object_get(before->doc, "officers"), json_object_get(after->doc, "officers"), DIFF_STRICTER,
	          "/officers", "an officer who may approve");
	diff_envelope(&d);
	diff_clauses(&d);
	return d.looser;
}
