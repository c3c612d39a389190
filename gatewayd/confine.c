/* See confine.h. Landlock by raw system calls, for the C library has no wrappers; constants that this
 * machine's headers may lack are written out with the ABI that brought them. */
#include "gatewayd/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/errno_reason.h"
#include "lib/base/sanitized.h"

/* linux/landlock.h, by ABI: 1 to MAKE_SYM, 2 REFER, 3 TRUNCATE, 4 TCP, 5 IOCTL_DEV, 6 scopes. */
#define FS_EXECUTE            (UINT64_C(1) << 0)
#define FS_WRITE_FILE         (UINT64_C(1) << 1)
#define FS_READ_FILE          (UINT64_C(1) << 2)
#define FS_READ_DIR           (UINT64_C(1) << 3)
#define FS_REMOVE_DIR         (UINT64_C(1) << 4)
#define FS_REMOVE_FILE        (UINT64_C(1) << 5)
#define FS_MAKE_DIR           (UINT64_C(1) << 7)
#define FS_MAKE_REG           (UINT64_C(1) << 8)
#define FS_REFER              (UINT64_C(1) << 13)
#define FS_TRUNCATE           (UINT64_C(1) << 14)
#define NET_BIND_TCP          (UINT64_C(1) << 0)
#define NET_CONNECT_TCP       (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL          (UINT64_C(1) << 1)
#define RULESET_VERSION       1u
#define RULE_PATH             1

#define ACCESS_READ (FS_READ_FILE | FS_READ_DIR)
#define ACCESS_WRITE \
	(ACCESS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | \
	 FS_TRUNCATE)
#define ACCESS_OF_A_FILE (FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

#ifdef GATEWAY_PROBE
#define FATAL SCMP_ACT_ERRNO(EPERM)
#else
#define FATAL SCMP_ACT_KILL_PROCESS
#endif

static bool failed(struct error *err, const char *what)
{
	return error_set(err, REASON_IO, "cannot confine the process: %s (errno %d)", what, errno);
}

/* Rights that last over exec, core dumps, and being looked into by others of the same user. */
static bool confine_process(struct error *err)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed(err, "no_new_privs");
	/* The leak checker of a sanitizer build looks into its own process as a debugger does. */
	if (!SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return failed(err, "dumpable");
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return failed(err, "core limit");
	return true;
}

/* 0 when the kernel has no Landlock. */
static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static struct ruleset ruleset_for(int abi, enum confine_role role)
{
	struct ruleset r = { .fs = (UINT64_C(1) << 13) - 1 };

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = role == CONFINE_EDGE ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		r.fs |= UINT64_C(1) << 15;
	if (abi >= 6) /* core signals the edge when it stops; the edge signals nobody */
		r.scoped = role == CONFINE_EDGE ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : SCOPE_ABSTRACT_SOCKET;
	return r;
}

static bool allow_path(int ruleset, const char *path, uint64_t access, struct error *err)
{
	struct path_rule rule = { .fd = open(path, O_PATH | O_CLOEXEC) };
	struct stat st;

	if (rule.fd < 0 || fstat(rule.fd, &st) < 0) {
		if (rule.fd >= 0)
			close(rule.fd);
		return error_at(err, errno_reason(errno), path, 0, 0, "cannot be opened to allow it (errno %d)", errno);
	}
	rule.access = S_ISDIR(st.st_mode) ? access : access & ACCESS_OF_A_FILE;
	long done = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0);
	close(rule.fd);
	return done == 0 || failed(err, "landlock rule");
}

static bool allow_paths(int ruleset, const char *const *paths, size_t n, uint64_t access, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!allow_path(ruleset, paths[i], access, err))
			return false;
	return true;
}

static bool confine_files(int abi, enum confine_role role, const struct confine_paths *paths, struct error *err)
{
	struct ruleset r = ruleset_for(abi, role);
	size_t size = abi >= 6 ? sizeof r : abi >= 4 ? offsetof(struct ruleset, scoped) : sizeof r.fs;
	int fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);

	if (fd < 0)
		return failed(err, "landlock ruleset");
	bool ok = !paths || (allow_paths(fd, paths->readable, paths->n_readable, ACCESS_READ & r.fs, err) &&
	                     allow_paths(fd, paths->writable, paths->n_writable, ACCESS_WRITE & r.fs, err));
	if (ok && SANITIZED)
		ok = allow_path(fd, "/proc", ACCESS_READ & r.fs, err);
	if (ok && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		ok = failed(err, "landlock");
	close(fd);
	return ok;
}

#define CALL(name) SCMP_SYS(name)
/* What the C library, OpenSSL and libevent need in both processes. */
/* clang-format off */
static const int common_calls[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(close), CALL(fstat), CALL(lseek),
	CALL(recvfrom), CALL(sendto), CALL(recvmsg), CALL(sendmsg), CALL(accept4), CALL(shutdown),
	CALL(getsockopt), CALL(setsockopt), CALL(getsockname), CALL(getpeername),
	CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait), CALL(eventfd2),
	CALL(timerfd_create), CALL(timerfd_settime), CALL(pipe2), CALL(poll), CALL(ppoll),
	CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday),
	CALL(time), CALL(getrandom), CALL(futex), CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk),
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack),
	CALL(gettid), CALL(getpid), CALL(exit), CALL(exit_group), CALL(set_robust_list), CALL(rseq),
	CALL(sched_yield), CALL(sched_getaffinity), CALL(getrlimit), CALL(restart_syscall), CALL(sysinfo),
	CALL(uname), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(membarrier),
};
/* clang-format on */

/* Files, for core: Landlock decides which. */
/* clang-format off */
static const int core_calls[] = {
	CALL(openat), CALL(open), CALL(stat), CALL(lstat), CALL(newfstatat), CALL(statx), CALL(fstatfs), CALL(statfs),
	CALL(access), CALL(faccessat), CALL(faccessat2), CALL(getdents64), CALL(getcwd), CALL(readlink),
	CALL(readlinkat), CALL(pread64), CALL(pwrite64), CALL(preadv), CALL(pwritev), CALL(fsync),
	CALL(fdatasync), CALL(sync_file_range), CALL(ftruncate), CALL(fallocate), CALL(fchmod), CALL(fchown),
	CALL(rename), CALL(renameat), CALL(renameat2), CALL(unlink), CALL(unlinkat), CALL(mkdir), CALL(mkdirat),
	CALL(rmdir), CALL(utimensat), CALL(umask), CALL(flock), CALL(fadvise64), CALL(msync), CALL(mlock),
	CALL(munlock), CALL(mincore), CALL(dup), CALL(pidfd_send_signal), CALL(wait4), CALL(waitid), CALL(getppid),
	CALL(getrusage), CALL(times), CALL(signalfd4), CALL(rt_sigtimedwait), CALL(rt_sigpending),
	CALL(memfd_create),
};
/* clang-format on */

/* Conditions on argument `arg`: equal to a value, or without any bit of a mask but those of a value. */
static struct scmp_arg_cmp equal(unsigned arg, uint32_t value)
{
	return (struct scmp_arg_cmp){ .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = value };
}

static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){ .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value };
}

static bool allow_calls(scmp_filter_ctx f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (calls[i] >= 0 && seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) != 0)
			return false;
	return true;
}

/* Calls that are allowed with some arguments only. */
static bool allow_by_argument(scmp_filter_ctx f, enum confine_role role)
{
	static const int fcntls[] = { F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC };
	static const int prctls[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE };
	static const int locks[] = { F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW };
	bool ok = true;

	/* Memory that is both written and run is how most exploits end. */
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mmap), 1, masked(2, PROT_EXEC, 0)) == 0;
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mprotect), 1, masked(2, PROT_EXEC, 0)) == 0;
	/* Threads but no processes. The flags of clone3 lie in memory, where no filter looks: ENOSYS makes the
	 * C library fall back to clone. */
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(clone), 1, masked(0, CLONE_THREAD, CLONE_THREAD)) == 0;
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0) == 0;
	/* A thread of its own at most: abort() and the sanitizers do that. */
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(tgkill), 1, equal(0, (uint32_t)getpid())) == 0;
	/* Limits are read, not set. */
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(prlimit64), 1, masked(2, UINT64_MAX, 0)) == 0;
	for (size_t i = 0; i < sizeof fcntls / sizeof *fcntls; i++)
		ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 1, equal(1, (uint32_t)fcntls[i])) == 0;
	for (size_t i = 0; i < sizeof prctls / sizeof *prctls; i++)
		ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(prctl), 1, equal(0, (uint32_t)prctls[i])) == 0;
	if (role == CONFINE_CORE) {
		for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
			ok = ok &&
			     seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 1, equal(1, (uint32_t)locks[i])) == 0;
		return ok;
	}
	const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	const int families[] = { AF_INET, AF_INET6 };
	for (size_t i = 0; i < 4; i++)
		ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socket), 2, equal(0, (uint32_t)families[i / 2]),
		                            masked(1, 0xf, (uint64_t)types[i % 2])) == 0;
	ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(connect), 0) == 0;
	return ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(sendmmsg), 0) == 0;
}

static bool confine_calls(enum confine_role role, struct error *err)
{
	static const int fatal[] = { CALL(execve), CALL(execveat), CALL(ptrace), CALL(process_vm_readv),
		                     CALL(process_vm_writev) };
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool ok = f && seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) == 0;

	/* A tree instead of a list: the filter runs at each call that the kernel does not know as allowed. */
	if (ok)
		(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ok = ok && allow_calls(f, common_calls, sizeof common_calls / sizeof *common_calls) &&
	     (role == CONFINE_EDGE || allow_calls(f, core_calls, sizeof core_calls / sizeof *core_calls)) &&
	     allow_by_argument(f, role);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		if (ok && FATAL != SCMP_ACT_ERRNO(EPERM))
			ok = seccomp_rule_add(f, FATAL, fatal[i], 0) == 0;
	if (ok && seccomp_load(f) != 0)
		ok = false;
	seccomp_release(f);
	return ok || failed(err, "seccomp");
}

static char summary[200] = "not confined";

static bool confine(enum confine_role role, const struct confine_paths *paths, struct error *err)
{
	int abi = landlock_abi();
	char landlock[80] = "no Landlock in this kernel: files are not confined by path";

	if (!confine_process(err) || (abi > 0 && !confine_files(abi, role, paths, err)))
		return false;
	if (!SANITIZED && !confine_calls(role, err))
		return false;
	if (abi > 0)
		snprintf(landlock, sizeof landlock, "Landlock ABI %d%s", abi, abi < 4 ? " (without TCP rules)" : "");
	snprintf(summary, sizeof summary, "%s; %s", landlock,
	         SANITIZED ? "a sanitizer build: no seccomp, dumpable, reads /proc" : "seccomp filter on");
	return true;
}

bool confine_edge(struct error *err)
{
	return confine(CONFINE_EDGE, NULL, err);
}

bool confine_core(const struct confine_paths *paths, struct error *err)
{
	return confine(CONFINE_CORE, paths, err);
}

const char *confine_summary(void)
{
	return summary;
}

/* A descriptor that was had where none should be. */
static bool refused_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 && (errno == EPERM || errno == EACCES);
}

static bool try_open(void)
{
	return refused_fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static bool try_create(void)
{
	return refused_fd(open("/tmp/gatewayd-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool try_unix(void)
{
	return refused_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool try_netlink(void)
{
	return refused_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static bool try_raw(void)
{
	return refused_fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

/* Core: no socket at all. Edge: none that listens. */
static bool try_inet(void)
{
	return refused_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool try_bind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int done = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&a, sizeof a);
	bool refused = done < 0 && (errno == EPERM || errno == EACCES);

	if (fd >= 0)
		close(fd);
	return refused;
}

/* Of core: to its parent, or to any other process. The edge ends by its descriptor alone. */
static bool try_signal(void)
{
	return kill(1, 0) < 0 && errno == EPERM && syscall(SYS_tkill, 1, 0) < 0 && errno == EPERM &&
	       syscall(SYS_tgkill, 1, 1, 0) < 0 && errno == EPERM && syscall(SYS_pidfd_open, getpid(), 0) < 0 &&
	       errno == EPERM;
}

static bool try_run_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		munmap(p, 4096);
	return p == MAP_FAILED && errno == EPERM;
}

#ifdef GATEWAY_PROBE
static bool try_exec(void)
{
	char *const none[] = { NULL };

	execve("/bin/true", none, none); /* comes back only when it is refused */
	return errno == EPERM || errno == EACCES;
}

static bool try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM;
}
#endif

bool confine_probe(enum confine_role role, FILE *out)
{
	static const struct {
		const char *what;
		bool (*refused)(void);
		bool edge, by_seccomp;
	} probes[] = {
		{ "open a file", try_open, true, false },
		{ "create a file", try_create, true, false },
		{ "make a UNIX socket", try_unix, true, true },
		{ "make a netlink socket", try_netlink, true, true },
		{ "make a raw socket", try_raw, true, true },
		{ "make an IPv4 socket", try_inet, false, true },
		{ "bind a port", try_bind, true, false },
		{ "signal a process", try_signal, true, true },
		{ "map memory to write and run", try_run_memory, true, true },
#ifdef GATEWAY_PROBE
		{ "run a program", try_exec, true, false },
		{ "ptrace", try_ptrace, true, true },
#endif
	};
	int refused = 0, tried = 0;

	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
		if ((role == CONFINE_EDGE && !probes[i].edge) || (SANITIZED && probes[i].by_seccomp))
			continue;
		tried++;
		if (probes[i].refused())
			refused++;
		else
			fprintf(out, "probe: could %s\n", probes[i].what);
	}
	fprintf(out, "probe %s: refused %d/%d\n", role == CONFINE_EDGE ? "edge" : "core", refused, tried);
	return refused == tried;
}
