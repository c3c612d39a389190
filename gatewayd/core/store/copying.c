/* See copying.h. */
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/sql_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (1u << 20)

struct store_copy {
	struct store *store;
	struct copy_target *target;
	struct copy_progress progress;
	char path[PATH_MAX];
};

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, REASON_STORE, path, 0, 0, "%s: %s", what, strerror(errno));
}

bool store_copy_path(const char *store, char *out, size_t size, struct error *e)
{
	return snprintf(out, size, "%s.copy", store) < (int)size ||
	       error_at(e, REASON_STORE, store, 0, 0, "the path is too long");
}

/* What lies in it would be read from the disk after its name is gone. */
static bool overwrite(int fd)
{
	char *zeros = calloc(1, PIECE);
	struct stat st;
	bool ok = zeros && fstat(fd, &st) == 0;

	for (off_t at = 0; ok && at < st.st_size; at += PIECE) {
		size_t n = st.st_size - at < (off_t)PIECE ? (size_t)(st.st_size - at) : PIECE;
		ok = pwrite(fd, zeros, n, at) == (ssize_t)n;
	}
	free(zeros);
	return ok && fdatasync(fd) == 0;
}

bool store_copy_clear(const char *path, struct error *e)
{
	static const char *const beside[] = { "-wal", "-shm", "-journal" };
	char name[PATH_MAX];
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT || fail(e, path, "a copy of the store cannot be cleared away");
	bool ok = overwrite(fd);
	close(fd);
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
		if (snprintf(name, sizeof name, "%s%s", path, beside[i]) < (int)sizeof name)
			unlink(name);
	return (unlink(path) == 0 && ok) || fail(e, path, "a copy of the store cannot be cleared away");
}

struct store_copy *store_copy_begin(struct store *s, const char *path, struct error *e)
{
	struct store_copy *c;

	if (!s->writes || s->in_transaction) {
		error_set(e, REASON_STORE, "a copy is the writer's, between transactions");
		return NULL;
	}
	if (!store_copy_clear(path, e))
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c || snprintf(c->path, sizeof c->path, "%s", path) >= (int)sizeof c->path) {
		error_set(e, REASON_NO_MEMORY, "no memory for a copy of the store");
		free(c);
		return NULL;
	}
	c->store = s;
	c->target = s->engine->copy_begin(s->connection, path, e);
	if (c->target)
		return c;
	struct error more = { .reason = REASON_NONE };
	(void)!store_copy_clear(path, &more);
	free(c);
	return NULL;
}

bool store_copy_step(struct store_copy *c, unsigned pages, bool *done, struct error *e)
{
	if (c->store->in_transaction)
		return error_set(e, REASON_STORE, "a step of a copy is taken between transactions");
	if (!c->store->engine->copy_step(c->target, pages, &c->progress, e))
		return false;
	*done = c->progress.done == c->progress.total;
	return true;
}

void store_copy_progress(const struct store_copy *c, uint64_t *done, uint64_t *total)
{
	*done = c->progress.done;
	*total = c->progress.total;
}

bool store_copy_end(struct store_copy *c, bool whole, struct error *e)
{
	struct error more = { .reason = REASON_NONE };

	if (!c)
		return true;
	bool ok = c->store->engine->copy_end(c->target, whole ? e : &more);
	if (!whole || !ok)
		ok = store_copy_clear(c->path, whole ? &more : e) && !whole;
	free(c);
	return ok;
}

bool store_integrity(struct store *s, bool (*each)(void *arg, struct view what), void *arg, struct error *e)
{
	return s->engine->integrity(s->connection, each, arg, e);
}
