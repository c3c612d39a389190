/* What time it is. Any thread. */
#ifndef GATEWAYD_OS_INSTANT_H
#define GATEWAYD_OS_INSTANT_H

#include <stdint.h>

/* The wall clock, Unix milliseconds: for what the law counts. */
int64_t instant_now_ms(void);
/* The monotonic clock, milliseconds from some start: for deadlines and waits. */
int64_t instant_monotonic_ms(void);
/* The same in microseconds: to measure. */
int64_t instant_monotonic_us(void);

#endif
