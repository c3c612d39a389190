/* See listeners.h. */
#include "gatewayd/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define QUEUE 4096 /* connections that wait to be accepted; the kernel may hold it lower (net.core.somaxconn) */

struct address {
	struct sockaddr_storage sa;
	socklen_t length;
};

static bool parse(const char *text, struct address *out)
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

bool address_is_loopback(const char *address)
{
	struct address a;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a.sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a.sa;

	if (!parse(address, &a))
		return false;
	return a.sa.ss_family == AF_INET ? ntohl(v4->sin_addr.s_addr) >> 24 == 127
	                                 : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

int listen_tcp(const char *text, struct error *e)
{
	struct address a;
	int one = 1, fd;

	if (!parse(text, &a)) {
		error_at(e, REASON_CONFIG, text, 0, 0, "is not an address and port");
		return -1;
	}
	fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
	    bind(fd, (const struct sockaddr *)&a.sa, a.length) != 0 || listen(fd, QUEUE) != 0) {
		error_at(e, REASON_IO, text, 0, 0, "cannot listen: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

int listen_unix(const char *path, struct error *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, probe;

	if (strlen(path) >= sizeof to.sun_path) {
		error_at(e, REASON_CONFIG, path, 0, 0, "is too long for a socket's path (%zu bytes at most)",
		         sizeof to.sun_path - 1);
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe >= 0 && connect(probe, (struct sockaddr *)&to, sizeof to) == 0) {
		error_at(e, REASON_UNAVAILABLE, path, 0, 0, "another gatewayd serves it");
		close(probe);
		return -1;
	}
	close(probe);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to) == 0 && listen(fd, 16) == 0;
	umask(mask);
	if (!bound) {
		error_at(e, REASON_IO, path, 0, 0, "cannot listen: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
