/* libFuzzer target: any bytes as what an operator's program sends to the control socket. Each line has one answer, a JSON object, in
 * their order, whatever pieces the lines come in, while some wait for a job and when the program goes away meanwhile. The
 * commands are stood in for: what they do is not read from the socket. */
#include "gatewayd/core/control/control_private.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gatewayd/core/audit/governing.h"
#include "gatewayd/core/exchange/officer.h"
#include "gatewayd/os/log.h"
#include "test/fuzz/target.h"

static struct control_client *waits;

static void say(struct control_client *c, const json_t *request)
{
	control_reply(c, json_pack("{s:b, s:i}", "ok", 1, "members", (int)json_object_size(request)));
}

static void wait_for(struct control_client *c, const json_t *request)
{
	must(json_is_object(request) && !waits);
	c->waiting = true;
	waits = c;
}

#define SAYS(name) \
	void name(struct control_client *c, const json_t *request) \
	{ \
		say(c, request); \
	}
#define WAITS(name) \
	void name(struct control_client *c, const json_t *request) \
	{ \
		wait_for(c, request); \
	}
SAYS(control_status)
SAYS(control_retention_due)
SAYS(control_retention_histogram)
WAITS(control_retention_run)
SAYS(control_retention_overdue)
SAYS(control_keys_show)
WAITS(control_keys_rotate)
SAYS(control_store_copy)
SAYS(control_store_copy_show)
SAYS(control_store_reconciled)
WAITS(control_retention_hold)
WAITS(control_retention_lift)
SAYS(control_retention_holds)
SAYS(control_clock_show)
WAITS(control_clock_confirm)
SAYS(control_exchange_list)
SAYS(control_exchange_show)
SAYS(control_exchange_release)
SAYS(control_exchange_refuse)
SAYS(control_outbox)
SAYS(control_outbox_retry)
SAYS(control_outbox_expire)
SAYS(control_outbox_again)
SAYS(control_outbox_arrived)
SAYS(control_notices)

bool governing_drain(struct core *c, bool on, unsigned uid)
{
	(void)c, (void)on, (void)uid;
	return true;
}

struct held *held_new(struct core *core, struct store *reader, struct home *home)
{
	(void)reader, (void)home;
	return (struct held *)core;
}

void held_free(struct held *h)
{
	(void)h;
}

void log_line(const char *level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

static bool reload(struct core *c, struct reload_said *said)
{
	(void)c;
	error_list_addf(&said->errors, REASON_CONFIG, "gatewayd.json", 1, 1, "a fault");
	return false;
}

static struct core core;
static struct event_base *base;
static struct control *control;
static struct sockaddr_un name = { .sun_family = AF_UNIX };
static socklen_t name_size = sizeof name;

static void open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* An abstract name that the kernel chooses (unix(7)). */
	must(bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0 && listen(fd, 8) == 0);
	must(getsockname(fd, (struct sockaddr *)&name, &name_size) == 0);
	base = event_base_new();
	struct control_options o = { .core = &core, .base = base, .listen_fd = fd, .reload = reload };
	must((control = control_new(&o)) != NULL);
}

/* Lets the socket's side run until nothing more comes; what waits is finished. */
static void turn(int fd, struct buf *answers)
{
	ssize_t n;

	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (waits) {
			struct control_client *c = waits;
			waits = NULL;
			control_finish(c, json_pack("{s:b}", "ok", 1));
			event_base_loop(base, EVLOOP_NONBLOCK);
		}
		char *room = buf_room(answers, 1u << 16);
		n = room ? recv(fd, room, 1u << 16, MSG_DONTWAIT) : 0;
		if (n > 0)
			answers->n += (size_t)n;
	} while (n > 0 || waits);
}

static void ask(struct view in, uint32_t state, struct buf *answers)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(connect(fd, (struct sockaddr *)&name, name_size) == 0);
	while (in.n > 0) {
		size_t n = in.n;
		if (state) {
			state = state * 1664525u + 1013904223u;
			n = (state >> 23) % 300 + 1;
		}
		n = n < in.n ? n : in.n;
		must(send(fd, in.p, n, MSG_NOSIGNAL) == (ssize_t)n);
		in = view_from(in, n);
		turn(fd, answers);
	}
	/* It goes away, perhaps while something waits. */
	if (state & 0x10000)
		(void)!send(fd, "{\"do\":\"keys-rotate\"}\n", 21, MSG_NOSIGNAL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (waits) {
		struct control_client *c = waits;
		waits = NULL;
		control_finish(c, json_pack("{s:b}", "ok", 1));
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	must(control->clients == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	struct buf whole = BUF_INIT(1u << 20), pieces = BUF_INIT(1u << 20);
	size_t lines = 0;

	if (!control)
		open_socket();
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	ask(in, 0, &whole);
	ask(in, (uint32_t)size * 2654435761u | 1, &pieces);
	must(view_eq(buf_view(&whole), buf_view(&pieces)));
	for (struct view rest = buf_view(&whole); rest.n > 0; lines--) {
		struct view line = view_cut(&rest, '\n');
		json_t *answer = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
		must(json_is_boolean(json_object_get(answer, "ok")) && lines > 0);
		json_decref(answer);
	}
	must(lines == 0);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
