/* Inside of the control socket: what its files share. control.c has the socket, the table of commands and
 * those that change the daemon as a whole; the other commands lie in a file for each noun. A handler answers once:
 * at once by control_reply(), or, when it waits for a job, it sets `waiting` and the job's done() calls
 * control_finish(). Core's main thread. */
#ifndef GATEWAYD_CORE_CONTROL_CONTROL_PRIVATE_H
#define GATEWAYD_CORE_CONTROL_CONTROL_PRIVATE_H

#include <jansson.h>

#include "gatewayd/core/control/control.h"

struct control {
	struct control_options o;
	struct evconnlistener *listener;
	struct event *came_home;
	struct home *home;
	struct held *held;
	struct control_client *first; /* all that are connected */
	unsigned clients;
};

struct control_client {
	struct control *control;
	struct control_client *next, **link;
	struct bufferevent *bev;
	uid_t uid;
	bool waiting; /* for a job */
	bool reading; /* its lines are being handled */
	bool gone;
};

/* Sends and lets go of `answer`; NULL is one that could not be made. */
void control_reply(struct control_client *c, json_t *answer);
void control_reply_error(struct control_client *c, const char *text);
/* The answer of a job that the client waited for; then what it sent meanwhile. The client may be gone after. */
void control_finish(struct control_client *c, json_t *answer);

json_t *control_time_json(int64_t ms);
json_t *control_view_json(struct view v);
json_t *control_digest_json(const struct digest *d);
json_t *control_uuid_json(const struct uuid *u);

/* control_status.c */
void control_status(struct control_client *c, const json_t *request);

/* control_retention.c */
void control_retention_due(struct control_client *c, const json_t *request);
void control_retention_histogram(struct control_client *c, const json_t *request);
void control_retention_run(struct control_client *c, const json_t *request);
void control_retention_overdue(struct control_client *c, const json_t *request);

/* control_keys.c */
void control_keys_show(struct control_client *c, const json_t *request);
void control_keys_rotate(struct control_client *c, const json_t *request);

/* control_store.c */
void control_store_copy(struct control_client *c, const json_t *request);
void control_store_copy_show(struct control_client *c, const json_t *request);
void control_store_rehearsed(struct control_client *c, const json_t *request);
void control_store_reconciled(struct control_client *c, const json_t *request);

/* control_hold.c */
void control_retention_hold(struct control_client *c, const json_t *request);
void control_retention_lift(struct control_client *c, const json_t *request);
void control_retention_holds(struct control_client *c, const json_t *request);
/* The holds in force on an exchange, for a listing. */
json_t *control_holds_json(struct store *s, uint64_t seq);

/* control_clock.c */
void control_clock_show(struct control_client *c, const json_t *request);
void control_clock_confirm(struct control_client *c, const json_t *request);
json_t *control_clock_json(const struct core *core);

/* control_exchange.c */
void control_exchange_list(struct control_client *c, const json_t *request);
void control_exchange_show(struct control_client *c, const json_t *request);
void control_exchange_release(struct control_client *c, const json_t *request);
void control_exchange_refuse(struct control_client *c, const json_t *request);

/* control_outbox.c */
void control_outbox(struct control_client *c, const json_t *request);
void control_outbox_retry(struct control_client *c, const json_t *request);
void control_outbox_expire(struct control_client *c, const json_t *request);

/* control_reconcile.c */
void control_outbox_again(struct control_client *c, const json_t *request);
void control_outbox_arrived(struct control_client *c, const json_t *request);

/* control_act.c */
void control_council_submit(struct control_client *c, const json_t *request);
void control_council_list(struct control_client *c, const json_t *request);
void control_council_show(struct control_client *c, const json_t *request);

/* control_notice.c */
void control_notices(struct control_client *c, const json_t *request);
/* All notices of an exchange, for a listing; null when they cannot be read. */
json_t *control_notices_json(struct store *s, uint64_t seq);

#endif
