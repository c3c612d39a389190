/* Timers: one row an exchange, the next thing due. See store.h. */
#ifndef GATEWAYD_CORE_STORE_TIMER_H
#define GATEWAYD_CORE_STORE_TIMER_H

#include "gatewayd/core/store/store.h"
#include "lib/policy/schedule.h"

enum timer_kind {
	TIMER_ERASE /* the gateway's own payload */,
	TIMER_MASK,
	TIMER_REVIEW,
	TIMER_COPY_ERASE,
	TIMER_COPY_RETURN,
	TIMER_RECEIPT /* of a duty is owed */,
	TIMER_NOTIFY
};
const char *timer_kind_name(enum timer_kind k);
struct store_timer {
	uint64_t seq;
	int64_t due_ms; /* of `kind` */
	enum timer_kind kind;
	bool held; /* a hold is in force: does not fire; as the holds say, not as it is put */
	/* What comes after it. */
	struct schedule plan; /* lib/policy/schedule.h */
	int64_t receipt_ms;   /* when the earliest receipt is owed; 0: none is */
	uint64_t inbox;       /* item under which the record waits for the recipient's system; 0: none */
	struct view purpose;
	struct view reference; /* under which the recipient's system keeps its copy */
};
/* Inserts or replaces. */
bool store_put_timer(struct store *s, const struct store_timer *t, struct error *e) MUST_USE;
/* Of one that is there: due_ms, kind and plan.payload_ms; the rest stays, held or not. */
bool store_rearm_timer(struct store *s, const struct store_timer *t, struct error *e) MUST_USE;
bool store_drop_timer(struct store *s, uint64_t seq, struct error *e) MUST_USE; /* nothing there: true */
bool store_get_timer(struct store *s, uint64_t seq, struct store_timer *out, struct error *e) MUST_USE;
/* All timers, held or not, by exchange. */
bool store_list_timers(struct store *s, uint64_t after_seq, unsigned max,
                       bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e) MUST_USE;
/* Timers due at `now_ms`, earliest first. */
bool store_due_timers(struct store *s, int64_t now_ms, unsigned max,
                      bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e) MUST_USE;

/* --- what falls due when, for people to look at --- */
/* Timers due by `until_ms`, held ones too, earliest first. */
bool store_list_due(struct store *s, int64_t until_ms, unsigned max,
                    bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e) MUST_USE;
/* How many timers of a kind fall due, counted by the store without listing them. */
struct store_due {
	int64_t day;           /* since 1970-01-01, UTC; by day only */
	struct view agreement; /* by agreement only */
	enum timer_kind kind;
	bool held;
	uint64_t n;
	int64_t first_ms, last_ms;
};
bool store_count_due(struct store *s, bool by_agreement, int64_t until_ms,
                     bool (*each)(void *arg, const struct store_due *d), void *arg, struct error *e) MUST_USE;

#endif
