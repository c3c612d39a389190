/* Scratch memory that one exchange after another uses, and how what was in it is overwritten. One thread's. */
#ifndef GATEWAYD_CORE_SERVE_SCRATCH_H
#define GATEWAYD_CORE_SERVE_SCRATCH_H

#include "lib/crypto/crypto.h"
#include "lib/json/member_order.h"
#include "lib/json/tape.h"
#include "lib/policy/shape.h"
#include "lib/schema/schema.h"
#include "lib/transform/program.h"

/* Bytes of one request's body, at most. */
#define REQUEST_BODY_MAX (17u * 1024 * 1024)

struct scratch {
	struct tape_parser *envelope, *output, *entry;
	struct schema_run *schema_run;
	struct transform_run *transform_run;
	struct gcm *gcm;
	struct shapes *shapes; /* what decisions have in common: nothing of a record */
	struct member_order order;
	struct buf record; /* what leaves */
	struct buf beside; /* what leaves beside it */
	struct buf text;   /* decoded origin.entry and other small things */
	struct buf proof;
};

/* False: no memory; closed all the same. */
bool scratch_open(struct scratch *s) MUST_USE;
/* Overwrites what it holds of records; at the end of each turn. Small buffers are kept. */
void scratch_clear(struct scratch *s);
/* Frees what it holds beyond what a new one does, in place. */
void scratch_rest(struct scratch *s);
void scratch_close(struct scratch *s);

/* Empties a buffer for the next record: overwrites what was of one, also what was there before the last reset. Keeps
 * little memory. */
void scratch_clear_buf(struct buf *b);

#endif
