/* See secret_file.h. */
#include "gatewayd/os/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/errno_reason.h"
#include "lib/base/encode.h"

#define LINE_MAX_BYTES (2 * sizeof(((struct secret *)0)->b) + 2)

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, errno_reason(errno), path, 0, 0, "%s: %s", what, strerror(errno));
}

static bool check_private(int fd, const char *path, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, path, "cannot look at the secret");
	if (!S_ISREG(st.st_mode))
		return error_at(e, REASON_CONFIG, path, 0, 0, "a secret must be a regular file");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_at(e, REASON_CONFIG, path, 0, 0, "the secret belongs to another user");
	if ((st.st_mode & 0037) != 0 || ((st.st_mode & 0040) != 0 && st.st_uid != 0))
		return error_at(e, REASON_CONFIG, path, 0, 0, "others may read or write the secret (mode %03o)",
		                st.st_mode & 0777);
	return true;
}

bool secret_read(const char *path, size_t want, struct secret *out, struct error *e)
{
	char text[LINE_MAX_BYTES + 1];
	struct secret s = { .n = 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
	bool ok = false;

	if (fd < 0)
		return fail(e, path, "cannot open the secret");
	if (!check_private(fd, path, e))
		goto out;
	ssize_t n = read(fd, text, sizeof text);
	if (n < 0) {
		fail(e, path, "cannot read the secret");
		goto out;
	}
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (!hex_decode(view_make(text, (size_t)n), s.b, sizeof s.b, &s.n) || s.n == 0)
		error_at(e, REASON_CONFIG, path, 0, 0, "a secret is one line of at most %zu hex digits",
		         2 * sizeof s.b);
	else if (want != 0 && s.n != want)
		error_at(e, REASON_CONFIG, path, 0, 0, "the secret has %zu bytes, %zu are wanted", s.n, want);
	else
		ok = true;
	if (ok)
		*out = s;
out:
	close(fd);
	wipe(text, sizeof text);
	secret_wipe(&s);
	return ok;
}

bool secret_write_new(const char *path, const struct secret *s, struct error *e)
{
	struct buf text = BUF_INIT(LINE_MAX_BYTES);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail(e, path, "cannot make the secret's file");
	hex_encode(&text, view_make(s->b, s->n));
	buf_addc(&text, '\n');
	bool ok = !text.failed && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
	if (!ok) {
		fail(e, path, "cannot write the secret");
		unlink(path);
	}
	close(fd);
	buf_wipe(&text);
	return ok;
}
