/* See courier.h. */
#include "gatewayd/core/serve/courier.h"

#include <assert.h>

#include <utlist.h>

#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/serve/consignment_private.h"
#include "gatewayd/core/serve/neighbour.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define MOST        64  /* requests that a kind may have under way to one recipient */
#define PARCELS     512 /* to one recipient, of all of them */
#define BODY_MAX    (24u * 1024 * 1024)
#define BODIES_MAX  (64u * 1024 * 1024) /* of all bodies; from there on each recipient has one place */
#define RECEIPT_MAX (192u * 1024)
#define LATE_MS     10000 /* between looks for what is past its deadline and has no way to its recipient */

struct courier {
	const struct courier_kind *kind;
	struct worker *worker;
	struct parcel *under_way;            /* by id */
	struct parcel *judged, **judged_end; /* that have no job yet, in order */
	unsigned n_judged;
	struct consignment *consignments;
	size_t bodies; /* bytes of theirs */
	struct neighbour *neighbours;
	unsigned hastened; /* core's, when all ways were opened last */
};

struct courier *courier_new(struct worker *w, const struct courier_kind *kind)
{
	struct courier *c = calloc(1, sizeof *c);

	assert(kind->most > 0 && kind->most <= MOST && kind->batch > 0 && kind->size >= sizeof(struct parcel));
	if (!c)
		return NULL;
	*c = (struct courier){ .kind = kind, .worker = w };
	c->judged_end = &c->judged;
	return c;
}

static void drop(struct courier *c, struct parcel *p)
{
	HASH_DELETE(hh, c->under_way, p);
	c->bodies -= p->body.n;
	p->neighbour->parcels--;
	if (c->kind->drop)
		c->kind->drop(p);
	conf_unref(p->conf);
	buf_wipe(&p->body);
	buf_free(&p->receipt);
	free(p);
}

void courier_free(void *arg)
{
	struct courier *c = arg;
	struct consignment *k, *next_k;
	struct parcel *p, *next;

	if (!c)
		return;
	DL_FOREACH_SAFE(c->consignments, k, next_k)
	consignment_free(k);
	HASH_ITER(hh, c->under_way, p, next)
	drop(c, p);
	neighbours_free(&c->neighbours);
	free(c);
}

bool parcel_later(struct parcel *p, const char *slug, const char *problem)
{
	snprintf(p->slug, sizeof p->slug, "%s", slug);
	snprintf(p->problem, sizeof p->problem, "%.*s", (int)sizeof p->problem - 1, problem);
	return false;
}

bool parcel_address(struct parcel *p)
{
	p->partner = conf_agency(p->conf, view_of(p->recipient), ROLE(GATEWAY));
	return (p->partner && p->partner->host) ||
	       parcel_later(p, "flow-unmapped", "no gateway of the recipient is known here");
}

const char *parcel_told(const struct parcel *p)
{
	const struct tape *t = p->answer;
	uint32_t type = t ? tape_member(t, 0, VIEW("type")) : 0;
	struct view slug = type && t->nodes[type].type == TAPE_STRING ? tape_string(t, type) : VIEW("");
	bool problem = false;

	for (size_t i = slug.n; i-- > 0 && !problem;) {
		problem = slug.p[i] == '/';
		if (problem)
			slug = view_from(slug, i + 1);
	}
	enum reason known = problem ? reason_find(slug) : REASON_COUNT;
	return known < REASON_COUNT ? reason_slug(known) : "refused";
}

/* --- answered, then its job --- */

static enum parcel_end end_of(struct parcel *p)
{
	const struct courier_kind *kind = p->courier->kind;
	int status = p->status;

	if (status > 0 && (status == kind->taken[0] || status == kind->taken[1])) {
		if (kind->proved(p))
			return PARCEL_ARRIVED;
	} else if (status > 0) {
		const char *told = parcel_told(p);
		bool final = kind->refused(p);
		/* The reason that is told stays the partner's, and a refusal's receipt is none of its arrival. */
		parcel_later(p, told, "the partner refused");
		buf_reset(&p->receipt);
		if (final)
			return PARCEL_REFUSED;
	} else if (p->hopeless) {
		return PARCEL_REFUSED;
	} else if (!p->slug[0]) {
		parcel_later(p, "unreachable", p->silence ? p->silence : "");
	}
	return kind->over(p) ? PARCEL_EXPIRED : PARCEL_RETRY;
}

/* What waits is told once an hour and reason, not with every attempt. */
static bool was_told(const struct parcel *p)
{
	struct attempts *attempts = p->worker->core->attempts;
	char thing[sizeof p->slug + 32];

	snprintf(thing, sizeof thing, "%llu %s", (unsigned long long)p->due.id, p->slug);
	struct attempt one = attempt_of(view_of(p->courier->kind->name), view_of(thing), REASON_NONE);
	if (attempts_known(attempts, &one, p->now_ms))
		return true;
	attempts_note(attempts, &one, p->now_ms);
	return false;
}

static void tell(struct parcel *p)
{
	bool again = p->end == PARCEL_RETRY;
	char what[200], exchange[UUID_TEXT + 1];
	struct traceparent trace;

	if (p->end == PARCEL_ARRIVED || (again && was_told(p)))
		return;
	p->courier->kind->describe(p, what, sizeof what);
	uuid_print(&p->about, exchange);
	border_trace(&p->about, BORDER_SENDER, &trace);
	const struct journal_field fields[] = { { "recipient", p->recipient },
		                                { "reason", p->slug },
		                                { "exchange", exchange },
		                                { "trace", trace.trace },
		                                { NULL, NULL } };
	log_event(again ? "warning" : "error", fields, "%s to %s: %s: %s%s", what, p->recipient, p->slug, p->problem,
	          again ? "; will try again" : "; given up");
}

static bool write_parcels(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct parcel *first = JOB_OF(struct parcel, j);
	const struct courier_kind *kind = first->courier->kind;
	struct act a = { .core = first->worker->core, .writer = w, .job = j, .store = s, .now_ms = first->now_ms };

	if (first->beside && kind->write_all)
		return kind->write_all(first, &a, e);
	for (struct parcel *p = first; p; p = p->beside)
		if (!kind->write(p, &a, e))
			return false;
	return true;
}

static void look_at(struct courier *c, struct neighbour *n);

/* What waits for a place does not wait for the next tick. */
static void look_again(struct courier *c, struct neighbour *n)
{
	if (n->more && n->under_way <= n->places / 2 && n->parcels <= PARCELS / 2)
		look_at(c, n);
}

static void came_home(struct job *j);

static void submit(struct parcel *first)
{
	struct worker *w = first->worker;

	first->job = (struct job){ .home = w->home, .run = write_parcels, .done = came_home };
	writer_submit(w->core->writer, &first->job);
}

/* One that cannot be written harms no other. */
static void submit_each(struct parcel *first)
{
	while (first) {
		struct parcel *p = first;

		first = p->beside;
		p->beside = NULL;
		submit(p);
	}
}

static void come_home(struct parcel *p, bool committed, const struct error *why)
{
	struct courier *c = p->courier;
	struct neighbour *n = p->neighbour;

	if (!committed)
		log_line("error", "%s: %s", c->kind->name, why->text);
	else if (c->kind->written)
		c->kind->written(p);
	drop(c, p);
	look_again(c, n);
}

static void came_home(struct job *j)
{
	struct parcel *first = JOB_OF(struct parcel, j);
	const struct error why = j->error;
	bool committed = j->committed;

	writer_release(j);
	if (!committed && first->beside) {
		submit_each(first);
		return;
	}
	while (first) {
		struct parcel *p = first;

		first = p->beside;
		come_home(p, committed, &why);
	}
}

/* What was judged goes to the writer. */
static void write_judged(struct courier *c)
{
	struct parcel *first = c->judged;

	c->judged = NULL;
	c->judged_end = &c->judged;
	c->n_judged = 0;
	if (first && first->beside && c->kind->ready_all)
		c->kind->ready_all(first);
	if (first)
		submit(first);
}

static void judged(struct parcel *p)
{
	struct courier *c = p->courier;

	p->now_ms = instant_now_ms();
	p->end = end_of(p);
	p->answer = NULL;
	wipe(p->body.p, p->body.n);
	tell(p);
	p->beside = NULL;
	*c->judged_end = p;
	c->judged_end = &p->beside;
	if (++c->n_judged == COURIER_TOGETHER)
		write_judged(c);
}

/* --- a request, one place of its recipient's --- */

static void heard(struct consignment *k, int status)
{
	struct courier *c = k->arg;
	struct neighbour *n = k->neighbour;

	atomic_fetch_add_explicit(&c->worker->core->sendings, 1, memory_order_relaxed);
	const struct journal_field fields[] = { { "recipient", n->agency }, { NULL, NULL } };
	if (neighbour_ended(n, status, c->kind->most, &k->first->conf->node, instant_now_ms()))
		log_event(neighbour_shut(n) ? "warning" : "info", fields, "%s: the gateway of %s %s", c->kind->name,
		          n->agency,
		          neighbour_shut(n) ? "is silent; it is asked by one at a time until it answers"
		                            : "answers again");
}

static void back(struct parcel *p)
{
	p->neighbour->more = true;
	drop(p->courier, p);
}

static void settled(struct consignment *k)
{
	write_judged(k->arg);
}

static void over(struct consignment *k)
{
	struct courier *c = k->arg;
	struct neighbour *n = k->neighbour;

	write_judged(c);
	n->under_way--;
	DL_DELETE(c->consignments, k);
	consignment_free(k);
	look_again(c, n);
}

/* NULL: no memory. */
static struct consignment *open_consignment(struct courier *c, struct neighbour *n, const char *target)
{
	struct consignment *k = consignment_new(c->kind, c->worker, n, target);

	if (!k)
		return NULL;
	k->arg = c;
	k->heard = heard;
	k->judged = judged;
	k->back = back;
	k->settled = settled;
	k->over = over;
	DL_APPEND(c->consignments, k);
	n->under_way++;
	return k;
}

/* --- due, then sent --- */

struct courier_look {
	struct courier *courier;
	struct courier_due due[PARCELS];
	size_t n, room;
	bool more; /* than there is room for */
	/* Of those: requests that are made ready, and places for more of them. */
	struct consignment *open[MOST];
	size_t n_open, places;
};

bool courier_note(struct courier_look *l, const struct courier_due *due)
{
	struct parcel *p;

	HASH_FIND(hh, l->courier->under_way, &due->id, sizeof due->id, p);
	if (!p && l->n == l->room)
		l->more = true;
	else if (!p)
		l->due[l->n++] = *due;
	return !l->more;
}

/* NULL: it is due again at the next look. */
static struct parcel *new_parcel(struct courier *c, struct neighbour *n, const struct courier_due *due)
{
	struct parcel *p = calloc(1, c->kind->size);

	if (!p)
		return NULL;
	p->courier = c;
	p->neighbour = n;
	p->worker = c->worker;
	p->conf = core_conf(c->worker->core);
	p->due = *due;
	p->now_ms = instant_now_ms();
	p->body = BUF_INIT(BODY_MAX);
	p->receipt = BUF_INIT(RECEIPT_MAX);
	HASH_ADD(hh, c->under_way, due.id, sizeof p->due.id, p);
	n->parcels++;
	return p;
}

/* The request that it goes into; NULL: there is no place for one. */
static struct consignment *place_for(struct courier_look *l, struct neighbour *n, const struct parcel *p)
{
	for (size_t i = 0; i < l->n_open; i++)
		if (consignment_takes(l->open[i], p->target))
			return l->open[i];
	struct consignment *k = l->n_open < l->places ? open_consignment(l->courier, n, p->target) : NULL;
	if (k)
		l->open[l->n_open++] = k;
	return k;
}

/* False: it has no place, and stays due. */
static bool start(struct courier_look *l, struct neighbour *n, const struct courier_due *due)
{
	struct courier *c = l->courier;
	struct parcel *p = c->bodies < BODIES_MAX || n->parcels == 0 ? new_parcel(c, n, due) : NULL;

	if (!p)
		return false;
	if (!c->kind->target(p)) {
		judged(p);
		return true;
	}
	struct consignment *k = place_for(l, n, p);
	if (!k) {
		drop(c, p);
		return false;
	}
	bool packed = c->kind->pack(p);
	c->bodies += p->body.n;
	if (packed)
		consignment_add(k, p);
	else
		judged(p);
	return true;
}

/* Those of `n` that have a place. False: not all of them have, or they cannot be read now. */
static bool start_some(struct courier_look *l, struct neighbour *n, struct courier_due *due, size_t count)
{
	const struct courier_kind *kind = l->courier->kind;
	struct worker *w = l->courier->worker;
	size_t i = 0;

	if (kind->open && !kind->open(w, due, count))
		return false;
	while (i < count && start(l, n, &due[i]))
		i++;
	if (kind->shut)
		kind->shut(w, due, count, count - i);
	return i == count;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* `late`: what is past its deadline, whether there is a way to its recipient or not: it ends without one. */
static void take_up(struct courier *c, struct neighbour *n, unsigned places, bool late, int64_t now_ms)
{
	unsigned lines = late || neighbour_shut(n) ? 1 : neighbour_lines(n, c->kind->batch, now_ms);
	struct courier_look l = { .courier = c, .places = least(places, MOST) };
	struct error e = { .reason = REASON_NONE };

	l.room = least(places * lines, PARCELS - least(n->parcels, PARCELS));
	struct store_ask ask = { .recipient = view_of(n->agency),
		                 .now_ms = now_ms,
		                 .before_ms = late ? now_ms - c->kind->life_ms : INT64_MAX,
		                 .share = c->worker->index,
		                 .shares = c->worker->core->n_workers,
		                 .max = (unsigned)l.room + n->parcels + 1 };
	if (l.room == 0)
		return;
	if (!c->kind->due(c->worker->reader, &ask, &l, &e)) {
		log_line("error", "%s: %s", c->kind->name, e.text);
		return;
	}
	n->more = l.more && !late;
	for (size_t i = 0; i < l.n; i += COURIER_TOGETHER) {
		size_t rest = l.n - i;
		if (!start_some(&l, n, &l.due[i], rest < COURIER_TOGETHER ? rest : COURIER_TOGETHER)) {
			n->more = !late;
			break;
		}
	}
	write_judged(c);
	for (size_t i = 0; i < l.n_open; i++)
		consignment_send(l.open[i]);
}

static void look_at(struct courier *c, struct neighbour *n)
{
	int64_t now_ms = instant_now_ms();
	unsigned places = neighbour_room(n, now_ms);

	if (c->bodies >= BODIES_MAX)
		places = places > 0 && n->parcels == 0;
	if (places > 0) {
		take_up(c, n, places, false, now_ms);
	} else if (neighbour_shut(n) && (now_ms >= n->late_ms || n->late_ms > now_ms + LATE_MS)) {
		n->late_ms = now_ms + LATE_MS;
		take_up(c, n, MOST, true, now_ms);
	}
}

void courier_tick(void *arg)
{
	struct courier *c = arg;
	struct store *reader = c->worker->reader;
	struct error e = { .reason = REASON_NONE };
	char after[sizeof((struct neighbour *)0)->agency] = "";
	unsigned hastened = atomic_load(&c->worker->core->hastened);
	struct consignment *k, *next_k;
	struct view found;

	DL_FOREACH_SAFE(c->consignments, k, next_k)
	consignment_recheck(k);
	if (hastened != c->hastened)
		neighbours_open(c->neighbours);
	c->hastened = hastened;
	for (;;) {
		enum sought next = sought(c->kind->recipient(reader, view_of(after), &found, &e), &e);
		if (next == SOUGHT_FAILED)
			log_line("error", "%s: %s", c->kind->name, e.text);
		if (next != SOUGHT_FOUND)
			return;
		snprintf(after, sizeof after, "%.*s", VIEW_ARG(found));
		struct neighbour *n = neighbour_of(&c->neighbours, found);
		if (n)
			look_at(c, n);
	}
}
