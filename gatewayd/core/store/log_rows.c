/* How entries and their disclosures lie in their rows: in fewer bytes (lib/tlog/compact.h), or, those of before, as they are. */
#include "gatewayd/core/store/log_private.h"
#include "lib/tlog/compact.h"

#define ROOM_KEPT \
	65536 /* bytes of a row or text that the next one is written over; of a longer one they are given back */

/* What was written there is over. */
static void make_room(struct buf *b)
{
	if (b->cap > ROOM_KEPT)
		buf_wipe(b);
	b->max = COMPACT_MAX;
	buf_reset(b);
}

static bool put_compact(struct store *s, enum sql id, int64_t key, struct view text, const struct bound *shape,
                        struct error *e)
{
	struct bound b[3] = { as_int(key) };

	make_room(&s->row);
	compact_write(text, &s->row);
	if (s->row.failed)
		return text.n > COMPACT_TEXT ? error_set(e, REASON_LIMIT,
		                                         "an entry of the log, or what is withheld of it, is too long")
		                             : error_set(e, REASON_NO_MEMORY, "memory ran out for an entry of the log");
	b[1] = as_blob(buf_view(&s->row));
	if (shape)
		b[2] = *shape;
	bool ok = sql_run(s, id, b, shape ? 3 : 2, e);
	make_room(&s->row);
	return ok;
}

bool log_put_rows(struct store *s, int64_t key, struct view leaf, struct view packed, const struct bound *shape,
                  struct error *e)
{
	return put_compact(s, SQL_ENTRY_PUT, key, leaf, NULL, e) &&
	       (packed.n == 0 || put_compact(s, SQL_DISCLOSURE_PUT, key, packed, shape, e));
}

bool log_text(struct statement *q, int at, struct buf *text, struct view *out, struct error *e)
{
	bool plain = col_null(q, at + 1), ok = true;

	make_room(text);
	*out = col_view(q, at);
	if (plain) {
		ok = out->n <= COMPACT_TEXT;
	} else {
		ok = compact_read(col_view(q, at + 1), text);
		*out = buf_view(text);
	}
	if (ok)
		return true;
	return text->failed ? error_set(e, REASON_NO_MEMORY, "memory ran out for an entry of the log")
	                    : error_set(e, REASON_TAMPERED, "entry %llu of its log was altered: its row does not read",
	                                (unsigned long long)store_entry_index((uint64_t)col_int(q, 0)));
}
