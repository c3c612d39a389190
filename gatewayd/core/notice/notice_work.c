/* What each kind of notice does at either end: the one table. See notice.h. */
#include "gatewayd/core/copy/duty_notice.h"
#include "gatewayd/core/hold/hold_notice.h"

const struct notice_work notice_work[NOTICE_KINDS] = {
	[NOTICE_RECEIPT] = { .take = duty_receipt_taken },
	[NOTICE_RECALL] = { .take = duty_recall_taken, .ended = duty_recall_ended },
	[NOTICE_HOLD] = { .take = hold_taken },
	[NOTICE_LIFT] = { .take = hold_lift_taken },
	[NOTICE_RETURN] = { .take = duty_return_taken, .ended = duty_return_ended },
};
