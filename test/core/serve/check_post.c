/* A request to a partner: what goes to the edge, and how each answer ends it. */
#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/core/serve/post.h"

#define ANSWER_MAX 100

/* The edge's side of the channel, and a worker that is nothing but its own side. */
struct rig {
	struct worker worker;
	struct channel *edge;
	struct post post;
	struct partner partner;
	unsigned ends;
	bool again; /* the first end sends the post once more */
	unsigned frames, bodies, aborts, last;
	uint64_t id;
	unsigned credit, again_frames;
	struct buf head, body;
};

static bool send_it(struct rig *r, const char *method)
{
	struct post_head head = { .to = &r->partner,
		                  .method = method,
		                  .target = "/there",
		                  .content_type = "text/plain",
		                  .key = "a-key",
		                  .deadline_ms = 1234 };

	return post_send(&r->worker, &r->post, &head);
}

static void ended(void *arg)
{
	struct rig *r = arg;

	r->ends++;
	if (r->again && r->ends == 1)
		ck_assert(send_it(r, "POST"));
}

static void rig_open(struct rig *r)
{
	int pair[2];

	*r = (struct rig){ .head = BUF_INIT(65536), .body = BUF_INIT(4u << 20) };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	r->worker.channel = channel_new(pair[0], 8u << 20);
	r->edge = channel_new(pair[1], 8u << 20);
	ck_assert(r->worker.channel && r->edge);
	r->partner = (struct partner){ .host = "gw.south.example", .port = 8443, .n_pins = 1 };
	memset(r->partner.pins[0].b, 'p', 32);
	r->post = (struct post){ .ended = ended, .arg = r, .answer = BUF_INIT(ANSWER_MAX) };
}

static void rig_close(struct rig *r)
{
	post_drop(&r->post);
	ck_assert_ptr_null(r->worker.posts);
	buf_free(&r->head);
	buf_free(&r->body);
	channel_free(r->worker.channel);
	channel_free(r->edge);
}

static void at_edge(void *arg, const struct frame *f)
{
	struct rig *r = arg;

	r->frames++;
	r->id = f->id;
	if (f->type == FRAME_OUTBOUND) {
		buf_reset(&r->head);
		buf_add(&r->head, f->payload);
	} else if (f->type == FRAME_BODY) {
		r->bodies++;
		buf_add(&r->body, f->payload);
	} else if (f->type == FRAME_ABORT) {
		r->aborts++;
	}
	r->last += f->flags & FRAME_LAST;
	r->again_frames += f->type == FRAME_OUTBOUND && f->flags & FRAME_AGAIN;
	if (f->type == FRAME_CREDIT) {
		struct reader in = { .rest = f->payload };
		r->credit += read_u32(&in);
	}
}

/* What the worker sent arrives. */
static void deliver(struct rig *r)
{
	while (channel_queued(r->worker.channel)) {
		ck_assert_int_ne(channel_flush(r->worker.channel), CHANNEL_DEAD);
		ck_assert_int_ne(channel_receive(r->edge, at_edge, r), CHANNEL_DEAD);
	}
	ck_assert_int_ne(channel_receive(r->edge, at_edge, r), CHANNEL_DEAD);
}

static void frame(struct rig *r, enum frame_type type, uint8_t flags, struct view payload)
{
	struct frame f = { .type = type, .flags = flags, .id = r->post.id, .payload = payload };

	post_frame(&r->worker, &f);
}

static void reply(struct rig *r, int status, const char *error, const char *body, uint8_t flags)
{
	struct buf b = BUF_INIT(4096);

	put_u16(&b, (uint16_t)status);
	put_u64(&b, strlen(body));
	if (error) {
		put_view16(&b, VIEW("error"));
		put_view16(&b, view_of(error));
	}
	put_u16(&b, 0);
	buf_adds(&b, body);
	frame(r, FRAME_REPLY, flags, buf_view(&b));
	buf_free(&b);
}

START_TEST(head_without_a_body)
{
	struct rig r;

	rig_open(&r);
	ck_assert(send_it(&r, "GET"));
	deliver(&r);
	ck_assert_uint_eq(r.frames, 1);
	ck_assert_uint_eq(r.last, 1);
	ck_assert(r.id & CHANNEL_OUTBOUND);
	struct reader in = { .rest = buf_view(&r.head) };
	ck_assert(view_is(read_view16(&in), "gw.south.example"));
	ck_assert(view_is(read_view16(&in), "8443"));
	ck_assert(view_is(read_view16(&in), "gw.south.example"));
	ck_assert_uint_eq(read_u8(&in), 1);
	ck_assert(view_eq(read_bytes(&in, 32), view_make(r.partner.pins[0].b, 32)));
	ck_assert_uint_eq(read_u64(&in), 1234);
	ck_assert_uint_eq(read_u64(&in), 0);
	ck_assert(view_is(read_view16(&in), "GET"));
	ck_assert(view_is(read_view16(&in), "/there"));
	ck_assert(view_is(read_view16(&in), "idempotency-key"));
	ck_assert(view_is(read_view16(&in), "a-key"));
	ck_assert_uint_eq(read_u16(&in), 0);
	ck_assert(!in.failed && in.rest.n == 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_long_body_waits_for_credit)
{
	struct rig r;
	struct buf long_body = BUF_INIT(2u << 20), credit = BUF_INIT(4);

	rig_open(&r);
	for (size_t i = 0; i < CHANNEL_CREDIT + 1000; i++)
		buf_addc(&long_body, (char)('a' + i % 26));
	r.post.body = buf_view(&long_body);
	ck_assert(send_it(&r, "POST"));
	deliver(&r);
	ck_assert_uint_eq(r.body.n, CHANNEL_CREDIT);
	ck_assert_uint_eq(r.last, 0);
	put_u32(&credit, UINT32_MAX); /* more than there can be: counts for nothing */
	r.post.credit = 1;
	frame(&r, FRAME_CREDIT, 0, buf_view(&credit));
	deliver(&r);
	ck_assert_uint_eq(r.body.n, CHANNEL_CREDIT + 1);
	buf_reset(&credit);
	put_u32(&credit, 5000);
	frame(&r, FRAME_CREDIT, 0, buf_view(&credit));
	deliver(&r);
	ck_assert(view_eq(buf_view(&r.body), buf_view(&long_body)));
	ck_assert_uint_eq(r.last, 1);
	ck_assert_uint_eq(r.ends, 0);
	buf_free(&long_body);
	buf_free(&credit);
	rig_close(&r);
}
END_TEST

START_TEST(an_answer_in_pieces)
{
	struct rig r;

	rig_open(&r);
	ck_assert(send_it(&r, "GET"));
	reply(&r, 201, NULL, "one ", 0);
	ck_assert_uint_eq(r.ends, 0);
	frame(&r, FRAME_BODY, 0, VIEW("two "));
	frame(&r, FRAME_BODY, FRAME_LAST, VIEW("three"));
	ck_assert_uint_eq(r.ends, 1);
	ck_assert_int_eq(r.post.status, 201);
	ck_assert(view_is(buf_view(&r.post.answer), "one two three"));
	frame(&r, FRAME_BODY, FRAME_LAST, VIEW("more"));
	ck_assert_uint_eq(r.ends, 1);
	rig_close(&r);
}
END_TEST

/* The edge passes on so much as core gave credit for: an answer longer than that is given more as it comes. */
START_TEST(a_long_answer_is_given_credit)
{
	struct rig r;
	struct buf piece = BUF_INIT(CHANNEL_CREDIT);

	rig_open(&r);
	r.post.answer = BUF_INIT(2 * CHANNEL_CREDIT);
	for (unsigned i = 0; i < CHANNEL_CREDIT / 8; i++)
		buf_addc(&piece, 'x');
	ck_assert(send_it(&r, "GET"));
	reply(&r, 200, NULL, "", 0);
	for (unsigned i = 0; i < 8; i++)
		frame(&r, FRAME_BODY, 0, buf_view(&piece));
	deliver(&r);
	ck_assert_uint_eq(r.credit, CHANNEL_CREDIT);
	frame(&r, FRAME_BODY, FRAME_LAST, VIEW("end"));
	ck_assert_uint_eq(r.ends, 1);
	ck_assert_uint_eq(r.post.answer.n, CHANNEL_CREDIT + 3);
	buf_free(&piece);
	rig_close(&r);
}
END_TEST

START_TEST(what_may_be_repeated_says_so)
{
	struct rig r;
	struct post_head head = { .to = &r.partner, .method = "POST", .target = "/there", .repeatable = true };

	rig_open(&r);
	ck_assert(post_send(&r.worker, &r.post, &head));
	deliver(&r);
	ck_assert_uint_eq(r.again_frames, 1);
	ck_assert(send_it(&r, "GET"));
	deliver(&r);
	ck_assert_uint_eq(r.again_frames, 1);
	rig_close(&r);
}
END_TEST

START_TEST(no_answer)
{
	struct rig r;

	rig_open(&r);
	ck_assert(send_it(&r, "GET"));
	reply(&r, 0, "the partner's key is not one that is pinned", "", FRAME_LAST);
	ck_assert_int_eq(r.post.status, 0);
	ck_assert_str_eq(r.post.problem, "the partner's key is not one that is pinned");

	ck_assert(send_it(&r, "GET"));
	reply(&r, 200, NULL, "half", 0);
	frame(&r, FRAME_ABORT, 0, VIEW(""));
	ck_assert_int_eq(r.post.status, 0);
	ck_assert_str_eq(r.post.problem, "no answer came");

	ck_assert(send_it(&r, "GET"));
	frame(&r, FRAME_REPLY, FRAME_LAST, VIEW("\x01")); /* cut */
	ck_assert_int_eq(r.post.status, 0);

	ck_assert(send_it(&r, "GET"));
	frame(&r, FRAME_BODY, FRAME_LAST, VIEW("before any reply"));
	ck_assert_int_eq(r.post.status, 0);
	ck_assert_uint_eq(r.ends, 4);
	ck_assert_uint_eq(r.aborts, 0);
	rig_close(&r);
}
END_TEST

START_TEST(an_answer_above_the_ceiling)
{
	struct rig r;
	char much[ANSWER_MAX];

	rig_open(&r);
	memset(much, 'x', sizeof much);
	ck_assert(send_it(&r, "GET"));
	reply(&r, 200, NULL, "y", 0);
	frame(&r, FRAME_BODY, 0, view_make(much, sizeof much));
	ck_assert_uint_eq(r.ends, 1);
	ck_assert_int_eq(r.post.status, 0);
	ck_assert_str_eq(r.post.problem, "the answer is too large");
	deliver(&r);
	ck_assert_uint_eq(r.aborts, 1);
	frame(&r, FRAME_BODY, FRAME_LAST, VIEW("late"));
	ck_assert_uint_eq(r.ends, 1);
	rig_close(&r);
}
END_TEST

START_TEST(sent_again_at_its_end)
{
	struct rig r;
	uint64_t first;

	rig_open(&r);
	r.again = true;
	ck_assert(send_it(&r, "GET"));
	first = r.post.id;
	reply(&r, 409, NULL, "first", FRAME_LAST);
	ck_assert_uint_ne(r.post.id, first);
	ck_assert_uint_eq(r.post.answer.n, 0);
	reply(&r, 200, NULL, "second", FRAME_LAST);
	ck_assert_uint_eq(r.ends, 2);
	ck_assert_int_eq(r.post.status, 200);
	ck_assert(view_is(buf_view(&r.post.answer), "second"));
	rig_close(&r);
}
END_TEST

START_TEST(what_cannot_be_sent_never_ends)
{
	struct rig r;
	char target[70000];
	struct post_head head;

	rig_open(&r);
	memset(target, 't', sizeof target);
	target[sizeof target - 1] = 0;
	head = (struct post_head){ .to = &r.partner, .method = "GET", .target = target, .deadline_ms = 1 };
	ck_assert(!post_send(&r.worker, &r.post, &head));
	ck_assert(r.post.problem[0]);
	ck_assert_ptr_null(r.worker.posts);
	/* One that its owner gave up is not called either. */
	ck_assert(send_it(&r, "GET"));
	post_drop(&r.post);
	reply(&r, 200, NULL, "x", FRAME_LAST);
	ck_assert_uint_eq(r.ends, 0);
	rig_close(&r);
}
END_TEST

TCase *make_post_case(void);
TCase *make_post_case(void)
{
	TCase *c = tcase_create("post");

	tcase_add_test(c, head_without_a_body);
	tcase_add_test(c, a_long_body_waits_for_credit);
	tcase_add_test(c, an_answer_in_pieces);
	tcase_add_test(c, a_long_answer_is_given_credit);
	tcase_add_test(c, what_may_be_repeated_says_so);
	tcase_add_test(c, no_answer);
	tcase_add_test(c, an_answer_above_the_ceiling);
	tcase_add_test(c, sent_again_at_its_end);
	tcase_add_test(c, what_cannot_be_sent_never_ends);
	return c;
}
