/* The end of a mirror's file: where the next line goes. */
#ifndef GATEWAYD_CORE_COMMIT_MIRROR_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_MIRROR_PRIVATE_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/view.h"

#define MIRROR_LINE_MAX (256u * 1024)

struct mirror_end {
	off_t whole; /* bytes up to the end of the last good line: what is behind it is damaged, and the store has it */
	bool found;  /* there is a good line */
	uint64_t next; /* index after the last one's */
};

/* False: the file cannot be read. */
bool mirror_read_end(int fd, struct mirror_end *end) MUST_USE;

#endif
