/* Core as a whole: core_run() in a process of its own, over the files of a configuration (conf_files.h). The test is its
 * service manager, and plays the edge at the other end of its only channel. A second process stands for the edge's, as a
 * child of core has to; it does nothing, and ends when the test lets it.
 *
 * What confines core is here in that place: it would keep the process from writing down which lines it took, and the
 * programs of test/e2e run with the true one. It says on standard error which folders it was given. */
#ifndef TEST_CORE_CORE_DAEMON_FIXTURE_H
#define TEST_CORE_CORE_DAEMON_FIXTURE_H

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "gatewayd/channel.h"
#include "gatewayd/core/core.h"
#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/exit_status.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/secret_file.h"
#include "test/core/conf_files.h"

#define AUDIT_SEED "a secret for tests, 32 bytes long"
#define WAIT_MS    30000

/* What a start meets. */
struct start {
	bool cannot_confine;
};

static struct daemon {
	int pid, notify_fd, control_fd, leave_fd;
	struct channel *edge;
	struct frame seen; /* the last REPLY or OUTBOUND */
	char head[400];    /* of it: target, or body */
	int status;
	uint64_t requests;
} daemon_;
static struct scratch_dir aside; /* what is no file of the node */
static char config_path[PATH_MAX], said_path[PATH_MAX];

/* check_core_run.c has it. */
extern bool cannot_confine;

/* audit.vkey, of the seed. */
static inline void write_vkey(void)
{
	struct ed25519_key *key = ed25519_from_seed((const uint8_t *)AUDIT_SEED);
	struct buf text = BUF_INIT(1024);
	struct note_vkey vkey;
	uint8_t public_key[32];

	ed25519_public(key, public_key);
	ck_assert(note_vkey_make(VIEW("gw.north.example/audit/n1/1"), NOTE_ED25519, public_key, &vkey));
	note_vkey_print(&vkey, &text);
	buf_addc(&text, '\n');
	scratch_write(scratch_file(&dir, "audit.vkey"), buf_view(&text));
	buf_free(&text);
	ed25519_free(key);
}

static inline void node_make(void)
{
	static const char *const secrets[] = { "keys/pseudonym.key", "keys/idempotency.key", "keys/audit.key" };
	struct secret secret = { .b = AUDIT_SEED, .n = 32 };
	struct keystore *k;

	conf_files_make();
	aside = scratch_new();
	snprintf(config_path, sizeof config_path, "%s", scratch_file(&dir, "node.json"));
	snprintf(said_path, sizeof said_path, "%s", scratch_file(&aside, "said"));
	OK((k = keystore_open(scratch_file(&dir, "keys"), true, e)) != NULL);
	keystore_close(k);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		secret.b[0] = (uint8_t)(AUDIT_SEED[0] + 2 - i); /* each its own; the log's is as said */
		OK(secret_write_new(scratch_file(&dir, secrets[i]), &secret, e));
	}
	write_vkey();
	conf_files_write();
	daemon_.pid = 0;
}

static inline void node_drop(void)
{
	conf_files_drop();
	scratch_remove(&aside);
}

/* The configuration as the program reads it first: without the secret. */
static inline struct conf *node_conf(void)
{
	const struct secret none = { .n = 0 };
	struct error_list errors = { .max = 20 };
	struct conf *c = conf_load(config_path, &none, instant_now_ms(), &errors);

	ck_assert_msg(c != NULL, "the configuration: %s", errors.n ? errors.items[0].text : "");
	error_list_free(&errors);
	return c;
}

/* --- life --- */

static inline int unix_socket(int type, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", aside.path, name);
	unlink(at.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* The runner's handlers, which end the test, are none of a program's. */
static inline void as_a_program(void)
{
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}

/* A process that ends when the other end of the pipe is closed. */
static inline struct edge_child edge_process(const int leave[2])
{
	int pid = fork();
	char byte;

	if (pid != 0)
		return (struct edge_child){ .pid = pid, .fd = (int)syscall(SYS_pidfd_open, pid, 0) };
	close(leave[1]);
	(void)!read(leave[0], &byte, 1);
	_exit(0);
}

static inline void core_process(int channel, int leave[2], const struct start *how)
{
	struct core_options o = { .config_path = config_path,
		                  .conf = node_conf(),
		                  .channels = &channel,
		                  .n_channels = 1,
		                  .edge = edge_process(leave),
		                  .control_fd = daemon_.control_fd };
	char path[200];

	close(leave[1]);
	snprintf(path, sizeof path, "%s/notify", aside.path);
	setenv("NOTIFY_SOCKET", path, 1);
	cannot_confine = how->cannot_confine;
	if (!freopen(said_path, "w", stderr))
		_exit(99);
	exit(core_run(&o));
}

static inline void daemon_start(const struct start *how)
{
	int fds[2], leave[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(pipe(leave), 0);
	daemon_.notify_fd = unix_socket(SOCK_DGRAM, "notify");
	daemon_.control_fd = unix_socket(SOCK_STREAM, "control");
	ck_assert_int_eq(listen(daemon_.control_fd, 5), 0);
	fflush(NULL);
	daemon_.pid = fork();
	ck_assert_int_ge(daemon_.pid, 0);
	if (daemon_.pid == 0) {
		as_a_program();
		close(fds[1]);
		core_process(fds[0], leave, how);
	}
	close(fds[0]);
	close(leave[0]);
	close(daemon_.control_fd);
	daemon_.leave_fd = leave[1];
	ck_assert_ptr_nonnull(daemon_.edge = channel_new(fds[1], 64u << 20));
}

static inline void edge_leaves(void)
{
	if (daemon_.leave_fd >= 0)
		close(daemon_.leave_fd);
	daemon_.leave_fd = -1;
}

/* Waits for its end: its exit status. */
static inline int daemon_ended(void)
{
	int64_t until = instant_monotonic_ms() + WAIT_MS;
	int status = -1, pid = daemon_.pid;

	while (waitpid(pid, &status, WNOHANG) != pid && instant_monotonic_ms() < until)
		usleep(1000);
	channel_free(daemon_.edge);
	close(daemon_.notify_fd);
	edge_leaves();
	daemon_ = (struct daemon){ .pid = 0 };
	ck_assert_msg(WIFEXITED(status), "core did not end by itself");
	return WEXITSTATUS(status);
}

/* What it tells the service manager next is this. */
static inline void manager_hears(const char *want)
{
	struct pollfd p = { .fd = daemon_.notify_fd, .events = POLLIN };
	char text[200];

	ck_assert_msg(poll(&p, 1, WAIT_MS) == 1, "the manager did not hear %s", want);
	ssize_t n = recv(daemon_.notify_fd, text, sizeof text - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n] = 0;
	ck_assert_str_eq(text, want);
}

static inline void told(int signal_number)
{
	ck_assert_int_eq(kill(daemon_.pid, signal_number), 0);
}

/* It is told to stop; the edge leaves once core has hung up. Its exit status. */
static inline int daemon_stopped(int signal_number);

/* Whether core said so on standard error. */
static inline bool said(const char *text)
{
	return scratch_holds(said_path, text, strlen(text));
}

#define SAID(text) ck_assert_msg(said(text), "core did not say: %s", text)

/* --- the edge --- */

static inline void on_core_frame(void *arg, const struct frame *fr)
{
	struct reader in = { .rest = fr->payload };
	struct view text = VIEW("");

	(void)arg;
	if (fr->type == FRAME_REPLY) {
		daemon_.status = read_u16(&in);
		read_u64(&in);
		while (!in.failed && in.rest.n && read_view16(&in).n)
			read_view16(&in);
		text = in.rest;
	} else if (fr->type == FRAME_OUTBOUND) {
		for (int i = 0; i < 3; i++)
			read_view16(&in);
		read_bytes(&in, read_u8(&in) * 32u);
		read_u64(&in);
		read_u64(&in);
		read_view16(&in);
		text = read_view16(&in);
	} else {
		return;
	}
	daemon_.seen = *fr;
	snprintf(daemon_.head, sizeof daemon_.head, "%.*s", VIEW_ARG(text));
}

/* Until core sends a frame of this type; false: it has hung up. */
static inline bool edge_sees(enum frame_type type)
{
	struct pollfd p = { .fd = channel_fd(daemon_.edge), .events = POLLIN };

	daemon_.seen.type = 0;
	while (daemon_.seen.type != type) {
		if (channel_flush(daemon_.edge) == CHANNEL_DEAD)
			return false;
		ck_assert_msg(poll(&p, 1, WAIT_MS) == 1, "core sends nothing");
		if (channel_receive(daemon_.edge, on_core_frame, NULL) == CHANNEL_DEAD)
			return daemon_.seen.type == type;
	}
	return true;
}

/* GET from a monitor; the status. */
static inline int monitored(const char *target)
{
	struct buf b = BUF_INIT(4096);

	channel_send(daemon_.edge, FRAME_OPEN, FRAME_LAST, ++daemon_.requests, VIEW(""), VIEW(""));
	put_u64(&b, daemon_.requests);
	put_u64(&b, 0);
	put_view16(&b, VIEW("GET"));
	put_view16(&b, view_of(target));
	channel_send(daemon_.edge, FRAME_HEAD, FRAME_LAST, daemon_.requests, buf_view(&b), VIEW(""));
	buf_free(&b);
	ck_assert(edge_sees(FRAME_REPLY));
	return daemon_.status;
}

/* The partner's answer to what is sent to it. */
static inline void partner_says(int status, struct view body)
{
	struct buf b = BUF_INIT(65536);

	put_u16(&b, (uint16_t)status);
	put_u64(&b, body.n);
	put_u16(&b, 0);
	buf_add(&b, body);
	channel_send(daemon_.edge, FRAME_REPLY, FRAME_LAST, daemon_.seen.id, buf_view(&b), VIEW(""));
	ck_assert_int_ne(channel_flush(daemon_.edge), CHANNEL_DEAD);
	buf_free(&b);
}

static inline int daemon_stopped(int signal_number)
{
	told(signal_number);
	ck_assert(!edge_sees(FRAME_TYPES));
	edge_leaves();
	return daemon_ended();
}

/* One start and stop, as it should be. */
static inline void runs_once(void)
{
	daemon_start(&(struct start){ .cannot_confine = false });
	manager_hears("READY=1");
	ck_assert_int_eq(daemon_stopped(SIGTERM), 0);
}

/* --- what is left of it --- */

struct counted {
	const char *what;
	unsigned n, entries;
};

static inline bool count_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	struct counted *c = arg;

	(void)packed;
	ck_assert_uint_eq(index, c->entries++);
	c->n += memmem(leaf.p, leaf.n, c->what, strlen(c->what)) != NULL;
	return true;
}

/* Entries of the log that hold this; all of them, into `entries`. */
static inline unsigned logged(const char *what, unsigned *entries)
{
	struct counted c = { .what = what };
	struct store *s;

	OK((s = store_open_reader(scratch_file(&dir, "store.db"), e)) != NULL);
	OK(store_list_entries(s, 0, 1000, count_entry, &c, e));
	store_close(s);
	if (entries)
		*entries = c.entries;
	return c.n;
}

/* One line for all files of the node, names and bytes. */
static inline void node_digest(char out[65])
{
	char command[300];
	FILE *p;

	snprintf(command, sizeof command, "cd %s && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum",
	         dir.path);
	ck_assert_ptr_nonnull(p = popen(command, "r"));
	ck_assert_int_eq(fread(out, 1, 64, p), 64);
	out[64] = 0;
	pclose(p);
}

#endif
