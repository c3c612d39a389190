/* The socket itself, the table of commands, and those that change the daemon as a whole. See control.h. */
#include "gatewayd/core/control/control_private.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/core/audit/governing.h"
#include "gatewayd/core/exchange/officer.h"
#include "gatewayd/core/store/rest.h"
#include "lib/base/encode.h"
#include "gatewayd/os/log.h"

#define LINE_MAX_BYTES 65536
#define CLIENTS_MAX    32

static void client_free(struct control_client *c)
{
	c->control->clients--;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	bufferevent_free(c->bev);
	free(c);
}

void control_reply(struct control_client *c, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	const char *line = text ? text : "{\"ok\":false,\"error\":\"the answer could not be made\"}";

	bufferevent_write(c->bev, line, strlen(line));
	bufferevent_write(c->bev, "\n", 1);
	free(text);
	json_decref(answer);
}

void control_reply_error(struct control_client *c, const char *text)
{
	control_reply(c, json_pack("{s:b, s:s}", "ok", 0, "error", text));
}

json_t *control_time_json(int64_t ms)
{
	char text[TIME_TEXT + 1];

	if (ms == TIME_NONE)
		return json_null();
	time_print(ms, text);
	return json_string(text);
}

json_t *control_view_json(struct view v)
{
	return json_stringn(v.p ? v.p : "", v.n);
}

json_t *control_digest_json(const struct digest *d)
{
	struct buf b = BUF_INIT(64);

	digest_print(&b, d);
	json_t *j = control_view_json(buf_view(&b));
	buf_free(&b);
	return j;
}

json_t *control_uuid_json(const struct uuid *u)
{
	char text[UUID_TEXT + 1];

	uuid_print(u, text);
	return json_string(text);
}

static void read_lines(struct control_client *c);

void control_finish(struct control_client *c, json_t *answer)
{
	c->waiting = false;
	if (c->gone) {
		json_decref(answer);
		client_free(c);
		return;
	}
	control_reply(c, answer);
	if (!c->reading)
		read_lines(c);
}

/* --- reload, drain --- */

static json_t *lines_of(const struct error_list *errors)
{
	json_t *list = json_array();
	char text[700];

	for (size_t i = 0; i < errors->n; i++)
		json_array_append_new(list, json_string(error_print(&errors->items[i], text, sizeof text)));
	return list;
}

static void do_reload(struct control_client *c, const json_t *request)
{
	struct reload_said said = { .refuses = false };

	(void)request;
	bool ok = c->control->o.reload(c->control->o.core, &said);
	control_reply(c, json_pack("{s:b, s:o, s:o, s:b}", "ok", (int)ok, "errors", lines_of(&said.errors), "warnings",
	                           lines_of(&said.warnings), "refuses", (int)said.refuses));
	error_list_free(&said.errors);
	error_list_free(&said.warnings);
}

static void do_drain(struct control_client *c, const json_t *request)
{
	bool on = !json_is_false(json_object_get(request, "on"));

	if (on != atomic_load(&c->control->o.core->draining) &&
	    !governing_drain(c->control->o.core, on, (unsigned)c->uid)) {
		control_reply_error(c, "memory ran out");
		return;
	}
	atomic_store(&c->control->o.core->draining, on);
	log_line("notice", on ? "draining: no new exchanges" : "no longer draining");
	control_reply(c, json_pack("{s:b, s:b}", "ok", 1, "draining", (int)on));
}

/* --- the socket --- */

static const struct {
	const char *name;
	void (*handle)(struct control_client *c, const json_t *request);
} commands[] = {
	{ "status", control_status },
	{ "reload", do_reload },
	{ "drain", do_drain },
	{ "retention-due", control_retention_due },
	{ "retention-histogram", control_retention_histogram },
	{ "retention-run", control_retention_run },
	{ "retention-overdue", control_retention_overdue },
	{ "keys-show", control_keys_show },
	{ "keys-rotate", control_keys_rotate },
	{ "store-copy", control_store_copy },
	{ "store-copy-show", control_store_copy_show },
	{ "store-reconciled", control_store_reconciled },
	{ "store-rehearsed", control_store_rehearsed },
	{ "retention-hold", control_retention_hold },
	{ "retention-lift", control_retention_lift },
	{ "retention-holds", control_retention_holds },
	{ "clock-show", control_clock_show },
	{ "clock-confirm", control_clock_confirm },
	{ "exchange-list", control_exchange_list },
	{ "exchange-show", control_exchange_show },
	{ "exchange-release", control_exchange_release },
	{ "exchange-refuse", control_exchange_refuse },
	{ "outbox", control_outbox },
	{ "outbox-retry", control_outbox_retry },
	{ "outbox-expire", control_outbox_expire },
	{ "outbox-again", control_outbox_again },
	{ "outbox-arrived", control_outbox_arrived },
	{ "notices", control_notices },
	{ "council-submit", control_council_submit },
	{ "council-list", control_council_list },
	{ "council-show", control_council_show },
};

static void handle_line(struct control_client *c, const char *line, size_t n)
{
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	const char *what = json_string_value(json_object_get(request, "do"));
	size_t i = 0, count = sizeof commands / sizeof *commands;

	while (i < count && !(what && strcmp(commands[i].name, what) == 0))
		i++;
	if (i < count)
		commands[i].handle(c, request);
	else
		control_reply_error(c, "do: is not a command");
	json_decref(request);
}

/* One request at a time: what comes while a job is under way waits, and never more than a line of it. */
static void read_lines(struct control_client *c)
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
	struct control_client *c = arg;

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
	struct control_client *c;
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
