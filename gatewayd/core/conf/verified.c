/* See verified.h. Sets of a few places each, found by the digest's first byte. */
#include "gatewayd/core/conf/verified.h"

#include <pthread.h>
#include <stdlib.h>

#define SETS  256
#define WAYS  8
#define TREES 8 /* whose last path is remembered, by the root's first byte */

/* A note: its tag, zeros in a free place; and what its text says. */
struct known_note {
	struct digest tag, root;
	uint64_t size;
};

struct set {
	struct known_note notes[WAYS];
	unsigned next; /* the oldest */
};

struct verified {
	pthread_mutex_t lock; /* guards all of it */
	struct verified_figures figures;
	struct set sets[SETS];
	pthread_mutex_t paths_lock; /* guards those */
	struct tlog_path paths[TREES];
};

struct verified *verified_new(void)
{
	struct verified *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	pthread_mutex_init(&v->lock, NULL);
	pthread_mutex_init(&v->paths_lock, NULL);
	return v;
}

void verified_free(struct verified *v)
{
	if (!v)
		return;
	pthread_mutex_destroy(&v->lock);
	pthread_mutex_destroy(&v->paths_lock);
	free(v);
}

/* A key of one type has one length, and a name holds no NUL: no two of these are alike. */
static void tag_of(struct view note, const struct note_vkey *log, struct digest *out)
{
	uint8_t type = (uint8_t)log->type;
	struct view parts[] = { view_make(&type, 1), view_make(log->key, log->n),
		                view_make(log->name, strlen(log->name) + 1), note };

	sha256_parts(parts, sizeof parts / sizeof *parts, out);
}

/* Whether it is known; then *out is as its text has it, which checkpoint_open() compared with the key's name. */
static bool find_known(struct verified *v, const struct digest *tag, const struct note_vkey *log,
                       struct checkpoint *out)
{
	const struct set *s = &v->sets[tag->b[0]];
	bool known = false;

	pthread_mutex_lock(&v->lock);
	for (unsigned i = 0; i < WAYS && !known; i++) {
		known = digest_eq(&s->notes[i].tag, tag);
		if (known)
			*out = (struct checkpoint){ .origin = view_of(log->name),
				                    .size = s->notes[i].size,
				                    .root = s->notes[i].root };
	}
	v->figures.known += known;
	pthread_mutex_unlock(&v->lock);
	return known;
}

static void note_verified(struct verified *v, const struct digest *tag, const struct checkpoint *c)
{
	struct set *s = &v->sets[tag->b[0]];

	pthread_mutex_lock(&v->lock);
	s->notes[s->next] = (struct known_note){ .tag = *tag, .root = c->root, .size = c->size };
	s->next = (s->next + 1) % WAYS;
	pthread_mutex_unlock(&v->lock);
}

static void count(struct verified *v)
{
	pthread_mutex_lock(&v->lock);
	v->figures.verified++;
	pthread_mutex_unlock(&v->lock);
}

bool verified_open(struct verified *v, struct view note, const struct note_vkey *log, struct checkpoint *out,
                   struct error *e)
{
	struct digest tag;

	if (!v)
		return checkpoint_open(note, log, out, e);
	tag_of(note, log, &tag);
	if (find_known(v, &tag, log, out))
		return true;
	count(v);
	if (!checkpoint_open(note, log, out, e))
		return false;
	note_verified(v, &tag, out);
	return true;
}

bool verified_includes(struct verified *v, const struct receipt *r, struct view entry, const struct checkpoint *c,
                       struct error *e)
{
	struct tlog_path none = { .size = 0, .n = 0 };

	if (!v)
		return receipt_includes(r, entry, c, &none, e);
	pthread_mutex_lock(&v->paths_lock);
	bool ok = receipt_includes(r, entry, c, &v->paths[c->root.b[0] % TREES], e);
	pthread_mutex_unlock(&v->paths_lock);
	return ok;
}

void verified_figures(struct verified *v, struct verified_figures *out)
{
	*out = (struct verified_figures){ 0 };
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	*out = v->figures;
	pthread_mutex_unlock(&v->lock);
}
