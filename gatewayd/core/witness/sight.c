/* What was seen of partners' logs. See sight.h. */
#include "gatewayd/core/witness/sight.h"

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define SIGHTS_MAX  1024 /* of a log, in memory and in the store */
#define LONG        4096 /* bytes of a checkpoint that has lines of its own beside ours: of such fewer are stored, */
#define SIGHTS_LONG 32   /* for each may have 128 KiB */

enum sight_state {
	KNOWN,   /* proved, or of a log that cannot be asked about */
	WAITING, /* to be proved */
	FOREIGN  /* found to be of another history */
};

struct sight {
	uint64_t size;
	struct digest root;
	enum sight_state state;
};

struct sighted_log {
	char origin[NOTE_NAME_MAX];
	struct sight *items; /* by size */
	unsigned n, room;
	struct sight_goal cosigned, proved; /* size 0: nothing yet */
	struct digest reported;             /* of the forked checkpoint that was found last */
	int64_t told_day[TOLD_KINDS];       /* of the last incident of each kind; 0: none */
	int64_t untold_day;                 /* when the last of `untold` was found */
	uint64_t untold;                    /* found beside those */
	UT_hash_handle hh;
};

struct sights {
	pthread_mutex_t lock;                  /* guards all of it */
	struct sighted_log *logs;              /* by origin: as many as partner files name */
	_Atomic uint64_t late, contradictions; /* not guarded */
};

struct sights *sights_new(void)
{
	struct sights *s = calloc(1, sizeof *s);

	if (s)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void sights_free(struct sights *s)
{
	struct sighted_log *l, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->logs, l, next)
	{
		HASH_DEL(s->logs, l);
		free(l->items);
		free(l);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- the table, under the lock --- */

static struct sighted_log *find_log(struct sights *s, struct view origin)
{
	struct sighted_log *l;

	HASH_FIND(hh, s->logs, origin.p, origin.n, l);
	return l;
}

/* NULL: no memory. */
static struct sighted_log *get_log(struct sights *s, struct view origin)
{
	struct sighted_log *l = find_log(s, origin);

	if (l || origin.n >= NOTE_NAME_MAX)
		return l;
	l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	memcpy(l->origin, origin.p, origin.n);
	l->cosigned.kind = SIGHT_COSIGNED;
	l->proved.kind = SIGHT_PROVED;
	HASH_ADD(hh, s->logs, origin, (unsigned)origin.n, l);
	return l;
}

/* The place of `size`, or where it belongs. */
static unsigned place_of(const struct sighted_log *l, uint64_t size)
{
	unsigned low = 0, high = l->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (l->items[middle].size < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct sight *find_sight(const struct sighted_log *l, uint64_t size)
{
	unsigned at = place_of(l, size);

	return at < l->n && l->items[at].size == size ? &l->items[at] : NULL;
}

/* Makes room: known ones go first, the smallest of them; then every second that waits, for whoever shows a second
 * history shows it more than once. */
static void thin(struct sighted_log *l)
{
	unsigned known = 0, kept = 0, seen = 0;

	for (unsigned i = 0; i < l->n; i++)
		known += l->items[i].state == KNOWN;
	bool spare = known > 1;
	for (unsigned i = 0; i < l->n; i++) {
		bool drop = spare ? l->items[i].state == KNOWN && ++seen <= (known + 1) / 2 : i % 2 == 1;
		if (!drop)
			l->items[kept++] = l->items[i];
	}
	l->n = kept;
	if (!spare)
		log_line("warning", "log %s: %u checkpoints wait to be proved; every second is let go", l->origin,
		         SIGHTS_MAX);
}

static bool insert(struct sighted_log *l, uint64_t size, const struct digest *root, enum sight_state state)
{
	if (l->n == SIGHTS_MAX)
		thin(l);
	if (l->n == l->room) {
		unsigned room = l->room ? 2 * l->room : 16;
		struct sight *more = reallocarray(l->items, room, sizeof *more);
		if (!more)
			return false;
		l->items = more;
		l->room = room;
	}
	unsigned at = place_of(l, size);
	memmove(&l->items[at + 1], &l->items[at], (l->n - at) * sizeof *l->items);
	l->items[at] = (struct sight){ .size = size, .root = *root, .state = state };
	l->n++;
	return true;
}

/* --- the rows, so that nothing unproved is forgotten --- */

struct keeping {
	struct job job; /* first */
	char origin[NOTE_NAME_MAX];
	uint64_t size;
	struct buf note;
	bool only; /* no other of that log is kept */
};

static bool write_sight(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct keeping *k = JOB_OF(struct keeping, j);
	struct view origin = view_of(k->origin);

	(void)w;
	return store_put_sighted(s, origin, k->size, buf_view(&k->note), e) &&
	       (!k->only || store_drop_sighted(s, origin, 0, k->size - 1, e)) &&
	       store_trim_sighted(s, origin, 0, SIGHTS_MAX, e) &&
	       (k->note.n <= LONG || store_trim_sighted(s, origin, LONG, SIGHTS_LONG, e));
}

/* On the writer's thread. Without its row a restart would forget it: no reason to go down. */
static void kept(struct job *j)
{
	struct keeping *k = JOB_OF(struct keeping, j);

	if (!j->committed)
		log_line("error", "a checkpoint of %s: %s", k->origin, j->error.text);
	writer_release(j);
	buf_free(&k->note);
	free(k);
}

static bool keep(struct core *c, const char *origin, uint64_t size, struct view note, bool only)
{
	struct keeping *k = calloc(1, sizeof *k);

	if (!k)
		return false;
	k->size = size;
	k->only = only;
	k->note = BUF_INIT(NOTE_MAX);
	buf_add(&k->note, note);
	if (k->note.failed) {
		free(k);
		return false;
	}
	snprintf(k->origin, sizeof k->origin, "%s", origin);
	k->job = (struct job){ .run = write_sight, .done = kept };
	writer_submit(c->writer, &k->job);
	return true;
}

/* --- what comes along with deliveries and receipts --- */

enum verdict { VERDICT_NEW, VERDICT_SAME, VERDICT_FORKED, VERDICT_FOREIGN, VERDICT_NO_MEMORY };

static bool differs(const struct sight_goal *g, const struct checkpoint *c)
{
	return g->size == c->size && !digest_eq(&g->root, &c->root);
}

static enum verdict compare(struct sights *s, const struct checkpoint *c, enum sight_state state)
{
	struct sighted_log *l = get_log(s, c->origin);
	const struct sight *seen = l ? find_sight(l, c->size) : NULL;
	struct digest empty;

	if (!l)
		return VERDICT_NO_MEMORY;
	/* No tree is smaller, and there is one of that size: nothing to be proved. */
	if (c->size == 0) {
		sha256(VIEW(""), &empty);
		return digest_eq(&c->root, &empty) ? VERDICT_SAME : VERDICT_FORKED;
	}
	if (differs(&l->cosigned, c) || differs(&l->proved, c) || (seen && !digest_eq(&seen->root, &c->root)))
		return VERDICT_FORKED;
	if (seen)
		return seen->state == FOREIGN ? VERDICT_FOREIGN : VERDICT_SAME;
	return insert(l, c->size, &c->root, state) ? VERDICT_NEW : VERDICT_NO_MEMORY;
}

/* Whether the partner can be asked for the tree that the checkpoint is of. */
static bool can_ask(const struct partner *p, struct view origin)
{
	return p->has_log && view_is(origin, p->log.name) && p->host && (p->roles & ROLE(GATEWAY));
}

/* Once a checkpoint, so that repeating it does not grow this log. */
static bool first_time(struct sights *s, struct view origin, struct view note)
{
	struct digest digest;

	sha256(note, &digest);
	pthread_mutex_lock(&s->lock);
	struct sighted_log *l = find_log(s, origin);
	bool first = l && !digest_eq(&l->reported, &digest);
	if (first)
		l->reported = digest;
	pthread_mutex_unlock(&s->lock);
	return first;
}

/* --- incidents --- */

bool sights_first_today(struct sights *s, struct view origin, enum sight_told kind, int64_t now_ms)
{
	int64_t day = now_ms / DAY_MS;

	atomic_fetch_add(&s->contradictions, 1);
	pthread_mutex_lock(&s->lock);
	struct sighted_log *l = get_log(s, origin);
	bool first = !l || l->told_day[kind] != day;
	if (l && first) {
		l->told_day[kind] = day;
	} else if (l) {
		l->untold++;
		l->untold_day = day;
	}
	pthread_mutex_unlock(&s->lock);
	return first;
}

uint64_t sights_contradictions(struct sights *s)
{
	return atomic_load(&s->contradictions);
}

bool sights_take_untold(struct sights *s, int64_t now_ms, char origin[NOTE_NAME_MAX], uint64_t *n)
{
	struct sighted_log *l, *next;
	bool found = false;

	pthread_mutex_lock(&s->lock);
	HASH_ITER(hh, s->logs, l, next)
	{
		if (found || l->untold == 0 || l->untold_day == now_ms / DAY_MS)
			continue;
		snprintf(origin, NOTE_NAME_MAX, "%s", l->origin);
		*n = l->untold;
		l->untold = 0;
		found = true;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

bool sight_take(struct core *c, const struct partner *p, const struct checkpoint *shown, struct view note,
                uint64_t *unproved, struct error *e)
{
	struct sights *s = c->sights;
	char what[400];

	bool asks = can_ask(p, shown->origin);
	pthread_mutex_lock(&s->lock);
	enum verdict verdict = compare(s, shown, asks ? WAITING : KNOWN);
	const struct sighted_log *l = find_log(s, shown->origin);
	const struct sight *seen = l ? find_sight(l, shown->size) : NULL;
	if (unproved)
		*unproved = seen && seen->state == WAITING ? shown->size : 0;
	pthread_mutex_unlock(&s->lock);
	switch (verdict) {
	case VERDICT_SAME: return true;
	case VERDICT_NEW:
		snprintf(what, sizeof what, "%.*s", VIEW_ARG(shown->origin));
		if (keep(c, what, shown->size, note, !asks))
			return true;
		/* fallthrough */
	case VERDICT_NO_MEMORY: return error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
	case VERDICT_FORKED:
		snprintf(what, sizeof what, "sight: the log %.*s forked: showed two roots of %llu entries",
		         VIEW_ARG(shown->origin), (unsigned long long)shown->size);
		if (first_time(s, shown->origin, note) &&
		    sights_first_today(s, shown->origin, TOLD_FORKED, instant_now_ms()))
			incident_submit_told(c, p->id, what, shown->origin, shown->size, note);
		/* fallthrough */
	case VERDICT_FOREIGN: break;
	}
	return error_set(e, REASON_RECEIPT_INVALID, "the checkpoint is not of the history that the log showed before");
}

/* What is proved has no row any more; what is not kept was let go among too many, and nothing is known of it. */
static enum sight_verdict state_of(struct sights *s, const struct store_unproved *u)
{
	enum sight_verdict verdict = SIGHT_WAITS;

	pthread_mutex_lock(&s->lock);
	const struct sighted_log *l = find_log(s, u->origin);
	const struct sight *seen = l ? find_sight(l, u->size) : NULL;
	if (seen && seen->state == KNOWN)
		verdict = SIGHT_MAY;
	else if ((seen && seen->state == FOREIGN) || (l && (l->cosigned.told || l->proved.told)))
		verdict = SIGHT_FORKED;
	pthread_mutex_unlock(&s->lock);
	return verdict;
}

/* sights_settle() is before the job that drops the rows of what it settled: whatever is WAITING here is dropped by a job that
 * comes behind this one. */
bool sight_put_unproved(struct sights *s, struct store *store, const struct store_unproved *u, struct error *e)
{
	enum sight_verdict verdict = state_of(s, u);

	if (verdict == SIGHT_MAY)
		return true;
	return store_put_unproved(store, u, e) &&
	       (verdict != SIGHT_FORKED || store_set_forked(store, u->origin, u->size, e));
}

bool sight_of_exchange(struct sights *s, struct store *reader, uint64_t seq, int64_t received_ms, int64_t now_ms,
                       enum sight_verdict *out, struct error *e)
{
	struct store_unproved u;

	enum sought found = sought(store_get_unproved(reader, seq, &u, e), e);
	*out = SIGHT_MAY;
	if (found != SOUGHT_FOUND)
		return found == SOUGHT_NONE;
	*out = u.forked ? SIGHT_FORKED : state_of(s, &u);
	/* A clock that was set back does not make it wait longer. */
	if (*out == SIGHT_WAITS && (now_ms >= received_ms + SIGHT_WAIT_MS || now_ms < received_ms))
		*out = SIGHT_LATE;
	return true;
}

void sights_count_late(struct sights *s)
{
	atomic_fetch_add(&s->late, 1);
}

uint64_t sights_late(struct sights *s)
{
	return atomic_load(&s->late);
}

void sight_cosigned(struct sights *s, struct view origin, uint64_t size, const struct digest *root)
{
	pthread_mutex_lock(&s->lock);
	struct sighted_log *l = get_log(s, origin);
	/* A fork that was found is not forgiven by this: the log's newest checkpoint has to continue it. */
	if (l)
		l->cosigned = (struct sight_goal){
			.kind = SIGHT_COSIGNED, .size = size, .root = *root, .told = l->cosigned.told
		};
	pthread_mutex_unlock(&s->lock);
}

uint64_t sights_largest(struct sights *s, struct view origin, struct digest *root)
{
	struct sight_goal largest = { .size = 0 };

	pthread_mutex_lock(&s->lock);
	struct sighted_log *l = find_log(s, origin);
	if (l)
		largest = l->cosigned.size > l->proved.size ? l->cosigned : l->proved;
	for (unsigned i = 0; l && i < l->n; i++)
		if (l->items[i].size > largest.size)
			largest = (struct sight_goal){ .size = l->items[i].size, .root = l->items[i].root };
	pthread_mutex_unlock(&s->lock);
	*root = largest.root;
	return largest.size;
}

uint64_t sights_unproved(struct sights *s)
{
	struct sighted_log *l, *next;
	uint64_t n = 0;

	pthread_mutex_lock(&s->lock);
	HASH_ITER(hh, s->logs, l, next)
	for (unsigned i = 0; i < l->n; i++)
		n += l->items[i].state != KNOWN;
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* --- proving --- */

unsigned sights_goals(struct sights *s, const char *origin, struct sight_goal goals[SIGHT_GOALS])
{
	unsigned n = 0, waiting = 0;

	pthread_mutex_lock(&s->lock);
	struct sighted_log *l = find_log(s, view_of(origin));
	if (l && l->cosigned.size)
		goals[n++] = l->cosigned;
	if (l && l->proved.size)
		goals[n++] = l->proved;
	for (unsigned i = 0; l && i < l->n && n < SIGHT_GOALS; i++) {
		if (l->items[i].state != WAITING)
			continue;
		goals[n++] =
		        (struct sight_goal){ .kind = SIGHT_SEEN, .size = l->items[i].size, .root = l->items[i].root };
		waiting++;
	}
	pthread_mutex_unlock(&s->lock);
	return waiting ? n : 0;
}

static void settle_seen(struct sighted_log *l, struct sight_goal *g)
{
	struct sight *seen = find_sight(l, g->size);

	if (!seen || seen->state != WAITING)
		return;
	seen->state = g->holds ? KNOWN : FOREIGN;
}

/* True when it holds. It may have moved on meanwhile: then the next check is about it. */
static bool settle_base(struct sight_goal *base, struct sight_goal *g)
{
	if (base->size != g->size || !digest_eq(&base->root, &g->root))
		return g->holds;
	g->told = base->told;
	base->told = !g->holds;
	return g->holds;
}

bool sights_settle(struct sights *s, const char *origin, struct sight_goal goals[SIGHT_GOALS], unsigned n,
                   uint64_t size, const struct digest *root)
{
	bool continues = true;

	pthread_mutex_lock(&s->lock);
	struct sighted_log *l = find_log(s, view_of(origin));
	for (unsigned i = 0; l && i < n; i++)
		if (goals[i].kind != SIGHT_SEEN)
			continues =
			        settle_base(goals[i].kind == SIGHT_COSIGNED ? &l->cosigned : &l->proved, &goals[i]) &&
			        continues;
	/* What a forked log's other branch proves is not proved. */
	for (unsigned i = 0; l && i < n; i++)
		if (goals[i].kind == SIGHT_SEEN && (continues || !goals[i].holds))
			settle_seen(l, &goals[i]);
	if (l && continues)
		l->proved = (struct sight_goal){ .kind = SIGHT_PROVED, .size = size, .root = *root };
	pthread_mutex_unlock(&s->lock);
	return continues;
}

/* --- start --- */

struct loading {
	struct sights *sights;
	const struct conf *conf;
	bool failed;
};

static bool load_row(void *arg, struct view origin, uint64_t size, struct view note)
{
	struct loading *load = arg;

	for (size_t i = 0; i < load->conf->n_partners; i++) {
		const struct partner *p = &load->conf->partners[i];
		struct checkpoint c;
		if (!p->has_log || !view_is(origin, p->log.name) || !checkpoint_open(note, &p->log, &c, NULL) ||
		    c.size != size)
			continue;
		if (compare(load->sights, &c, can_ask(p, origin) ? WAITING : KNOWN) == VERDICT_NO_MEMORY)
			load->failed = true;
	}
	return !load->failed;
}

bool sights_load(struct sights *s, const struct conf *conf, struct store *reader, struct error *e)
{
	struct loading load = { .sights = s, .conf = conf };
	struct store_witnessed known;

	for (size_t i = 0; i < conf->n_partners; i++) {
		const struct partner *p = &conf->partners[i];
		if (!p->has_log)
			continue;
		enum sought cosigned = sought(store_get_witnessed(reader, view_of(p->log.name), &known, e), e);
		if (cosigned == SOUGHT_FAILED)
			return false;
		if (cosigned == SOUGHT_FOUND)
			sight_cosigned(s, view_of(p->log.name), known.size, &known.root);
	}
	return store_list_sighted(reader, load_row, &load, e) &&
	       (!load.failed || error_set(e, REASON_NO_MEMORY, "no memory for checkpoints of partners"));
}
