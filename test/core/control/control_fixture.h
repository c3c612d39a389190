/* The operator's socket over the core fixture, without a daemon: a listening UNIX socket, the event loop that serves it,
 * and a client. The test is the daemon's main thread: ask() turns the loop until the answer's line is there. */
#ifndef TEST_CORE_CONTROL_CONTROL_FIXTURE_H
#define TEST_CORE_CONTROL_CONTROL_FIXTURE_H

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gatewayd/core/control/control.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/witness/witness.h"
#include "test/core/exchange/exchange_fixture.h"
#include "test/policy/officers.h"

static struct event_base *base;
static struct control *control;
static struct control_options options;
static struct witness witness;
static struct error_list reload_faults;   /* what the next reload finds */
static struct error_list reload_warnings; /* and what it says of what it takes */
static bool reload_refuses;               /* what it takes refuses everybody of an authority */
static struct sockaddr_un socket_name;
static int client;
static struct buf incoming;

static inline bool reload(struct core *c, struct reload_said *said)
{
	ck_assert_ptr_eq(c, &f.core);
	for (size_t i = 0; i < reload_faults.n; i++)
		error_list_add(&said->errors, &reload_faults.items[i]);
	for (size_t i = 0; i < reload_warnings.n; i++)
		error_list_add(&said->warnings, &reload_warnings.items[i]);
	said->refuses = reload_refuses;
	return reload_faults.n == 0;
}

static inline int client_new(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&socket_name, sizeof socket_name), 0);
	return fd;
}

static inline void control_open(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	exchange_open();
	core_make_officer(&f);
	witness = (struct witness){ .latest_ms = TIME_NONE, .near_ms = TIME_NONE };
	f.core.witness = &witness;
	atomic_store(&f.core.timestamp_ms, TIME_NONE);
	OK((f.core.clock = clock_open(&f.core, f.reader, instant_now_ms(), 1000, e)) != NULL);
	socket_name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(socket_name.sun_path, sizeof socket_name.sun_path, "%s", scratch_file(&f.log.dir, "control.sock"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&socket_name, sizeof socket_name), 0);
	ck_assert_int_eq(listen(fd, 40), 0);
	base = event_base_new();
	options = (struct control_options){ .core = &f.core,
		                            .base = base,
		                            .listen_fd = fd,
		                            .reader = f.reader,
		                            .retention = retention_new(&f.core, f.reader),
		                            .holds = holds_new(&f.core, f.reader),
		                            .reload = reload };
	ck_assert(base && options.retention && options.holds);
	control = control_new(&options);
	ck_assert_ptr_nonnull(control);
	client = client_new();
	incoming = BUF_INIT(1 << 20);
	reload_faults = reload_warnings = (struct error_list){ .max = 5 };
	reload_refuses = false;
}

static inline void control_close(void)
{
	close(client);
	control_free(control);
	event_base_free(base);
	buf_free(&incoming);
	error_list_free(&reload_faults);
	error_list_free(&reload_warnings);
	struct clock *clock = f.core.clock;
	exchange_close();
	retention_free(options.retention);
	holds_free(options.holds);
	clock_free(clock);
}

static inline void tell(const char *lines)
{
	ck_assert_int_eq(send(client, lines, strlen(lines), MSG_NOSIGNAL), (ssize_t)strlen(lines));
}

/* The next line that comes; the caller drops it. */
static inline json_t *answer_next(void)
{
	char part[4096];
	const char *end;

	while (!(end = incoming.n ? memchr(incoming.p, '\n', incoming.n) : NULL)) {
		ssize_t n = recv(client, part, sizeof part, MSG_DONTWAIT);
		if (n > 0)
			buf_add(&incoming, view_make(part, (size_t)n));
		else
			ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	}
	size_t n = (size_t)(end - incoming.p);
	json_t *doc = json_loadb(incoming.p, n, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	memmove(incoming.p, end + 1, incoming.n - n - 1);
	incoming.n -= n + 1;
	return doc;
}

/* Sends it (taken over) and waits for the answer. */
static inline json_t *ask(json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);

	ck_assert_ptr_nonnull(text);
	tell(text);
	tell("\n");
	free(text);
	json_decref(request);
	return answer_next();
}

/* An answer that says ok. */
static inline json_t *granted(json_t *request)
{
	json_t *a = ask(request);

	ck_assert_msg(json_is_true(json_object_get(a, "ok")), "%s", core_member(a, "error"));
	return a;
}

static inline void refused(json_t *request, const char *why)
{
	json_t *a = ask(request);

	ck_assert(json_is_false(json_object_get(a, "ok")));
	ck_assert_msg(strstr(core_member(a, "error"), why) != NULL, "%s", core_member(a, "error"));
	json_decref(a);
}

static inline json_t *to(const char *what)
{
	return json_pack("{s:s}", "do", what);
}

static inline json_t *about(const char *what, const struct uuid *exchange)
{
	char id[UUID_TEXT + 1];

	uuid_print(exchange, id);
	return json_pack("{s:s, s:s}", "do", what, "exchange", id);
}

static inline void last_entry_says(const char *name, const char *want)
{
	json_t *entry = core_last_entry(&f);

	ck_assert_pstr_eq(core_member(entry, name), want);
	json_decref(entry);
}

/* `request` with the statement and the officer's signature over it; takes both over. */
static inline json_t *with_signed(json_t *request, json_t *statement)
{
	struct view text = text_of(statement);
	struct buf signature = BUF_INIT(65536);

	core_officer_signs(&f, text, &signature);
	json_object_set_new(request, "statement", json_stringn(text.p, text.n));
	json_object_set_new(request, "signature", json_stringn(signature.p, signature.n));
	buf_free(&signature);
	return request;
}

#endif
