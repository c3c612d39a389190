/* Queues of finished jobs. A home's list is guarded by its lock; its eventfd is written when the list was
 * empty, so that a batch costs one wake. See job.h. */
#include "gatewayd/core/commit/job_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct home {
	pthread_mutex_t lock;
	struct job *first, **end; /* guarded by the lock */
	int fd;
};

struct checkpoint_text {
	_Atomic unsigned refs;
	size_t n;
	char text[];
};

struct home *home_new(void)
{
	struct home *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->fd < 0) {
		free(h);
		return NULL;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->end = &h->first;
	return h;
}

void home_free(struct home *h)
{
	if (!h)
		return;
	close(h->fd);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int home_fd(const struct home *h)
{
	return h->fd;
}

void home_collect(struct home *h)
{
	uint64_t wakes;

	/* Read before the list is taken: a job that comes in between wakes again. */
	if (read(h->fd, &wakes, sizeof wakes) < 0)
		wakes = 0;
	pthread_mutex_lock(&h->lock);
	struct job *j = h->first;
	h->first = NULL;
	h->end = &h->first;
	pthread_mutex_unlock(&h->lock);
	while (j) {
		struct job *next = j->next;

		j->next = NULL;
		j->done(j);
		j = next;
	}
}

/* Appends [first, last] and wakes the home's thread when it had nothing to collect. */
static void home_add(struct home *h, struct job *first, struct job *last)
{
	const uint64_t one = 1;

	last->next = NULL;
	pthread_mutex_lock(&h->lock);
	bool empty = h->first == NULL;
	*h->end = first;
	h->end = &last->next;
	/* Under the lock, so that the home cannot be freed by whoever collects before the wake is sent. An
	 * eventfd takes 2^64 - 2 wakes: this one cannot fail. */
	ssize_t n = empty ? write(h->fd, &one, sizeof one) : 0;
	pthread_mutex_unlock(&h->lock);
	(void)n;
}

/* Takes the jobs of the first one's home out of the chain, in order. */
static struct job *split(struct job **chain, struct job **last)
{
	struct home *h = (*chain)->home;
	struct job *mine = NULL, **end = &mine, **link = chain;

	while (*link) {
		struct job *j = *link;

		if (j->home != h) {
			link = &j->next;
			continue;
		}
		*link = j->next;
		*end = *last = j;
		end = &j->next;
	}
	*end = NULL;
	return mine;
}

void job_send_home(struct job *first)
{
	while (first) {
		struct job *last = NULL, *mine = split(&first, &last);

		if (mine->home) {
			home_add(mine->home, mine, last);
			continue;
		}
		while (mine) {
			struct job *next = mine->next;

			mine->next = NULL;
			mine->done(mine);
			mine = next;
		}
	}
}

struct checkpoint_text *checkpoint_text_new(struct view note)
{
	struct checkpoint_text *t = malloc(sizeof *t + note.n);

	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	t->n = note.n;
	memcpy(t->text, note.p, note.n);
	return t;
}

struct checkpoint_text *checkpoint_text_ref(struct checkpoint_text *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void checkpoint_text_unref(struct checkpoint_text *t)
{
	/* Release what this thread read of the text, acquire what the others did, before it is freed. */
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		free(t);
}

struct view checkpoint_text_view(const struct checkpoint_text *t)
{
	return view_make(t->text, t->n);
}
