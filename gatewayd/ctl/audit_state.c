/* What a verification found whole, kept in a file, so that the next one goes on from there: the log's signed checkpoint, and
 * when. The right edge is not kept: the log's tiles must give that checkpoint's root. The file is the auditor's own memory;
 * what it says of the log counts only as far as the log's key signed it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/os/files.h"
#include "lib/base/datetime.h"

#define FORMAT 1

static bool not_state(const char *path, struct error *e)
{
	return error_at(e, REASON_CONFIG, path, 0, 0,
	                "is not what audit verify --state writes: put back what was there, or verify the whole log "
	                "into a new file");
}

static bool read_document(const char *path, struct audit_state *s, struct error *e)
{
	struct buf text = BUF_INIT(2 * NOTE_MAX);
	const char *note, *when;
	json_int_t format;
	bool ok = file_read(path, 2 * NOTE_MAX, &text, e);
	json_t *doc = ok ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (ok &&
	    (json_unpack(doc, "{s:I, s:s, s:s !}", "format", &format, "verified", &when, "checkpoint", &note) != 0 ||
	     format != FORMAT || !time_parse(view_of(when), &s->verified_ms)))
		ok = not_state(path, e);
	if (ok) {
		s->note = BUF_INIT(NOTE_MAX);
		buf_adds(&s->note, note);
		ok = !s->note.failed || error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
	}
	json_decref(doc);
	buf_free(&text);
	return ok;
}

bool audit_state_load(const char *path, const struct audit_keys *k, struct audit_state *s, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	const struct note_vkey *signer;
	struct stat st;

	*s = (struct audit_state){ .there = false };
	if (stat(path, &st) != 0)
		return errno == ENOENT || error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
	if (!read_document(path, s, e))
		return false;
	/* The log's own signature is enough: witnesses may have been behind when it was verified. */
	if (!audit_keys_open(k, buf_view(&s->note), &s->checkpoint, &signer, NULL, &inner) &&
	    inner.reason != REASON_NOT_COSIGNED)
		return error_at(
		        e, REASON_CONFIG, path, 0, 0,
		        "is of another log, or was altered: %s. Another log, as that of a new epoch, has a state "
		        "of its own",
		        inner.text);
	s->there = true;
	return true;
}

void audit_state_free(struct audit_state *s)
{
	buf_free(&s->note);
}

static bool replace(const char *path, struct view bytes, struct error *e)
{
	struct arena mem = { 0 };
	char fresh[PATH_MAX];
	const char *folder = file_folder(&mem, path);
	int dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool ok = dir >= 0 && snprintf(fresh, sizeof fresh, "%s.new", path) < (int)sizeof fresh;

	if (!ok) {
		error_at(e, REASON_IO, path, 0, 0, "cannot be written: %s", strerror(errno));
	} else {
		unlink(fresh); /* of a run that was killed */
		ok = file_write_new(fresh, bytes, 0644, e) &&
		     ((rename(fresh, path) == 0 && fsync(dir) == 0) ||
		      error_at(e, REASON_IO, path, 0, 0, "cannot be put in place: %s", strerror(errno)));
	}
	if (dir >= 0)
		close(dir);
	arena_free(&mem);
	return ok;
}

bool audit_state_save(const char *path, struct view note, int64_t now_ms, struct error *e)
{
	char when[TIME_TEXT + 1];

	time_print(now_ms, when);
	json_t *doc = json_pack("{s:i, s:s, s:s%}", "format", FORMAT, "verified", when, "checkpoint", note.p, note.n);
	char *text = doc ? json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
	struct buf line = BUF_INIT(4 * NOTE_MAX);

	if (text)
		buf_addf(&line, "%s\n", text);
	bool ok = text && !line.failed ? replace(path, buf_view(&line), e)
	                               : error_set(e, REASON_NO_MEMORY, "no memory for what was verified");
	buf_free(&line);
	free(text);
	json_decref(doc);
	return ok;
}
