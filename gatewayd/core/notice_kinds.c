/* See notice_kinds.h. */
#include "gatewayd/core/notice_kinds.h"

#include "gatewayd/core/copy/duty_notice.h"
#include "gatewayd/core/hold/hold_notice.h"
#include "gatewayd/core/store/notice.h"

const struct notice_work core_notice_kinds[NOTICE_KINDS] = {
	[NOTICE_RECEIPT] = { .take = duty_receipt_taken, .taken = duty_receipt_settled },
	[NOTICE_RECALL] = { .take = duty_recall_taken, .ended = duty_recall_ended },
	[NOTICE_HOLD] = { .take = hold_taken },
	[NOTICE_LIFT] = { .take = hold_lift_taken },
	[NOTICE_RETURN] = { .take = duty_return_taken, .taken = duty_receipt_settled, .ended = duty_return_ended },
};
