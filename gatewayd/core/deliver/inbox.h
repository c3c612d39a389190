/* The inbox of this agency's system: what waits for it, and its acknowledgements. The worker's thread. */
#ifndef GATEWAYD_CORE_DELIVER_INBOX_H
#define GATEWAYD_CORE_DELIVER_INBOX_H

#include "gatewayd/core/serve/request.h"

/* GET /v1/inbox, POST /v1/inbox/{id}/ack. */
void handle_inbox(struct request *r);
void handle_ack(struct request *r);

/* Inboxes are this agency's own; another is refused, and answered so. */
bool inbox_own_system(struct request *r);
/* Items that come with a record; the others are duties. */
bool inbox_has_record(struct view kind);

#endif
