/* What people did, in the log's words: an entry of our own operations whose personal side (who asked, what was
 * stated) stands in disclosures, so that the leaf tells the peer no more than that it was done. Made and filled by
 * the thread that asks; testimony_append() is for the job's run(). */
#ifndef GATEWAYD_CORE_AUDIT_TESTIMONY_H
#define GATEWAYD_CORE_AUDIT_TESTIMONY_H

#include "gatewayd/core/context/context.h"
#include "lib/tlog/entry.h"

struct testimony {
	struct disclosures sd;
	bool failed; /* no memory or no random bytes */
};

void testimony_init(struct testimony *t);
void testimony_free(struct testimony *t);
/* A disclosure whose value is a text (valid UTF-8), or the operator's uid. */
void testimony_text(struct testimony *t, const char *name, struct view text);
void testimony_uid(struct testimony *t, unsigned uid);
/* One whose value is JSON; a buffer that failed fails the testimony. */
void testimony_json(struct testimony *t, const char *name, const struct buf *value);
/* Begins `t` with what an operator of this uid showed: a signed statement, and who signed it or, where `fault` is not NULL,
 * what is wrong with it. */
void testimony_statement(struct testimony *t, unsigned uid, struct view statement, const char *signer,
                         const char *fault);
/* Only inside run(): appends `facts`, with this software's build, and what `t` discloses (NULL: nothing). */
bool testimony_append(struct testimony *t, struct core *c, struct writer *w, struct job *j, const struct entry *facts,
                      uint64_t *index, struct error *e) MUST_USE;

#endif
