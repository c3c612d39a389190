/* See courier.h. */
#include "gatewayd/core/serve/courier.h"

#include <assert.h>

#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define MOST       64 /* that a kind may have under way */
#define BODY_MAX   (24u * 1024 * 1024)
#define ANSWER_MAX (192u * 1024)

struct courier {
	const struct courier_kind *kind;
	struct worker *worker;
	struct parcel *under_way; /* by id */
	unsigned n;
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
	c->n--;
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
		parcel_later(p, post_slug(&p->post), "the partner refused");
		if (post_refused(&p->post))
			return PARCEL_REFUSED;
	} else if (p->hopeless) {
		return PARCEL_REFUSED;
	} else if (!p->slug[0]) {
		parcel_later(p, "unreachable", p->post.problem);
	}
	return kind->over(p) ? PARCEL_EXPIRED : PARCEL_RETRY;
}

static void tell(struct parcel *p)
{
	bool again = p->end == PARCEL_RETRY;
	char what[200];

	if (p->end == PARCEL_ARRIVED)
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

static void came_home(struct job *j)
{
	struct parcel *p = JOB_OF(struct parcel, j);

	if (!j->committed)
		log_line("error", "%s: %s", p->courier->kind->name, j->error.text);
	writer_release(j);
	drop(p->courier, p);
}

static void answered(void *arg)
{
	struct parcel *p = arg;

	p->now_ms = instant_now_ms();
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
	size_t n;
};

bool courier_note(struct courier_look *l, const struct courier_due *due)
{
	struct courier *c = l->courier;
	struct parcel *p;

	if (due->id % c->worker->core->n_workers != c->worker->index)
		return true;
	HASH_FIND(hh, c->under_way, &due->id, sizeof due->id, p);
	if (!p)
		l->due[l->n++] = *due;
	return l->n < c->kind->most;
}

static void start(struct courier *c, const struct courier_due *due)
{
	struct parcel *p = calloc(1, c->kind->size);

	/* It is due again at the next look. */
	if (!p)
		return;
	p->courier = c;
	p->worker = c->worker;
	p->conf = core_conf(c->worker->core);
	p->due = *due;
	p->now_ms = instant_now_ms();
	p->body = BUF_INIT(BODY_MAX);
	p->receipt = BUF_INIT(ANSWER_MAX);
	p->post = (struct post){ .ended = answered, .arg = p, .answer = BUF_INIT(ANSWER_MAX) };
	HASH_ADD(hh, c->under_way, due.id, sizeof p->due.id, p);
	c->n++;
	if (!c->kind->send(p))
		answered(p);
}

void courier_tick(void *arg)
{
	struct courier *c = arg;
	struct worker *w = c->worker;
	struct courier_look l = { .courier = c, .n = 0 };
	struct error e = { .reason = REASON_NONE };

	if (c->n >= c->kind->most)
		return;
	/* Those of other workers, and those that are under way, are listed as well. */
	unsigned max = (c->kind->most + c->n) * w->core->n_workers;
	if (!c->kind->due(w->reader, instant_now_ms(), max, &l, &e)) {
		log_line("error", "%s: %s", c->kind->name, e.text);
		return;
	}
	for (size_t i = 0; i < l.n && c->n < c->kind->most; i++)
		start(c, &l.due[i]);
}
