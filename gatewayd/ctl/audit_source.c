/* A log to read: its files, in a folder or at a server, or a store. See audit_files.h, and audit_source_beside.c for what lies
 * beside the log. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/ctl/audit_source_private.h"
#include "lib/base/wire.h"

#define BUNDLE_MAX (TLOG_TILE_WIDTH * (2 + 65535))
#define ROWS_MAX   (64 * 1024 * 1024)
#define BATCH      256

bool source_take_file(struct audit_source *s, const char *name, size_t max, struct buf *out, struct error *e)
{
	return audit_files_take(s->files, name, max, out, e);
}

/* A tile or bundle: under its partial name, or the full one that may have taken its place. */
static bool read_named(const struct audit_source *s, struct tlog_tile t, const char *folder, size_t max, char **out,
                       size_t *n, struct error *e)
{
	for (;; t.width = TLOG_TILE_WIDTH) {
		char text[400];
		struct buf b = BUF_INIT(sizeof text - 1);
		struct error inner = { 0 };

		tlog_tile_path(&t, &b);
		buf_addc(&b, '\0');
		if (b.failed)
			return error_set(e, REASON_IO, "a path is too long");
		snprintf(text, sizeof text, "%s%s", folder, b.p + (folder[0] ? strlen("tile/entries/") : 0));
		buf_free(&b);
		if (audit_files_read(s->files, text, max, out, n, &inner))
			return true;
		if (inner.reason != REASON_NOT_FOUND || t.width == TLOG_TILE_WIDTH)
			return error_set(e, inner.reason, "%s", inner.text);
	}
}

static struct audit_source *source_free_null(struct audit_source *s)
{
	audit_source_close(s);
	return NULL;
}

static bool open_files(struct audit_source *s, const char *path, struct connection *access, struct error *e)
{
	s->files = audit_files_open(path, access, e);
	if (!s->files)
		return false;
	s->disclosures = audit_files_disclosures(s->files);
	return audit_files_checkpoints(s->files, &s->cosigned, &s->note, e);
}

/* Whether the log that the store's verbs are about ends its origin in this epoch. */
static bool is_epoch(struct store *store, struct view epoch)
{
	struct store_log_row row;
	struct view origin = VIEW(""), note;
	uint64_t size;

	if (store_get_log(store, &row, NULL))
		origin = row.origin;
	else if (store_last_checkpoint(store, &size, &note, NULL))
		origin = view_cut(&note, '\n');
	return origin.n > epoch.n && origin.p[origin.n - epoch.n - 1] == '/' &&
	       view_eq(view_from(origin, origin.n - epoch.n), epoch);
}

static bool use_epoch(struct store *store, struct view epoch, struct error *e)
{
	for (uint64_t log = 0; store_use_log(store, log, NULL); log++)
		if (is_epoch(store, epoch))
			return true;
	return error_set(e, REASON_CONFIG, "the store holds no log of epoch %.*s", VIEW_ARG(epoch));
}

/* The newest checkpoint, and the one that receipts stand on with its cosignatures (none: nothing). That one first: what
 * the log grows by meanwhile is only more. */
static bool read_checkpoints(struct audit_source *s, struct error *e)
{
	struct view note;
	uint64_t size;

	buf_reset(&s->cosigned);
	buf_reset(&s->note);
	if (!proof_cosigned(s->store, &size, &s->cosigned, e) || !store_last_checkpoint(s->store, &size, &note, e))
		return false;
	buf_add(&s->note, note);
	return (!s->cosigned.failed && !s->note.failed) || error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
}

/* The log that the store's verbs are about. */
static bool open_log(struct audit_source *s, struct error *e)
{
	struct error missing = { .reason = REASON_NONE };
	struct store_archive archive;

	s->log = store_log(s->store);
	if (!read_checkpoints(s, e))
		return false;
	if (s->note.n == 0)
		return error_set(e, REASON_NOT_FOUND, "the store has no checkpoint yet");
	s->archived = store_get_archive(s->store, s->log, &archive, &missing);
	s->disclosures = !s->archived;
	return s->archived || missing.reason == REASON_NOT_FOUND || error_set(e, missing.reason, "%s", missing.text);
}

static bool open_reader(struct audit_source *s, const char *path, struct error *e)
{
	s->path = strdup(path);
	if (!s->path)
		return error_set(e, REASON_NO_MEMORY, "no memory");
	s->store = store_open_reader(path, e);
	return s->store != NULL;
}

/* STORE, or STORE@EPOCH for the log of an earlier epoch. */
static bool open_store(struct audit_source *s, const char *path, struct view epoch, struct error *e)
{
	return open_reader(s, path, e) && (epoch.n == 0 || use_epoch(s->store, epoch, e)) && open_log(s, e);
}

static bool open_path(struct audit_source *s, const char *path, struct error *e)
{
	char name[PATH_MAX];
	struct stat st;

	snprintf(name, sizeof name, "%s", path);
	char *at = strrchr(name, '@');
	if (stat(path, &st) != 0 && at)
		*at++ = '\0';
	else
		at = NULL;
	if (stat(name, &st) != 0)
		return error_set(e, REASON_IO, "%s: %s", name, strerror(errno));
	return S_ISDIR(st.st_mode) ? open_files(s, name, NULL, e) : open_store(s, name, at ? view_of(at) : VIEW(""), e);
}

static bool open_any(struct audit_source *s, const char *path, struct connection *access, struct error *e)
{
	if (audit_files_is_url(path))
		return open_files(s, path, access, e);
	char *local = audit_files_local(path, e);
	bool ok = local && open_path(s, local, e);
	free(local);
	return ok;
}

/* Only to know which files to ask for; whoever verifies opens the note by a key. */
static uint64_t size_of(const struct audit_source *s)
{
	struct view text, signatures;
	struct checkpoint c;

	return note_split(audit_source_note(s), &text, &signatures, NULL) && checkpoint_parse(text, &c, NULL) ? c.size
	                                                                                                      : 0;
}

static struct audit_source *source_new(struct error *e)
{
	struct audit_source *s = calloc(1, sizeof *s);

	if (!s) {
		error_set(e, REASON_NO_MEMORY, "no memory");
		return NULL;
	}
	s->copy = BUF_INIT(BUNDLE_MAX + ROWS_MAX);
	s->note = BUF_INIT(NOTE_MAX);
	s->cosigned = BUF_INIT(NOTE_MAX);
	s->newer = BUF_INIT(NOTE_MAX);
	return s;
}

struct audit_source *audit_source_open(const char *path, struct connection *access, struct error *e)
{
	struct audit_source *s = source_new(e);

	if (!s)
		return NULL;
	if (!open_any(s, path, access, e))
		return source_free_null(s);
	s->size = size_of(s);
	return s;
}

struct audit_source *audit_source_over(const char *folder, struct view note, struct view cosigned, struct error *e)
{
	struct audit_source *s = source_new(e);

	if (!s || !(s->files = audit_files_open(folder, NULL, e)))
		return source_free_null(s);
	buf_add(&s->note, note);
	buf_add(&s->cosigned, cosigned);
	if (s->note.failed || s->cosigned.failed) {
		error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
		return source_free_null(s);
	}
	s->size = size_of(s);
	return s;
}

struct audit_source *audit_source_later(const struct audit_source *of, uint64_t n, struct error *e)
{
	struct error none = { .reason = REASON_NONE };
	struct audit_source *s = source_new(e);

	if (!s || !open_reader(s, of->path, e))
		return source_free_null(s);
	if (!store_use_log(s->store, of->log + n, &none))
		return source_free_null(s);
	if (open_log(s, &none)) {
		s->size = size_of(s);
		return s;
	}
	/* The newest may have been begun and have no entry yet. */
	if (none.reason != REASON_NOT_FOUND)
		error_set(e, none.reason, "%s", none.text);
	return source_free_null(s);
}

bool audit_source_refresh(struct audit_source *s, bool *grew, struct error *e)
{
	uint64_t before = s->size;

	*grew = false;
	if (!s->store)
		return true;
	s->bundle.loaded = false;
	if (!read_checkpoints(s, e))
		return false;
	s->size = size_of(s);
	*grew = s->size > before;
	return true;
}

void audit_source_close(struct audit_source *s)
{
	if (!s)
		return;
	progress_end(&s->progress);
	store_close(s->store);
	free(s->path);
	buf_free(&s->newer);
	audit_files_close(s->files);
	audit_shapes_free(s->shapes);
	buf_free(&s->note);
	buf_free(&s->cosigned);
	free(s->tile);
	free(s->bundle.entries);
	free(s->bundle.rows);
	buf_wipe(&s->copy);
	free(s);
}

struct view audit_source_note(const struct audit_source *s)
{
	return buf_view(&s->note);
}

bool audit_source_live(const struct audit_source *s)
{
	return s->files && audit_files_live(s->files);
}

struct view audit_source_cosigned(const struct audit_source *s)
{
	return s->cosigned.n ? buf_view(&s->cosigned) : buf_view(&s->note);
}

uint64_t audit_source_size(const struct audit_source *s)
{
	return s->size;
}

bool audit_source_archived(const struct audit_source *s)
{
	return s->archived;
}

struct store *audit_source_store(struct audit_source *s)
{
	return s->store;
}

/* --- bundles --- */

/* A wrong length or count. */
static bool malformed(const char *what, uint64_t index, struct error *e)
{
	return error_set(e, REASON_TAMPERED, "%s %llu is malformed", what, (unsigned long long)index);
}

static bool load_rows(struct audit_source *s, const struct tlog_tile *t, struct error *e)
{
	struct bundle *b = &s->bundle;
	size_t n;

	if (!s->disclosures)
		return true;
	if (!read_named(s, *t, "disclosures/", ROWS_MAX, &b->rows, &n, e))
		return false;
	struct reader r = { .rest = view_make(b->rows, n) };
	for (unsigned i = 0; i < t->width; i++)
		b->packed[i] = read_view32(&r);
	return (!r.failed && r.rest.n == 0) || malformed("disclosure bundle", t->index, e);
}

static bool load_directory(struct audit_source *s, uint64_t index, struct error *e)
{
	struct bundle *b = &s->bundle;
	struct tlog_tile t = { .index = index, .entries = true, .width = tlog_tile_width(0, index, s->size) };
	size_t n;

	free(b->entries);
	free(b->rows);
	b->entries = b->rows = NULL;
	b->loaded = false;
	memset(b->packed, 0, sizeof b->packed);
	if (!read_named(s, t, "", BUNDLE_MAX, &b->entries, &n, e))
		return false;
	struct reader r = { .rest = view_make(b->entries, n) };
	for (unsigned i = 0; i < t.width; i++)
		b->leaf[i] = read_view16(&r);
	/* A full bundle may stand in for a partial one of the checkpoint; otherwise nothing may follow. */
	for (unsigned i = t.width; i < TLOG_TILE_WIDTH && r.rest.n > 0; i++)
		(void)read_view16(&r);
	if (r.failed || r.rest.n > 0)
		return malformed("entry bundle", index, e);
	return load_rows(s, &t, e);
}

struct copying {
	struct buf *to;
	size_t leaf[BATCH][2], packed[BATCH][2];
	uint64_t first;
	unsigned n;
	bool gap;
};

static bool copy_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	struct copying *c = arg;

	if (index != c->first + c->n) {
		c->gap = true;
		return false;
	}
	c->leaf[c->n][0] = c->to->n;
	c->leaf[c->n][1] = leaf.n;
	buf_add(c->to, leaf);
	c->packed[c->n][0] = c->to->n;
	c->packed[c->n][1] = packed.n;
	buf_add(c->to, packed);
	c->n++;
	return true;
}

/* As many entries as there are without a gap; a missing one is told when it is asked for. */
static bool load_store(struct audit_source *s, uint64_t index, struct error *e)
{
	struct bundle *b = &s->bundle;
	struct copying c = { .to = &s->copy, .first = index * TLOG_TILE_WIDTH };

	b->loaded = false;
	memset(b->leaf, 0, sizeof b->leaf);
	memset(b->packed, 0, sizeof b->packed);
	buf_reset(&s->copy);
	if (!store_list_entries(s->store, c.first, BATCH, copy_entry, &c, e))
		return false;
	if (s->copy.failed)
		return error_set(e, REASON_NO_MEMORY, "no memory for entries");
	for (unsigned i = 0; i < c.n; i++) {
		b->leaf[i] = view_make(s->copy.p + c.leaf[i][0], c.leaf[i][1]);
		b->packed[i] = view_make(s->copy.p + c.packed[i][0], c.packed[i][1]);
	}
	return true;
}

static bool get_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	struct audit_source *s = arg;
	struct bundle *b = &s->bundle;
	uint64_t n = index / TLOG_TILE_WIDTH;

	if (s->archived)
		return error_set(e, REASON_UNAVAILABLE,
		                 "the entries of this log were archived: read the archive's folder");
	if (!b->loaded || b->index != n) {
		progress_at(&s->progress, index);
		if (!(s->store ? load_store(s, n, e) : load_directory(s, n, e)))
			return false;
		b->index = n;
		b->loaded = true;
	}
	*leaf = b->leaf[index % TLOG_TILE_WIDTH];
	*packed = b->packed[index % TLOG_TILE_WIDTH];
	if (!leaf->p)
		return error_set(e, REASON_NOT_FOUND, "entry %llu is missing", (unsigned long long)index);
	return true;
}

static bool get_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct audit_source *s = arg;
	struct tlog_tile t = { .level = level, .index = index, .width = tlog_tile_width(level, index, s->size) };
	struct error inner = { 0 };
	size_t n;

	if (s->store) {
		if (store_get_tile(s->store, level, index, hashes, &inner))
			return true;
	} else {
		free(s->tile);
		s->tile = NULL;
		if (t.width > 0 && read_named(s, t, "", TLOG_TILE_WIDTH * 32, &s->tile, &n, &inner)) {
			/* Under its partial name, or the full one that may have taken its place: nothing between. */
			if (n != t.width * 32 && n != TLOG_TILE_WIDTH * 32)
				return malformed("tile", index, e);
			*hashes = view_make(s->tile, n);
			return true;
		}
	}
	if (inner.reason == REASON_NONE || inner.reason == REASON_NOT_FOUND)
		return error_set(e, REASON_NOT_FOUND, "tile %u/%llu is missing", level, (unsigned long long)index);
	return error_set(e, inner.reason, "%s", inner.text);
}

/* What a running daemon wrote meanwhile. */
static bool get_newer(void *arg, struct checkpoint *out, struct error *e)
{
	struct audit_source *s = arg;
	struct error inner = { .reason = REASON_NONE };
	const struct note_vkey *signer;
	struct view note;
	uint64_t size;

	if (!store_last_checkpoint(s->store, &size, &note, e))
		return false;
	buf_reset(&s->newer);
	buf_add(&s->newer, note);
	s->bundle.loaded = false;
	if (s->newer.failed)
		return error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
	/* The log's own signature is enough: it continues the one that is verified. */
	return audit_keys_open(s->keys, buf_view(&s->newer), out, &signer, NULL, &inner) ||
	       inner.reason == REASON_NOT_COSIGNED || error_set(e, inner.reason, "%s", inner.text);
}

void audit_source_follow(struct audit_source *s, const struct audit_keys *k)
{
	s->keys = k;
}

void audit_source_resume(struct audit_source *s, const struct checkpoint *verified)
{
	s->verified = verified;
}

void audit_source_progress(struct audit_source *s, bool on)
{
	if (on)
		progress_begin(&s->progress, "entries", s->verified ? s->verified->size : 0, s->size);
	else
		progress_end(&s->progress);
}

void audit_source_callbacks(struct audit_source *s, struct verify_source *out)
{
	*out = (struct verify_source){ .entry = get_entry,
		                       .tile = get_tile,
		                       .arg = s,
		                       .disclosures = s->disclosures,
		                       .named = source_named,
		                       .verified = s->verified };
	if (s->store && s->keys)
		out->newer = get_newer;
}
