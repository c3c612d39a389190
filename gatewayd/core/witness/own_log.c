/* See own_log.h. */
#include "gatewayd/core/witness/own_log.h"

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "lib/tlog/tiles.h"

/* Leaves the store about the newest log, whatever came of what was asked of another. */
static bool back(struct store *reader, uint64_t newest, bool ok)
{
	struct error e = { .reason = REASON_NONE };

	return store_use_log(reader, newest, &e) && ok;
}

static bool read_last(struct store *reader, struct buf *note, struct checkpoint *c, struct view *text, struct error *e)
{
	struct view found, signatures;
	uint64_t size;

	if (!store_last_checkpoint(reader, &size, &found, e))
		return false;
	if (size == 0)
		return error_set(e, REASON_NOT_FOUND, "that log has no checkpoint");
	buf_reset(note);
	buf_add(note, found);
	if (note->failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	return note_split(buf_view(note), text, &signatures, e) && checkpoint_parse(*text, c, e);
}

bool own_log_find(struct store *reader, struct view origin, uint64_t *log, struct error *e)
{
	uint64_t newest = store_log(reader);
	struct buf note = BUF_INIT(NOTE_MAX);
	struct checkpoint c;
	struct view text;
	bool found = false, ok = true;

	for (uint64_t k = 0; k <= newest && ok && !found; k++) {
		struct error none = { .reason = REASON_NONE };
		ok = store_use_log(reader, k, e);
		found = ok && read_last(reader, &note, &c, &text, &none) && view_eq(c.origin, origin);
		*log = k;
	}
	buf_free(&note);
	return back(reader, newest, ok) &&
	       (found || error_set(e, REASON_NOT_FOUND, "no log of this node has that origin"));
}

bool own_log_key(struct store *reader, struct view origin, const struct note_vkey *present, struct note_vkey *out,
                 struct error *e)
{
	char name[sizeof LOG_KEY_NAME + NOTE_NAME_MAX];
	struct view value;

	snprintf(name, sizeof name, LOG_KEY_NAME "%.*s", VIEW_ARG(origin));
	switch (sought(store_get_value(reader, view_of(name), &value, e), e)) {
	case SOUGHT_FOUND: return note_vkey_parse(value, out, e);
	case SOUGHT_FAILED: return false;
	case SOUGHT_NONE: break;
	}
	return note_vkey_make(origin, present->type, present->key, out) ||
	       error_set(e, REASON_TAMPERED, "the origin is no key name");
}

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

static bool prove_from(struct store *reader, uint64_t from, uint64_t size, struct witness_request *out, struct error *e)
{
	struct digest proof[TLOG_PROOF_MAX];
	struct tiles *tiles = tiles_new(size, read_tile, reader, e);
	unsigned n = 0;

	if (!tiles)
		return false;
	bool ok = tlog_prove_consistency(from, size, tiles_read, tiles, proof, &n) && n <= WITNESS_PROOF_MAX;
	tiles_free(tiles);
	if (!ok)
		return error_set(e, REASON_TAMPERED, "the log's growth from %llu entries cannot be proved",
		                 (unsigned long long)from);
	memcpy(out->proof, proof, n * sizeof *proof);
	out->n = n;
	return true;
}

bool own_log_prove(struct store *reader, uint64_t log, uint64_t from, struct witness_request *out, struct buf *note,
                   struct error *e)
{
	uint64_t newest = store_log(reader);
	struct checkpoint c;
	struct view text;

	*out = (struct witness_request){ .old = from };
	bool ok = store_use_log(reader, log, e) && read_last(reader, note, &c, &text, e) &&
	          (from == 0 || from >= c.size || prove_from(reader, from, c.size, out, e));
	out->note = buf_view(note);
	return back(reader, newest, ok);
}

static bool compare(struct store *reader, const struct checkpoint *c, uint64_t *end, enum own_log_verdict *out,
                    struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX);
	struct checkpoint last;
	struct digest root;
	struct view text;
	bool ok = read_last(reader, &note, &last, &text, e);

	if (ok) {
		*end = last.size;
		*out = OWN_LOG_SHORTER;
	}
	if (ok && c->size > 0 && c->size <= last.size) {
		struct tiles *tiles = tiles_new(last.size, read_tile, reader, e);
		ok = tiles && (tlog_range_hash(0, c->size, tiles_read, tiles, &root) ||
		               error_set(e, REASON_TAMPERED, "the log's tiles are not whole"));
		tiles_free(tiles);
		*out = ok && digest_eq(&root, &c->root) ? OWN_LOG_BEARS : OWN_LOG_FORKED;
	} else if (ok && c->size == 0) {
		sha256(VIEW(""), &root);
		*out = digest_eq(&root, &c->root) ? OWN_LOG_BEARS : OWN_LOG_FORKED;
	}
	buf_free(&note);
	return ok;
}

bool own_log_compare(struct store *reader, uint64_t log, const struct checkpoint *c, uint64_t *end,
                     enum own_log_verdict *out, struct error *e)
{
	uint64_t newest = store_log(reader);

	return back(reader, newest, store_use_log(reader, log, e) && compare(reader, c, end, out, e));
}
