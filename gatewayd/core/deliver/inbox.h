/* What the two files of the inbox share. Worker's thread. */
#ifndef GATEWAYD_CORE_DELIVER_INBOX_H
#define GATEWAYD_CORE_DELIVER_INBOX_H

#include "gatewayd/core/serve/router.h"

/* Inboxes are this agency's own; another is refused, and answered so. */
bool inbox_own_system(struct request *r);
/* Items that come with a record; the others are duties. */
bool inbox_has_record(struct view kind);

#endif
