/* See hold_statement_private.h. */
#include "gatewayd/core/hold/hold_statement_private.h"

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "lib/schema/document.h"

#define YEARS_MAX 5
#define SKEW_MS   (5 * 60 * SECOND_MS) /* by which a signer's watch may be ahead */

static struct view member(const json_t *o, const char *name)
{
	return view_of(json_string_value(json_object_get(o, name)));
}

/* The schema has seen to the forms. */
static bool read_members(const json_t *doc, struct hold_statement *out)
{
	struct view kind = member(doc, "kind");

	out->lift = view_is(kind, "lift");
	out->kind = view_is(kind, hold_kind_name(HOLD_RESTRICTION)) ? HOLD_RESTRICTION : HOLD_LEGAL;
	return uuid_parse(member(doc, "exchange"), &out->exchange) &&
	       time_parse(member(doc, "issued"), &out->issued_ms) && digest_parse(member(doc, "by"), &out->by) &&
	       (out->lift ? digest_parse(member(doc, "hold"), &out->hold)
	                  : time_parse(member(doc, "until"), &out->until_ms));
}

const char *hold_statement_read(const struct schema *schema, struct view text, struct hold_statement *out)
{
	struct error_list errors = { .max = 1 };
	json_t *doc = document_read(schema, "hold", text, &errors);
	bool ok = doc && read_members(doc, out);

	sha256(text, &out->digest);
	json_decref(doc);
	error_list_free(&errors);
	return ok ? NULL : "the statement is not a hold, a restriction or a lift";
}

/* --- who may --- */

/* The roles that may, the one that is named first when a signer has several. */
static const struct role {
	unsigned bit;
	const char *name;
	bool legal, restriction;
} roles[] = {
	{ ROLE(SUPERVISOR), "supervisor", true, true },
	{ ROLE(COUNCIL), "council", true, false },
	{ ROLE(OMBUDSPERSON), "ombudsperson", false, true },
	{ ROLE(OFFICER), "officer", true, true },
};

struct asked {
	const struct hold_check *check;
	const struct agreement *agreement; /* NULL: no longer configured */
};

static bool concerns(const struct asked *a, const struct partner *p)
{
	struct view agency = view_of(p->agency);
	const struct store_exchange *x = a->check->exchange;

	if (view_is(agency, a->check->conf->node.agency) || view_eq(agency, x->provider) ||
	    view_eq(agency, x->recipient))
		return true;
	if (!a->agreement)
		return false;
	return agreement_has_party(a->agreement, agency) ||
	       (p->roles & ROLE(COUNCIL) &&
	        (agreement_has_seat(a->agreement, agency) || agreement_has_seat(a->agreement, view_of(p->id))));
}

/* In which role this partner may state it; NULL: in none. */
static const struct role *role_of(const struct asked *a, const struct partner *p)
{
	const struct hold_statement *st = a->check->statement;

	for (size_t i = 0; concerns(a, p) && i < sizeof roles / sizeof *roles; i++) {
		const struct role *r = &roles[i];
		bool may = st->lift                 ? view_is(a->check->lifted->role, r->name)
		           : st->kind == HOLD_LEGAL ? r->legal
		                                    : r->restriction;
		if (may && p->roles & r->bit)
			return r;
	}
	return NULL;
}

static bool may_state(const void *arg, const struct partner *p)
{
	return role_of(arg, p) != NULL;
}

static const char *signature_fault(const struct asked *a, const struct partner **signer, const char **role)
{
	const struct hold_check *c = a->check;
	struct cms_signer by = { .name = VIEW("signer") };
	struct error e = { .reason = REASON_NONE };
	const struct partner *p = conf_signer(c->conf, may_state, a, &c->statement->by, &by.cert_der);

	if (!p)
		return "the statement names nobody who may state it here";
	if (!cms_verify(c->signature, c->text, &by, 1, c->now_ms, &e) || !by.signed_it)
		return "the statement is not signed by the one whom it names";
	const struct role *r = role_of(a, p);
	if (r->bit == ROLE(OFFICER) && p->training_until_ms < c->now_ms)
		return "the officer's training has expired";
	*signer = p;
	*role = r->name;
	return NULL;
}

/* --- what it says --- */

static const char *term_fault(const struct hold_statement *st, int64_t now_ms)
{
	const struct duration longest = { .years = YEARS_MAX };

	if (st->until_ms <= now_ms)
		return "the statement's end has passed";
	return st->until_ms > duration_add(st->issued_ms, &longest) ? "the statement asks for more than five years"
	                                                            : NULL;
}

const char *hold_statement_fault(const struct hold_check *c, const struct partner **signer, const char **role)
{
	const struct hold_statement *st = c->statement;
	const char *fault = NULL;
	struct asked a = { .check = c,
		           .agreement = conf_agreement(c->conf, c->exchange->agreement, &c->exchange->agreement_digest,
		                                       c->now_ms) };

	if (st->issued_ms > c->now_ms + SKEW_MS)
		return "the statement is dated in the future";
	if (!st->lift)
		fault = term_fault(st, c->now_ms);
	else if (!c->lifted || c->lifted->seq != c->exchange->seq)
		fault = "the exchange has no hold by that statement";
	return fault ? fault : signature_fault(&a, signer, role);
}
