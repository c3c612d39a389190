/* See gate.h. Sources lie in a chained table with a random seed. For each kind of seat, sources that have some are
 * sorted by how many, so that the fullest is found at once however many there are. */
#include "gatewayd/edge/gate.h"

#include <event2/util.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/edge/known.h"

#define BUCKETS     (1u << BUCKET_BITS)
#define BUCKET_BITS 12
#define WORDS       4     /* of an address, 32 bits each */
#define LEVELS      64u   /* sources with that many seats of a kind, or more, are alike */
#define SOURCES_MAX 8192u /* beyond that, those without a seat are forgotten, the longest idle first */
#define RING        16u   /* seats on an exit: its thread is rung, which else looks by itself a little later */
#define FORGOTTEN   512u  /* at once */
#define BURST       2u    /* seconds of its budget that a source may use at once */

struct source {
	struct source *chain;
	struct address address;
	uint64_t filled; /* edge_now() */
	uint64_t tokens; /* thousandths of a handshake, as of `filled` */
	uint32_t n;      /* seats of all kinds but those of monitors */
	uint64_t resting_since;
	TAILQ_ENTRY(source) rest; /* in resting, when it has no seat */
	struct {
		uint32_t n;
		struct seat_list seats; /* the oldest first */
		TAILQ_ENTRY(source) level;
	} of[SEAT_KINDS];
	uint32_t n_seats; /* of all kinds */
};

TAILQ_HEAD(source_list, source);

struct kind {
	uint32_t n;
	uint32_t top; /* no level above it has a source */
	struct source_list level[LEVELS];
};

struct gate {
	pthread_mutex_t lock;
	uint64_t key[ADDRESS_KEY];
	struct known *known;
	uint32_t n_sources;
	struct source_list resting; /* those without a seat */
	struct kind of[SEAT_KINDS];
	uint64_t tokens, filled; /* of those that are not known */
	struct source *bucket[BUCKETS];
};

void gate_exit_init(struct gate_exit *x, int wake_fd)
{
	TAILQ_INIT(&x->evicted);
	x->n = 0;
	x->wake_fd = wake_fd;
}

struct gate *gate_new(void)
{
	struct gate *g = calloc(1, sizeof *g);

	if (g)
		g->known = known_new();
	if (!g || !g->known) {
		free(g);
		return NULL;
	}
	pthread_mutex_init(&g->lock, NULL);
	evutil_secure_rng_get_bytes(g->key, sizeof g->key);
	for (size_t k = 0; k < SEAT_KINDS; k++)
		for (size_t i = 0; i < LEVELS; i++)
			TAILQ_INIT(&g->of[k].level[i]);
	TAILQ_INIT(&g->resting);
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (g->bucket[i]) {
			struct source *s = g->bucket[i];
			g->bucket[i] = s->chain;
			free(s);
		}
	}
	pthread_mutex_destroy(&g->lock);
	known_free(g->known);
	free(g);
}

/* --- sources --- */

/* Keyed, so that nobody can choose addresses that share a chain. */
static struct source **find(struct gate *g, const struct address *a)
{
	struct source **link = &g->bucket[address_hash(g->key, a) >> (64 - BUCKET_BITS)];
	while (*link && memcmp(&(*link)->address, a, sizeof *a) != 0)
		link = &(*link)->chain;
	return link;
}

static void forget_oldest(struct gate *g)
{
	struct source *s = TAILQ_FIRST(&g->resting);

	TAILQ_REMOVE(&g->resting, s, rest);
	*find(g, &s->address) = s->chain;
	free(s);
	g->n_sources--;
}

/* The source of an address, which has no seat of it yet; NULL: no memory. */
static struct source *source_of(struct gate *g, const struct address *a)
{
	struct source **link = find(g, a), *s = *link;

	if (s) {
		if (s->n_seats == 0)
			TAILQ_REMOVE(&g->resting, s, rest);
		return s;
	}
	if (g->n_sources >= SOURCES_MAX && !TAILQ_EMPTY(&g->resting)) {
		forget_oldest(g);
		link = find(g, a);
	}
	s = *link = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	g->n_sources++;
	s->address = *a;
	for (size_t k = 0; k < SEAT_KINDS; k++)
		TAILQ_INIT(&s->of[k].seats);
	return s;
}

/* --- seats --- */

static uint32_t level_of(uint32_t n)
{
	return n < LEVELS ? n : LEVELS - 1;
}

/* Keeps the source among those of its level. */
static void counted(struct gate *g, struct source *s, enum seat_kind k, int change)
{
	struct kind *kind = &g->of[k];
	uint32_t before = s->of[k].n, after = before + (uint32_t)change;

	s->of[k].n = after;
	s->n_seats += (uint32_t)change;
	kind->n += (uint32_t)change;
	if (k != SEAT_MONITOR && k != SEAT_ASKING)
		s->n += (uint32_t)change;
	if (level_of(before) == level_of(after))
		return;
	if (before > 0)
		TAILQ_REMOVE(&kind->level[level_of(before)], s, of[k].level);
	if (after > 0)
		TAILQ_INSERT_TAIL(&kind->level[level_of(after)], s, of[k].level);
	if (level_of(after) > kind->top)
		kind->top = level_of(after);
}

static void sit(struct gate *g, struct source *s, struct seat *seat, enum seat_kind k)
{
	seat->source = s;
	seat->kind = k;
	TAILQ_INSERT_TAIL(&s->of[k].seats, seat, link);
	counted(g, s, k, 1);
}

static void stand_up(struct gate *g, struct seat *seat)
{
	TAILQ_REMOVE(&seat->source->of[seat->kind].seats, seat, link);
	counted(g, seat->source, seat->kind, -1);
}

static void settle(struct gate *g, struct source *s, uint64_t now)
{
	if (s->n_seats > 0)
		return;
	s->resting_since = now;
	TAILQ_INSERT_TAIL(&g->resting, s, rest);
}

static void evict(struct gate *g, struct seat *seat, const struct gate_exit *by)
{
	struct gate_exit *x = seat->exit;
	uint64_t one = 1;

	stand_up(g, seat);
	seat->evicted = true;
	TAILQ_INSERT_TAIL(&x->evicted, seat, link);
	/* A source that has no other seat rests when its connection has closed: it is still looked at. */
	seat->source->n_seats++;
	/* The thread that came for the seat looks by itself. */
	if (++x->n == RING && x != by && write(x->wake_fd, &one, sizeof one) < 0)
		return; /* it is awake already */
}

static void leave_exit(struct seat *seat)
{
	TAILQ_REMOVE(&seat->exit->evicted, seat, link);
	seat->exit->n--;
}

/* The source with most seats of the kind; NULL: nobody has one. */
static struct source *fullest(struct gate *g, enum seat_kind k)
{
	struct kind *kind = &g->of[k];

	while (kind->top > 0 && TAILQ_EMPTY(&kind->level[kind->top]))
		kind->top--;
	return kind->top > 0 ? TAILQ_FIRST(&kind->level[kind->top]) : NULL;
}

/* Makes room for one more of the kind, of `by`, for a thread with this exit. False: there is none for it. */
static bool make_room(struct gate *g, enum seat_kind k, uint32_t cap, const struct source *by,
                      const struct gate_exit *exit)
{
	if (g->of[k].n < cap)
		return true;
	struct source *s = fullest(g, k);
	if (!s || (k == SEAT_PARTNER && s->of[k].n <= by->of[k].n + 1))
		return false;
	evict(g, TAILQ_FIRST(&s->of[k].seats), exit);
	return true;
}

static bool source_has_room(struct gate *g, struct source *s, uint32_t cap, const struct gate_exit *exit)
{
	static const enum seat_kind goes[] = { SEAT_NEW, SEAT_RESERVED, SEAT_STRANGER };

	for (size_t i = 0; s->n >= cap && i < sizeof goes / sizeof *goes; i++)
		if (s->of[goes[i]].n > 0)
			evict(g, TAILQ_FIRST(&s->of[goes[i]].seats), exit);
	return s->n < cap;
}

static uint32_t cap_of(const struct edge_limits *l, enum seat_kind k)
{
	switch (k) {
	case SEAT_NEW: return l->handshakes;
	case SEAT_RESERVED: return l->handshakes_reserved;
	case SEAT_STRANGER: return l->strangers;
	case SEAT_PARTNER: return l->connections;
	case SEAT_MONITOR:
	case SEAT_ASKING: return l->monitors;
	case SEAT_KINDS: break;
	}
	return 0;
}

enum gate_answer gate_enter(struct gate *g, struct seat *seat, const struct address *from, bool monitor, bool listed,
                            const struct edge_limits *l, uint64_t now)
{
	struct address a = address_source(from);
	enum gate_answer answer = GATE_OPEN;

	pthread_mutex_lock(&g->lock);
	struct source *s = source_of(g, &a);
	if (!s) {
		pthread_mutex_unlock(&g->lock);
		return GATE_NO_MEMORY;
	}
	bool known = listed || known_has(g->known, &a, now);
	enum seat_kind k = monitor ? SEAT_MONITOR : known ? SEAT_RESERVED : SEAT_NEW;
	if (!monitor && !source_has_room(g, s, l->connections_per_source, seat->exit))
		answer = GATE_SOURCE_FULL;
	else if (!make_room(g, k, cap_of(l, k), s, seat->exit))
		answer = GATE_FULL;
	if (answer == GATE_OPEN)
		sit(g, s, seat, k);
	else
		settle(g, s, now);
	pthread_mutex_unlock(&g->lock);
	return answer;
}

/* --- budgets --- */

/* A bucket that fills at `rate` a second up to `most`, in thousandths; whether one more was in it. A thread's time may be
 * older than the last one's, for which the gate was waited: then nothing has come in since. */
static bool take_token(uint64_t *tokens, uint64_t *filled, uint64_t rate, uint64_t most, uint64_t now)
{
	uint64_t waited = now > *filled ? now - *filled : 0;

	/* The first look finds it full. */
	*tokens = *filled == 0 || waited > most ? most : *tokens + waited * rate;
	if (*tokens > most)
		*tokens = most;
	*filled += *filled == 0 ? now : waited;
	if (*tokens < 1000)
		return false;
	*tokens -= 1000;
	return true;
}

enum gate_budget gate_begin(struct gate *g, struct seat *seat, const struct edge_limits *l, uint64_t now)
{
	enum gate_budget answer = GATE_IN_BUDGET;

	pthread_mutex_lock(&g->lock);
	struct source *s = seat->source;
	uint64_t rate = l->handshakes_per_source, all = l->handshakes_per_second;
	if (!take_token(&s->tokens, &s->filled, rate, rate * 1000 * BURST, now))
		answer = GATE_SOURCE_SPENT;
	else if (seat->kind == SEAT_NEW && !take_token(&g->tokens, &g->filled, all, all * 1000, now))
		answer = GATE_ALL_SPENT;
	pthread_mutex_unlock(&g->lock);
	return answer;
}

/* --- */

static bool move_to(struct gate *g, struct seat *seat, enum seat_kind k, const struct edge_limits *l)
{
	struct source *s = seat->source;

	if (!make_room(g, k, cap_of(l, k), s, seat->exit))
		return false;
	stand_up(g, seat);
	sit(g, s, seat, k);
	return true;
}

enum gate_answer gate_finish(struct gate *g, struct seat *seat, const struct digest *partner, bool stays,
                             const struct edge_limits *l, uint64_t now)
{
	enum gate_answer answer = GATE_OPEN;

	pthread_mutex_lock(&g->lock);
	struct source *s = seat->source;
	if (partner)
		known_add(g->known, &s->address, partner, now + GATE_KNOWN_MS);
	if (!seat->evicted && !(partner && stays && move_to(g, seat, SEAT_PARTNER, l))) {
		if (partner && stays)
			answer = GATE_FULL;
		/* The one answer that it gets takes no room of a handshake, and no more of connections than configured. */
		(void)!move_to(g, seat, SEAT_STRANGER, l);
	}
	pthread_mutex_unlock(&g->lock);
	return answer;
}

void gate_ask(struct gate *g, struct seat *seat, const struct edge_limits *l)
{
	pthread_mutex_lock(&g->lock);
	if (!seat->evicted && seat->kind == SEAT_MONITOR &&
	    make_room(g, SEAT_ASKING, l->monitors, seat->source, seat->exit)) {
		stand_up(g, seat);
		sit(g, seat->source, seat, SEAT_ASKING);
	}
	pthread_mutex_unlock(&g->lock);
}

void gate_leave(struct gate *g, struct seat *seat, uint64_t now)
{
	if (!seat->source)
		return;
	pthread_mutex_lock(&g->lock);
	struct source *s = seat->source;
	if (seat->evicted) {
		if (seat->exit) /* still on it: the connection ended before its owner looked */
			leave_exit(seat);
		s->n_seats--;
	} else {
		stand_up(g, seat);
	}
	seat->source = NULL;
	settle(g, s, now);
	pthread_mutex_unlock(&g->lock);
}

struct seat *gate_evicted(struct gate *g, struct gate_exit *x)
{
	pthread_mutex_lock(&g->lock);
	struct seat *seat = TAILQ_FIRST(&x->evicted);
	if (seat) {
		leave_exit(seat);
		seat->exit = NULL;
	}
	pthread_mutex_unlock(&g->lock);
	return seat;
}

void gate_rest(struct gate *g, uint64_t now)
{
	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < FORGOTTEN; i++) {
		const struct source *s = TAILQ_FIRST(&g->resting);
		/* A budget is full after so long without a handshake, whatever it was. */
		if (!s || s->resting_since + BURST * 1000 > now)
			break;
		forget_oldest(g);
	}
	pthread_mutex_unlock(&g->lock);
}

void gate_know(struct gate *g, const struct address *from, const struct digest *partner, uint64_t until)
{
	struct address a = address_source(from);

	pthread_mutex_lock(&g->lock);
	known_add(g->known, &a, partner, until);
	pthread_mutex_unlock(&g->lock);
}

uint32_t gate_sources(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	uint32_t n = g->n_sources;
	pthread_mutex_unlock(&g->lock);
	return n;
}

uint32_t gate_taken(struct gate *g, enum seat_kind kind)
{
	pthread_mutex_lock(&g->lock);
	uint32_t n = g->of[kind].n;
	pthread_mutex_unlock(&g->lock);
	return n;
}

uint32_t gate_longest(struct gate *g)
{
	uint32_t longest = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < BUCKETS; i++) {
		uint32_t n = 0;
		for (const struct source *s = g->bucket[i]; s; s = s->chain)
			n++;
		longest = n > longest ? n : longest;
	}
	pthread_mutex_unlock(&g->lock);
	return longest;
}
