/* See peer.h; and whether the peer itself reads what it should. */
#include "test/edge/peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "test/edge/rig.h"

/* OpenSSL's macros cast the constant strings that they only read. */
#pragma GCC diagnostic ignored "-Wcast-qual"

struct peer {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	struct buf in;
};

struct peer *peer_open_plain(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		                 .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = 5 };
	struct peer *p = calloc(1, sizeof *p);

	ck_assert_ptr_nonnull(p);
	signal(SIGPIPE, SIG_IGN);
	p->in = BUF_INIT(16 << 20);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(p->fd, 0);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(p->fd, (struct sockaddr *)&a, sizeof a) != 0) {
		peer_free(p);
		return NULL;
	}
	return p;
}

static void load(SSL_CTX *ctx, const char *name)
{
	char pem[200], key[200];

	snprintf(pem, sizeof pem, "%s/%s.pem", rig_certificates(), name);
	snprintf(key, sizeof key, "%s/%s.key", rig_certificates(), name);
	ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(ctx, pem), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
}

void peer_hold_back(struct peer *p, bool on)
{
	int cork = on;

	ck_assert_int_eq(setsockopt(p->fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork), 0);
}

struct peer *peer_open(uint16_t port, const struct peer_options *o)
{
	static const struct peer_options usual;
	struct peer *p = peer_open_plain(port);

	if (!p)
		return NULL;
	if (!o)
		o = &usual;
	if (o->held_back)
		peer_hold_back(p, true);
	p->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(p->ctx, 0);
	if (o->max_version)
		SSL_CTX_set_max_proto_version(p->ctx, o->max_version);
	if (o->suite)
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(p->ctx, o->suite), 1);
	if (o->group)
		ck_assert_int_eq(SSL_CTX_set1_groups_list(p->ctx, o->group), 1);
	if (!o->certificate || o->certificate[0])
		load(p->ctx, o->certificate ? o->certificate : "client");
	if (o->alpn)
		SSL_CTX_set_alpn_protos(p->ctx, (const unsigned char *)o->alpn, (unsigned)strlen(o->alpn));
	p->ssl = SSL_new(p->ctx);
	SSL_set_fd(p->ssl, p->fd);
	const char *name = o->server_name ? o->server_name : "north.example";
	if (name[0])
		SSL_set_tlsext_host_name(p->ssl, name);
	if (SSL_connect(p->ssl) != 1) {
		ERR_clear_error();
		peer_free(p);
		return NULL;
	}
	return p;
}

void peer_free(struct peer *p)
{
	if (!p)
		return;
	if (p->ssl && SSL_is_init_finished(p->ssl)) {
		SSL_shutdown(p->ssl);
		ERR_clear_error();
	}
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	close(p->fd);
	buf_free(&p->in);
	free(p);
}

bool peer_write(struct peer *p, struct view v)
{
	size_t n = 0;

	while (v.n > 0) {
		if (p->ssl) {
			if (SSL_write_ex(p->ssl, v.p, v.n, &n) != 1) {
				ERR_clear_error();
				return false;
			}
		} else {
			ssize_t sent = send(p->fd, v.p, v.n, MSG_NOSIGNAL);
			if (sent <= 0)
				return false;
			n = (size_t)sent;
		}
		v = view_from(v, n);
	}
	return true;
}

void peer_half_close(struct peer *p)
{
	if (p->ssl)
		SSL_shutdown(p->ssl);
	shutdown(p->fd, SHUT_WR);
}

void peer_reset(struct peer *p)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	SSL_free(p->ssl);
	p->ssl = NULL;
	peer_free(p);
}

bool peer_key_update(struct peer *p)
{
	return SSL_key_update(p->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(p->ssl) == 1;
}

/* 1: bytes came; 0: the stream ended properly; -1: it broke, or nothing came in time. */
static int read_more(struct peer *p)
{
	size_t n = 0;
	char *room = buf_room(&p->in, 16384);

	ck_assert_ptr_nonnull(room);
	if (p->ssl) {
		int result = SSL_read_ex(p->ssl, room, 16384, &n);
		if (result != 1) {
			result = SSL_get_error(p->ssl, result);
			ERR_clear_error();
			return result == SSL_ERROR_ZERO_RETURN ? 0 : -1;
		}
	} else {
		ssize_t got = recv(p->fd, room, 16384, 0);
		if (got <= 0)
			return got == 0 ? 0 : -1;
		n = (size_t)got;
	}
	p->in.n += n;
	return 1;
}

bool peer_at_end(struct peer *p)
{
	return p->in.n == 0 && read_more(p) == 0;
}

bool peer_read_chunk(struct peer *p, struct buf *out)
{
	char *end;

	buf_reset(out);
	while (!(end = p->in.n ? memmem(p->in.p, p->in.n, "\r\n", 2) : NULL))
		if (read_more(p) != 1)
			return false;
	size_t line = (size_t)(end - p->in.p) + 2, n = strtoul(p->in.p, NULL, 16);
	while (p->in.n < line + n + 2)
		if (read_more(p) != 1)
			return false;
	buf_add(out, view_make(p->in.p + line, n));
	bool ok = memcmp(p->in.p + line + n, "\r\n", 2) == 0;
	buf_drop(&p->in, line + n + 2);
	return ok;
}

int peer_read(struct peer *p, struct peer_answer *out, bool head_only)
{
	char *end = NULL;
	unsigned long long length = 0;

	*out = (struct peer_answer){ .body = BUF_INIT(16 << 20) };
	while (!(end = p->in.n ? memmem(p->in.p, p->in.n, "\r\n\r\n", 4) : NULL))
		if (read_more(p) != 1)
			return 0;
	size_t head = (size_t)(end - p->in.p) + 4;
	snprintf(out->head, sizeof out->head, "%.*s", (int)head, p->in.p);
	ck_assert_msg(sscanf(out->head, "HTTP/1.1 %d ", &out->status) == 1, "not a status line: %s", out->head);
	const char *field = strcasestr(out->head, "\r\ncontent-length:");
	if (field && !head_only)
		length = strtoull(field + 17, NULL, 10);
	buf_drop(&p->in, head);
	while (p->in.n < length)
		if (read_more(p) != 1)
			return out->status = 0;
	buf_add(&out->body, view_make(p->in.p, length));
	buf_drop(&p->in, length);
	return out->status;
}

int peer_ask(struct peer *p, const char *request)
{
	struct peer_answer a;

	if (!peer_write(p, view_of(request)))
		return 0;
	int status = peer_read(p, &a, false);
	buf_free(&a.body);
	return status;
}

bool peer_refused(uint16_t port, const struct peer_options *o)
{
	struct peer *p = peer_open(port, o);

	if (!p)
		return true;
	int status = peer_ask(p, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n");
	peer_free(p);
	return status == 0;
}

START_TEST(reads_answers)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	ck_assert_ptr_nonnull(p);
	ck_assert(peer_write(
	        p, VIEW("GET /describe HTTP/1.1\r\nHost: north.example\r\nAccept: x/y\r\nX-Other: z\r\n\r\n")));
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert_msg(view_is(buf_view(&a.body), "GET\n/describe\n0\naccept=x/y\n"), "%.*s",
	              VIEW_ARG(buf_view(&a.body)));
	buf_free(&a.body);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_peer_case(void);
TCase *make_peer_case(void)
{
	TCase *c = tcase_create("peer");

	tcase_set_timeout(c, 30);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, reads_answers);
	return c;
}
