/* Code lists, exact: handling and grading scales. Scale and value are carried together and never
 * converted into one another; what is not on a list is refused. Any thread, no state. */
#ifndef GATEWAY_POLICY_CODES_H
#define GATEWAY_POLICY_CODES_H

#include "lib/base/ids.h"

/* Europol source and information codes and handling codes; United Kingdom 3x5x2; Admiralty (NATO STANAG
 * 2511); Traffic Light Protocol 2.0 (FIRST). */
enum scale {
	SCALE_EUROPOL_SOURCE,
	SCALE_EUROPOL_INFORMATION,
	SCALE_EUROPOL_HANDLING,
	SCALE_3X5X2_SOURCE,
	SCALE_3X5X2_INFORMATION,
	SCALE_3X5X2_HANDLING,
	SCALE_ADMIRALTY_SOURCE,
	SCALE_ADMIRALTY_INFORMATION,
	SCALE_TLP,
	SCALE_COUNT
};

const char *scale_name(enum scale s);
enum scale scale_find(struct view name); /* SCALE_COUNT: none */
bool scale_has(enum scale s, struct view value);
const char *scale_value(enum scale s, int i); /* from the mildest on; NULL behind the last */
/* Strictness within one scale: the larger, the stricter; -1 when the value is not on it. Only handling
 * scales and TLP are ordered by strictness; on merging the strictest wins. */
int scale_strictness(enum scale s, struct view value);
/* SHA-256 over all lists as `name:value,value\n` lines: decisions name it. */
void codes_digest(struct digest *out);

#endif
