/* See inbox_fetch.h. */
#include "gatewayd/ctl/inbox_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/os/files.h"

static bool io_failed(const char *folder, const char *what, struct error *e)
{
	return error_at(e, REASON_IO, folder, 0, 0, "%s: %s", what, strerror(errno));
}

/* Under another name first, then renamed. One that a run that was killed left behind is removed. */
static bool write_item(int dir, const char *folder, const struct inbox_item *i, struct error *e)
{
	char name[40], new_name[40], path[4200];

	snprintf(name, sizeof name, "%" PRIu64 ".json", i->id);
	snprintf(new_name, sizeof new_name, ".%" PRIu64 ".new", i->id);
	if (snprintf(path, sizeof path, "%s/%s", folder, new_name) >= (int)sizeof path)
		return error_set(e, REASON_IO, "the path is too long");
	if (unlinkat(dir, new_name, 0) != 0 && errno != ENOENT)
		return io_failed(folder, "cannot remove what was left there", e);
	return file_write_new(path, i->text, 0600, e) &&
	       (renameat(dir, new_name, dir, name) == 0 || io_failed(folder, "cannot rename a file", e)) &&
	       (fsync(dir) == 0 || io_failed(folder, "cannot sync", e));
}

bool inbox_fetch(struct inbox *in, const char *folder, bool ack, struct inbox_fetched *done, struct error *e)
{
	/* A folder that is there is taken as it is; a new one is its owner's alone, as the records are. */
	bool made = mkdir(folder, 0700) == 0 || errno == EEXIST;
	int dir = made ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct inbox_item item;
	struct buf answer = BUF_INIT(1);
	bool ok = true, first;

	if (dir < 0)
		return io_failed(folder, "cannot open", e);
	while (ok && inbox_next(in, &item, e)) {
		ok = write_item(dir, folder, &item, e);
		done->n += ok;
		done->duties += ok && !item.record;
		if (ok && ack && item.record) {
			ok = inbox_ack(in->https, item.id, VIEW(""), &answer, &first, e);
			done->acknowledged += ok;
			buf_free(&answer);
		}
	}
	close(dir);
	return ok && e->reason == REASON_NONE;
}
