/* A folder of its own for a test, and what tests of the store share. */
#ifndef TEST_CORE_SCRATCH_H
#define TEST_CORE_SCRATCH_H

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"

struct scratch_dir {
	char path[128];
};

/* Ends the process otherwise: also of programs that are no unit tests. */
static inline void scratch_require(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static inline struct scratch_dir scratch_new(void)
{
	const char *base = getenv("TMPDIR");
	struct scratch_dir d;

	snprintf(d.path, sizeof d.path, "%s/gateway-test-XXXXXX", base ? base : "/tmp");
	scratch_require(mkdtemp(d.path) != NULL, d.path);
	return d;
}

/* `name` within the folder; up to eight at a time. */
static inline const char *scratch_file(const struct scratch_dir *d, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *out = paths[next++ % 8];

	snprintf(out, PATH_MAX, "%s/%s", d->path, name);
	return out;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void scratch_remove(const struct scratch_dir *d)
{
	nftw(d->path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The bytes of a file, for searching; the caller frees. A file that is not there is empty. */
static inline struct view scratch_read(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *p = NULL;

	if (fd < 0)
		return view_make(NULL, 0);
	scratch_require(fstat(fd, &st) == 0 && (p = malloc((size_t)st.st_size + 1)) &&
	                        read(fd, p, (size_t)st.st_size) == st.st_size,
	                path);
	close(fd);
	return view_make(p, (size_t)st.st_size);
}

static inline void scratch_free(struct view v)
{
	union {
		const char *in;
		char *out;
	} p = { v.p };

	free(p.out);
}

static inline bool scratch_holds(const char *path, const void *bytes, size_t n)
{
	struct view v = scratch_read(path);
	bool found = v.n > 0 && memmem(v.p, v.n, bytes, n) != NULL;

	scratch_free(v);
	return found;
}

static inline void scratch_write(const char *path, struct view v)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	scratch_require(fd >= 0 && write(fd, v.p, v.n) == (ssize_t)v.n, path);
	close(fd);
}

static inline void scratch_copy(const char *from, const char *to)
{
	struct view v = scratch_read(from);

	if (v.p)
		scratch_write(to, v);
	scratch_free(v);
}

#define OK(call) \
	do { \
		struct error ok_error_ = { .reason = REASON_NONE }; \
		struct error *e = &ok_error_; \
		bool ok_ = (call); \
		ck_assert_msg(ok_, "%s: %s: %s", #call, ok_error_.where, ok_error_.text); \
	} while (0)

/* The call must be refused for this reason. */
#define REFUSED(want, call) \
	do { \
		struct error refused_ = { .reason = REASON_NONE }; \
		struct error *e = &refused_; \
		bool passed_ = (call); \
		ck_assert_msg(!passed_, "%s passed", #call); \
		ck_assert_msg(refused_.reason == (want), "%s: %s, expected %s: %s", #call, \
		              reason_slug(refused_.reason), reason_slug(want), refused_.text); \
	} while (0)

#endif
