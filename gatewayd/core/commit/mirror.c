/* See mirror.h. `adding` belongs to the writer's thread; `ready` and the flags are guarded by the lock;
 * the file and `next` belong to the mirror's thread. */
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/core/commit/mirror_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/confine.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"

#define QUEUE_BYTES    (16u * 1024 * 1024) /* more is fetched from the store instead */
#define CATCH_UP_BYTES (1024u * 1024)
#define PAUSE_MS       20
#define RETRY_MS       1000

/* Lines of consecutive entries from `first` on. */
struct lines {
	struct buf text;
	uint64_t first, n;
	bool lost; /* some before `first` did not fit */
};

struct mirror {
	char path[PATH_MAX], store[PATH_MAX];
	void (*report)(void *arg, const struct error *e);
	void *arg;
	struct lines adding;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct lines ready;
	bool waiting, stopping, reopen;
	struct lines writing;
	int fd;
	uint64_t next; /* the index of the next line of the file */
	bool behind;   /* lines are missing: the store has them */
	bool unsure;   /* of `next`: the file knows */
	bool failing;
};

void mirror_line(uint64_t index, struct view leaf, struct buf *out)
{
	buf_adds(out, "{\"index\":");
	buf_addu(out, index);
	if (leaf.n >= 2 && leaf.p[0] == '{') {
		if (leaf.n > 2)
			buf_addc(out, ',');
		buf_add(out, view_from(leaf, 1));
	} else {
		buf_adds(out, ",\"leaf\":");
		buf_add_json_string(out, leaf);
		buf_addc(out, '}');
	}
	buf_addc(out, '\n');
}

static void lines_clear(struct lines *l)
{
	buf_reset(&l->text);
	l->n = 0;
	l->lost = false;
}

/* --- writer's thread --- */

void mirror_add(struct mirror *m, uint64_t index, struct view leaf)
{
	if (m->adding.n == 0)
		m->adding.first = index;
	mirror_line(index, leaf, &m->adding.text);
	m->adding.n++;
}

void mirror_discard(struct mirror *m)
{
	lines_clear(&m->adding);
}

/* Lines that do not fit are dropped: the thread sees that some are missing. */
static void lines_move(struct lines *to, struct lines *from)
{
	if (from->text.failed || to->text.n + from->text.n > QUEUE_BYTES) {
		buf_reset(&to->text);
		to->n = 0;
		to->lost = true;
	} else {
		if (to->n == 0)
			to->first = from->first;
		buf_add(&to->text, buf_view(&from->text));
		to->n += from->n;
	}
	lines_clear(from);
}

void mirror_flush(struct mirror *m)
{
	if (m->adding.n == 0)
		return;
	pthread_mutex_lock(&m->lock);
	lines_move(&m->ready, &m->adding);
	bool waiting = m->waiting;
	m->waiting = false;
	pthread_mutex_unlock(&m->lock);
	if (waiting)
		pthread_cond_signal(&m->wake);
}

void mirror_reopen(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	m->reopen = true;
	pthread_mutex_unlock(&m->lock);
}

/* --- the file (mirror's thread from here on) --- */

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, REASON_IO, path, 0, 0, "%s: %s", what, strerror(errno));
}

static void close_file(struct mirror *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

/* Opens the file, anew when another one lies at its path by now. */
static bool ensure_open(struct mirror *m, struct error *e)
{
	struct stat here, there;

	if (m->fd >= 0 && fstat(m->fd, &here) == 0 && stat(m->path, &there) == 0 && here.st_ino == there.st_ino &&
	    here.st_dev == there.st_dev)
		return true;
	close_file(m);
	m->fd = open(m->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	return m->fd >= 0 || fail(e, m->path, "cannot open the mirror of the audit log");
}

static bool write_lines(struct mirror *m, struct view text, struct error *e)
{
	if (!ensure_open(m, e))
		return false;
	while (text.n > 0) {
		ssize_t n = write(m->fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(e, m->path, "cannot write the mirror of the audit log");
		text = view_from(text, (size_t)n);
	}
	return true;
}

/* Finds out where to go on; when no file says so, where it was, which at start is the beginning. */
static bool find_next(struct mirror *m, struct error *e)
{
	char rotated[PATH_MAX + 2];
	struct mirror_end end;

	if (!ensure_open(m, e))
		return false;
	if (!mirror_read_end(m->fd, &end))
		return fail(e, m->path, "cannot read the mirror of the audit log");
	if (ftruncate(m->fd, end.whole) < 0)
		return fail(e, m->path, "cannot remove what a crash left at the end");
	if (!end.found) {
		snprintf(rotated, sizeof rotated, "%s.1", m->path);
		int fd = open(rotated, O_RDONLY | O_CLOEXEC);
		bool ok = fd < 0 || mirror_read_end(fd, &end) || fail(e, rotated, "cannot read the rotated mirror");
		if (fd >= 0)
			close(fd);
		if (!ok)
			return false;
	}
	if (end.found)
		m->next = end.next;
	return true;
}

struct catch_up {
	struct mirror *m;
	struct buf text;
	uint64_t next;
};

static bool add_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	struct catch_up *c = arg;

	(void)packed;
	mirror_line(index, leaf, &c->text);
	c->next = index + 1;
	return c->text.n < CATCH_UP_BYTES / 2;
}

static bool write_from_store(struct mirror *m, struct store *s, struct error *e)
{
	struct catch_up c = { .m = m, .text = BUF_INIT(CATCH_UP_BYTES), .next = m->next };
	bool ok = true;

	for (;;) {
		buf_reset(&c.text);
		ok = store_list_entries(s, m->next, 1024, add_entry, &c, e);
		if (ok && c.text.failed)
			ok = error_set(e, REASON_NO_MEMORY, "no memory for lines of the mirror");
		if (!ok || c.text.n == 0 || !(ok = write_lines(m, buf_view(&c.text), e)))
			break;
		m->next = c.next;
	}
	buf_free(&c.text);
	return ok;
}

/* Writes what the store has and the file has not. */
static bool catch_up(struct mirror *m, struct error *e)
{
	struct store *s;
	uint64_t entries;
	bool ok;

	if ((m->unsure && !find_next(m, e)) || !(s = store_open_reader(m->store, e)))
		return false;
	m->unsure = false;
	ok = store_entry_count(s, &entries, e);
	if (ok && m->next > entries) {
		struct error more = { .reason = REASON_NONE };

		error_at(&more, REASON_TAMPERED, m->path, 0, 0, "the mirror has more entries than the audit log");
		if (m->report)
			m->report(m->arg, &more);
		m->next = entries;
	}
	ok = ok && write_from_store(m, s, e);
	store_close(s);
	return ok;
}

static bool write_batch(struct mirror *m, struct error *e)
{
	struct lines *l = &m->writing;

	if (m->behind || l->lost || (l->n > 0 && l->first != m->next)) {
		/* The store has them all, this batch included. */
		if (!catch_up(m, e))
			return false;
	} else if (l->n > 0) {
		if (!write_lines(m, buf_view(&l->text), e))
			return false;
		m->next += l->n;
	}
	m->behind = false;
	return true;
}

/* Waits until there is something to do, `ms` at most; the lock is held. 0: no limit. */
static void wait_for(struct mirror *m, long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	m->waiting = ms == 0;
	if (ms == 0)
		pthread_cond_wait(&m->wake, &m->lock);
	else
		pthread_cond_timedwait(&m->wake, &m->lock, &until);
}

static void tell(struct mirror *m, bool ok, const struct error *e)
{
	if (ok == !m->failing)
		return;
	m->failing = !ok;
	if (m->report)
		m->report(m->arg, ok ? NULL : e);
}

static void *run(void *arg)
{
	struct mirror *m = arg;
	bool done = false;

	CONFINE_PROBE(CONFINE_CORE);
	while (!done) {
		struct error e = { .reason = REASON_NONE };

		pthread_mutex_lock(&m->lock);
		while (m->ready.n == 0 && !m->ready.lost && !m->behind && !m->stopping)
			wait_for(m, 0);
		done = m->stopping;
		struct lines free_lines = m->writing;
		m->writing = m->ready;
		m->ready = free_lines;
		if (m->reopen)
			close_file(m);
		m->reopen = false;
		pthread_mutex_unlock(&m->lock);

		bool ok = write_batch(m, &e);
		if (!ok) {
			m->behind = m->unsure = true;
			close_file(m);
		}
		tell(m, ok, &e);
		lines_clear(&m->writing);

		pthread_mutex_lock(&m->lock);
		if (!m->stopping)
			wait_for(m, ok ? PAUSE_MS : RETRY_MS);
		pthread_mutex_unlock(&m->lock);
	}
	return NULL;
}

static bool start(struct mirror *m, struct error *e)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;

	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&m->thread, NULL, run, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 || error_set(e, REASON_NO_MEMORY, "cannot start the mirror's thread: %s", strerror(rc));
}

static void free_mirror(struct mirror *m)
{
	close_file(m);
	pthread_cond_destroy(&m->wake);
	pthread_mutex_destroy(&m->lock);
	buf_free(&m->adding.text);
	buf_free(&m->ready.text);
	buf_free(&m->writing.text);
	free(m);
}

struct mirror *mirror_open(const char *path, const char *store, void (*report)(void *arg, const struct error *e),
                           void *arg, struct error *e)
{
	struct mirror *m = calloc(1, sizeof *m);

	if (!m || (size_t)snprintf(m->path, sizeof m->path, "%s", path) >= sizeof m->path ||
	    (size_t)snprintf(m->store, sizeof m->store, "%s", store) >= sizeof m->store) {
		error_at(e, REASON_NO_MEMORY, path, 0, 0, "no room for the mirror");
		free(m);
		return NULL;
	}
	m->report = report;
	m->arg = arg;
	m->fd = -1;
	m->behind = m->unsure = true;
	m->adding.text = m->ready.text = m->writing.text = BUF_INIT(QUEUE_BYTES);
	if (start(m, e))
		return m;
	free_mirror(m);
	return NULL;
}

void mirror_close(struct mirror *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	free_mirror(m);
}
