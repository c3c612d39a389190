/* See notify.h. */
#include "gatewayd/os/notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/view.h"

static int notify_fd = -1;
static int64_t watchdog_ms;
static const char *_Atomic untold; /* how things stand, which the manager has not taken yet */

/* WATCHDOG_USEC counts for the process that WATCHDOG_PID names, sd_watchdog_enabled(3). */
static void read_watchdog(void)
{
	const char *every = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us = 0, who = 0;

	if (every && view_to_u64(view_of(every), INT64_MAX, &us) &&
	    (!pid || (view_to_u64(view_of(pid), INT32_MAX, &who) && (pid_t)who == getpid())))
		watchdog_ms = (int64_t)(us / 1000);
}

int64_t notify_watchdog_ms(void)
{
	return watchdog_ms;
}

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;

	read_watchdog();
	if (n == 0 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd >= 0 &&
	    connect(notify_fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) != 0) {
		close(notify_fd);
		notify_fd = -1;
	}
	unsetenv("NOTIFY_SOCKET");
}

/* False: the manager has not taken the last ones yet. */
static bool tell(const char *state)
{
	return send(notify_fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

void notify(const char *state)
{
	if (notify_fd >= 0)
		atomic_store(&untold, tell(state) ? NULL : state);
}

void notify_again(void)
{
	const char *state = atomic_load(&untold);

	if (state && tell(state))
		(void)atomic_compare_exchange_strong(&untold, &state, NULL);
}

void notify_alive(void)
{
	if (notify_fd >= 0)
		(void)tell("WATCHDOG=1");
}
