/* Items of an inbox as files DIR/ID.json, for their owner alone. A file is complete and synced under its name, or not
 * there: what is acknowledged on its strength may be erased at the gateway. */
#ifndef GATEWAYD_CTL_INBOX_FETCH_H
#define GATEWAYD_CTL_INBOX_FETCH_H

#include "gatewayd/ctl/inbox.h"

struct inbox_fetched {
	size_t n, acknowledged, duties;
};

/* Writes all items; with `ack` acknowledges each record after its file (duties never: they have to be carried out
 * first). A file of the same name is replaced, as duties change when they escalate. Counts what was done up to an
 * error, too. */
bool inbox_fetch(struct inbox *in, const char *folder, bool ack, struct inbox_fetched *done, struct error *e) MUST_USE;

#endif
