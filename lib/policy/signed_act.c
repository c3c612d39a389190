/* See signed_act.h. */
#include "lib/policy/signed_act.h"

#include "lib/policy/council.h"
#include "lib/policy/internal.h"
#include "lib/schema/document.h"

#define SKEW_MS (5 * 60 * SECOND_MS) /* by which a signer's watch may be ahead */

static const char *const kinds[] = {
#define A(name, text) text,
	ACT_KIND_LIST(A)
#undef A
};

static const char *const statuses[] = {
#define A(name, text) text,
	ACT_STATUS_LIST(A)
#undef A
};

const char *act_kind_name(enum act_kind k)
{
	return kinds[k];
}

const char *act_status_name(enum act_status s)
{
	return statuses[s];
}

static size_t find(const char *const *names, size_t n, struct view name)
{
	size_t i = 0;

	while (i < n && !view_is(name, names[i]))
		i++;
	return i;
}

enum act_kind act_kind_find(struct view name)
{
	return (enum act_kind)find(kinds, ACT_KINDS, name);
}

/* --- scopes --- */

static bool is_none(const struct uuid *u)
{
	static const struct uuid none;

	return memcmp(u, &none, sizeof none) == 0;
}

static bool same_uuid(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static bool covers(struct view scope, struct view subject)
{
	return scope.n == 0 || view_eq(scope, subject);
}

bool act_scope_covers(const struct act_scope *scope, const struct act_subject *subject)
{
	return covers(scope->purpose, subject->purpose) && covers(scope->legal_basis, subject->legal_basis) &&
	       covers(scope->exception, subject->exception) &&
	       (covers(scope->partner, subject->provider) || covers(scope->partner, subject->recipient)) &&
	       (scope->tier == TIER_COUNT || scope->tier == subject->tier) &&
	       (is_none(&scope->exchange) || same_uuid(&scope->exchange, &subject->exchange));
}

static bool meet(struct view a, struct view b)
{
	return a.n == 0 || b.n == 0 || view_eq(a, b);
}

/* Two partners are met by what one gives to the other. */
bool act_scopes_meet(const struct act_scope *a, const struct act_scope *b)
{
	return meet(a->purpose, b->purpose) && meet(a->legal_basis, b->legal_basis) &&
	       meet(a->exception, b->exception) &&
	       (a->tier == TIER_COUNT || b->tier == TIER_COUNT || a->tier == b->tier) &&
	       (is_none(&a->exchange) || is_none(&b->exchange) || same_uuid(&a->exchange, &b->exchange));
}

enum reason act_effect_stops(const struct act_effect *f, const struct act_subject *subject)
{
	if (f->kind == ACT_AUTHORISE || !act_scope_covers(&f->about, subject))
		return REASON_NONE;
	switch (f->kind) {
	case ACT_VETO: return REASON_COUNCIL_VETO;
	case ACT_SUSPEND: return REASON_AGREEMENT_SUSPENDED;
	case ACT_TERMINATE: return REASON_AGREEMENT_TERMINATED;
	case ACT_RESTRICT_TIER:
		/* A record that states no tier of the agreement is refused for that; here it counts as the highest. */
		return subject->tier > f->max ? REASON_TIER_RESTRICTED : REASON_NONE;
	case ACT_AUTHORISE:
	case ACT_LIFT:
	case ACT_AMEND_NO_CHANGE:
	case ACT_KINDS: break;
	}
	return REASON_NONE;
}

/* --- the text --- */

static bool invalid(struct error *e, const char *where, const char *what)
{
	return error_at(e, REASON_ACT_INVALID, where, 0, 0, "%s", what);
}

static bool copy(struct signed_act *a, const json_t *o, const char *name, struct view *out)
{
	struct view v = json_view(o, name);

	*out = v.n ? arena_copy(&a->mem, v) : VIEW("");
	return out->p != NULL;
}

static bool read_scope(struct signed_act *a, const json_t *about)
{
	struct view exchange = json_view(about, "exchange");

	a->about.tier = json_object_get(about, "tier") ? tier_find(json_view(about, "tier")) : TIER_COUNT;
	return copy(a, about, "purpose", &a->about.purpose) && copy(a, about, "legal_basis", &a->about.legal_basis) &&
	       copy(a, about, "exception", &a->about.exception) && copy(a, about, "partner", &a->about.partner) &&
	       (exchange.n == 0 || uuid_parse(exchange, &a->about.exchange));
}

/* The schema has seen to the forms. */
static bool read_members(struct signed_act *a, const json_t *doc)
{
	const json_t *agreement = json_object_get(doc, "agreement");

	a->kind = act_kind_find(json_view(doc, "act"));
	a->status = (enum act_status)find(statuses, ACT_STATUSES, json_view(doc, "status"));
	a->agreement_digest = json_digest(agreement, "digest");
	a->max = json_object_get(doc, "max") ? tier_find(json_view(doc, "max")) : TIER_COUNT;
	a->issued_ms = json_instant(doc, "issued");
	a->collect_until_ms = json_instant(doc, "collect_until");
	a->until_ms = json_instant(doc, "until");
	a->lifts = json_digest(doc, "lifts");
	return uuid_parse(json_view(doc, "id"), &a->id) && copy(a, agreement, "id", &a->agreement) &&
	       copy(a, doc, "ground", &a->ground) && read_scope(a, json_object_get(doc, "about"));
}

/* Which members a kind has: what is not asked for is forbidden, so that nobody signs words without a meaning. */
static const struct {
	bool until, max, lifts, scope, exchange;
} forms[ACT_KINDS] = {
	[ACT_AUTHORISE] = { .until = true, .scope = true },
	[ACT_VETO] = { .scope = true, .exchange = true },
	[ACT_SUSPEND] = { .until = true, .scope = true },
	[ACT_RESTRICT_TIER] = { .until = true, .max = true, .scope = true },
	[ACT_LIFT] = { .lifts = true },
};

static bool form_fits(const struct signed_act *a, const json_t *doc, struct error *e)
{
	const json_t *about = json_object_get(doc, "about");
	static const char *const members[] = { "until", "max", "lifts" };
	const bool wanted[] = { forms[a->kind].until, forms[a->kind].max, forms[a->kind].lifts };

	for (size_t i = 0; i < 3; i++) {
		char where[16];
		snprintf(where, sizeof where, "/%s", members[i]);
		if (wanted[i] && !json_object_get(doc, members[i]))
			return invalid(e, where, "is missing: an act of this kind needs it");
		if (!wanted[i] && json_object_get(doc, members[i]))
			return invalid(e, where, "says nothing in an act of this kind: leave it out");
	}
	if (!forms[a->kind].scope && json_object_size(about) > 0)
		return invalid(e, "/about", "must be empty in an act of this kind");
	if (!forms[a->kind].exchange && !is_none(&a->about.exchange))
		return invalid(e, "/about/exchange", "one record can be vetoed, and nothing else");
	return (a->kind != ACT_RESTRICT_TIER || a->about.tier == TIER_COUNT) ||
	       invalid(e, "/about/tier", "the tier is restricted by max");
}

static bool dates_fit(const struct signed_act *a, struct error *e)
{
	if (a->collect_until_ms <= a->issued_ms)
		return invalid(e, "/collect_until", "is not after issued");
	if (a->collect_until_ms > a->issued_ms + ACT_COLLECT_DAYS * DAY_MS)
		return invalid(e, "/collect_until", "is more than 30 days after issued");
	if (a->until_ms == TIME_NONE)
		return true;
	if (a->until_ms <= a->issued_ms)
		return invalid(e, "/until", "is not after issued");
	return a->kind == ACT_AUTHORISE || a->until_ms <= a->issued_ms + ACT_SUSPEND_DAYS * DAY_MS ||
	       invalid(e, "/until", "is more than 30 days after issued: who stops it for longer extends it");
}

static struct signed_act *lost(struct signed_act *a, struct error *e)
{
	signed_act_free(a);
	error_set(e, REASON_NO_MEMORY, "memory ran out");
	return NULL;
}

/* `file:line:column: /pointer: text` of the first error, as the place and the text. */
static bool first_fault(const struct error_list *errors, struct error *e)
{
	const struct error *first = errors->n ? &errors->items[0] : NULL;
	const char *text = first ? first->text : "is no act", *end = strchr(text, ':');
	char where[200] = "";

	if (text[0] == '/' && end)
		snprintf(where, sizeof where, "%.*s", (int)(end - text), text);
	return error_at(e, REASON_ACT_INVALID, where, first ? first->line : 0, first ? first->column : 0, "%s",
	                where[0] ? end + 2 : text);
}

struct signed_act *signed_act_read(const struct schema *schema, struct view text, struct error *e)
{
	struct signed_act *a = calloc(1, sizeof *a);
	struct error_list errors = { .max = 1 };
	json_t *doc = NULL;
	bool ok;

	if (!a)
		return lost(a, e);
	if (text.n > ACT_TEXT_MAX) {
		invalid(e, "", "is longer than an act may be");
		signed_act_free(a);
		return NULL;
	}
	a->text = arena_copy(&a->mem, text);
	if (text.n && !a->text.p)
		return lost(a, e);
	sha256(text, &a->digest);
	doc = document_read(schema, "act", a->text, &errors);
	ok = doc ? read_members(a, doc) : first_fault(&errors, e);
	error_list_free(&errors);
	if (doc && !ok) {
		json_decref(doc);
		return lost(a, e);
	}
	ok = ok && form_fits(a, doc, e) && dates_fit(a, e);
	json_decref(doc);
	if (ok)
		return a;
	signed_act_free(a);
	return NULL;
}

void signed_act_free(struct signed_act *a)
{
	if (!a)
		return;
	arena_free(&a->mem);
	free(a);
}

/* --- against its agreement --- */

static bool foreign(struct error *e, const char *where, const char *what)
{
	return error_at(e, REASON_ACT_FOREIGN, where, 0, 0, "%s", what);
}

static bool scope_fits(const struct act_scope *s, const struct agreement *a, struct error *e)
{
	if (s->purpose.n && find_purpose(a, s->purpose) == INDEX_NONE)
		return foreign(e, "/about/purpose", "is no purpose of the agreement");
	if (s->legal_basis.n && find_basis(a, s->legal_basis) == INDEX_NONE)
		return foreign(e, "/about/legal_basis", "is no legal basis of the agreement");
	if (s->exception.n && find_exception(a, s->exception) == INDEX_NONE)
		return foreign(e, "/about/exception", "is no exception of the agreement");
	if (s->partner.n && !agreement_has_party(a, s->partner))
		return foreign(e, "/about/partner", "is no party of the agreement");
	return s->tier == TIER_COUNT || a->tiers[s->tier].present ||
	       foreign(e, "/about/tier", "is no tier of the agreement");
}

bool signed_act_fits(const struct signed_act *a, const struct agreement *agreement, int64_t now_ms, struct error *e)
{
	if (!view_eq(a->agreement, agreement->id) || !digest_eq(&a->agreement_digest, &agreement->digest))
		return foreign(e, "/agreement", "is another agreement");
	if (!agreement_council(agreement))
		return foreign(e, "/agreement", "has no council");
	if (!scope_fits(&a->about, agreement, e))
		return false;
	if (a->issued_ms > now_ms + SKEW_MS)
		return invalid(e, "/issued", "lies in the future");
	if (now_ms >= a->collect_until_ms)
		return error_at(e, REASON_ACT_EXPIRED, "/collect_until", 0, 0, "the time to sign it has passed");
	return a->until_ms == TIME_NONE || now_ms < a->until_ms ||
	       error_at(e, REASON_ACT_EXPIRED, "/until", 0, 0, "the end of its effect has passed");
}
