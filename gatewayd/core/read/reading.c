/* See reading.h. */
#include "gatewayd/core/read/reading.h"

#include <pthread.h>

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/consult.h"
#include "gatewayd/os/log.h"

#define MINUTE_MS 60000
#define NAME_SIZE 64 /* of partners and agreements, by their schemas */

/* One thing that one reader read in one minute. */
struct read_thing {
	struct digest key;
	int64_t minute;
	uint32_t more; /* readings after the one that is in the log */
	const char *what;
	struct uuid exchange;
	char peer[NAME_SIZE], agreement[NAME_SIZE];
	UT_hash_handle hh;
};

struct readings {
	pthread_mutex_t lock; /* guards the rest */
	struct read_thing *things;
};

struct readings *readings_new(void)
{
	struct readings *r = calloc(1, sizeof *r);

	if (r)
		pthread_mutex_init(&r->lock, NULL);
	return r;
}

void readings_free(struct readings *r)
{
	struct read_thing *t, *next;

	if (!r)
		return;
	HASH_ITER(hh, r->things, t, next)
	{
		HASH_DEL(r->things, t);
		free(t);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool is_one(const struct uuid *u)
{
	static const struct uuid none;

	return memcmp(u->b, none.b, sizeof none.b) != 0;
}

static struct read_thing thing_of(const struct request *r, const struct reading *what)
{
	struct read_thing t = { .minute = r->now_ms / MINUTE_MS, .what = what->what, .exchange = what->exchange };
	struct view parts[] = { view_of(r->peer->id),
		                VIEW("\n"),
		                view_of(what->what),
		                VIEW("\n"),
		                what->agreement,
		                VIEW("\n"),
		                view_make(what->exchange.b, sizeof what->exchange.b),
		                view_make(&t.minute, sizeof t.minute) };

	snprintf(t.peer, sizeof t.peer, "%s", r->peer->id);
	snprintf(t.agreement, sizeof t.agreement, "%.*s", VIEW_ARG(what->agreement));
	sha256_parts(parts, sizeof parts / sizeof *parts, &t.key);
	return t;
}

/* Counts it where one is in the log. */
static bool counted(struct readings *r, const struct read_thing *one)
{
	struct read_thing *t;

	pthread_mutex_lock(&r->lock);
	HASH_FIND(hh, r->things, &one->key, sizeof one->key, t);
	if (t)
		t->more++;
	pthread_mutex_unlock(&r->lock);
	return t != NULL;
}

/* It is in the log: others of that minute are counted from now on. */
static void logged(struct core *c, const void *arg)
{
	struct readings *r = c->readings;
	const struct read_thing *one = arg;
	struct read_thing *t;

	pthread_mutex_lock(&r->lock);
	HASH_FIND(hh, r->things, &one->key, sizeof one->key, t);
	if (!t && HASH_COUNT(r->things) < READINGS_MAX && (t = calloc(1, sizeof *t)) != NULL) {
		*t = *one;
		HASH_ADD(hh, r->things, key, sizeof t->key, t);
	}
	pthread_mutex_unlock(&r->lock);
}

void reading_answer(struct request *r, const struct reading *what, struct view content_type, const struct buf *body)
{
	if (body->failed || !(r->peer->roles & ROLES_OVERSIGHT)) {
		answer_written(r, content_type, body);
		return;
	}
	struct read_thing one = thing_of(r, what);
	if (counted(r->worker->core->readings, &one)) {
		answer_written(r, content_type, body);
		return;
	}
	struct consult *c = consult_new(r, content_type, body->n + 1);
	if (!c)
		return;
	buf_add(consult_body(c), buf_view(body));
	if (consult_note(c, is_one(&what->exchange) ? &what->exchange : NULL, what->agreement, what->what) &&
	    consult_then(c, logged, &one, sizeof one)) {
		consult_submit(c);
	} else {
		consult_drop(c);
		answer_problem(r, REASON_NO_MEMORY);
	}
}

/* --- counts --- */

struct telling {
	struct job job; /* first */
	struct core *core;
	int64_t now_ms;
	struct read_thing one;
};

static bool write_count(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct telling *t = JOB_OF(struct telling, j);
	struct act a = { .core = t->core, .writer = w, .job = j, .store = s, .now_ms = t->now_ms };
	char note[160];
	struct entry entry = { .operation = OPERATION_CONSULTATION,
		               .exchange = t->one.exchange,
		               .peer = view_of(t->one.peer),
		               .agreement = view_of(t->one.agreement) };

	snprintf(note, sizeof note, "%s: %u more in the minute", t->one.what, (unsigned)t->one.more);
	entry.note = view_of(note);
	return audit_append(&a, &entry, NULL, NULL, e);
}

/* On the writer's thread: nobody waits for it. */
static void written(struct job *j)
{
	struct telling *t = JOB_OF(struct telling, j);

	if (!j->committed)
		log_line("error", "%u readings by %s could not be logged: %s", (unsigned)t->one.more, t->one.peer,
		         j->error.text);
	writer_release(j);
	free(t);
}

static void tell(struct core *c, const struct read_thing *one, int64_t now_ms)
{
	struct telling *t = calloc(1, sizeof *t);

	if (!t) {
		log_line("error", "%u readings by %s could not be logged: memory ran out", (unsigned)one->more,
		         one->peer);
		return;
	}
	*t = (struct telling){
		.job = { .run = write_count, .done = written }, .core = c, .now_ms = now_ms, .one = *one
	};
	writer_submit(c->writer, &t->job);
}

/* A clock that was set back ends every minute. */
static bool is_over(const struct read_thing *t, int64_t now_ms)
{
	return t->minute != now_ms / MINUTE_MS;
}

void readings_tell(struct core *c, int64_t now_ms, bool all)
{
	struct readings *r = c->readings;
	struct read_thing *t, *next;

	pthread_mutex_lock(&r->lock);
	HASH_ITER(hh, r->things, t, next)
	{
		if (!all && !is_over(t, now_ms))
			continue;
		HASH_DEL(r->things, t);
		if (t->more)
			tell(c, t, now_ms);
		free(t);
	}
	pthread_mutex_unlock(&r->lock);
}
