/* See connection.h. */
#include "test/bench/load/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "test/bench/load/options.h"

/* OpenSSL's macros cast the constant strings that they only read. */
#pragma GCC diagnostic ignored "-Wcast-qual"

void connection_init(struct connection *c)
{
	*c = (struct connection){
		.fd = -1, .out = BUF_INIT(16 << 20), .body = BUF_INIT(16 << 20), .in = BUF_INIT(64 << 20)
	};
}

bool connection_open(struct connection *c)
{
	struct timeval limit = { .tv_sec = 10 };
	int on = 1;

	c->fd = socket(options.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(c->fd, (struct sockaddr *)&options.address, options.address_n) != 0)
		return false;
	if (options.ctx) {
		c->ssl = SSL_new(options.ctx);
		SSL_set_fd(c->ssl, c->fd);
		if (options.server_name) {
			SSL_set_tlsext_host_name(c->ssl, options.server_name);
			SSL_set1_host(c->ssl, options.server_name);
		}
		if (SSL_connect(c->ssl) != 1)
			return false;
	}
	return fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0;
}

void connection_close(struct connection *c)
{
	if (c->ssl) {
		if (SSL_is_init_finished(c->ssl))
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		ERR_clear_error();
	}
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->writes = c->busy = false;
	buf_reset(&c->in);
	buf_reset(&c->out);
	c->out_at = 0;
}

void connection_free(struct connection *c)
{
	connection_close(c);
	buf_free(&c->in);
	buf_free(&c->body);
	buf_free(&c->out);
}

/* The template with the number in the place of each %d. */
static void add_text(struct buf *b, struct view rest, uint64_t number)
{
	const char *at;

	while (rest.n > 1 && (at = memmem(rest.p, rest.n, "%d", 2))) {
		size_t n = (size_t)(at - rest.p);
		buf_add(b, view_make(rest.p, n));
		buf_addu(b, number);
		rest = view_from(rest, n + 2);
	}
	buf_add(b, rest);
}

/* Line `number` of what is posted. */
static void add_body(struct buf *b, uint64_t number)
{
	add_text(b,
	         options.n_lines ? options.lines[number % options.n_lines] : view_of(options.body ? options.body : ""),
	         number);
}

void connection_request(struct connection *c, uint64_t number, uint64_t due_ns)
{
	struct buf *b = &c->out;

	buf_reset(&c->body);
	for (unsigned i = 0; i < options.batch; i++) {
		if (i > 0)
			buf_addc(&c->body, '\n');
		add_body(&c->body, number * options.batch + i);
	}
	buf_reset(b);
	c->out_at = 0;
	buf_addf(b, "%s ", options.method);
	if (options.targets)
		add_text(b, view_of(options.target), number % options.targets);
	else
		buf_adds(b, options.target);
	buf_addf(b, " HTTP/1.1\r\nHost: %s\r\n", options.host);
	if (options.key)
		buf_addf(b, "Idempotency-Key: %s-%llu\r\n", options.key_prefix, (unsigned long long)number);
	if (c->body.n > 0)
		buf_addf(b, "Content-Type: %s\r\nContent-Length: %zu\r\n", options.type, c->body.n);
	buf_adds(b, "\r\n");
	buf_add(b, buf_view(&c->body));
	if (b->failed || c->body.failed)
		die("a request is larger than 16 MiB");
	c->due_ns = due_ns;
	c->busy = true;
}

static bool would_block(struct connection *c, int result)
{
	if (!c->ssl)
		return errno == EAGAIN || errno == EINTR;
	int error = SSL_get_error(c->ssl, result);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

bool connection_write(struct connection *c)
{
	while (c->out_at < c->out.n) {
		struct view rest = view_from(buf_view(&c->out), c->out_at);
		size_t n = rest.n < (1u << 20) ? rest.n : 1u << 20;
		int done = c->ssl ? SSL_write(c->ssl, rest.p, (int)n) : (int)send(c->fd, rest.p, n, MSG_NOSIGNAL);
		if (done <= 0)
			return would_block(c, done);
		c->out_at += (size_t)done;
	}
	return true;
}

/* Takes a chunked body (RFC 9112 section 7.1) from the front of `text`: 1 when it is whole, 0 when more is to come, -1 when it is none. */
static int skip_chunks(struct view *text)
{
	for (;;) {
		char *end;
		const char *line_end = text->n ? memmem(text->p, text->n, "\r\n", 2) : NULL;
		if (!line_end)
			return 0;
		unsigned long long n = strtoull(text->p, &end, 16);
		size_t line = (size_t)(line_end - text->p) + 2;
		if (end != line_end)
			return -1;
		if (text->n < line + n + 2)
			return 0;
		*text = view_from(*text, line + n + 2);
		if (n == 0)
			return 1;
	}
}

/* The value of a field in a head, or an empty view. */
static struct view field(struct view head, const char *name)
{
	for (struct view rest = head; rest.n > 0;) {
		struct view line = view_cut(&rest, '\n');
		size_t n = strlen(name);
		if (line.n > n + 1 && strncasecmp(line.p, name, n) == 0 && line.p[n] == ':')
			return view_from(line, n + 1);
	}
	return view_of("");
}

/* The status of the answer at the front of `in`, when it is whole; 0 otherwise, -1 when it is none. */
static int whole_answer(const struct buf *in, size_t *length)
{
	const char *end = in->n ? memmem(in->p, in->n, "\r\n\r\n", 4) : NULL;

	if (!end)
		return 0;
	struct view head = view_make(in->p, (size_t)(end - in->p) + 2), rest = view_from(buf_view(in), head.n + 2);
	if (head.n < 16 || memcmp(in->p, "HTTP/1.1 ", 9) != 0)
		return -1;
	int status = (in->p[9] - '0') * 100 + (in->p[10] - '0') * 10 + (in->p[11] - '0');
	if (status < 100 || status >= 600)
		return -1;
	if (field(head, "transfer-encoding").n > 0) {
		int whole = skip_chunks(&rest);
		if (whole <= 0)
			return whole;
		*length = in->n - rest.n;
		return status;
	}
	struct view announced = field(head, "content-length");
	*length = head.n + 2 + (announced.n ? strtoull(announced.p, NULL, 10) : 0);
	return in->n < *length ? 0 : status;
}

int connection_read(struct connection *c)
{
	char *room = buf_room(&c->in, 16384);
	size_t length;

	if (!room)
		return -1;
	int got = c->ssl ? SSL_read(c->ssl, room, 16384) : (int)recv(c->fd, room, 16384, 0);
	if (got <= 0)
		return would_block(c, got) ? 0 : -1;
	c->in.n += (size_t)got;
	int status = whole_answer(&c->in, &length);
	if (status > 0) {
		buf_drop(&c->in, length);
		c->busy = false;
	}
	return status;
}
