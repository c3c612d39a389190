/* Marks: keyed digests of records that came here, or left as the agency's own, by which a copy is known again. A mark is a
 * part of the row of caveats (caveats.h) and goes with it.
 *
 * A mark is random, and an index over it would be written page by page, one for each record: a third of all that a commit
 * writes. So the newest are looked for in memory, and go into the index (table `mark`, by their first bytes) many at a time and
 * in its order, a few with each commit; which are there says the row of `mark_end`. Of one mark no more lie in memory than are
 * found; what comes beyond them, of a record that is sent again and again, goes there at once. After a start those that are not
 * there are read from their rows, which lie in order. A reader that shares nobody's memory looks through those rows instead. */
#ifndef GATEWAYD_CORE_STORE_MARK_H
#define GATEWAYD_CORE_STORE_MARK_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

/* Exchanges whose marks may lie in memory, 8 to 16 bytes each, before they go into the index; twice as many for a while. */
#define STORE_MARKS_RECENT 65536u
/* Of one mark so many exchanges are found, the first ones. */
#define STORE_MARKED_MAX 64

/* Lets a reader look in the memory of `from`: the store that writes, or a reader that shares it already. That store outlives
 * the reader's last look. */
void store_share_marks(struct store *reader, const struct store *from);
/* Has one of them a mark? */
bool store_any_marked(struct store *s, bool *any, struct error *e) MUST_USE;
/* Those that have the mark; none has zeros. In the order of seq; `each` returns false to end it. */
bool store_list_marked(struct store *s, const struct digest *mark, bool (*each)(void *arg, uint64_t seq), void *arg,
                       struct error *e) MUST_USE;

#endif
