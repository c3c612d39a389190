/* Proving that what was seen of a partner's log is of one history. See sight.h. One check of one log:
 *
 *   GET /checkpoint?newest      its newest, signed by the log's key: no smaller than anything seen
 *   GET /tile/<L>/<N>[.p/<W>]   until the newest is proved to continue each goal (RFC 9162 section 2.1.4)
 *
 * The tiles need no trust: a proof made from wrong ones does not hold. The first worker's thread. */
#include "gatewayd/core/witness/sight.h"

#include <utlist.h>

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/tlog/tiles.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define REST_MS     200  /* between two checks of one log: what came during one waits for the next */
#define AGAIN_MS    1000 /* after one that failed; doubled each time */
#define LONGEST_MS  600000
#define DEADLINE_MS 30000
#define ANSWER_MAX  (192u * 1024)
#define TILES_MAX   512 /* of one check: eight levels for each goal */
#define REFUSALS    3   /* so often does a partner not show its log before that is an incident */

/* A tile of the partner's tree, as it was sent. */
struct sent_tile {
	uint64_t key; /* level << 56 | index */
	size_t n;
	uint8_t hashes[TLOG_TILE_WIDTH * 32];
	UT_hash_handle hh;
};

/* One log that is checked, or will be again; as many as there are logs of partners. */
struct check {
	struct post post;
	struct checking *owner;
	struct check *next;
	char origin[NOTE_NAME_MAX];
	int64_t next_ms;             /* monotonic */
	unsigned failures, refusals; /* in a row */
	int64_t since_ms;            /* monotonic: of the first of those failures */
	bool told;                   /* that they go on for a day was an incident */
	/* while it is under way */
	struct conf *conf;             /* NULL: it is not */
	const struct partner *partner; /* of conf */
	struct sight_goal goals[SIGHT_GOALS];
	unsigned n, judged;
	struct buf note;          /* the newest checkpoint */
	struct checkpoint newest; /* looks into note */
	struct sent_tile *tiles;
	struct tlog_tile wanted; /* asked for */
	bool wants;              /* `wanted` is set: a tile is missing */
};

struct checking {
	struct worker *worker;
	struct check *checks;
};

void *sight_check_new(struct worker *w)
{
	struct checking *c = calloc(1, sizeof *c);

	if (c)
		c->worker = w;
	return c;
}

/* Forgets what the check that ended had. */
static void reset(struct check *k)
{
	struct sent_tile *t, *next;

	HASH_ITER(hh, k->tiles, t, next)
	{
		HASH_DEL(k->tiles, t);
		free(t);
	}
	post_drop(&k->post);
	buf_free(&k->note);
	conf_unref(k->conf);
	k->conf = NULL;
}

void sight_check_free(void *arg)
{
	struct checking *c = arg;
	struct check *k, *next;

	if (!c)
		return;
	LL_FOREACH_SAFE(c->checks, k, next)
	{
		reset(k);
		free(k);
	}
	free(c);
}

/* --- the end of a check --- */

static void rest(struct check *k, bool failed)
{
	int64_t wait = failed ? AGAIN_MS : REST_MS;

	for (unsigned i = 0; failed && i < k->failures && wait < LONGEST_MS; i++)
		wait *= 2;
	k->failures = failed ? k->failures + 1 : 0;
	k->next_ms = instant_monotonic_ms() + (wait < LONGEST_MS ? wait : LONGEST_MS);
	reset(k);
}

static void tell_refusal(struct check *k, const char *since, const char *what)
{
	char text[500];

	snprintf(text, sizeof text, "sight: the log %s does not show its tree%s: %s", k->origin, since, what);
	incident_submit(k->owner->worker->core, k->partner->id, text, buf_view(&k->note));
}

/* No answer, or not now: nothing is known. What came from there is not proved all the same, and a day is enough. */
static void give_up(struct check *k, const char *why)
{
	int64_t now_ms = instant_monotonic_ms();

	log_line("warning", "log %s: what was seen of it is not proved yet: %s", k->origin, why);
	if (k->failures == 0)
		k->since_ms = now_ms;
	if (now_ms >= k->since_ms + DAY_MS && !k->told) {
		k->told = true;
		tell_refusal(k, ", since a day", why);
	}
	rest(k, true);
}

/* An answer, but not the log: whoever signs checkpoints has a tree to show. */
static void refused(struct check *k, const char *what)
{
	if (++k->refusals == REFUSALS)
		tell_refusal(k, "", what);
	give_up(k, what);
}

/* --- judging --- */

static void report(struct check *k, const struct sight_goal *g)
{
	static const char *const kinds[] = {
		[SIGHT_COSIGNED] = "cosigned", [SIGHT_PROVED] = "proved", [SIGHT_SEEN] = "seen"
	};
	char text[500];

	snprintf(text, sizeof text, "sight: the log %s forked: %llu entries do not continue the %llu that were %s",
	         k->origin, (unsigned long long)k->newest.size, (unsigned long long)g->size, kinds[g->kind]);
	if (!sights_first_today(k->owner->worker->core->sights, view_of(k->origin), TOLD_FORKED, instant_now_ms()))
		return;
	incident_submit_told(k->owner->worker->core, k->partner->id, text, view_of(k->origin), g->size,
	                     buf_view(&k->note));
}

/* The rows of what is proved give way to the newest checkpoint's; what came under a fork is marked. */
struct tidying {
	struct job job; /* first */
	char origin[NOTE_NAME_MAX];
	struct sight_goal goals[SIGHT_GOALS];
	unsigned n;
	bool continues; /* the newest does, all that was cosigned and proved before */
	uint64_t size;
	struct buf note;
};

static bool mark_forked(const struct tidying *t, struct store *s, struct error *e)
{
	for (unsigned i = 0; i < t->n; i++) {
		const struct sight_goal *g = &t->goals[i];
		if (g->kind == SIGHT_SEEN && !(t->continues && g->holds) &&
		    !store_set_forked(s, view_of(t->origin), g->size, e))
			return false;
	}
	return true;
}

static bool drop_proved(const struct tidying *t, struct store *s, struct error *e)
{
	struct view origin = view_of(t->origin);

	for (unsigned i = 0; i < t->n; i++) {
		const struct sight_goal *g = &t->goals[i];
		if (g->holds && (!store_drop_sighted(s, origin, g->size, g->size, e) ||
		                 !store_drop_unproved(s, origin, g->size, e)))
			return false;
	}
	return store_put_sighted(s, origin, t->size, buf_view(&t->note), e);
}

static bool write_proved(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	const struct tidying *t = JOB_OF(struct tidying, j);

	(void)w;
	return mark_forked(t, s, e) && (!t->continues || drop_proved(t, s, e));
}

/* On the writer's thread. A row too many is proved again after the next start. */
static void tidied(struct job *j)
{
	struct tidying *t = JOB_OF(struct tidying, j);

	if (!j->committed)
		log_line("error", "checkpoints of %s: %s", t->origin, j->error.text);
	writer_release(j);
	buf_free(&t->note);
	free(t);
}

static void tidy(struct check *k, bool continues)
{
	struct tidying *t = calloc(1, sizeof *t);

	if (!t)
		return;
	t->note = k->note;
	k->note = BUF_INIT(NOTE_MAX);
	memcpy(t->goals, k->goals, sizeof t->goals);
	t->n = k->n;
	t->continues = continues;
	t->size = k->newest.size;
	snprintf(t->origin, sizeof t->origin, "%s", k->origin);
	t->job = (struct job){ .run = write_proved, .done = tidied };
	writer_submit(k->owner->worker->core->writer, &t->job);
}

static void conclude(struct check *k)
{
	bool continues = sights_settle(k->owner->worker->core->sights, k->origin, k->goals, k->n, k->newest.size,
	                               &k->newest.root);

	for (unsigned i = 0; i < k->n; i++) {
		if (!k->goals[i].holds && !k->goals[i].told)
			report(k, &k->goals[i]);
	}
	tidy(k, continues);
	k->refusals = 0;
	k->told = false;
	/* A log that forked is looked at as soon as any other. */
	rest(k, false);
}

/* --- tiles --- */

static void next_step(struct check *k);

/* A tile that was not sent yet is wanted. */
static bool find_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct check *k = arg;
	struct sent_tile *t;
	uint64_t key = (uint64_t)level << 56 | index;

	(void)e;
	HASH_FIND(hh, k->tiles, &key, sizeof key, t);
	if (t) {
		*hashes = view_make(t->hashes, t->n);
		return true;
	}
	k->wanted = (struct tlog_tile){ .level = level,
		                        .index = index,
		                        .width = tlog_tile_width(level, index, k->newest.size) };
	k->wants = true;
	return false;
}

static bool read_hash(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	struct error e = { .reason = REASON_NONE };

	return tiles_read_stored(find_tile, arg, level, index, out, &e);
}

/* False: a tile is wanted first. */
static bool judge_goal(struct check *k, struct sight_goal *g)
{
	struct digest proof[TLOG_PROOF_MAX];
	unsigned n;

	g->holds = g->size == k->newest.size && digest_eq(&g->root, &k->newest.root);
	if (g->size >= k->newest.size)
		return true;
	if (!tlog_prove_consistency(g->size, k->newest.size, read_hash, k, proof, &n))
		return false;
	g->holds = tlog_check_consistency(g->size, k->newest.size, &g->root, &k->newest.root, proof, n);
	return true;
}

/* Whether the answer is one; what is not for now is not held against the partner. */
static bool answered(struct check *k, const char *what)
{
	int status = k->post.status;
	char why[200];

	if (status == 200)
		return true;
	if (status == 0 && k->post.answer.failed) {
		snprintf(why, sizeof why, "%s was answered with more than that can be", what);
		refused(k, why);
	} else if (status == 0) {
		give_up(k, k->post.problem);
	} else {
		snprintf(why, sizeof why, "%s was answered with status %d", what, status);
		if (status == 429 || status >= 500)
			give_up(k, why);
		else
			refused(k, why);
	}
	return false;
}

static void got_tile(void *arg)
{
	struct check *k = arg;
	const struct buf *answer = &k->post.answer;
	struct sent_tile *t;

	if (!answered(k, "a tile"))
		return;
	if (answer->n != k->wanted.width * 32u) {
		refused(k, "a tile has not the hashes that its checkpoint covers");
		return;
	}
	t = calloc(1, sizeof *t);
	if (!t) {
		give_up(k, "memory ran out");
		return;
	}
	t->key = (uint64_t)k->wanted.level << 56 | k->wanted.index;
	t->n = answer->n;
	memcpy(t->hashes, answer->p, answer->n);
	HASH_ADD(hh, k->tiles, key, sizeof t->key, t);
	next_step(k);
}

/* --- requests --- */

static void get(struct check *k, const char *target, void (*ended)(void *arg))
{
	struct post_head head = { .to = k->partner, .method = "GET", .target = target, .deadline_ms = DEADLINE_MS };

	k->post.ended = ended;
	k->post.arg = k;
	if (!post_send(k->owner->worker, &k->post, &head))
		give_up(k, k->post.problem);
}

/* Asks for the tile that is missing, or concludes. */
static void next_step(struct check *k)
{
	struct buf path = BUF_INIT(128);

	k->wants = false;
	while (k->judged < k->n && judge_goal(k, &k->goals[k->judged]))
		k->judged++;
	if (k->judged == k->n) {
		conclude(k);
	} else if (!k->wants || HASH_COUNT(k->tiles) >= TILES_MAX || k->wanted.width == 0) {
		give_up(k, "the proof needs more tiles than a check may ask for");
	} else {
		buf_addc(&path, '/');
		tlog_tile_path(&k->wanted, &path);
		buf_addc(&path, 0);
		if (path.failed)
			give_up(k, "memory ran out");
		else
			get(k, (const char *)path.p, got_tile);
		buf_free(&path);
	}
}

static void got_checkpoint(void *arg)
{
	struct check *k = arg;
	struct error e = { .reason = REASON_NONE };

	if (!answered(k, "its checkpoint"))
		return;
	if (k->post.answer.n > NOTE_MAX) {
		refused(k, "its newest checkpoint is longer than a note may be");
		return;
	}
	buf_add(&k->note, buf_view(&k->post.answer));
	if (k->note.failed)
		give_up(k, "memory ran out");
	else if (!checkpoint_open(buf_view(&k->note), &k->partner->log, &k->newest, &e))
		refused(k, "its newest checkpoint is not signed by the log");
	else
		next_step(k);
}

/* --- when --- */

static struct check *find_check(struct checking *c, const char *origin)
{
	struct check *k;

	LL_FOREACH(c->checks, k)
	if (strcmp(k->origin, origin) == 0)
		return k;
	k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->owner = c;
	snprintf(k->origin, sizeof k->origin, "%s", origin);
	LL_PREPEND(c->checks, k);
	return k;
}

static void look(struct checking *c, struct conf *conf, const struct partner *p, int64_t now_ms)
{
	struct check *k = find_check(c, p->log.name);

	if (!k || k->conf || now_ms < k->next_ms)
		return;
	k->n = sights_goals(c->worker->core->sights, k->origin, k->goals);
	if (k->n == 0)
		return;
	k->judged = 0;
	k->conf = conf_ref(conf);
	k->partner = p;
	k->note = BUF_INIT(NOTE_MAX);
	k->post.answer = BUF_INIT(ANSWER_MAX);
	get(k, "/checkpoint?newest", got_checkpoint);
}

/* What was found beside the incidents of a day is one more, when that is over. */
static void tell_untold(struct core *core, const struct conf *conf)
{
	char origin[NOTE_NAME_MAX], text[400];
	uint64_t n;

	if (!sights_take_untold(core->sights, instant_now_ms(), origin, &n))
		return;
	const struct partner *p = witness_find_log(conf, view_of(origin));
	snprintf(text, sizeof text, "sight: the log %s contradicted itself %llu times more on a day before", origin,
	         (unsigned long long)n);
	incident_submit(core, p ? p->id : "", text, VIEW(""));
}

void sight_check_tick(void *arg)
{
	struct checking *c = arg;
	struct core *core = c->worker->core;
	struct conf *conf;

	if (!witness_settled(core) || atomic_load(&core->dying))
		return;
	conf = core_conf(core);
	tell_untold(core, conf);
	for (size_t i = 0; i < conf->n_partners; i++) {
		const struct partner *p = &conf->partners[i];
		if ((p->roles & ROLE(GATEWAY)) && p->host && p->has_log)
			look(c, conf, p, instant_monotonic_ms());
	}
	conf_unref(conf);
}
