/* What an error means, for people and programs that followed the link in it; and how reading itself fails. */
#include "gatewayd/core/read/read_private.h"

#include "gatewayd/os/log.h"

void read_failed(struct request *r, const struct error *e)
{
	if (e->reason != REASON_NOT_FOUND)
		log_line("error", "read: %s", e->text);
	answer_problem(r, e->reason == REASON_NOT_FOUND ? REASON_NOT_FOUND : REASON_UNAVAILABLE);
}

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
	buf_addc(&body, '}');
	answer_written(r, VIEW("application/json"), &body);
	buf_free(&body);
}
