/* See anchor.h. */
#include "gatewayd/core/commit/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/confine.h"

#define NOTE_BYTES 65536u
#define PAUSE_MS   100
#define RETRY_MS   900

struct anchor {
	char path[PATH_MAX];
	void (*report)(void *arg, const struct error *e);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct buf next; /* not yet written */
	bool waiting, stopping;
	bool failing; /* the thread's */
};

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, REASON_IO, path, 0, 0, "%s: %s", what, strerror(errno));
}

static bool write_new(const char *path, struct view note, struct error *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return fail(e, path, "cannot make the anchor");
	bool ok = write(fd, note.p, note.n) == (ssize_t)note.n && fsync(fd) == 0;
	if (!ok)
		fail(e, path, "cannot write the anchor");
	close(fd);
	return ok;
}

/* A rename is durable when its folder is. */
static bool sync_folder(const char *path, struct error *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(n ? n : 1) : 1, slash ? path : ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	if (!ok)
		fail(e, dir, "cannot sync the anchor's folder");
	if (fd >= 0)
		close(fd);
	return ok;
}

bool anchor_write(const char *path, struct view note, struct error *e)
{
	char beside[PATH_MAX];

	if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
		return error_at(e, REASON_IO, path, 0, 0, "the path of the anchor is too long");
	if (!write_new(beside, note, e))
		return false;
	if (rename(beside, path) < 0)
		return fail(e, path, "cannot put the anchor into place");
	return sync_folder(path, e);
}

bool anchor_read(const char *path, struct buf *out, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
	char *room;
	ssize_t n = -1;

	if (fd < 0 && errno == ENOENT)
		return error_at(e, REASON_NOT_FOUND, path, 0, 0, "there is no anchor");
	if (fd < 0)
		return fail(e, path, "cannot open the anchor");
	buf_reset(out);
	if ((room = buf_room(out, NOTE_BYTES)))
		n = read(fd, room, NOTE_BYTES);
	if (n < 0)
		fail(e, path, "cannot read the anchor");
	else
		out->n += (size_t)n;
	close(fd);
	return n >= 0;
}

/* Waits `ms`, or until the end. The lock is held. */
static void pause_writing(struct anchor *a, long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!a->stopping && pthread_cond_timedwait(&a->wake, &a->lock, &until) == 0)
		continue;
}

static void *run(void *arg)
{
	struct anchor *a = arg;
	struct buf note = BUF_INIT(NOTE_BYTES);

	CONFINE_PROBE(CONFINE_CORE);
	pthread_mutex_lock(&a->lock);
	for (;;) {
		while (a->next.n == 0 && !a->stopping) {
			a->waiting = true;
			pthread_cond_wait(&a->wake, &a->lock);
		}
		a->waiting = false;
		if (a->next.n == 0)
			break;
		buf_reset(&note);
		buf_add(&note, buf_view(&a->next));
		buf_reset(&a->next);
		pthread_mutex_unlock(&a->lock);
		struct error e = { .reason = REASON_NONE };
		bool ok = !note.failed && anchor_write(a->path, buf_view(&note), &e);
		if (ok == a->failing && a->report)
			a->report(a->arg, ok ? NULL : &e);
		a->failing = !ok;
		pthread_mutex_lock(&a->lock);
		if (!ok && a->next.n == 0 && !a->stopping)
			buf_add(&a->next, buf_view(&note));
		pause_writing(a, ok ? PAUSE_MS : RETRY_MS);
	}
	pthread_mutex_unlock(&a->lock);
	buf_free(&note);
	return NULL;
}

struct anchor *anchor_start(const char *path, void (*report)(void *arg, const struct error *e), void *arg,
                            struct error *e)
{
	struct anchor *a = calloc(1, sizeof *a);
	pthread_condattr_t monotonic;
	sigset_t all, before;

	if (!a || (size_t)snprintf(a->path, sizeof a->path, "%s", path) >= sizeof a->path) {
		error_at(e, REASON_NO_MEMORY, path, 0, 0, "no room for the anchor");
		free(a);
		return NULL;
	}
	a->report = report;
	a->arg = arg;
	a->next = BUF_INIT(NOTE_BYTES);
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&a->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&a->thread, NULL, run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return a;
	error_set(e, REASON_NO_MEMORY, "cannot start the anchor's thread: %s", strerror(rc));
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->lock);
	free(a);
	return NULL;
}

void anchor_set(struct anchor *a, struct view note)
{
	pthread_mutex_lock(&a->lock);
	buf_reset(&a->next);
	buf_add(&a->next, note);
	bool waiting = a->waiting;
	a->waiting = false;
	pthread_mutex_unlock(&a->lock);
	if (waiting)
		pthread_cond_signal(&a->wake);
}

void anchor_stop(struct anchor *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->lock);
	buf_free(&a->next);
	free(a);
}
