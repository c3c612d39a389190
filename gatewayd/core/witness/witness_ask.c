/* Asking witnesses to cosign this node's log. See witness.h. Each is asked by itself, once a second at most while there is
 * something new, and every `audit.witness_every_s` seconds also when there is not, so that its word does not grow old:
 *
 *   GET /witnessed/<origin>     what did you see last? Compared with our log: larger, or another tree: the end. Of one
 *                               without a partner file GET <url>/<origin hash>/checkpoint (C2SP tlog-witness)
 *   POST /add-checkpoint        our newest checkpoint with the proof from there; once more after a conflict
 *   its job                     the verified cosignature is stored
 *
 * The first question comes at the start, before the log may grow, then when nothing is new, and after whatever did not
 * go well; in between what it cosigned last is known. One that owes a cosignature for long is an alarm. The first
 * worker's thread; a job's work is the writer's. */
#include "gatewayd/core/witness/witness.h"

#include <utlist.h>

#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/cosigner_private.h"
#include "lib/base/encode.h"
#include "lib/tlog/tiles.h"
#include "lib/tlog/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define ANSWER_MAX (192u * 1024)
#define BODY_MAX   65536 /* a checkpoint and at most 63 hashes */
#define FIRST_MS   3000  /* deadline of a request before this node serves */
#define LATER_MS   30000
#define GATHER_MAX 64 /* checkpoints above the one that has its quorum, of which cosignatures are kept */

enum phase { SEEING, ADDING, STORING };

struct ask {
	struct job job; /* first */
	struct asking *asking;
	struct cosigner *cosigner;
	struct conf *conf;
	const struct partner *partner;         /* of conf */
	const struct outside_witness *outside; /* whose `to` that is; NULL: it is a partner */
	struct post post;
	struct buf body; /* of the request */
	enum phase phase;
	bool conflicted;              /* the one repetition is used up */
	struct buf note;              /* our signed checkpoint that it is asked to cosign */
	struct checkpoint checkpoint; /* looks into note */
	struct view text;             /* likewise */
	struct buf line;              /* its cosignature */
	uint64_t time_s;              /* likewise: when it was made */
	struct ask *prev, *next;
};

struct asking {
	struct worker *worker;
	struct witness *shared;
	struct ask *under_way;
	struct cosigner *cosigners;
};

void *witness_ask_new(struct worker *w)
{
	struct asking *a = calloc(1, sizeof *a);

	if (a) {
		a->worker = w;
		a->shared = w->core->witness;
	}
	return a;
}

static void ask_free(struct ask *k)
{
	conf_unref(k->conf);
	post_drop(&k->post);
	buf_free(&k->body);
	buf_free(&k->note);
	buf_free(&k->line);
	free(k);
}

void witness_ask_free(void *arg)
{
	struct asking *a = arg;
	struct ask *k, *next;

	if (!a)
		return;
	DL_FOREACH_SAFE(a->under_way, k, next)
	ask_free(k);
	cosigners_free(a->cosigners);
	free(a);
}

/* --- our own log --- */

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

/* Our newest checkpoint, into the ask. False without one. */
static bool take_newest(struct ask *k, struct error *e)
{
	struct asking *a = k->asking;
	struct view found, signatures;
	uint64_t size;

	if (!store_last_checkpoint(a->worker->reader, &size, &found, e) || size == 0)
		return false;
	buf_reset(&k->note);
	buf_add(&k->note, found);
	return !k->note.failed && checkpoint_open(buf_view(&k->note), &a->shared->log, &k->checkpoint, e) &&
	       note_split(buf_view(&k->note), &k->text, &signatures, e);
}

/* The proof that our checkpoint grew from the tree of `old` entries, and that tree's root. */
static bool prove(struct ask *k, uint64_t old, struct witness_request *r, struct digest *root, struct error *e)
{
	struct store *reader = k->asking->worker->reader;
	struct digest proof[TLOG_PROOF_MAX];
	struct tiles *tiles;
	unsigned n = 0;

	tiles = tiles_new(k->checkpoint.size, read_tile, reader, e);
	if (!tiles)
		return false;
	bool ok = (old == 0 || tlog_range_hash(0, old, tiles_read, tiles, root)) &&
	          tlog_prove_consistency(old, k->checkpoint.size, tiles_read, tiles, proof, &n) &&
	          n <= WITNESS_PROOF_MAX;
	tiles_free(tiles);
	if (!ok)
		return error_set(e, REASON_TAMPERED, "the log's growth from %llu entries cannot be proved",
		                 (unsigned long long)old);
	*r = (struct witness_request){ .old = old, .n = n, .note = buf_view(&k->note) };
	memcpy(r->proof, proof, n * sizeof *proof);
	return true;
}

/* --- requests --- */

static void give_up(struct ask *k, const char *why);

static void send_request(struct ask *k, const char *method, const char *target)
{
	struct asking *a = k->asking;
	char under[1024];
	struct post_head head = { .to = k->partner,
		                  .method = method,
		                  .target = under,
		                  .content_type = "text/plain",
		                  .deadline_ms = atomic_load(&a->shared->settled) ? LATER_MS : FIRST_MS,
		                  .plain = k->outside && k->outside->plain };

	snprintf(under, sizeof under, "%s%s", k->outside ? k->outside->prefix : "", target);
	k->post.body = buf_view(&k->body);
	if (!post_send(a->worker, &k->post, &head))
		give_up(k, k->post.problem);
}

/* --- the end of an ask --- */

static void drop(struct ask *k)
{
	k->cosigner->under_way = false;
	DL_DELETE(k->asking->under_way, k);
	ask_free(k);
}

/* Settled: every one was asked once. */
static void publish(struct asking *a, const struct conf *conf)
{
	struct cosigners_state state;

	cosigners_state(a->cosigners, conf->generation, &state);
	atomic_store(&a->shared->named, state.named);
	atomic_store(&a->shared->silent, state.silent);
	atomic_store(&a->shared->independent, state.independent);
	atomic_store(&a->shared->of_independent, state.of_independent);
	if (state.unasked == 0 && !atomic_load(&a->worker->core->dying))
		atomic_store(&a->shared->settled, true);
}

/* What it saw last is asked again before the next checkpoint. */
static void give_up(struct ask *k, const char *why)
{
	struct asking *a = k->asking;

	log_line("warning", "witness %s: %s", k->partner->id, why);
	atomic_fetch_add(&a->shared->failures, 1);
	cosigner_missed(k->cosigner, why, instant_monotonic_ms());
	publish(a, k->conf);
	drop(k);
}

/* A partner holds what our own key signed, and our log is not what it was then. */
static void betrayed(struct ask *k, const char *what, uint64_t theirs, uint64_t ours)
{
	struct asking *a = k->asking;
	struct error e = { .reason = REASON_NONE };

	error_set(&e, REASON_TAMPERED,
	          "the audit log %s: %s witnessed %llu entries that this node signed, the log has %llu; "
	          "only `gatewayctl audit new-epoch` goes on from here",
	          what, k->partner->id, (unsigned long long)theirs, (unsigned long long)ours);
	core_die(a->worker->core, &e);
	drop(k);
}

/* --- storing --- */

static bool add_line(void *arg, struct view line)
{
	buf_add(arg, line);
	return true;
}

/* Whether this size has now all the cosignatures that the node asks for: without a quorum the first is enough. */
static bool is_met(const struct ask *k, struct store *s, bool *met, struct error *e)
{
	struct buf lines = BUF_INIT(NOTE_MAX);
	struct trust_witnessed w;
	bool ok = true;

	*met = !k->conf->quorum;
	if (k->conf->quorum) {
		ok = store_list_cosignatures(s, k->checkpoint.size, add_line, &lines, e) &&
		     (!lines.failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
		/* A line that was altered in the store counts for nothing, and so does the rest of that size. */
		*met = ok && trust_weigh(k->conf->quorum, k->text, buf_view(&lines), &w, NULL) && w.quorum;
	}
	buf_free(&lines);
	return ok;
}

/* One that comes late, of a size below what is kept, has nothing left to add to. */
static bool write_line(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct ask *k = JOB_OF(struct ask, j);
	uint64_t least, size = k->checkpoint.size;
	bool met;

	(void)w;
	if (!store_cosigned(s, &least, e))
		return false;
	if (size < least)
		return true;
	if (!store_put_cosignature(s, view_of(k->partner->witness.name), size, buf_view(&k->line), e) ||
	    !is_met(k, s, &met, e))
		return false;
	return met ? store_drop_cosignatures(s, size, e) : store_trim_cosignatures(s, GATHER_MAX, e);
}

static void stored(struct job *j)
{
	struct ask *k = JOB_OF(struct ask, j);
	struct conf *conf = k->conf;

	if (j->committed) {
		atomic_fetch_add(&k->asking->shared->cosignatures, 1);
		witness_seen(k->asking->shared, k->time_s);
		cosigner_cosigned(k->cosigner, k->checkpoint.size, instant_monotonic_ms(),
		                  (int64_t)conf->node.witness_every_s * 1000);
	} else {
		log_line("error", "witness: %s", j->error.text);
		cosigner_missed(k->cosigner, "the cosignature was not stored", instant_monotonic_ms());
	}
	writer_release(j);
	drop(k);
}

/* --- answers --- */

static void add(struct ask *k, uint64_t old)
{
	struct witness_request r;
	struct error e = { .reason = REASON_NONE };
	struct digest root;

	k->phase = ADDING;
	if (!prove(k, old, &r, &root, &e)) {
		give_up(k, e.text);
		return;
	}
	buf_reset(&k->body);
	witness_request_print(&r, &k->body);
	if (k->body.failed)
		give_up(k, "the checkpoint is too large");
	else
		send_request(k, "POST", "/add-checkpoint");
}

/* What it saw last. Its word alone counts for nothing: our own signature must be on it. */
static void judge_seen(struct ask *k)
{
	struct asking *a = k->asking;
	struct error e = { .reason = REASON_NONE };
	struct witness_request r;
	struct checkpoint seen = { .size = 0 };
	struct digest root;

	if (!take_newest(k, &e)) {
		give_up(k, "this node has no checkpoint yet");
		return;
	}
	if (k->post.status == 200 && !checkpoint_open(buf_view(&k->post.answer), &a->shared->log, &seen, &e)) {
		log_line("warning", "witness %s: what it witnessed is not signed by this log", k->partner->id);
		seen.size = 0;
	}
	if (seen.size > k->checkpoint.size) {
		betrayed(k, "was put back to an older state", seen.size, k->checkpoint.size);
		return;
	}
	if (seen.size > 0) {
		e.reason = REASON_NONE;
		if (!prove(k, seen.size, &r, &root, &e)) {
			give_up(k, e.text);
			return;
		}
		if (!digest_eq(&root, &seen.root)) {
			betrayed(k, "is not the one that was witnessed", seen.size, k->checkpoint.size);
			return;
		}
	}
	add(k, seen.size);
}

static void judge_added(struct ask *k)
{
	struct asking *a = k->asking;
	struct error e = { .reason = REASON_NONE };
	unsigned taken = 0;
	uint64_t size;
	char why[64];

	if (k->post.status == 409 && !k->conflicted && witness_conflict_parse(buf_view(&k->post.answer), &size, &e) &&
	    size <= k->checkpoint.size) {
		k->conflicted = true;
		add(k, size);
		return;
	}
	if (k->post.status != 200) {
		snprintf(why, sizeof why, "did not cosign (status %d)", k->post.status);
		give_up(k, why);
		return;
	}
	if (!witness_response_take(buf_view(&k->post.answer), k->text, &k->partner->witness, 1, &k->line, &taken, &e) ||
	    taken == 0 || note_find(&k->partner->witness, k->text, buf_view(&k->line), &k->time_s) != NOTE_VALID) {
		give_up(k, e.reason == REASON_NONE ? "its answer has no cosignature of its key" : e.text);
		return;
	}
	k->phase = STORING;
	k->job = (struct job){ .home = a->worker->home, .run = write_line, .done = stored };
	/* Its commit is not waited for. */
	k->cosigner->asked = true;
	publish(a, k->conf);
	writer_submit(a->worker->core->writer, &k->job);
}

static void ended(void *arg)
{
	struct ask *k = arg;

	if (k->post.status == 0)
		give_up(k, k->post.problem);
	else if (k->phase == SEEING)
		judge_seen(k);
	else
		judge_added(k);
}

/* --- when --- */

static void see(struct ask *k)
{
	char target[NOTE_NAME_MAX + 100];
	struct buf hash = BUF_INIT(100);
	struct digest digest;

	k->phase = SEEING;
	if (k->outside) {
		sha256(view_of(k->asking->shared->log.name), &digest);
		digest_print(&hash, &digest);
		snprintf(target, sizeof target, "/%.*s/checkpoint", VIEW_ARG(buf_view(&hash)));
		buf_free(&hash);
	} else {
		snprintf(target, sizeof target, "/witnessed/%s", k->asking->shared->log.name);
	}
	send_request(k, "GET", target);
}

static void start(struct asking *a, struct conf *conf, const struct partner *p, const struct outside_witness *outside,
                  struct cosigner *t)
{
	struct error e = { .reason = REASON_NONE };
	struct ask *k = calloc(1, sizeof *k);

	if (!k)
		return;
	k->asking = a;
	k->cosigner = t;
	k->conf = conf_ref(conf);
	k->partner = p;
	k->outside = outside;
	k->post.answer = BUF_INIT(ANSWER_MAX);
	k->post.ended = ended;
	k->post.arg = k;
	k->body = BUF_INIT(BODY_MAX);
	k->note = BUF_INIT(NOTE_MAX);
	k->line = BUF_INIT(4096);
	DL_APPEND(a->under_way, k);
	t->under_way = true;
	if (!t->known)
		see(k);
	else if (take_newest(k, &e))
		add(k, t->size);
	else
		give_up(k, e.reason == REASON_NONE ? "this node has no checkpoint yet" : e.text);
}

static void look(struct asking *a, struct conf *conf, const struct partner *p, const struct outside_witness *outside,
                 uint64_t newest)
{
	int64_t now_ms = instant_monotonic_ms();
	struct cosigner *t = cosigner_get(&a->cosigners, p->witness.name, outside != NULL);

	if (!t)
		return;
	t->generation = conf->generation;
	if (cosigner_owes(t, newest, now_ms, (int64_t)conf->node.witness_silence_s * 1000, p->id))
		start(a, conf, p, outside, t);
}

void witness_ask_tick(void *arg)
{
	struct asking *a = arg;
	struct error e = { .reason = REASON_NONE };
	struct conf *conf;
	struct view note;
	uint64_t newest;

	if (atomic_load(&a->worker->core->dying))
		return;
	if (!store_last_checkpoint(a->worker->reader, &newest, &note, &e)) {
		log_line("error", "witness: %s", e.text);
		return;
	}
	conf = core_conf(a->worker->core);
	for (size_t i = 0; i < conf->n_partners; i++) {
		const struct partner *p = &conf->partners[i];
		if ((p->roles & ROLE(GATEWAY)) && p->host && p->has_witness)
			look(a, conf, p, NULL, newest);
	}
	for (size_t i = 0; i < conf->n_witnesses; i++)
		look(a, conf, &conf->witnesses[i].to, &conf->witnesses[i], newest);
	publish(a, conf);
	conf_unref(conf);
}
