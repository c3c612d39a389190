/* See routes.h. */
#include "gatewayd/core/routes.h"

#include "gatewayd/core/acts/acts.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/deliver/inbox.h"
#include "gatewayd/core/exchange/records.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/read/read.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"

#define OVERSIGHT ROLES_OVERSIGHT
/* Who may show an act: its signatures decide. */
#define ACTORS \
	(ROLE(COUNCIL) | ROLE(SUPERVISOR) | ROLE(OMBUDSPERSON) | ROLE(COURT) | ROLE(OFFICER) | ROLE(OPERATOR) | \
	 ROLE(GATEWAY))

const struct route core_routes[] = {
	{ "POST", "/v1/agreements/*/records", ROLE(SYSTEM) | ROLE(GATEWAY), .handle = handle_records, .decides = true,
	  .streams = true },
	{ "POST", "/v1/agreements/*/validate", ROLE(SYSTEM), .handle = handle_validate, .decides = true },
	{ "POST", "/v1/exchanges/*/recall", ROLE(SYSTEM), .handle = handle_recall },
	{ "GET", "/v1/exchanges", ROLE(SYSTEM), .handle = handle_exchanges },
	{ "GET", "/v1/exchanges/*", ROLE(SYSTEM) | ROLE(GATEWAY) | OVERSIGHT, .handle = handle_exchange },
	{ "GET", "/v1/exchanges/*/notices", ROLE(SYSTEM) | ROLE(GATEWAY) | OVERSIGHT, .handle = handle_exchange },
	{ "POST", "/v1/exchanges/*/notices", ROLE(GATEWAY), .handle = handle_notice },
	{ "GET", "/v1/exchanges/*/receipt", ROLE(SYSTEM) | ROLE(GATEWAY) | OVERSIGHT, .handle = handle_exchange },
	{ "GET", "/v1/exchanges/*/disclosures", OVERSIGHT, .handle = handle_exchange },
	{ "GET", "/v1/log/entries", OVERSIGHT, .handle = handle_log_entries },
	{ "GET", "/v1/exchanges/*/record", ROLE(SYSTEM), .handle = handle_exchange },
	{ "GET", "/v1/inbox", ROLE(SYSTEM), .handle = handle_inbox },
	{ "POST", "/v1/inbox/*/ack", ROLE(SYSTEM), .handle = handle_ack },
	{ "POST", "/v1/acts", ACTORS, .handle = handle_act },
	{ "POST", "/v1/acts/*/signatures", ACTORS, .handle = handle_act },
	{ "GET", "/v1/acts", ACTORS | OVERSIGHT, .handle = handle_acts },
	{ "GET", "/v1/acts/*", ACTORS | OVERSIGHT, .handle = handle_acts },
	{ "GET", "/v1/agreements", ANY_ROLE, .handle = handle_agreements },
	{ "GET", "/v1/agreements/*", ANY_ROLE, .handle = handle_agreement },
	{ "GET", "/v1/agreements/*/schema", ANY_ROLE, .handle = handle_agreement },
	{ "GET", "/v1/agreements/*/summary", ANY_ROLE, .handle = handle_agreement },
	{ "GET", "/v1/peer", ANY_ROLE, .handle = handle_peer },
	{ "GET", "/checkpoint", ROLE(GATEWAY) | OVERSIGHT, .handle = handle_checkpoint },
	{ "POST", "/add-checkpoint", ANY_ROLE, .handle = handle_add_checkpoint, .early = true, .open = true },
	{ "POST", "/evidence", ANY_ROLE, .handle = handle_evidence, .open = true },
	{ "GET", "/evidence", ROLE(GATEWAY) | OVERSIGHT, .handle = handle_evidence_list },
	{ "GET", "/evidence/*", ROLE(GATEWAY) | OVERSIGHT, .handle = handle_evidence_text },
	{ "GET", "/*/checkpoint", ANY_ROLE, .handle = handle_monitored, .early = true, .open = true },
	{ "GET", "/witnessed/**", ROLE(GATEWAY) | OVERSIGHT, .handle = handle_witnessed, .early = true },
	{ "GET", "/timestamp/*", ROLE(GATEWAY) | OVERSIGHT, .handle = handle_timestamp },
	{ "GET", "/tile/entries/**", OVERSIGHT, .handle = handle_entries },
	{ "GET", "/tile/**", ROLE(GATEWAY) | OVERSIGHT, .handle = handle_tile },
	{ "GET", "/problems/*", 0, .handle = handle_problem },
	{ "GET", "/openapi.json", 0, .handle = handle_openapi },
	{ "GET", "/livez", 0, .handle = handle_livez },
	{ "GET", "/readyz", 0, .handle = handle_readyz },
	{ "GET", "/metrics", 0, .handle = handle_metrics },
	{ .path = NULL },
};
