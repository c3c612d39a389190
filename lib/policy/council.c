/* See council.h. */
#include "lib/policy/council.h"

#include "lib/policy/internal.h"

static const char *const constituencies[] = {
#define C(name, text) text,
	CONSTITUENCY_LIST(C)
#undef C
};

const char *constituency_name(enum constituency c)
{
	return constituencies[c];
}

static enum constituency constituency_find(struct view name)
{
	unsigned c = 0;

	while (c < CONSTITUENCIES && !view_is(name, constituencies[c]))
		c++;
	return (enum constituency)c;
}

const struct council *agreement_council(const struct agreement *a)
{
	return a->council;
}

bool agreement_asks_council(const struct agreement *a, struct view purpose)
{
	for (size_t i = 0; i < a->n_purposes; i++)
		if (a->purposes[i].authorise && (purpose.n == 0 || view_eq(a->purposes[i].id, purpose)))
			return true;
	return false;
}

size_t council_seat(const struct council *c, struct view id)
{
	for (size_t i = 0; i < c->n_seats; i++)
		if (view_eq(c->seats[i].id, id))
			return i;
	return COUNCIL_SEATS_MAX;
}

/* --- what the agreement says --- */

static void full_needs(struct council *c)
{
	c->full.seats = c->threshold;
	for (unsigned k = 0; k < CONSTITUENCIES; k++)
		c->full.constituency[k] = c->must_include >> k & 1;
}

/* One seat stops; whose voice may do so alone is any seat's. */
static void default_needs(struct council *c)
{
	for (unsigned k = 0; k < ACT_KINDS; k++)
		c->needs[k] = c->full;
	c->needs[ACT_VETO] = c->needs[ACT_SUSPEND] = c->needs[ACT_RESTRICT_TIER] = (struct act_needs){ .seats = 1 };
}

static unsigned seats_of(const struct council *c, unsigned constituency)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_seats; i++)
		n += c->seats[i].constituency == (enum constituency)constituency;
	return n;
}

/* {act, needs: [{constituency?, seats}]} */
static bool read_decision(struct load *l, struct council *c, const json_t *o, size_t i, unsigned *seen)
{
	enum act_kind kind = act_kind_find(json_view(o, "act"));
	const json_t *rows = json_object_get(o, "needs");
	struct act_needs n = { .seats = 0 };
	unsigned of_constituencies = 0;
	bool ok = true;
	char at[80];

	snprintf(at, sizeof at, "/council/decisions/%zu/act", i);
	if (*seen >> kind & 1)
		return load_fault(l, REASON_CONFIG, at, "is decided by an earlier row already");
	*seen |= 1u << kind;
	for (size_t k = 0; k < json_array_size(rows); k++) {
		const json_t *row = json_array_get(rows, k);
		unsigned seats = (unsigned)json_integer_value(json_object_get(row, "seats"));
		struct view name = json_view(row, "constituency");
		unsigned of = name.n ? constituency_find(name) : CONSTITUENCIES;
		snprintf(at, sizeof at, "/council/decisions/%zu/needs/%zu/seats", i, k);
		if (seats > (name.n ? seats_of(c, of) : (unsigned)c->n_seats))
			ok = load_fault(l, REASON_CONFIG, at, "is more than there are seats");
		unsigned *to = name.n ? &n.constituency[of] : &n.seats;
		if (*to)
			ok = load_fault(l, REASON_CONFIG, at, "is said by an earlier row already");
		*to = seats;
		of_constituencies += name.n ? seats : 0;
	}
	if (n.seats < of_constituencies)
		n.seats = of_constituencies;
	c->needs[kind] = n;
	return ok;
}

/* What starts again, or ends for good, takes no less than the threshold and each constituency that must be included. */
static bool is_enough(const struct act_needs *n, const struct act_needs *full)
{
	for (unsigned k = 0; k < CONSTITUENCIES; k++)
		if (n->constituency[k] < full->constituency[k])
			return false;
	return n->seats >= full->seats;
}

static bool check_decisions(struct load *l, const struct council *c, const json_t *decisions)
{
	static const enum act_kind grave[] = { ACT_AUTHORISE, ACT_LIFT, ACT_TERMINATE, ACT_AMEND_NO_CHANGE };
	bool ok = true;

	for (size_t i = 0; i < json_array_size(decisions); i++) {
		enum act_kind kind = act_kind_find(json_view(json_array_get(decisions, i), "act"));
		char at[60];
		snprintf(at, sizeof at, "/council/decisions/%zu/needs", i);
		for (size_t k = 0; k < sizeof grave / sizeof *grave; k++)
			if (grave[k] == kind && !is_enough(&c->needs[kind], &c->full))
				ok = load_fault(
				        l, REASON_CONFIG, at,
				        "is less than threshold and must_include, which this kind of act takes");
	}
	return ok;
}

bool council_read(struct load *l)
{
	const json_t *o = json_object_get(l->a->doc, "council"), *seats = json_object_get(o, "seats");
	const json_t *must = json_object_get(o, "must_include"), *decisions = json_object_get(o, "decisions");
	struct council *c;
	unsigned seen = 0;
	bool ok = true;

	if (!o)
		return true;
	c = arena_alloc(&l->a->mem, sizeof *c);
	if (!c)
		return load_fault(l, REASON_NO_MEMORY, "", "memory ran out");
	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < json_array_size(seats) && i < COUNCIL_SEATS_MAX; i++) {
		const json_t *seat = json_array_get(seats, i);
		c->seats[c->n_seats].id = json_view(seat, "id");
		c->seats[c->n_seats++].constituency = constituency_find(json_view(seat, "constituency"));
	}
	c->threshold = (unsigned)json_integer_value(json_object_get(o, "threshold"));
	for (size_t i = 0; i < json_array_size(must); i++)
		c->must_include |= 1u << constituency_find(view_of(json_string_value(json_array_get(must, i))));
	full_needs(c);
	default_needs(c);
	for (size_t i = 0; i < json_array_size(decisions); i++)
		ok = read_decision(l, c, json_array_get(decisions, i), i, &seen) && ok;
	l->a->council = c;
	return check_decisions(l, c, decisions) && ok;
}

/* --- counting --- */

/* The first vote of the legal person whose this one is. */
static const struct act_vote *first_of(const struct act_vote *votes, size_t i)
{
	size_t k = 0;

	while (!view_eq(votes[k].agency, votes[i].agency))
		k++;
	return &votes[k];
}

/* Seats whose vote counts: one a seat and a certificate, and of a legal person those of its first constituency. */
static uint32_t seats_that_count(const struct council *c, const struct act_vote *votes, size_t n)
{
	uint32_t seats = 0;

	for (size_t i = 0; i < n; i++) {
		const struct act_vote *first = first_of(votes, i);
		bool counts = votes[i].seat < c->n_seats && first->seat < c->n_seats &&
		              c->seats[votes[i].seat].constituency == c->seats[first->seat].constituency;
		for (size_t k = 0; counts && k < i; k++)
			counts = !digest_eq(&votes[i].spki, &votes[k].spki);
		if (counts)
			seats |= 1u << votes[i].seat;
	}
	return seats;
}

static bool meets(const struct council *c, const struct act_needs *n, uint32_t seats)
{
	unsigned of[CONSTITUENCIES] = { 0 }, all = 0;

	for (size_t i = 0; i < c->n_seats; i++)
		if (seats >> i & 1) {
			of[c->seats[i].constituency]++;
			all++;
		}
	for (unsigned k = 0; k < CONSTITUENCIES; k++)
		if (of[k] < n->constituency[k])
			return false;
	return all > 0 && all >= n->seats;
}

static bool stops(enum act_kind k)
{
	return k == ACT_VETO || k == ACT_SUSPEND || k == ACT_RESTRICT_TIER;
}

/* What one of these seats stopped before, and stops again while it lasts or within ACT_AGAIN_DAYS of its end. */
static bool is_extension(const struct signed_act *act, uint32_t seats, const struct act_past *past, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (stops(past[i].kind) && past[i].seats & seats && act_scopes_meet(&past[i].about, &act->about) &&
		    act->issued_ms < past[i].until_ms + ACT_AGAIN_DAYS * DAY_MS)
			return true;
	return false;
}

/* All of those who sign a lift are the agency that the lifted act is about. */
static bool lifts_itself(const struct council *c, const struct signed_act *lifted, const struct act_vote *votes,
                         size_t n, uint32_t seats)
{
	if (!lifted || !lifted->about.partner.n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (votes[i].seat < c->n_seats && seats >> votes[i].seat & 1 &&
		    !view_eq(votes[i].agency, lifted->about.partner))
			return false;
	return true;
}

enum act_standing council_counts(const struct council *c, const struct signed_act *act, const struct signed_act *lifted,
                                 const struct act_vote *votes, size_t n_votes, const struct act_past *past,
                                 size_t n_past)
{
	uint32_t seats = seats_that_count(c, votes, n_votes);

	if (act->kind == ACT_LIFT && lifts_itself(c, lifted, votes, n_votes, seats))
		return ACT_NOT_ENOUGH;
	if (!stops(act->kind))
		return meets(c, &c->needs[act->kind], seats) ? ACT_CARRIED : ACT_NOT_ENOUGH;
	if (meets(c, &c->full, seats))
		return ACT_CARRIED;
	if (!meets(c, &c->needs[act->kind], seats) || is_extension(act, seats, past, n_past))
		return ACT_NOT_ENOUGH;
	return act->kind == ACT_VETO ? ACT_PROVISIONAL : ACT_CARRIED;
}

void council_lacks(const struct council *c, const struct signed_act *act, const struct act_vote *votes, size_t n_votes,
                   bool extension, struct buf *out)
{
	const struct act_needs *n = stops(act->kind) && extension ? &c->full : &c->needs[act->kind];
	uint32_t seats = seats_that_count(c, votes, n_votes);
	unsigned all = 0, named = 0;
	bool first = true;

	for (unsigned k = 0; k < CONSTITUENCIES; k++) {
		unsigned have = 0;
		for (size_t i = 0; i < c->n_seats; i++)
			have += (seats >> i & 1) && c->seats[i].constituency == (enum constituency)k;
		all += have;
		if (have >= n->constituency[k])
			continue;
		named += n->constituency[k] - have;
		buf_addf(out, "%s%u of %s", first ? "" : ", ", n->constituency[k] - have, constituencies[k]);
		first = false;
	}
	if (all + named < n->seats)
		buf_addf(out, "%s%u more", first ? "" : ", ", n->seats - all - named);
}
