/* See timestamp.h. */
#include "gatewayd/core/witness/timestamp.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/crypto/timestamp.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define DEADLINE_MS 30000
#define AGAIN_MS    60000 /* after a failure */

struct stamping {
	struct job job; /* first */
	struct post post;
	struct worker *worker;
	struct conf *conf; /* NULL: nothing is under way */
	uint64_t size;     /* of the checkpoint that is stamped */
	struct digest imprint;
	uint8_t nonce[TIMESTAMP_NONCE];
	struct buf request;
	int64_t time_ms;  /* what the response states */
	uint64_t stamped; /* the largest size that has a timestamp */
	int64_t next_ms;  /* monotonic */
};

void *timestamp_new(struct worker *w)
{
	struct stamping *s = calloc(1, sizeof *s);
	struct error e = { .reason = REASON_NONE };

	if (!s)
		return NULL;
	s->worker = w;
	s->request = BUF_INIT(4096);
	s->post.answer = BUF_INIT(TIMESTAMP_MAX);
	if (store_timestamped(w->reader, &s->stamped, &e))
		return s;
	log_line("error", "timestamp: %s", e.text);
	timestamp_free(s);
	return NULL;
}

void timestamp_free(void *arg)
{
	struct stamping *s = arg;
	if (!s)
		return;
	post_drop(&s->post);
	buf_free(&s->request);
	conf_unref(s->conf);
	free(s);
}

/* --- the newest time --- */

int64_t timestamp_latest_ms(const struct core *c)
{
	return atomic_load(&c->timestamp_ms);
}

/* Only one thread sets it. */
static void seen(struct core *c, int64_t ms)
{
	int64_t known = atomic_load(&c->timestamp_ms);

	if (known == TIME_NONE || ms > known)
		atomic_store(&c->timestamp_ms, ms);
}

/* What was stamped of a checkpoint, and what its timestamp is verified by. */
static bool imprint_of(struct view note, struct digest *out, struct error *e)
{
	struct view text, signatures;

	if (!note_split(note, &text, &signatures, e))
		return false;
	sha256(text, out);
	return true;
}

bool timestamp_recall(struct core *c, struct store *s, struct error *e)
{
	struct error wrong = { .reason = REASON_NONE };
	struct digest imprint;
	struct view note, response;
	uint64_t size;
	int64_t ms;

	if (!store_timestamped(s, &size, e))
		return false;
	if (size == 0 || !c->conf->timestamp.to.host)
		return true;
	if (!store_get_checkpoint(s, size - 1, &size, &note, e) || !imprint_of(note, &imprint, e) ||
	    !store_get_timestamp(s, size, &response, e))
		return false;
	if (timestamp_verify(response, &imprint, NULL, c->conf->timestamp.authorities, &ms, &wrong))
		seen(c, ms);
	else
		log_line("warning", "the stored timestamp of %llu entries: %s", (unsigned long long)size, wrong.text);
	return true;
}

/* --- asking --- */

static void rest(struct stamping *s, bool failed)
{
	int64_t every = (int64_t)s->conf->timestamp.every_s * 1000;

	s->next_ms = instant_monotonic_ms() + (failed && every > AGAIN_MS ? AGAIN_MS : every);
	conf_unref(s->conf);
	s->conf = NULL;
}

static void give_up(struct stamping *s, const char *why)
{
	log_line("warning", "timestamp authority %s: %s", s->conf->timestamp.to.host, why);
	atomic_fetch_add(&s->worker->core->timestamp_failures, 1);
	rest(s, true);
}

static bool write_timestamp(struct job *j, struct writer *w, struct store *store, struct error *e)
{
	struct stamping *s = JOB_OF(struct stamping, j);

	(void)w;
	return store_put_timestamp(store, s->size, s->time_ms, buf_view(&s->post.answer), e);
}

static void stored(struct job *j)
{
	struct stamping *s = JOB_OF(struct stamping, j);

	if (j->committed) {
		atomic_fetch_add(&s->worker->core->timestamps, 1);
		seen(s->worker->core, s->time_ms);
		s->stamped = s->size;
		rest(s, false);
	} else {
		give_up(s, j->error.text);
	}
	writer_release(j);
}

static void answered(void *arg)
{
	struct stamping *s = arg;
	struct error e = { .reason = REASON_NONE };
	char why[80];

	if (s->post.status == 0) {
		give_up(s, s->post.problem);
	} else if (s->post.status != 200) {
		snprintf(why, sizeof why, "answered with status %d", s->post.status);
		give_up(s, why);
	} else if (!timestamp_verify(buf_view(&s->post.answer), &s->imprint, s->nonce, s->conf->timestamp.authorities,
	                             &s->time_ms, &e)) {
		give_up(s, e.text);
	} else {
		s->job = (struct job){ .home = s->worker->home, .run = write_timestamp, .done = stored };
		writer_submit(s->worker->core->writer, &s->job);
	}
}

/* False: there is nothing new to stamp, or it cannot be asked for. */
static bool prepare(struct stamping *s, struct error *e)
{
	struct view note;

	if (!store_last_checkpoint(s->worker->reader, &s->size, &note, e) || s->size <= s->stamped ||
	    !imprint_of(note, &s->imprint, e))
		return false;
	buf_reset(&s->request);
	return (random_bytes(s->nonce, sizeof s->nonce) || error_set(e, REASON_CRYPTO, "no random bytes")) &&
	       timestamp_request(&s->imprint, s->nonce, &s->request, e);
}

void timestamp_tick(void *arg)
{
	struct stamping *s = arg;
	struct core *c = s->worker->core;
	struct error e = { .reason = REASON_NONE };

	if (s->conf || instant_monotonic_ms() < s->next_ms || atomic_load(&c->dying) || !witness_settled(c))
		return;
	s->conf = core_conf(c);
	const struct timestamp_authority *t = &s->conf->timestamp;
	struct post_head head = { .to = &t->to,
		                  .method = "POST",
		                  .target = t->path,
		                  .content_type = "application/timestamp-query",
		                  .deadline_ms = DEADLINE_MS,
		                  .plain = t->plain };
	if (!t->to.host || !prepare(s, &e)) {
		if (e.reason != REASON_NONE) {
			give_up(s, e.text);
		} else {
			conf_unref(s->conf);
			s->conf = NULL;
		}
		return;
	}
	s->post.body = buf_view(&s->request);
	s->post.ended = answered;
	s->post.arg = s;
	if (!post_send(s->worker, &s->post, &head))
		give_up(s, s->post.problem);
}

/* --- GET /timestamp/<size> --- */

void handle_timestamp(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(TIMESTAMP_MAX);
	struct view response;
	unsigned long long size;

	if (!view_to_u64(request_path_part(r, 1), INT64_MAX, &size)) {
		answer_problem(r, REASON_NOT_FOUND);
	} else if (store_get_timestamp(r->worker->reader, size, &response, &e)) {
		buf_add(&body, response);
		answer_text(r, 200, VIEW("application/timestamp-reply"), buf_view(&body));
	} else {
		answer_unread(r, &e);
	}
	buf_free(&body);
}
