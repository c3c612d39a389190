/* See control.h. */
#include "gatewayd/core/control.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/core/held.h"
#include "gatewayd/core/store.h"
#include "lib/base/encode.h"
#include "lib/tlog/entry.h"

#define LINE_MAX_BYTES 65536
#define CLIENTS_MAX 32
#define REASON_TEXT_MAX 2000

struct control {
	struct control_options o;
	struct evconnlistener *listener;
	struct event *came_home;
	struct home *home;
	struct held *held;
	struct client *first;           /* all that are connected */
	unsigned clients;
};

struct client {
	struct control *control;
	struct client *next, **link;
	struct bufferevent *bev;
	uid_t uid;
	bool waiting;                   /* for a job */
	bool reading;                   /* its lines are being handled */
	bool gone;
};

static void client_free(struct client *c)
{
	c->control->clients--;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	bufferevent_free(c->bev);
	free(c);
}

/* Sends and lets go of `answer`; NULL is one that could not be made. */
static void reply(struct client *c, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	const char *line = text ? text : "{\"ok\":false,\"error\":\"the answer could not be made\"}";

	bufferevent_write(c->bev, line, strlen(line));
	bufferevent_write(c->bev, "\n", 1);
	free(text);
	json_decref(answer);
}

static void reply_error(struct client *c, const char *text)
{
	reply(c, json_pack("{s:b, s:s}", "ok", 0, "error", text));
}

static json_t *time_json(int64_t ms)
{
	char text[TIME_TEXT + 1];

	if (ms == TIME_NONE)
		return json_null();
	time_print(ms, text);
	return json_string(text);
}

static json_t *view_json(struct view v)
{
	return json_stringn(v.p ? v.p : "", v.n);
}

static json_t *digest_json(const struct digest *d)
{
	struct buf b = BUF_INIT(64);

	digest_print(&b, d);
	json_t *j = view_json(buf_view(&b));
	buf_free(&b);
	return j;
}

static json_t *uuid_json(const struct uuid *u)
{
	char text[UUID_TEXT + 1];

	uuid_print(u, text);
	return json_string(text);
}

/* --- status --- */

static json_t *agreements_json(const struct conf *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_agreements; i++) {
		const struct agreement *a = conf->agreements[i];
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", view_json(agreement_id(a)),
			"version", view_json(agreement_version(a)), "digest", digest_json(agreement_digest(a)),
			"effective_from", time_json(agreement_effective_ms(a)), "sunset", time_json(agreement_sunset_ms(a))));
	}
	return list;
}

static void do_status(struct client *c, const json_t *request)
{
	struct core *core = c->control->o.core;
	struct conf *conf = core_conf(core);
	struct writer_stats w;
	struct store_counts n = { .exchanges = 0 };
	struct error e = { .reason = REASON_NONE };

	(void)request;
	writer_stats(core->writer, &w);
	if (!store_count(c->control->o.reader, &n, &e)) {
		reply_error(c, e.text);
		conf_unref(conf);
		return;
	}
	reply(c, json_pack("{s:b, s:s, s:s, s:s, s:s, s:o, s:i, s:b, s:o,"
	                   " s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I},"
	                   " s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:i, s:i}}",
		"ok", 1, "agency", conf->node.agency, "node", conf->node.name, "origin", conf->node.origin,
		"build", core->build, "started", time_json(core->started_ms), "threads", (int)core->n_workers,
		"draining", (int)atomic_load(&core->draining), "agreements", agreements_json(conf),
		"since_start", "released", (json_int_t)atomic_load(&core->released), "held", (json_int_t)atomic_load(&core->held),
		"refused", (json_int_t)atomic_load(&core->refused), "replayed", (json_int_t)atomic_load(&core->replayed),
		"delivered", (json_int_t)atomic_load(&core->delivered),
		"delivery_failures", (json_int_t)atomic_load(&core->delivery_failures),
		"erased", (json_int_t)atomic_load(&core->erased), "strangers", (json_int_t)atomic_load(&core->strangers),
		"store", "exchanges", (json_int_t)n.exchanges, "payloads", (json_int_t)n.payloads,
		"timers", (json_int_t)n.timers, "outbox", (json_int_t)n.deliveries, "inbox", (json_int_t)n.inbox,
		"entries", (json_int_t)n.entries,
		"writer", "commits", (json_int_t)w.commits, "jobs", (json_int_t)w.jobs,
		"median_rows_per_commit", (int)w.median_batch, "queued", (int)w.queued));
	conf_unref(conf);
}

/* --- reload, drain --- */

static void do_reload(struct client *c, const json_t *request)
{
	struct error_list errors = { .n = 0 };
	json_t *list = json_array();
	char text[700];

	(void)request;
	bool ok = c->control->o.reload(c->control->o.core, &errors);
	for (size_t i = 0; i < errors.n; i++)
		json_array_append_new(list, json_string(error_print(&errors.items[i], text, sizeof text)));
	reply(c, json_pack("{s:b, s:o}", "ok", (int)ok, "errors", list));
	error_list_free(&errors);
}

static void do_drain(struct client *c, const json_t *request)
{
	bool on = !json_is_false(json_object_get(request, "on"));

	atomic_store(&c->control->o.core->draining, on);
	core_log("notice", on ? "draining: no new exchanges" : "no longer draining");
	reply(c, json_pack("{s:b, s:b}", "ok", 1, "draining", (int)on));
}

/* --- retention --- */

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

static void do_retention_due(struct client *c, const json_t *request)
{
	struct store *reader = c->control->o.reader;
	struct error e = { .reason = REASON_NONE };
	const json_t *until = json_object_get(request, "until_ms");
	struct timer_list *l = calloc(1, sizeof *l);
	json_t *list = json_array();

	if (!l || !store_due_timers(reader, until ? json_integer_value(until) : INT64_MAX, 1000, add_timer, l, &e)) {
		reply_error(c, l ? e.text : "memory ran out");
		json_decref(list);
		free(l);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		struct store_exchange x;
		if (!store_get_exchange(reader, l->rows[i].seq, &x, &e))
			continue;
		json_array_append_new(list, json_pack("{s:o, s:o, s:s, s:o, s:b}", "exchange", uuid_json(&x.id),
			"agreement", view_json(x.agreement), "kind", timer_kind_name(l->rows[i].kind),
			"due", time_json(l->rows[i].due_ms), "held", (int)l->rows[i].held));
	}
	reply(c, json_pack("{s:b, s:o}", "ok", 1, "timers", list));
	free(l);
}

static void do_retention_run(struct client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };

	(void)request;
	if (retention_sweep(c->control->o.retention, core_now_ms(), &e))
		reply(c, json_pack("{s:b}", "ok", 1));
	else
		reply_error(c, e.text);
}

/* --- exchanges --- */

static void read_lines(struct client *c);

/* The answer of a job that the client waited for; then what it sent meanwhile. */
static void finish(struct client *c, json_t *answer)
{
	c->waiting = false;
	if (c->gone) {
		json_decref(answer);
		client_free(c);
		return;
	}
	reply(c, answer);
	if (!c->reading)
		read_lines(c);
}

static json_t *exchange_json(const struct store_exchange *x)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:o, s:I}", "exchange", uuid_json(&x->id),
		"partner", view_json(x->partner), "agreement", view_json(x->agreement), "provider", view_json(x->provider),
		"recipient", view_json(x->recipient), "received", time_json(x->received_ms),
		"state", exchange_state_name(x->state), "status", x->status,
		"agreement_digest", digest_json(&x->agreement_digest), "audit_index", (json_int_t)store_entry_index(x->entry));
}

static bool list_exchange(void *arg, const struct store_exchange *x)
{
	json_array_append_new(arg, exchange_json(x));
	return true;
}

static void do_exchange_list(struct client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	json_t *list = json_array();
	json_int_t max = json_integer_value(json_object_get(request, "max"));

	if (max < 1 || max > 1000)
		max = 50;
	if (store_list_exchanges(c->control->o.reader, 0, (unsigned)max, list_exchange, list, &e)) {
		reply(c, json_pack("{s:b, s:o}", "ok", 1, "exchanges", list));
	} else {
		reply_error(c, e.text);
		json_decref(list);
	}
}

/* What an operator reads of an exchange is logged before it is shown. */
struct showing {
	struct job job;                 /* first */
	struct client *client;
	json_t *answer;
	struct buf leaf;
};

static bool write_showing(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct showing *show = (struct showing *)j;
	uint64_t index;

	(void)s;
	return writer_append(w, j, buf_view(&show->leaf), VIEW(""), &index, e);
}

static void shown(struct job *j)
{
	struct showing *show = (struct showing *)j;

	finish(show->client, j->committed ? json_incref(show->answer)
	                                  : json_pack("{s:b, s:s}", "ok", 0, "error", "the log could not be written"));
	json_decref(show->answer);
	writer_release(j);
	buf_free(&show->leaf);
	free(show);
}

static void do_exchange_show(struct client *c, const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "exchange"));
	struct core *core = c->control->o.core;
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct view leaf, packed;
	struct uuid id;
	struct showing *show;
	char note[64];

	if (!text || !uuid_parse(view_of(text), &id)) {
		reply_error(c, "exchange: is not an exchange id");
		return;
	}
	if (!store_find_exchange(c->control->o.reader, &id, &x, &e)) {
		reply_error(c, e.reason == REASON_NOT_FOUND ? "no such exchange" : e.text);
		return;
	}
	show = calloc(1, sizeof *show);
	if (!show) {
		reply_error(c, "memory ran out");
		return;
	}
	show->client = c;
	show->answer = json_pack("{s:b, s:o, s:o}", "ok", 1, "exchange", exchange_json(&x), "answer", view_json(x.answer));
	if (store_find_entry(c->control->o.reader, x.entry, &leaf, &packed, &e)) {
		json_object_set_new(show->answer, "entry", view_json(leaf));
		json_object_set_new(show->answer, "disclosures", packed.n ? json_loadb(packed.p, packed.n, 0, NULL) : json_array());
	}
	snprintf(note, sizeof note, "operator with uid %u read the decision", (unsigned)c->uid);
	struct entry entry = { .operation = OPERATION_CONSULTATION, .time_ms = core_now_ms(), .exchange = id,
		.note = view_of(note), .build = view_of(core->build) };
	show->leaf = BUF_INIT(8192);
	entry_print(&entry, NULL, &show->leaf);
	show->job = (struct job){ .home = c->control->home, .run = write_showing, .done = shown };
	c->waiting = true;
	writer_submit(core->writer, &show->job);
}

/* --- decisions on what is held --- */

static void decided(void *arg, const struct held_result *r)
{
	json_t *answer = json_pack("{s:b, s:s, s:s}", "ok", (int)r->decided, "state", r->state, "error", r->text);

	if (r->decided) {
		json_object_set_new(answer, "released", json_boolean(r->released));
		json_object_set_new(answer, "reason", json_string(reason_slug(r->reason)));
	}
	finish(arg, answer);
}

static bool read_decision(struct client *c, const json_t *request, struct held_request *r)
{
	const char *text = json_string_value(json_object_get(request, "exchange"));

	*r = (struct held_request){ .uid = (unsigned)c->uid, .done = decided, .arg = c };
	if (text && uuid_parse(view_of(text), &r->exchange))
		return true;
	reply_error(c, "exchange: is not an exchange id");
	return false;
}

/* The views of the request end with the call: what is needed later, held.c copies. */
static void do_exchange_release(struct client *c, const json_t *request)
{
	struct held_request r;

	if (!read_decision(c, request, &r))
		return;
	r.statement = view_of(json_string_value(json_object_get(request, "statement")));
	r.signature = view_of(json_string_value(json_object_get(request, "signature")));
	if (!r.statement.n || !r.signature.n) {
		reply_error(c, "statement, signature: both are needed");
		return;
	}
	c->waiting = true;
	held_release(c->control->held, &r);
}

static void do_exchange_refuse(struct client *c, const json_t *request)
{
	struct held_request r;

	if (!read_decision(c, request, &r))
		return;
	r.why = view_of(json_string_value(json_object_get(request, "reason")));
	if (!r.why.n || r.why.n > REASON_TEXT_MAX) {
		reply_error(c, "reason: is needed, in at most 2,000 bytes");
		return;
	}
	c->waiting = true;
	held_refuse(c->control->held, &r);
}

static bool list_delivery(void *arg, const struct store_delivery *d)
{
	json_array_append_new(arg, json_pack("{s:I, s:o, s:i, s:o, s:o, s:o}", "seq", (json_int_t)d->seq,
		"recipient", view_json(d->recipient), "attempts", (int)d->attempts, "next", time_json(d->next_ms),
		"deadline", time_json(d->deadline_ms), "last_error", view_json(d->last_error)));
	return true;
}

static void do_outbox(struct client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	json_t *list = json_array();

	(void)request;
	if (store_due_deliveries(c->control->o.reader, INT64_MAX, 1000, list_delivery, list, &e)) {
		reply(c, json_pack("{s:b, s:o}", "ok", 1, "deliveries", list));
	} else {
		reply_error(c, e.text);
		json_decref(list);
	}
}

/* --- the socket --- */

static const struct {
	const char *name;
	void (*handle)(struct client *c, const json_t *request);
} commands[] = {
	{ "status", do_status },
	{ "reload", do_reload },
	{ "drain", do_drain },
	{ "retention-due", do_retention_due },
	{ "retention-run", do_retention_run },
	{ "exchange-list", do_exchange_list },
	{ "exchange-show", do_exchange_show },
	{ "exchange-release", do_exchange_release },
	{ "exchange-refuse", do_exchange_refuse },
	{ "outbox", do_outbox },
};

static void handle_line(struct client *c, const char *line, size_t n)
{
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	const char *what = json_string_value(json_object_get(request, "do"));
	size_t i = 0, count = sizeof commands / sizeof *commands;

	while (i < count && !(what && strcmp(commands[i].name, what) == 0))
		i++;
	if (i < count)
		commands[i].handle(c, request);
	else
		reply_error(c, "do: is not a command");
	json_decref(request);
}

/* One request at a time: what comes while a job is under way waits, and never more than a line of it. */
static void read_lines(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n;
	char *line;

	c->reading = true;
	while (!c->waiting && (line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF))) {
		handle_line(c, line, n);
		free(line);
	}
	c->reading = false;
	if (!c->waiting && evbuffer_get_length(in) >= LINE_MAX_BYTES)
		client_free(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	read_lines(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	(void)what;
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	if (c->waiting)
		c->gone = true;
	else
		client_free(c);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int length, void *arg)
{
	struct control *control = arg;
	struct client *c;
	struct ucred peer;
	socklen_t size = sizeof peer;

	(void)l;
	(void)sa;
	(void)length;
	if (control->clients >= CLIENTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
	    !(c = calloc(1, sizeof *c))) {
		close(fd);
		return;
	}
	c->control = control;
	c->uid = peer.uid;
	c->bev = bufferevent_socket_new(control->o.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev) {
		close(fd);
		free(c);
		return;
	}
	control->clients++;
	c->next = control->first;
	c->link = &control->first;
	if (c->next)
		c->next->link = &c->next;
	control->first = c;
	bufferevent_setwatermark(c->bev, EV_READ, 0, LINE_MAX_BYTES);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void on_home(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	home_collect(c->home);
}

struct control *control_new(const struct control_options *o)
{
	struct control *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->o = *o;
	c->home = home_new();
	evutil_make_socket_nonblocking(o->listen_fd);
	c->listener = evconnlistener_new(o->base, on_accept, c, LEV_OPT_CLOSE_ON_FREE, 0, o->listen_fd);
	c->came_home = c->home ? event_new(o->base, home_fd(c->home), EV_READ | EV_PERSIST, on_home, c) : NULL;
	c->held = c->home ? held_new(o->core, o->reader, c->home) : NULL;
	if (!c->listener || !c->came_home || !c->held || event_add(c->came_home, NULL) != 0) {
		control_free(c);
		return NULL;
	}
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	if (c->home)
		home_collect(c->home);
	while (c->first)
		client_free(c->first);
	held_free(c->held);
	if (c->listener)
		evconnlistener_free(c->listener);
	if (c->came_home)
		event_free(c->came_home);
	home_free(c->home);
	free(c);
}
