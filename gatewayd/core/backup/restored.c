/* See restored.h. */
#include "gatewayd/core/backup/restored.h"

#include <stdio.h>

#include "gatewayd/core/store/rest.h"

#define RESTORED VIEW("backup/restored") /* entries, a space, milliseconds; in decimal */
#define DOUBT    VIEW("payloads/doubt")

bool restored_put(struct store *s, const struct restored *r, struct error *e)
{
	char text[64];

	snprintf(text, sizeof text, "%llu %lld", (unsigned long long)r->entries, (long long)r->made_ms);
	return store_put_value(s, RESTORED, view_of(text), e);
}

bool restored_get(struct store *s, struct restored *out, struct error *e)
{
	unsigned long long entries, made_ms;
	struct view text;

	if (!store_get_value(s, RESTORED, &text, e))
		return false;
	if (!view_to_u64(view_cut(&text, ' '), INT64_MAX, &entries) || !view_to_u64(text, INT64_MAX, &made_ms))
		return error_set(e, REASON_TAMPERED, "what the store says of its restore is damaged");
	*out = (struct restored){ .entries = entries, .made_ms = (int64_t)made_ms };
	return true;
}

bool restored_end(struct store *s, struct error *e)
{
	return store_put_value(s, RESTORED, VIEW(""), e);
}

bool doubt_put(struct store *s, bool doubt, struct error *e)
{
	return store_put_value(s, DOUBT, doubt ? VIEW("1") : VIEW(""), e);
}

bool doubt_get(struct store *s, bool *doubt, struct error *e)
{
	struct view value;
	enum sought got = sought(store_get_value(s, DOUBT, &value, e), e);

	*doubt = got == SOUGHT_FOUND;
	return got != SOUGHT_FAILED;
}
