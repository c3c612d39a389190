/* Which signed checkpoints of partners' logs were verified: all records of one commit, and all of one delivery, come with the
 * same note, whose signature need not be verified for each. What is remembered is a SHA-256 over the key, its name and the note's
 * exact bytes: another key for the partner, or one byte more, finds nothing. Only what verified is remembered. A table of
 * fixed size, where the newest take the places of the oldest. Beside them the path of the last leaf that was found in a tree, for
 * a few trees (lib/tlog/proof_path.h): the leaves of one answer lie side by side. Any thread. */
#ifndef GATEWAYD_CORE_CONF_VERIFIED_H
#define GATEWAYD_CORE_CONF_VERIFIED_H

#include "lib/tlog/receipt.h"

struct verified;
struct verified *verified_new(void) MUST_USE;
void verified_free(struct verified *v); /* NULL is fine */

/* checkpoint_open(), whose signature is verified once, and whose text is read once. `out` looks into `note` or `log`. NULL for `v`:
 * each time. */
bool verified_open(struct verified *v, struct view note, const struct note_vkey *log, struct checkpoint *out,
                   struct error *e) MUST_USE;
/* receipt_includes(), for one receipt after another of the same tree: what their paths share is hashed once. NULL for `v`: each
 * path by itself. */
bool verified_includes(struct verified *v, const struct receipt *r, struct view entry, const struct checkpoint *c,
                       struct error *e) MUST_USE;
/* How many signatures were verified, and how many notes were known. */
struct verified_figures {
	uint64_t verified, known;
};
void verified_figures(struct verified *v, struct verified_figures *out); /* NULL for `v`: none */

#endif
