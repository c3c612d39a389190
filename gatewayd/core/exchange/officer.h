/* What is held until a person decides, or until the approvals that it lacks are signed. The sealed envelope lies in the
 * store; a release runs the ordinary steps on it again, by the agreement and at the time of the release and with the
 * approvals that are shown added, and ends as any release does: it counts in its sender's quotas then. A refusal, and
 * 72 hours of silence, end it as refused. Either way the held payload is erased in the same transaction and the erasure
 * is in the log.
 *
 * An approval is a signature of a pinned officer over approval.schema.json: of the agency that discloses, or, where a
 * partner's gateway has disclosed already, of this one. `input` is as the audit entry of the hold names it, or with a salt
 * of the officer's own. Who may reach the control socket approves nothing. Without valid approvals, as many as the
 * agreement asks for, nothing changes but the log.
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

struct held_shown {
	struct view statement, signature; /* JSON text, and its detached CMS */
};

struct held_request {
	struct uuid exchange;
	const struct held_shown *approvals; /* held_release(): at least one; read before it returns */
	size_t n_approvals;
	struct view why; /* held_refuse(): the person's reason, UTF-8 */
	unsigned uid;    /* of the operator, for the log */
	held_done *done;
	void *arg;
};
void held_release(struct held *h, const struct held_request *r);
void held_refuse(struct held *h, const struct held_request *r);

#endif
