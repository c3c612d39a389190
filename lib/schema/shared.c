/* The compiled schemas in use. Agreements by the thousand pin the same few record schemas, and what the same rules leave of one has
 * the same derived schema: who compiles one that is in use gets that, so that a load holds each once, and the processor's caches
 * do, too. Told apart by a SHA-256 over the set's documents, the entry and the options, which a compiled schema follows from. */
#include <pthread.h>

#include "lib/base/wire.h"
#include "lib/crypto/crypto.h"
#include "lib/schema/compiled.h"

#define PLACES  1024
#define KEY_MAX (1u << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct schema *in_use[PLACES];

bool shared_key(const struct schema_set *set, struct view uri, const struct schema_options *o, struct digest *out)
{
	struct buf b = BUF_INIT(KEY_MAX);

	buf_add(&b, view_make(set->digest.b, sizeof set->digest.b));
	put_view32(&b, uri);
	put_u8(&b, (uint8_t)o->draft);
	put_u8(&b, o->strict);
	put_u8(&b, o->formats);
	put_u32(&b, o->steps);
	for (size_t i = 0; i < o->n_ignored; i++)
		put_view32(&b, o->ignored[i]);
	bool ok = !b.failed;
	sha256(buf_view(&b), out);
	buf_free(&b);
	return ok;
}

/* Where the one of this key is, or its chain ends; the lock is held. */
static struct schema **find(const struct digest *key)
{
	struct schema **link = &in_use[(key->b[0] | (unsigned)key->b[1] << 8) % PLACES];

	while (*link && !digest_eq(&(*link)->key, key))
		link = &(*link)->next;
	return link;
}

struct schema *shared_use(const struct digest *key, struct schema *s)
{
	pthread_mutex_lock(&lock);
	struct schema **link = find(key);
	if (*link) {
		schema_ref(*link);
	} else if (s) {
		s->key = *key;
		s->shared = true;
		*link = s;
	}
	struct schema *used = *link;
	pthread_mutex_unlock(&lock);
	return used;
}

bool shared_leave(struct schema *s)
{
	if (!s->shared)
		return atomic_fetch_sub(&s->refs, 1) == 1;
	pthread_mutex_lock(&lock);
	bool last = atomic_fetch_sub(&s->refs, 1) == 1;
	if (last)
		*find(&s->key) = s->next;
	pthread_mutex_unlock(&lock);
	return last;
}
