/* See exit_status.h. */
#include "gatewayd/exit_status.h"

int exit_status(enum reason reason)
{
	switch (reason) {
	case REASON_NONE:
	case REASON_NO_MEMORY:
	case REASON_IO:
	case REASON_STORE:
	case REASON_UNAVAILABLE:
	case REASON_INTERNAL: return 1;
	default: return EXIT_CONFIG;
	}
}

int exit_status_of(const struct error_list *errors)
{
	int status = errors->n == 0 ? EXIT_CONFIG : 1;

	for (size_t i = 0; i < errors->n; i++)
		if (exit_status(errors->items[i].reason) == EXIT_CONFIG)
			status = EXIT_CONFIG;
	return status;
}
