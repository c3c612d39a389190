/* See passed.h. */
#include "gatewayd/passed.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gatewayd/listeners.h"

#define FIRST 3 /* SD_LISTEN_FDS_START */

static bool number_of(const char *name, unsigned long long max, unsigned long long *out)
{
	const char *value = getenv(name);

	return value && view_to_u64(view_of(value), max, out);
}

/* A stream socket of IPv4 or IPv6 that listens, and its address. */
static bool is_listener(int fd, struct address *at)
{
	int listens = 0, type = 0;
	socklen_t n = sizeof listens, m = sizeof type;

	memset(at, 0, sizeof *at);
	at->length = sizeof at->sa;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) == 0 && type == SOCK_STREAM &&
	       getsockname(fd, (struct sockaddr *)&at->sa, &at->length) == 0 &&
	       (at->sa.ss_family == AF_INET || at->sa.ss_family == AF_INET6);
}

/* Not handed on, and none that makes a thread wait. */
static bool set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool passed_take(struct passed *p, struct error *e)
{
	unsigned long long pid, n;
	bool ours = number_of("LISTEN_PID", INT32_MAX, &pid) && (pid_t)pid == getpid();
	bool some = ours && number_of("LISTEN_FDS", INT32_MAX, &n) && n > 0;

	*p = (struct passed){ .n = 0 };
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!some)
		return true;
	if (n > PASSED_MAX)
		return error_at(e, REASON_CONFIG, "LISTEN_FDS", 0, 0,
		                "the service manager passes %llu sockets, and %d are taken at most", n, PASSED_MAX);
	for (int fd = FIRST; fd < FIRST + (int)n; fd++) {
		struct address at;
		if (!is_listener(fd, &at) || !set_flags(fd))
			return error_at(e, REASON_CONFIG, "LISTEN_FDS", 0, 0,
			                "what the service manager passes as descriptor %d is no listening TCP socket: "
			                "ListenStream= of the socket unit names addresses and ports alone",
			                fd);
		p->fds[p->n++] = fd;
	}
	return true;
}

static bool same(const struct address *a, const struct address *b)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa, *w4 = (const struct sockaddr_in *)&b->sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa, *w6 = (const struct sockaddr_in6 *)&b->sa;

	if (a->sa.ss_family != b->sa.ss_family)
		return false;
	if (a->sa.ss_family == AF_INET)
		return v4->sin_port == w4->sin_port && v4->sin_addr.s_addr == w4->sin_addr.s_addr;
	return v6->sin6_port == w6->sin6_port && memcmp(&v6->sin6_addr, &w6->sin6_addr, sizeof v6->sin6_addr) == 0;
}

int passed_copy(struct passed *p, const char *text)
{
	struct address want, at;

	if (p->n == 0 || !address_parse(text, &want))
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (is_listener(p->fds[i], &at) && same(&at, &want)) {
			p->taken[i] = true;
			return fcntl(p->fds[i], F_DUPFD_CLOEXEC, FIRST);
		}
	return -1;
}

static void print(const struct address *a, char out[80])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa;
	char host[INET6_ADDRSTRLEN];

	if (a->sa.ss_family == AF_INET)
		snprintf(out, 80, "%s:%u", inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host), ntohs(v4->sin_port));
	else
		snprintf(out, 80, "[%s]:%u", inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host),
		         ntohs(v6->sin6_port));
}

bool passed_settle(struct passed *p, struct error *e)
{
	bool ok = true;

	for (size_t i = 0; i < p->n; i++) {
		struct address at;
		char text[80];
		if (ok && !p->taken[i] && is_listener(p->fds[i], &at)) {
			print(&at, text);
			ok = error_at(
			        e, REASON_CONFIG, "LISTEN_FDS", 0, 0,
			        "the service manager listens on %s, which neither /listen nor /monitor names: name it "
			        "there, or take it out of the socket unit",
			        text);
		}
		close(p->fds[i]);
	}
	p->n = 0;
	return ok;
}
