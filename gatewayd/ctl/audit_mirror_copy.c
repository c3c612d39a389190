/* See audit_mirror_private.h. In this order, so that whoever reads the folder at any moment finds a whole log, and a
 * cosignature says what is on the disk:
 *
 *   entries and tiles that are new ─▶ verified from the folder ─▶ on the disk ─▶ cosigned ─▶ checkpoints */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/audit_files.h"
#include "gatewayd/ctl/audit_mirror_private.h"
#include "gatewayd/os/files.h"
#include "lib/base/datetime.h"

#define PATHS_MAX (64u * 1024 * 1024)

/* The newest checkpoint that is kept, and the size of the one that `checkpoint` is. */
struct kept {
	struct buf note, other;
	struct checkpoint c;
	struct audit_kept sizes;
};

static bool open_if_there(struct view note, const struct note_vkey *key, struct checkpoint *out, struct error *e)
{
	return note.n == 0 || checkpoint_open(note, key, out, e);
}

/* That folder is the mirror's own; a checkpoint in it that the log's key did not sign was put there by somebody else. */
static bool kept_read(const struct mirror_log *l, struct kept *k, struct error *e)
{
	struct checkpoint cosigned = { .size = 0 };
	char path[PATH_MAX];
	struct stat st;

	*k = (struct kept){ .note = BUF_INIT(NOTE_MAX), .other = BUF_INIT(NOTE_MAX) };
	snprintf(path, sizeof path, "%s/checkpoint", l->dir);
	if (stat(path, &st) != 0)
		return errno == ENOENT || error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
	struct audit_files *f = audit_files_open(l->dir, NULL, e);
	bool ok = f && audit_files_checkpoints(f, &k->other, &k->note, e) &&
	          open_if_there(buf_view(&k->note), l->key, &k->c, e) &&
	          open_if_there(buf_view(&k->other), l->key, &cosigned, e);
	audit_files_close(f);
	k->sizes = (struct audit_kept){ .newest = k->c.size, .cosigned = cosigned.size };
	return ok;
}

static void kept_free(struct kept *k)
{
	buf_free(&k->note);
	buf_free(&k->other);
}

/* --- what contradicts --- */

/* Both checkpoints, as POST /evidence of a gateway takes them; named by the digest of the one that was shown. */
static void keep_evidence(const struct mirror_log *l, const struct kept *k, struct view shown)
{
	struct error e = { .reason = REASON_NONE };
	struct buf both = BUF_INIT(2 * NOTE_MAX + 2), name = BUF_INIT(80);
	struct digest d;
	char path[PATH_MAX];

	sha256(shown, &d);
	digest_print(&name, &d);
	buf_add(&both, buf_view(&k->note));
	if (both.n > 0)
		buf_addc(&both, '\n');
	buf_add(&both, shown);
	snprintf(path, sizeof path, "%s/evidence/%.16s", l->dir, name.p);
	if (both.failed || !audit_write_file(path, buf_view(&both), &e))
		fprintf(stderr, "gatewayctl: the evidence could not be kept: %s\n", e.text);
	buf_free(&both);
	buf_free(&name);
}

static bool contradicts(const struct kept *k, const struct checkpoint *now, struct error *e)
{
	if (now->size < k->c.size)
		error_set(e, REASON_TAMPERED,
		          "the log went back: %llu entries are kept here, its newest checkpoint covers %llu",
		          (unsigned long long)k->c.size, (unsigned long long)now->size);
	else if (now->size == k->c.size && k->c.size > 0 && !digest_eq(&now->root, &k->c.root))
		error_set(
		        e, REASON_TAMPERED,
		        "the log forked: its checkpoint of %llu entries has another root than the one that is kept here",
		        (unsigned long long)now->size);
	return e->reason == REASON_TAMPERED;
}

/* --- what is new --- */

static void unlink_written(const struct buf *written)
{
	for (size_t at = 0; at < written->n; at += strlen(written->p + at) + 1)
		unlink(written->p + at);
}

/* From the folder, and not from what serves it: that could say something else the second time. */
static bool verify_copy(const struct mirror_log *l, const struct kept *k, const struct audit_source *from,
                        const struct audit_judged *j, struct error *e)
{
	struct audit_source *copy = audit_source_over(l->dir, audit_source_note(from), audit_source_cosigned(from), e);
	struct verify_source callbacks;
	struct verify_report r;

	if (!copy)
		return false;
	audit_source_callbacks(copy, &callbacks);
	callbacks.disclosures = false;
	callbacks.verified = k->c.size > 0 ? &k->c : NULL;
	bool ok = audit_verify_judged(j, NULL, &callbacks, &r, e);
	audit_source_close(copy);
	return ok;
}

static bool sync_all(const char *dir, struct error *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && syncfs(fd) == 0;

	if (!ok)
		error_at(e, REASON_IO, dir, 0, 0, "cannot be synced: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool copy_new(const struct mirror_log *l, const struct kept *k, struct audit_source *from,
                     const struct audit_judged *j, struct error *e)
{
	struct buf written = BUF_INIT(PATHS_MAX);
	bool ok = audit_export_tree(from, l->dir, &k->sizes, &written, e) && verify_copy(l, k, from, j, e) &&
	          sync_all(l->dir, e);

	if (!ok)
		unlink_written(&written);
	buf_free(&written);
	return ok;
}

/* --- checkpoints --- */

/* The note, with the mirror's cosignature behind the signatures that it has. */
static bool put_note(const struct mirror *m, const struct mirror_log *l, const char *name, struct view note,
                     int64_t now_ms, struct error *e)
{
	struct buf out = BUF_INIT(NOTE_MAX);
	struct view text, signatures;
	char path[PATH_MAX];

	buf_add(&out, note);
	bool ok = note_split(note, &text, &signatures, e) &&
	          (!m->signer || note_cosign(m->signer, text, (uint64_t)now_ms / 1000, &out) ||
	           error_set(e, REASON_CRYPTO, "the checkpoint could not be cosigned"));
	snprintf(path, sizeof path, "%s/%s", l->dir, name);
	ok = ok && (!out.failed || error_set(e, REASON_LIMIT, "the checkpoint has no room for a cosignature")) &&
	     audit_write_file(path, buf_view(&out), e);
	buf_free(&out);
	return ok;
}

/* The size of what `checkpoint` is. */
static uint64_t shown_size(const struct kept *k)
{
	return k->sizes.cosigned ? k->sizes.cosigned : k->c.size;
}

/* As audit export has them: `newest` beside the one that witnesses cosigned, where it is ahead. What was cosigned once is
 * not taken back. */
static bool put_checkpoints(const struct mirror *m, const struct mirror_log *l, const struct kept *k,
                            const struct audit_source *from, const struct audit_judged *j, int64_t now_ms,
                            struct error *e)
{
	char path[PATH_MAX];

	if (j->accepted.size < shown_size(k))
		return j->newest.size == shown_size(k) || put_note(m, l, "newest", audit_source_note(from), now_ms, e);
	if (j->accepted.size < j->newest.size)
		return put_note(m, l, "newest", audit_source_note(from), now_ms, e) &&
		       put_note(m, l, "checkpoint", audit_source_cosigned(from), now_ms, e);
	if (!put_note(m, l, "checkpoint", audit_source_note(from), now_ms, e))
		return false;
	snprintf(path, sizeof path, "%s/newest", l->dir);
	return unlink(path) == 0 || errno == ENOENT || error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
}

/* Of tiles that are full now: whoever asks for a partial one finds the full one (C2SP tlog-tiles). */
static void drop_partial(const struct mirror_log *l, bool entries, unsigned level, uint64_t index)
{
	struct tlog_tile t = { .entries = entries, .level = level, .index = index, .width = TLOG_TILE_WIDTH };
	struct buf name = BUF_INIT(200);
	char folder[PATH_MAX - 10], path[PATH_MAX];

	tlog_tile_path(&t, &name);
	snprintf(folder, sizeof folder, "%s/%.*s.p", l->dir, VIEW_ARG(buf_view(&name)));
	buf_free(&name);
	if (access(folder, F_OK) != 0)
		return;
	for (unsigned width = 1; width < TLOG_TILE_WIDTH; width++) {
		snprintf(path, sizeof path, "%s/%u", folder, width);
		unlink(path);
	}
	rmdir(folder);
}

static void drop_partials(const struct mirror_log *l, uint64_t before, uint64_t now)
{
	for (unsigned level = 0; level < 7; level++)
		for (uint64_t i = before >> (8 * level + 8); i < now >> (8 * level + 8); i++) {
			drop_partial(l, false, level, i);
			if (level == 0)
				drop_partial(l, true, 0, i);
		}
}

/* --- one look --- */

static enum mirrored state_of(const struct error *e)
{
	if (e->reason == REASON_TAMPERED)
		return MIRRORED_ALTERED;
	return e->reason == REASON_UNAVAILABLE || e->reason == REASON_NOT_FOUND ? MIRRORED_UNREACHABLE
	                                                                        : MIRRORED_FAILED;
}

static enum mirrored take(const struct mirror *m, struct mirror_log *l, const struct kept *k, struct audit_source *from,
                          int64_t now_ms, struct error *e)
{
	struct audit_judged j;

	if (!audit_judge(m->keys, from, &j, e))
		return e->reason == REASON_NOT_COSIGNED ? MIRRORED_NOT_COSIGNED : state_of(e);
	if (j.signer != l->key) {
		error_set(e, REASON_TAMPERED, "the log %.*s is served there", VIEW_ARG(j.newest.origin));
		return MIRRORED_ALTERED;
	}
	/* The second shows what contradicts; the first cannot be for another reason. */
	if (contradicts(k, &j.newest, e) ||
	    (j.newest.size > k->c.size && !copy_new(l, k, from, &j, e) && e->reason == REASON_TAMPERED)) {
		keep_evidence(l, k, audit_source_note(from));
		return MIRRORED_ALTERED;
	}
	if (e->reason != REASON_NONE || !put_checkpoints(m, l, k, from, &j, now_ms, e))
		return state_of(e);
	l->size = j.newest.size;
	drop_partials(l, shown_size(k), j.accepted.size);
	return j.newest.size > k->c.size ? MIRRORED_GREW : MIRRORED_SAME;
}

/* When it was there and whole last: its checkpoint is put in place each time. */
static int64_t seen_ms(const struct mirror_log *l)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/checkpoint", l->dir);
	return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 : TIME_NONE;
}

void mirror_update(const struct mirror *m, struct mirror_log *l, int64_t now_ms)
{
	struct audit_source *from = NULL;
	struct kept k;

	l->error = (struct error){ .reason = REASON_NONE };
	bool ok = kept_read(l, &k, &l->error);
	l->size = k.c.size;
	if (!ok) {
		l->state = MIRRORED_FAILED;
	} else if (!(from = audit_source_open(l->url, m->access, &l->error))) {
		l->state = l->error.reason == REASON_TAMPERED ? MIRRORED_ALTERED
		           : l->error.reason == REASON_CONFIG ? MIRRORED_FAILED
		                                              : MIRRORED_UNREACHABLE;
	} else {
		l->state = take(m, l, &k, from, now_ms, &l->error);
	}
	audit_source_close(from);
	kept_free(&k);
	l->seen_ms = seen_ms(l);
	bool away = l->state == MIRRORED_UNREACHABLE || l->state == MIRRORED_NOT_COSIGNED;
	if (away && m->silence_ms && l->seen_ms != TIME_NONE && now_ms - l->seen_ms > m->silence_ms)
		l->state = MIRRORED_SILENT;
}
