/* See sandbox.h. It is set up by gatewayctl, as an operator would by hand, and served by this program as it serves in earnest. */
#include "gatewayd/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/os/files.h"

#define MEMORY       "/dev/shm"
#define MEMORY_LEAST (512ull * 1024 * 1024) /* free, for a store that keeps some of it free */
#define READY_MS     30000
#define WORDS_MAX    20
#define PATH_BYTES   4096
#define LOG_SHOWN    4096 /* bytes of the daemon's last lines, where it ended by itself */
#define STOP_SIGNALS 5
#define DRAFT_MAX    (1u << 20)

struct sandbox {
	char folder[200], config[300], ctl[PATH_BYTES];
	unsigned port;
	int ready; /* the socket on which the daemon says that it serves; -1: none */
	sigset_t signals, before;
	pid_t daemon; /* 0: none runs */
};

static bool fail(const char *what, const char *why)
{
	fprintf(stderr, "gatewayd: sandbox: %s: %s\n", what, why);
	return false;
}

static char *text_of(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static char *text_of(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, size, fmt, ap);
	va_end(ap);
	return out;
}

/* --- the folder --- */

static bool has_room(const char *folder)
{
	struct statvfs fs;

	return access(folder, W_OK) == 0 && statvfs(folder, &fs) == 0 &&
	       (unsigned long long)fs.f_bavail * fs.f_frsize >= MEMORY_LEAST;
}

/* It stands among words with blanks between them, and in what is pasted into a shell; and a UNIX socket lies in it, whose path is
 * short. */
static bool is_usable(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";

	return path && path[0] == '/' && strlen(path) <= 60 && strspn(path, plain) == strlen(path);
}

static bool make_folder(struct sandbox *s)
{
	const char *elsewhere = getenv("TMPDIR");
	const char *where = has_room(MEMORY) ? MEMORY : is_usable(elsewhere) ? elsewhere : "/tmp";
	char path[PATH_BYTES];

	text_of(s->folder, sizeof s->folder, "%s/gatewayd-sandbox-XXXXXX", where);
	if (!mkdtemp(s->folder)) {
		fail(where, strerror(errno));
		s->folder[0] = 0;
		return false;
	}
	text_of(s->config, sizeof s->config, "%s/north/gatewayd.json", s->folder);
	return mkdir(text_of(path, sizeof path, "%s/east", s->folder), 0700) == 0 || fail(path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void remove_folder(const struct sandbox *s)
{
	if (s->folder[0] && nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fail(s->folder, "it could not be removed whole");
}

/* --- other programs --- */

/* gatewayctl of the same build: beside this program, or where `make install` puts it. */
static bool find_ctl(struct sandbox *s)
{
	static const char *const places[] = { "gatewayctl", "../bin/gatewayctl" };
	char self[PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		return fail("/proc/self/exe", strerror(errno));
	self[n] = 0;
	*strrchr(self, '/') = 0;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		text_of(s->ctl, sizeof s->ctl, "%.4000s/%s", self, places[i]);
		if (access(s->ctl, X_OK) == 0)
			return true;
	}
	return fail("gatewayctl",
	            "is neither beside gatewayd nor in ../bin; install it, for it makes the keys and documents");
}

/* A child with its output in the sandbox's file of that name. It ends when this process does. */
static pid_t spawn(const struct sandbox *s, const char *program, char *const words[], const char *output)
{
	char path[PATH_BYTES];
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	int fd = open(text_of(path, sizeof path, "%s/%s", s->folder, output), O_WRONLY | O_CREAT | O_APPEND, 0600);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (fd < 0 || getppid() != parent || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	execv(program, words);
	_exit(127);
}

/* The end of a file, on standard error. */
static void show_end(const struct sandbox *s, const char *name)
{
	char path[PATH_BYTES], text[LOG_SHOWN] = "";
	FILE *f = fopen(text_of(path, sizeof path, "%s/%s", s->folder, name), "r");
	long size = 0;

	if (!f)
		return;
	if (fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (size <= LOG_SHOWN || fseek(f, size - LOG_SHOWN, SEEK_SET) != 0)
		rewind(f);
	size_t n = fread(text, 1, sizeof text, f);
	fwrite(text, 1, n, stderr);
	fclose(f);
}

/* One command of gatewayctl: words with a blank between them; `@` is the sandbox's folder. */
static bool ctl(const struct sandbox *s, const char *command)
{
	char line[PATH_BYTES], *words[WORDS_MAX + 2] = { (char[]){ "gatewayctl" } }, *rest = line;
	size_t n = 1, at = 0;
	int status = 0;

	for (const char *c = command; *c && at + sizeof s->folder < sizeof line; c++)
		at += *c == '@' ? (size_t)snprintf(line + at, sizeof line - at, "%s", s->folder) : (line[at] = *c, 1);
	line[at] = 0;
	while (n <= WORDS_MAX && (words[n] = strsep(&rest, " ")) != NULL)
		n++;
	words[n] = NULL;
	pid_t pid = spawn(s, s->ctl, words, "set-up.log");
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	show_end(s, "set-up.log");
	return fail(command, "failed");
}

/* --- setting it up --- */

/* Nobody else listens there now. */
static bool choose_port(struct sandbox *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	char text[40];

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	          bind(fd, (struct sockaddr *)&at, n) == 0 && getsockname(fd, (struct sockaddr *)&at, &n) == 0;
	if (!ok)
		fail(text_of(text, sizeof text, "127.0.0.1:%u", s->port), strerror(errno));
	if (fd >= 0)
		close(fd);
	s->port = ntohs(at.sin_port);
	return ok;
}

/* A draft marks each text that only people know; here they are made up anyway. */
static bool fill_in(const struct sandbox *s)
{
	static const char mark[] = "FILL IN, for example: ";
	struct buf draft = BUF_INIT(DRAFT_MAX), filled = BUF_INIT(DRAFT_MAX);
	struct error e = { .reason = REASON_NONE };
	char path[PATH_BYTES];
	const char *at;

	bool ok = file_read(text_of(path, sizeof path, "%s/pnr.json", s->folder), DRAFT_MAX, &draft, &e);
	struct view rest = buf_view(&draft);
	while (ok && (at = memmem(rest.p, rest.n, mark, sizeof mark - 1)) != NULL) {
		buf_add(&filled, view_make(rest.p, (size_t)(at - rest.p)));
		rest = view_from(rest, (size_t)(at - rest.p) + sizeof mark - 1);
	}
	buf_add(&filled, rest);
	ok = ok && unlink(path) == 0 && file_write_new(path, buf_view(&filled), 0600, &e);
	buf_free(&draft);
	buf_free(&filled);
	return ok || fail(path, e.text);
}

/* As README's first hour has it, with a partner that has no gateway. */
static bool set_up(const struct sandbox *s)
{
	static const char *const before[] = {
		"-c @/north/gatewayd.json csr --for system --name desk --uri spiffe://gw.east.example/system @/east/system",
		"-c @/north/gatewayd.json csr --for signer --name signer --uri spiffe://gw.east.example/signer @/east/signer",
		"ca sign --ca @/trial --for system @/east/system.csr @/east/system.pem",
		"ca sign --ca @/trial --for signer @/east/signer.csr @/east/signer.pem",
		"-c @/north/gatewayd.json partner add --role system --agency east --jurisdiction XE @/east/system.pem",
		"-c @/north/gatewayd.json partner add --role signer --agency east --jurisdiction XE @/east/signer.pem",
		"-c @/north/gatewayd.json agreement new --with east --preset pnr @/pnr.json",
	};
	static const char *const after[] = {
		"agreement sign --cert @/north/trial/signer.pem --key @/north/trial/signer.key @/pnr.json",
		"agreement sign --cert @/east/signer.pem --key @/east/signer.key @/pnr.json",
		"-c @/north/gatewayd.json agreement add @/pnr.json",
	};
	char init[300];

	text_of(init, sizeof init,
	        "init --ca @/trial --agency north --host gw.north.example --listen 127.0.0.1:%u --jurisdiction XN @/north",
	        s->port);
	bool ok = ctl(s, init);
	for (size_t i = 0; ok && i < sizeof before / sizeof *before; i++)
		ok = ctl(s, before[i]);
	ok = ok && fill_in(s);
	for (size_t i = 0; ok && i < sizeof after / sizeof *after; i++)
		ok = ctl(s, after[i]);
	return ok;
}

/* --- serving --- */

static bool listen_ready(struct sandbox *s)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	text_of(at.sun_path, sizeof at.sun_path, "%.100s/ready", s->folder);
	s->ready = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->ready < 0 || bind(s->ready, (struct sockaddr *)&at, sizeof at) != 0)
		return fail(at.sun_path, strerror(errno));
	return setenv("NOTIFY_SOCKET", at.sun_path, 1) == 0 || fail("NOTIFY_SOCKET", strerror(errno));
}

static bool daemon_ended(struct sandbox *s)
{
	if (s->daemon == 0 || waitpid(s->daemon, NULL, WNOHANG) != s->daemon)
		return false;
	s->daemon = 0;
	show_end(s, "gatewayd.log");
	return !fail("the gateway", "ended by itself");
}

/* False: it ended, or does not come up. */
static bool wait_ready(struct sandbox *s)
{
	struct pollfd p = { .fd = s->ready, .events = POLLIN };
	char state[64];

	for (int waited = 0; waited < READY_MS; waited += 50) {
		if (poll(&p, 1, 50) == 1) {
			ssize_t n = recv(s->ready, state, sizeof state, 0);
			if (n >= 7 && memcmp(state, "READY=1", 7) == 0)
				return true;
		}
		if (daemon_ended(s))
			return false;
	}
	show_end(s, "gatewayd.log");
	return fail("the gateway", "does not come up");
}

static bool serve(struct sandbox *s)
{
	char *words[] = { (char[]){ "gatewayd" }, (char[]){ "-c" }, s->config, NULL };

	if (!listen_ready(s))
		return false;
	s->daemon = spawn(s, "/proc/self/exe", words, "gatewayd.log");
	unsetenv("NOTIFY_SOCKET");
	if (s->daemon < 0) {
		s->daemon = 0;
		return fail("the gateway", strerror(errno));
	}
	return wait_ready(s);
}

/* Each block by itself does what its comment says, once the first was pasted. */
static void say(const struct sandbox *s)
{
	const char *f = s->folder;

	printf("SANDBOX, not for real records: made-up agencies, a throw-away authority, keys that lie in the open.\n"
	       "Everything is in %s%s and is removed when this ends (Ctrl-C).\n\n",
	       f, strncmp(f, MEMORY "/", sizeof MEMORY) == 0 ? ", in memory," : "");
	printf("# The partner's system, east, which sends; and this agency's own, north, which fetches. Paste this first.\n"
	       "gw() { curl --silent --show-error --write-out '\\n' --tlsv1.3 --resolve gw.north.example:%u:127.0.0.1 --cacert %s/trial/trial-ca.pem \"$@\"; }\n"
	       "east() { gw --cert %s/east/system.pem --key %s/east/system.key \"$@\"; }\n"
	       "north() { gw --cert %s/north/trial/system.pem --key %s/north/trial/system.key \"$@\"; }\n"
	       "json='Content-Type: application/json' url=https://gw.north.example:%u\n\n",
	       s->port, f, f, f, f, f, s->port);
	printf("# A made-up record: what would become of it, then in earnest, then again under the same key\n"
	       "east -H \"$json\" --data-binary @%s/pnr.ndjson $url/v1/agreements/pnr/validate\n"
	       "east -i -H \"$json\" -H 'Idempotency-Key: first' --data-binary @%s/pnr.ndjson $url/v1/agreements/pnr/records\n"
	       "east -i -H \"$json\" -H 'Idempotency-Key: first' --data-binary @%s/pnr.ndjson $url/v1/agreements/pnr/records\n\n",
	       f, f, f);
	printf("# One for a purpose that the agreement does not have, and what was sent so far\n"
	       "sed 's/\"purpose\":\"[^\"]*\"/\"purpose\":\"marketing\"/' %s/pnr.ndjson | east -H \"$json\" --data-binary @- $url/v1/agreements/pnr/records\n"
	       "east $url/v1/exchanges\n\n",
	       f);
	printf("# What came, and its acknowledgement; whom the gateway takes you for, the agreement in words, the interface\n"
	       "north $url/v1/inbox\n"
	       "north -H \"$json\" --data '{\"reference\":\"mine-1\"}' $url/v1/inbox/1/ack\n"
	       "east $url/v1/peer\n"
	       "east $url/v1/agreements/pnr/summary\n"
	       "east $url/openapi.json\n\n");
	printf("# For doc/senders.md, doc/examples and gatewayctl send; inbox is of north, whose certificate lies in north/trial\n"
	       "export GATEWAY_SANDBOX=%s GATEWAY_URL=https://gw.north.example:%u GATEWAY_RESOLVE=gw.north.example:%u:127.0.0.1 GATEWAY_AUTHORITY=%s/trial/trial-ca.pem\n"
	       "export GATEWAY_CERTIFICATE=%s/east/system.pem GATEWAY_KEY=%s/east/system.key\n\n"
	       "# The operator's side\n"
	       "%s -c %s audit tail\n",
	       f, s->port, s->port, f, f, f, s->ctl, s->config);
	fflush(stdout);
}

/* Until it is told to end; false: the gateway ended before. */
static bool wait_end(struct sandbox *s)
{
	for (;;) {
		int signal = sigwaitinfo(&s->signals, NULL);

		if (signal == SIGCHLD && daemon_ended(s))
			return false;
		if (signal > 0 && signal != SIGCHLD)
			return true;
	}
}

static void stop(struct sandbox *s)
{
	if (s->daemon) {
		kill(s->daemon, SIGTERM);
		waitpid(s->daemon, NULL, 0);
	}
	if (s->ready >= 0)
		close(s->ready);
	remove_folder(s);
}

int sandbox_run(unsigned port)
{
	/* SIGPIPE: who read what to paste has gone. */
	static const int ending[STOP_SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct sandbox s = { .port = port, .ready = -1 };

	sigemptyset(&s.signals);
	sigaddset(&s.signals, SIGCHLD);
	for (size_t i = 0; i < STOP_SIGNALS; i++)
		sigaddset(&s.signals, ending[i]);
	/* Waited for, so that nothing is left behind, whenever they come. */
	sigprocmask(SIG_BLOCK, &s.signals, &s.before);
	bool ok = find_ctl(&s) && choose_port(&s) && make_folder(&s) && set_up(&s) && serve(&s);
	if (ok) {
		say(&s);
		ok = wait_end(&s);
	}
	stop(&s);
	return ok ? 0 : 1;
}
