/* Streams: bodies of any length, and answers that begin before their request has ended. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/edge/peer.h"
#include "test/edge/rig.h"

#define NDJSON                 "Host: north.example\r\nContent-Type: application/x-ndjson; charset=utf-8\r\n"
#define STREAM(target, length) "POST " target " HTTP/1.1\r\n" NDJSON "Content-Length: " length "\r\n\r\n"
#define CHUNKED(target)        "POST " target " HTTP/1.1\r\n" NDJSON "Transfer-Encoding: chunked\r\n\r\n"

static struct buf chunk = { .max = 1 << 20 };

static void expect_chunk(struct peer *p, const char *text)
{
	ck_assert(peer_read_chunk(p, &chunk));
	ck_assert_msg(view_is(buf_view(&chunk), text), "%.*s, not %s", (int)chunk.n, chunk.p, text);
}

static void begins(struct peer *p)
{
	struct peer_answer a;

	ck_assert_int_eq(peer_read(p, &a, false), 200);
	ck_assert_ptr_nonnull(strstr(a.head, "\r\nTransfer-Encoding: chunked\r\n"));
	ck_assert_ptr_null(strcasestr(a.head, "content-length"));
	buf_free(&a.body);
}

START_TEST(answers_while_the_body_comes)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert(peer_write(p, VIEW(STREAM("/mirror", "9"))));
	begins(p);
	ck_assert(peer_write(p, VIEW("one")));
	expect_chunk(p, "one");
	ck_assert(peer_write(p, VIEW("two")));
	expect_chunk(p, "two");
	ck_assert(peer_write(p, VIEW("end")));
	expect_chunk(p, "end");
	expect_chunk(p, "");
	/* The connection goes on. */
	ck_assert(peer_write(p, VIEW(CHUNKED("/mirror") "3\r\none\r\n")));
	begins(p);
	expect_chunk(p, "one");
	ck_assert(peer_write(p, VIEW("0\r\n\r\n")));
	expect_chunk(p, "");
	ck_assert_int_eq(peer_ask(p, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n"), 204);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(an_answer_that_ends_first_is_the_last)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert(peer_write(p, VIEW(STREAM("/mirror-ends", "100") "one")));
	begins(p);
	expect_chunk(p, "one");
	expect_chunk(p, "");
	ck_assert(peer_at_end(p));
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(a_stream_may_be_longer_than_a_body)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .body_bytes = 1000 } });
	struct peer *p = peer_open(rig_port(r), NULL);
	static char block[50000];
	struct peer_answer a;
	size_t came = 0;

	memset(block, 'x', sizeof block);
	ck_assert(peer_write(p, VIEW(STREAM("/mirror", "5000000"))));
	begins(p);
	for (int i = 0; i < 100; i++) {
		ck_assert(peer_write(p, view_make(block, sizeof block)));
		while (came < (size_t)(i + 1) * sizeof block) {
			ck_assert(peer_read_chunk(p, &chunk) && chunk.n > 0);
			came += chunk.n;
		}
	}
	expect_chunk(p, "");
	ck_assert_uint_eq(came, 5000000);
	/* What is no stream may not. */
	ck_assert(peer_write(p, VIEW("POST /echo HTTP/1.1\r\nHost: north.example\r\nContent-Length: 1001\r\n\r\n")));
	ck_assert_int_eq(peer_read(p, &a, false), 413);
	buf_free(&a.body);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(a_stream_keeps_a_rate_while_it_is_read)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .body_ms = 500 } });
	struct peer *quick = peer_open(rig_port(r), NULL), *slow = peer_open(rig_port(r), NULL);
	struct peer *late = peer_open(rig_port(r), NULL), *unread = peer_open(rig_port(r), NULL);
	static char block[40000];
	struct peer_answer a;

	memset(block, 'x', sizeof block);
	ck_assert(peer_write(quick, VIEW(STREAM("/hold", "1000000"))));
	ck_assert(peer_write(slow, VIEW(STREAM("/mirror", "1000000"))));
	begins(slow);
	ck_assert(peer_write(late, VIEW(STREAM("/hold", "1000000"))));
	/* Core takes no more of this one than its first credit: that is not the peer's fault. */
	ck_assert(peer_write(unread, VIEW(STREAM("/stingy", "1000000"))));
	for (int i = 0; i < 8; i++)
		ck_assert(peer_write(unread, view_make(block, sizeof block)));
	for (int i = 0; i < 25; i++) {
		ck_assert(peer_write(quick, view_make(block, sizeof block)));
		(void)peer_write(slow, VIEW("x"));
		usleep(60000);
	}
	/* What has begun to be answered can only be cut. */
	while (peer_read_chunk(slow, &chunk))
		;
	ck_assert_int_eq(peer_read(late, &a, false), 408);
	buf_free(&a.body);
	ck_assert_uint_eq(rig_await(r, lasts, 1), 1);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_body_late, 2), 2);
	peer_free(quick);
	peer_free(slow);
	peer_free(late);
	peer_free(unread);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(what_core_may_not_send)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	struct peer_answer a;

	ck_assert(peer_write(p, VIEW(STREAM("/mirror-wrong", "100"))));
	ck_assert_int_eq(peer_read(p, &a, false), 0);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_stream_case(void);
TCase *make_stream_case(void)
{
	TCase *c = tcase_create("stream");

	tcase_set_timeout(c, 30);
	tcase_add_test(c, answers_while_the_body_comes);
	tcase_add_test(c, an_answer_that_ends_first_is_the_last);
	tcase_add_test(c, a_stream_may_be_longer_than_a_body);
	tcase_add_test(c, a_stream_keeps_a_rate_while_it_is_read);
	tcase_add_test(c, what_core_may_not_send);
	return c;
}
