/* See traceparent.h. */
#include "lib/base/traceparent.h"

#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` digits and, unless it is the last part, the hyphen behind them. *zero: all are 0. */
static bool take(struct view *rest, size_t n, struct view *out, bool *zero)
{
	if (rest->n < n || (rest->n > n && rest->p[n] != '-'))
		return false;
	*out = view_make(rest->p, n);
	*zero = true;
	for (size_t i = 0; i < n; i++) {
		if (digit(out->p[i]) < 0)
			return false;
		*zero = *zero && out->p[i] == '0';
	}
	*rest = view_from(*rest, rest->n > n ? n + 1 : n);
	return true;
}

bool traceparent_parse(struct view value, struct traceparent *out)
{
	struct view rest = value, version, trace, span, flags;
	bool known, zero, none;

	if (value.n < TRACEPARENT_TEXT || !take(&rest, 2, &version, &known) || view_is(version, "ff") ||
	    (known && value.n != TRACEPARENT_TEXT))
		return false;
	if (!take(&rest, TRACE_ID_TEXT, &trace, &zero) || zero || !take(&rest, TRACE_SPAN_TEXT, &span, &zero) || zero ||
	    !take(&rest, 2, &flags, &none))
		return false;
	*out = (struct traceparent){ .sampled = digit(flags.p[1]) & 1 };
	memcpy(out->trace, trace.p, trace.n);
	memcpy(out->span, span.p, span.n);
	return true;
}

void traceparent_print(const struct traceparent *t, char out[TRACEPARENT_TEXT + 1])
{
	snprintf(out, TRACEPARENT_TEXT + 1, "00-%s-%s-%s", t->trace, t->span, t->sampled ? "01" : "00");
}
