/* See act_count_private.h. */
#include "gatewayd/core/acts/act_count_private.h"

#include "gatewayd/core/acts/act_state.h"

#define CERTIFICATES_MAX 128
#define PAST_MAX         256

/* --- whose signature --- */

struct pinned {
	struct cms_signer signers[CERTIFICATES_MAX];
	size_t n;
};

static void find_pinned(const struct conf *conf, const struct council *c, struct pinned *all)
{
	struct view der;

	for (size_t i = 0; i < c->n_seats; i++)
		for (size_t k = 0; all->n < CERTIFICATES_MAX && conf_signer_of(conf, c->seats[i].id, k, &der); k++)
			all->signers[all->n++] = (struct cms_signer){ .name = c->seats[i].id, .cert_der = der };
}

static const struct partner *partner_of(const struct conf *conf, struct view seat)
{
	for (size_t i = 0; i < conf->n_partners; i++)
		if (view_is(seat, conf->partners[i].id))
			return &conf->partners[i];
	return NULL;
}

/* A certificate of one of our authorities counts by its list; one of another is pinned, and that is all that is known of it. Without
 * a list that holds, nothing is started again by it; what stops still stops. */
static bool revoked(const struct conf *conf, struct view der, enum act_kind kind, int64_t now_ms)
{
	bool stops = kind == ACT_VETO || kind == ACT_SUSPEND || kind == ACT_RESTRICT_TIER;
	struct cert_id id;
	size_t which;

	if (!conf->authorities || !authorities_signed(conf->authorities, der, &which) || !cert_read(der, &id, NULL))
		return false;
	switch (conf_revoked(conf, authority_id(conf->authorities, which), id.serial, now_ms)) {
	case REASON_NONE: return false;
	case REASON_REVOCATION_UNKNOWN: return !stops;
	default: return true;
	}
}

static bool invalid(struct error *e, const char *what)
{
	return error_at(e, REASON_ACT_INVALID, "/signatures", 0, 0, "%s", what);
}

bool act_verify(const struct conf *conf, const struct council *council, const struct signed_act *act, struct view cms,
                int64_t now_ms, struct act_vote *vote, struct view *seat, struct error *e)
{
	struct pinned *all = calloc(1, sizeof *all);
	struct error inner = { .reason = REASON_NONE };
	const struct cms_signer *by = NULL;
	struct cert_id id;
	unsigned n = 0;
	bool ok = false;

	if (!all)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	find_pinned(conf, council, all);
	bool verified = all->n > 0 && cms_verify(cms, act->text, all->signers, all->n, now_ms, &inner);
	for (size_t i = 0; i < all->n; i++)
		if (all->signers[i].signed_it) {
			by = &all->signers[i];
			n++;
		}
	if (!verified || !by)
		invalid(e,
		        "is not made over these bytes with a certificate that is pinned for a seat of this agreement");
	else if (n != 1)
		invalid(e, "has several signers: a signature is one seat's");
	else if (!cert_read(by->cert_der, &id, e) || revoked(conf, by->cert_der, act->kind, now_ms))
		invalid(e, "is made with a certificate that was revoked");
	else
		ok = true;
	if (ok) {
		const struct partner *p = partner_of(conf, by->name);
		*vote = (struct act_vote){ .seat = council_seat(council, by->name),
			                   .agency = p ? view_of(p->agency) : by->name,
			                   .spki = id.spki };
		*seat = by->name;
	}
	free(all);
	return ok;
}

/* --- who counts --- */

/* Whether the certificate with this key is pinned for the seat now, and holds. */
static bool stands(const struct conf *conf, struct view seat, const struct digest *spki, enum act_kind kind,
                   int64_t now_ms)
{
	struct view der;
	struct cert_id id;

	for (size_t k = 0; conf_signer_of(conf, seat, k, &der); k++)
		if (cert_read(der, &id, NULL) && digest_eq(&id.spki, spki))
			return !revoked(conf, der, kind, now_ms);
	return false;
}

struct listing {
	const struct conf *conf;
	const struct council *council;
	enum act_kind kind;
	int64_t now_ms;
	struct act_counted *out;
	uint32_t seats; /* of all that signed */
	bool failed;
};

static bool add_vote(void *arg, const struct store_act_signature *g)
{
	struct listing *l = arg;
	struct act_counted *out = l->out;
	size_t seat = council_seat(l->council, g->seat);

	out->n++;
	if (seat == COUNCIL_SEATS_MAX)
		return true;
	l->seats |= 1u << seat;
	if (out->n_votes == COUNCIL_SEATS_MAX || !stands(l->conf, g->seat, &g->spki, l->kind, l->now_ms))
		return true;
	struct view agency = arena_copy(&out->mem, g->agency);
	l->failed = l->failed || !agency.p;
	out->votes[out->n_votes++] = (struct act_vote){ .seat = seat, .agency = agency, .spki = g->spki };
	return true;
}

/* --- what was stopped before --- */

struct past {
	struct store_act rows[PAST_MAX];
	struct signed_act *acts[PAST_MAX];
	struct act_past past[PAST_MAX];
	size_t n;
	uint64_t but;
	const struct schema *schema;
	bool failed;
};

static bool is_stop(int kind)
{
	return kind == ACT_VETO || kind == ACT_SUSPEND || kind == ACT_RESTRICT_TIER;
}

static bool add_past(void *arg, const struct store_act *a)
{
	struct past *p = arg;
	struct error e = { .reason = REASON_NONE };

	if (a->number == p->but || !is_stop(a->kind) || a->status != ACT_STATUS_ACTUAL || a->from_ms == TIME_NONE)
		return true;
	/* The newest count: they came last. */
	size_t at = p->n < PAST_MAX ? p->n++ : PAST_MAX - 1;
	signed_act_free(p->acts[at]);
	p->rows[at] = *a;
	p->acts[at] = signed_act_read(p->schema, a->text, &e);
	p->failed = p->failed || !p->acts[at];
	return true;
}

static bool find_past(struct past *p, const struct listing *of, struct store *s, struct view agreement, struct error *e)
{
	if (!store_list_acts(s, 0, UINT32_MAX >> 1, agreement, false, add_past, p, e))
		return false;
	if (p->failed)
		return error_set(e, REASON_STORE, "an act that is stored cannot be read");
	for (size_t i = 0; i < p->n; i++) {
		struct act_counted signed_by = { .n = 0 };
		struct listing l = *of;
		l.out = &signed_by;
		l.seats = 0;
		bool ok = store_list_act_signatures(s, p->rows[i].number, add_vote, &l, e);
		arena_free(&signed_by.mem);
		if (!ok)
			return false;
		int64_t until = p->rows[i].ended_ms != TIME_NONE ? p->rows[i].ended_ms : p->rows[i].due_ms;
		p->past[i] = (struct act_past){ .kind = (enum act_kind)p->rows[i].kind,
			                        .about = p->acts[i]->about,
			                        .from_ms = p->rows[i].from_ms,
			                        .until_ms = until == TIME_NONE ? INT64_MAX / 2 : until,
			                        .seats = l.seats };
	}
	return true;
}

bool act_count(const struct conf *conf, const struct council *council, struct store *s, const struct schema *schema,
               const struct store_act *row, const struct signed_act *act, const struct signed_act *lifted,
               int64_t now_ms, struct act_counted *out, struct error *e)
{
	struct listing l = { .conf = conf, .council = council, .kind = act->kind, .now_ms = now_ms, .out = out };
	struct past *past = calloc(1, sizeof *past);
	bool ok = past || error_set(e, REASON_NO_MEMORY, "memory ran out");

	*out = (struct act_counted){ .n = 0 };
	ok = ok && store_list_act_signatures(s, row->number, add_vote, &l, e) &&
	     (!l.failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
	if (ok) {
		past->but = row->number;
		past->schema = schema;
		/* What is no more than an exercise extends nothing. */
		ok = !is_stop(act->kind) || act->status != ACT_STATUS_ACTUAL ||
		     find_past(past, &l, s, act->agreement, e);
	}
	if (ok) {
		out->standing = council_counts(council, act, lifted, out->votes, out->n_votes, past->past, past->n);
		out->extension =
		        out->standing == ACT_NOT_ENOUGH &&
		        council_counts(council, act, lifted, out->votes, out->n_votes, NULL, 0) != ACT_NOT_ENOUGH;
	}
	for (size_t i = 0; past && i < past->n; i++)
		signed_act_free(past->acts[i]);
	free(past);
	return ok;
}
