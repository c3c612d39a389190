/* Notices: what two gateways tell each other about an exchange: those that wait, how each ended, and what was taken.
 * See store.h. */
#ifndef GATEWAYD_CORE_STORE_NOTICE_H
#define GATEWAYD_CORE_STORE_NOTICE_H

#include "gatewayd/core/store/outbox.h"
#include "lib/base/ids.h"

enum notice_kind { NOTICE_RECEIPT, NOTICE_RECALL, NOTICE_HOLD, NOTICE_LIFT, NOTICE_RETURN };
#define NOTICE_KINDS 5
const char *notice_kind_name(enum notice_kind k);
struct store_notice {
	uint64_t id; /* set by store_put_notice; grows */
	uint64_t seq;
	enum notice_kind kind;
	struct view recipient; /* agency */
	uint64_t entry;        /* by its number among all logs: whose proof travels */
	struct view body;      /* a JSON object's text */
	int64_t made_ms, next_ms;
	uint32_t attempts;
	struct view last_error; /* slug */
};
bool store_put_notice(struct store *s, struct store_notice *n, struct error *e) MUST_USE;
/* Counts an attempt. */
bool store_retry_notice(struct store *s, uint64_t id, int64_t next_ms, struct view last_error,
                        struct error *e) MUST_USE;
/* Due at `next_ms`; no attempt is counted. REASON_NOT_FOUND when it does not wait. */
bool store_hasten_notice(struct store *s, uint64_t id, int64_t next_ms, struct error *e) MUST_USE;
bool store_get_notice(struct store *s, uint64_t id, struct store_notice *out, struct error *e) MUST_USE;
/* Those that wait, by id. */
bool store_list_notices(struct store *s, uint64_t after_id, unsigned max,
                        bool (*each)(void *arg, const struct store_notice *n), void *arg, struct error *e) MUST_USE;
/* Those of one exchange, by id. */
bool store_list_notices_of(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_notice *n),
                           void *arg, struct error *e) MUST_USE;
/* Due at `now_ms`, of each exchange and recipient only the oldest that waits: they arrive in their order. */
bool store_due_notices(struct store *s, const struct store_ask *ask,
                       bool (*each)(void *arg, const struct store_notice *n), void *arg, struct error *e) MUST_USE;
/* As of deliveries (outbox.h). */
bool store_next_notice_recipient(struct store *s, struct view after, struct view *out, struct error *e) MUST_USE;
bool store_count_notices(struct store *s, bool (*each)(void *arg, const struct store_waiting *w), void *arg,
                         struct error *e) MUST_USE;
/* One that no longer waits: it arrived, and the partner's receipt proves it, or it was given up. */
struct store_notice_end {
	uint64_t id;
	enum notice_kind kind;
	struct view recipient;
	uint64_t entry;
	int64_t made_ms, ended_ms;
	struct view error;   /* slug; empty: it arrived */
	struct view receipt; /* the partner's */
};
/* Takes the notice out of those that wait and keeps how it ended; REASON_NOT_FOUND when it did not wait. */
bool store_drop_notice(struct store *s, uint64_t id, int64_t now_ms, struct view error, struct view receipt,
                       struct error *e) MUST_USE;
/* Of one exchange, in their order. */
bool store_list_notice_ends(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_notice_end *n),
                            void *arg, struct error *e) MUST_USE;
/* A partner's notice that was taken. It is keyed by exchange and digest, so that it takes effect once. */
struct store_notice_taken {
	uint64_t seq;
	struct digest digest; /* SHA-256 of the partner's entry */
	enum notice_kind kind;
	uint64_t entry; /* ours that says so, by its number among all logs */
	int64_t taken_ms;
	struct view proof; /* the partner's, with its entry: a receipt in the partner's log */
};
bool store_put_notice_taken(struct store *s, const struct store_notice_taken *t, struct error *e) MUST_USE;
bool store_get_notice_taken(struct store *s, uint64_t seq, const struct digest *digest, struct store_notice_taken *out,
                            struct error *e) MUST_USE;
bool store_count_notices_taken(struct store *s, uint64_t seq, uint64_t *n, struct error *e) MUST_USE;
/* Of one exchange, in the order of their taking. */
bool store_list_notices_taken(struct store *s, uint64_t seq,
                              bool (*each)(void *arg, const struct store_notice_taken *t), void *arg,
                              struct error *e) MUST_USE;

#endif
