/* Exchanges: one row each, from its acceptance to the end of the recipient's copy. See store.h. */
#ifndef GATEWAYD_CORE_STORE_EXCHANGE_H
#define GATEWAYD_CORE_STORE_EXCHANGE_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

enum exchange_state {
	STATE_REFUSED,
	STATE_HELD,
	STATE_QUEUED /* in the outbox */,
	STATE_DELIVERED /* partner acknowledged */,
	STATE_READY /* in the recipient's inbox */,
	STATE_FETCHED,
	STATE_FAILED /* past its deadline */,
	STATE_ERASED /* never fetched */,
	STATE_RECALLED,
	STATE_CORRECTED,
	STATE_RETURNED /* to the provider */,
	STATE_ENDED /* the recipient's copy is gone */
};
const char *exchange_state_name(enum exchange_state s);

#define STORE_NO_ENTRY      UINT64_MAX
#define STORE_KEY_WINDOW_MS INT64_C(86400000)

struct store_exchange {
	uint64_t seq;        /* set by store_accept; from 1 on, in the order of acceptance */
	struct uuid id;      /* this gateway's */
	struct uuid origin;  /* the first gateway's id; the same as id when this is the first */
	struct view partner; /* partner id that posted it */
	struct view key;     /* idempotency key; empty: none */
	struct digest body;  /* keyed digest of the body; zeros: it has no key, and is never compared */
	int64_t received_ms;
	struct view agreement;
	struct digest agreement_digest;
	struct view provider, recipient; /* agencies */
	enum exchange_state state;
	int status;         /* HTTP status of the answer; 0: it is still to come */
	struct view answer; /* the answer's JSON without the receipt */
	uint64_t entry;     /* log and audit index; STORE_NO_ENTRY: none yet. Not read by store_accept */
};

enum store_accepted { STORE_NEW, STORE_REPLAY, STORE_CONFLICT, STORE_IN_USE };
/* Decides idempotency inside the transaction. An exchange whose origin is not its id comes from another
 * gateway and is looked up by (provider, origin), as long as the row exists (never less than 30 days);
 * another one with a key by (partner, key), within 24 h of x->received_ms; one without is always new.
 *   NEW       the row was written and x->seq set
 *   REPLAY    same body: `prior` is the first exchange
 *   CONFLICT  another body: `prior` as well
 *   IN_USE    same body, but the first one's answer (status) is still to come: `prior` as well
 * Jobs of one batch see each other's rows: the second of two with one key is a REPLAY of the first, which
 * is right because both are answered after their common COMMIT; when the batch is rolled back and its jobs
 * run again one by one, each decides anew. IN_USE is for what is accepted in one transaction and answered
 * in a later one (status 0, then store_set_answer()). */
bool store_accept(struct store *s, struct store_exchange *x, enum store_accepted *result, struct store_exchange *prior,
                  struct error *e) MUST_USE;
/* `index` of the newest log. */
bool store_set_entry(struct store *s, uint64_t seq, uint64_t index, struct error *e) MUST_USE;
bool store_set_state(struct store *s, uint64_t seq, enum exchange_state state, struct error *e) MUST_USE;
/* Of all of these, which are different ones. */
bool store_set_states(struct store *s, const uint64_t *seqs, size_t n, enum exchange_state state,
                      struct error *e) MUST_USE;
/* What was held is decided by the version of its agreement that is in force then. */
bool store_set_agreement(struct store *s, uint64_t seq, const struct digest *agreement, struct error *e) MUST_USE;
bool store_set_answer(struct store *s, uint64_t seq, int status, struct view answer, struct error *e) MUST_USE;
bool store_find_exchange(struct store *s, const struct uuid *id, struct store_exchange *out, struct error *e) MUST_USE;
bool store_get_exchange(struct store *s, uint64_t seq, struct store_exchange *out, struct error *e) MUST_USE;
/* By the first gateway's id: what a partner gateway calls the exchange. */
bool store_find_origin(struct store *s, struct view provider, const struct uuid *origin, struct store_exchange *out,
                       struct error *e) MUST_USE;
/* The newest first, at most `max`, before `before_seq` (0: all). */
bool store_list_exchanges(struct store *s, uint64_t before_seq, unsigned max,
                          bool (*each)(void *arg, const struct store_exchange *x), void *arg, struct error *e) MUST_USE;

#endif
