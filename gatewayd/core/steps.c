/* See steps.h. */
#include "gatewayd/core/steps.h"

bool steps_start(const struct step *steps, void *arg, size_t *started, struct error *e)
{
	while (steps[*started].name) {
		const struct step *step = &steps[*started];

		if (step->start && !step->start(arg, e))
			return false;
		++*started;
	}
	return true;
}

void steps_stop(const struct step *steps, void *arg, size_t started)
{
	while (started-- > 0)
		if (steps[started].stop)
			steps[started].stop(arg);
}
