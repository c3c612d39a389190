/* The folder and its archive. See evidence.h. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/ctl/evidence.h"
#include "gatewayd/os/files.h"

extern char **environ;

bool evidence_open(struct evidence *x, const char *exchange, struct error *e)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(x->name, sizeof x->name, "evidence-%.36s", exchange);
	if (snprintf(x->folder, sizeof x->folder, "%s/evidence-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp") < 0 ||
	    !mkdtemp(x->folder)) {
		x->folder[0] = '\0';
		return error_set(e, REASON_IO, "cannot make a temporary folder: %s", strerror(errno));
	}
	return true;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void evidence_close(struct evidence *x)
{
	if (x->folder[0] && nftw(x->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fprintf(stderr, "gatewayctl: %s could not be removed: %s\n", x->folder, strerror(errno));
	store_close(x->store);
}

bool evidence_put(const struct evidence *x, struct view bytes, struct error *e, const char *path, ...)
{
	char below[300], whole[PATH_MAX];
	va_list ap;

	va_start(ap, path);
	vsnprintf(below, sizeof below, path, ap);
	va_end(ap);
	return snprintf(whole, sizeof whole, "%s/%s/%s", x->folder, x->name, below) < (int)sizeof whole
	               ? audit_write_file(whole, bytes, e)
	               : error_set(e, REASON_IO, "a path is too long");
}

void evidence_lacks(struct evidence *x, const char *text, ...)
{
	va_list ap;

	if (x->n_missing == EVIDENCE_MISSING_MAX)
		return;
	va_start(ap, text);
	vsnprintf(x->missing[x->n_missing++], sizeof x->missing[0], text, ap);
	va_end(ap);
}

/* The same files give the same archive. */
bool evidence_pack(const struct evidence *x, const char *out, struct error *e)
{
	char *argv[] = { (char[]){ "tar" },
		         (char[]){ "--create" },
		         (char[]){ "--format=ustar" },
		         (char[]){ "--sort=name" },
		         (char[]){ "--owner=0" },
		         (char[]){ "--group=0" },
		         (char[]){ "--numeric-owner" },
		         (char[]){ "--mtime=@0" },
		         (char[]){ "--mode=u=rwX,go=" },
		         (char[]){ "--force-local" },
		         (char[]){ "--file" },
		         strdup(out),
		         (char[]){ "--directory" },
		         strdup(x->folder),
		         strdup(x->name),
		         NULL };
	bool ok = argv[11] && argv[13] && argv[14] ? file_write_new(out, VIEW(""), 0600, e)
	                                           : error_set(e, REASON_NO_MEMORY, "memory ran out"),
	     made = ok;
	int status = 0;
	pid_t pid;

	if (ok) {
		int failed = posix_spawnp(&pid, "tar", NULL, NULL, argv, environ);
		if (failed)
			ok = error_set(e, REASON_IO, "tar cannot be run: %s", strerror(failed));
		else if (waitpid(pid, &status, 0) != pid || status != 0)
			ok = error_set(e, REASON_IO, "tar could not write %s", out);
	}
	if (made && !ok)
		unlink(out);
	free(argv[11]);
	free(argv[13]);
	free(argv[14]);
	return ok;
}
