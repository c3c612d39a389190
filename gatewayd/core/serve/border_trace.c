/* See border_trace.h. */
#include "gatewayd/core/serve/border_trace.h"

#include <string.h>

#include "lib/base/encode.h"
#include "lib/crypto/crypto.h"

#define TRACE_BYTES (TRACE_ID_TEXT / 2)
#define SPAN_BYTES  (TRACE_SPAN_TEXT / 2)

/* All zeros would be no id: one chance in 2^64, and then it ends with 1. */
static void print_id(uint8_t *bytes, size_t n, char *out)
{
	struct buf b = { .p = out, .cap = 2 * n, .max = 2 * n };
	bool zero = true;

	for (size_t i = 0; i < n; i++)
		zero = zero && bytes[i] == 0;
	bytes[n - 1] |= zero;
	hex_encode(&b, view_make((const char *)bytes, n));
	out[2 * n] = 0;
}

void border_trace(const struct uuid *exchange, enum border_side side, struct traceparent *out)
{
	struct view parts[] = { VIEW("gatewayd border trace 1\n"),
		                view_make((const char *)exchange->b, sizeof exchange->b) };
	struct digest d;

	sha256_parts(parts, sizeof parts / sizeof *parts, &d);
	*out = (struct traceparent){ .sampled = true };
	print_id(d.b, TRACE_BYTES, out->trace);
	print_id(d.b + TRACE_BYTES + (side == BORDER_RECIPIENT ? SPAN_BYTES : 0), SPAN_BYTES, out->span);
}
