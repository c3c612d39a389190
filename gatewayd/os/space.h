/* Room on file systems. Any thread. */
#ifndef GATEWAYD_OS_SPACE_H
#define GATEWAYD_OS_SPACE_H

#include "lib/base/error.h"

/* What is to stay free: the smaller of a share of the file system and a number of bytes, so that neither a small disk nor a
 * large one keeps much for nothing. Zeros: nothing. */
struct space_reserve {
	uint32_t percent;
	uint64_t bytes;
};

/* Bytes that this process may still write where `path` lies, and those that are to stay free. False with REASON_IO when
 * the file system does not say. */
bool space_look(const char *path, const struct space_reserve *reserve, uint64_t *free_bytes, uint64_t *kept,
                struct error *e) MUST_USE;

#endif
