/* See duty_notice.c: for core/notice_kinds.c. */
#ifndef GATEWAYD_CORE_COPY_DUTY_NOTICE_H
#define GATEWAYD_CORE_COPY_DUTY_NOTICE_H

#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/exchange.h"

bool duty_receipt_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                        struct error *e) MUST_USE;
/* Whether the partner owes others besides is looked up anew. */
void duty_receipt_settled(const struct notice_in *in);
bool duty_return_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                       struct error *e) MUST_USE;
bool duty_return_ended(const struct notice_end *end, struct writer *w, struct store *s, struct error *e) MUST_USE;
/* A recall of what never arrived there is done. */
bool duty_recall_ended(const struct notice_end *end, struct writer *w, struct store *s, struct error *e) MUST_USE;
bool duty_recall_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                       struct error *e) MUST_USE;

#endif
