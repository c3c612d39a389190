/* See build.h. */
#include "gatewayd/build.h"

const char *build_name(void)
{
	return GATEWAY_BUILD;
}
