/* See listeners.h. */
#include "gatewayd/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/errno_reason.h"

#define QUEUE 4096 /* connections that wait to be accepted; the kernel may hold it lower (net.core.somaxconn) */

bool address_parse(const char *text, struct address *out)
{
	const char *colon = strrchr(text, ':');
	unsigned long long port;
	char host[64];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;

	memset(out, 0, sizeof *out);
	if (!colon || (size_t)(colon - text) >= sizeof host || !view_to_u64(view_of(colon + 1), 65535, &port))
		return false;
	if (text[0] == '[') {
		if (colon < text + 3 || colon[-1] != ']')
			return false;
		snprintf(host, sizeof host, "%.*s", (int)(colon - text - 2), text + 1);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		out->length = sizeof *v6;
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
	}
	snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	out->length = sizeof *v4;
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* What the operator can do about it. */
static bool cannot(const char *text, int number, struct error *e)
{
	switch (number) {
	case EADDRINUSE:
		return error_at(
		        e, REASON_IO, text, 0, 0,
		        "cannot listen on %s: another program does (ss -ltnp says which); end it, or name another port; "
		        "what gatewayd.socket holds the service manager passes",
		        text);
	case EADDRNOTAVAIL:
		return error_at(
		        e, REASON_IO, text, 0, 0,
		        "cannot listen on %s: no interface of this machine has the address (ip address); mend it, or "
		        "bring the interface up",
		        text);
	case EACCES:
		return error_at(
		        e, REASON_CONFIG, text, 0, 0,
		        "cannot listen on %s: ports below 1024 are not for this account; name a higher one, or let the "
		        "system give it (net.ipv4.ip_unprivileged_port_start, CAP_NET_BIND_SERVICE)",
		        text);
	default: return error_at(e, REASON_IO, text, 0, 0, "cannot listen on %s: %s", text, strerror(number));
	}
}

bool try_tcp(const char *text, bool as_root, struct error *e)
{
	struct address a;
	int one = 1;

	if (!address_parse(text, &a))
		return error_at(e, REASON_CONFIG, text, 0, 0, "is not an address and port");
	int fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Not SO_REUSEPORT: another one that has it would not be noticed. */
	bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	          bind(fd, (const struct sockaddr *)&a.sa, a.length) == 0;
	int number = errno;

	if (fd >= 0)
		close(fd);
	return ok || (as_root && number == EACCES) || cannot(text, number, e);
}

int listen_tcp(const char *text, struct error *e)
{
	struct address a;
	int one = 1, fd;

	if (!address_parse(text, &a)) {
		error_at(e, REASON_CONFIG, text, 0, 0, "is not an address and port");
		return -1;
	}
	fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
	    bind(fd, (const struct sockaddr *)&a.sa, a.length) != 0 || listen(fd, QUEUE) != 0) {
		cannot(text, errno, e);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

bool served_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = false;

	if (fd >= 0 && strlen(path) < sizeof to.sun_path) {
		memcpy(to.sun_path, path, strlen(path) + 1);
		served = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
	}
	if (fd >= 0)
		close(fd);
	return served;
}

int listen_unix(const char *path, struct error *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof to.sun_path) {
		error_at(e, REASON_CONFIG, path, 0, 0, "is too long for a socket's path (%zu bytes at most)",
		         sizeof to.sun_path - 1);
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (served_unix(path)) {
		error_at(e, REASON_UNAVAILABLE, path, 0, 0, "another gatewayd serves it");
		return -1;
	}
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		error_at(e, REASON_CONFIG, path, 0, 0, "is there and no socket; mend `control`");
		return -1;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to) == 0 && listen(fd, 16) == 0;
	umask(mask);
	if (!bound) {
		error_at(e, errno_reason(errno), path, 0, 0, "cannot make the control socket: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
