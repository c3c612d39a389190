/* The inbox of this agency's system: what waits for it, and its acknowledgements. The worker's thread. */
#ifndef GATEWAYD_CORE_DELIVER_INBOX_H
#define GATEWAYD_CORE_DELIVER_INBOX_H

#include "gatewayd/core/serve/request.h"

/* GET /v1/inbox, POST /v1/inbox/{id}/ack. */
void handle_inbox(struct request *r);
void handle_ack(struct request *r);

/* Whether the payload of an item with a record opens, and `body` is what was sealed with it; `out` has the payload then.
 * REASON_DAMAGED, REASON_NOT_FOUND: it is damaged; was erased. */
struct core;
struct payload;
struct store;
bool inbox_open(struct worker *w, uint64_t seq, const struct uuid *exchange, struct view body, struct payload *out,
                struct error *e) MUST_USE;
/* What act of persons stops the record of an item: its reason, or REASON_NONE. Any thread, with its own store. */
bool inbox_stopped(struct core *c, struct store *s, uint64_t seq, enum reason *out, struct error *e) MUST_USE;
/* Inboxes are this agency's own; another is refused, and answered so. */
bool inbox_own_system(struct request *r);
/* Items that only tell something; others come with a record (store/inbox.h), or are duties. */
bool inbox_is_told(struct view kind);

#endif
