/* The control socket's command about notices. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/notice.h"

#define LIST_MAX    1000
#define NOTICES_MAX (64u * 1024 * 1024)

json_t *control_notices_json(struct store *s, uint64_t seq)
{
	struct buf b = BUF_INIT(NOTICES_MAX);
	struct error e = { .reason = REASON_NONE };
	json_t *list = notice_list(s, seq, &b, &e) ? json_loadb(b.p, b.n, 0, NULL) : NULL;

	buf_free(&b);
	return list ? list : json_null();
}

struct listing {
	json_t *list;
	struct store *reader;
	struct error *error;
};

static bool add_waiting(void *arg, const struct store_notice *n)
{
	struct listing *l = arg;
	struct store_exchange x;

	if (!store_get_exchange(l->reader, n->seq, &x, l->error))
		return false;
	json_array_append_new(
	        l->list, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:i, s:I}", "exchange", control_uuid_json(&x.id),
	                           "kind", notice_kind_name(n->kind), "recipient", control_view_json(n->recipient),
	                           "made", control_time_json(n->made_ms), "next", control_time_json(n->next_ms),
	                           "last_error", control_view_json(n->last_error), "attempts", (int)n->attempts,
	                           "audit_index", (json_int_t)store_entry_index(n->entry)));
	return true;
}

void control_notices(struct control_client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	struct listing l = { .list = json_array(), .reader = c->control->o.reader, .error = &e };

	(void)request;
	if (store_list_notices(l.reader, 0, LIST_MAX, add_waiting, &l, &e) && e.reason == REASON_NONE) {
		control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "notices", l.list));
	} else {
		control_reply_error(c, e.text);
		json_decref(l.list);
	}
}
