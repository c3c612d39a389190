/* Texts of the log in fewer bytes, for the rows that they lie in: a leaf, and the disclosures beside it. What comes back is the text
 * byte for byte, whatever it was: leaves are hashed as they are. Nothing but the row is needed to read it, so that erasing the
 * row erases all that it said. Any thread. */
#ifndef GATEWAY_TLOG_COMPACT_H
#define GATEWAY_TLOG_COMPACT_H

#include "lib/base/buf.h"

/* Bytes of a text, at most: so many has what is withheld of one entry. */
#define COMPACT_TEXT (4u * 1024 * 1024)
/* Of its row, which has no more than two for each of the text's, and one. */
#define COMPACT_MAX (2 * COMPACT_TEXT + 1)

/* Appends the row of `text`; out->failed where there is no room, or the text is longer than any. */
void compact_write(struct view text, struct buf *out);
/* The text of a row into `out`, which is empty and may have COMPACT_MAX bytes. False: it is none, for what stands for more than a
 * text may have is no row; or memory ran out, and then out->failed. */
bool compact_read(struct view row, struct buf *out) MUST_USE;

#endif
