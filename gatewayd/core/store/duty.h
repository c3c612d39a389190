/* Duties: what the recipient's system is to do with its copy, and the receipts of it. Both gateways keep a row a
 * duty: the recipient's, which hands it to the system, and the provider's, which awaits the receipt. See store.h. */
#ifndef GATEWAYD_CORE_STORE_DUTY_H
#define GATEWAYD_CORE_STORE_DUTY_H

#include "gatewayd/core/store/store.h"

enum duty_kind {
	DUTY_MASK,
	DUTY_REVIEW,
	DUTY_ERASE,
	DUTY_RETURN,
	DUTY_RECALL,
	DUTY_CORRECTION,
	DUTY_NOTIFY,
	DUTY_KINDS
};
const char *duty_kind_name(enum duty_kind k);
enum duty_kind duty_kind_find(struct view name); /* DUTY_KINDS: none */
enum duty_state {
	DUTY_OPEN,
	DUTY_OVERDUE /* still open */,
	DUTY_WAITING /* carried out here, onward recipients not yet */,
	DUTY_DONE,
	DUTY_WITHDRAWN /* another one took its place, or the copy is gone */
};
const char *duty_state_name(enum duty_state s);
struct store_duty {
	uint64_t id, seq;
	enum duty_kind kind;
	enum duty_state state;
	int64_t made_ms, due_ms; /* fell due; the receipt is owed */
	int64_t done_ms;         /* acknowledged by the recipient's system; 0: not */
	uint32_t escalated;      /* how often the receipt was called for again */
	bool blocks;             /* while overdue, no new records to that recipient under the agreement */
	uint64_t inbox;          /* item under which the recipient's system has it; 0: none */
	struct view result;      /* as acknowledged */
	struct view why;         /* of a recall: its code, until it is acknowledged */
};
/* Inserts a row and sets d->id. */
bool store_put_duty(struct store *s, struct store_duty *d, struct error *e) MUST_USE;
/* Writes the row of d->id again. */
bool store_set_duty(struct store *s, const struct store_duty *d, struct error *e) MUST_USE;
/* The newest duty of that kind; REASON_NOT_FOUND. */
bool store_find_duty(struct store *s, uint64_t seq, enum duty_kind kind, struct store_duty *out,
                     struct error *e) MUST_USE;
/* Of an exchange, in the order in which they fell due. */
bool store_list_duties(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_duty *d), void *arg,
                       struct error *e) MUST_USE;
/* Overdue ones, by exchange; at most `max` behind `after_id`. */
bool store_list_overdue(struct store *s, uint64_t after_id, unsigned max,
                        bool (*each)(void *arg, const struct store_duty *d), void *arg, struct error *e) MUST_USE;
/* By agreement and recipient, those that block. */
bool store_list_blocking(struct store *s, bool (*each)(void *arg, struct view agreement, struct view recipient),
                         void *arg, struct error *e) MUST_USE;

#endif
