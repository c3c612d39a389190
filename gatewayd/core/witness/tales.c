/* See tales.h. */
#include "gatewayd/core/witness/tales.h"

#include <utlist.h>

#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define KNOWN_MAX   64
#define WAITING_MAX 16
#define DEADLINE_MS 30000
#define ANSWER_MAX  65536
#define AGAIN_MS    5000 /* after a round in which somebody could not be reached; doubled each time */
#define LONGEST_MS  600000
#define ROUNDS      150 /* a day, about */

struct tale {
	struct buf body;
	struct tale *prev, *next;
};

struct tales {
	pthread_mutex_t lock; /* guards all of it */
	struct digest known[KNOWN_MAX];
	unsigned n_known; /* ever; the oldest is replaced */
	struct tale *waiting;
	unsigned n_waiting;
};

struct tales *tales_new(void)
{
	struct tales *t = calloc(1, sizeof *t);

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void tale_free(struct tale *t)
{
	if (!t)
		return;
	buf_free(&t->body);
	free(t);
}

void tales_free(struct tales *t)
{
	struct tale *one, *next;

	if (!t)
		return;
	DL_FOREACH_SAFE(t->waiting, one, next)
	tale_free(one);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool tales_first(struct tales *t, struct view body)
{
	struct digest digest;
	bool known = false;

	sha256(body, &digest);
	pthread_mutex_lock(&t->lock);
	for (unsigned i = 0; i < KNOWN_MAX && i < t->n_known; i++)
		known = known || digest_eq(&t->known[i], &digest);
	if (!known)
		t->known[t->n_known++ % KNOWN_MAX] = digest;
	pthread_mutex_unlock(&t->lock);
	return !known;
}

void tales_tell(struct tales *t, struct view body)
{
	struct tale *one = calloc(1, sizeof *one);
	bool room = false;

	if (one) {
		one->body = BUF_INIT(2 * NOTE_MAX);
		buf_add(&one->body, body);
		pthread_mutex_lock(&t->lock);
		room = !one->body.failed && t->n_waiting < WAITING_MAX;
		if (room) {
			DL_APPEND(t->waiting, one);
			t->n_waiting++;
		}
		pthread_mutex_unlock(&t->lock);
	}
	if (room)
		return;
	tale_free(one);
	log_line("warning", "evidence: partners are not told of all that was found");
}

/* Owned by the caller from then on; NULL: none waits. */
static struct tale *take(struct tales *t)
{
	pthread_mutex_lock(&t->lock);
	struct tale *one = t->waiting;
	if (one) {
		DL_DELETE(t->waiting, one);
		t->n_waiting--;
	}
	pthread_mutex_unlock(&t->lock);
	return one;
}

/* --- telling --- */

struct telling {
	struct worker *worker;
	bool announced;    /* this log's key was looked for, whether partners are to be told of it */
	struct tale *tale; /* NULL: nothing is told */
	struct conf *conf; /* to whose partners */
	bool *told;        /* by partner */
	size_t next;       /* partner of this round */
	bool again;        /* somebody could not be reached in this round */
	unsigned rounds;
	int64_t next_ms; /* monotonic */
	struct post post;
	bool under_way;
};

void *telling_new(struct worker *w)
{
	struct telling *x = calloc(1, sizeof *x);

	if (x)
		x->worker = w;
	return x;
}

static void reset(struct telling *x)
{
	post_drop(&x->post);
	tale_free(x->tale);
	conf_unref(x->conf);
	free(x->told);
	*x = (struct telling){ .worker = x->worker, .announced = x->announced };
}

void telling_free(void *arg)
{
	struct telling *x = arg;

	if (!x)
		return;
	reset(x);
	free(x);
}

/* Whoever answers was told; what it makes of it is its own. */
static void answered(void *arg)
{
	struct telling *x = arg;
	int status = x->post.status;
	bool later = status == 0 || status == 429 || status >= 500;

	x->told[x->next++] = !later;
	x->again = x->again || later;
	x->under_way = false;
	post_drop(&x->post);
}

static void tell(struct telling *x, const struct partner *p)
{
	struct post_head head = { .to = p,
		                  .method = "POST",
		                  .target = "/evidence",
		                  .content_type = "text/plain",
		                  .deadline_ms = DEADLINE_MS };

	x->under_way = true;
	x->post = (struct post){
		.answer = BUF_INIT(ANSWER_MAX), .body = buf_view(&x->tale->body), .ended = answered, .arg = x
	};
	if (!post_send(x->worker, &x->post, &head))
		answered(x);
}

/* A log whose key the one before announced: partners are told at each start. */
static void look_for_announcement(struct telling *x)
{
	struct core *core = x->worker->core;
	char name[NOTE_NAME_MAX + 16];
	struct view note;

	if (!core->log_vkey)
		return;
	snprintf(name, sizeof name, ANNOUNCED_NAME "%s", core->log_vkey->name);
	if (store_get_value(x->worker->reader, view_of(name), &note, NULL))
		tales_tell(core->tales, note);
}

static bool begin(struct telling *x)
{
	struct core *core = x->worker->core;

	if (!x->announced)
		look_for_announcement(x);
	x->announced = true;
	x->tale = take(core->tales);
	if (!x->tale)
		return false;
	x->conf = core_conf(core);
	x->told = calloc(x->conf->n_partners + 1, sizeof *x->told);
	if (x->told)
		return true;
	reset(x);
	return false;
}

/* The end of a round: all were told, or those who could not be reached are asked again. */
static void end_round(struct telling *x)
{
	int64_t wait = AGAIN_MS;

	for (unsigned i = 0; i < x->rounds && wait < LONGEST_MS; i++)
		wait *= 2;
	if (!x->again || ++x->rounds == ROUNDS) {
		reset(x);
		return;
	}
	x->again = false;
	x->next = 0;
	x->next_ms = instant_monotonic_ms() + (wait < LONGEST_MS ? wait : LONGEST_MS);
}

void telling_tick(void *arg)
{
	struct telling *x = arg;

	if (x->under_way || instant_monotonic_ms() < x->next_ms || !witness_settled(x->worker->core) ||
	    (!x->tale && !begin(x)))
		return;
	while (x->next < x->conf->n_partners) {
		const struct partner *p = &x->conf->partners[x->next];
		if (!x->told[x->next] && (p->roles & ROLE(GATEWAY)) && p->host) {
			tell(x, p);
			return;
		}
		x->next++;
	}
	end_round(x);
}
