/* Routes: which method and path does what, and for which roles. The table is the whole of the interface. */
#ifndef GATEWAYD_CORE_SERVE_ROUTER_H
#define GATEWAYD_CORE_SERVE_ROUTER_H

#include "gatewayd/core/serve/worker.h"

/* A complete request: finds out who asks, picks the route, answers (now or after a commit). */
void route_request(struct request *r);

/* Handlers of the rooms. Each answers the request or hands on a job that will. */
void handle_records(struct request *r); /* exchange */
void handle_validate(struct request *r);
void handle_exchange(struct request *r); /* reads */
void handle_notice(struct request *r);   /* notice_in */
void handle_agreements(struct request *r);
void handle_agreement(struct request *r);
void handle_tile(struct request *r);
void handle_entries(struct request *r);
void handle_problem(struct request *r);
void handle_checkpoint(struct request *r); /* witness */
void handle_add_checkpoint(struct request *r);
void handle_witnessed(struct request *r);
void handle_livez(struct request *r); /* health */
void handle_openapi(struct request *r);
void handle_readyz(struct request *r);
void handle_metrics(struct request *r);
void handle_inbox(struct request *r);  /* inbox */
void handle_ack(struct request *r);    /* inbox_ack */
void handle_recall(struct request *r); /* recall */

/* Whether the body says that it is of this media type. */
bool media_type_is(const struct request *r, const char *want);
/* The k-th part of the path, from 0 ("v1"); empty when there is none. */
struct view path_part(const struct request *r, unsigned k);
/* Value of a query parameter; empty when it is not there. */
struct view query_value(const struct request *r, const char *name);

#endif
