/* Texts of the log in fewer bytes, for the rows that they lie in: a leaf, and the disclosures beside it. What comes back is the text
 * byte for byte, whatever it was: leaves are hashed as they are. Nothing but the row is needed to read it, so that erasing the
 * row erases all that it said. Any thread. */
#ifndef GATEWAY_TLOG_COMPACT_H
#define GATEWAY_TLOG_COMPACT_H

#include "lib/base/buf.h"

/* Bytes that one of a row can stand for, at most. */
#define COMPACT_MAX (1024u * 1024)

/* Appends the row of `text`; out->failed where there is no room. */
void compact_write(struct view text, struct buf *out);
/* Appends the text of a row. False: it is none, or there is no room; out->failed tells. */
bool compact_read(struct view row, struct buf *out) MUST_USE;

#endif
