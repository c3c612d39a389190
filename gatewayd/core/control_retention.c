/* The control socket's commands about what is to be erased when. See control_parts.h. */
#include "gatewayd/core/control_parts.h"

#include "gatewayd/core/store.h"

struct timer_list {
	struct due_row { uint64_t seq; int64_t due_ms; enum timer_kind kind; bool held; } rows[1000];
	size_t n;
};

static bool add_timer(void *arg, const struct store_timer *t)
{
	struct timer_list *l = arg;

	l->rows[l->n++] = (struct due_row){ .seq = t->seq, .due_ms = t->due_ms, .kind = t->kind, .held = t->held };
	return l->n < sizeof l->rows / sizeof *l->rows;
}

void control_retention_due(struct control_client *c, const json_t *request)
{
	struct store *reader = c->control->o.reader;
	struct error e = { .reason = REASON_NONE };
	const json_t *until = json_object_get(request, "until_ms");
	struct timer_list *l = calloc(1, sizeof *l);
	json_t *list = json_array();

	if (!l || !store_list_due(reader, until ? json_integer_value(until) : INT64_MAX, 1000, add_timer, l, &e)) {
		control_reply_error(c, l ? e.text : "memory ran out");
		json_decref(list);
		free(l);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		struct store_exchange x;
		if (!store_get_exchange(reader, l->rows[i].seq, &x, &e))
			continue;
		json_array_append_new(list, json_pack("{s:o, s:o, s:s, s:o, s:b, s:o}", "exchange", control_uuid_json(&x.id),
			"agreement", control_view_json(x.agreement), "kind", timer_kind_name(l->rows[i].kind),
			"due", control_time_json(l->rows[i].due_ms), "held", (int)l->rows[i].held, "holds", control_holds_json(reader, l->rows[i].seq)));
	}
	control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "timers", list));
	free(l);
}

void control_retention_run(struct control_client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };

	(void)request;
	if (retention_sweep(c->control->o.retention, core_now_ms(), &e))
		control_reply(c, json_pack("{s:b}", "ok", 1));
	else
		control_reply_error(c, e.text);
}
