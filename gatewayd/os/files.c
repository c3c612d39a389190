/* See files.h. */
#include "gatewayd/os/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/errno_reason.h"

static bool read_all(int fd, const char *path, size_t max, struct buf *out, struct error *e)
{
	size_t total = 0;

	for (;;) {
		char *room = buf_room(out, 65536 < max + 1 - total ? 65536 : max + 1 - total);
		if (!room)
			return error_at(e, REASON_TOO_LARGE, path, 0, 0, "is larger than %zu bytes", max);
		ssize_t n = read(fd, room, 65536 < max + 1 - total ? 65536 : max + 1 - total);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_at(e, REASON_IO, path, 0, 0, "cannot read: %s", strerror(errno));
		if (n == 0)
			return true;
		out->n += (size_t)n;
		total += (size_t)n;
		if (total > max)
			return error_at(e, REASON_TOO_LARGE, path, 0, 0, "is larger than %zu bytes", max);
	}
}

static bool open_and_read(const char *path, size_t max, bool private, struct buf *out, struct error *e)
{
	struct stat st;
	size_t ceiling = out->max;
	/* A pipe without a writer would wait for one. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool ok = false;

	if (fd < 0 && errno == ENXIO) /* a socket, or a device that nothing is behind */
		return error_at(e, REASON_CONFIG, path, 0, 0, "is not a regular file");
	if (fd < 0)
		return error_at(e, errno_reason(errno), path, 0, 0, "cannot open: %s", strerror(errno));
	if (fstat(fd, &st) != 0)
		error_at(e, REASON_IO, path, 0, 0, "cannot read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		error_at(e, REASON_CONFIG, path, 0, 0, "is not a regular file");
	else if (private && (st.st_mode & (S_IWGRP | S_IRWXO)))
		error_at(e, REASON_CONFIG, path, 0, 0,
		         "holds a secret: others may not read it, nor its group write it");
	else {
		/* One byte past the ceiling shows that a file is too large. */
		out->max = ceiling < SIZE_MAX - 1 ? ceiling + 1 : ceiling;
		ok = read_all(fd, path, max, out, e);
		out->max = ceiling;
	}
	close(fd);
	return ok;
}

bool file_read(const char *path, size_t max, struct buf *out, struct error *e)
{
	return open_and_read(path, max, false, out, e);
}

bool file_read_private(const char *path, size_t max, struct buf *out, struct error *e)
{
	return open_and_read(path, max, true, out, e);
}

static bool write_whole(int fd, struct view bytes)
{
	size_t at = 0;

	while (at < bytes.n) {
		ssize_t n = write(fd, bytes.p + at, bytes.n - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += (size_t)n;
	}
	return fsync(fd) == 0;
}

bool file_write_new(const char *path, struct view bytes, unsigned mode, struct error *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);

	if (fd < 0)
		return error_at(e, REASON_IO, path, 0, 0, "cannot make: %s", strerror(errno));
	bool ok = write_whole(fd, bytes);
	if (!ok)
		error_at(e, REASON_IO, path, 0, 0, "cannot write: %s", strerror(errno));
	close(fd);
	return ok;
}

static bool sync_folder(const char *path)
{
	struct arena mem = { .max = 0 };
	const char *folder = file_folder(&mem, path);
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	arena_free(&mem);
	return ok;
}

/* `there`: NULL where the file is new. */
static bool replace(const char *path, struct view bytes, const struct stat *there, struct error *e)
{
	char fresh[PATH_MAX + 8];

	snprintf(fresh, sizeof fresh, "%s.new", path);
	/* Of a run that was interrupted; never written through, for it may be a link. */
	if (unlink(fresh) != 0 && errno != ENOENT)
		return error_at(e, REASON_IO, fresh, 0, 0, "cannot be taken away: %s", strerror(errno));
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_at(e, REASON_IO, fresh, 0, 0, "cannot make: %s", strerror(errno));
	bool ok = write_whole(fd, bytes) &&
	          (!there || geteuid() != 0 || fchown(fd, there->st_uid, there->st_gid) == 0) &&
	          fchmod(fd, there ? there->st_mode & 0777 : 0644) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && rename(fresh, path) == 0 && sync_folder(path);
	if (!ok) {
		error_at(e, REASON_IO, path, 0, 0, "cannot write: %s", strerror(errno));
		unlink(fresh);
	}
	return ok;
}

bool file_replace(const char *path, struct view bytes, struct error *e)
{
	struct stat st;
	char *target;

	if (stat(path, &st) != 0)
		return replace(path, bytes, NULL, e);
	if (!S_ISREG(st.st_mode))
		return error_at(e, REASON_CONFIG, path, 0, 0, "is not a regular file");
	if (!(target = realpath(path, NULL)))
		return error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
	bool ok = replace(target, bytes, &st, e);
	free(target);
	return ok;
}

const char *file_folder(struct arena *mem, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return arena_str(mem, VIEW("."));
	return arena_str(mem, view_make(path, slash == path ? 1 : (size_t)(slash - path)));
}

const char *file_beside(struct arena *mem, const char *folder, const char *path)
{
	size_t n = path[0] == '/' ? 0 : strlen(folder) + 1, rest = strlen(path) + 1;
	char *out = arena_alloc(mem, n + rest);

	if (!out)
		return NULL;
	if (n > 0) {
		memcpy(out, folder, n - 1);
		out[n - 1] = '/';
	}
	memcpy(out + n, path, rest);
	return out;
}

bool file_each(const char *folder, const char *suffix, bool (*each)(void *arg, const char *name), void *arg,
               struct error *e)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, alphasort);
	bool go_on = true;

	if (n < 0)
		return error_at(e, errno_reason(errno), folder, 0, 0, "cannot list: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		size_t length = strlen(names[i]->d_name), tail = strlen(suffix);
		if (go_on && names[i]->d_name[0] != '.' && length > tail &&
		    strcmp(names[i]->d_name + length - tail, suffix) == 0)
			go_on = each(arg, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return go_on;
}
