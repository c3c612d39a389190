/* The command line's HTTPS client against a small server in a thread: whom it trusts, what it shows, what it takes,
 * and when it asks again. */
#include <arpa/inet.h>
#include <check.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <unistd.h>

#include "gatewayd/ctl/https.h"
#include "test/core/scratch.h"

TCase *make_https_case(void);

#define MOST 8

static struct scratch_dir dir;
static char url[100], resolve[100], certificate[300], key[300], authority[300];

/* Answers one connection after another with the texts, in order; keeps what was asked. */
static struct server {
	int fd;
	uint16_t port;
	SSL_CTX *tls;
	const char *answers[MOST];
	char asked[MOST][1000];
	int n;
	pthread_t thread;
} server;

static void make_certificates(void)
{
	char command[2000];

	snprintf(
	        command, sizeof command,
	        "cd '%s' && exec 2>openssl.log && new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' && for ca in ca stranger; do "
	        "openssl req -x509 $new -days 30 -subj /CN=$ca -addext keyUsage=critical,keyCertSign -keyout $ca.key -out $ca.pem; done && "
	        "for who in server:serverAuth client:clientAuth; do n=${who%%:*} && printf "
	        "\"extendedKeyUsage=${who#*:}\\nsubjectAltName=DNS:north.example\\n\" > $n.ext && openssl req $new -subj /CN=$n -keyout $n.key -out $n.csr && "
	        "openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $n.ext -out $n.pem; done",
	        dir.path);
	ck_assert_int_eq(system(command), 0);
}

/* Reads a request's head and body; false at the connection's end. */
static bool read_request(SSL *ssl, char *into, size_t size)
{
	size_t n = 0;

	for (;;) {
		into[n] = 0;
		const char *body = strstr(into, "\r\n\r\n"), *length = strstr(into, "Content-Length: ");
		if (body && n >= (size_t)(body + 4 - into) + (length ? strtoul(length + 16, NULL, 10) : 0))
			return true;
		int k = SSL_read(ssl, into + n, (int)(size - 1 - n));
		if (k <= 0)
			return false;
		n += (size_t)k;
	}
}

static void serve(int fd)
{
	SSL *ssl = SSL_new(server.tls);

	if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)
		while (server.n < MOST && server.answers[server.n] &&
		       read_request(ssl, server.asked[server.n], sizeof server.asked[0])) {
			const char *text = server.answers[server.n++];
			SSL_write(ssl, text, (int)strlen(text));
		}
	SSL_free(ssl);
	close(fd);
}

static void *run_server(void *arg)
{
	int fd;

	while ((fd = accept(server.fd, NULL, NULL)) >= 0)
		serve(fd);
	return arg;
}

static void setup(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;

	dir = scratch_new();
	make_certificates();
	server = (struct server){ .fd = socket(AF_INET, SOCK_STREAM, 0), .tls = SSL_CTX_new(TLS_server_method()) };
	ck_assert(bind(server.fd, (struct sockaddr *)&at, n) == 0 && listen(server.fd, 4) == 0 &&
	          getsockname(server.fd, (struct sockaddr *)&at, &n) == 0);
	ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(server.tls, scratch_file(&dir, "server.pem")), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(server.tls, scratch_file(&dir, "server.key"), SSL_FILETYPE_PEM),
	                 1);
	ck_assert_int_eq(SSL_CTX_load_verify_locations(server.tls, scratch_file(&dir, "ca.pem"), NULL), 1);
	SSL_CTX_set_verify(server.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	server.port = ntohs(at.sin_port);
	snprintf(url, sizeof url, "https://north.example:%u/", server.port);
	snprintf(resolve, sizeof resolve, "north.example:%u:127.0.0.1", server.port);
	snprintf(certificate, sizeof certificate, "%s", scratch_file(&dir, "client.pem"));
	snprintf(key, sizeof key, "%s", scratch_file(&dir, "client.key"));
	snprintf(authority, sizeof authority, "%s", scratch_file(&dir, "ca.pem"));
}

static void teardown(void)
{
	shutdown(server.fd, SHUT_RDWR);
	if (server.thread)
		pthread_join(server.thread, NULL);
	close(server.fd);
	SSL_CTX_free(server.tls);
	scratch_remove(&dir);
}

static void start(const char *first, const char *second, const char *third)
{
	server.answers[0] = first;
	server.answers[1] = second;
	server.answers[2] = third;
	ck_assert_int_eq(pthread_create(&server.thread, NULL, run_server, NULL), 0);
}

static struct https_options options(void)
{
	return (struct https_options){ .url = url,
		                       .certificate = certificate,
		                       .key = key,
		                       .authority = authority,
		                       .resolve = resolve,
		                       .timeout_ms = 5000 };
}

static enum reason opening(const struct https_options *o)
{
	struct error e = { .reason = REASON_NONE };
	struct https *h = https_open(o, &e);

	ck_assert_ptr_null(h);
	return e.reason;
}

/* Opens, sends one GET, and closes. */
static enum reason getting(const struct https_options *o, struct buf *answer, int *status)
{
	struct error e = { .reason = REASON_NONE };
	struct https *h = https_open(o, &e);

	ck_assert_msg(h != NULL, "%s", e.text);
	ck_assert_int_eq(https_request(h, "GET", "/v1/inbox", VIEW(""), NULL, answer, status, &e),
	                 e.reason == REASON_NONE);
	https_close(h);
	return e.reason;
}

#define HELLO   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CREATED "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

START_TEST(sends_what_it_is_given)
{
	struct https_options o = options();
	struct error e = { .reason = REASON_NONE };
	struct https *h = https_open(&o, &e);
	struct buf answer = BUF_INIT(100);
	int status = 0;

	start(HELLO, CREATED, NULL);
	ck_assert_ptr_nonnull(h);
	buf_adds(&answer, "before");
	ck_assert(https_request(h, "GET", "/v1/inbox?after=0", VIEW(""), NULL, &answer, &status, &e));
	ck_assert(status == 200 && view_is(buf_view(&answer), "hello"));
	ck_assert(https_request(h, "POST", "/v1/inbox/1/ack", VIEW("{}"), "application/json", &answer, &status, &e));
	ck_assert(status == 201 && answer.n == 0);
	ck_assert_ptr_eq(strstr(server.asked[0], "GET /v1/inbox?after=0 HTTP/1.1\r\nHost: north.example:"),
	                 server.asked[0]);
	ck_assert_ptr_null(strcasestr(server.asked[0], "accept"));
	ck_assert_ptr_null(strcasestr(server.asked[0], "content-"));
	ck_assert_ptr_eq(strstr(server.asked[1], "POST /v1/inbox/1/ack HTTP/1.1\r\n"), server.asked[1]);
	ck_assert_ptr_nonnull(strstr(server.asked[1], "Content-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(server.asked[1], "\r\n\r\n{}"));
	ck_assert_ptr_null(strcasestr(server.asked[1], "expect"));
	https_close(h);
	buf_free(&answer);
}
END_TEST

START_TEST(trusts_one_authority_only)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	char wrong[100];
	int status;

	start(HELLO, HELLO, NULL);
	o.authority = scratch_file(&dir, "stranger.pem");
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	o.authority = authority;
	/* another name than that of the certificate */
	snprintf(wrong, sizeof wrong, "https://127.0.0.1:%u", server.port);
	o.url = wrong;
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	ck_assert_int_eq(server.n, 0);
	o.url = url;
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_NONE);
	buf_free(&answer);
}
END_TEST

START_TEST(speaks_no_older_tls)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int status;

	SSL_CTX_set_max_proto_version(server.tls, TLS1_2_VERSION);
	start(HELLO, NULL, NULL);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	ck_assert_int_eq(server.n, 0);
	buf_free(&answer);
}
END_TEST

START_TEST(shows_its_certificate)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int status;

	/* a server that trusts another authority than the client's */
	SSL_CTX_set_cert_store(server.tls, X509_STORE_new());
	ck_assert_int_eq(SSL_CTX_load_verify_locations(server.tls, scratch_file(&dir, "stranger.pem"), NULL), 1);
	start(HELLO, NULL, NULL);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	ck_assert_int_eq(server.n, 0);
	buf_free(&answer);
}
END_TEST

/* Neither where a redirect points nor where the environment does. */
START_TEST(goes_nowhere_else)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	char here[600];
	int status;

	snprintf(
	        here, sizeof here,
	        "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://north.example:%u/other\r\nContent-Length: 0\r\n\r\n",
	        server.port);
	start(here, HELLO, NULL);
	setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	const char *log = scratch_file(&dir, "keys.log");
	setenv("SSLKEYLOGFILE", log, 1);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_NONE);
	ck_assert_int_eq(status, 307);
	ck_assert_int_eq(server.n, 1);
	ck_assert_int_ne(access(log, F_OK), 0);
	buf_free(&answer);
}
END_TEST

START_TEST(takes_no_more_than_the_ceiling)
{
	static char large[70200];
	struct https_options o = options();
	struct buf answer = BUF_INIT(4);
	int status;

	snprintf(large, sizeof large, "HTTP/1.1 200 OK\r\nX: %070000d\r\nContent-Length: 5\r\n\r\nhello", 0);
	start(HELLO, large, NULL);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_TOO_LARGE);
	answer.max = 5;
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_TOO_LARGE);
	buf_free(&answer);
}
END_TEST

START_TEST(takes_no_answer_that_was_cut_off)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int status;

	start("HTTP/1.1 200 OK\r\nX: half", NULL, NULL);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	server.answers[1] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	server.answers[2] = "HTTP/1.1 200 OK\r\n\r\nhello";
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	ck_assert_int_eq(server.n, 3);
	buf_free(&answer);
}
END_TEST

START_TEST(waits_no_longer_than_it_was_told)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int status;

	start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", HELLO, NULL);
	o.timeout_ms = 300;
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_UNAVAILABLE);
	buf_free(&answer);
}
END_TEST

#define BUSY "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"
#define DOWN "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\ndown"

START_TEST(comes_again_when_it_is_told_when)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int64_t before = time(NULL);
	int status;

	start(BUSY, DOWN, HELLO);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_NONE);
	ck_assert(status == 200 && view_is(buf_view(&answer), "hello"));
	ck_assert_int_eq(server.n, 3);
	ck_assert_int_ge(time(NULL) - before, 1);
	buf_free(&answer);
}
END_TEST

START_TEST(gives_up_after_its_tries)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int status;

	o.tries = 2;
	start(BUSY, DOWN, HELLO);
	ck_assert_int_eq(getting(&o, &answer, &status), REASON_NONE);
	ck_assert(status == 503 && view_is(buf_view(&answer), "down"));
	ck_assert_int_eq(server.n, 2);
	buf_free(&answer);
}
END_TEST

START_TEST(does_not_come_again_untold)
{
	struct https_options o = options();
	struct buf answer = BUF_INIT(100);
	int status;

	start("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
	      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n",
	      "HTTP/1.1 403 Forbidden\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
	static const int statuses[] = { 503, 429, 403 };
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(getting(&o, &answer, &status), REASON_NONE);
		ck_assert_int_eq(status, statuses[i]);
		ck_assert_int_eq(server.n, i + 1);
	}
	buf_free(&answer);
}
END_TEST

START_TEST(options_and_requests_that_are_refused)
{
	static const char *const bad[] = {
		"http://north.example",    "https://",     "https:///", "https://a@north.example",
		"https://north.example?x", "north.example"
	};
	struct https_options o = options();
	struct error e = { .reason = REASON_NONE };
	struct buf answer = BUF_INIT(100);
	int status;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		o.url = bad[i];
		ck_assert_int_eq(opening(&o), REASON_CONFIG);
	}
	o = options();
	o.certificate = scratch_file(&dir, "none.pem");
	ck_assert_int_eq(opening(&o), REASON_CONFIG);
	o.certificate = NULL;
	ck_assert_int_eq(opening(&o), REASON_CONFIG);
	o = options();
	ck_assert_int_eq(chmod(key, 0644), 0);
	ck_assert_int_eq(opening(&o), REASON_CONFIG);
	ck_assert_int_eq(chmod(key, 0600), 0);
	struct https *h = https_open(&o, &e);
	ck_assert_ptr_nonnull(h);
	ck_assert(!https_request(h, "PUT", "/", VIEW(""), NULL, &answer, &status, NULL));
	ck_assert(!https_request(h, "GET", "v1", VIEW(""), NULL, &answer, &status, NULL));
	ck_assert(!https_request(h, "GET", "/v1", VIEW("body"), NULL, &answer, &status, NULL));
	https_close(h);
	https_close(NULL);
}
END_TEST

TCase *make_https_case(void)
{
	TCase *c = tcase_create("https");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 30);
	tcase_add_test(c, sends_what_it_is_given);
	tcase_add_test(c, trusts_one_authority_only);
	tcase_add_test(c, speaks_no_older_tls);
	tcase_add_test(c, shows_its_certificate);
	tcase_add_test(c, goes_nowhere_else);
	tcase_add_test(c, takes_no_more_than_the_ceiling);
	tcase_add_test(c, takes_no_answer_that_was_cut_off);
	tcase_add_test(c, waits_no_longer_than_it_was_told);
	tcase_add_test(c, comes_again_when_it_is_told_when);
	tcase_add_test(c, gives_up_after_its_tries);
	tcase_add_test(c, does_not_come_again_untold);
	tcase_add_test(c, options_and_requests_that_are_refused);
	return c;
}
