/* Requests that the gateway sends: to another edge (both ends are this project's), and to servers that answer
 * by a script, among them hostile ones. Names come from the hosts text. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "test/edge/peer.h"
#include "test/edge/rig.h"

#define HOSTS "# partners\n127.0.0.1 north.example elsewhere.example\n\n127.0.0.1\tnorth-2.example # alias\n"

/* A server that takes connections one after another; each gets `n_answers` requests answered with the same
 * bytes, and is closed then. */
struct server {
	pthread_t thread;
	int fd, accepted, requests;
	uint16_t port;
	const char *certificate;
	struct view answer;
	int n_answers; /* a connection; 0: none is ever answered */
	bool abrupt;   /* closes without close_notify */
	bool swallows; /* reads one more request before it closes */
	int max_connections;
	struct rig *reconfigures; /* gives the edge new settings while it answers the first request */
};

/* Returns once the edge has them. */
static void reconfigure(struct rig *r)
{
	rig_configure(r, &(struct rig_options){ .hosts = HOSTS });
	usleep(200000);
}

static void *serve(void *arg)
{
	struct server *s = arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char pem[200], key[200];
	static char in[65536];

	SSL_CTX_set_security_level(ctx, 0);
	snprintf(pem, sizeof pem, "%s/%s.pem", rig_certificates(), s->certificate);
	snprintf(key, sizeof key, "%s/%s.key", rig_certificates(), s->certificate);
	ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(ctx, pem), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
	while (s->accepted < s->max_connections) {
		struct timeval limit = { .tv_sec = 3 };
		int fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			break;
		s->accepted++;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		SSL *ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fd);
		size_t n;
		if (SSL_accept(ssl) == 1) {
			for (int i = 0; i < s->n_answers && SSL_read_ex(ssl, in, sizeof in, &n) == 1; i++) {
				if (s->requests++ == 0 && s->reconfigures)
					reconfigure(s->reconfigures);
				size_t written;
				if (s->answer.n)
					(void)SSL_write_ex(ssl, s->answer.p, s->answer.n, &written);
			}
			if (s->swallows)
				(void)SSL_read_ex(ssl, in, sizeof in, &n);
			if (s->n_answers == 0)
				(void)SSL_read_ex(ssl, in, sizeof in, &n), (void)SSL_read_ex(ssl, in, sizeof in, &n);
			if (!s->abrupt)
				SSL_shutdown(ssl);
		}
		ERR_clear_error();
		SSL_free(ssl);
		close(fd);
	}
	SSL_CTX_free(ctx);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 5 };
	socklen_t n = sizeof a;

	signal(SIGPIPE, SIG_IGN);
	if (!s->certificate)
		s->certificate = "gateway";
	if (!s->max_connections)
		s->max_connections = 1;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(s->fd, 16), 0);
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	getsockname(s->fd, (struct sockaddr *)&a, &n);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

static struct rig_request request_to(uint16_t port)
{
	return (struct rig_request){ .host = "north.example",
		                     .server_name = "north.example",
		                     .method = "GET",
		                     .target = "/status/204",
		                     .port = port };
}

static void pin_of(const char *name, unsigned char out[32])
{
	struct buf pem = rig_read_file(rig_certificates(), name, ".pem");
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	SHA256(der, (size_t)n, out);
	OPENSSL_free(der);
	X509_free(cert);
	BIO_free(bio);
	buf_free(&pem);
}

/* Sends, frees the body, and returns the status; `error` may be NULL. */
static int ask(struct rig *r, const struct rig_request *q, struct rig_answer *a)
{
	rig_send(r, q, a);
	buf_free(&a->body);
	return a->status;
}

START_TEST(sends_and_reads)
{
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct rig_request q = request_to(rig_port(r));
	struct rig_answer a;
	unsigned char pin[32];
	size_t n = 2 << 20;
	char *body = malloc(n);

	/* to the edge's own listener */
	ck_assert_int_eq(ask(r, &q, &a), 204);
	pin_of("gateway", pin);
	q.pin = pin;
	q.method = "POST";
	q.target = "/describe";
	q.fields = "Content-Type\napplication/json\nIdempotency-Key\nk-1\n";
	rig_send(r, &q, &a);
	ck_assert_int_eq(a.status, 200);
	ck_assert_str_eq(a.type, "text/plain");
	ck_assert_msg(
	        view_is(buf_view(&a.body), "POST\n/describe\n0\ncontent-type=application/json\nidempotency-key=k-1\n"),
	        "%.*s", VIEW_ARG(buf_view(&a.body)));
	buf_free(&a.body);
	/* a body larger than the credit of both channels and both ways */
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + i % 23);
	q.target = "/echo";
	q.body = view_make(body, n);
	rig_send(r, &q, &a);
	ck_assert_int_eq(a.status, 200);
	ck_assert(view_eq(buf_view(&a.body), q.body));
	buf_free(&a.body);
	/* three requests, two destinations (with a pin and without): two connections */
	q.body = VIEW("");
	q.target = "/status/201";
	ck_assert_int_eq(ask(r, &q, &a), 201);
	ck_assert_uint_eq(rig_counts(r).opens, 2);
	free(body);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(resolves_names)
{
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct rig_request q = request_to(rig_port(r));
	struct rig_answer a;

	q.host = "NORTH-2.example";
	ck_assert_int_eq(ask(r, &q, &a), 204);
	q.host = "127.0.0.1";
	ck_assert_int_eq(ask(r, &q, &a), 204);
	q.host = "unknown.example";
	ck_assert_int_eq(ask(r, &q, &a), 0);
	ck_assert_str_eq(a.error, "the partner's name has no address");
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* A name server on loopback that knows one name. */
static void *name_server(void *arg)
{
	int fd = *(int *)arg;
	unsigned char m[512];
	struct sockaddr_in from;
	socklen_t n = sizeof from;
	ssize_t got;

	while ((got = recvfrom(fd, m, sizeof m - 16, 0, (struct sockaddr *)&from, &n)) > 16) {
		static const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1 };
		bool a = m[got - 3] == 1;

		m[2] = 0x81;
		m[3] = 0x80;
		m[7] = a;
		m[9] = m[11] = 0;
		if (a)
			memcpy(m + got, record, sizeof record);
		sendto(fd, m, (size_t)got + (a ? sizeof record : 0), 0, (struct sockaddr *)&from, n);
		n = sizeof from;
	}
	return NULL;
}

START_TEST(resolves_by_dns)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 5 };
	socklen_t n = sizeof a;
	pthread_t thread;
	char server[40];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	getsockname(fd, (struct sockaddr *)&a, &n);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	pthread_create(&thread, NULL, name_server, &fd);
	snprintf(server, sizeof server, "127.0.0.1:%u\n", (unsigned)ntohs(a.sin_port));
	struct rig *r = rig_start(&(struct rig_options){ .nameservers = server });
	struct rig_request q = request_to(rig_port(r));
	struct rig_answer answer;
	q.host = "south.example";
	ck_assert_msg(ask(r, &q, &answer) == 204, "%s", answer.error);
	ck_assert_int_eq(rig_stop(r), 0);
	shutdown(fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(fd);
}
END_TEST

START_TEST(refuses_the_wrong_server)
{
	static const struct {
		const char *certificate, *server_name;
		const char *pin;
	} cases[] = {
		{ "gateway", "south.example", NULL },     /* another name */
		{ "gateway", "north.example", "client" }, /* another key */
		{ "client", "north.example", NULL },      /* no server authentication */
		{ "foreign", "north.example", NULL },     { "rsa2048", "north.example", NULL },
	};
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server s = { .certificate = cases[i].certificate,
			            .n_answers = 1,
			            .answer = VIEW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") };
		struct rig_answer a;
		unsigned char pin[32];

		server_start(&s);
		struct rig_request q = request_to(s.port);
		q.server_name = cases[i].server_name;
		if (cases[i].pin) {
			pin_of(cases[i].pin, pin);
			q.pin = pin;
		}
		ck_assert_msg(ask(r, &q, &a) == 0 && a.error[0], "case %zu got through", i);
		server_stop(&s);
		ck_assert_msg(s.requests == 0, "case %zu: a request was sent", i);
	}
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(reads_answers_strictly)
{
	static const struct {
		struct view answer;
		int status;
		bool aborted;
	} cases[] = {
		{ VIEW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 200, false },
		{ VIEW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), 200, false },
		{ VIEW("HTTP/1.1 409 Conflict\r\n\r\nuntil the end"), 409, false },
		{ VIEW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"), 0, false },
		{ VIEW("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), 0, false },
		{ VIEW("nonsense\r\n\r\n"), 0, false },
		{ VIEW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"), 200, true },
		{ VIEW(""), 0, false },
	};
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server s = { .n_answers = 1, .answer = cases[i].answer };
		struct rig_answer a;

		server_start(&s);
		struct rig_request q = request_to(s.port);
		ck_assert_msg(ask(r, &q, &a) == cases[i].status, "case %zu: %d %s", i, a.status, a.error);
		ck_assert_msg(a.aborted == cases[i].aborted, "case %zu", i);
		server_stop(&s);
	}
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(uses_connections_again)
{
	struct server s = { .n_answers = 3,
		            .max_connections = 2,
		            .answer = VIEW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct rig_answer a;

	server_start(&s);
	struct rig_request q = request_to(s.port);
	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(ask(r, &q, &a), 200);
		usleep(20000); /* the server's close, after the third, is seen before the fourth */
	}
	server_stop(&s);
	ck_assert_int_eq(s.accepted, 2);
	ck_assert_int_eq(s.requests, 6);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* A connection that was under way when settings came shows the certificate of before: it carries nothing more. */
START_TEST(keeps_none_of_old_settings)
{
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct server s = { .n_answers = 3,
		            .max_connections = 2,
		            .reconfigures = r,
		            .answer = VIEW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };
	struct rig_answer a;

	server_start(&s);
	struct rig_request q = request_to(s.port);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask(r, &q, &a), 200);
		ck_assert_int_eq(s.accepted, i == 0 ? 1 : 2);
	}
	ck_assert_int_eq(rig_stop(r), 0);
	server_stop(&s);
}
END_TEST

/* A kept connection ends under a request: what may be repeated goes out once more on a new one, and nothing else does. */
START_TEST(repeats_what_may_be_repeated)
{
	struct server s = { .n_answers = 1,
		            .max_connections = 2,
		            .swallows = true,
		            .answer = VIEW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct rig_answer a;

	server_start(&s);
	struct rig_request q = request_to(s.port);
	q.method = "POST";
	q.fields = _i == 2 ? "Idempotency-Key\nk-1\n" : NULL;
	q.body = VIEW("{}");
	q.again = _i == 1;
	ck_assert_int_eq(ask(r, &q, &a), 200);
	ck_assert_int_eq(ask(r, &q, &a), _i == 0 ? 0 : 200);
	rig_stop(r);
	server_stop(&s);
	ck_assert_int_eq(s.accepted, _i == 0 ? 1 : 2);
}
END_TEST

START_TEST(keeps_to_the_deadline)
{
	struct server s = { .n_answers = 0 };
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct rig_answer a;

	server_start(&s);
	struct rig_request q = request_to(s.port);
	q.deadline_ms = 300;
	ck_assert_int_eq(ask(r, &q, &a), 0);
	ck_assert_str_eq(a.error, "no answer came before the deadline");
	server_stop(&s);
	/* nobody listens there any more */
	ck_assert_int_eq(ask(r, &q, &a), 0);
	ck_assert_str_eq(a.error, "the partner's address refused the connection");
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(sends_nothing_malformed)
{
	struct rig *r = rig_start(&(struct rig_options){ .hosts = HOSTS });
	struct rig_request good = request_to(rig_port(r));
	struct rig_answer a;

	struct rig_request q = good;
	q.target = "/a b";
	ck_assert_int_eq(ask(r, &q, &a), 0);
	q = good;
	q.fields = "X\na\rb\n";
	ck_assert_int_eq(ask(r, &q, &a), 0);
	q = good;
	q.port = 0;
	ck_assert_int_eq(ask(r, &q, &a), 0);
	ck_assert_int_eq(ask(r, &good, &a), 204);
	ck_assert_uint_eq(rig_counts(r).heads, 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_client_case(void);
TCase *make_client_case(void)
{
	TCase *c = tcase_create("client");

	tcase_set_timeout(c, 30);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, sends_and_reads);
	tcase_add_test(c, resolves_names);
	tcase_add_test(c, resolves_by_dns);
	tcase_add_test(c, refuses_the_wrong_server);
	tcase_add_test(c, reads_answers_strictly);
	tcase_add_test(c, uses_connections_again);
	tcase_add_test(c, keeps_none_of_old_settings);
	tcase_add_loop_test(c, repeats_what_may_be_repeated, 0, 3);
	tcase_add_test(c, keeps_to_the_deadline);
	tcase_add_test(c, sends_nothing_malformed);
	return c;
}
