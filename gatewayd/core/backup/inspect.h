/* What can be said of a store without changing it: whether it can be read whole, whether its logs are those that were
 * signed, and which of its payloads open. Of a backup as of the store in use; a reading store or a trial (store.h), a
 * thread's own. */
#ifndef GATEWAYD_CORE_BACKUP_INSPECT_H
#define GATEWAYD_CORE_BACKUP_INSPECT_H

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/store/store.h"
#include "lib/tlog/note.h"

enum finding {
	FINDING_DAMAGED,  /* the engine cannot read a place, or it does not fit the others */
	FINDING_LOG,      /* a log is not the one that was signed */
	FINDING_STRANGE,  /* a row names a payload or an exchange that is not there, or a slot that another row names */
	FINDING_ERASED,   /* a payload's slot holds no key */
	FINDING_CUT,      /* a payload's slot lies behind the end of the file of key slots */
	FINDING_UNOPENED, /* a slot holds a key, but not that of its payload, or it does not open */
	FINDING_ALTERED,  /* what stands beside a record, in outbox or inbox, is not what was sealed with it */
	FINDING_COUNT
};
const char *finding_name(enum finding f);

struct inspection {
	uint64_t logs, entries; /* entries of the newest log */
	uint64_t exchanges, payloads, opened;
	uint64_t found[FINDING_COUNT];
	struct digest checkpoint; /* SHA-256 of the newest log's last signed checkpoint */
	uint64_t size;            /* that it covers */
	/* Called for each finding: of an exchange by its id; `exchange` NULL: of the store or a log. `what`: a sentence
	 * without a value. */
	void (*tell)(void *arg, enum finding f, const struct uuid *exchange, const char *what);
	void *arg;
};

/* All pages, as the engine sees them. False: it could not be looked at. */
bool inspect_engine(struct store *s, struct inspection *i, struct error *e) MUST_USE;
/* Every log: its tree is rebuilt from entries and compared with tiles and last checkpoint. `key` signed the newest; NULL:
 * no signature is asked. Signatures of earlier logs are not asked. */
bool inspect_logs(struct store *s, const struct note_vkey *key, struct inspection *i, struct error *e) MUST_USE;
/* Every payload, with the keys of `k`; NULL: only the rows are looked at. */
bool inspect_payloads(struct store *s, struct keystore *k, struct inspection *i, struct error *e) MUST_USE;

#endif
