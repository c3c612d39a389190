/* See tales.h. */
#include "gatewayd/core/witness/tales.h"

#include <utlist.h>

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define KNOWN_MAX   64
#define TALES_MAX   64   /* told at a time; the others when those are over */
#define LOOK_MS     1000 /* between two looks into the store */
#define DEADLINE_MS 30000
#define ANSWER_MAX  65536
#define AGAIN_MS    5000 /* after a round in which somebody could not be reached; doubled each time */
#define LONGEST_MS  600000
#define ROUNDS      150 /* a day, about */

struct tales {
	pthread_mutex_t lock; /* guards all of it */
	struct digest known[KNOWN_MAX];
	unsigned n_known; /* ever; the oldest is replaced */
};

struct tales *tales_new(void)
{
	struct tales *t = calloc(1, sizeof *t);

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

void tales_free(struct tales *t)
{
	if (!t)
		return;
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

/* --- telling --- */

/* A partner that was told. */
struct told {
	struct told *next;
	char id[];
};

struct tale {
	struct digest digest; /* of the document; zeros: the announcement of this log's key */
	bool announcement;
	bool over;         /* told, and its row is being dropped */
	bool listed;       /* its row was seen in this look */
	bool again;        /* somebody could not be reached in this round */
	struct told *told; /* partners by id, for a reload makes them anew */
	unsigned rounds;
	int64_t next_ms; /* monotonic */
	struct tale *prev, *next;
};

struct telling {
	struct worker *worker;
	bool announced; /* this log's key was looked for, whether partners are to be told of it */
	struct tale *tales;
	unsigned n_tales;
	int64_t look_ms; /* monotonic */
	/* the round that is under way */
	struct tale *tale; /* NULL: none */
	struct conf *conf; /* to whose partners */
	size_t next;       /* partner of this round */
	struct buf body;
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

static void forget(struct telling *x, struct tale *t)
{
	struct told *one, *next;

	DL_DELETE(x->tales, t);
	x->n_tales--;
	LL_FOREACH_SAFE(t->told, one, next)
	free(one);
	free(t);
}

static void leave_round(struct telling *x)
{
	post_drop(&x->post);
	buf_free(&x->body);
	conf_unref(x->conf);
	x->conf = NULL;
	x->tale = NULL;
}

void telling_free(void *arg)
{
	struct telling *x = arg;

	if (!x)
		return;
	leave_round(x);
	while (x->tales)
		forget(x, x->tales);
	free(x);
}

static bool was_told(const struct tale *t, const char *id)
{
	const struct told *one;

	LL_FOREACH(t->told, one)
	if (strcmp(one->id, id) == 0)
		return true;
	return false;
}

/* Without memory it is told once more. */
static void note_told(struct tale *t, const char *id)
{
	size_t n = strlen(id) + 1;
	struct told *one = malloc(sizeof *one + n);

	if (!one)
		return;
	memcpy(one->id, id, n);
	LL_PREPEND(t->told, one);
}

/* Whoever answers was told; what it makes of it is its own. */
static void answered(void *arg)
{
	struct telling *x = arg;
	int status = x->post.status;
	bool later = status == 0 || status == 429 || status >= 500;

	if (later)
		x->tale->again = true;
	else
		note_told(x->tale, x->conf->partners[x->next].id);
	x->next++;
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
		.answer = BUF_INIT(ANSWER_MAX), .body = buf_view(&x->body), .ended = answered, .arg = x
	};
	if (!post_send(x->worker, &x->post, &head))
		answered(x);
}

/* --- what is told --- */

static struct tale *add(struct telling *x, const struct digest *d)
{
	struct tale *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	if (d)
		t->digest = *d;
	t->announcement = !d;
	DL_APPEND(x->tales, t);
	x->n_tales++;
	return t;
}

static struct tale *find(const struct telling *x, const struct digest *d)
{
	struct tale *t;

	DL_FOREACH(x->tales, t)
	if (!t->announcement && digest_eq(&t->digest, d))
		return t;
	return NULL;
}

static bool mark_row(void *arg, const struct digest *d)
{
	struct tale *t = find(arg, d);

	if (t)
		t->listed = true;
	return true;
}

static bool add_row(void *arg, const struct digest *d)
{
	struct telling *x = arg;

	return find(x, d) || (x->n_tales < TALES_MAX && add(x, d));
}

/* What the store has to be told, and no more what it does not have. */
static void look(struct telling *x)
{
	struct error e = { .reason = REASON_NONE };
	struct tale *t, *next;

	DL_FOREACH(x->tales, t)
	t->listed = t->announcement && !t->over;
	bool ok = store_list_tales(x->worker->reader, mark_row, x, &e);
	DL_FOREACH_SAFE(x->tales, t, next)
	if (ok && !t->listed)
		forget(x, t);
	if (!ok || !store_list_tales(x->worker->reader, add_row, x, &e))
		log_line("error", "evidence: what partners are to be told cannot be read: %s", e.text);
}

/* The name of the value with the announcement of this log's key. */
static bool announcement_name(const struct telling *x, char name[NOTE_NAME_MAX + 16])
{
	const struct note_vkey *log = x->worker->core->log_vkey;

	if (log)
		snprintf(name, NOTE_NAME_MAX + 16, ANNOUNCED_NAME "%s", log->name);
	return log != NULL;
}

/* A log whose key the one before announced: partners are told at each start. */
static void look_for_announcement(struct telling *x)
{
	char name[NOTE_NAME_MAX + 16];
	struct view note;

	x->announced = true;
	if (announcement_name(x, name) && store_get_value(x->worker->reader, view_of(name), &note, NULL) &&
	    !add(x, NULL))
		log_line("warning", "the announcement of this log's key is not told before the next start");
}

static bool read_body(struct telling *x, const struct tale *t)
{
	struct error e = { .reason = REASON_NONE };
	char name[NOTE_NAME_MAX + 16];
	struct view text;

	bool found = t->announcement ? announcement_name(x, name) &&
	                                       store_get_value(x->worker->reader, view_of(name), &text, &e)
	                             : store_get_document(x->worker->reader, &t->digest, &text, &e);
	x->body = BUF_INIT(EVIDENCE_MAX);
	if (found)
		buf_add(&x->body, text);
	else
		log_line("error", "evidence that partners are to be told: %s", e.text);
	return found && !x->body.failed;
}

/* --- the end of telling --- */

struct dropping {
	struct job job; /* first */
	struct digest digest;
};

static bool write_dropped(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	(void)w;
	return store_drop_tale(s, &JOB_OF(struct dropping, j)->digest, e);
}

/* On the writer's thread. A row that stays is told once more after the next start. */
static void dropped(struct job *j)
{
	if (!j->committed)
		log_line("error", "evidence that partners were told: %s", j->error.text);
	writer_release(j);
	free(JOB_OF(struct dropping, j));
}

static void end_tale(struct telling *x, struct tale *t)
{
	struct dropping *d = t->announcement ? NULL : calloc(1, sizeof *d);

	t->over = true;
	if (!d)
		return;
	d->digest = t->digest;
	d->job = (struct job){ .run = write_dropped, .done = dropped };
	writer_submit(x->worker->core->writer, &d->job);
}

/* All were told, or those who could not be reached are asked again. */
static void end_round(struct telling *x)
{
	struct tale *t = x->tale;
	int64_t wait = AGAIN_MS;

	leave_round(x);
	for (unsigned i = 0; i < t->rounds && wait < LONGEST_MS; i++)
		wait *= 2;
	if (!t->again || ++t->rounds == ROUNDS) {
		end_tale(x, t);
		return;
	}
	t->again = false;
	t->next_ms = instant_monotonic_ms() + (wait < LONGEST_MS ? wait : LONGEST_MS);
}

/* The next piece whose time has come. */
static bool begin(struct telling *x)
{
	int64_t now_ms = instant_monotonic_ms();
	struct tale *t;

	if (!x->announced)
		look_for_announcement(x);
	if (now_ms >= x->look_ms) {
		look(x);
		x->look_ms = now_ms + LOOK_MS;
	}
	DL_FOREACH(x->tales, t)
	if (!t->over && now_ms >= t->next_ms)
		break;
	if (!t)
		return false;
	x->tale = t;
	x->conf = core_conf(x->worker->core);
	x->next = 0;
	if (read_body(x, t))
		return true;
	leave_round(x);
	end_tale(x, t);
	return false;
}

void telling_tick(void *arg)
{
	struct telling *x = arg;

	if (x->under_way || !witness_settled(x->worker->core) || (!x->tale && !begin(x)))
		return;
	while (x->next < x->conf->n_partners) {
		const struct partner *p = &x->conf->partners[x->next];
		if ((p->roles & ROLE(GATEWAY)) && p->host && !was_told(x->tale, p->id)) {
			tell(x, p);
			return;
		}
		x->next++;
	}
	end_round(x);
}
