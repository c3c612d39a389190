/* What a hold, a restriction or a lift states (hold.schema.json), and whether it is signed by somebody who may.
 * A legal hold is a supervisor's, the council's or an officer's; a restriction a supervisor's, an ombudsperson's or
 * an officer's; of this node's agency, a party of the exchange's agreement, or a seat of its council. What one of
 * these roles has set, the same role lifts. Pure but for the configuration and the store row that it is given. */
#ifndef GATEWAYD_CORE_HOLD_HOLD_STATEMENT_PRIVATE_H
#define GATEWAYD_CORE_HOLD_HOLD_STATEMENT_PRIVATE_H

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "lib/base/ids.h"

struct hold_statement {
	struct digest digest; /* of the text */
	bool lift;
	enum hold_kind kind; /* not of a lift */
	struct uuid exchange;
	int64_t issued_ms, until_ms;
	struct digest hold; /* of a lift: what it lifts */
	struct digest by;
};

/* What is wrong with the text, as a sentence; NULL: `out` is what it says. */
const char *hold_statement_read(const struct schema *schema, struct view text, struct hold_statement *out);

struct hold_check {
	const struct conf *conf;
	int64_t now_ms;
	const struct hold_statement *statement;
	struct view text, signature; /* its exact bytes, and their detached CMS (RFC 5652) */
	const struct store_exchange *exchange;
	const struct store_hold *lifted; /* of a lift; NULL: there is no such hold */
};

/* What is wrong with it, as a sentence; NULL: it holds, and was signed by *signer in the role *role. */
const char *hold_statement_fault(const struct hold_check *c, const struct partner **signer, const char **role);

#endif
