/* The store's audit log, governing documents, small values and counts. See store.h. */
#include "gatewayd/core/store_sqlite.h"
#include "lib/base/datetime.h"

#include <limits.h>

#define TILE_LEVELS 8           /* 256^8 leaves fill them all */
#define TILE_LEVEL_SHIFT 56
#define TILE_LOGS (UINT64_C(1) << (TILE_LEVEL_SHIFT - STORE_LOG_SHIFT))

static bool keep(struct store *s, struct sqlite3_stmt *q, int at, struct view *out, struct error *e)
{
	struct view v = col_keep(s, q, at);

	if (!v.p)
		return error_set(e, REASON_NO_MEMORY, "no memory for a row of the log");
	*out = v;
	return true;
}

/* --- logs --- */

/* The key of a row of the present log, and the first key past that log. */
static int64_t key_of(const struct store *s, uint64_t index)
{
	return (int64_t)(s->log << STORE_LOG_SHIFT | store_entry_index(index));
}

static int64_t log_end(const struct store *s)
{
	return (int64_t)((s->log + 1) << STORE_LOG_SHIFT);
}

static bool index_fits(uint64_t index, struct error *e)
{
	return store_entry_log(index) == 0 || error_set(e, REASON_NOT_FOUND, "no log has such an index");
}

bool logs_load(struct store *s, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_LOG_LAST, e);

	if (!q || !sql_one(s, q, "row", e))
		return false;
	s->last_log = s->log = (uint64_t)col_int(q, 0);
	sql_end(q);
	return s->last_log < TILE_LOGS || error_set(e, REASON_STORE, "the store has too many logs");
}

uint64_t store_log(const struct store *s)
{
	return s->log;
}

bool store_use_log(struct store *s, uint64_t log, struct error *e)
{
	if (log > s->last_log)
		return error_set(e, REASON_NOT_FOUND, "the store holds no such log");
	s->log = log;
	return true;
}

bool store_put_log(struct store *s, const struct store_log_row *l, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_LOG_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)(s->last_log + 1));
	bind_text(s, q, 2, l->origin);
	bind_blob(s, q, 3, digest_view(&l->before));
	bind_text(s, q, 4, l->note);
	return sql_run(s, q, e);
}

bool store_get_log(struct store *s, struct store_log_row *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_LOG_GET, e);
	struct store_log_row row;

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)s->log);
	if (!sql_one(s, q, "log", e))
		return false;
	arena_reset(&s->scratch);
	col_bytes(q, 1, row.before.b, sizeof row.before.b);
	bool ok = keep(s, q, 0, &row.origin, e) && keep(s, q, 2, &row.note, e);
	sql_end(q);
	if (ok)
		*out = row;
	return ok;
}

/* --- entries --- */

bool store_put_entry(struct store *s, uint64_t index, struct view leaf, struct view packed, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_ENTRY_PUT, e);

	if (!q || !index_fits(index, e))
		return false;
	bind_int(s, q, 1, key_of(s, index));
	bind_text(s, q, 2, leaf);
	if (!sql_run(s, q, e))
		return false;
	if (packed.n == 0)
		return true;
	if (!(q = sql_start(s, SQL_DISCLOSURE_PUT, e)))
		return false;
	bind_int(s, q, 1, key_of(s, index));
	bind_text(s, q, 2, packed);
	return sql_run(s, q, e);
}

bool store_get_entry(struct store *s, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return index_fits(index, e) && store_find_entry(s, (uint64_t)key_of(s, index), leaf, packed, e);
}

bool store_find_entry(struct store *s, uint64_t entry, struct view *leaf, struct view *packed, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_ENTRY_GET, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)entry);
	if (!sql_one(s, q, "entry", e))
		return false;
	arena_reset(&s->scratch);
	bool ok = keep(s, q, 0, leaf, e) && keep(s, q, 1, packed, e);
	sql_end(q);
	return ok;
}

bool store_entry_count(struct store *s, uint64_t *n, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_ENTRY_LAST, e);

	if (!q)
		return false;
	bind_int(s, q, 1, key_of(s, 0));
	bind_int(s, q, 2, log_end(s));
	if (!sql_one(s, q, "row", e))
		return false;
	*n = (uint64_t)col_int(q, 0);
	sql_end(q);
	return true;
}

bool store_list_entries(struct store *s, uint64_t from, unsigned max,
                        bool (*each)(void *arg, uint64_t index, struct view leaf, struct view packed), void *arg,
                        struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_ENTRY_LIST, e);
	bool row;

	if (!q)
		return false;
	bind_int(s, q, 1, store_entry_log(from) ? log_end(s) : key_of(s, from));
	bind_int(s, q, 2, max);
	bind_int(s, q, 3, log_end(s));
	for (;;) {
		if (!sql_step(s, q, &row, e))
			return false;
		if (!row)
			return true;
		if (!each(arg, store_entry_index((uint64_t)col_int(q, 0)), col_view(q, 1), col_view(q, 2)))
			break;
	}
	sql_end(q);
	return true;
}

bool store_erase_disclosures(struct store *s, uint64_t index, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_DISCLOSURE_ERASE, e);

	if (!q || !index_fits(index, e))
		return false;
	bind_int(s, q, 1, key_of(s, index));
	if (!sql_run(s, q, e))
		return false;
	s->erased |= sql_changes(s) > 0;
	return true;
}

/* --- tree --- */

static bool tile_key(const struct store *s, unsigned level, uint64_t index, int64_t *key, struct error *e)
{
	if (level >= TILE_LEVELS || store_entry_log(index) != 0)
		return error_set(e, REASON_NOT_FOUND, "no tree has such a tile");
	*key = (int64_t)((uint64_t)level << TILE_LEVEL_SHIFT | s->log << STORE_LOG_SHIFT | index);
	return true;
}

bool store_put_tile(struct store *s, unsigned level, uint64_t index, struct view hashes, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_TILE_PUT, e);
	int64_t key = 0;

	if (!q || !tile_key(s, level, index, &key, e))
		return false;
	bind_int(s, q, 1, key);
	bind_blob(s, q, 2, hashes);
	return sql_run(s, q, e);
}

bool store_get_tile(struct store *s, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_TILE_GET, e);
	int64_t key = 0;

	if (!q || !tile_key(s, level, index, &key, e))
		return false;
	bind_int(s, q, 1, key);
	if (!sql_one(s, q, "tile", e))
		return false;
	arena_reset(&s->scratch);
	bool ok = keep(s, q, 0, hashes, e);
	sql_end(q);
	return ok;
}

bool store_put_checkpoint(struct store *s, uint64_t size, struct view note, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_CHECKPOINT_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, key_of(s, size));
	bind_text(s, q, 2, note);
	return sql_run(s, q, e);
}

static bool take_checkpoint(struct store *s, struct sqlite3_stmt *q, uint64_t *size, struct view *note,
                            struct error *e)
{
	uint64_t n = store_entry_index((uint64_t)col_int(q, 0));

	arena_reset(&s->scratch);
	bool ok = keep(s, q, 1, note, e);
	sql_end(q);
	if (ok)
		*size = n;
	return ok;
}

bool store_get_checkpoint(struct store *s, uint64_t index, uint64_t *size, struct view *note, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_CHECKPOINT_AT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, store_entry_log(index) ? log_end(s) : key_of(s, index));
	bind_int(s, q, 2, log_end(s));
	return sql_one(s, q, "checkpoint", e) && take_checkpoint(s, q, size, note, e);
}

bool store_last_checkpoint(struct store *s, uint64_t *size, struct view *note, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_CHECKPOINT_LAST, e);
	bool row;

	if (!q)
		return false;
	bind_int(s, q, 1, key_of(s, 0));
	bind_int(s, q, 2, log_end(s));
	if (!sql_step(s, q, &row, e))
		return false;
	if (row)
		return take_checkpoint(s, q, size, note, e);
	*size = 0;
	*note = VIEW("");
	return true;
}

/* --- witnessing --- */

bool store_put_witnessed(struct store *s, struct view origin, const struct store_witnessed *w, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_WITNESSED_PUT, e);

	if (!q)
		return false;
	bind_text(s, q, 1, origin);
	bind_int(s, q, 2, (int64_t)w->size);
	bind_blob(s, q, 3, digest_view(&w->root));
	bind_text(s, q, 4, w->note);
	bind_blob(s, q, 5, digest_view(&w->incident));
	return sql_run(s, q, e);
}

bool store_get_witnessed(struct store *s, struct view origin, struct store_witnessed *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_WITNESSED_GET, e);

	if (!q)
		return false;
	bind_text(s, q, 1, origin);
	if (!sql_one(s, q, "witnessed log", e))
		return false;
	arena_reset(&s->scratch);
	struct store_witnessed w = { .size = (uint64_t)col_int(q, 0) };
	col_bytes(q, 1, w.root.b, sizeof w.root.b);
	col_bytes(q, 3, w.incident.b, sizeof w.incident.b);
	bool ok = keep(s, q, 2, &w.note, e);
	sql_end(q);
	if (ok)
		*out = w;
	return ok;
}

bool store_put_cosignature(struct store *s, struct view witness, uint64_t size, struct view line, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_COSIGNATURE_PUT, e);

	if (!q)
		return false;
	bind_text(s, q, 1, witness);
	bind_int(s, q, 2, key_of(s, size));
	bind_text(s, q, 3, line);
	return sql_run(s, q, e);
}

bool store_cosigned(struct store *s, uint64_t *size, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_COSIGNATURE_LAST, e);

	if (!q)
		return false;
	bind_int(s, q, 1, key_of(s, 0));
	if (!sql_one(s, q, "row", e))
		return false;
	*size = (uint64_t)col_int(q, 0);
	sql_end(q);
	return true;
}

bool store_list_cosignatures(struct store *s, uint64_t size, bool (*each)(void *arg, struct view line), void *arg,
                             struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_COSIGNATURE_LIST, e);
	bool row;

	if (!q)
		return false;
	bind_int(s, q, 1, key_of(s, size));
	for (;;) {
		if (!sql_step(s, q, &row, e))
			return false;
		if (!row)
			return true;
		if (!each(arg, col_view(q, 0)))
			break;
	}
	sql_end(q);
	return true;
}

/* --- documents and values --- */

bool store_put_document(struct store *s, const struct digest *d, struct view kind, struct view text, int64_t now_ms,
                        struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_DOCUMENT_PUT, e);

	if (!q)
		return false;
	bind_blob(s, q, 1, digest_view(d));
	bind_text(s, q, 2, kind);
	bind_blob(s, q, 3, text);
	bind_int(s, q, 4, now_ms);
	return sql_run(s, q, e);
}

bool store_get_document(struct store *s, const struct digest *d, struct view *text, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_DOCUMENT_GET, e);

	if (!q)
		return false;
	bind_blob(s, q, 1, digest_view(d));
	if (!sql_one(s, q, "document", e))
		return false;
	arena_reset(&s->scratch);
	bool ok = keep(s, q, 0, text, e);
	sql_end(q);
	return ok;
}

bool store_put_value(struct store *s, struct view name, struct view value, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, value.n > 0 ? SQL_VALUE_PUT : SQL_VALUE_DROP, e);

	if (!q)
		return false;
	bind_text(s, q, 1, name);
	if (value.n > 0)
		bind_blob(s, q, 2, value);
	return sql_run(s, q, e);
}

bool store_get_value(struct store *s, struct view name, struct view *value, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_VALUE_GET, e);

	if (!q)
		return false;
	bind_text(s, q, 1, name);
	if (!sql_one(s, q, "value", e))
		return false;
	arena_reset(&s->scratch);
	bool ok = keep(s, q, 0, value, e);
	sql_end(q);
	return ok;
}

bool store_count(struct store *s, struct store_counts *out, struct error *e)
{
	if (s->in_transaction && !pending_flush(s, e))
		return false;
	struct sqlite3_stmt *q = sql_start(s, SQL_COUNTS, e);
	if (!q)
		return false;
	bind_int(s, q, 1, key_of(s, 0));
	if (!sql_one(s, q, "row", e))
		return false;
	*out = (struct store_counts){ .exchanges = (uint64_t)col_int(q, 0), .payloads = (uint64_t)col_int(q, 1),
		.timers = (uint64_t)col_int(q, 2), .deliveries = (uint64_t)col_int(q, 3), .inbox = (uint64_t)col_int(q, 4),
		.entries = (uint64_t)col_int(q, 5), .oldest_delivery_ms = col_null(q, 6) ? TIME_NONE : col_int(q, 6) };
	sql_end(q);
	return true;
}
