/* The outbox: deliveries to partner gateways, and the receipts that came back. See store.h. */
#ifndef GATEWAYD_CORE_STORE_OUTBOX_H
#define GATEWAYD_CORE_STORE_OUTBOX_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

/* `next_ms` of one whose deadline has passed: it is not due until people have it tried again. */
#define OUTBOX_FAILED INT64_MAX

struct store_delivery {
	uint64_t seq;
	struct view recipient; /* agency */
	int64_t next_ms, deadline_ms;
	uint32_t attempts;
	struct view last_error; /* slug */
	struct view envelope;   /* JSON members of the envelope without record and origin */
	struct view series;     /* bytes that name what it belongs to; empty: nothing. Written, not read back */
};
bool store_put_delivery(struct store *s, const struct store_delivery *d, struct error *e) MUST_USE;
/* Counts an attempt. */
bool store_retry_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error,
                          struct error *e) MUST_USE;
/* Counts none: nothing was sent. */
bool store_stop_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error,
                         struct error *e) MUST_USE;
/* Due at `next_ms`, with a deadline that much later; nothing there: true. */
bool store_extend_delivery(struct store *s, uint64_t seq, int64_t next_ms, int64_t by_ms, struct error *e) MUST_USE;
bool store_drop_delivery(struct store *s, uint64_t seq, struct error *e) MUST_USE; /* nothing there: true */
bool store_get_delivery(struct store *s, uint64_t seq, struct store_delivery *out, struct error *e) MUST_USE;
/* The whole outbox, by exchange. */
bool store_list_deliveries(struct store *s, uint64_t after_seq, unsigned max,
                           bool (*each)(void *arg, const struct store_delivery *d), void *arg,
                           struct error *e) MUST_USE;
/* Those to be sent by `now_ms`, earliest first, without what is restricted. Of one series only the oldest that has not failed
 * (OUTBOX_FAILED): they arrive in their order. */
bool store_due_deliveries(struct store *s, const struct store_ask *ask,
                          bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e) MUST_USE;
/* The first recipient, by name, after that one to whom something waits; REASON_NOT_FOUND when there is none. */
bool store_next_delivery_recipient(struct store *s, struct view after, struct view *out, struct error *e) MUST_USE;
/* How many wait for one recipient for one reason. */
struct store_waiting {
	struct view recipient, reason; /* slug of the last attempt's; empty: none was made */
	uint64_t n, failed;            /* failed: of them, those that are not due any more */
	int64_t first_ms;              /* the earliest deadline; of notices, when the oldest was made */
};
/* Deliveries, by recipient and reason. `failed_ms`: what next_ms is of those that failed. */
bool store_count_deliveries(struct store *s, int64_t failed_ms, bool (*each)(void *arg, const struct store_waiting *w),
                            void *arg, struct error *e) MUST_USE;
/* What went with a record that was acknowledged, while its payload is kept so that it can be delivered again: the members
 * of store_delivery.envelope. Puts or replaces; REASON_NOT_FOUND; nothing there: true. */
bool store_put_kept(struct store *s, uint64_t seq, struct view envelope, struct error *e) MUST_USE;
bool store_get_kept(struct store *s, uint64_t seq, struct view *envelope, struct error *e) MUST_USE;
bool store_drop_kept(struct store *s, uint64_t seq, struct error *e) MUST_USE;
/* The partner gateway's receipt, kept beside the exchange. */
bool store_put_receipt(struct store *s, uint64_t seq, struct view receipt, struct error *e) MUST_USE;
bool store_get_receipt(struct store *s, uint64_t seq, struct view *receipt, struct error *e) MUST_USE;
/* Those of many, in the order of a bundle of theirs (lib/tlog/receipt_bundle.h): it has the first one's first. Each replaces an
 * older one. */
bool store_put_receipts(struct store *s, const uint64_t *seqs, size_t n, struct view bundle, struct error *e) MUST_USE;
/* Receipts of exchanges behind `after_seq`, in order, at most `max`. */
bool store_list_receipts(struct store *s, uint64_t after_seq, unsigned max,
                         bool (*each)(void *arg, uint64_t seq, const struct uuid *exchange, struct view receipt),
                         void *arg, struct error *e) MUST_USE;

#endif
