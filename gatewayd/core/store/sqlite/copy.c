/* A copy of the database while it is written, by the engine's backup calls (https://www.sqlite.org/backup.html), and its
 * check of all pages. The source is the connection that writes, so that what it commits between two steps is written into
 * the copy as well and no step begins anew; its read lock ends with each step, so that the write-ahead log can be moved.
 *
 * The copy needs no journal: one that was interrupted is no copy. It is brought to the disk once, at the end. */
#include "gatewayd/core/store/sqlite/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FINDINGS 100 /* that the engine looks for before it gives up */

struct copy_target {
	struct connection to; /* the copy's */
	struct sqlite3_backup *backup;
	char path[PATH_MAX];
	bool whole;
};

static void target_free(struct copy_target *t)
{
	sqlite3_backup_finish(t->backup);
	sqlite3_close(t->to.db);
	free(t);
}

static bool make_file(const char *path, struct error *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_at(e, REASON_STORE, path, 0, 0, "a copy of the store cannot be made: %s", strerror(errno));
	close(fd);
	return true;
}

struct copy_target *sqlite_copy_begin(struct connection *c, const char *place, struct error *e)
{
	struct copy_target *t = calloc(1, sizeof *t);

	if (!t || snprintf(t->path, sizeof t->path, "%s", place) >= (int)sizeof t->path) {
		error_set(e, REASON_NO_MEMORY, "no memory for a copy of the store");
		free(t);
		return NULL;
	}
	if (!make_file(place, e))
		goto fail;
	if (sqlite3_open_v2(place, &t->to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(t->to.db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL) !=
	            SQLITE_OK ||
	    !(t->backup = sqlite3_backup_init(t->to.db, "main", c->db, "main"))) {
		error_at(e, REASON_STORE, place, 0, 0, "a copy of the store cannot be made: %s",
		         t->to.db ? sqlite3_errmsg(t->to.db) : "no memory");
		goto fail;
	}
	return t;
fail:
	target_free(t);
	return NULL;
}

bool sqlite_copy_step(struct copy_target *t, unsigned pages, struct copy_progress *out, struct error *e)
{
	int rc = sqlite3_backup_step(t->backup, (int)pages);
	int total = sqlite3_backup_pagecount(t->backup), left = sqlite3_backup_remaining(t->backup);

	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return error_at(e, REASON_STORE, t->path, 0, 0, "a copy of the store cannot be made: %s",
		                sqlite3_errstr(rc));
	t->whole = rc == SQLITE_DONE;
	out->total = (uint64_t)total + !t->whole;
	out->done = t->whole ? out->total : (uint64_t)(total - left);
	return true;
}

/* The file, and the folder that names it. */
static bool bring_to_disk(const char *path, struct error *e)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	bool ok = true;

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	for (int i = 0; i < 2 && ok; i++) {
		int fd = open(i == 0 ? path : folder, O_RDONLY | O_CLOEXEC);
		ok = fd >= 0 && fsync(fd) == 0;
		if (!ok)
			error_at(e, REASON_STORE, path, 0, 0, "a copy of the store cannot be synced: %s",
			         strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return ok;
}

bool sqlite_copy_end(struct copy_target *t, struct error *e)
{
	char path[PATH_MAX];
	bool whole;

	if (!t)
		return true;
	snprintf(path, sizeof path, "%s", t->path);
	whole = t->whole;
	target_free(t);
	return !whole || bring_to_disk(path, e);
}

bool sqlite_integrity(struct connection *c, bool (*each)(void *arg, struct view what), void *arg, struct error *e)
{
	struct sqlite3_stmt *q = NULL;
	char text[64];
	int rc;

	snprintf(text, sizeof text, "PRAGMA integrity_check(%d)", FINDINGS);
	if (sqlite3_prepare_v2(c->db, text, -1, &q, NULL) != SQLITE_OK)
		return sqlite_fail(c, e);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		const char *what = (const char *)sqlite3_column_text(q, 0);

		if (what && strcmp(what, "ok") != 0 && !each(arg, view_of(what)))
			break;
	}
	sqlite3_finalize(q);
	/* A page that cannot be read at all ends the check: that is a finding, too. */
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		each(arg, view_of(sqlite3_errstr(rc)));
	return true;
}
