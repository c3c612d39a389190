/* Evidence of one exchange, as a folder of files in a tar archive that needs no program of ours: entries with their proofs,
 * disclosures, what governed and who signed it, what the partner's log says, and a script that verifies all of it. One thread. */
#ifndef GATEWAYD_CTL_EVIDENCE_H
#define GATEWAYD_CTL_EVIDENCE_H

#include <jansson.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/ctl/audit.h"

#define EVIDENCE_MISSING_MAX 32

struct evidence {
	const struct ctl *ctl;
	char folder[64]; /* temporary, of this account alone */
	char name[64];   /* of the folder in the archive */
	struct store *store;
	struct store_exchange row; /* its texts are copies */
	char agreement[72], provider[72], recipient[72];
	char missing[EVIDENCE_MISSING_MAX][160]; /* what is not in it, and why; for README.md */
	size_t n_missing;
	size_t n_entries, n_documents, n_signatures;
};

/* Makes the temporary folder. evidence_close() removes it with all that is in it, whatever came of it. */
bool evidence_open(struct evidence *x, const char *exchange, struct error *e) MUST_USE;
void evidence_close(struct evidence *x);
/* Writes a file of the folder; `path` as printf has it, its folders are made. */
bool evidence_put(const struct evidence *x, struct view bytes, struct error *e, const char *path, ...)
        PRINTF_LIKE(4, 5) MUST_USE;
/* Says that something is not there. */
void evidence_lacks(struct evidence *x, const char *text, ...) PRINTF_LIKE(2, 3);
/* Packs the folder into `out`, a new file that only its owner may read, by tar(1). */
bool evidence_pack(const struct evidence *x, const char *out, struct error *e) MUST_USE;

/* evidence_beside.c: what governed (by the decision's digests), under what signatures, and by whose keys and certificates all of
 * it is verified. */
bool evidence_beside(struct evidence *x, const json_t *opened, struct error *e) MUST_USE;
/* Statements that persons signed, of what an entry disclosed. */
bool evidence_statements(struct evidence *x, const char *entry, const json_t *opened, struct error *e) MUST_USE;

int ctl_evidence(const struct ctl *c, int argc, char **argv);

#endif
