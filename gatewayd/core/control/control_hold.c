/* The control socket's commands about holds, and how listings show them. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"

static json_t *hold_json(const struct store_hold *h)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "kind", hold_kind_name(h->kind), "from",
	                 control_time_json(h->from_ms), "until", control_time_json(h->until_ms), "role",
	                 control_view_json(h->role), "signer", control_view_json(h->signer), "statement",
	                 control_digest_json(&h->statement));
}

static bool add_hold(void *arg, const struct store_hold *h)
{
	json_array_append_new(arg, hold_json(h));
	return true;
}

json_t *control_holds_json(struct store *s, uint64_t seq)
{
	struct error e = { .reason = REASON_NONE };
	json_t *list = json_array();

	if (store_list_holds(s, seq, false, add_hold, list, &e))
		return list;
	json_decref(list);
	return NULL;
}

struct listing {
	json_t *list;
	struct store *reader;
};

static bool list_hold(void *arg, const struct store_hold *h)
{
	struct listing *l = arg;
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	json_t *row = hold_json(h);

	json_object_set_new(row, "ended", control_time_json(h->ended_ms));
	if (store_get_exchange(l->reader, h->seq, &x, &e))
		json_object_set_new(row, "exchange", control_uuid_json(&x.id));
	json_array_append_new(l->list, row);
	return true;
}

void control_retention_holds(struct control_client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	struct listing l = { .list = json_array(), .reader = c->control->o.reader };

	if (store_list_holds(l.reader, 0, json_is_true(json_object_get(request, "all")), list_hold, &l, &e)) {
		control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "holds", l.list));
	} else {
		control_reply_error(c, e.text);
		json_decref(l.list);
	}
}

static void stated(void *arg, const struct hold_result *r)
{
	control_finish(arg, r->ok ? json_pack("{s:b, s:b, s:o}", "ok", 1, "changed", (int)r->changed, "statement",
	                                      control_digest_json(&r->statement))
	                          : json_pack("{s:b, s:s}", "ok", 0, "error", r->text));
}

/* A statement without a signature is taken and refused, so that the attempt is in the log. */
static void ask(struct control_client *c, const json_t *request, bool lift)
{
	const char *text = json_string_value(json_object_get(request, "exchange"));
	struct hold_request r = { .lift = lift,
		                  .uid = (unsigned)c->uid,
		                  .home = c->control->home,
		                  .done = stated,
		                  .arg = c,
		                  .statement = view_of(json_string_value(json_object_get(request, "statement"))),
		                  .signature = view_of(json_string_value(json_object_get(request, "signature"))) };

	if (!text || !uuid_parse(view_of(text), &r.exchange)) {
		control_reply_error(c, "exchange: is not an exchange id");
		return;
	}
	c->waiting = true;
	hold_ask(c->control->o.holds, &r);
}

void control_retention_hold(struct control_client *c, const json_t *request)
{
	ask(c, request, false);
}

void control_retention_lift(struct control_client *c, const json_t *request)
{
	ask(c, request, true);
}
