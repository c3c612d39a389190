/* Why a record is called back: one code of a fixed list is all that a recall tells a recipient. Who recalls may say more in
 * words, which stay in its own log. Directive (EU) 2016/680 Art. 4(1), 7(2) and (3), 16 and 47(2)(b); Regulation (EU)
 * 2016/679 Art. 7(3) for consent. Any thread, no state. */
#ifndef GATEWAY_POLICY_RECALL_CODE_H
#define GATEWAY_POLICY_RECALL_CODE_H

#include "lib/base/buf.h"

enum recall_code {
	RECALL_INACCURATE,        /* Art. 7(2), 16(1) */
	RECALL_INCOMPLETE,        /* Art. 16(1) */
	RECALL_UNLAWFUL,          /* transmitted unlawfully: Art. 7(3), 16(2) */
	RECALL_NOT_NEEDED,        /* no longer necessary for the purpose: Art. 4(1)(e) */
	RECALL_CONSENT_WITHDRAWN, /* said by the gateway itself, too (withdrawal.h) */
	RECALL_AGREEMENT_ENDED,
	RECALL_SENT_IN_ERROR,
	RECALL_COURT_ORDER,      /* erased to comply with an obligation: Art. 16(2) */
	RECALL_SUPERVISOR_ORDER, /* Art. 47(2)(b) */
	RECALL_COUNCIL_VETO,     /* by the gateway: the joint council decided that it is not shared (stop_walk.h) */
	RECALL_ORIGIN_RECALLED,  /* by the gateway: what was passed on was recalled from who passed it on */
	RECALL_LET_GO,           /* by the gateway: it arrived after its sender had let it go */
	RECALL_CODES
};
const char *recall_code_name(enum recall_code c);
enum recall_code recall_code_find(struct view name); /* RECALL_CODES: none */
/* Appends all of them, with ", " between. */
void recall_codes_list(struct buf *out);

#endif
