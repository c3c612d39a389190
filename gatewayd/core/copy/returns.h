/* Records that go back to their provider at the end of their time: the recipient's system hands in what it was given,
 * the gateway proves that it is that, keeps it sealed until the provider's gateway has it,
 * and that one hands it to its own system through the inbox. What was masked since nobody could hold against what was
 * handed out, and it would be a way for any text: it does not go back, and its end is the answer `erased`. */
#ifndef GATEWAYD_CORE_COPY_RETURNS_H
#define GATEWAYD_CORE_COPY_RETURNS_H

#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/notice/notice.h"

/* Was it masked since it was handed out? Any thread, with its own store. */
bool returned_masked(struct store *reader, uint64_t seq, bool *masked, struct error *e) MUST_USE;

/* A record that the recipient's system returns: checked and sealed by the worker, written by the writer. */
struct returned {
	const char *fault; /* it is not what was handed out; for inbox_ack.c */
	uint8_t key[32];
	struct digest digest; /* SHA-256(salt || record) */
	struct buf sealed;
};
/* The worker's thread; `id` is the inbox item's. False: the store or memory failed. An item that is not there is no
 * failure: the job says so. */
bool returned_prepare(struct returned *r, struct worker *w, uint64_t id, const struct duty_answer *answer) MUST_USE;
/* Only inside a job's run(), before the duty is answered. */
bool returned_write(const struct returned *r, const struct act *a, struct copy *c, struct error *e) MUST_USE;
void returned_free(struct returned *r);

/* The provider's side: takes a record that came back, whose salted digest the notice's entry has. */
bool returned_take(struct notice_in *in, struct act *a, struct copy *c, struct error *e) MUST_USE;

#endif
