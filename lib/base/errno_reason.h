/* What a failed system call says of its cause: whether the path or its rights are wrong, which only a person can mend, or
 * the machine is short of something, which passes. */
#ifndef GATEWAY_BASE_ERRNO_REASON_H
#define GATEWAY_BASE_ERRNO_REASON_H

#include <errno.h>

#include "lib/base/reason.h"

/* REASON_CONFIG, REASON_NO_MEMORY or REASON_IO. Any thread. */
static inline enum reason errno_reason(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EACCES:
	case EPERM: return REASON_CONFIG;
	case ENOMEM: return REASON_NO_MEMORY;
	default: return REASON_IO;
	}
}

#endif
