/* The control socket's commands about what is to be erased when. See control_private.h. */
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/control/control_private.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/os/instant.h"

#define DUE_MAX 1000

/* --- timers --- */

struct timer_list {
	struct due_row {
		uint64_t seq;
		int64_t due_ms;
		enum timer_kind kind;
		bool held;
	} rows[DUE_MAX];
	size_t n;
};

static bool add_timer(void *arg, const struct store_timer *t)
{
	struct timer_list *l = arg;

	l->rows[l->n++] = (struct due_row){ .seq = t->seq, .due_ms = t->due_ms, .kind = t->kind, .held = t->held };
	return l->n < sizeof l->rows / sizeof *l->rows;
}

static json_t *timer_json(struct store *reader, const struct due_row *row)
{
	struct error e = { .reason = REASON_NONE };
	json_t *holds = row->held ? control_holds_json(reader, row->seq) : json_array();
	struct store_exchange x;

	if (!store_get_exchange(reader, row->seq, &x, &e)) {
		json_decref(holds);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:s, s:o, s:b, s:o}", "exchange", control_uuid_json(&x.id), "agreement",
	                 control_view_json(x.agreement), "kind", timer_kind_name(row->kind), "due",
	                 control_time_json(row->due_ms), "held", (int)row->held, "holds", holds);
}

static void list_due(struct control_client *c, int64_t until_ms)
{
	struct store *reader = c->control->o.reader;
	struct error e = { .reason = REASON_NONE };
	struct timer_list *l = calloc(1, sizeof *l);
	json_t *list;

	if (!l || !store_list_due(reader, until_ms, DUE_MAX, add_timer, l, &e)) {
		control_reply_error(c, l ? e.text : "memory ran out");
		free(l);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, timer_json(reader, &l->rows[i])); /* refuses NULL */
	control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "timers", list));
	free(l);
}

/* --- counted --- */

static void day_text(int64_t day, char out[TIME_TEXT + 1])
{
	time_print(day * DAY_MS, out);
	out[strlen("2026-01-02")] = 0;
}

static json_t *group_json(const char *name, json_t *value, const struct store_due *d)
{
	return json_pack("{s:o, s:s, s:b, s:I, s:o, s:o}", name, value, "kind", timer_kind_name(d->kind), "held",
	                 (int)d->held, "timers", (json_int_t)d->n, "first", control_time_json(d->first_ms), "last",
	                 control_time_json(d->last_ms));
}

static bool add_day(void *arg, const struct store_due *d)
{
	char text[TIME_TEXT + 1];

	day_text(d->day, text);
	json_array_append_new(arg, group_json("day", json_string(text), d));
	return true;
}

static bool add_agreement(void *arg, const struct store_due *d)
{
	json_array_append_new(arg, group_json("agreement", control_view_json(d->agreement), d));
	return true;
}

void control_retention_due(struct control_client *c, const json_t *request)
{
	const json_t *until = json_object_get(request, "until_ms");
	const char *by = json_string_value(json_object_get(request, "by"));
	int64_t until_ms = until ? json_integer_value(until) : INT64_MAX;
	struct error e = { .reason = REASON_NONE };
	bool by_agreement = by && strcmp(by, "agreement") == 0;

	if (!by) {
		list_due(c, until_ms);
		return;
	}
	if (!by_agreement && strcmp(by, "day") != 0) {
		control_reply_error(c, "by: is neither agreement nor day");
		return;
	}
	json_t *list = json_array();
	if (store_count_due(c->control->o.reader, by_agreement, until_ms, by_agreement ? add_agreement : add_day, list,
	                    &e)) {
		control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "groups", list));
	} else {
		control_reply_error(c, e.text);
		json_decref(list);
	}
}

/* --- what expires when --- */

struct bars {
	json_t *list, *bar; /* the last of the list */
	char per;           /* 'd', 'w', 'm' */
	int64_t day;        /* of the last bar */
};

/* The day that a day's bar begins with: itself, its Monday, the first of its month. */
static int64_t bar_of(int64_t day, char per)
{
	struct date d;

	if (per == 'd')
		return day;
	if (per == 'w')
		return day - ((day + 3) % 7 + 7) % 7; /* day 0 was a Thursday */
	d = date_from_days(day);
	d.day = 1;
	return date_to_days(d);
}

static void add_to(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, json_integer(json_integer_value(json_object_get(o, name)) + (json_int_t)n));
}

/* Days come in their order. */
static bool add_bar(void *arg, const struct store_due *d)
{
	struct bars *b = arg;
	int64_t day = bar_of(d->day, b->per);
	char text[TIME_TEXT + 1];

	if (!b->bar || day != b->day) {
		day_text(day, text);
		b->bar = json_pack("{s:s, s:i, s:i, s:{}}", "from", text, "timers", 0, "held", 0, "kinds");
		b->day = day;
		if (json_array_append_new(b->list, b->bar) != 0)
			return false;
	}
	add_to(b->bar, "timers", d->n);
	add_to(b->bar, "held", d->held ? d->n : 0);
	add_to(json_object_get(b->bar, "kinds"), timer_kind_name(d->kind), d->n);
	return true;
}

void control_retention_histogram(struct control_client *c, const json_t *request)
{
	const char *per = json_string_value(json_object_get(request, "per"));
	struct error e = { .reason = REASON_NONE };
	struct bars b = { .per = per && per[0] ? per[0] : 'd' };

	if (per && strcmp(per, "day") != 0 && strcmp(per, "week") != 0 && strcmp(per, "month") != 0) {
		control_reply_error(c, "per: is neither day, week nor month");
		return;
	}
	b.list = json_array();
	if (store_count_due(c->control->o.reader, false, INT64_MAX, add_bar, &b, &e)) {
		control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "bars", b.list));
	} else {
		control_reply_error(c, e.text);
		json_decref(b.list);
	}
}

#define OVERDUE_MAX 1000

struct overdue_list {
	struct store_duty items[OVERDUE_MAX];
	size_t n;
};

static bool add_overdue(void *arg, const struct store_duty *d)
{
	struct overdue_list *l = arg;

	l->items[l->n++] = *d;
	return true;
}

void control_retention_overdue(struct control_client *c, const json_t *request)
{
	struct store *reader = c->control->o.reader;
	struct overdue_list *l = calloc(1, sizeof *l);
	struct error e = { .reason = REASON_NONE };
	json_t *list = json_array();

	(void)request;
	if (!l || !store_list_overdue(reader, 0, OVERDUE_MAX, add_overdue, l, &e)) {
		control_reply_error(c, l ? e.text : "memory ran out");
		json_decref(list);
		free(l);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct store_duty *d = &l->items[i];
		struct store_exchange x;
		if (store_get_exchange(reader, d->seq, &x, &e))
			json_array_append_new(
			        list, json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:i, s:b}", "exchange",
			                        control_uuid_json(&x.id), "agreement", control_view_json(x.agreement),
			                        "recipient", control_view_json(x.recipient), "duty",
			                        duty_kind_name(d->kind), "made", control_time_json(d->made_ms),
			                        "next_call", control_time_json(d->due_ms), "calls", (int)d->escalated,
			                        "blocks", (int)d->blocks));
	}
	control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "overdue", list));
	free(l);
}

void control_retention_run(struct control_client *c, const json_t *request)
{
	struct core *core = c->control->o.core;
	struct error e = { .reason = REASON_NONE };

	(void)request;
	if (!clock_trusted(core))
		control_reply_error(c, clock_why(clock_verdict(core)));
	else if (retention_sweep(c->control->o.retention, instant_now_ms(), &e))
		control_reply(c, json_pack("{s:b}", "ok", 1));
	else
		control_reply_error(c, e.text);
}
