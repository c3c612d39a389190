/* What a partner's gateway sends must prove itself: DESIGN's "Ingress". The decider's thread. */
#ifndef GATEWAYD_CORE_EXCHANGE_INGRESS_PRIVATE_H
#define GATEWAYD_CORE_EXCHANGE_INGRESS_PRIVATE_H

#include "gatewayd/core/exchange/exchange.h"

/* The agreement version that the sender decided by: ours by digest, also the predecessor for what was
 * decided before the successor came into force, within its grace. REASON_AGREEMENT_MISMATCH otherwise. */
bool ingress_agreement(struct exchange *x, struct view id);
/* Verifies origin, checkpoint signature, inclusion, and that the entry names this exchange, agreement,
 * recipient and the digests of the record and of the members beside it: REASON_RECEIPT_INVALID otherwise, with what is wrong. Then that the record stands in
 * the form that the entry names: REASON_RECORD_FORM. */
bool ingress_verify(struct exchange *x);

#endif
