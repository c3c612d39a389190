/* gatewayctl audit export: the log as static files in the layout of C2SP tlog-tiles, or as events for other
 * systems. Disclosures are personal data and only exported when asked for. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/audit_shapes.h"
#include "lib/base/wire.h"
#include "lib/crypto/timestamp.h"

#define BUNDLE_MAX (TLOG_TILE_WIDTH * (4 + 65535))
#define ROWS_MAX   (64 * 1024 * 1024)
#define ROUNDS     8 /* of following a log whose rows are erased meanwhile */

struct export
{
	struct connection access;
	const char *dir, *from;
	bool disclosures, has_format, has_after;
	enum audit_format format;
	uint64_t after;
	struct audit_source *source;
	struct verify_source callbacks;
	struct erasures *erasures;     /* NULL: without disclosures, as the next */
	const struct audit_kept *kept; /* of a mirror; NULL: full tiles that are there stay */
	struct buf *written;
	struct audit_shapes *shapes;
	uint64_t size;
};

static bool write_named(const struct export *x, const char *folder, const struct tlog_tile *t, struct view bytes,
                        struct error *e)
{
	struct buf name = BUF_INIT(400);
	char path[PATH_MAX];

	tlog_tile_path(t, &name);
	struct view tail = view_from(buf_view(&name), folder[0] ? strlen("tile/entries/") : 0);
	int n = snprintf(path, sizeof path, "%s/%s%.*s", x->dir, folder, VIEW_ARG(tail));
	buf_free(&name);
	if (n >= (int)sizeof path)
		return error_set(e, REASON_IO, "a path is too long");
	if (x->written)
		buf_add(x->written, view_make(path, (size_t)n + 1));
	return audit_write_file(path, bytes, e);
}

/* Full tiles never change: what an earlier export wrote stays. */
static bool is_there(const struct export *x, const struct tlog_tile *t, const char *folder)
{
	struct buf name = BUF_INIT(400);
	char path[PATH_MAX];
	struct stat st;

	/* A name says to the byte what is in the file: what a mirror has verified under it is never written again. */
	if (x->kept)
		return t->width == tlog_tile_width(t->level, t->index, x->kept->newest) ||
		       t->width == tlog_tile_width(t->level, t->index, x->kept->cosigned);
	if (t->width < TLOG_TILE_WIDTH)
		return false;
	tlog_tile_path(t, &name);
	struct view tail = view_from(buf_view(&name), folder[0] ? strlen("tile/entries/") : 0);
	int n = snprintf(path, sizeof path, "%s/%s%.*s", x->dir, folder, VIEW_ARG(tail));
	buf_free(&name);
	return n < (int)sizeof path && stat(path, &st) == 0;
}

/* Whether the row is there, and what the entry says of others. */
static bool take_entry(struct export *x, uint64_t index, struct view leaf, struct view packed, struct error *e)
{
	unsigned digests = 0;

	if (!x->erasures)
		return true;
	bool missing = packed.n == 0 && disclosures_count(leaf, &digests) && digests > 0;
	return erasures_take(x->erasures, index, leaf, missing, e);
}

static bool export_bundle(struct export *x, const struct tlog_tile *t, struct buf *entries, struct buf *rows,
                          struct error *e)
{
	buf_reset(entries);
	buf_reset(rows);
	for (unsigned i = 0; i < t->width; i++) {
		struct view leaf, packed;

		uint64_t index = t->index * TLOG_TILE_WIDTH + i;
		if (!x->callbacks.entry(x->callbacks.arg, index, &leaf, &packed, e) ||
		    !take_entry(x, index, leaf, packed, e))
			return false;
		put_view16(entries, leaf);
		put_view32(rows, packed);
	}
	if (entries->failed || rows->failed)
		return error_set(e, REASON_LIMIT, "an entry bundle is too large");
	if (!write_named(x, "", t, buf_view(entries), e))
		return false;
	return !x->disclosures || write_named(x, "disclosures/", t, buf_view(rows), e);
}

static bool export_entries(struct export *x, uint64_t from, struct error *e)
{
	struct buf entries = BUF_INIT(BUNDLE_MAX), rows = BUF_INIT(ROWS_MAX);
	bool ok = true;

	for (uint64_t i = from / TLOG_TILE_WIDTH; ok && i * TLOG_TILE_WIDTH < x->size; i++) {
		struct tlog_tile t = { .index = i, .entries = true, .width = tlog_tile_width(0, i, x->size) };

		/* Disclosures change when they are erased: with them, every bundle is written anew. */
		if (x->disclosures || !is_there(x, &t, ""))
			ok = export_bundle(x, &t, &entries, &rows, e);
	}
	buf_free(&entries);
	buf_wipe(&rows);
	return ok;
}

/* What erased a row while the copy was made stands behind the checkpoint that it was begun at: it goes on to the newest.
 * What is missing for another reason stays so, and is told by who verifies the copy. */
static bool export_all_entries(struct export *x, struct error *e)
{
	struct erasures_found found = { .missing = 0 };
	uint64_t from = 0;
	bool grew = true;

	for (unsigned i = 0; grew; i++) {
		/* Before the disclosures that name them: with the last of those they are erased. */
		if (x->shapes && !audit_source_shapes(x->source, x->shapes, e))
			return false;
		if (!export_entries(x, from, e))
			return false;
		if (x->erasures)
			erasures_settle(x->erasures, &found);
		if (found.missing == 0 || i == ROUNDS)
			return true;
		from = x->size;
		if (!audit_source_refresh(x->source, &grew, e))
			return false;
		x->size = audit_source_size(x->source);
	}
	return true;
}

static bool export_tiles(struct export *x, struct error *e)
{
	for (unsigned level = 0; level < 8; level++) {
		uint64_t hashes = x->size >> (8 * level);

		for (uint64_t i = 0; i * TLOG_TILE_WIDTH < hashes; i++) {
			struct tlog_tile t = { .level = level,
				               .index = i,
				               .width = tlog_tile_width(level, i, x->size) };
			struct view stored;

			if (is_there(x, &t, ""))
				continue;
			if (!x->callbacks.tile(x->callbacks.arg, level, i, &stored, e))
				return false;
			/* A store that goes on growing has it wider by now. */
			if (stored.n < t.width * 32)
				return error_set(e, REASON_TAMPERED, "tile %u/%llu is too short", level,
				                 (unsigned long long)i);
			if (!write_named(x, "", &t, view_make(stored.p, t.width * 32), e))
				return false;
		}
	}
	return true;
}

/* The newest checkpoint that has a timestamp, and that; where there is one. */
static bool export_timestamp(struct export *x, struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX), response = BUF_INIT(TIMESTAMP_MAX);
	struct error inner = { 0 };
	char path[PATH_MAX];
	bool ok = audit_source_timestamp(x->source, &note, &response, &inner);

	if (ok) {
		snprintf(path, sizeof path, "%s/timestamped.tsr", x->dir);
		ok = audit_write_file(path, buf_view(&response), e);
		snprintf(path, sizeof path, "%s/timestamped", x->dir);
		ok = ok && audit_write_file(path, buf_view(&note), e);
	} else {
		ok = inner.reason == REASON_NOT_FOUND || error_set(e, inner.reason, "%s", inner.text);
	}
	buf_free(&note);
	buf_free(&response);
	return ok;
}

/* The tiles that the cosigned checkpoint names, where the newest is ahead of it: the partial ones are others. Full bundles
 * stay as they are: what was erased of them since they were written is covered behind the newest. */
static bool export_older(const struct export *x, struct error *e)
{
	struct export older = *x;
	struct view text, signatures;
	struct checkpoint c;

	if (!note_split(audit_source_cosigned(x->source), &text, &signatures, e) || !checkpoint_parse(text, &c, e))
		return false;
	if (c.size > x->size)
		return error_set(e, REASON_TAMPERED, "the cosigned checkpoint has more entries than the newest");
	older.size = c.size;
	older.erasures = NULL;
	return c.size == x->size || (export_entries(&older, c.size, e) && export_tiles(&older, e));
}

static bool put_named(const struct export *x, const char *name, struct view bytes, struct error *e)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof path, "%s/%s", x->dir, name) < (int)sizeof path
	               ? audit_write_file(path, bytes, e)
	               : error_set(e, REASON_IO, "a path is too long");
}

/* The one that was cosigned, with the newest beside it; without any cosignature the newest. */
static bool export_checkpoints(const struct export *x, struct error *e)
{
	struct view newest = audit_source_note(x->source), cosigned = audit_source_cosigned(x->source);
	char path[PATH_MAX];

	if (!view_eq(newest, cosigned))
		return put_named(x, "newest", newest, e) && put_named(x, "checkpoint", cosigned, e);
	if (!put_named(x, "checkpoint", newest, e))
		return false;
	snprintf(path, sizeof path, "%s/newest", x->dir);
	return unlink(path) == 0 || errno == ENOENT || error_set(e, REASON_IO, "%s: %s", path, strerror(errno));
}

/* For whoever has a browser and no program. */
static bool export_page(const struct export *x, struct error *e)
{
	return put_named(x, "verify.html", audit_page(), e);
}

static bool export_shapes(const struct export *x, struct error *e)
{
	struct buf text = BUF_INIT(AUDIT_SHAPES_MAX);
	char path[PATH_MAX];

	if (!x->shapes)
		return true;
	audit_shapes_print(x->shapes, &text);
	bool ok = !text.failed || error_set(e, REASON_NO_MEMORY, "no memory for shapes");
	ok = ok && (snprintf(path, sizeof path, "%s/" AUDIT_SHAPES, x->dir) < (int)sizeof path
	                    ? audit_write_file(path, buf_view(&text), e)
	                    : error_set(e, REASON_IO, "a path is too long"));
	buf_free(&text);
	return ok;
}

/* The checkpoints come last, so that whoever reads the directory meanwhile finds what they promise. */
static bool export_directory(struct export *x, struct error *e)
{
	struct view rest = audit_source_note(x->source);

	if (x->disclosures && !x->callbacks.disclosures)
		return error_set(e, REASON_NOT_FOUND, "the source has no disclosures");
	if (x->disclosures) {
		x->erasures = erasures_new(view_cut(&rest, '\n'), NULL);
		x->shapes = audit_shapes_new();
		if (!x->erasures || !x->shapes)
			return error_set(e, REASON_NO_MEMORY, "no memory for what was erased");
	}
	return export_all_entries(x, e) && export_shapes(x, e) && export_tiles(x, e) && export_older(x, e) &&
	       export_timestamp(x, e) && export_page(x, e) && export_checkpoints(x, e);
}

bool audit_export_files(struct audit_source *s, const char *dir, bool disclosures, struct error *e)
{
	struct export x = { .dir = dir, .disclosures = disclosures, .source = s, .size = audit_source_size(s) };

	audit_source_callbacks(s, &x.callbacks);
	bool ok = export_directory(&x, e);
	erasures_free(x.erasures);
	audit_shapes_free(x.shapes);
	return ok;
}

bool audit_export_tree(struct audit_source *s, const char *dir, const struct audit_kept *kept, struct buf *written,
                       struct error *e)
{
	struct export x = { .dir = dir, .source = s, .size = audit_source_size(s), .kept = kept, .written = written };

	audit_source_callbacks(s, &x.callbacks);
	return export_all_entries(&x, e) && export_tiles(&x, e) && export_older(&x, e);
}

static bool export_events(struct export *x, struct error *e)
{
	struct buf out = BUF_INIT(1 << 20);
	struct view rest = audit_source_note(x->source), origin = view_cut(&rest, '\n');
	bool ok = true;

	for (uint64_t i = x->has_after ? x->after + 1 : 0; ok && i < x->size; i++) {
		struct view leaf, packed;

		buf_reset(&out);
		ok = x->callbacks.entry(x->callbacks.arg, i, &leaf, &packed, e) &&
		     audit_format_entry(x->format, origin, i, leaf, &out, e);
		if (ok && out.failed)
			ok = error_set(e, REASON_LIMIT, "entry %llu is too large", (unsigned long long)i);
		if (ok && fwrite(out.p, 1, out.n, stdout) != out.n)
			ok = error_set(e, REASON_IO, "the output cannot be written");
	}
	buf_free(&out);
	return ok;
}

static bool parse_options(struct export *x, int argc, char **argv)
{
	static const struct option list[] = { { "disclosures", no_argument, NULL, 'd' },
		                              { "from", required_argument, NULL, 'F' },
		                              { "format", required_argument, NULL, 't' },
		                              { "after", required_argument, NULL, 'a' },
		                              AUDIT_ACCESS_OPTIONS,
		                              { 0 } };
	unsigned long long n;
	int opt;

	while ((opt = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (opt) {
		case 'd': x->disclosures = true; break;
		case 'F': x->from = optarg; break;
		case 't':
			if (!audit_format_parse(optarg, &x->format))
				return false;
			x->has_format = true;
			break;
		case 'a':
			if (!view_to_u64(view_of(optarg), INT64_MAX, &n))
				return false;
			x->after = n;
			x->has_after = true;
			break;
		default:
			if (!connection_option(&x->access, opt, optarg))
				return false;
		}
	}
	x->dir = argv[optind];
	return x->has_format ? argc == optind : argc - optind == 1 && !x->has_after;
}

int audit_export(const struct ctl *c, int argc, char **argv)
{
	struct export x = { .dir = NULL };
	struct error e = { 0 };
	int status = CTL_OK;

	if (!parse_options(&x, argc, argv))
		return ctl_usage();
	char *path = audit_log_path(c, x.from, &e);
	x.source = path ? audit_source_open(path, &x.access, &e) : NULL;
	if (x.source) {
		audit_source_callbacks(x.source, &x.callbacks);
		x.size = audit_source_size(x.source);
		audit_source_progress(x.source, true);
	}
	if (!x.source || !(x.has_format ? export_events(&x, &e) : export_directory(&x, &e)))
		status = ctl_fail(audit_status(&e), &e);
	if (x.source)
		audit_source_progress(x.source, false);
	if (status == CTL_OK && !x.has_format)
		fprintf(stderr, "exported %llu entries to %s\n", (unsigned long long)x.size, x.dir);
	erasures_free(x.erasures);
	audit_shapes_free(x.shapes);
	audit_source_close(x.source);
	connection_free(&x.access);
	free(path);
	return status;
}
