/* What an error means, for people and programs that followed the link in it. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/answer.h"

void handle_problem(struct request *r)
{
	enum reason reason = reason_find(request_path_part(r, 1));
	struct buf body = BUF_INIT(4096);

	if (reason == REASON_COUNT || reason == REASON_NONE) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	buf_addf(&body, "{\"type\":\"/problems/%s\",\"status\":%d,\"title\":", reason_slug(reason),
	         reason_status(reason));
	buf_add_json_string(&body, view_of(reason_text(reason)));
	buf_adds(&body, ",\"detail\":");
	buf_add_json_string(&body, view_of(reason_remedy(reason)));
	buf_addf(&body, ",\"documentation\":\"doc/errors.md#%s\"}", reason_slug(reason));
	answer_written(r, VIEW("application/json"), &body);
	buf_free(&body);
}
