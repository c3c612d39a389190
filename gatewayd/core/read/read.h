/* What may be read over HTTP: exchanges, agreements, the log's tiles, problems, health. The worker's thread. */
#ifndef GATEWAYD_CORE_READ_READ_H
#define GATEWAYD_CORE_READ_READ_H

#include "gatewayd/core/serve/request.h"

/* GET /v1/exchanges/{id}, and its receipt, record, notices and disclosures. */
void handle_exchange(struct request *r);
/* GET /v1/exchanges: those that the system which asks has sent, the newest first; filters and cursor in the query. */
void handle_exchanges(struct request *r);
void handle_agreements(struct request *r);
/* GET /v1/agreements/{id}, and its schema and summary. */
void handle_agreement(struct request *r);
/* GET /v1/peer: whom this gateway takes who asks for. */
void handle_peer(struct request *r);
void handle_tile(struct request *r);
/* Entry bundles, to who oversees this node's own agency. */
void handle_entries(struct request *r);
/* GET /v1/log/entries?agreement=&after=: the entries that who asks may see of an agreement, each with its proof. */
void handle_log_entries(struct request *r);
void handle_problem(struct request *r);
void handle_openapi(struct request *r);
void handle_livez(struct request *r);
void handle_readyz(struct request *r);
void handle_metrics(struct request *r);

#endif
