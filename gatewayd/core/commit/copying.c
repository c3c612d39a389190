/* See copying_private.h. */
#include "gatewayd/core/commit/copying_private.h"

#include "gatewayd/core/store/copying.h"

#define STEP_PAGES 256 /* 1 MiB: some milliseconds, which a commit waits at most */
#define STEP_MOST  (1u << 24)

void copying_init(struct copying *c)
{
	pthread_mutex_init(&c->lock, NULL);
}

bool copying_ask(struct copying *c, const char *path, struct error *e)
{
	pthread_mutex_lock(&c->lock);
	bool free = !c->wanted, fits = strlen(path) < sizeof c->path;
	if (free && fits) {
		snprintf(c->path, sizeof c->path, "%s", path);
		c->told = (struct writer_copy){ .state = COPY_UNDER_WAY, .total = 1 };
		c->wanted = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (!fits)
		return error_at(e, REASON_STORE, path, 0, 0, "the path is too long");
	return free || error_set(e, REASON_UNAVAILABLE, "a copy of the store is being made");
}

void copying_tell(struct copying *c, struct writer_copy *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->told;
	pthread_mutex_unlock(&c->lock);
}

bool copying_wanted(struct copying *c)
{
	pthread_mutex_lock(&c->lock);
	bool wanted = c->wanted;
	pthread_mutex_unlock(&c->lock);
	return wanted;
}

static void settle(struct copying *c, enum copy_state state, const struct error *e)
{
	pthread_mutex_lock(&c->lock);
	c->told.state = state;
	c->told.error = *e;
	c->wanted = false;
	pthread_mutex_unlock(&c->lock);
}

static void note_progress(struct copying *c)
{
	uint64_t done, total;

	store_copy_progress(c->copy, &done, &total);
	/* A roll back made it begin anew: longer steps outrun any number of them. */
	if (done < c->reached && c->pages < STEP_MOST)
		c->pages *= 2;
	c->reached = done;
	pthread_mutex_lock(&c->lock);
	c->told.done = done;
	c->told.total = total;
	pthread_mutex_unlock(&c->lock);
}

void copying_step(struct copying *c, struct store *s)
{
	struct error e = { .reason = REASON_NONE };
	bool done = false;

	if (!copying_wanted(c))
		return;
	if (!c->copy) {
		c->reached = 0;
		c->pages = STEP_PAGES;
		c->copy = store_copy_begin(s, c->path, &e);
	}
	if (c->copy && store_copy_step(c->copy, c->pages, &done, &e)) {
		note_progress(c);
		if (!done)
			return;
	}
	struct store_copy *copy = c->copy;
	c->copy = NULL;
	if (done && store_copy_end(copy, true, &e)) {
		settle(c, COPY_MADE, &e);
		return;
	}
	struct error more = { .reason = REASON_NONE };
	if (!done)
		(void)!store_copy_end(copy, false, &more);
	settle(c, COPY_FAILED, &e);
}

void copying_end(struct copying *c)
{
	struct error e = { .reason = REASON_NONE };

	(void)!store_copy_end(c->copy, false, &e);
	c->copy = NULL;
	pthread_mutex_destroy(&c->lock);
}
