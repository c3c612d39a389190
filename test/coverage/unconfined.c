/* In the place of what confines the daemon's processes, in the build that `make coverage` counts in and in no other: what
 * was reached is written to files when a process ends, which a confined one may not open. */
#include "gatewayd/confine.h"

bool __wrap_confine_edge(struct error *err);
bool __wrap_confine_core(const struct confine_paths *paths, struct error *err);

bool __wrap_confine_edge(struct error *err)
{
	(void)err;
	return true;
}

bool __wrap_confine_core(const struct confine_paths *paths, struct error *err)
{
	(void)paths, (void)err;
	return true;
}
