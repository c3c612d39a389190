/* Connections as peers use and abuse them: framing through to core, refusals, deadlines, caps, credit. */
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/edge/peer.h"
#include "test/edge/rig.h"

#define GET(target)          "GET " target " HTTP/1.1\r\nHost: north.example\r\n\r\n"
#define POST(target, length) "POST " target " HTTP/1.1\r\nHost: north.example\r\nContent-Length: " length "\r\n\r\n"

/* Reads one answer and checks that it is this problem, and the end of the connection. */
static void expect_problem(struct peer *p, int status, const char *slug)
{
	struct peer_answer a;
	char type[100];

	ck_assert_int_eq(peer_read(p, &a, false), status);
	ck_assert_ptr_nonnull(strstr(a.head, "\r\nContent-Type: application/problem+json\r\n"));
	ck_assert_ptr_nonnull(strstr(a.head, "\r\nConnection: close\r\n"));
	snprintf(type, sizeof type, "\"type\":\"/problems/%s\"", slug);
	buf_addc(&a.body, '\0');
	ck_assert_msg(strstr(a.body.p, type) != NULL, "%s", a.body.p);
	buf_free(&a.body);
	ck_assert_msg(peer_at_end(p), "the connection did not end with close_notify");
}

START_TEST(passes_requests_and_answers)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 2 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	for (int i = 0; i < 20; i++) {
		ck_assert(peer_write(p, VIEW("POST /echo HTTP/1.1\r\nHost: north.example\r\nContent-Type: a/b\r\n"
		                             "Content-Length: 5\r\n\r\nhello")));
		ck_assert_int_eq(peer_read(p, &a, false), 200);
		ck_assert_str_eq(a.head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: a/b\r\n\r\n");
		ck_assert(view_is(buf_view(&a.body), "hello"));
		buf_free(&a.body);
	}
	ck_assert(peer_write(p, VIEW("POST /describe HTTP/1.1\r\nHost: north.example\r\nCookie: c\r\nAccept: */*\r\n"
	                             "Idempotency-Key: k\r\nX-Forwarded-For: b\r\nContent-Length: 0\r\n\r\n")));
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert_msg(view_is(buf_view(&a.body), "POST\n/describe\n0\nidempotency-key=k\naccept=*/*\n"), "%.*s",
	              VIEW_ARG(buf_view(&a.body)));
	buf_free(&a.body);
	peer_free(p);
	ck_assert_uint_eq(rig_await(r, closes, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t n = sizeof value;

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, option, &value, &n), 0);
	return value;
}

/* Connections have from their listener how they send: one that is accepted here, after the edge has ended. */
START_TEST(connections_send_at_once_and_keep_little_unsent)
{
	int listening;
	struct rig *r = rig_start(&(struct rig_options){ .listening = &listening });
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(rig_port(r)),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert_int_eq(peer_ask(p, GET("/status/200")), 200);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
	int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(out, (struct sockaddr *)&to, sizeof to), 0);
	int in = accept(listening, NULL, NULL);
	ck_assert_int_ge(in, 0);
	ck_assert_int_eq(option_of(in, TCP_NODELAY), 1);
	ck_assert_int_eq(option_of(in, TCP_NOTSENT_LOWAT), 64 * 1024);
	close(in);
	close(out);
	close(listening);
}
END_TEST

/* That a connection came wakes nobody: core learns it with its first request, or with the tick, which comes between at times. */
START_TEST(tells_of_a_connection_with_its_request)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	for (int i = 0; i < 20; i++) {
		struct peer *p = peer_open(rig_port(r), NULL);
		usleep(5000);
		ck_assert_int_eq(peer_ask(p, GET("/status/200")), 200);
		peer_free(p);
	}
	ck_assert_uint_ge(rig_counts(r).with_open, 10);
	struct peer *silent = peer_open(rig_port(r), NULL);
	ck_assert_uint_eq(rig_await(r, opens, 21), 21);
	peer_free(silent);
	ck_assert_uint_eq(rig_await(r, closes, 21), 21);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(answers_head_without_a_body)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	ck_assert(peer_write(p, VIEW("HEAD /big/300000 HTTP/1.1\r\nHost: north.example\r\n\r\n")));
	ck_assert_int_eq(peer_read(p, &a, true), 200);
	ck_assert_ptr_nonnull(strstr(a.head, "Content-Length: 300000\r\n"));
	buf_free(&a.body);
	ck_assert_int_eq(peer_ask(p, GET("/status/204")), 204);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(carries_large_bodies_both_ways)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;
	size_t n = 3 << 20;
	char *body = malloc(n);

	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + i * 7 % 26);
	ck_assert(peer_write(p, VIEW(POST("/echo", "3145728"))));
	ck_assert(peer_write(p, view_make(body, n)));
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert(view_eq(buf_view(&a.body), view_make(body, n)));
	buf_free(&a.body);
	ck_assert_int_eq(peer_ask(p, GET("/big/10000000")), 200);
	ck_assert_uint_gt(rig_counts(r).credits, 10);
	free(body);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(reads_no_more_than_core_takes)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .body_ms = 1000 } });
	struct peer *p = peer_open(rig_port(r), NULL);
	static char block[100000];

	ck_assert(peer_write(p, VIEW(POST("/stingy", "4000000"))));
	for (int i = 0; i < 5; i++)
		ck_assert(peer_write(p, view_make(block, sizeof block)));
	usleep(300000);
	ck_assert_uint_eq(rig_counts(r).body_bytes, CHANNEL_CREDIT);
	expect_problem(p, 503, "unavailable");
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(answers_pipelined_requests_in_order)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct buf in = BUF_INIT(1 << 20);

	for (int i = 0; i < 100; i++)
		buf_addf(&in, "POST /echo HTTP/1.1\r\nHost: north.example\r\nContent-Length: 4\r\n\r\n%04d", i);
	ck_assert(peer_write(p, buf_view(&in)));
	for (int i = 0; i < 100; i++) {
		struct peer_answer a;
		char want[8];

		snprintf(want, sizeof want, "%04d", i);
		ck_assert_int_eq(peer_read(p, &a, false), 200);
		ck_assert(view_is(buf_view(&a.body), want));
		buf_free(&a.body);
	}
	/* Each came to core in one frame. */
	ck_assert_uint_eq(rig_counts(r).joined, 100);
	ck_assert_uint_eq(rig_counts(r).bodies, 100);
	buf_free(&in);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* Each piece is a TLS record. */
static void write_in_pieces(struct peer *p, struct view v, size_t n)
{
	for (; v.n > 0; v = view_from(v, v.n < n ? v.n : n))
		ck_assert(peer_write(p, view_make(v.p, v.n < n ? v.n : n)));
}

/* The socket tells of all of it once. */
START_TEST(reads_all_records_that_came_at_once)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	peer_hold_back(p, true);
	write_in_pieces(p, VIEW(POST("/echo", "26") "abcdefghijklmnopqrstuvwxyz"), 3);
	write_in_pieces(p, VIEW(POST("/echo", "3") "abc"), 1);
	peer_hold_back(p, false);
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert(view_is(buf_view(&a.body), "abcdefghijklmnopqrstuvwxyz"));
	buf_free(&a.body);
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert(view_is(buf_view(&a.body), "abc"));
	buf_free(&a.body);
	/* and the end behind a request */
	peer_hold_back(p, true);
	ck_assert(peer_write(p, VIEW(POST("/echo", "3") "abc")));
	peer_half_close(p);
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	buf_free(&a.body);
	ck_assert(peer_at_end(p));
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(reads_a_request_that_came_with_the_handshake)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), &(struct peer_options){ .held_back = true });

	ck_assert_ptr_nonnull(p);
	ck_assert(peer_write(p, VIEW(POST("/echo", "3") "abc")));
	peer_hold_back(p, false);
	struct peer_answer a;
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	buf_free(&a.body);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(has_one_request_in_flight)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .answer_ms = 300 } });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert(peer_write(p, VIEW(GET("/hold") GET("/status/204"))));
	usleep(200000);
	ck_assert_uint_eq(rig_counts(r).heads, 1);
	expect_problem(p, 503, "unavailable");
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	ck_assert_uint_eq(rig_counts(r).heads, 1);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

static const struct {
	const char *request;
	int status;
	const char *slug;
} refused[] = {
	{ "GET / HTTP/1.1\nHost: a\n\n", 400, "bad-request" },
	{ "GET / HTTP/1.1\r\nHost: north.example\r\nHost: north.example\r\n\r\n", 400, "bad-request" },
	{ "GET / HTTP/1.1\r\nHost: north.example\r\nConnection: host\r\n\r\n", 400, "bad-header" },
	{ POST("/echo", "4194305"), 413, "too-large" },
	{ "POST /echo HTTP/1.1\r\nHost: north.example\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 501,
	  "not-implemented" },
	{ "POST /echo HTTP/1.1\r\nHost: north.example\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", 415,
	  "media-type" },
	{ POST("/give-up", "3") "abc", 503, "unavailable" },
};

START_TEST(refuses_with_a_problem)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct buf big = BUF_INIT(1 << 20);

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct peer *p = peer_open(rig_port(r), NULL);
		ck_assert(peer_write(p, view_of(refused[i].request)));
		expect_problem(p, refused[i].status, refused[i].slug);
		peer_free(p);
	}
	ck_assert_uint_eq(rig_counts(r).heads, 1);

	struct peer *p = peer_open(rig_port(r), NULL);
	buf_adds(&big, "GET / HTTP/1.1\r\nHost: north.example\r\nX: ");
	while (big.n < 100000)
		buf_addc(&big, 'y');
	ck_assert(peer_write(p, buf_view(&big)));
	expect_problem(p, 431, "headers-too-large");
	peer_free(p);
	buf_free(&big);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(ends_what_drips)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .header_ms = 500, .body_ms = 500 } });
	struct peer *head = peer_open(rig_port(r), NULL), *body = peer_open(rig_port(r), NULL);
	const char *request = GET("/status/204");

	/* a byte each 50 ms keeps no deadline off */
	ck_assert(peer_write(body, VIEW(POST("/echo", "1000"))));
	for (int i = 0; i < 10; i++) {
		(void)peer_write(head, view_make(request + i, 1));
		(void)peer_write(body, VIEW("x"));
		usleep(50000);
	}
	expect_problem(head, 408, "timeout");
	expect_problem(body, 408, "timeout");
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	peer_free(head);
	peer_free(body);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(closes_what_is_idle)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .idle_ms = 300 } });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert_int_eq(peer_ask(p, GET("/status/204")), 204);
	ck_assert(peer_at_end(p));
	peer_free(p);
	ck_assert_uint_eq(rig_await(r, closes, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(goes_on_after_a_rest)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);

	/* record buffers are given back after a second */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(peer_ask(p, POST("/echo", "3") "abc"), 200);
		usleep(1400000);
	}
	ck_assert_int_eq(peer_ask(p, GET("/big/100000")), 200);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(answers_after_a_half_close)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	ck_assert(peer_write(p, VIEW(GET("/status/201"))));
	peer_half_close(p);
	ck_assert_int_eq(peer_read(p, &a, false), 201);
	buf_free(&a.body);
	ck_assert(peer_at_end(p));
	peer_free(p);

	/* in the middle of a request it voids the request */
	p = peer_open(rig_port(r), NULL);
	ck_assert(peer_write(p, VIEW(POST("/echo", "10") "abc")));
	ck_assert_uint_eq(rig_await(r, heads, 2), 2);
	peer_half_close(p);
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	ck_assert_uint_eq(rig_counts(r).lasts, 0);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(tells_core_of_an_abort)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);

	/* in the middle of a body */
	ck_assert(peer_write(p, VIEW(POST("/echo", "1000") "abc")));
	ck_assert_uint_eq(rig_await(r, heads, 1), 1);
	peer_reset(p);
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	ck_assert_uint_eq(rig_await(r, closes, 1), 1);
	/* while core works */
	p = peer_open(rig_port(r), NULL);
	ck_assert(peer_write(p, VIEW(GET("/hold"))));
	ck_assert_uint_eq(rig_await(r, heads, 2), 2);
	peer_reset(p);
	ck_assert_uint_eq(rig_await(r, aborts, 2), 2);
	/* while the answer is written */
	p = peer_open(rig_port(r), NULL);
	ck_assert(peer_write(p, VIEW(GET("/big/100000000"))));
	ck_assert_uint_eq(rig_await(r, heads, 3), 3);
	usleep(100000);
	peer_reset(p);
	ck_assert_uint_eq(rig_await(r, aborts, 3), 3);
	ck_assert(!peer_refused(rig_port(r), NULL));
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(sends_an_answer_that_comes_early)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	static char block[20000];
	struct peer_answer a;

	ck_assert(peer_write(p, VIEW(POST("/early", "1000000"))));
	for (int i = 0; i < 10; i++)
		(void)peer_write(p, view_make(block, sizeof block));
	ck_assert_int_eq(peer_read(p, &a, false), 403);
	ck_assert_ptr_nonnull(strstr(a.head, "Connection: close\r\n"));
	ck_assert(view_is(buf_view(&a.body), "early\n"));
	buf_free(&a.body);
	ck_assert(peer_at_end(p));
	peer_free(p);
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(says_continue)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	ck_assert(peer_write(p, VIEW("POST /echo HTTP/1.1\r\nHost: north.example\r\nExpect: 100-continue\r\n"
	                             "Content-Length: 2\r\n\r\n")));
	ck_assert_int_eq(peer_read(p, &a, false), 100);
	buf_free(&a.body);
	ck_assert_int_eq(peer_ask(p, "hi"), 200);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(closes_when_asked)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	ck_assert(peer_write(p, VIEW("GET /status/200 HTTP/1.1\r\nHost: north.example\r\nConnection: close\r\n\r\n")));
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert_ptr_nonnull(strstr(a.head, "Connection: close\r\n"));
	buf_free(&a.body);
	ck_assert(peer_at_end(p));
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(caps_connections)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .connections = 5, .connections_per_peer = 3 } });
	struct peer_options other = { .certificate = "other" };
	struct peer *p[5];

	/* per certificate: the fourth is told, another partner gets in */
	for (int i = 0; i < 4; i++)
		p[i] = peer_open(rig_port(r), NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(peer_ask(p[i], GET("/status/204")), 204);
	expect_problem(p[3], 429, "rate-limited");
	peer_free(p[3]);
	ck_assert_uint_eq(rig_await(r, closes, 1), 1);
	p[3] = peer_open(rig_port(r), &other);
	p[4] = peer_open(rig_port(r), &other);
	ck_assert_int_eq(peer_ask(p[4], GET("/status/204")), 204);
	/* overall: five are open, a sixth of the same source is told */
	struct peer *sixth = peer_open(rig_port(r), &other);
	expect_problem(sixth, 503, "unavailable");
	peer_free(sixth);
	ck_assert_uint_eq(rig_await(r, closes, 2), 2);
	/* one that closes makes room */
	peer_free(p[0]);
	ck_assert_uint_eq(rig_await(r, closes, 3), 3);
	ck_assert(!peer_refused(rig_port(r), NULL));
	for (int i = 1; i < 5; i++)
		peer_free(p[i]);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(serves_monitors_in_plain)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 2 });
	struct peer *p = peer_open_plain(rig_monitor_port(r));

	ck_assert_int_eq(peer_ask(p, GET("/status/200")), 200);
	ck_assert_int_eq(peer_ask(p, GET("/big/1000000")), 200);
	ck_assert_uint_eq(rig_counts(r).monitor_opens, 1);
	ck_assert(peer_write(p, VIEW("nonsense\r\n\r\n")));
	expect_problem(p, 400, "bad-request");
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_conn_case(void);
TCase *make_conn_case(void)
{
	TCase *c = tcase_create("conn");

	tcase_set_timeout(c, 30);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, passes_requests_and_answers);
	tcase_add_test(c, connections_send_at_once_and_keep_little_unsent);
	tcase_add_test(c, tells_of_a_connection_with_its_request);
	tcase_add_test(c, answers_head_without_a_body);
	tcase_add_test(c, carries_large_bodies_both_ways);
	tcase_add_test(c, reads_no_more_than_core_takes);
	tcase_add_test(c, answers_pipelined_requests_in_order);
	tcase_add_test(c, reads_all_records_that_came_at_once);
	tcase_add_test(c, reads_a_request_that_came_with_the_handshake);
	tcase_add_test(c, has_one_request_in_flight);
	tcase_add_test(c, refuses_with_a_problem);
	tcase_add_test(c, ends_what_drips);
	tcase_add_test(c, closes_what_is_idle);
	tcase_add_test(c, goes_on_after_a_rest);
	tcase_add_test(c, answers_after_a_half_close);
	tcase_add_test(c, tells_core_of_an_abort);
	tcase_add_test(c, sends_an_answer_that_comes_early);
	tcase_add_test(c, says_continue);
	tcase_add_test(c, closes_when_asked);
	tcase_add_test(c, caps_connections);
	tcase_add_test(c, serves_monitors_in_plain);
	return c;
}
