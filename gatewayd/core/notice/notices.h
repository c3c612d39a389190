/* Notices that wait to be sent: what is due goes to the recipient's gateway, of each exchange the oldest first, and
 * is tried again, later each time, until it arrived, was refused for good, or is given up. Each worker serves those
 * whose number leaves its index when divided by the number of workers. The worker's thread. */
#ifndef GATEWAYD_CORE_NOTICE_NOTICES_H
#define GATEWAYD_CORE_NOTICE_NOTICES_H

#include "lib/base/view.h"

struct worker;

void *notices_new(struct worker *w) MUST_USE;
void notices_free(void *notices);
/* Looks for what is due. Called often. */
void notices_tick(void *notices);

#endif
