/* See stops.h. */
#include "gatewayd/core/acts/stops.h"

#include "gatewayd/core/store/act.h"
#include "gatewayd/core/store/log.h"
#include "lib/json/tape.h"
#include "lib/schema/document.h"

/* The effects of one agreement stand together. */
struct stops_picture {
	_Atomic unsigned refs;
	struct signed_act **acts; /* own the texts that the effects look into */
	struct act_effect *effects;
	struct view *agreements; /* of each effect */
	size_t n, room;
};

struct stops {
	pthread_mutex_t lock;
	struct stops_picture *picture; /* NULL: nothing has effect */
	_Atomic bool any;
	_Atomic uint64_t generation;
	uint64_t newest; /* under the lock */
	_Atomic uint64_t begun;
	_Atomic uint64_t late, walked; /* stops_note_late(), stops_walked() */
};

struct stops *stops_new(void)
{
	struct stops *s = calloc(1, sizeof *s);

	if (s && pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

void stops_free(struct stops *s)
{
	if (!s)
		return;
	stops_picture_free(s->picture);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void stops_picture_free(struct stops_picture *p)
{
	if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	for (size_t i = 0; i < p->n; i++)
		signed_act_free(p->acts[i]);
	free(p->acts);
	free(p->effects);
	free(p->agreements);
	free(p);
}

/* --- making it --- */

struct making {
	struct stops_picture *p;
	struct schema *schema;
	struct error e;
};

static bool make_room(struct stops_picture *p)
{
	size_t room = p->room ? 2 * p->room : 16;
	struct signed_act **acts = realloc(p->acts, room * sizeof *acts);

	if (acts)
		p->acts = acts;
	struct act_effect *effects = acts ? realloc(p->effects, room * sizeof *effects) : NULL;
	if (effects)
		p->effects = effects;
	struct view *agreements = effects ? realloc(p->agreements, room * sizeof *agreements) : NULL;
	if (!agreements)
		return false;
	p->agreements = agreements;
	p->room = room;
	return true;
}

/* In the order of agreements, so that those of one stand together. */
static void insert(struct stops_picture *p, struct signed_act *act, bool provisional)
{
	size_t at = p->n;

	while (at > 0 && view_cmp(p->agreements[at - 1], act->agreement) > 0)
		at--;
	memmove(&p->acts[at + 1], &p->acts[at], (p->n - at) * sizeof *p->acts);
	memmove(&p->effects[at + 1], &p->effects[at], (p->n - at) * sizeof *p->effects);
	memmove(&p->agreements[at + 1], &p->agreements[at], (p->n - at) * sizeof *p->agreements);
	p->acts[at] = act;
	p->agreements[at] = act->agreement;
	p->effects[at] = (struct act_effect){
		.kind = act->kind, .provisional = provisional, .act = act->digest, .about = act->about, .max = act->max
	};
	p->n++;
}

static bool add(void *arg, const struct store_act *row)
{
	struct making *m = arg;
	struct signed_act *act;

	if (row->status != ACT_STATUS_ACTUAL)
		return true;
	if (m->p->n == m->p->room && !make_room(m->p))
		return error_set(&m->e, REASON_NO_MEMORY, "memory ran out");
	act = signed_act_read(m->schema, row->text, &m->e);
	if (act)
		insert(m->p, act, row->state == ACT_STANDS_PROVISIONALLY);
	return act != NULL;
}

static struct stops_picture *make(struct store *reader, struct error *e)
{
	struct making m = { .p = calloc(1, sizeof *m.p), .schema = document_schema(VIEW("act"), e) };
	bool ok = m.p && m.schema;

	if (m.p)
		atomic_store(&m.p->refs, 1);
	ok = ok && store_list_acts(reader, 0, INT32_MAX, VIEW(""), true, add, &m, e) && m.e.reason == REASON_NONE;
	schema_unref(m.schema);
	if (ok)
		return m.p;
	if (e->reason == REASON_NONE)
		*e = m.e.reason != REASON_NONE ? m.e
		                               : (struct error){ .reason = REASON_NO_MEMORY, .text = "memory ran out" };
	stops_picture_free(m.p);
	return NULL;
}

void stops_refresh(struct core *c, struct store *reader)
{
	struct stops *s = c->stops;
	struct error e = { .reason = REASON_NONE };
	uint64_t number = atomic_fetch_add(&s->begun, 1) + 1;
	struct stops_picture *p = make(reader, &e), *gone;

	if (!p) {
		core_die(c, &e);
		return;
	}
	/* One that was begun later has seen every commit that this one had to see. */
	pthread_mutex_lock(&s->lock);
	if (number > s->newest) {
		gone = s->picture;
		s->picture = p;
		s->newest = number;
		atomic_store(&s->any, p->n > 0);
		atomic_fetch_add(&s->generation, 1);
	} else {
		gone = p;
	}
	pthread_mutex_unlock(&s->lock);
	stops_picture_free(gone);
	/* What waits is tried again: something may have been lifted. */
	atomic_fetch_add(&c->hastened, 1);
}

/* --- asking it --- */

struct stops_picture *stops_picture(const struct core *c)
{
	struct stops *s = c->stops;
	struct stops_picture *p;

	if (!s || !atomic_load_explicit(&s->any, memory_order_acquire))
		return NULL;
	pthread_mutex_lock(&s->lock);
	p = s->picture;
	if (p)
		atomic_fetch_add(&p->refs, 1);
	pthread_mutex_unlock(&s->lock);
	return p;
}

const struct act_effect *stops_of(const struct stops_picture *p, struct view agreement, size_t *n)
{
	size_t at = 0;

	*n = 0;
	while (p && at < p->n && !view_eq(p->agreements[at], agreement))
		at++;
	if (!p || at == p->n)
		return NULL;
	while (at + *n < p->n && view_eq(p->agreements[at + *n], agreement))
		++*n;
	return &p->effects[at];
}

uint64_t stops_generation(const struct core *c)
{
	return c->stops ? atomic_load_explicit(&c->stops->generation, memory_order_acquire) : 0;
}

void stops_note_late(struct core *c, uint64_t generation)
{
	if (c->stops && generation != stops_generation(c))
		atomic_fetch_add(&c->stops->late, 1);
}

uint64_t stops_late(const struct core *c)
{
	return c->stops ? atomic_load(&c->stops->late) : 0;
}

void stops_walked(struct core *c, uint64_t generation)
{
	if (c->stops)
		atomic_store(&c->stops->walked, generation);
}

bool stops_settled(const struct core *c)
{
	return !c->stops || atomic_load(&c->stops->walked) == stops_generation(c);
}

static bool is_final(const struct act_effect *f)
{
	return f->kind == ACT_TERMINATE || (f->kind == ACT_VETO && !f->provisional);
}

bool stops_any_final(const struct stops_picture *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (is_final(&p->effects[i]))
			return true;
	return false;
}

/* --- one exchange --- */

/* What scopes ask of it, copied: the store's views end with its next answer. */
struct subject {
	struct act_subject of;
	char provider[72], recipient[72], purpose[128], legal_basis[128], exception[128];
	bool known; /* its entry says the rest */
};

static struct view keep(char *to, size_t size, struct view from)
{
	view_keep(to, size, from);
	return view_of(to);
}

static struct view member(const struct tape *t, const char *name)
{
	uint32_t node = tape_member(t, 0, view_of(name));

	return node && t->nodes[node].type == TAPE_STRING ? tape_string(t, node) : VIEW("");
}

static bool read_leaf(struct subject *s, struct view leaf, struct error *e)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct tape t;
	bool ok = (parser || error_set(e, REASON_NO_MEMORY, "memory ran out")) && tape_parse(parser, leaf, &t, e);

	if (ok) {
		s->of.purpose = keep(s->purpose, sizeof s->purpose, member(&t, "purpose"));
		s->of.legal_basis = keep(s->legal_basis, sizeof s->legal_basis, member(&t, "legal_basis"));
		s->of.exception = keep(s->exception, sizeof s->exception, member(&t, "exception"));
		s->of.tier = tier_find(member(&t, "tier"));
		s->known = s->of.purpose.n > 0;
	}
	tape_parser_free(parser);
	return ok;
}

/* Its log may have been archived since. */
static bool read_subject(struct store *reader, const struct store_exchange *x, struct subject *s, struct error *e)
{
	uint64_t entry = x->entry;
	struct view leaf;

	*s = (struct subject){ .of = { .tier = TIER_COUNT, .exchange = x->origin } };
	s->of.provider = keep(s->provider, sizeof s->provider, x->provider);
	s->of.recipient = keep(s->recipient, sizeof s->recipient, x->recipient);
	enum sought found = sought(store_find_entry(reader, entry, &leaf, NULL, e), e);
	if (found != SOUGHT_FOUND)
		return found == SOUGHT_NONE;
	return read_leaf(s, leaf, e);
}

/* The reason that it gives against whatever it could be about. */
static enum reason reason_of(enum act_kind kind)
{
	switch ((int)kind) {
	case ACT_VETO: return REASON_COUNCIL_VETO;
	case ACT_SUSPEND: return REASON_AGREEMENT_SUSPENDED;
	case ACT_RESTRICT_TIER: return REASON_TIER_RESTRICTED;
	case ACT_TERMINATE: return REASON_AGREEMENT_TERMINATED;
	}
	return REASON_NONE;
}

static enum reason reason_given(const struct act_effect *f, const struct subject *s)
{
	return s->known ? act_effect_stops(f, &s->of) : reason_of(f->kind);
}

/* Of several the one that ends it, best by its name; else the first veto, under which it loses no time; else the first. */
static void weigh(struct stopped *out, const struct act_effect *f, enum reason reason, bool known)
{
	static const struct uuid any;
	bool final = known && is_final(f);
	bool alone = final && memcmp(&f->about.exchange, &any, sizeof any) != 0;

	if (reason == REASON_NONE || (out->final && !alone))
		return;
	if (out->reason == REASON_NONE || final ||
	    (reason == REASON_COUNCIL_VETO && out->reason != REASON_COUNCIL_VETO))
		*out = (struct stopped){ .reason = reason, .act = f->act, .final = final, .alone = alone };
}

/* A purpose that waits for the council's word has it while an authorisation covers the record. */
static bool is_authorised(const struct act_effect *effects, size_t n, const struct subject *s)
{
	for (size_t i = 0; s->known && i < n; i++)
		if (effects[i].kind == ACT_AUTHORISE && act_scope_covers(&effects[i].about, &s->of))
			return true;
	return false;
}

static const struct agreement *find_agreement(const struct conf *conf, const struct store_exchange *x, int64_t now_ms)
{
	const struct agreement *a = conf_agreement(conf, x->agreement, &x->agreement_digest, now_ms);

	return a ? a : conf_agreement(conf, x->agreement, NULL, now_ms);
}

bool stops_exchange(const struct core *c, const struct conf *conf, struct store *reader, const struct store_exchange *x,
                    int64_t now_ms, struct stopped *out, struct error *e)
{
	const struct agreement *a = find_agreement(conf, x, now_ms);
	bool asks = a && agreement_asks_council(a, VIEW(""));
	struct stops_picture *p = stops_picture(c);
	struct subject s;
	bool ok = true;
	size_t n;
	const struct act_effect *effects = stops_of(p, x->agreement, &n);

	*out = (struct stopped){ .reason = REASON_NONE };
	if (n > 0 || asks)
		ok = read_subject(reader, x, &s, e);
	for (size_t i = 0; ok && i < n; i++)
		weigh(out, &effects[i], reason_given(&effects[i], &s), s.known);
	if (ok && asks && out->reason == REASON_NONE && agreement_asks_council(a, s.of.purpose) &&
	    !is_authorised(effects, n, &s))
		out->reason = REASON_NOT_AUTHORISED;
	stops_picture_free(p);
	return ok;
}

bool stops_by(struct store *reader, const struct store_exchange *x, const struct act_effect *act, bool *out,
              struct error *e)
{
	struct subject s;

	*out = false;
	if (!read_subject(reader, x, &s, e))
		return false;
	*out = reason_given(act, &s) != REASON_NONE;
	return true;
}
