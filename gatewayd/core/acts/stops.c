/* See stops.h. */
#include "gatewayd/core/acts/stops.h"

#include <stdlib.h>

#include <uthash.h>

#include "gatewayd/core/store/act.h"
#include "gatewayd/core/store/log.h"
#include "lib/json/tape.h"
#include "lib/schema/document.h"

#define PAGE 256

struct group {
	struct view agreement; /* of the first of its acts */
	struct act_effect *effects;
	size_t n;
	UT_hash_handle hh;
};

struct stops_picture {
	_Atomic unsigned refs;
	struct group *groups;
	struct signed_act **acts; /* what the views look into */
	size_t n_acts;
};

struct stops {
	pthread_mutex_t lock; /* guards `newest` and `number` */
	struct stops_picture *newest;
	uint64_t number;             /* of that picture; the one with the greatest number stays */
	_Atomic bool any;            /* so that nobody needs the lock while nothing is stopped */
	_Atomic uint64_t begun;      /* pictures that were begun so far */
	_Atomic uint64_t generation; /* as `number` */
	_Atomic uint64_t late, walked;
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
	stops_picture_free(s->newest);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- the picture --- */

static void destroy(struct stops_picture *p)
{
	struct group *g, *next;

	HASH_ITER(hh, p->groups, g, next)
	{
		HASH_DEL(p->groups, g);
		free(g->effects);
		free(g);
	}
	for (size_t i = 0; i < p->n_acts; i++)
		signed_act_free(p->acts[i]);
	free(p->acts);
	free(p);
}

void stops_picture_free(struct stops_picture *p)
{
	if (p && atomic_fetch_sub(&p->refs, 1) == 1)
		destroy(p);
}

struct stops_picture *stops_picture(const struct core *c)
{
	struct stops *s = c->stops;
	struct stops_picture *p;

	if (!atomic_load_explicit(&s->any, memory_order_acquire))
		return NULL;
	pthread_mutex_lock(&s->lock);
	p = s->newest;
	if (p)
		atomic_fetch_add(&p->refs, 1);
	pthread_mutex_unlock(&s->lock);
	return p;
}

static const struct group *find_group(const struct stops_picture *p, struct view agreement)
{
	struct group *g = NULL;

	if (p)
		HASH_FIND(hh, p->groups, agreement.p, agreement.n, g);
	return g;
}

const struct act_effect *stops_of(const struct stops_picture *p, struct view agreement, size_t *n)
{
	const struct group *g = find_group(p, agreement);

	*n = g ? g->n : 0;
	return g ? g->effects : NULL;
}

uint64_t stops_generation(const struct core *c)
{
	return atomic_load_explicit(&c->stops->generation, memory_order_acquire);
}

void stops_note_late(struct core *c, uint64_t generation)
{
	if (generation != stops_generation(c))
		atomic_fetch_add(&c->stops->late, 1);
}

uint64_t stops_late(const struct core *c)
{
	return atomic_load(&c->stops->late);
}

void stops_walked(struct core *c, uint64_t generation)
{
	atomic_store(&c->stops->walked, generation);
}

bool stops_settled(const struct core *c)
{
	return atomic_load(&c->stops->walked) == stops_generation(c);
}

/* --- made of the store --- */

struct reading {
	struct stops_picture *picture;
	struct schema *schema;
	uint64_t last;
	size_t n;
	struct error *e;
	bool failed;
};

static bool no_memory(struct error *e)
{
	return error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static struct group *group_of(struct stops_picture *p, const struct signed_act *a)
{
	struct group *g = NULL;

	HASH_FIND(hh, p->groups, a->agreement.p, a->agreement.n, g);
	if (g)
		return g;
	g = calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->agreement = a->agreement;
	HASH_ADD_KEYPTR(hh, p->groups, g->agreement.p, g->agreement.n, g);
	return g;
}

static bool add_effect(struct stops_picture *p, const struct signed_act *a, bool provisional, struct error *e)
{
	struct group *g = group_of(p, a);
	struct act_effect *effects = g ? realloc(g->effects, (g->n + 1) * sizeof *effects) : NULL;

	if (!effects)
		return no_memory(e);
	g->effects = effects;
	effects[g->n++] = (struct act_effect){
		.kind = a->kind, .provisional = provisional, .act = a->digest, .about = a->about, .max = a->max
	};
	return true;
}

static bool has_effect(const struct signed_act *a)
{
	return a->status == ACT_STATUS_ACTUAL && a->kind != ACT_LIFT && a->kind != ACT_AMEND_NO_CHANGE;
}

static bool add_act(struct stops_picture *p, struct signed_act *a, bool provisional, struct error *e)
{
	struct signed_act **acts = realloc(p->acts, (p->n_acts + 1) * sizeof(struct signed_act *));

	if (!acts) {
		signed_act_free(a);
		return no_memory(e);
	}
	p->acts = acts;
	p->acts[p->n_acts++] = a;
	return !has_effect(a) || add_effect(p, a, provisional, e);
}

static bool read_act(void *arg, const struct store_act *row)
{
	struct reading *r = arg;
	struct signed_act *a = signed_act_read(r->schema, row->text, r->e);

	r->last = row->number;
	r->n++;
	r->failed = !a || !add_act(r->picture, a, row->state == ACT_STANDS_PROVISIONALLY, r->e);
	return !r->failed && r->n < PAGE;
}

static bool read_acts(struct store *reader, struct stops_picture *p, struct error *e)
{
	struct reading r = { .picture = p, .schema = document_schema(VIEW("act"), e), .e = e };
	bool ok = r.schema != NULL;

	do {
		r.n = 0;
		ok = ok && store_list_acts(reader, r.last, PAGE, VIEW(""), true, read_act, &r, e) && !r.failed;
	} while (ok && r.n == PAGE);
	schema_unref(r.schema);
	return ok;
}

/* One that was begun later has seen every commit that this one had to see. */
static void put_up(struct stops *s, struct stops_picture *p, uint64_t number)
{
	struct stops_picture *gone = p;

	pthread_mutex_lock(&s->lock);
	if (number > s->number) {
		gone = s->newest;
		s->newest = p;
		s->number = number;
		atomic_store(&s->any, p->groups != NULL);
		atomic_store(&s->generation, number);
	}
	pthread_mutex_unlock(&s->lock);
	stops_picture_free(gone);
}

void stops_refresh(struct core *c, struct store *reader)
{
	struct stops_picture *p = calloc(1, sizeof *p);
	struct error e = { .reason = REASON_NONE }, why = { .reason = REASON_NONE };
	uint64_t number = atomic_fetch_add(&c->stops->begun, 1) + 1;

	if (p)
		atomic_init(&p->refs, 1);
	if ((p || no_memory(&e)) && read_acts(reader, p, &e)) {
		put_up(c->stops, p, number);
		return;
	}
	stops_picture_free(p);
	error_set(&why, e.reason, "the acts in effect cannot be read: %s", e.text);
	core_die(c, &why);
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

static struct view leaf_text(const struct tape *t, const char *name)
{
	uint32_t v = tape_member(t, 0, view_of(name));

	return v && t->nodes[v].type == TAPE_STRING ? tape_string(t, v) : VIEW("");
}

static bool read_leaf(struct subject *s, struct view leaf, struct error *e)
{
	struct tape_parser *parser = tape_parser_new(NULL);
	struct tape t;
	bool ok = (parser || no_memory(e)) && tape_parse(parser, leaf, &t, e);

	if (ok) {
		s->of.purpose = keep(s->purpose, sizeof s->purpose, leaf_text(&t, "purpose"));
		s->of.legal_basis = keep(s->legal_basis, sizeof s->legal_basis, leaf_text(&t, "legal_basis"));
		s->of.exception = keep(s->exception, sizeof s->exception, leaf_text(&t, "exception"));
		s->of.tier = tier_find(leaf_text(&t, "tier"));
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

static bool is_final(const struct act_effect *f)
{
	return !f->provisional && (f->kind == ACT_VETO || f->kind == ACT_TERMINATE);
}

static enum reason reason_given(const struct act_effect *f, const struct subject *s)
{
	return s->known ? act_effect_stops(f, &s->of) : reason_of(f->kind);
}

/* Of several the one that is final, else the first veto, under which it loses no time, else the first. */
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

/* The agreement by which it is judged now; NULL: none is held any more. With the configuration that it is of. */
static const struct agreement *agreement_now(struct core *c, const struct store_exchange *x, struct conf **conf)
{
	*conf = core_conf(c);
	return conf_agreement(*conf, x->agreement, NULL, INT64_MAX);
}

/* A purpose that waits for the council's word, and has none that covers it. */
static bool lacks_authorisation(const struct agreement *a, const struct group *g, const struct subject *s)
{
	if (!a || !s->known || !agreement_asks_council(a, s->of.purpose))
		return false;
	for (size_t i = 0; g && i < g->n; i++)
		if (g->effects[i].kind == ACT_AUTHORISE && act_scope_covers(&g->effects[i].about, &s->of))
			return false;
	return true;
}

bool stops_exchange(struct core *c, struct store *reader, const struct store_exchange *x, struct stopped *out,
                    struct error *e)
{
	struct stops_picture *p = stops_picture(c);
	const struct group *g = find_group(p, x->agreement);
	struct conf *conf;
	const struct agreement *a = agreement_now(c, x, &conf);
	struct subject s;
	bool ok = true;

	*out = (struct stopped){ .reason = REASON_NONE };
	if (g || (a && agreement_asks_council(a, VIEW("")))) {
		ok = read_subject(reader, x, &s, e);
		for (size_t i = 0; ok && g && i < g->n; i++) {
			const struct act_effect *f = &g->effects[i];
			weigh(out, f, reason_given(f, &s), s.known);
		}
		if (ok && out->reason == REASON_NONE && lacks_authorisation(a, g, &s))
			out->reason = REASON_NOT_AUTHORISED;
	}
	conf_unref(conf);
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

bool stops_for_good(const struct core *c)
{
	struct stops_picture *p = stops_picture(c);
	bool found = false;

	for (const struct group *g = p ? p->groups : NULL; g; g = g->hh.next)
		for (size_t i = 0; i < g->n; i++)
			found = found || is_final(&g->effects[i]);
	stops_picture_free(p);
	return found;
}
