/* What confined processes may still do. Each case confines a child of its own and tries from its threads. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/confine.h"

static enum confine_role probed;

static void *probe(void *arg)
{
	*(bool *)arg = confine_probe(probed, stderr);
	return NULL;
}

/* In a child: confines, then probes from the first thread and from two more. 0: all was refused. */
static int probe_in_child(enum confine_role role, const struct confine_paths *paths)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct error err = { .reason = REASON_NONE };
		pthread_t threads[2];
		bool refused[3] = { false };

		probed = role;
		if (!(role == CONFINE_EDGE ? confine_edge(&err) : confine_core(paths, &err))) {
			fprintf(stderr, "%s\n", err.text);
			_exit(2);
		}
		for (int i = 0; i < 2; i++)
			if (pthread_create(&threads[i], NULL, probe, &refused[i]) != 0)
				_exit(3);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		probe(&refused[2]);
		if (strstr(confine_summary(), "not confined"))
			_exit(4);
		_exit(refused[0] && refused[1] && refused[2] ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static char folder[40];

static void make_folder(void)
{
	char path[64];

	snprintf(folder, sizeof folder, "/tmp/confine-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, i ? "store" : "conf");
		ck_assert_int_eq(mkdir(path, 0700), 0);
		snprintf(path, sizeof path, "%s/%s/file", folder, i ? "store" : "conf");
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
}

static void remove_folder(void)
{
	char command[80];

	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(refuses_the_edge_everything)
{
	ck_assert_int_eq(probe_in_child(CONFINE_EDGE, NULL), 0);
}
END_TEST

START_TEST(refuses_core_what_is_not_its)
{
	char conf[64], store[64];
	const char *readable[] = { conf }, *writable[] = { store };
	struct confine_paths paths = { readable, 1, writable, 1 };

	snprintf(conf, sizeof conf, "%s/conf", folder);
	snprintf(store, sizeof store, "%s/store", folder);
	ck_assert_int_eq(probe_in_child(CONFINE_CORE, &paths), 0);
}
END_TEST

static bool can(const char *name, int flags)
{
	char path[80];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

START_TEST(leaves_core_its_own_files)
{
	char conf[64], store[64];
	const char *readable[] = { conf }, *writable[] = { store };
	struct confine_paths paths = { readable, 1, writable, 1 };
	struct error err = { .reason = REASON_NONE };
	int status;

	snprintf(conf, sizeof conf, "%s/conf", folder);
	snprintf(store, sizeof store, "%s/store", folder);
	pid_t child = fork();
	if (child == 0) {
		struct rlimit core;
		char path[80], other[80];
		if (!confine_core(&paths, &err))
			_exit(1);
		if (!can("conf/file", O_RDONLY) || can("conf/file", O_WRONLY) || can("conf/new", O_WRONLY | O_CREAT))
			_exit(2);
		if (!can("store/file", O_RDWR) || !can("store/new", O_WRONLY | O_CREAT) ||
		    can("new", O_WRONLY | O_CREAT))
			_exit(3);
		snprintf(path, sizeof path, "%s/store/new", folder);
		snprintf(other, sizeof other, "%s/store/newer", folder);
		if (rename(path, other) != 0 || unlink(other) != 0)
			_exit(4);
		if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
			_exit(5);
		if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 && !strstr(confine_summary(), "dumpable"))
			_exit(5);
		if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
			_exit(6);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(says_which_path_is_missing)
{
	const char *missing[] = { "/nowhere/at/all" };
	struct confine_paths paths = { missing, 1, NULL, 0 };
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct error err = { .reason = REASON_NONE };
		if (confine_core(&paths, &err))
			_exit(1);
		_exit(strcmp(err.where, "/nowhere/at/all") == 0 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Programs and ptrace end the process, in builds that do not probe them. */
START_TEST(kills_on_exec)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct error err = { .reason = REASON_NONE };
		char *const none[] = { NULL };
		if (!confine_edge(&err))
			_exit(1);
		execve("/bin/true", none, none);
		_exit(errno == EACCES || errno == EPERM ? 77 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	/* 77: a sanitizer build, where Landlock alone refuses */
	ck_assert((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) || WEXITSTATUS(status) == 77);
}
END_TEST

TCase *make_confine_case(void);
TCase *make_confine_case(void)
{
	TCase *c = tcase_create("confine");

	tcase_add_checked_fixture(c, make_folder, remove_folder);
	tcase_add_test(c, refuses_the_edge_everything);
	tcase_add_test(c, refuses_core_what_is_not_its);
	tcase_add_test(c, leaves_core_its_own_files);
	tcase_add_test(c, says_which_path_is_missing);
	tcase_add_test(c, kills_on_exec);
	return c;
}
