/* What each kind of notice does at either end: the one table. See notice/notice.h. */
#ifndef GATEWAYD_CORE_NOTICE_KINDS_H
#define GATEWAYD_CORE_NOTICE_KINDS_H

#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/notice.h"

extern const struct notice_work core_notice_kinds[NOTICE_KINDS];

#endif
