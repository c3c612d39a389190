/* W3C Trace Context, level 1: the value of a traceparent field (section 3.2). Any thread. */
#ifndef GATEWAY_BASE_TRACEPARENT_H
#define GATEWAY_BASE_TRACEPARENT_H

#include <stdint.h>

#include "lib/base/view.h"

#define TRACE_ID_TEXT    32
#define TRACE_SPAN_TEXT  16
#define TRACEPARENT_TEXT 55

struct traceparent {
	char trace[TRACE_ID_TEXT + 1], span[TRACE_SPAN_TEXT + 1]; /* lower-case hex, not all zeros */
	bool sampled;                                             /* the caller may have recorded it */
};

/* False: there is none, or it is none; then a trace begins here. Of a version that is not known, what version 00 has of it. */
bool traceparent_parse(struct view value, struct traceparent *out) MUST_USE;
/* As version 00. */
void traceparent_print(const struct traceparent *t, char out[TRACEPARENT_TEXT + 1]);

#endif
