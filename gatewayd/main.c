/* gatewayd: options, start order, spawning the edge, dropping privilege. Core reads the configuration, binds the
 * listeners, executes itself anew as edge before any key or store is open, and then runs as core. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <malloc.h>
#include <jansson.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "gatewayd/build.h"
#include "gatewayd/confine.h"
#include "gatewayd/core/core.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/exit_status.h"
#include "gatewayd/listeners.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "gatewayd/passed.h"
#include "gatewayd/sandbox.h"

#define EXIT_USAGE 2

/* --- the edge's command line --- */

static size_t parse_numbers(const char *text, int *out, size_t max)
{
	struct view rest = view_of(text);
	size_t n = 0;

	while (rest.n && n < max) {
		unsigned long long value;
		if (!view_to_u64(view_cut(&rest, ','), 1 << 20, &value))
			return 0;
		out[n++] = (int)value;
	}
	return n;
}

static int run_edge(char **argv)
{
	struct edge_fds fds = { .n_threads = 0 };
	int listeners[16 * 8];
	struct error e = { .reason = REASON_NONE };
	enum journal_level log_level;
	enum journal_form log_form;
	size_t threads = parse_numbers(argv[2], fds.channels, 16);
	size_t total = parse_numbers(argv[3], listeners, 16 * 8);

	if (threads == 0 || total == 0 || total % threads != 0)
		return EXIT_USAGE;
	fds.n_threads = (int)threads;
	fds.n_listeners = (int)(total / threads);
	for (size_t i = 0; i < total; i++)
		fds.listeners[i / (size_t)fds.n_listeners][i % (size_t)fds.n_listeners] = listeners[i];
	fds.n_monitors = (int)parse_numbers(argv[4], fds.monitors, 4);
	struct view form = view_of(argv[5]), level = view_cut(&form, ' ');
	if (!journal_level_find(level, &log_level) || !journal_form_find(form, &log_form))
		return EXIT_USAGE;
	journal_set(log_level, log_form);
	if (!edge_prepare()) {
		log_line("error", "edge: OpenSSL cannot be set up");
		return 1;
	}
	if (!confine_edge(&e)) {
		log_line("error", "edge: %s", e.text);
		return 1;
	}
	log_line("notice", "edge: %s", confine_summary());
	return edge_run(&fds);
}

/* --- start --- */

struct sockets {
	int core_channels[16], edge_channels[16];
	int listeners[16 * 8];
	size_t n_listeners;
	int monitors[4];
	size_t n_monitors;
	int control;
};

/* One that is passed is one queue of connections, of which every thread takes. -1: an error. */
static int listener_of(struct passed *p, const char *address, struct error *e)
{
	int fd = passed_copy(p, address);

	return fd >= 0 ? fd : listen_tcp(address, e);
}

static bool bind_all(const struct node *n, struct sockets *s, struct error *e)
{
	struct passed passed;

	if (!passed_take(&passed, e))
		return false;
	/* First, for it tells whether another one runs: listeners that share a port would take its connections. */
	s->control = listen_unix(n->control, e);
	if (s->control < 0)
		return false;
	for (unsigned t = 0; t < n->threads; t++) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			return error_set(e, REASON_IO, "no channel: %s", strerror(errno));
		s->core_channels[t] = pair[0];
		s->edge_channels[t] = pair[1];
		for (size_t i = 0; i < n->n_listen; i++) {
			int fd = listener_of(&passed, n->listen[i], e);
			if (fd < 0)
				return false;
			s->listeners[s->n_listeners++] = fd;
		}
	}
	for (size_t i = 0; i < n->n_monitor; i++) {
		s->monitors[i] = listener_of(&passed, n->monitor[i], e);
		if (s->monitors[i] < 0)
			return false;
		s->n_monitors++;
	}
	return passed_settle(&passed, e);
}

static bool become(const char *user, struct error *e)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (!pw)
		return error_at(e, REASON_CONFIG, "/user", 0, 0, "no such account: %s; make it, or name another", user);
	return (initgroups(user, pw->pw_gid) == 0 && setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0) ||
	       error_set(e, REASON_IO, "cannot become %s: %s", user, strerror(errno));
}

static bool no_user(struct error *e)
{
	return error_at(e, REASON_CONFIG, "/user", 0, 0,
	                "is missing, and this was started as root: name the account to become (or \"root\", to stay "
	                "root knowingly)");
}

static bool drop_privilege(const struct node *n, struct error *e)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return true;
	if (!n->user)
		return no_user(e);
	if (strcmp(n->user, "root") == 0) {
		log_line("warning", "runs as root, as /user says: give it an account of its own");
		return true;
	}
	pw = getpwnam(n->user);
	if (pw && chown(n->control, pw->pw_uid, pw->pw_gid) != 0)
		return error_set(e, REASON_IO, "cannot give the control socket to %s: %s", n->user, strerror(errno));
	return become(n->user, e);
}

static void join_numbers(char *out, size_t size, const int *fds, size_t n)
{
	size_t at = 0;

	out[0] = 0;
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, i ? ",%d" : "%d", fds[i]);
}

static void keep_over_exec(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fcntl(fds[i], F_SETFD, 0);
}

/* Forks and executes this program as edge, with the listeners and its channel ends only. */
static bool spawn_edge(const char *self, const struct node *n, struct sockets *s, struct edge_child *out,
                       struct error *e)
{
	char channels[256], listeners[1024], monitors[64], log[40];
	pid_t parent = getpid(), pid;

	join_numbers(channels, sizeof channels, s->edge_channels, n->threads);
	join_numbers(listeners, sizeof listeners, s->listeners, s->n_listeners);
	join_numbers(monitors, sizeof monitors, s->monitors, s->n_monitors);
	snprintf(log, sizeof log, "%s %s", journal_level_name(n->log_level), journal_form_name(n->log_form));
	pid = fork();
	if (pid < 0)
		return error_set(e, REASON_IO, "cannot fork: %s", strerror(errno));
	if (pid == 0) {
		/* The edge ends when core does, even before it reads its channel. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		keep_over_exec(s->edge_channels, n->threads);
		keep_over_exec(s->listeners, s->n_listeners);
		keep_over_exec(s->monitors, s->n_monitors);
		/* What malloc sets aside of blocks that were freed, a few of each size for each thread, lies scattered over the
		 * pages of a load that is over and holds them. Without it a handshake costs 1 % more. What the
		 * operator says of malloc stands. */
		setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);
		char *argv[] = {
			(char[]){ "gatewayd" }, (char[]){ "--edge" }, channels, listeners, monitors, log, NULL
		};
		execv(self, argv);
		_exit(127);
	}
	for (unsigned t = 0; t < n->threads; t++)
		close(s->edge_channels[t]);
	for (size_t i = 0; i < s->n_listeners; i++)
		close(s->listeners[i]);
	for (size_t i = 0; i < s->n_monitors; i++)
		close(s->monitors[i]);
	/* Before core is confined: afterwards it can make no other. */
	*out = (struct edge_child){ .pid = pid, .fd = (int)syscall(SYS_pidfd_open, pid, 0) };
	if (out->fd >= 0)
		return true;
	error_set(e, REASON_IO, "no descriptor of the edge: %s", strerror(errno));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return false;
}

/* As many descriptors as it may have: what configuration counts on. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Of a start, or to whoever looks at a configuration. */
static void say_error(const char *text)
{
	if (journal_has_fields())
		log_line("error", "%s", text);
	else
		fprintf(stderr, "%s\n", text);
}

/* Prints all, frees them, and says how to end. */
static int print_errors(struct error_list *errors)
{
	char text[700];
	int status = exit_status_of(errors);

	for (size_t i = 0; i < errors->n; i++)
		say_error(error_print(&errors->items[i], text, sizeof text));
	if (errors->dropped) {
		snprintf(text, sizeof text, "and %zu more errors", errors->dropped);
		say_error(text);
	}
	error_list_free(errors);
	return status;
}

static int fail(const struct error *e)
{
	char text[700];

	say_error(error_print(e, text, sizeof text));
	return exit_status(e->reason);
}

static int usage(void)
{
	fputs("usage: gatewayd -c FILE [-t] | --sandbox[=PORT]\n"
	      "  -c FILE    the node's configuration, gatewayd.json\n"
	      "  -t         check everything, print every error, exit\n"
	      "  --sandbox  a gateway with made-up partners, to try a client on: no real record belongs there\n"
	      "  --version  which build this is, and the schema of its store\n",
	      stderr);
	return EXIT_USAGE;
}

static int version(void)
{
	printf("gatewayd %s, store schema %d\n", build_name(), store_schema());
	return 0;
}

/* What the machine lacks, told before anything is bound. Root may read every file: where it is to become another account, a process
 * that has become it reads all of them, and looks. The status to end with; 0: there is nothing. */
static int look_at_machine(const char *path, const struct conf *conf)
{
	struct error_list errors = { .n = 0 };
	struct error e = { .reason = REASON_NONE };
	const char *user = conf->node.user;
	int status = 1;

	if (geteuid() != 0 || (user && strcmp(user, "root") == 0)) {
		conf_set_up(conf, &errors);
		return errors.n ? print_errors(&errors) : 0;
	}
	if (!user) {
		no_user(&e);
		return fail(&e);
	}
	pid_t pid = fork();
	if (pid == 0) {
		if (!become(user, &e))
			_exit(fail(&e));
		struct secret none = { .n = 0 };
		_exit(conf_load_here(path, &none, conf, instant_now_ms(), &errors) ? 0 : print_errors(&errors));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

static int start(const char *path)
{
	struct sockets s = { .control = -1 };
	struct error e = { .reason = REASON_NONE };
	struct edge_child edge = { .pid = 0 };
	struct error_list errors = { .n = 0 };
	struct secret none = { .n = 0 };
	struct conf *conf = conf_load(path, &none, instant_now_ms(), &errors);
	char text[700];
	int status;

	if (!conf)
		return print_errors(&errors);
	journal_set(conf->node.log_level, conf->node.log_form);
	status = look_at_machine(path, conf);
	if (status != 0) {
		conf_unref(conf);
		return status;
	}
	raise_files();
	if (!bind_all(&conf->node, &s, &e) || !drop_privilege(&conf->node, &e) ||
	    !spawn_edge("/proc/self/exe", &conf->node, &s, &edge, &e)) {
		log_line("error", "%s", error_print(&e, text, sizeof text));
		conf_unref(conf);
		return exit_status(e.reason);
	}
	struct core_options options = { .config_path = path,
		                        .conf = conf,
		                        .channels = s.core_channels,
		                        .n_channels = conf->node.threads,
		                        .edge = edge,
		                        .control_fd = s.control };
	return core_run(&options);
}

static void print_note(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "note: %s\n", text);
}

static void print_revocation(void *arg, bool refused, const char *text)
{
	if (refused)
		error_list_addf(arg, REASON_REVOCATION_UNKNOWN, "", 0, 0, "%s", text);
	else
		print_note(NULL, text);
}

/* What root checks it checks as the account that will serve: the one that `user` names; else, where the service manager
 * starts it, the one that the keys belong to. */
static bool become_server(const char *path, bool *as_root, struct error *e)
{
	char user[64], keys[PATH_MAX];
	struct stat st;

	*as_root = false;
	if (geteuid() != 0)
		return true;
	conf_peek(path, user, sizeof user, keys, sizeof keys);
	*as_root = user[0];
	if (strcmp(user, "root") == 0)
		return true;
	if (user[0])
		return become(user, e);
	/* Of a configuration that cannot be read nothing is known yet; it is told when it is read. */
	if (!keys[0] || stat(keys, &st) != 0)
		return true;
	if (st.st_uid == 0)
		return no_user(e);
	return (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0) ||
	       error_at(e, REASON_IO, path, 0, 0, "cannot become the owner of %.150s: %s", keys, strerror(errno));
}

/* Whether a start could listen; a daemon that serves this configuration already has the ports itself. `as_root`: a start
 * binds before it becomes another account. */
static void check_ports(const struct node *n, bool as_root, struct error_list *errors)
{
	if (served_unix(n->control))
		return;
	for (size_t i = 0; i < n->n_listen + n->n_monitor; i++) {
		struct error e = { .reason = REASON_NONE };
		const char *address = i < n->n_listen ? n->listen[i] : n->monitor[i - n->n_listen];
		if (!try_tcp(address, as_root, &e))
			error_list_addf(errors, e.reason, n->file, 0, 0, "/%s/%zu: %s",
			                i < n->n_listen ? "listen" : "monitor", i < n->n_listen ? i : i - n->n_listen,
			                e.text);
	}
}

/* NULL where the documents do not load, and every error is listed. What the machine lacks is listed, too, and does not keep
 * the rest from being looked at. */
static struct conf *check_files(const char *path, bool as_root, struct error_list *errors)
{
	struct error_list again = { .n = 0 };
	struct secret none = { .n = 0 };
	int64_t now = instant_now_ms();
	struct conf *conf = conf_load_here(path, &none, NULL, now, errors);

	if (!conf)
		conf = conf_load(path, &none, now, &again);
	error_list_free(&again);
	if (!conf)
		return NULL;
	conf_revocation_notes(conf, now, print_revocation, errors);
	check_ports(&conf->node, as_root, errors);
	conf_place(errors, 0);
	for (size_t i = 0; i < conf->n_agreements; i++)
		agreement_notes(conf->agreements[i], print_note, NULL);
	overlay_idle(conf->agreements, conf->n_agreements, print_note, NULL);
	conf_certificate_notes(conf, now, print_note, NULL);
	conf_idle_notes(conf, print_note, NULL);
	return conf;
}

static bool told(const struct error_list *errors, const char *where)
{
	for (size_t i = 0; i < errors->n; i++)
		if (where[0] && strcmp(errors->items[i].where, where) == 0)
			return true;
	return false;
}

static int check(const char *path)
{
	struct error e = { .reason = REASON_NONE };
	struct error_list errors = { .n = 0 };
	bool as_root;

	if (!become_server(path, &as_root, &e))
		return fail(&e);
	struct conf *conf = check_files(path, as_root, &errors);
	if (!conf)
		return print_errors(&errors);
	bool floor = conf->floor.n > 0;
	size_t n_partners = conf->n_partners, n_agreements = conf->n_agreements;
	if (!core_check(conf, &e) && !told(&errors, e.where))
		error_list_add(&errors, &e);
	if (errors.n > 0)
		return print_errors(&errors);
	if (!floor)
		printf("note: no floor is configured: no common minimum is asked of the agreements\n");
	printf("%s: %zu partners, %zu agreements: all is well\n", path, n_partners, n_agreements);
	return 0;
}

/* `port`: NULL for one that is free. */
static int sandbox(const char *port)
{
	unsigned long long number = 0;

	if (port && (!view_to_u64(view_of(port), 65535, &number) || number == 0))
		return usage();
	return sandbox_run((unsigned)number);
}

/* Of both processes. A heap of a thread gives back what is free at its end only above a threshold, which malloc raises to
 * twice the largest block that was ever freed: after bodies of some MiB that is more for each thread than the process
 * had at its start, and malloc_trim() leaves it. Said here, it stays as it is (mallopt(3)). */
static void settle_heaps(void)
{
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}

int main(int argc, char **argv)
{
	const char *path = NULL;
	bool check_only = false;
	int option;
	static const struct option options[] = { { "version", no_argument, NULL, 'v' },
		                                 { "sandbox", optional_argument, NULL, 's' },
		                                 { NULL, 0, NULL, 0 } };

	bool edge = argc == 6 && strcmp(argv[1], "--edge") == 0;

	settle_heaps();
	journal_open(edge ? "edge" : "core");
	if (edge)
		return run_edge(argv);
	json_object_seed(0);
	while ((option = getopt_long(argc, argv, "c:t", options, NULL)) != -1) {
		if (option == 'c')
			path = optarg;
		else if (option == 't')
			check_only = true;
		else if (option == 's' && argc == 2)
			return sandbox(optarg);
		else
			return option == 'v' ? version() : usage();
	}
	if (!path || optind != argc)
		return usage();
	return check_only ? check(path) : start(path);
}
