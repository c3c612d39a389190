/* Whose turn it is: what one partner asks at once, reads or lines, does not go ahead of what another asks after it. Judged by the
 * order of answers. */
#include "gatewayd/core/serve/router.h"
#include "test/core/serve/turns_fixture.h"

#define MANY  12
#define MOST  100
#define FIRST 100 /* connection of so many */
#define EMPTY 250000

static uint64_t order[MOST];
static unsigned replies;

static void on_reply(void *arg, const struct frame *fr)
{
	(void)arg;
	if (fr->type == FRAME_REPLY && replies < MOST)
		order[replies++] = fr->id;
}

static void turn_once(void)
{
	ck_assert_int_ne(channel_flush(edge), CHANNEL_DEAD);
	ck_assert_int_eq(event_base_loop(worker->base, EVLOOP_ONCE), 0);
	ck_assert_int_ne(channel_receive(edge, on_reply, NULL), CHANNEL_DEAD);
}

/* Until so many requests are answered. */
static void until(unsigned n)
{
	for (int turns = 0; replies < n && turns < 3000; turns++)
		turn_once();
	ck_assert_uint_eq(replies, n);
}

/* More connections of NORTH_SYSTEM. */
static void open_many(void)
{
	set_up();
	replies = 0;
	for (uint64_t i = 0; i < MANY; i++)
		channel_send(edge, FRAME_OPEN, 0, FIRST + i, buf_view(&f.peer_der), VIEW(""));
	while (!conn_find(worker, FIRST + MANY - 1))
		worker_turn();
	for (uint64_t i = 0; i < MANY; i++)
		pin_of(NORTH_SYSTEM, &conn_find(worker, FIRST + i)->cert.spki);
}

/* Sends it with the next id, and does not wait. */
static void ask_of(const struct ask *a)
{
	struct buf b = BUF_INIT(65536);

	put_ask(a, a->body.n, &b);
	channel_send(edge, FRAME_HEAD, a->body.n ? 0 : FRAME_LAST, ++last_request, buf_view(&b), VIEW(""));
	for (struct view rest = a->body; rest.n > 0;) {
		struct view piece = view_make(rest.p, rest.n < 60000 ? rest.n : 60000);
		rest = view_from(rest, piece.n);
		channel_send(edge, FRAME_BODY, rest.n ? 0 : FRAME_LAST, last_request, piece, VIEW(""));
	}
	buf_free(&b);
}

static void read_by(uint64_t conn)
{
	ask_of(&(struct ask){ .conn = conn, .method = "GET", .target = "/v1/agreements" });
}

static unsigned place_of(uint64_t id)
{
	unsigned i = 0;

	while (i < replies && order[i] != id)
		i++;
	return i;
}

START_TEST(many_reads_of_one_let_another_in)
{
	for (uint64_t i = 0; i < MANY; i++)
		read_by(FIRST + i);
	read_by(SOUTH_SYSTEM);
	until(MANY + 1);
	/* A turn has room for eight that cost nothing beside their place. */
	ck_assert_uint_le(place_of(last_request), 8);
}
END_TEST

/* The same bytes so many times. */
static void stream_by(uint64_t conn, struct view lines, unsigned times)
{
	const struct ask a = {
		.conn = conn, .method = "POST", .target = RECORDS, .fields = { "content-type", "application/x-ndjson" }
	};
	struct buf b = BUF_INIT(65536);

	f.core.conf->node.memory_bytes = f.core.conf->node.partner_memory_bytes = 100 * MIB;
	budget_set(f.core.budget, &f.core.conf->node);
	put_ask(&a, CHANNEL_CHUNKED, &b);
	channel_send(edge, FRAME_HEAD, 0, ++last_request, buf_view(&b), VIEW(""));
	while (times-- > 0)
		channel_send(edge, FRAME_BODY, times ? 0 : FRAME_LAST, last_request, lines, VIEW(""));
	buf_free(&b);
}

/* Streams that cannot go on now: what their partner reads meanwhile does not wait for a turn for each of them. */
START_TEST(streams_that_are_blocked_let_a_read_pass)
{
	for (uint64_t i = 0; i < MANY - 1; i++)
		stream_by(FIRST + i, released_text(), 1);
	worker->decider->n_lines += DECIDER_LINES;
	while (HASH_COUNT(worker->requests) < MANY - 1)
		worker_turn();
	ck_assert_uint_eq(replies, 0);
	read_by(FIRST + MANY - 1);
	for (int turns = 0; turns < 3; turns++)
		turn_once();
	ck_assert(replies == 1 && order[0] == last_request);
	worker->decider->n_lines -= DECIDER_LINES;
	until(MANY);
}
END_TEST

/* Lines that are too long have their results at once: of one stream so many that no more are let wait, and of another as many as
 * fit a turn. */
START_TEST(a_stream_that_is_blocked_lets_another_pass)
{
	const unsigned many = 11000;
	char *lines = arena_alloc(&texts, 5 * many);
	struct request *blocked = NULL, *other = NULL;

	worker->body_bytes = f.core.conf->node.edge.body_bytes = 3;
	for (size_t i = 0; i < many; i++)
		memcpy(lines + 5 * i, "long\n", 5);
	stream_by(FIRST, view_make(lines, 5 * many), 4);
	while (!blocked || answer_waiting(blocked) < TURNS_RESULTS) {
		worker_turn();
		blocked = request_find(worker, last_request);
	}
	stream_by(FIRST + 1, view_make(lines, 500), 1);
	for (int turns = 0; turns < 8; turns++) {
		worker_turn();
		other = request_find(worker, last_request);
		if (other && other->ends_answer)
			break;
	}
	ck_assert(!other || other->ends_answer);
	channel_send(edge, FRAME_ABORT, 0, last_request - 1, VIEW(""), VIEW(""));
	while (worker->requests)
		worker_turn();
}
END_TEST

/* All of it is there, and nothing of it has to wait: it is begun in turns all the same, and frames are read between them. */
START_TEST(lines_begin_a_few_at_a_time)
{
	char *lines = arena_alloc(&texts, 5000);
	unsigned turns = 0;

	for (size_t i = 0; i < 1000; i++)
		memcpy(lines + 5 * i, "long\n", 5);
	worker->body_bytes = f.core.conf->node.edge.body_bytes = 3;
	stream_by(SOUTH_SYSTEM, view_make(lines, 5000), 1);
	for (int i = 0; i < 20 && !request_find(worker, last_request); i++)
		turn_once();
	for (; request_find(worker, last_request) && turns < 300; turns++)
		turn_once();
	/* Two dozen in a turn, and at most a turn for what was read and one for what was left. */
	ck_assert_uint_ge(turns, 1000 / 24 / 2 - 5);
	ck_assert_uint_lt(turns, 300);
}
END_TEST

/* A page that takes the worker a while. */
static void answer_slowly(struct request *r)
{
	for (int64_t until = instant_monotonic_us() + 5000; instant_monotonic_us() < until;)
		;
	answer_text(r, 200, VIEW("text/plain"), VIEW("read"));
}

static const struct route slow_routes[] = {
	{ "GET", "/v1/agreements", ANY_ROLE, .handle = answer_slowly },
	{ "POST", "/v1/agreements/*/records", ROLE(SYSTEM) | ROLE(GATEWAY), .handle = handle_records, .decides = true,
	  .streams = true },
	{ .path = NULL },
};

/* What it has cost is held against a partner also when it asks one by one, and never has a second request waiting. */
START_TEST(reads_one_by_one_pay_for_what_they_take)
{
	char *lines = arena_alloc(&texts, 5000);
	unsigned asked_for = 1;

	for (size_t i = 0; i < 1000; i++)
		memcpy(lines + 5 * i, "long\n", 5);
	f.core.routes = slow_routes;
	worker->body_bytes = f.core.conf->node.edge.body_bytes = 3;
	read_by(FIRST);
	stream_by(SOUTH_SYSTEM, view_make(lines, 5000), 1);
	uint64_t stream = last_request;
	for (int i = 0; i < 300 && (i < 3 || request_find(worker, stream)); i++) {
		turn_once();
		/* The stream has a reply, too. */
		if (replies - (place_of(stream) < replies) < asked_for)
			continue;
		asked_for++;
		read_by(FIRST);
	}
	ck_assert_ptr_null(request_find(worker, stream));
	/* A thousand lines cost as much as some thirteen such pages. */
	ck_assert_uint_le(asked_for, 20);
	until(asked_for + 1);
}
END_TEST

START_TEST(who_goes_away_before_its_turn_is_not_answered)
{
	for (uint64_t i = 0; i < MANY; i++)
		read_by(FIRST + i);
	channel_send(edge, FRAME_ABORT, 0, last_request, VIEW(""), VIEW(""));
	until(MANY - 1);
	while (worker->requests)
		worker_turn();
	ck_assert_uint_eq(place_of(last_request), MANY - 1);
}
END_TEST

START_TEST(empty_lines_are_passed_over_in_turns)
{
	char *lines = arena_alloc(&texts, EMPTY);

	memset(lines, '\n', EMPTY);
	ask_of(&(struct ask){ .conn = NORTH_SYSTEM,
	                      .method = "POST",
	                      .target = RECORDS,
	                      .fields = { "content-type", "application/x-ndjson" },
	                      .body = view_make(lines, EMPTY) });
	read_by(SOUTH_SYSTEM);
	until(2);
	ck_assert_uint_eq(place_of(last_request), 0);
}
END_TEST

/* As many empty lines as a batch may have lines are a batch, and one more is a stream: the same results. */
START_TEST(lines_among_empty_ones_have_their_results)
{
	struct view line = released_text();
	struct buf body = BUF_INIT(1u << 20);

	for (unsigned n = 1000; n <= 20000; n += n == 1000 ? 1 : 18999) {
		buf_reset(&body);
		for (unsigned i = 0; i < n; i++)
			buf_addc(&body, '\n');
		buf_add(&body, line);
		ck_assert_int_eq(asked(&(struct ask){ .conn = NORTH_SYSTEM,
		                                      .method = "POST",
		                                      .target = RECORDS,
		                                      .fields = { "content-type", "application/x-ndjson" },
		                                      .body = buf_view(&body) }),
		                 200);
		ck_assert_uint_eq(results(), 1);
		ck_assert_ptr_nonnull(memmem(answer_seen.body.p, answer_seen.body.n, "\"status\":201", 12));
	}
	buf_free(&body);
}
END_TEST

TCase *make_shares_case(void);
TCase *make_shares_case(void)
{
	TCase *c = tcase_create("shares");

	tcase_add_checked_fixture(c, open_many, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, many_reads_of_one_let_another_in);
	tcase_add_test(c, streams_that_are_blocked_let_a_read_pass);
	tcase_add_test(c, a_stream_that_is_blocked_lets_another_pass);
	tcase_add_test(c, lines_begin_a_few_at_a_time);
	tcase_add_test(c, reads_one_by_one_pay_for_what_they_take);
	tcase_add_test(c, who_goes_away_before_its_turn_is_not_answered);
	tcase_add_test(c, empty_lines_are_passed_over_in_turns);
	tcase_add_test(c, lines_among_empty_ones_have_their_results);
	return c;
}
