/* See log.h. */
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/log_private.h"
#include "lib/base/wire.h"

#include <stdio.h>

#define TILE_LEVELS      8 /* 256^8 leaves fill them all */
#define TILE_LEVEL_SHIFT 56
#define TILE_LOGS        (UINT64_C(1) << (TILE_LEVEL_SHIFT - STORE_LOG_SHIFT))

/* --- logs --- */

bool logs_load(struct store *s, struct error *e)
{
	if (!sql_number(s, SQL_LOG_LAST, NULL, 0, &s->last_log, e))
		return false;
	s->log = s->last_log;
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
	return sql_run(s, SQL_LOG_PUT,
	               BOUND(as_number(s->last_log + 1), as_text(l->origin), as_digest(&l->before), as_text(l->note)),
	               e);
}

bool store_get_log(struct store *s, struct store_log_row *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_LOG_GET, BOUND(as_number(s->log)), "log", e);
	struct store_log_row row = { .before = { { 0 } } };

	if (!q)
		return false;
	arena_reset(&s->scratch);
	col_bytes(q, 1, row.before.b, sizeof row.before.b);
	bool ok = col_keep(s, q, 0, &row.origin, e) && col_keep(s, q, 2, &row.note, e);
	sql_end(q);
	if (ok)
		*out = row;
	return ok;
}

/* --- entries --- */

bool store_put_entry(struct store *s, uint64_t index, struct view leaf, struct view packed, struct error *e)
{
	struct bound no_shape = as_null();

	return log_index_fits(index, e) && log_put_rows(s, log_key(s, index), leaf, packed, &no_shape, e);
}

bool store_get_entry(struct store *s, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return log_index_fits(index, e) && store_find_entry(s, (uint64_t)log_key(s, index), leaf, packed, e);
}

/* The same, kept when the statement has ended. */
static bool keep_text(struct statement *q, int at, struct buf *text, struct view *out, struct error *e)
{
	bool ok = log_text(q, at, text, out, e);

	if (!ok || out->n == 0 || out->p == text->p)
		return ok;
	buf_reset(text);
	buf_add(text, *out);
	*out = buf_view(text);
	return !text->failed || error_set(e, REASON_NO_MEMORY, "no memory for a row of the store");
}

bool store_find_entry(struct store *s, uint64_t entry, struct view *leaf, struct view *packed, struct error *e)
{
	struct statement *q = sql_row(s, packed ? SQL_ENTRY_GET : SQL_LEAF_GET, BOUND(as_number(entry)), "entry", e);

	if (!q)
		return false;
	bool ok = keep_text(q, 1, &s->leaf, leaf, e) && (!packed || keep_text(q, 3, &s->packed, packed, e));
	sql_end(q);
	return ok;
}

bool store_entry_count(struct store *s, uint64_t *n, struct error *e)
{
	return sql_number(s, SQL_ENTRY_LAST, BOUND(as_int(log_key(s, 0)), as_int(log_end(s))), n, e);
}

bool store_list_entries(struct store *s, uint64_t from, unsigned max,
                        bool (*each)(void *arg, uint64_t index, struct view leaf, struct view packed), void *arg,
                        struct error *e)
{
	int64_t key = store_entry_log(from) ? log_end(s) : log_key(s, from);
	struct statement *q = sql_start(s, SQL_ENTRY_LIST, BOUND(as_int(key), as_int(max), as_int(log_end(s))), e);
	struct buf texts[2] = { BUF_INIT(0), BUF_INIT(0) };
	struct view leaf, packed;
	bool ok, more = true;

	while (more && sql_next(s, q, &ok, e)) {
		ok = log_text(q, 1, &texts[0], &leaf, e) && log_text(q, 3, &texts[1], &packed, e);
		more = ok && each(arg, store_entry_index((uint64_t)col_int(q, 0)), leaf, packed);
		if (!more)
			sql_end(q);
	}
	buf_free(&texts[0]);
	buf_wipe(&texts[1]);
	return ok;
}

bool store_erase_disclosures(struct store *s, uint64_t entry, struct error *e)
{
	struct statement *q = sql_start(s, SQL_DISCLOSURE_ERASE, BOUND(as_number(entry)), e);
	bool ok;

	if (!sql_next(s, q, &ok, e))
		return ok && error_set(e, REASON_NOT_FOUND, "entry %llu of its log has no disclosures",
		                       (unsigned long long)store_entry_index(entry));
	uint64_t shape = col_null(q, 0) ? 0 : (uint64_t)col_int(q, 0);
	sql_end(q);
	s->erased = true;
	return shape == 0 || shape_unname(s, shape, e);
}

bool store_list_disclosures(struct store *s, unsigned max, bool (*each)(void *arg, uint64_t entry, struct view leaf),
                            void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_DISCLOSURE_LIST, BOUND(as_int(max)), e);
	struct buf text = BUF_INIT(0);
	struct view leaf;
	bool ok, more = true;

	while (more && sql_next(s, q, &ok, e)) {
		ok = log_text(q, 1, &text, &leaf, e);
		more = ok && each(arg, (uint64_t)col_int(q, 0), leaf);
		if (!more)
			sql_end(q);
	}
	buf_free(&text);
	return ok;
}

/* --- archived logs --- */

/* The value: size, checkpoint, whether it was told. */
#define ARCHIVE_BYTES (8 + 32 + 1)

static struct view archive_name(uint64_t log, char out[40])
{
	return view_make(out, (size_t)snprintf(out, 40, "log/%llu/archived", (unsigned long long)log));
}

static bool put_archive(struct store *s, uint64_t log, const struct store_archive *a, struct error *e)
{
	struct buf value = BUF_INIT(ARCHIVE_BYTES);
	char name[40];

	put_u64(&value, a->size);
	buf_add(&value, view_make(a->checkpoint.b, sizeof a->checkpoint.b));
	put_u8(&value, a->told);
	bool ok = value.failed ? error_set(e, REASON_NO_MEMORY, "memory ran out")
	                       : store_put_value(s, archive_name(log, name), buf_view(&value), e);
	buf_free(&value);
	return ok;
}

bool store_needs_entries(struct store *s, uint64_t log, struct store_needed *out, struct error *e)
{
	struct statement *q =
	        sql_row(s, SQL_ENTRY_NEEDED,
	                BOUND(as_number(log << STORE_LOG_SHIFT), as_number((log + 1) << STORE_LOG_SHIFT),
	                      as_int(STATE_HELD), as_int(DUTY_RETURN), as_int(DUTY_OPEN), as_int(DUTY_OVERDUE)),
	                "row", e);

	if (!q)
		return false;
	*out = (struct store_needed){ .unsent = (uint64_t)col_int(q, 0), .open = (uint64_t)col_int(q, 1) };
	sql_end(q);
	return true;
}

bool store_archive_entries(struct store *s, uint64_t log, const struct store_archive *a, struct error *e)
{
	struct bound from = as_number(log << STORE_LOG_SHIFT), to = as_number((log + 1) << STORE_LOG_SHIFT);

	if (log >= s->last_log)
		return error_set(e, REASON_STORE, "the entries of the newest log stay");
	s->erased = true;
	return shapes_archive(s, log << STORE_LOG_SHIFT, (log + 1) << STORE_LOG_SHIFT, e) &&
	       sql_run(s, SQL_ENTRY_ARCHIVE, BOUND(from, to), e) &&
	       sql_run(s, SQL_DISCLOSURE_ARCHIVE, BOUND(from, to), e) && shapes_trim(s, e) && put_archive(s, log, a, e);
}

bool store_get_archive(struct store *s, uint64_t log, struct store_archive *out, struct error *e)
{
	struct view value;
	char name[40];

	if (!store_get_value(s, archive_name(log, name), &value, e))
		return false;
	if (value.n != ARCHIVE_BYTES)
		return error_set(e, REASON_STORE, "what is known of an archived log is malformed");
	struct reader r = { .rest = value };
	out->size = read_u64(&r);
	memcpy(out->checkpoint.b, read_bytes(&r, sizeof out->checkpoint.b).p, sizeof out->checkpoint.b);
	out->told = read_u8(&r) != 0;
	return true;
}

bool store_tell_archive(struct store *s, uint64_t log, struct error *e)
{
	struct store_archive a;

	if (!store_get_archive(s, log, &a, e))
		return false;
	a.told = true;
	return put_archive(s, log, &a, e);
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
	int64_t key = 0;

	return tile_key(s, level, index, &key, e) && sql_run(s, SQL_TILE_PUT, BOUND(as_int(key), as_blob(hashes)), e);
}

bool store_get_tile(struct store *s, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	int64_t key = 0;

	return tile_key(s, level, index, &key, e) && sql_keep(s, SQL_TILE_GET, BOUND(as_int(key)), "tile", hashes, e);
}

bool store_put_checkpoint(struct store *s, uint64_t size, struct view note, struct error *e)
{
	return sql_run(s, SQL_CHECKPOINT_PUT, BOUND(as_int(log_key(s, size)), as_text(note)), e);
}

static bool take_checkpoint(struct store *s, struct statement *q, uint64_t *size, struct view *note, struct error *e)
{
	uint64_t n = store_entry_index((uint64_t)col_int(q, 0));

	arena_reset(&s->scratch);
	bool ok = col_keep(s, q, 1, note, e);
	sql_end(q);
	if (ok)
		*size = n;
	return ok;
}

bool store_get_checkpoint(struct store *s, uint64_t index, uint64_t *size, struct view *note, struct error *e)
{
	int64_t from = store_entry_log(index) ? log_end(s) : log_key(s, index);
	struct statement *q = sql_row(s, SQL_CHECKPOINT_AT, BOUND(as_int(from), as_int(log_end(s))), "checkpoint", e);

	return q && take_checkpoint(s, q, size, note, e);
}

bool store_last_checkpoint(struct store *s, uint64_t *size, struct view *note, struct error *e)
{
	struct statement *q = sql_start(s, SQL_CHECKPOINT_LAST, BOUND(as_int(log_key(s, 0)), as_int(log_end(s))), e);
	bool ok;

	if (sql_next(s, q, &ok, e))
		return take_checkpoint(s, q, size, note, e);
	if (!ok)
		return false;
	*size = 0;
	*note = VIEW("");
	return true;
}
