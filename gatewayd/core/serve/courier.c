/* See courier.h. */
#include "gatewayd/core/serve/courier.h"

#include <assert.h>

#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define MOST 64 /* that a kind may have under way */

struct courier {
	const struct courier_kind *kind;
	struct worker *worker;
	struct parcel *under_way; /* by id */
	unsigned n;
};

struct courier *courier_new(struct worker *w, const struct courier_kind *kind)
{
	struct courier *c = calloc(1, sizeof *c);

	assert(kind->most > 0 && kind->most <= MOST);
	if (c)
		*c = (struct courier){ .kind = kind, .worker = w };
	return c;
}

static void drop(struct courier *c, struct parcel *p)
{
	HASH_DELETE(hh, c->under_way, p);
	c->n--;
	post_drop(&p->post);
	c->kind->free(p);
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

/* --- answered, then its job --- */

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

	p->courier->kind->judge(p);
	p->job = (struct job){ .home = p->worker->home, .run = write_parcel, .done = came_home };
	writer_submit(p->worker->core->writer, &p->job);
}

/* --- due, then sent --- */

struct look {
	struct courier *courier;
	struct courier_due due[MOST];
	size_t n;
};

static bool note_due(void *arg, const struct courier_due *due)
{
	struct look *l = arg;
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
	struct parcel *p = c->kind->make(c->worker, due);

	if (!p)
		return;
	p->courier = c;
	p->worker = c->worker;
	p->due = *due;
	p->post.ended = answered;
	p->post.arg = p;
	HASH_ADD(hh, c->under_way, due.id, sizeof p->due.id, p);
	c->n++;
	if (!c->kind->send(p))
		answered(p);
}

void courier_tick(void *arg)
{
	struct courier *c = arg;
	struct worker *w = c->worker;
	struct look l = { .courier = c, .n = 0 };
	struct error e = { .reason = REASON_NONE };

	if (c->n >= c->kind->most)
		return;
	/* Those of other workers, and those that are under way, are listed as well. */
	unsigned max = (c->kind->most + c->n) * w->core->n_workers;
	if (!c->kind->due(w->reader, instant_now_ms(), max, note_due, &l, &e)) {
		log_line("error", "%s: %s", c->kind->name, e.text);
		return;
	}
	for (size_t i = 0; i < l.n && c->n < c->kind->most; i++)
		start(c, &l.due[i]);
}
