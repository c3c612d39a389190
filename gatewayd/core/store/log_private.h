/* Keys of rows that belong to a log: log << 40 | index. For the files of this room. */
#ifndef GATEWAYD_CORE_STORE_LOG_PRIVATE_H
#define GATEWAYD_CORE_STORE_LOG_PRIVATE_H

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/sql_private.h"

/* The key of a row of the log that the verbs are about, and the first key past that log. */
static inline int64_t log_key(const struct store *s, uint64_t index)
{
	return (int64_t)(s->log << STORE_LOG_SHIFT | store_entry_index(index));
}

static inline int64_t log_end(const struct store *s)
{
	return (int64_t)((s->log + 1) << STORE_LOG_SHIFT);
}

static inline bool log_index_fits(uint64_t index, struct error *e)
{
	return store_entry_log(index) == 0 || error_set(e, REASON_NOT_FOUND, "no log has such an index");
}

/* Puts an entry, and its disclosures where it has any; `shape`: the number of the one that they name, or null. */
bool log_put_rows(struct store *s, int64_t key, struct view leaf, struct view packed, const struct bound *shape,
                  struct error *e) MUST_USE;
/* The text of two columns, as it is or in fewer bytes; `*out` is in the row, or in `text`. */
bool log_text(struct statement *q, int at, struct buf *text, struct view *out, struct error *e) MUST_USE;

#endif
