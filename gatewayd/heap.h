/* The memory that a process keeps and does not use. Any thread. */
#ifndef GATEWAYD_HEAP_H
#define GATEWAYD_HEAP_H

#include <malloc.h>

#include "lib/base/sanitized.h"

/* Gives free memory back to the system (malloc_trim(3)). Nothing in a sanitizer's build: libc's own allocator is never set up there,
 * and two threads that ask it at once set it up over each other. */
static inline void heap_give_back(void)
{
	if (!SANITIZED)
		malloc_trim(0);
}

#endif
