/* See instant.h. */
#include "gatewayd/os/instant.h"

#include <time.h>

static int64_t read_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t instant_now_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t instant_monotonic_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t instant_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}
