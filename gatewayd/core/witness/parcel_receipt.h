/* The receipt in a partner's answer to what a courier sent: the partner's word alone counts for nothing, its log must hold
 * the entry. The worker's thread. */
#ifndef GATEWAYD_CORE_WITNESS_PARCEL_RECEIPT_H
#define GATEWAYD_CORE_WITNESS_PARCEL_RECEIPT_H

#include "gatewayd/core/serve/courier.h"

/* Whether the answer has a receipt that verifies by the log of p->partner, `says` answers true to its leaf (parsed; its bytes are
 * the tape's text), and its checkpoint is of the history that this log showed before (sight_take()). Then p->receipt has its text. Else parcel_later(), with
 * `receipt-invalid` or the reason that sight_take() gives. */
bool parcel_receipt(struct parcel *p, bool (*says)(struct parcel *p, const struct tape *leaf)) MUST_USE;

#endif
