/* See problem.h. */
#include "gatewayd/ctl/problem.h"

#include <jansson.h>

bool problem_taken(int status, struct view body, struct error *e)
{
	json_t *doc = json_loadb(view_bytes(body), body.n, 0, NULL);
	const char *type = json_string_value(json_object_get(doc, "type"));
	const char *slug = type && strrchr(type, '/') ? strrchr(type, '/') + 1 : "";
	enum reason reason = reason_find(view_of(slug));

	if (reason != REASON_COUNT && reason != REASON_NONE)
		error_set(e, reason, "the gateway answered %d, %s: %s", status, slug, reason_text(reason));
	else
		error_set(e,
		          status >= 500   ? REASON_UNAVAILABLE
		          : status == 429 ? REASON_RATE_LIMITED
		                          : REASON_BAD_REQUEST,
		          "the gateway answered %d%s", status,
		          type ? ", a problem that this version does not know" : "");
	json_decref(doc);
	return false;
}
