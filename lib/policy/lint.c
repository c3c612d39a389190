/* The checks, a function each. */
#include "lib/policy/lint.h"

#include "lib/policy/approval.h"
#include "lib/policy/internal.h"
#include "lib/policy/reach.h"

const char *lint_level_name(enum lint_level l)
{
	switch (l) {
	case LINT_NOTE: return "note";
	case LINT_WARNING: return "warning";
	case LINT_ERROR: return "error";
	}
	return "error";
}

#define LEAVES_MAX 100u /* of one schema that are named; the rest are counted */

struct lint {
	const struct agreement *a;
	int64_t now_ms;
	void (*report)(void *arg, const struct lint_finding *f);
	void *arg;
	size_t n;
	size_t schema; /* whose leaves are walked */
	size_t uncovered;
};

static void find(struct lint *l, enum lint_level level, const char *rule, const char *pointer, const char *fmt, ...)
        PRINTF_LIKE(5, 6);

static void find(struct lint *l, enum lint_level level, const char *rule, const char *pointer, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct lint_finding f = {
		.level = level, .rule = rule, .pointer = pointer, .text = text, .example = lint_example(rule)
	};
	l->report(l->arg, &f);
	l->n += level != LINT_NOTE;
}

/* --- coverage --- */

/* Every leaf is named by a rule, be it to drop it: what nobody thought of shows here. */
static void check_leaf(void *arg, const char *leaf)
{
	struct lint *l = arg;
	char at[40];

	for (size_t i = 0; i < l->a->n_rules; i++) {
		const struct rule *r = &l->a->rules[i];
		bool subtree = r->field.subtree || r->field.action == ACTION_DROP;
		if (pattern_covers(r->field.pointer, subtree, leaf))
			return;
	}
	if (++l->uncovered > LEAVES_MAX)
		return;
	snprintf(at, sizeof at, "/schemas/%zu", l->schema);
	find(l, LINT_WARNING, "uncovered-leaf", at, "no rule names %s; it is dropped: say so", leaf);
}

static void check_coverage(struct lint *l)
{
	for (size_t s = 0; s < l->a->n_schemas; s++) {
		const struct record_schema *schema = &l->a->schemas[s];
		struct reach_document documents[101] = { { .uri = schema->uri, .root = schema->root } };
		struct reach r = { .entry = schema->entry, .documents = documents, .n = 1 };
		bool used = false;
		char at[40];

		for (size_t k = 0; k < schema->n_references && r.n < 101; k++)
			documents[r.n++] = (struct reach_document){ .uri = schema->reference_uris[k],
				                                    .root = schema->references[k] };
		for (size_t p = 0; p < l->a->n_purposes; p++)
			used = used || l->a->purposes[p].schema == s;
		snprintf(at, sizeof at, "/schemas/%zu", s);
		if (!used)
			find(l, LINT_WARNING, "unused-schema", at, "no purpose uses it");
		l->schema = s;
		l->uncovered = 0;
		reach_leaves(&r, check_leaf, l);
		if (l->uncovered > LEAVES_MAX)
			find(l, LINT_WARNING, "uncovered-leaf", at, "and %zu more leaves that no rule names",
			     l->uncovered - LEAVES_MAX);
	}
}

/* --- rules --- */

/* The last token of a pointer that is no `*`. */
static const char *last_name(const char *pointer, char *out, size_t size)
{
	const char *end = pointer + strlen(pointer);

	while (end - pointer >= 2 && end[-1] == '*' && end[-2] == '/')
		end -= 2;
	const char *start = end;
	while (start > pointer && start[-1] != '/')
		start--;
	snprintf(out, size, "%.*s", (int)(end - start), start);
	return out;
}

/* Names under which values of few possibilities stand: whoever holds the key can try them all. */
static bool small_domain(const char *pointer)
{
	static const char *const names[] = { "sex",           "gender",   "born",    "birth_date",
		                             "birthDate",     "age",      "country", "nationality",
		                             "nationalities", "postcode", "zip",     "seat",
		                             "cabin",         "status",   "kind",    "type" };
	char name[200];

	last_name(pointer, name, sizeof name);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static const char *domain_of(const struct rule *r)
{
	return json_string_value(json_object_get(r->field.params, "domain"));
}

static bool listed_domain(const struct agreement *a, const char *domain)
{
	const json_t *list = json_object_get(json_object_get(a->doc, "pseudonyms"), "domains");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (view_is(json_view(json_array_get(list, i), "id"), domain))
			return true;
	return false;
}

/* Is there a purpose of the rule with a tier and a category of the rule? */
static bool ever_applies(const struct agreement *a, const struct rule *r)
{
	for (size_t p = 0; p < a->n_purposes; p++)
		if ((r->purposes & BIT(p)) && (r->tiers & a->purposes[p].tiers) &&
		    (r->subjects & a->purposes[p].subjects))
			return true;
	return false;
}

/* Does the guard cover the rule's field? A container in its fields stands for everything beneath. */
static bool guard_covers(const struct rule *guard, const struct rule *r)
{
	const json_t *fields = json_object_get(guard->field.params, "fields");

	for (size_t i = 0; i < json_array_size(fields); i++)
		if (pattern_covers(json_string_value(json_array_get(fields, i)), true, r->field.pointer))
			return true;
	return false;
}

/* A code that is the same for one value each time, and leaves where the guard applies but does not cover it. */
static bool links(const struct rule *guard, const struct rule *r)
{
	if (!domain_of(r) || r->field.action == ACTION_SEAL || r->field.action == ACTION_DATE_SHIFT)
		return false;
	return (guard->purposes & r->purposes) && (guard->tiers & r->tiers) && (guard->subjects & r->subjects) &&
	       !guard_covers(guard, r);
}

/* A guard that drops fields lets the rest of the record go. A code in that rest is the same in a later batch, where the
 * fields may pass: remembering which went would be a register of people. */
static void check_linkable(struct lint *l, const struct rule *guard)
{
	const struct rule *first = NULL;
	char at[60];

	if (view_is(json_view(guard->field.params, "otherwise"), "refuse"))
		return;
	for (size_t i = 0; i < l->a->n_rules && !first; i++)
		first = links(guard, &l->a->rules[i]) ? &l->a->rules[i] : NULL;
	if (!first)
		return;
	snprintf(at, sizeof at, "/rules/%zu", guard->index);
	find(l, LINT_WARNING, "guard-linkable", at,
	     "guard %s drops fields, and the code of rule %s leaves without them; a later batch may show them beside the "
	     "same code: guard such codes too, or refuse the rest",
	     guard->field.id, first->field.id);
}

static void check_rule(struct lint *l, const struct rule *r)
{
	const json_t *pseudonyms = json_object_get(l->a->doc, "pseudonyms");
	const char *domain = domain_of(r), *id = r->field.id;
	char at[60];

	snprintf(at, sizeof at, "/rules/%zu", r->index);
	if (r->field.category == FIELD_DIRECT && r->clear && r->waiver == INDEX_NONE)
		find(l, LINT_ERROR, "identifier-in-clear", at,
		     "rule %s leaves a direct identifier, or most of it, in clear and names no waiver: every "
		     "record that has it will be refused",
		     id);
	if (r->field.category == FIELD_SPECIAL && r->field.action != ACTION_DROP && (r->tiers & ~(1u << TIER_T2)))
		find(l, LINT_WARNING, "special-category", at,
		     "rule %s lets a special category of data leave below tier T2", id);
	if (r->field.category == FIELD_FREE_TEXT && r->field.action == ACTION_KEEP)
		find(l, LINT_WARNING, "free-text-kept", at,
		     "rule %s keeps free text as it is: anything may stand in it", id);
	if (r->field.subtree && r->field.action != ACTION_DROP)
		find(l, LINT_NOTE, r->field.action == ACTION_KEEP ? "subtree-kept" : "subtree-passed", at,
		     "rule %s lets everything beneath pass (%s), also what a later schema adds", id,
		     action_name(r->field.action));
	if (domain && !pseudonyms)
		find(l, LINT_ERROR, "no-key-clause", at,
		     "rule %s derives codes, and /pseudonyms does not say who holds the key", id);
	else if (domain && !listed_domain(l->a, domain))
		find(l, LINT_WARNING, "unlisted-domain", at,
		     "rule %s uses the domain %s, which /pseudonyms/domains does not list", id, domain);
	if ((r->field.action == ACTION_PSEUDONYM || r->field.action == ACTION_FPE) && small_domain(r->field.pointer))
		find(l, LINT_WARNING, "small-domain", at,
		     "rule %s makes codes of a field with few values: the key holder can try them "
		     "all; a range or a shorter date says less",
		     id);
	if (r->field.action == ACTION_K_GUARD)
		check_linkable(l, r);
	if (!ever_applies(l->a, r))
		find(l, LINT_WARNING, "rule-never", at,
		     "rule %s never applies: none of its purposes has these tiers and "
		     "categories",
		     id);
}

static bool on_container(const struct agreement *a, const struct rule *r)
{
	return place_values(a, r->field.pointer, r->purposes).kinds & DOMAIN_CONTAINER;
}

/* What a rule does in all programs together, and a rule that is stricter somewhere. */
struct effect {
	bool any;
	const struct rule *stricter;
};

/* A rule has an effect where it wins, keeps a container, or makes a field more sensitive than the winner does. */
static void note_effects(const struct agreement *a, const struct compiled *c, struct effect *of)
{
	for (size_t k = 0; k < program_places(c->program); k++) {
		struct program_place at = program_place(c->program, k);
		const struct rule *won = at.rule == RULE_NONE ? NULL : c->by_rule[at.rule];
		unsigned more = won ? at.categories & ~(1u << won->field.category) : 0;

		if (won)
			of[won->index].any = true;
		for (size_t i = 0; i < a->n_rules; i++) {
			const struct rule *r = &a->rules[i];
			if (!(c->set[i / 64] >> (i % 64) & 1))
				continue;
			if (more >> r->field.category & 1 && r->field.category < won->field.category)
				of[i].any = true;
			if (won &&
			    pattern_covers(won->field.pointer, won->field.subtree || won->field.action == ACTION_DROP,
			                   r->field.pointer))
				of[i].stricter = won;
		}
	}
}

/* A rule that never wins says nothing: wherever it reaches, in each combination, another one is stricter. */
static void check_overridden(struct lint *l)
{
	const struct agreement *a = l->a;
	struct effect *of = calloc(a->n_rules + 1, sizeof *of);

	if (!of)
		return;
	for (const struct compiled *c = a->compiled; c; c = c->next)
		if (c->output) /* of the agreement alone */
			note_effects(a, c, of);
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct rule *r = &a->rules[i];
		char at[60];

		/* A keep rule also keeps a container's place. */
		if (of[i].any || !of[i].stricter || of[i].stricter == r || r->field.action == ACTION_K_GUARD ||
		    (r->field.action == ACTION_KEEP && on_container(a, r)))
			continue;
		snprintf(at, sizeof at, "/rules/%zu", i);
		find(l, LINT_WARNING, "overridden", at, "rule %s never wins: rule %s is stricter wherever it applies",
		     r->field.id, of[i].stricter->field.id);
	}
	free(of);
}

/* A field that another rule calls a direct identifier, and that leaves in clear all the same. */
static void check_places(struct lint *l)
{
	const struct agreement *a = l->a;
	bool *told = calloc(a->n_rules + 1, sizeof *told);

	for (const struct compiled *c = a->compiled; told && c; c = c->next)
		for (size_t k = 0; c->output && k < program_places(c->program); k++) {
			struct program_place at = program_place(c->program, k);
			const struct rule *won = at.dropped ? NULL : c->by_rule[at.rule];
			char place[60];

			if (!won || won->field.category == FIELD_DIRECT || !(at.categories >> FIELD_DIRECT & 1) ||
			    !won->clear || won->waiver != INDEX_NONE || told[won->index])
				continue;
			told[won->index] = true;
			snprintf(place, sizeof place, "/rules/%zu", won->index);
			find(l, LINT_ERROR, "identifier-in-clear", place,
			     "rule %s leaves in clear what another rule calls a direct identifier, and names no waiver: "
			     "every record that has it will be refused",
			     won->field.id);
		}
	free(told);
}

/* --- what leaves beside the record --- */

/* More characters than the number of a file has. */
#define WORDY 40

static void check_envelope(struct lint *l)
{
	const json_t *pseudonyms = json_object_get(l->a->doc, "pseudonyms");

	for (unsigned m = 0; m < BESIDE_COUNT; m++) {
		const struct beside_rule *r = &l->a->beside[m];
		const char *domain = json_string_value(json_object_get(r->field.params, "domain"));
		char at[60];

		snprintf(at, sizeof at, "/envelope/%zu", r->index);
		if (!beside_leaves(r))
			continue;
		if (m != BESIDE_HANDLING && r->action == ACTION_KEEP && r->longest > WORDY)
			find(l, LINT_WARNING, "envelope-wordy", at,
			     "up to %u characters of the sender's own leave as they are: a number of a file is shorter",
			     (unsigned)r->longest);
		if (domain && !pseudonyms)
			find(l, LINT_ERROR, "no-key-clause", at,
			     "codes are made of it, and /pseudonyms does not say who holds the key");
		else if (domain && !listed_domain(l->a, domain))
			find(l, LINT_WARNING, "unlisted-domain", at,
			     "it uses the domain %s, which /pseudonyms/domains does not list", domain);
	}
	if ((l->a->scales & BIT(SCALE_EUROPOL_HANDLING)) && !beside_leaves(&l->a->beside[BESIDE_HANDLING]))
		find(l, LINT_NOTE, "no-words", "/handling/scales",
		     "records with the code H3 are refused, for its words do not leave: /envelope says so");
}

static void tell_note(void *arg, const char *text)
{
	find(arg, LINT_WARNING, "overlay-drops", "", "%s", text);
}

/* --- clauses --- */

static void check_combinations(struct lint *l)
{
	const struct agreement *a = l->a;

	for (size_t p = 0; p < a->n_purposes; p++)
		for (unsigned t = 0; t < TIER_COUNT; t++)
			for (unsigned s = 0; s < SUBJECT_COUNT; s++) {
				char at[60];
				if (!(a->purposes[p].tiers >> t & 1) || !(a->purposes[p].subjects >> s & 1) ||
				    a->rulings[ruling_slot(p, (enum tier)t, (enum subject_category)s, true)])
					continue;
				snprintf(at, sizeof at, "/purposes/%zu", p);
				find(l, LINT_WARNING, "nothing-passes", at,
				     "at tier %s no rule lets anything pass about %s", tier_name((enum tier)t),
				     subject_category_name((enum subject_category)s));
			}
}

/* What is said of approvals and nothing asks for, and how long one counts where nobody said it. */
static void check_approvals(struct lint *l)
{
	const struct agreement *a = l->a;
	bool any = false;
	char at[60];

	for (unsigned t = 0; t < TIER_COUNT; t++) {
		const struct tier_rule *r = &a->tiers[t];
		bool asked = r->present && approvals_asked(a, (enum tier)t) > 0;

		any = any || asked || (r->present && r->officer);
		snprintf(at, sizeof at, "/tiers/%zu/approval_lifetime", r->index);
		if (asked && duration_is_zero(&r->lifetime))
			find(l, LINT_NOTE, "approval-lifetime", at,
			     "is not stated: an approval counts for %d hours after its signature", APPROVAL_HOURS);
		if (r->present && !asked && !duration_is_zero(&r->lifetime))
			find(l, LINT_WARNING, "unused-lifetime", at, "no approval is asked for at this tier");
	}
	if (!any && json_object_get(a->doc, "officers"))
		find(l, LINT_WARNING, "unused-officers", "/officers",
		     "no tier and no exception asks for an officer or an approval");
}

/* Codes that take back what the clause beside them gives. */
static void check_caveats(struct lint *l)
{
	struct view allowed = json_view(json_object_get(l->a->doc, "onward"), "allowed");
	const struct caveat *why;
	enum caveat_onward says = caveats_onward(&l->a->caveats, &why);

	if ((view_is(allowed, "listed") && says >= CAVEAT_PERMITTED) ||
	    (view_is(allowed, "with-permission") && says == CAVEAT_CLOSED))
		find(l, LINT_WARNING, "onward-closed", "/onward/caveats",
		     "under %s %s no record is passed on, whatever else /onward says", scale_name(why->scale),
		     scale_value(why->scale, why->place));
}

/* A record that is over before the clause would let it go. */
static void check_keep(struct lint *l)
{
	const struct agreement *a = l->a;

	for (size_t i = 0; i < a->n_purposes; i++) {
		const struct retention *r = &a->purposes[i].retention;
		if (duration_is_zero(&a->keep) ||
		    (duration_below(&a->keep, &r->payload) && duration_below(&a->keep, &r->copy)))
			continue;
		find(l, LINT_WARNING, "keep-cut", "/delivery/keep",
		     "is not shorter than what /retention says for the purpose %.*s, which is counted from the release and "
		     "ends it before",
		     VIEW_ARG(a->purposes[i].id));
	}
	if (!duration_is_zero(&a->keep))
		find(l, LINT_NOTE, "keeps-delivered", "/delivery/keep",
		     "the sender's gateway keeps records that were delivered, to give them again to a partner that lost them");
}

/* An account that was taken over, or a fault in a system, sends as fast as it can. */
static void check_limits(struct lint *l)
{
	const struct rates *r = &l->a->rates;

	if (!rates_any(r))
		find(l, LINT_NOTE, "no-limits", "/limits",
		     "nothing bounds how many records a partner may ask to be decided, but what each gateway sets for itself");
	else if (!r->day_records && !r->day_bytes)
		find(l, LINT_NOTE, "no-day-limit", "/limits", "bounds a second and no day");
}

/* Texts that a draft leaves to people (gatewayctl agreement new). */
static void check_filled(struct lint *l, const json_t *at, const char *pointer)
{
	char below[400];
	const char *name, *text = json_string_value(at);
	const json_t *value;
	size_t i;

	if (text && strncmp(text, LINT_FILL_IN, strlen(LINT_FILL_IN)) == 0)
		find(l, LINT_ERROR, "fill-in", pointer, "is still to be written");
	json_object_foreach((json_t *)(uintptr_t)at, name, value)
	{
		snprintf(below, sizeof below, "%s/%s", pointer, name);
		check_filled(l, value, below);
	}
	json_array_foreach((json_t *)(uintptr_t)at, i, value)
	{
		snprintf(below, sizeof below, "%s/%zu", pointer, i);
		check_filled(l, value, below);
	}
}

/* The parties can still agree on a next version, or can no longer: then sharing ends at the sunset. */
static void check_renewal(struct lint *l)
{
	const json_t *renewal = json_object_get(l->a->doc, "renewal");

	if (!renewal || l->a->sunset_ms <= l->now_ms || json_instant(renewal, "opens") > l->now_ms)
		return;
	if (json_instant(renewal, "closes") > l->now_ms)
		find(l, LINT_WARNING, "renewal-open", "/renewal/closes", "the parties may renew now, and until then");
	else
		find(l, LINT_WARNING, "renewal-over", "/renewal/closes",
		     "is past: without a next version sharing ends at the sunset");
}

static void check_clauses(struct lint *l)
{
	const struct agreement *a = l->a;
	const json_t *council = json_object_get(a->doc, "council"), *pseudonyms = json_object_get(a->doc, "pseudonyms");
	static const struct duration five_years = { .years = 5 };

	if (!a->assessed)
		find(l, LINT_ERROR, "no-assessment", "/assessment/digest",
		     "there is no impact assessment: nothing will leave");
	else if (a->assessment_next_ms <= l->now_ms)
		find(l, LINT_ERROR, "assessment-stale", "/assessment/next_review", "is past: nothing will leave");
	if (a->review_next_ms <= l->now_ms)
		find(l, LINT_ERROR, "review-overdue", "/review/next", "is past: nothing will leave");
	if (a->sunset_ms <= l->now_ms)
		find(l, LINT_ERROR, "sunset-past", "/sunset", "is past: nothing will leave");
	else if (a->sunset_ms > duration_add(a->effective_ms, &five_years))
		find(l, LINT_WARNING, "long-term", "/sunset", "comes more than five years after the start");
	if (a->crypto_expires_ms < a->sunset_ms)
		find(l, LINT_WARNING, "crypto-expires-first", "/algorithms",
		     "an algorithm expires before the sunset: records will stop then");
	if (!council)
		find(l, LINT_WARNING, "no-council", "/council", "there is no joint council that can veto");
	else if (!json_object_get(council, "must_include"))
		find(l, LINT_WARNING, "no-reserved-seat", "/council/must_include",
		     "the agencies can outvote the privacy seat");
	if (pseudonyms && !json_object_get(pseudonyms, "rotation"))
		find(l, LINT_WARNING, "no-rotation", "/pseudonyms/rotation",
		     "codes of one person stay linkable for ever");
	if (!json_object_get(a->doc, "onward"))
		find(l, LINT_WARNING, "no-onward", "/onward", "nothing is said about passing on to others");
	check_caveats(l);
	const json_t *assessment = json_object_get(a->doc, "assessment"),
	             *comments = json_object_get(assessment, "comments");
	if (!json_object_get(assessment, "consulted"))
		find(l, LINT_NOTE, "not-consulted", "/assessment/consulted",
		     "does not say who was asked: supervisory authorities, people concerned or those who speak for them");
	if (!comments)
		find(l, LINT_NOTE, "no-comments", "/assessment/comments",
		     "does not say when anybody could comment on the draft");
	else if (json_instant(comments, "closes") > l->now_ms)
		find(l, LINT_WARNING, "comments-open", "/assessment/comments/closes",
		     "comments may still come: sign when that is over");
	check_renewal(l);
	if (!json_object_get(a->doc, "renewal"))
		find(l, LINT_NOTE, "no-renewal", "/renewal", "the parties have not said when they may renew");
	for (size_t i = 0; i < a->n_purposes; i++) {
		static const struct duration three_years = { .years = 3 };
		const struct retention *r = &a->purposes[i].retention;
		if (!duration_at_most(&r->copy, &three_years) && duration_is_zero(&r->review))
			find(l, LINT_WARNING, "no-copy-review", "/retention/review",
			     "a copy that lives longer than three years is never reviewed");
	}
}

size_t agreement_lint(const struct agreement *a, int64_t now_ms,
                      void (*report)(void *arg, const struct lint_finding *f), void *arg)
{
	struct lint l = { .a = a, .now_ms = now_ms, .report = report, .arg = arg };

	check_coverage(&l);
	for (size_t i = 0; i < a->n_rules; i++)
		check_rule(&l, &a->rules[i]);
	check_overridden(&l);
	check_places(&l);
	check_envelope(&l);
	agreement_notes(a, tell_note, &l);
	check_combinations(&l);
	check_clauses(&l);
	check_filled(&l, a->doc, "");
	check_approvals(&l);
	check_keep(&l);
	check_limits(&l);
	return l.n;
}
