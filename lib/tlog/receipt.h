/* C2SP tlog-proof receipts: a leaf's index, its inclusion proof, and the signed checkpoint; here with the
 * leaf's exact bytes beside it. Any thread. */
#ifndef GATEWAY_TLOG_RECEIPT_H
#define GATEWAY_TLOG_RECEIPT_H

#include "lib/tlog/note.h"
#include "lib/tlog/proof_path.h"

struct receipt {
	uint64_t index;
	struct digest proof[TLOG_PROOF_MAX];
	unsigned n;
	struct view checkpoint; /* the signed note */
};
#define RECEIPT_HEADER "c2sp.org/tlog-proof@v1"
/* The text: `c2sp.org/tlog-proof@v1`, index, hashes, blank line, checkpoint; the leaf's bytes travel in the
 * `extra` line (base64) so that the one text verifies offline. `entry` may be empty: no extra line. */
void receipt_print(const struct receipt *r, struct view entry, struct buf *out);
/* `entry` gets the bytes of the extra line, decoded into `scratch`; empty without one. `out->checkpoint`
 * looks into `text`. After false `*out` means nothing. REASON_TAMPERED. */
bool receipt_parse(struct view text, struct buf *scratch, struct receipt *out, struct view *entry,
                   struct error *e) MUST_USE;
/* Origin and key of `log`, signature, inclusion of `entry`. */
bool receipt_verify(const struct receipt *r, struct view entry, const struct note_vkey *log, struct error *e) MUST_USE;
/* Inclusion of `entry` alone, in the tree of `c`, the receipt's checkpoint, which its caller opened. `known`: as
 * tlog_path_check() has it. */
bool receipt_includes(const struct receipt *r, struct view entry, const struct checkpoint *c, struct tlog_path *known,
                      struct error *e) MUST_USE;

#endif
