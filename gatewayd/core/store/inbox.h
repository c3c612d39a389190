/* The inbox: what the recipient's system fetches. See store.h. */
#ifndef GATEWAYD_CORE_STORE_INBOX_H
#define GATEWAYD_CORE_STORE_INBOX_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

struct store_inbox {
	uint64_t id; /* grows; `after` of GET /v1/inbox */
	uint64_t seq;
	struct uuid exchange;
	struct view kind; /* "record", "correction", "returned", or a duty's name */
	struct view body; /* JSON members: agreement, purpose, tier, retention, … */
	int64_t made_ms;
	int64_t acked_ms; /* 0: not yet; then `body` is the receipt instead */
};
/* Whether an item of that kind comes with a record. */
bool inbox_has_record(struct view kind);
/* Sets i->id: larger than every id before, also of acknowledged ones. */
bool store_put_inbox(struct store *s, struct store_inbox *i, struct error *e) MUST_USE;
/* Those not yet acknowledged. */
bool store_list_inbox(struct store *s, uint64_t after, unsigned max,
                      bool (*each)(void *arg, const struct store_inbox *i), void *arg, struct error *e) MUST_USE;
bool store_get_inbox(struct store *s, uint64_t id, struct store_inbox *out, struct error *e) MUST_USE;
/* Takes an item away that was not acknowledged; nothing there: true. */
bool store_drop_inbox(struct store *s, uint64_t id, struct error *e) MUST_USE;
/* *first: it was not acknowledged before; a second acknowledgement changes nothing. */
bool store_ack_inbox(struct store *s, uint64_t id, int64_t now_ms, struct view receipt, bool *first,
                     struct error *e) MUST_USE;

#endif
