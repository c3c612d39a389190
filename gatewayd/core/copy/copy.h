/* The recipient's copy of what was released, and the gateway's own payload on its way there: what is due of them,
 * and their end. Both gateways keep the same plan (lib/policy/schedule.h) in the exchange's one timer row, so that
 * the provider's knows which receipts it is owed. Everything here runs on the writer's thread, inside a job's run().
 *
 *   release ─▶ payload: delivered, fetched, or erased unfetched
 *           ─▶ copy:    masked, reviewed, its subject told, erased or returned (duty.h); corrected or recalled before
 */
#ifndef GATEWAYD_CORE_COPY_COPY_H
#define GATEWAYD_CORE_COPY_COPY_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/context/context.h"
#include "gatewayd/core/store/exchange.h"
#include "lib/base/ids.h"
#include "lib/policy/copy_terms.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"

/* An exchange and its timer row, copied: views of the store end with its next call. */
struct copy {
	uint64_t seq;
	struct uuid id, origin;
	enum exchange_state state;
	char partner[72], agreement[72], provider[72], recipient[72], purpose[72], reference[136];
	struct digest agreement_digest;
	uint64_t entry;
	struct schedule plan;
	uint64_t inbox;
	bool held, timed;       /* a hold keeps the timer from firing; there is a timer row */
	bool here;              /* the recipient is this agency: its system takes duties from our inbox */
	bool from_gateway;      /* a partner's gateway delivered it, and gets the receipts */
	struct digest returned; /* SHA-256(salt || record) of a record that goes back; zeros: none does */
	struct digest consent;  /* whose withdrawal calls it back, as told in the leaf; zeros: another reason does */
};

bool copy_load(const struct act *a, uint64_t seq, struct copy *c, struct error *e) MUST_USE;
/* The timer row of its plan, where no duty waits for a receipt: what is due next. The views are the copy's. */
struct store_timer;
enum due copy_timer(const struct copy *c, struct store_timer *t);
/* Writes the timer row: the next thing due of plan and duties; drops it when nothing is. */
bool copy_settle(const struct act *a, struct copy *c, struct error *e) MUST_USE;
/* What the agreement that governed says about copies of this purpose; `pointers` (may be NULL) gets the JSON array of
 * what is masked. */
bool copy_terms(const struct act *a, const struct copy *c, struct copy_terms *out, struct buf *pointers,
                struct error *e) MUST_USE;
/* Erases the gateway's own payload where there is one: overwrites its key, takes the row away, logs the erasure with
 * `why` (short ASCII). During a hold nothing is erased; it is due at once when that ends. */
bool copy_erase_payload(const struct act *a, struct copy *c, const char *why, struct error *e) MUST_USE;
/* The recipient's copy is gone, or never came to be: open duties are withdrawn, but not that of telling the subject;
 * state and timer follow. What was passed on from or corrects another exchange may settle that one's duties. */
bool copy_end(const struct act *a, struct copy *c, enum exchange_state state, struct error *e) MUST_USE;
/* The same for a copy that is recalled: gone here, while others of its lineage are not yet (duty_receipt.h). Its state stays. */
bool copy_gone(const struct act *a, struct copy *c, struct error *e) MUST_USE;
/* An entry about the copy. `outcome` and `note` are short ASCII. */
bool copy_log(const struct act *a, const struct copy *c, enum operation operation, const char *outcome,
              const char *note, struct error *e) MUST_USE;

/* The same for an entry that says more: exchange, origin, recipient and agreement are the copy's. `sd` may be NULL. */
bool copy_append(const struct act *a, const struct copy *c, struct entry *entry, struct disclosures *sd,
                 struct error *e) MUST_USE;
/* Copies of terms; core's, used on the writer's thread alone. */
struct terms_cache *terms_cache_new(void) MUST_USE;
void terms_cache_free(struct terms_cache *cache);

#endif
