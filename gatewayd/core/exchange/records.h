/* POST …/records and …/validate: one envelope, or one a line of NDJSON, and one answer to them all. The worker's thread. */
#ifndef GATEWAYD_CORE_EXCHANGE_RECORDS_H
#define GATEWAYD_CORE_EXCHANGE_RECORDS_H

#include "gatewayd/core/serve/request.h"

struct exchange;

/* The lines of an NDJSON body that are under way; request.work. */
struct records {
	unsigned n, pending;
	struct exchange *lines[]; /* by line; NULL: it could not begin */
};

void handle_records(struct request *r);
void handle_validate(struct request *r);

/* The lines of this request; NULL: it is a single envelope. */
struct records *records_of(const struct request *r);
/* The exchange of one of its lines is decided, written and has its result. Answers and lets all of them and the request
 * go when it was the last. */
void records_done(struct request *r);

#endif
