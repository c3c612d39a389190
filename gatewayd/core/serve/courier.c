/* See courier.h. */
#include "gatewayd/core/serve/courier.h"

#include <assert.h>

#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/neighbour.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define MOST       64 /* that a kind may have under way to one recipient */
#define BODY_MAX   (24u * 1024 * 1024)
#define BODIES_MAX (64u * 1024 * 1024) /* of all bodies; from there on each recipient has one place */
#define ANSWER_MAX (192u * 1024)
#define LATE_MS    10000 /* between looks for what is past its deadline and has no way to its recipient */

struct courier {
	const struct courier_kind *kind;
	struct worker *worker;
	struct parcel *under_way; /* by id */
	size_t bodies;            /* bytes of theirs */
	struct neighbour *neighbours;
	unsigned hastened; /* core's, when all ways were opened last */
};

struct courier *courier_new(struct worker *w, const struct courier_kind *kind)
{
	struct courier *c = calloc(1, sizeof *c);

	assert(kind->most > 0 && kind->most <= MOST && kind->size >= sizeof(struct parcel));
	if (c)
		*c = (struct courier){ .kind = kind, .worker = w };
	return c;
}

static void drop(struct courier *c, struct parcel *p)
{
	HASH_DELETE(hh, c->under_way, p);
	c->bodies -= p->body.n;
	p->neighbour->under_way--;
	post_drop(&p->post);
	conf_unref(p->conf);
	buf_wipe(&p->body);
	buf_free(&p->receipt);
	free(p);
}

void courier_free(void *arg)
{
	struct courier *c = arg;
	struct parcel *p, *next;

	if (!c)
		return;
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

/* --- answered, then its job --- */

static enum parcel_end end_of(struct parcel *p)
{
	const struct courier_kind *kind = p->courier->kind;
	int status = p->post.status;

	if (status > 0 && (status == kind->taken[0] || status == kind->taken[1])) {
		if (kind->proved(p))
			return PARCEL_ARRIVED;
	} else if (status > 0) {
		bool final = kind->refused(p);
		/* The reason that is told stays the partner's, and a refusal's receipt is none of its arrival. */
		parcel_later(p, post_slug(&p->post), "the partner refused");
		buf_reset(&p->receipt);
		if (final)
			return PARCEL_REFUSED;
	} else if (p->hopeless) {
		return PARCEL_REFUSED;
	} else if (!p->slug[0]) {
		parcel_later(p, "unreachable", p->post.problem);
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
	char what[200];

	if (p->end == PARCEL_ARRIVED || (again && was_told(p)))
		return;
	p->courier->kind->describe(p, what, sizeof what);
	log_line(again ? "warning" : "error", "%s to %s: %s: %s%s", what, p->recipient, p->slug, p->problem,
	         again ? "; will try again" : "; given up");
}

static bool write_parcel(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct parcel *p = JOB_OF(struct parcel, j);
	struct act a = { .core = p->worker->core, .writer = w, .job = j, .store = s, .now_ms = p->now_ms };

	return p->courier->kind->write(p, &a, e);
}

static void look_at(struct courier *c, struct neighbour *n);

static void came_home(struct job *j)
{
	struct parcel *p = JOB_OF(struct parcel, j);
	struct courier *c = p->courier;
	struct neighbour *n = p->neighbour;

	if (!j->committed)
		log_line("error", "%s: %s", c->kind->name, j->error.text);
	else if (c->kind->written)
		c->kind->written(p);
	writer_release(j);
	drop(c, p);
	/* What waits for a place does not wait for the next tick. */
	if (n->more && n->under_way <= n->places / 2)
		look_at(c, n);
}

static void answered(void *arg)
{
	struct parcel *p = arg;

	p->now_ms = instant_now_ms();
	if (!p->unsent &&
	    neighbour_ended(p->neighbour, p->post.status, p->courier->kind->most, &p->conf->node, p->now_ms))
		log_line(neighbour_shut(p->neighbour) ? "warning" : "info", "%s: the gateway of %s %s",
		         p->courier->kind->name, p->recipient,
		         neighbour_shut(p->neighbour) ? "is silent; it is asked by one at a time until it answers"
		                                      : "answers again");
	p->end = end_of(p);
	wipe(p->body.p, p->body.n);
	tell(p);
	p->job = (struct job){ .home = p->worker->home, .run = write_parcel, .done = came_home };
	writer_submit(p->worker->core->writer, &p->job);
}

/* --- due, then sent --- */

struct courier_look {
	struct courier *courier;
	struct courier_due due[MOST];
	size_t n, room;
	bool more; /* than there is room for */
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

static void start(struct courier *c, struct neighbour *n, const struct courier_due *due)
{
	struct parcel *p = calloc(1, c->kind->size);

	/* It is due again at the next look. */
	if (!p)
		return;
	p->courier = c;
	p->neighbour = n;
	p->worker = c->worker;
	p->conf = core_conf(c->worker->core);
	p->due = *due;
	p->now_ms = instant_now_ms();
	p->body = BUF_INIT(BODY_MAX);
	p->receipt = BUF_INIT(ANSWER_MAX);
	p->post = (struct post){ .ended = answered, .arg = p, .answer = BUF_INIT(ANSWER_MAX) };
	HASH_ADD(hh, c->under_way, due.id, sizeof p->due.id, p);
	n->under_way++;
	p->unsent = !c->kind->send(p);
	c->bodies += p->body.n;
	if (p->unsent)
		answered(p);
}

static unsigned room_of(const struct courier *c, const struct neighbour *n, int64_t now_ms)
{
	unsigned room = neighbour_room(n, now_ms);

	return c->bodies < BODIES_MAX ? room : room > 0 && n->under_way == 0;
}

/* `late`: what is past its deadline, whether there is a way to its recipient or not: it ends without one. */
static void take_up(struct courier *c, struct neighbour *n, unsigned room, bool late, int64_t now_ms)
{
	struct store_ask ask = { .recipient = view_of(n->agency),
		                 .now_ms = now_ms,
		                 .before_ms = late ? now_ms - c->kind->life_ms : INT64_MAX,
		                 .share = c->worker->index,
		                 .shares = c->worker->core->n_workers,
		                 .max = room + n->under_way + 1 };
	struct courier_look l = { .courier = c, .room = room };
	struct error e = { .reason = REASON_NONE };

	if (!c->kind->due(c->worker->reader, &ask, &l, &e)) {
		log_line("error", "%s: %s", c->kind->name, e.text);
		return;
	}
	n->more = l.more && !late;
	for (size_t i = 0; i < l.n; i++)
		start(c, n, &l.due[i]);
}

static void look_at(struct courier *c, struct neighbour *n)
{
	int64_t now_ms = instant_now_ms();
	unsigned room = room_of(c, n, now_ms);

	if (room > 0) {
		take_up(c, n, room, false, now_ms);
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
	struct view found;

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
