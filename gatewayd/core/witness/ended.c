/* See ended.h. */
#include "gatewayd/core/witness/ended.h"

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define LOOK_MS     1000
#define AGAIN_MS    10000 /* after a partner that did not say */
#define DEADLINE_MS 30000
#define VALUE_NAME  (NOTE_NAME_MAX + 8)

struct ended {
	struct job job; /* first */
	struct worker *worker;
	struct post post;
	struct conf *conf;             /* NULL: none is asked */
	const struct partner *partner; /* of conf */
	size_t next;                   /* partner to look at */
	int64_t next_ms;               /* monotonic */
	char name[VALUE_NAME];         /* of the value that says that it was judged */
};

void *ended_new(struct worker *w)
{
	struct ended *x = calloc(1, sizeof *x);

	if (x)
		x->worker = w;
	return x;
}

static void reset(struct ended *x, int64_t wait_ms)
{
	post_drop(&x->post);
	conf_unref(x->conf);
	x->conf = NULL;
	x->next_ms = instant_monotonic_ms() + wait_ms;
}

void ended_free(void *arg)
{
	struct ended *x = arg;

	if (!x)
		return;
	post_drop(&x->post);
	conf_unref(x->conf);
	free(x);
}

/* --- the largest that was seen --- */

struct largest {
	struct view origin;
	struct checkpoint c;
};

static void take_larger(struct largest *l, uint64_t size, const struct digest *root)
{
	if (size <= l->c.size)
		return;
	l->c.size = size;
	l->c.root = *root;
}

static bool take_row(void *arg, struct view origin, uint64_t size, struct view note)
{
	struct largest *l = arg;
	struct view text, signatures;
	struct checkpoint c;

	if (view_eq(origin, l->origin) && note_split(note, &text, &signatures, NULL) &&
	    checkpoint_parse(text, &c, NULL) && c.size == size)
		take_larger(l, size, &c.root);
	return true;
}

static bool find_largest(const struct ended *x, struct largest *l, struct error *e)
{
	struct store_witnessed known;
	struct digest root;
	uint64_t size = sights_largest(x->worker->core->sights, l->origin, &root);

	take_larger(l, size, &root);
	switch (sought(store_get_witnessed(x->worker->reader, l->origin, &known, e), e)) {
	case SOUGHT_FOUND: take_larger(l, known.size, &known.root); break;
	case SOUGHT_NONE: break;
	case SOUGHT_FAILED: return false;
	}
	return store_list_sighted(x->worker->reader, take_row, l, e);
}

/* --- judging --- */

static bool note_judged(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	(void)w;
	return store_put_value(s, view_of(JOB_OF(struct ended, j)->name), VIEW("1"), e);
}

static void judged(struct job *j)
{
	struct ended *x = JOB_OF(struct ended, j);

	writer_release(j);
	reset(x, LOOK_MS);
}

static void judge(struct ended *x, const struct checkpoint *c)
{
	struct largest l = { .origin = c->origin };
	struct error e = { .reason = REASON_NONE };
	char text[500];

	if (!find_largest(x, &l, &e)) {
		log_line("error", "log %s: %s", x->partner->log.name, e.text);
		reset(x, AGAIN_MS);
		return;
	}
	bool left = c->size < l.c.size, forked = c->size == l.c.size && !digest_eq(&c->root, &l.c.root);
	snprintf(text, sizeof text, "ended: the log %.*s was ended at %llu entries, and %llu were seen of it: %s",
	         VIEW_ARG(c->origin), (unsigned long long)c->size, (unsigned long long)l.c.size,
	         left ? "what came after left it" : "it is not the one that was seen");
	if (left || forked)
		incident_submit(x->worker->core, x->partner->id, text, buf_view(&x->post.answer));
	x->job = (struct job){ .home = x->worker->home, .run = note_judged, .done = judged };
	writer_submit(x->worker->core->writer, &x->job);
}

static void answered(void *arg)
{
	struct ended *x = arg;
	struct checkpoint c;

	for (size_t i = 0; x->post.status == 200 && i < x->partner->n_earlier; i++)
		if (checkpoint_open(buf_view(&x->post.answer), &x->partner->earlier[i], &c, NULL)) {
			judge(x, &c);
			return;
		}
	log_line("warning", "log %s: where the one before it ended is not known: %s", x->partner->log.name,
	         x->post.status == 0     ? x->post.problem
	         : x->post.status == 200 ? "what it says is not signed by a key of audit/earlier"
	                                 : "the partner does not say");
	reset(x, AGAIN_MS);
}

/* --- asking --- */

static bool to_ask(struct ended *x, const struct partner *p)
{
	struct error e = { .reason = REASON_NONE };
	struct view value;

	if (!p->has_log || p->n_earlier == 0 || !p->host || !(p->roles & ROLE(GATEWAY)))
		return false;
	snprintf(x->name, sizeof x->name, "ended/%s", p->log.name);
	return !store_get_value(x->worker->reader, view_of(x->name), &value, &e) && e.reason == REASON_NOT_FOUND;
}

static void send_request(struct ended *x, struct conf *conf, const struct partner *p)
{
	struct post_head head = { .to = p,
		                  .method = "GET",
		                  .target = "/checkpoint?ended",
		                  .content_type = "text/plain",
		                  .deadline_ms = DEADLINE_MS };

	x->conf = conf_ref(conf);
	x->partner = p;
	x->post = (struct post){ .answer = BUF_INIT(NOTE_MAX), .ended = answered, .arg = x };
	if (!post_send(x->worker, &x->post, &head))
		answered(x);
}

/* The next partner that is to be asked; a moment's rest after all of them. */
void ended_tick(void *arg)
{
	struct ended *x = arg;
	struct conf *conf;

	if (x->conf || instant_monotonic_ms() < x->next_ms || !witness_settled(x->worker->core))
		return;
	conf = core_conf(x->worker->core);
	while (x->next < conf->n_partners && !x->conf) {
		const struct partner *p = &conf->partners[x->next++];
		if (to_ask(x, p))
			send_request(x, conf, p);
	}
	if (x->next >= conf->n_partners) {
		x->next = 0;
		x->next_ms = instant_monotonic_ms() + LOOK_MS;
	}
	conf_unref(conf);
}
