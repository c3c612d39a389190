/* Notices that wait to be sent: what is due goes to the recipient's gateway, of each exchange the oldest first, and is tried
 * again until it arrived, was refused for good, or is given up. */
#ifndef GATEWAYD_CORE_NOTICE_NOTICE_OUT_H
#define GATEWAYD_CORE_NOTICE_NOTICE_OUT_H

#include "lib/base/view.h"

struct worker;

/* A worker's courier of notices (serve/courier.h); NULL: no memory. */
void *notice_courier(struct worker *w) MUST_USE;

#endif
