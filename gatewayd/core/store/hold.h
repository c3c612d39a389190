/* Holds: what stops the erasure of an exchange's data, or their use as well. See store.h. */
#ifndef GATEWAYD_CORE_STORE_HOLD_H
#define GATEWAYD_CORE_STORE_HOLD_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

enum hold_kind {
	HOLD_LEGAL,      /* stops erasure */
	HOLD_RESTRICTION /* disputed data: stops erasure and use */
};
const char *hold_kind_name(enum hold_kind k); /* as in hold.schema.json */
struct store_hold {
	uint64_t id; /* set by store_put_hold; grows */
	uint64_t seq;
	enum hold_kind kind;
	int64_t from_ms, until_ms;
	struct digest statement; /* SHA-256 of what was stated and signed: a document */
	struct view signer;      /* partner id */
	struct view role;        /* in which the signer spoke, and who lifts it */
	int64_t ended_ms;        /* TIME_NONE: in force; before `until_ms`: lifted */
};
/* In force until it is ended, whatever the clock says; meanwhile the exchange's timer is held, also one that is put
 * later. *fresh false: this statement was put before, and nothing changes. */
bool store_put_hold(struct store *s, struct store_hold *h, bool *fresh, struct error *e) MUST_USE;
/* The timer is held no longer when no other hold is in force. REASON_NOT_FOUND: none in force has this id. */
bool store_end_hold(struct store *s, uint64_t id, int64_t ended_ms, struct error *e) MUST_USE;
bool store_find_hold(struct store *s, const struct digest *statement, struct store_hold *out, struct error *e) MUST_USE;
/* Of one exchange (`seq` 0: of all), in the order in which they came; only those in force, or ended ones too. */
bool store_list_holds(struct store *s, uint64_t seq, bool ended_too,
                      bool (*each)(void *arg, const struct store_hold *h), void *arg, struct error *e) MUST_USE;
/* Those in force whose end has come, earliest first. */
bool store_due_holds(struct store *s, int64_t now_ms, unsigned max, bool (*each)(void *arg, const struct store_hold *h),
                     void *arg, struct error *e) MUST_USE;
/* How many of each kind are in force on an exchange. */
struct store_held {
	unsigned legal, restrictions;
};
bool store_held(struct store *s, uint64_t seq, struct store_held *out, struct error *e) MUST_USE;

#endif
