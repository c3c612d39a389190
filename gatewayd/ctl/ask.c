/* What the commands share: files, errors, and asking the daemon. See ctl.h. */
#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gatewayd/os/files.h"
#include "gatewayd/ctl/commands.h"

#define ANSWER_MAX (64u * 1024 * 1024)

bool ctl_read_file(const char *path, size_t max, char **out, size_t *n, struct error *e)
{
	struct buf b = BUF_INIT(max + 1);
	char piece[65536];
	size_t got;

	if (strcmp(path, "-") != 0) {
		if (!file_read(path, max, &b, e)) {
			buf_free(&b);
			return false;
		}
	} else {
		while ((got = fread(piece, 1, sizeof piece, stdin)) > 0)
			buf_add(&b, view_make(piece, got));
	}
	buf_addc(&b, 0);
	if (b.failed) {
		buf_free(&b);
		return error_at(e, REASON_TOO_LARGE, path, 0, 0, "is larger than %zu bytes", max);
	}
	*out = b.p;
	*n = b.n - 1;
	return true;
}

int ctl_fail(int status, const struct error *e)
{
	char text[700];

	fprintf(stderr, "gatewayctl: %s\n", error_print(e, text, sizeof text));
	if (status == CTL_TAMPERED)
		fputs("Leave the files as they are, and keep a copy: gatewayctl help audit, and doc/audit.md.\n",
		      stderr);
	return status;
}

static const struct ctl_command *running;

void ctl_running(const struct ctl_command *c)
{
	running = c;
}

int ctl_usage(void)
{
	char words[80];

	if (running) {
		help_usage(stderr, running);
		fprintf(stderr, "`gatewayctl help %s` says what that does.\n", ctl_words(running, words));
	}
	return CTL_USAGE;
}

int ctl_option_wrong(const char *form)
{
	fprintf(stderr, "gatewayctl: an option is not of its form: %s\n", form);
	return CTL_USAGE;
}

/* The control socket's path from the node document, without judging the rest of it. */
static bool socket_path(const struct ctl *c, char *out, size_t size, struct error *e)
{
	struct buf text = BUF_INIT(1 << 20);
	struct arena mem = { .max = 0 };
	json_t *doc = NULL;
	const char *path;
	bool ok = false;

	if (!file_read(c->config, 1 << 20, &text, e))
		goto out;
	doc = json_loadb(text.p, text.n, 0, NULL);
	path = json_string_value(json_object_get(doc, "control"));
	if (!path) {
		error_at(e, REASON_CONFIG, c->config, 0, 0, "names no control socket");
		goto out;
	}
	ok = snprintf(out, size, "%s", file_beside(&mem, file_folder(&mem, c->config), path)) < (int)size ||
	     error_at(e, REASON_CONFIG, c->config, 0, 0, "the control socket's path is too long");
out:
	json_decref(doc);
	buf_free(&text);
	arena_free(&mem);
	return ok;
}

static bool exchange_lines(int fd, const char *question, struct buf *answer)
{
	size_t n = strlen(question), at = 0;

	while (at < n) {
		ssize_t k = send(fd, question + at, n - at, MSG_NOSIGNAL);
		if (k <= 0)
			return false;
		at += (size_t)k;
	}
	if (send(fd, "\n", 1, MSG_NOSIGNAL) != 1)
		return false;
	while (answer->n == 0 || answer->p[answer->n - 1] != '\n') {
		char *room = buf_room(answer, 65536);
		ssize_t k = room ? recv(fd, room, 65536, 0) : -1;
		if (k <= 0)
			return false;
		answer->n += (size_t)k;
	}
	return true;
}

void *ctl_ask(const struct ctl *c, void *request, struct error *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 30 };
	struct buf answer = BUF_INIT(ANSWER_MAX);
	char *question = json_dumps(request, JSON_COMPACT);
	json_t *doc = NULL;
	int fd = -1;

	json_decref(request);
	if (!question || !socket_path(c, to.sun_path, sizeof to.sun_path, e))
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		error_at(
		        e, REASON_UNAVAILABLE, to.sun_path, 0, 0,
		        "the daemon is unreachable: %s. Start it (systemctl start gatewayd, or gatewayd -c %s), or name another "
		        "configuration: gatewayctl -c FILE",
		        strerror(errno), c->config);
		goto out;
	}
	if (!exchange_lines(fd, question, &answer) || !(doc = json_loadb(answer.p, answer.n, 0, NULL)))
		error_at(e, REASON_UNAVAILABLE, to.sun_path, 0, 0, "the daemon gave no answer");
out:
	if (fd >= 0)
		close(fd);
	free(question);
	buf_free(&answer);
	return doc;
}
