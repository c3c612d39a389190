/* Many receipts in few bytes: those of one delivery's answer share a checkpoint, most hashes of their proofs, and the words of
 * their leaves. A bundle has each of these once; a digest, an id or a number that stands in a leaf as text is kept as its bytes.
 * Whatever text is added comes back byte for byte: one that is no receipt in its own printed form is kept as it is.
 * One thread at a time. */
#ifndef GATEWAY_TLOG_RECEIPT_BUNDLE_H
#define GATEWAY_TLOG_RECEIPT_BUNDLE_H

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

/* Bytes of one bundle, at most. */
#define RECEIPT_BUNDLE_MAX (32u * 1024 * 1024)

struct receipt_bundle {
	unsigned n;                           /* receipts in it */
	unsigned n_texts, n_hashes;           /* that they share */
	struct buf texts, hashes, items;      /* texts: u32 length, then bytes */
	struct buf leaf, words, values, item; /* of the one that is being added */
	uint32_t *places;                     /* of hashes, by their first bytes: 1 + number, 0: free */
	unsigned n_places;
};
#define RECEIPT_BUNDLE_INIT \
	((struct receipt_bundle){ .texts = BUF_INIT(RECEIPT_BUNDLE_MAX), \
	                          .hashes = BUF_INIT(RECEIPT_BUNDLE_MAX), \
	                          .items = BUF_INIT(RECEIPT_BUNDLE_MAX), \
	                          .leaf = BUF_INIT(RECEIPT_BUNDLE_MAX), \
	                          .words = BUF_INIT(RECEIPT_BUNDLE_MAX), \
	                          .values = BUF_INIT(RECEIPT_BUNDLE_MAX), \
	                          .item = BUF_INIT(RECEIPT_BUNDLE_MAX) })
void receipt_bundle_free(struct receipt_bundle *b);
/* Adds a text (receipt.h) behind the others; its place is their number before. False: memory ran out, or it does not fit, and
 * the bundle is of no use any more. */
bool receipt_bundle_add(struct receipt_bundle *b, struct view text) MUST_USE;
/* Appends the bundle. Sets out->failed when it does not fit. */
void receipt_bundle_print(const struct receipt_bundle *b, struct buf *out);
/* Appends the text at `place`. REASON_NOT_FOUND: it has fewer; REASON_STORE: it is damaged; REASON_NO_MEMORY. */
bool receipt_bundle_read(struct view bundle, unsigned place, struct buf *text, struct error *e) MUST_USE;

#endif
