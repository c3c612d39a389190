/* The channel: frames in any pieces, both directions, and what makes it dead. */
#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/channel.h"

struct seen {
	unsigned n;
	uint64_t id;
	enum frame_type type;
	uint8_t flags;
	struct buf bytes;
};

static void note(void *arg, const struct frame *f)
{
	struct seen *s = arg;

	s->n++;
	s->id = f->id;
	s->type = f->type;
	s->flags = f->flags;
	buf_add(&s->bytes, f->payload);
}

START_TEST(frames_arrive_whole_in_any_pieces)
{
	static const char raw[] = "\x00\x00\x00\x05\x03\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"
	                          "hello";
	int pair[2];
	struct seen s = { .bytes = BUF_INIT(100) };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct channel *c = channel_new(pair[0], 1 << 20);
	ck_assert_ptr_nonnull(c);
	for (size_t i = 0; i < sizeof raw - 1; i++) {
		ck_assert_uint_eq(s.n, 0);
		ck_assert_int_eq(write(pair[1], raw + i, 1), 1);
		ck_assert_int_eq(channel_receive(c, note, &s), CHANNEL_IDLE);
	}
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(s.id, 7);
	ck_assert_int_eq(s.type, FRAME_CLOSE);
	ck_assert_uint_eq(s.flags, FRAME_LAST);
	ck_assert(view_is(buf_view(&s.bytes), "hello"));
	buf_free(&s.bytes);
	channel_free(c);
	close(pair[1]);
}
END_TEST

START_TEST(many_frames_in_one_write_both_ways)
{
	int pair[2];
	struct seen s = { .bytes = BUF_INIT(64 << 20) };
	char big[CHANNEL_PAYLOAD_MAX];
	enum channel_state state = CHANNEL_IDLE;

	memset(big, 'x', sizeof big);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct channel *a = channel_new(pair[0], 64 << 20), *b = channel_new(pair[1], 64 << 20);
	for (uint64_t i = 0; i < 200; i++)
		ck_assert(channel_send(a, FRAME_BODY, 0, i, view_make(big, sizeof big / 2),
		                       view_make(big, sizeof big / 2)));
	for (int turn = 0; turn < 10000 && s.n < 200; turn++) {
		state = channel_flush(a);
		ck_assert_int_ne(state, CHANNEL_DEAD);
		ck_assert_int_ne(channel_receive(b, note, &s), CHANNEL_DEAD);
	}
	ck_assert_uint_eq(s.n, 200);
	ck_assert_uint_eq(s.id, 199);
	ck_assert_uint_eq(s.bytes.n, 200 * (sizeof big / 2 * 2));
	ck_assert_int_eq(channel_flush(a), CHANNEL_IDLE);
	ck_assert_uint_eq(channel_queued(a), 0);
	buf_free(&s.bytes);
	channel_free(a);
	channel_free(b);
}
END_TEST

static void dies_of(const char *raw, size_t n)
{
	int pair[2];
	struct seen s = { .bytes = BUF_INIT(100) };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct channel *c = channel_new(pair[0], 1 << 20);
	ck_assert_int_eq(write(pair[1], raw, n), (ssize_t)n);
	ck_assert_int_eq(channel_receive(c, note, &s), CHANNEL_DEAD);
	ck_assert_uint_eq(s.n, 0);
	ck_assert(!channel_send(c, FRAME_BODY, 0, 1, VIEW(""), VIEW("")));
	channel_free(c);
	close(pair[1]);
}

START_TEST(malformed_frames_kill_it)
{
	/* Longer than a frame may be; type 0; an unknown type; the reserved bytes set. */
	dies_of("\x00\x01\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
	dies_of("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
	dies_of("\x00\x00\x00\x00\x7f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
	dies_of("\x00\x00\x00\x00\x03\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01", 16);
}
END_TEST

START_TEST(the_other_sides_end_kills_it)
{
	int pair[2];
	struct seen s = { .bytes = BUF_INIT(100) };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct channel *c = channel_new(pair[0], 1 << 20);
	close(pair[1]);
	ck_assert_int_eq(channel_receive(c, note, &s), CHANNEL_DEAD);
	channel_free(c);
}
END_TEST

START_TEST(a_queue_past_its_ceiling_and_a_long_frame_are_refused)
{
	int pair[2];
	static char big[CHANNEL_PAYLOAD_MAX + 1];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct channel *c = channel_new(pair[0], 4096);
	ck_assert(!channel_send(c, FRAME_BODY, 0, 1, view_make(big, sizeof big), VIEW("")));
	ck_assert_int_eq(channel_flush(c), CHANNEL_IDLE);
	ck_assert(!channel_send(c, FRAME_BODY, 0, 1, view_make(big, 5000), VIEW("")));
	ck_assert_int_eq(channel_flush(c), CHANNEL_DEAD);
	channel_free(c);
	close(pair[1]);
}
END_TEST

START_TEST(bodies_leave_as_far_as_credit_goes)
{
	int pair[2];
	struct seen s = { .bytes = BUF_INIT(1 << 20) };
	static char big[2 * CHANNEL_PAYLOAD_MAX];
	struct view body = view_make(big, sizeof big);
	size_t sent = 0;
	uint32_t credit = CHANNEL_PAYLOAD_MAX + 10;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct channel *a = channel_new(pair[0], 1 << 20), *b = channel_new(pair[1], 1 << 20);
	channel_send_body(a, 5, body, &sent, &credit);
	ck_assert_uint_eq(sent, CHANNEL_PAYLOAD_MAX + 10);
	ck_assert_uint_eq(credit, 0);
	channel_send_body(a, 5, body, &sent, &credit);
	ck_assert_uint_eq(sent, CHANNEL_PAYLOAD_MAX + 10);
	credit = CHANNEL_CREDIT;
	channel_send_body(a, 5, body, &sent, &credit);
	ck_assert_uint_eq(sent, sizeof big);
	ck_assert_uint_eq(credit, CHANNEL_CREDIT - (CHANNEL_PAYLOAD_MAX - 10));
	for (int turn = 0; turn < 1000 && s.n < 3; turn++) {
		ck_assert_int_ne(channel_flush(a), CHANNEL_DEAD);
		ck_assert_int_ne(channel_receive(b, note, &s), CHANNEL_DEAD);
		ck_assert_uint_eq(s.flags, s.n == 3 ? FRAME_LAST : 0);
	}
	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.bytes.n, sizeof big);
	buf_free(&s.bytes);
	channel_free(a);
	channel_free(b);
}
END_TEST

START_TEST(replies_are_read_whole_or_not_at_all)
{
	struct buf b = BUF_INIT(200);
	struct channel_reply reply;

	put_u16(&b, 0);
	put_u64(&b, 4);
	put_view16(&b, VIEW("error"));
	put_view16(&b, VIEW("no route"));
	put_u16(&b, 0);
	buf_adds(&b, "body");
	struct frame f = { .type = FRAME_REPLY, .payload = buf_view(&b) };
	ck_assert(channel_read_reply(&f, &reply));
	ck_assert_int_eq(reply.status, 0);
	ck_assert(view_is(reply.error, "no route"));
	ck_assert(view_is(reply.body, "body"));
	for (size_t n = 0; n < b.n - 4; n++) {
		f.payload.n = n;
		/* Without the zero that ends the fields there is no telling where the body begins. */
		ck_assert_msg(!channel_read_reply(&f, &reply), "%zu", n);
	}
	/* With a status the field is the partner's, not the edge's. */
	b.p[1] = (char)201;
	f.payload = buf_view(&b);
	ck_assert(channel_read_reply(&f, &reply) && reply.status == 201 && reply.error.n == 0);
	buf_free(&b);
}
END_TEST

TCase *make_channel_case(void);
TCase *make_channel_case(void)
{
	TCase *c = tcase_create("channel");

	tcase_add_test(c, frames_arrive_whole_in_any_pieces);
	tcase_add_test(c, many_frames_in_one_write_both_ways);
	tcase_add_test(c, malformed_frames_kill_it);
	tcase_add_test(c, the_other_sides_end_kills_it);
	tcase_add_test(c, a_queue_past_its_ceiling_and_a_long_frame_are_refused);
	tcase_add_test(c, bodies_leave_as_far_as_credit_goes);
	tcase_add_test(c, replies_are_read_whole_or_not_at_all);
	return c;
}
