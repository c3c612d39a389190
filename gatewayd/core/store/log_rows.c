/* How entries and their disclosures lie in their rows: in fewer bytes (lib/tlog/compact.h), or, those of before, as they are. */
#include "gatewayd/core/store/log_private.h"
#include "lib/tlog/compact.h"

static bool put_compact(struct store *s, enum sql id, int64_t key, struct view text, const struct bound *shape,
                        struct error *e)
{
	struct bound b[3] = { as_int(key) };

	s->row.max = COMPACT_MAX;
	buf_reset(&s->row);
	compact_write(text, &s->row);
	if (s->row.failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out for an entry of the log");
	b[1] = as_blob(buf_view(&s->row));
	if (shape)
		b[2] = *shape;
	return sql_run(s, id, b, shape ? 3 : 2, e);
}

bool log_put_rows(struct store *s, int64_t key, struct view leaf, struct view packed, const struct bound *shape,
                  struct error *e)
{
	return put_compact(s, SQL_ENTRY_PUT, key, leaf, NULL, e) &&
	       (packed.n == 0 || put_compact(s, SQL_DISCLOSURE_PUT, key, packed, shape, e));
}

bool log_text(struct statement *q, int at, struct buf *text, struct view *out, struct error *e)
{
	text->max = COMPACT_MAX;
	*out = col_view(q, at);
	if (col_null(q, at + 1))
		return true;
	buf_reset(text);
	if (!compact_read(col_view(q, at + 1), text))
		return text->failed ? error_set(e, REASON_NO_MEMORY, "memory ran out for an entry of the log")
		                    : error_set(e, REASON_TAMPERED,
		                                "entry %llu of its log was altered: its row does not read",
		                                (unsigned long long)store_entry_index((uint64_t)col_int(q, 0)));
	*out = buf_view(text);
	return true;
}
