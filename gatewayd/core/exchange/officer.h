/* What is held until a person decides. The sealed envelope lies in the store; a release runs the ordinary steps
 * on it again, at the time of the release and with an officer's approval added, and ends as any release does. A
 * refusal, and 72 hours of silence, end it as refused. Either way the held payload is erased in the same
 * transaction and the erasure is in the log.
 *
 * An approval is a signature of a pinned officer of this agency over approval.schema.json: `input` as the audit
 * entry of the hold names it (or with a salt of the officer's own), the agreement, the tier. Who may reach the
 * control socket approves nothing. Without a valid approval nothing changes but the log.
 *
 * Core's main thread, with scratch memory of its own. What nobody decides ends by held_end() (copy/refuse.h). */
#ifndef GATEWAYD_CORE_EXCHANGE_OFFICER_H
#define GATEWAYD_CORE_EXCHANGE_OFFICER_H

#include "gatewayd/core/context/context.h"

#define HELD_MS (72 * 3600 * SECOND_MS)

struct held;

/* `reader` and `home` are the main thread's and outlive it. NULL: no memory. */
struct held *held_new(struct core *core, struct store *reader, struct home *home) MUST_USE;
void held_free(struct held *h);

struct held_result {
	bool decided; /* released or refused; false: it is held as before, `text` says why */
	bool released;
	enum reason reason; /* of a refusal by the agreement */
	const char *state;  /* exchange_state_name() */
	char text[400];
};
/* Called once, on the main thread, at once or after the commit. */
typedef void held_done(void *arg, const struct held_result *r);

struct held_request {
	struct uuid exchange;
	struct view statement, signature; /* held_release(): JSON text, and its detached CMS */
	struct view why;                  /* held_refuse(): the person's reason, UTF-8 */
	unsigned uid;                     /* of the operator, for the log */
	held_done *done;
	void *arg;
};
void held_release(struct held *h, const struct held_request *r);
void held_refuse(struct held *h, const struct held_request *r);

#endif
