/* The reading side of a backup's folder. See folder.h. */
#include "gatewayd/core/backup/folder_private.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "gatewayd/os/files.h"
#include "lib/base/encode.h"

static void half(const struct digest *d, char out[33])
{
	for (unsigned i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", d->b[i]);
}

void piece_name(const struct digest *file, char out[PIECE_NAME])
{
	char hex[33];

	half(file, hex);
	snprintf(out, PIECE_NAME, PIECE_FOLDER "/%s.cms", hex);
}

void backup_list_name(const struct digest *list, char out[48])
{
	char hex[33];

	half(list, hex);
	snprintf(out, 48, "pieces-%s", hex);
}

bool backup_path(const char *dir, const char *name, char out[PATH_MAX], struct error *e)
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ||
	       error_at(e, REASON_IO, dir, 0, 0, "the path is too long");
}

bool piece_take(struct view *list, struct piece *out, struct error *e)
{
	struct view line = view_cut(list, '\n'), rest = line;
	char want[PIECE_NAME];
	bool ok = digest_parse(view_cut(&rest, ' '), &out->file) && digest_parse(view_cut(&rest, ' '), &out->tag);

	/* Named after its digest: no list leads out of the folder. */
	piece_name(&out->file, want);
	if (!ok || !view_is(rest, want))
		return error_set(e, REASON_TAMPERED, "the backup's list of pieces is damaged");
	snprintf(out->name, sizeof out->name, "%s", want);
	return true;
}

/* A file that is missing, or too long, is not the one that was named. */
static bool read_named(const char *dir, const char *name, size_t max, const struct digest *want, struct buf *out,
                       struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	struct digest found;
	char path[PATH_MAX];

	if (!backup_path(dir, name, path, e))
		return false;
	size_t before = out->n;
	if (!file_read(path, max, out, &inner)) {
		bool gone = access(path, F_OK) != 0 || inner.reason == REASON_TOO_LARGE;
		return error_at(e, gone ? REASON_TAMPERED : inner.reason, path, 0, 0,
		                gone ? "is missing or too large: the backup is not whole" : "%s", inner.text);
	}
	sha256(view_from(buf_view(out), before), &found);
	return digest_eq(&found, want) ||
	       error_at(e, REASON_TAMPERED, path, 0, 0,
	                "is not the file that the backup was made of: it was altered or cut");
}

bool backup_manifest(const char *dir, const struct note_vkey *key, struct manifest *out, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	struct buf note = BUF_INIT(NOTE_MAX);
	char path[PATH_MAX];
	bool ok = backup_path(dir, "manifest", path, e) && file_read(path, NOTE_MAX, &note, e);

	if (ok && !manifest_parse(buf_view(&note), key, out, &inner))
		ok = error_at(e, inner.reason, path, 0, 0, "%s", inner.text);
	buf_free(&note);
	return ok;
}

bool backup_list(const char *dir, const struct manifest *m, struct buf *out, struct error *e)
{
	char name[48];

	backup_list_name(&m->pieces, name);
	return read_named(dir, name, LIST_MAX, &m->pieces, out, e);
}

static bool write_plain(int target, struct view plain, struct error *e)
{
	while (plain.n > 0) {
		ssize_t n = write(target, plain.p, plain.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(e, REASON_IO, "cannot write what is restored: %s", strerror(errno));
		plain = view_from(plain, (size_t)n);
	}
	return true;
}

/* *done: bytes of what was sealed, as far as they were opened. */
static bool read_piece(const char *dir, const struct piece *p, const struct envelope_opener *opener, int target,
                       uint64_t *done, struct error *e)
{
	struct buf message = BUF_INIT(MESSAGE_MAX), plain = BUF_INIT(PIECE_BYTES);
	struct error inner = { .reason = REASON_NONE };
	bool ok = read_named(dir, p->name, MESSAGE_MAX, &p->file, &message, e);

	if (ok && opener) {
		ok = envelope_open(opener, buf_view(&message), &plain, &inner) ||
		     error_at(e, inner.reason, p->name, 0, 0, "%s", inner.text);
		ok = ok && write_plain(target, buf_view(&plain), e);
		*done += plain.n;
	}
	buf_free(&message);
	buf_wipe(&plain);
	return ok;
}

static bool is_for(const struct manifest *m, const struct envelope_opener *opener, struct error *e)
{
	struct buf hex = BUF_INIT(65);

	if (!opener || digest_eq(&m->certificate, envelope_opener_digest(opener)))
		return true;
	digest_print(&hex, &m->certificate);
	error_set(e, REASON_CONFIG, "the backup is sealed to another certificate: to that with the SHA-256 %.*s",
	          VIEW_ARG(buf_view(&hex)));
	buf_free(&hex);
	return false;
}

bool backup_read(const char *dir, const struct manifest *m, const struct envelope_opener *opener, int target,
                 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *e)
{
	struct buf list = BUF_INIT(LIST_MAX);
	uint64_t done = 0, n = 0, want = (m->bytes + PIECE_BYTES - 1) / PIECE_BYTES;
	bool ok = is_for(m, opener, e) && backup_list(dir, m, &list, e);
	struct view rest = buf_view(&list);
	struct piece p;

	for (; ok && rest.n > 0; n++) {
		ok = piece_take(&rest, &p, e) && read_piece(dir, &p, opener, target, &done, e);
		if (ok && progress)
			progress(arg, n + 1 < want ? (n + 1) * PIECE_BYTES : m->bytes, m->bytes);
	}
	if (ok && (n != want || (opener && done != m->bytes)))
		ok = error_at(e, REASON_TAMPERED, dir, 0, 0, "the backup has another size than its manifest says");
	buf_free(&list);
	return ok;
}
