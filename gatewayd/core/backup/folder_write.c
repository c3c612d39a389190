/* The writing side of a backup's folder. See folder.h. */
#include "gatewayd/core/backup/folder_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/os/files.h"

/* The backup that is there, and what the new one has by now. */
struct writing {
	const struct backup_writing *w;
	struct buf before; /* its list; empty: none whose pieces can be used */
	struct buf list;
	char *plain;
	struct buf message;
	struct backup_written done;
};

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, REASON_IO, path, 0, 0, "%s: %s", what, strerror(errno));
}

static bool sync_folder(const char *dir, struct error *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		fail(e, dir, "cannot sync the backup's folder");
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool write_bytes(int fd, struct view bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = view_from(bytes, (size_t)n);
	}
	return true;
}

/* Written beside, synced, renamed. */
static bool put_file(const char *dir, const char *name, struct view bytes, struct error *e)
{
	char path[PATH_MAX], beside[PATH_MAX + 8];

	if (!backup_path(dir, name, path, e))
		return false;
	snprintf(beside, sizeof beside, "%s.new", path);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(e, beside, "cannot write the backup");
	bool ok = write_bytes(fd, bytes) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (ok && rename(beside, path) == 0)
		return true;
	fail(e, path, "cannot write the backup");
	unlink(beside);
	return false;
}

/* --- what is there --- */

/* Whether nothing is in a folder that says nothing of a backup. */
static bool is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool empty = d != NULL;

	while (d && (entry = readdir(d)))
		empty = empty && (entry->d_name[0] == '.' || strcmp(entry->d_name, PIECE_FOLDER) == 0 ||
		                  strncmp(entry->d_name, PIECE_FOLDER "-", sizeof PIECE_FOLDER) == 0);
	if (d)
		closedir(d);
	return empty;
}

static bool make_folders(const char *dir, struct error *e)
{
	char path[PATH_MAX];

	if (!backup_path(dir, PIECE_FOLDER, path, e))
		return false;
	return ((mkdir(dir, 0700) == 0 || errno == EEXIST) && (mkdir(path, 0700) == 0 || errno == EEXIST)) ||
	       fail(e, dir, "cannot make the backup's folder");
}

/* Pieces that are sealed to another certificate are made anew, and so are all of a list that cannot be read. */
static bool look(struct writing *x, struct error *e)
{
	const struct backup_writing *w = x->w;
	struct error none = { .reason = REASON_NONE };
	struct manifest before;
	char path[PATH_MAX];

	if (!backup_path(w->dir, "manifest", path, e))
		return false;
	if (access(path, F_OK) != 0)
		return is_empty(w->dir) || error_at(e, REASON_CONFIG, w->dir, 0, 0,
		                                    "holds other files and no backup: name a folder of its own");
	if (!backup_manifest(w->dir, NULL, &before, &none))
		return true;
	if (memcmp(&before.id, &w->manifest.id, sizeof before.id) != 0 || before.kind != w->manifest.kind)
		return error_at(e, REASON_CONFIG, w->dir, 0, 0,
		                "holds the backup of another node, or of something else: name a folder of its own");
	/* Only by our own signature: what is taken over is signed again. */
	if (backup_manifest(w->dir, &w->signer->vkey, &before, &none) &&
	    digest_eq(&before.certificate, &w->manifest.certificate) &&
	    !backup_list(w->dir, &before, &x->before, &none))
		buf_reset(&x->before);
	return true;
}

/* --- pieces --- */

/* The piece of the backup before at the same place, when it holds the same and its file is whole. */
static bool reuse(struct writing *x, const struct piece *old, const struct digest *tag)
{
	struct buf file = BUF_INIT(MESSAGE_MAX);
	struct digest found;
	char path[PATH_MAX];
	bool same = digest_eq(&old->tag, tag) && backup_path(x->w->dir, old->name, path, NULL) &&
	            file_read(path, MESSAGE_MAX, &file, NULL);

	if (same)
		sha256(buf_view(&file), &found);
	buf_free(&file);
	return same && digest_eq(&found, &old->file);
}

static bool put_piece(struct writing *x, struct view plain, struct piece *p, struct error *e)
{
	buf_reset(&x->message);
	if (!envelope_seal(x->w->to, plain, &x->message, e))
		return false;
	sha256(buf_view(&x->message), &p->file);
	piece_name(&p->file, p->name);
	x->done.written++;
	return put_file(x->w->dir, p->name, buf_view(&x->message), e);
}

static bool read_plain(const struct writing *x, uint64_t at, size_t n, struct error *e)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = pread(x->w->source, x->plain + got, n - got, (off_t)(at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return error_set(e, REASON_IO, "cannot read what is backed up");
		got += (size_t)k;
	}
	return true;
}

static bool write_piece(struct writing *x, uint64_t at, size_t n, struct view *before, struct error *e)
{
	struct piece old = { .name = "" }, p = { .name = "" };
	struct view plain = view_make(x->plain, n);

	if (!read_plain(x, at, n, e))
		return false;
	hmac_parts(x->w->tags, &plain, 1, &p.tag);
	struct digest tag = p.tag;
	if (before->n > 0 && !piece_take(before, &old, NULL))
		*before = VIEW("");
	if (old.name[0] && reuse(x, &old, &tag))
		p = old;
	else if (!put_piece(x, plain, &p, e))
		return false;
	x->done.pieces++;
	digest_print(&x->list, &p.file);
	buf_addc(&x->list, ' ');
	digest_print(&x->list, &p.tag);
	buf_addf(&x->list, " %s\n", p.name);
	return !x->list.failed || error_set(e, REASON_TOO_LARGE, "the backup has too many pieces");
}

static bool write_pieces(struct writing *x, struct error *e)
{
	uint64_t bytes = x->w->manifest.bytes;
	struct view before = buf_view(&x->before);

	for (uint64_t at = 0; at < bytes; at += PIECE_BYTES) {
		size_t n = bytes - at < PIECE_BYTES ? (size_t)(bytes - at) : PIECE_BYTES;
		if (!write_piece(x, at, n, &before, e))
			return false;
		if (x->w->progress)
			x->w->progress(x->w->arg, at + n, bytes);
	}
	return true;
}

/* --- the switch, and what it leaves --- */

static bool switch_over(struct writing *x, struct error *e)
{
	struct manifest m = x->w->manifest;
	struct buf note = BUF_INIT(NOTE_MAX);
	char name[48], path[PATH_MAX];

	sha256(buf_view(&x->list), &m.pieces);
	backup_list_name(&m.pieces, name);
	bool ok = put_file(x->w->dir, name, buf_view(&x->list), e) && backup_path(x->w->dir, PIECE_FOLDER, path, e) &&
	          sync_folder(path, e) && manifest_print(&m, x->w->signer, &note, e) &&
	          put_file(x->w->dir, "manifest", buf_view(&note), e) && sync_folder(x->w->dir, e);
	buf_free(&note);
	return ok;
}

static bool keep_listed(const struct buf *list, const char *name)
{
	return memmem(list->p ? list->p : "", list->n, name, strlen(name)) != NULL;
}

/* What cannot be removed now is at the next run. */
static void tidy(struct writing *x)
{
	char path[PATH_MAX], name[PATH_MAX], current[48];
	struct digest list;
	struct dirent *entry;
	DIR *d = backup_path(x->w->dir, PIECE_FOLDER, path, NULL) ? opendir(path) : NULL;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && !keep_listed(&x->list, entry->d_name) &&
		    backup_path(path, entry->d_name, name, NULL))
			unlink(name);
	if (d)
		closedir(d);
	sha256(buf_view(&x->list), &list);
	backup_list_name(&list, current);
	d = opendir(x->w->dir);
	while (d && (entry = readdir(d)))
		if (strncmp(entry->d_name, PIECE_FOLDER "-", sizeof PIECE_FOLDER) == 0 &&
		    strcmp(entry->d_name, current) != 0 && backup_path(x->w->dir, entry->d_name, name, NULL))
			unlink(name);
	if (d)
		closedir(d);
}

bool backup_write(const struct backup_writing *w, struct backup_written *out, struct error *e)
{
	struct backup_writing mine = *w;
	struct writing x = { .w = &mine,
		             .before = BUF_INIT(LIST_MAX),
		             .list = BUF_INIT(LIST_MAX),
		             .plain = malloc(PIECE_BYTES),
		             .message = BUF_INIT(MESSAGE_MAX) };

	mine.manifest.certificate = *envelope_recipient_digest(w->to);
	bool ok = (x.plain || error_set(e, REASON_NO_MEMORY, "no memory for a backup")) && make_folders(w->dir, e) &&
	          look(&x, e) && write_pieces(&x, e) && switch_over(&x, e);
	if (ok) {
		tidy(&x);
		*out = x.done;
	}
	if (x.plain)
		wipe(x.plain, PIECE_BYTES);
	free(x.plain);
	buf_free(&x.before);
	buf_free(&x.list);
	buf_free(&x.message);
	return ok;
}
