/* Bodies in chunks (RFC 9112 section 7.1): what is taken, and what is refused, where two readers of one message could find
 * its end in two places. Forms of request smuggling after CWE-444, and what became public of other
 * readers of chunks (sizes, extensions, ends of lines):
 * CVE-2022-32213 to 32215, CVE-2022-35256, CVE-2023-30589, CVE-2024-27982, CVE-2025-22871. Each whole, in two pieces at
 * every place, and byte by byte. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/edge/http.h"
#include "test/edge/peer.h"
#include "test/edge/rig.h"

#define MAX_BODY 1000
#define POST     "POST /v1/x HTTP/1.1\r\nHost: a.example\r\n"
#define CHUNKED  POST "Transfer-Encoding: chunked\r\n\r\n"
#define TEN      "0123456789"
#define HUNDRED  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

struct outcome {
	int status; /* 0: taken */
	struct buf body;
	size_t rest; /* of the input, behind the message's end */
};

static void read_all(struct view input, size_t first, size_t step, struct outcome *out)
{
	struct http_reader r;
	size_t given = first;
	bool ended = false;

	http_init(&r, HTTP_REQUESTS, MAX_BODY);
	*out = (struct outcome){ .status = -1, .body = BUF_INIT(1 << 20) };
	while (!ended && input.n > 0) {
		struct view piece = view_make(input.p, given < input.n ? given : input.n), body = VIEW("");
		size_t before = piece.n;
		enum http_step what = http_read(&r, &piece, &body);
		input = view_from(input, before - piece.n);
		given = step;
		ended = what == HTTP_END || what == HTTP_FAILED;
		if (what == HTTP_BODY)
			buf_add(&out->body, body);
		if (what == HTTP_END)
			out->status = http_is_whole(&r) ? 0 : -2;
		if (what == HTTP_FAILED)
			out->status = reason_status(r.reason);
	}
	out->rest = input.n;
	http_free(&r);
}

static void expect(struct view input, int status, const char *body, size_t rest)
{
	for (size_t at = 0; at <= input.n; at++) {
		struct outcome o;

		if (at == 0)
			read_all(input, 1, 1, &o);
		else
			read_all(input, at, input.n, &o);
		ck_assert_msg(o.status == status, "split at %zu: %d and not %d: %.*s", at, o.status, status,
		              VIEW_ARG(input));
		if (status == 0) {
			ck_assert_msg(view_is(buf_view(&o.body), body), "%.*s", VIEW_ARG(buf_view(&o.body)));
			ck_assert_uint_eq(o.rest, rest);
		}
		buf_free(&o.body);
	}
}

static const struct {
	struct view input;
	const char *body;
	size_t rest;
} taken[] = {
	{ VIEW(CHUNKED "0\r\n\r\n"), "", 0 },
	{ VIEW(CHUNKED "3\r\nabc\r\n0\r\n\r\n"), "abc", 0 },
	{ VIEW(CHUNKED "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\nGET /"), "abcdefg", 5 },
	{ VIEW(CHUNKED "a\r\n" TEN "\r\nA\r\n" TEN "\r\n0\r\n\r\n"), TEN TEN, 0 },
	{ VIEW(CHUNKED "3;a\r\nabc\r\n0;b=c\r\n\r\n"), "abc", 0 },
	{ VIEW(CHUNKED "3;a=b;c=\"d e;\\\"\"\r\nabc\r\n0\r\n\r\n"), "abc", 0 },
	{ VIEW(CHUNKED "4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n", 0 },
	{ VIEW(CHUNKED "5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "0\r\n\r\n", 0 },
	{ VIEW(POST "transfer-encoding:\tCHUNKED \r\n\r\n1\r\na\r\n0\r\n\r\n"), "a", 0 },
	{ VIEW(POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"), "a", 0 },
};

START_TEST(takes)
{
	expect(taken[_i].input, 0, taken[_i].body, taken[_i].rest);
}
END_TEST

static const struct {
	int status;
	struct view input;
} refused[] = {
	/* two lengths */
	{ 400, VIEW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Content-Length: 6\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\nG") },
	{ 400, VIEW(POST "Content-Length:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Content_Length: 5\r\n\r\n0\r\n\r\n") },
	/* Transfer-Encoding, twice or not quite */
	{ 400, VIEW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: chunk\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: chunked x\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding: cow\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: \xa0"
	                 "chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: chunked\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-Encoding: chunked\r\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Foo: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer-\tEncoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n") }, /* another field, so no length */
	{ 400, VIEW("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW("DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 400, VIEW(POST "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ 501, VIEW(POST "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	/* sizes */
	{ 400, VIEW(CHUNKED "\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "g\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "+3\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "-1\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "-0\r\n\r\n") },
	{ 400, VIEW(CHUNKED " 3\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3 \r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\t\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3.0\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "1_0\r\n" TEN "012345\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "03\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "00\r\n\r\n") },
	{ 400, VIEW(CHUNKED "000000000000000003\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "100000003\r\nabc\r\n0\r\n\r\n") },         /* 2^32 + 3 */
	{ 400, VIEW(CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n") }, /* 2^64 + 3 */
	{ 400, VIEW(CHUNKED "ffffffffffffffff\r\nabc\r\n0\r\n\r\n") },
	{ 413, VIEW(CHUNKED "ffffffff\r\nabc\r\n0\r\n\r\n") },
	{ 413, VIEW(CHUNKED "3e9\r\n") },                      /* 1,001 */
	{ 413, VIEW(CHUNKED "64\r\n" HUNDRED "\r\n385\r\n") }, /* 100 + 901 */
	/* where the data of a chunk end */
	{ 400, VIEW(CHUNKED "3\r\nabcd\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "4\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc\r0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc\r\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc\n\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc \r\n0\r\n\r\n") },
	/* ends of lines */
	{ 400, VIEW(CHUNKED "3\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\rabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "0\n\r\n") },
	{ 400, VIEW(CHUNKED "0\r\n\n") },
	{ 400, VIEW(CHUNKED "0\r\n\r\r\n") },
	{ 400, VIEW(CHUNKED "0\r\nGET / HTTP/1.1\r\n") },
	/* extensions */
	{ 400, VIEW(CHUNKED "3;\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;;a\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3; a\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3 ;a\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a=\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a= b\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;=b\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a=\"b\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a=\"b\\\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a=\"\1\"\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a\n=b\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a\rb\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a\0b\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;a=b c\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3,a\r\nabc\r\n0\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3;" HUNDRED TEN TEN TEN "\r\nabc\r\n0\r\n\r\n") },
	/* trailers, and what looks like them */
	{ 400, VIEW(CHUNKED "0\r\nX: y\r\n\r\n") },
	{ 400, VIEW(CHUNKED "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n") },
	{ 400, VIEW(CHUNKED "0\r\nHost: b\r\n\r\n") },
	{ 400, VIEW(CHUNKED "0\r\n: y\r\n\r\n") },
	{ 400, VIEW(CHUNKED "0\r\n \r\n\r\n") },
};

START_TEST(refuses)
{
	expect(refused[_i].input, refused[_i].status, NULL, 0);
}
END_TEST

/* What ends in the middle waits for more, and is no message. */
START_TEST(waits)
{
	static const struct view whole = VIEW(CHUNKED "3;a=\"b\"\r\nabc\r\n0\r\n\r\n");

	for (size_t n = 1; n < whole.n; n++) {
		struct outcome o;

		read_all(view_make(whole.p, n), n, 1, &o);
		ck_assert_int_eq(o.status, -1);
		buf_free(&o.body);
	}
}
END_TEST

START_TEST(bounds_crumbs_and_extensions)
{
	struct buf in = BUF_INIT(1 << 20);
	struct outcome o;

	/* 990 chunks of one byte are within the free 1,024 */
	buf_adds(&in, CHUNKED);
	for (int i = 0; i < 990; i++)
		buf_adds(&in, "1\r\nx\r\n");
	size_t n = in.n;
	buf_adds(&in, "0\r\n\r\n");
	read_all(buf_view(&in), in.n, 1, &o);
	ck_assert_int_eq(o.status, 0);
	ck_assert_uint_eq(o.body.n, 990);
	buf_free(&o.body);
	/* nine extensions of 120 bytes are too many, eight are not */
	for (int extensions = 8; extensions <= 9; extensions++) {
		in.n = n;
		for (int i = 0; i < extensions; i++)
			buf_adds(&in, "1;" HUNDRED TEN "012345678\r\nx\r\n");
		buf_adds(&in, "0\r\n\r\n");
		read_all(buf_view(&in), in.n, 1, &o);
		ck_assert_int_eq(o.status, extensions == 8 ? 0 : 400);
		buf_free(&o.body);
	}
	/* a larger body, all of it crumbs */
	struct http_reader r;
	http_init(&r, HTTP_REQUESTS, 100000);
	in.n = 0;
	buf_adds(&in, CHUNKED);
	for (int i = 0; i < 1200; i++)
		buf_adds(&in, "1\r\nx\r\n");
	struct view rest = buf_view(&in), body;
	enum http_step step;
	while ((step = http_read(&r, &rest, &body)) == HTTP_HEAD || step == HTTP_BODY)
		continue;
	ck_assert_int_eq(step, HTTP_FAILED);
	ck_assert_ptr_nonnull(strstr(r.why, "small chunks"));
	http_free(&r);
	buf_free(&in);
}
END_TEST

/* The same through the port: what is refused ends the connection, and nothing of it reaches core as a second request. */
START_TEST(through_the_port)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .body_bytes = MAX_BODY } });
	unsigned heads = 0;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i += 4) {
		struct peer *p = peer_open(rig_port(r), NULL);
		struct buf in = BUF_INIT(8192);
		struct peer_answer a;
		const char *name = memmem(refused[i].input.p, refused[i].input.n, "a.example", 9);

		/* the gateway's own name in the Host */
		if (!name) {
			peer_free(p);
			continue;
		}
		buf_add(&in, view_make(refused[i].input.p, (size_t)(name - refused[i].input.p)));
		buf_adds(&in, "north.example");
		buf_add(&in, view_from(refused[i].input, (size_t)(name - refused[i].input.p) + 9));
		buf_adds(&in, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n");
		ck_assert(peer_write(p, buf_view(&in)));
		ck_assert_int_eq(peer_read(p, &a, false), refused[i].status);
		buf_free(&a.body);
		ck_assert(peer_at_end(p));
		buf_free(&in);
		peer_free(p);
	}
	usleep(200000); /* for what the edge still tells core */
	heads = rig_counts(r).heads;
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;
	ck_assert(peer_write(p, VIEW("POST /echo HTTP/1.1\r\nHost: north.example\r\nTransfer-Encoding: chunked\r\n\r\n"
	                             "3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\nPOST /echo HTTP/1.1\r\nHost: north.example\r\n"
	                             "Content-Length: 2\r\n\r\nhi")));
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert(view_is(buf_view(&a.body), "abcde"));
	buf_free(&a.body);
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert(view_is(buf_view(&a.body), "hi"));
	buf_free(&a.body);
	ck_assert_uint_eq(rig_counts(r).heads, heads + 2);
	/* larger than it may be: told as soon as that is known */
	ck_assert(peer_write(
	        p, VIEW("POST /echo HTTP/1.1\r\nHost: north.example\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n")));
	ck_assert_int_eq(peer_read(p, &a, false), 413);
	buf_free(&a.body);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* Beyond core's credit, in pieces that do not fit it. */
START_TEST(carries_large_bodies)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct buf in = BUF_INIT(8 << 20), want = BUF_INIT(8 << 20);
	struct peer_answer a;
	static char block[70001];

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)('a' + i % 23);
	buf_adds(&in, "POST /echo HTTP/1.1\r\nHost: north.example\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 40; i++) {
		buf_addf(&in, "%zx\r\n", sizeof block);
		buf_add(&in, view_make(block, sizeof block));
		buf_adds(&in, "\r\n");
		buf_add(&want, view_make(block, sizeof block));
	}
	buf_adds(&in, "0\r\n\r\n");
	ck_assert(peer_write(p, buf_view(&in)));
	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert(view_eq(buf_view(&a.body), buf_view(&want)));
	buf_free(&a.body);
	buf_free(&in);
	buf_free(&want);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_chunked_case(void);
TCase *make_chunked_case(void)
{
	TCase *c = tcase_create("chunked");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_loop_test(c, takes, 0, sizeof taken / sizeof *taken);
	tcase_add_loop_test(c, refuses, 0, sizeof refused / sizeof *refused);
	tcase_add_test(c, waits);
	tcase_add_test(c, bounds_crumbs_and_extensions);
	tcase_add_test(c, through_the_port);
	tcase_add_test(c, carries_large_bodies);
	return c;
}
