/* See attempts.h. */
#include "gatewayd/core/serve/attempts.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/crypto/crypto.h"

struct attempts {
	pthread_mutex_t lock; /* guards the rest */
	size_t next;          /* place of the next one */
	struct {
		struct attempt one;
		int64_t at_ms;
	} kept[ATTEMPTS_KEPT];
};

struct attempts *attempts_new(void)
{
	struct attempts *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	for (size_t i = 0; i < ATTEMPTS_KEPT; i++)
		a->kept[i].at_ms = -ATTEMPTS_QUIET;
	return a;
}

void attempts_free(struct attempts *a)
{
	if (!a)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

struct attempt attempt_of(struct view who, struct view thing, enum reason reason)
{
	struct view slug = view_of(reason_slug(reason));
	struct view parts[] = { slug, VIEW("\n"), who, VIEW("\n"), thing };
	struct attempt one;

	sha256_parts(parts, sizeof parts / sizeof *parts, &one.key);
	return one;
}

/* Its place, ATTEMPTS_KEPT when there is none. */
static size_t find(const struct attempts *a, const struct attempt *one)
{
	size_t i = 0;

	while (i < ATTEMPTS_KEPT && !digest_eq(&a->kept[i].one.key, &one->key))
		i++;
	return i;
}

bool attempts_known(struct attempts *a, const struct attempt *one, int64_t now_ms)
{
	pthread_mutex_lock(&a->lock);
	size_t i = find(a, one);
	/* A clock that was set back makes nothing quiet for longer. */
	bool known = i < ATTEMPTS_KEPT && now_ms >= a->kept[i].at_ms && now_ms - a->kept[i].at_ms < ATTEMPTS_QUIET;
	pthread_mutex_unlock(&a->lock);
	return known;
}

void attempts_note(struct attempts *a, const struct attempt *one, int64_t now_ms)
{
	pthread_mutex_lock(&a->lock);
	size_t i = find(a, one);
	if (i == ATTEMPTS_KEPT) {
		i = a->next;
		a->next = (a->next + 1) % ATTEMPTS_KEPT;
	}
	a->kept[i].one = *one;
	a->kept[i].at_ms = now_ms;
	pthread_mutex_unlock(&a->lock);
}
