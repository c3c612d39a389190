/* The strict reader: what it takes, what it refuses and with which status, and that pieces do not matter.
 * Rules from RFC 9112 and RFC 9110; cases of request smuggling after the forms in CWE-444. */
#include <check.h>
#include <stdlib.h>

#include "gatewayd/edge/http.h"
#include "test/memory.h"

#define MAX_BODY 1000
#define POST     "POST /v1/x HTTP/1.1\r\nHost: a.example\r\n"
#define GET      "GET /v1/x HTTP/1.1\r\nHost: a.example\r\n"

/* What reading a whole input came to, written as text so that two runs compare at once. */
struct outcome {
	char text[4096];
	int status;
};

/* Reads `input` in pieces of `first`, then `step` bytes. */
static void read_all(enum http_side side, bool no_body, struct view input, size_t first, size_t step,
                     struct outcome *out)
{
	struct http_reader r;
	struct buf text = BUF_INIT(sizeof out->text - 1);
	size_t given = first;

	http_init(&r, side, MAX_BODY);
	r.no_body = no_body;
	out->status = 0;
	for (bool going = true; going;) {
		struct view piece = view_make(input.p, given < input.n ? given : input.n), body = VIEW("");
		size_t before = piece.n;
		enum http_step what = http_read(&r, &piece, &body);
		input = view_from(input, before - piece.n);
		switch (what) {
		case HTTP_MORE:
			ck_assert_uint_eq(piece.n, 0);
			going = input.n > 0;
			given = step;
			break;
		case HTTP_HEAD:
			given = given > before - piece.n ? given - (before - piece.n) : step;
			buf_addf(&text, "%.*s %.*s %d %llu%s%s\n", VIEW_ARG(http_method(&r)), VIEW_ARG(http_target(&r)),
			         r.status, (unsigned long long)r.length, r.close ? " close" : "",
			         r.expect_continue ? " expect" : "");
			for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++) {
				struct view v;
				if (http_value(&r, f, &v))
					buf_addf(&text, "%s=%.*s\n", http_field_name(f), VIEW_ARG(v));
			}
			break;
		case HTTP_BODY:
			given = step;
			buf_add(&text, body);
			break;
		case HTTP_END:
			buf_addf(&text, "\nend, rest %zu\n", input.n);
			going = false;
			break;
		case HTTP_FAILED:
			out->status = reason_status(r.reason);
			buf_addf(&text, "\nrefused: %s\n", r.why);
			going = false;
			break;
		}
	}
	buf_addc(&text, '\0');
	ck_assert(!text.failed);
	memcpy(out->text, text.p, text.n);
	buf_free(&text);
	http_free(&r);
}

/* Every split in two, and byte by byte, comes to the same as all at once. */
static void check_splits(enum http_side side, bool no_body, struct view input, const struct outcome *whole)
{
	struct outcome o;

	read_all(side, no_body, input, 1, 1, &o);
	ck_assert_str_eq(o.text, whole->text);
	for (size_t at = 1; at < input.n && input.n < 3000; at++) {
		read_all(side, no_body, input, at, input.n, &o);
		ck_assert_msg(strcmp(o.text, whole->text) == 0, "split at %zu: %s instead of %s", at, o.text,
		              whole->text);
	}
}

static const struct refusal {
	int status;
	struct view input;
} refusals[] = {
	/* the request line */
	{ 400, VIEW("\r\n" GET "\r\n") },
	{ 400, VIEW(" GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /  HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET\r\n\r\n") },
	{ 400, VIEW("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / http/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.10\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/11\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / XTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/x.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1x1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.x\r\nHost: a\r\n\r\n") },
	{ 501, VIEW("GET / HTTP/1.0\r\nHost: a\r\n\r\n") },
	{ 501, VIEW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
	{ 501, VIEW("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 501, VIEW("get / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 501, VIEW("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") },
	/* the target */
	{ 400, VIEW("GET http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET x HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a%2g HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET /\"x\" HTTP/1.1\r\nHost: a\r\n\r\n") },
	/* line ends */
	{ 400, VIEW("GET / HTTP/1.1\nHost: a\n\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\nHost: a\n\r\n") },
	{ 400, VIEW(GET "\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n") },
	/* fields */
	{ 400, VIEW(GET "X : b\r\n\r\n") },
	{ 400, VIEW(GET "X\r\n\r\n") },
	{ 400, VIEW(GET ": b\r\n\r\n") },
	{ 400, VIEW(GET "X y: b\r\n\r\n") },
	{ 400, VIEW(GET "X\0: b\r\n\r\n") },
	{ 400, VIEW(GET "X: a\0b\r\n\r\n") },
	{ 400, VIEW(GET "X: a\x01\r\n\r\n") },
	{ 400, VIEW(GET "X: a\x7f\r\n\r\n") },
	{ 400, VIEW(GET "X: \xff\r\n\r\n") },
	{ 400, VIEW(GET "X\xc3\xa9: b\r\n\r\n") },
	{ 400, VIEW(GET "X: b\r\n folded\r\n\r\n") },
	{ 400, VIEW(GET "X: b\r\n\tfolded\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\n Host: a\r\n\r\n") },
	{ 400, VIEW(GET "(X): b\r\n\r\n") },
	/* Host */
	{ 400, VIEW("GET / HTTP/1.1\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\nHost:\r\n\r\n") },
	{ 400, VIEW(GET "Host: a.example\r\n\r\n") },
	{ 400, VIEW(GET "host: b.example\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") },
	{ 400, VIEW("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n") },
	/* Content-Length */
	{ 400, VIEW(POST "\r\n") },
	{ 400, VIEW(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 3, 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: +3\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: -3\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 0x3\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 3 4\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 3.0\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: \r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: three\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 00000000003\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length: 18446744073709551619\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length : 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Content-Length:\v3\r\n\r\nabc") },
	{ 400, VIEW(GET "Content-Length: 3\r\n\r\nabc") },
	{ 413, VIEW(POST "Content-Length: 1001\r\n\r\n") },
	{ 413, VIEW(POST "Content-Length: 9999999999\r\n\r\n") },
	/* Transfer-Encoding and other ways to say where the body ends */
	{ 501, VIEW(POST "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc") },
	{ 501, VIEW(POST "transfer-ENCODING: xchunked\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Transfer-Encoding : chunked\r\n\r\n") },
	{ 501, VIEW(POST "Trailer: X\r\nContent-Length: 3\r\n\r\nabc") },
	{ 415, VIEW(POST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc") },
	/* other fields with a meaning */
	{ 400, VIEW(POST "Content-Digest:\r\nContent-Length: 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Idempotency-Key: \t \r\nContent-Length: 3\r\n\r\nabc") },
	{ 501, VIEW(POST "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc") },
	{ 400, VIEW(GET "Connection: close, content-length\r\n\r\n") },
	{ 400, VIEW(GET "Connection: host\r\n\r\n") },
	{ 400, VIEW(GET "Connection: ,\r\n\r\n") },
	{ 400, VIEW(POST "Content-Type: a/b\r\nContent-Type: a/c\r\nContent-Length: 3\r\n\r\nabc") },
	{ 400, VIEW(POST "Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 3\r\n\r\nabc") },
};

START_TEST(refuses)
{
	const struct refusal *c = &refusals[_i];
	struct outcome o;

	read_all(HTTP_REQUESTS, false, c->input, c->input.n, 1, &o);
	ck_assert_msg(o.status == c->status, "case %d: status %d: %s", _i, o.status, o.text);
	check_splits(HTTP_REQUESTS, false, c->input, &o);
}
END_TEST

static const struct {
	struct view input;
	const char *outcome;
} taken[] = {
	{ VIEW(GET "\r\n"), "GET /v1/x 0 0\nhost=a.example\n\nend, rest 0\n" },
	{ VIEW(GET "Content-Length: 0\r\n\r\n"), "GET /v1/x 0 0\nhost=a.example\ncontent-length=0\n\nend, rest 0\n" },
	{ VIEW(POST "Content-Length: 3\r\n\r\nabcdef"),
	  "POST /v1/x 0 3\nhost=a.example\ncontent-length=3\nabc\nend, rest 3\n" },
	{ VIEW(POST "content-length:\t0000000003 \t\r\n\r\nabc"),
	  "POST /v1/x 0 3\nhost=a.example\ncontent-length=0000000003\nabc\nend, rest 0\n" },
	{ VIEW(POST "Content-Length: 0\r\n\r\n"), "POST /v1/x 0 0\nhost=a.example\ncontent-length=0\n\nend, rest 0\n" },
	{ VIEW("PATCH /a?b=%20&c=d/~e;f HTTP/1.1\r\nHost: [::1]:8443\r\nContent-Length: 1000\r\n\r\n"),
	  "PATCH /a?b=%20&c=d/~e;f 0 1000\nhost=[::1]:8443\ncontent-length=1000\n" },
	{ VIEW("HEAD / HTTP/1.1\r\nHOST: a\r\nConnection: Close\r\n\r\n"), "HEAD / 0 0 close\nhost=a\nconnection=" },
	{ VIEW(POST "EXPECT: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
	  "POST /v1/x 0 1 expect\nhost=a.example\ncontent-length=1\nexpect=100-Continue\n" },
	{ VIEW(GET
	       "Connection: keep-alive, TE, Upgrade, HTTP2-Settings\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Empty:\r\n\r\n"),
	  "GET /v1/x 0 0\nhost=a.example\n\nend, rest 0\n" },
	{ VIEW(POST "Content-Type: application/json\r\nIdempotency-Key: k-1\r\nAccept: */*\r\n"
	            "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}"),
	  "POST /v1/x 0 2\nhost=a.example\ncontent-length=2\ncontent-encoding=identity\n"
	  "content-type=application/json\nidempotency-key=k-1\naccept=*/*\n{}\nend, rest 0\n" },
	{ VIEW(GET "TraceParent: 00-a-b-01\r\n\r\n"),
	  "GET /v1/x 0 0\nhost=a.example\ntraceparent=00-a-b-01\n\nend, rest 0\n" },
	/* W3C Trace Context: twice is none, and no reason to refuse the request */
	{ VIEW(GET "traceparent: 00-a-b-01\r\nTraceparent: 00-a-b-01\r\ntraceparent: x\r\n\r\n"),
	  "GET /v1/x 0 0\nhost=a.example\ntraceparent=\n\nend, rest 0\n" },
};

START_TEST(takes)
{
	struct outcome o;

	read_all(HTTP_REQUESTS, false, taken[_i].input, taken[_i].input.n, 1, &o);
	ck_assert_int_eq(o.status, 0);
	if (!strstr(taken[_i].outcome, "connection="))
		ck_assert_str_eq(o.text, taken[_i].outcome);
	check_splits(HTTP_REQUESTS, false, taken[_i].input, &o);
}
END_TEST

START_TEST(keeps_to_its_limits)
{
	struct buf b = BUF_INIT(1 << 16);
	struct outcome o;

	/* 32 fields are taken, 33 are not */
	for (int fields = 32; fields <= 33; fields++) {
		buf_reset(&b);
		buf_adds(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (int i = 1; i < fields; i++)
			buf_addf(&b, "X-%d: y\r\n", i);
		buf_adds(&b, "\r\n");
		read_all(HTTP_REQUESTS, false, buf_view(&b), b.n, 1, &o);
		ck_assert_int_eq(o.status, fields == 32 ? 0 : 431);
		check_splits(HTTP_REQUESTS, false, buf_view(&b), &o);
	}
	/* a head of exactly 8 KiB is taken, one byte more is not */
	for (size_t size = HTTP_HEAD_MAX; size <= HTTP_HEAD_MAX + 1; size++) {
		buf_reset(&b);
		buf_adds(&b, GET "X: ");
		while (b.n < size - 4)
			buf_addc(&b, 'y');
		buf_adds(&b, "\r\n\r\n");
		read_all(HTTP_REQUESTS, false, buf_view(&b), b.n, 1, &o);
		ck_assert_int_eq(o.status, size == HTTP_HEAD_MAX ? 0 : 431);
		check_splits(HTTP_REQUESTS, false, buf_view(&b), &o);
	}
	/* a line without end is not kept beyond that */
	buf_reset(&b);
	while (b.n < 20000)
		buf_addc(&b, 'A');
	read_all(HTTP_REQUESTS, false, buf_view(&b), b.n, 1, &o);
	ck_assert_int_eq(o.status, 431);
	buf_free(&b);
}
END_TEST

#define OK "HTTP/1.1 200 OK\r\n"
static const struct {
	struct view input;
	bool no_body;
	int status; /* 400: refused */
	const char *outcome;
} answers[] = {
	{ VIEW(OK "Content-Length: 2\r\nContent-Type: a/b\r\n\r\nhi"), false, 0,
	  "  200 2\ncontent-length=2\ncontent-type=a/b\nhi\nend, rest 0\n" },
	{ VIEW("HTTP/1.1 201 \r\nContent-Length: 0\r\nLocation: /v1/exchanges/1\r\n\r\n"), false, 0,
	  "  201 0\ncontent-length=0\nlocation=/v1/exchanges/1\n\nend, rest 0\n" },
	{ VIEW("HTTP/1.1 204 No Content\r\n\r\n"), false, 0, "  204 0\n\nend, rest 0\n" },
	{ VIEW("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 204 \r\n\r\n"), false, 0,
	  "  204 0\n\nend, rest 0\n" },
	{ VIEW(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), false, 0,
	  "  200 0 close\ntransfer-encoding=chunked\n\nend, rest 12\n" },
	{ VIEW(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"), false, 0,
	  "  200 0 close\ncontent-length=5\ntransfer-encoding=chunked\n\nend, rest 5\n" },
	{ VIEW(OK "\r\nuntil the end"), false, 0, "  200 0 close\n\nend, rest 13\n" },
	{ VIEW(OK "Content-Length: 5\r\n\r\n"), true, 0, "  200 0\ncontent-length=5\n\nend, rest 0\n" },
	{ VIEW(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), false, 400, NULL },
	{ VIEW(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), false, 400, NULL },
	{ VIEW(OK "Content-Length: 5a\r\n\r\nhello"), false, 400, NULL },
	{ VIEW("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 2000 OK\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 099 OK\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 20 OKAY\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 2x0 OK\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n"), false, 0, NULL },
	{ VIEW(OK "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n"), false, 400, NULL },
	{ VIEW(OK "Trailer: a\r\nTrailer: b\r\nContent-Length: 0\r\n\r\n"), false, 0, NULL },
	{ VIEW("HTTP/1.1 600 OK\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1  200 OK\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 200 O\0K\r\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 101 Switching\r\n\r\n"), false, 400, NULL },
	{ VIEW(OK "X: a\n\r\n"), false, 400, NULL },
	{ VIEW("HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n"
	       "HTTP/1.1 100 \r\n\r\n"),
	  false, 400, NULL },
	{ VIEW("ICY 200 OK\r\n\r\n"), false, 400, NULL },
};

START_TEST(reads_answers)
{
	struct outcome o;

	read_all(HTTP_ANSWERS, answers[_i].no_body, answers[_i].input, answers[_i].input.n, 1, &o);
	ck_assert_msg(o.status == answers[_i].status, "case %d: %d: %s", _i, o.status, o.text);
	if (answers[_i].outcome)
		ck_assert_str_eq(o.text, answers[_i].outcome);
	check_splits(HTTP_ANSWERS, answers[_i].no_body, answers[_i].input, &o);
}
END_TEST

START_TEST(goes_on_to_the_next)
{
	struct http_reader r;
	struct view in = VIEW(POST "Content-Length: 2\r\n\r\nabGET /two HTTP/1.1\r\nHost: b\r\n\r\n"), body;

	http_init(&r, HTTP_REQUESTS, 10);
	ck_assert(http_untouched(&r));
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_HEAD);
	ck_assert(!http_untouched(&r));
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_BODY);
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_END);
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_END);
	http_next(&r);
	ck_assert(http_untouched(&r));
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_HEAD);
	ck_assert(view_is(http_target(&r), "/two"));
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_END);
	ck_assert_uint_eq(in.n, 0);
	http_free(&r);
}
END_TEST

/* A name of Host that is longer than any. */
START_TEST(host_has_a_length)
{
	char text[600];
	struct outcome o;

	for (int n = 255; n <= 256; n++) {
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0*d\r\n\r\n", n, 1);
		read_all(HTTP_REQUESTS, false, view_of(text), strlen(text), 1, &o);
		ck_assert_int_eq(o.status, n == 255 ? 0 : 400);
	}
}
END_TEST

/* What may be asked of a reader in any state. */
START_TEST(knows_its_state)
{
	struct http_reader r;
	struct view in = VIEW(POST "Content-Length: 2\r\n\r\n"), body;

	http_init(&r, HTTP_REQUESTS, 10);
	ck_assert(!http_is_whole(&r));
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_HEAD);
	ck_assert(!http_is_whole(&r) && !http_untouched(&r));
	http_free(&r);
	in = VIEW("G");
	http_init(&r, HTTP_REQUESTS, 10);
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_MORE);
	ck_assert(!http_untouched(&r));
	http_free(&r);
	/* for good, whatever comes */
	in = VIEW("GET\r\n");
	http_init(&r, HTTP_REQUESTS, 10);
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_FAILED);
	in = VIEW(GET "\r\n");
	ck_assert_int_eq(http_read(&r, &in, &body), HTTP_FAILED);
	ck_assert(!http_is_whole(&r));
	http_free(&r);
}
END_TEST

START_TEST(refuses_without_memory)
{
#if !SANITIZER_ALLOCATES
	struct http_reader r;
	struct view in = VIEW(GET "\r\n"), body;

	http_init(&r, HTTP_REQUESTS, 10);
	fail_at = 0;
	enum http_step step = http_read(&r, &in, &body);
	fail_at = -1;
	ck_assert_int_eq(step, HTTP_FAILED);
	ck_assert_int_eq(r.reason, REASON_NO_MEMORY);
	http_free(&r);
#endif
}
END_TEST

/* Of lines there may be any number, whatever came before the parameters of their type. */
START_TEST(streams_have_any_length)
{
	static const char *const types[] = { "application/x-ndjson", "Application/X-NDJSON  ; charset=utf-8",
		                             "application/x-ndjson;a" };
	static const char *const others[] = { "application/x-ndjson2", "text/plain; a=application/x-ndjson", "",
		                              "application/json" };
	struct outcome o;
	char text[400];

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		snprintf(text, sizeof text, POST "Content-Type: %s\r\nContent-Length: 1001\r\n\r\n", types[i]);
		read_all(HTTP_REQUESTS, false, view_of(text), strlen(text), 1, &o);
		ck_assert_int_eq(o.status, 0);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		snprintf(text, sizeof text, POST "Content-Type: %s\r\nContent-Length: 1001\r\n\r\n", others[i]);
		read_all(HTTP_REQUESTS, false, view_of(text), strlen(text), 1, &o);
		ck_assert_int_eq(o.status, 413);
	}
	/* in chunks, too, of which the last comes when there are more bytes than a body may have */
	struct buf b = BUF_INIT(1 << 16);
	buf_adds(&b, POST "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++)
		buf_addf(&b, "384\r\n%0900d\r\n", 1);
	buf_adds(&b, "0\r\n\r\n");
	read_all(HTTP_REQUESTS, false, buf_view(&b), b.n, 1, &o);
	ck_assert_int_eq(o.status, 0);
	ck_assert_ptr_nonnull(strstr(o.text, "end, rest 0"));
	buf_free(&b);
}
END_TEST

START_TEST(names_of_host)
{
	static const char *const hosts[][2] = { { "a.example", "a.example" },
		                                { "a.example:8443", "a.example" },
		                                { "[::1]:8443", "::1" },
		                                { "[::1]", "::1" },
		                                { "[::1", "::1" },
		                                { "[", "" },
		                                { "", "" },
		                                { ":1", "" } };

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		ck_assert_msg(view_is(http_host_name(view_of(hosts[i][0])), hosts[i][1]), "%s", hosts[i][0]);
}
END_TEST

START_TEST(checks_what_is_written)
{
	ck_assert(http_name_ok(VIEW("Idempotency-Replayed")));
	ck_assert(!http_name_ok(VIEW("")));
	ck_assert(!http_name_ok(VIEW("a b")));
	ck_assert(http_value_ok(VIEW("a; b=\"c\"")));
	ck_assert(!http_value_ok(VIEW("a\r\nSet-Cookie: b")));
	ck_assert(http_target_ok(VIEW("/v1/agreements/a/records")));
	ck_assert(http_target_ok(VIEW("/%0a")) && http_target_ok(VIEW("/%a0")) && !http_target_ok(VIEW("/%00")));
	ck_assert(!http_target_ok(VIEW("/v1/a b")));
	ck_assert(!http_target_ok(VIEW("")));
	ck_assert_str_eq(http_phrase(404), "Not Found");
	ck_assert_str_eq(http_phrase(599), "Status");
}
END_TEST

TCase *make_http_case(void);
TCase *make_http_case(void)
{
	TCase *c = tcase_create("http");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, refuses, 0, (int)(sizeof refusals / sizeof *refusals));
	tcase_add_loop_test(c, takes, 0, (int)(sizeof taken / sizeof *taken));
	tcase_add_test(c, keeps_to_its_limits);
	tcase_add_loop_test(c, reads_answers, 0, (int)(sizeof answers / sizeof *answers));
	tcase_add_test(c, goes_on_to_the_next);
	tcase_add_test(c, host_has_a_length);
	tcase_add_test(c, knows_its_state);
	tcase_add_test(c, refuses_without_memory);
	tcase_add_test(c, streams_have_any_length);
	tcase_add_test(c, names_of_host);
	tcase_add_test(c, checks_what_is_written);
	return c;
}
