/* What of a worker's requests goes on, and when: bodies that wait for room, lines that take turns, and an edge that does not
 * keep to what it was granted. */
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/turns.h"
#include "test/core/worker_fixture.h"

#define MIB     (UINT64_C(1) << 20)
#define RECORDS "/v1/agreements/pnr/records"

static struct account *account;

static void set_up(void)
{
	worker_open();
	f.core.die_fd = -1;
	f.core.conf->node.memory_bytes = 8 * MIB;
	f.core.conf->node.partner_memory_bytes = 4 * MIB;
	f.core.conf->node.jobs = 64;
	f.core.conf->node.partner_jobs = 4;
	f.core.conf->node.edge.connections = 100;
	f.core.conf->node.edge.body_bytes = 1u << 20;
	f.core.conf->node.lines = 1000;
	budget_set(f.core.budget, &f.core.conf->node);
	account = budget_account(f.core.budget, core_partner(&f, NORTH_SYSTEM));
}

static void tear_down(void)
{
	struct budget_state all;

	if (!worker->broken) {
		worker_settle();
		budget_state(f.core.budget, &all);
		ck_assert_uint_eq(all.bytes, 0);
		ck_assert_uint_eq(all.jobs, 0);
		ck_assert_uint_eq(all.waiting, 0);
	}
	worker_close();
}

static struct view padded(size_t size)
{
	char *p = arena_alloc(&texts, size);
	struct view text = released_text();

	memset(p, ' ', size);
	memcpy(p, text.p, text.n);
	return view_make(p, size);
}

static void head(struct view body, const char *type)
{
	const struct ask a = {
		.conn = NORTH_SYSTEM, .method = "POST", .target = RECORDS, .fields = { "content-type", type }
	};
	struct buf b = BUF_INIT(65536);

	put_ask(&a, body.n, &b);
	buf_reset(&answer_seen.body);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	answer_seen.status = 0;
	answer_seen.credit = CHANNEL_CREDIT;
	channel_send(edge, FRAME_HEAD, 0, last_request, buf_view(&b), VIEW(""));
	buf_free(&b);
}

static void turns(int n)
{
	while (n-- > 0)
		worker_turn();
}

static unsigned waiting(void)
{
	struct budget_state all;

	budget_state(f.core.budget, &all);
	return all.waiting;
}

START_TEST(a_large_body_is_not_read_before_there_is_room)
{
	struct view body = padded(400000);

	budget_add(f.core.budget, account, 3 * MIB);
	head(body, "application/json");
	unsigned before = credited;
	answer_seen.credit = 0;
	for (size_t at = 0; at < CHANNEL_CREDIT; at += CHANNEL_CREDIT / 8)
		channel_send(edge, FRAME_BODY, 0, last_request, view_make(body.p + at, CHANNEL_CREDIT / 8), VIEW(""));
	turns(3);
	ck_assert_uint_eq(credited, before);
	ck_assert_uint_eq(waiting(), 1);
	budget_give(f.core.budget, account, 0, 3 * MIB);
	while (credited == before)
		worker_turn();
	send_body(view_from(body, CHANNEL_CREDIT));
	worker_until(&answer_seen.done);
	ck_assert_int_eq(answer_seen.status, 201);
}
END_TEST

START_TEST(a_small_one_that_came_whole_goes_on_when_there_is_room)
{
	budget_add(f.core.budget, account, 3 * MIB);
	head(released_text(), "application/json");
	send_body(released_text());
	turns(3);
	ck_assert(!answer_seen.done && waiting() == 1);
	budget_give(f.core.budget, account, 0, 3 * MIB);
	worker_until(&answer_seen.done);
	ck_assert_int_eq(answer_seen.status, 201);
}
END_TEST

START_TEST(what_waited_too_long_is_told_to_come_again)
{
	budget_add(f.core.budget, account, 3 * MIB);
	worker->wait_ms = f.core.conf->node.wait_ms = 150;
	ck_assert_int_eq(posted(NORTH_SYSTEM, RECORDS, released_text()), 503);
	is_problem(503, "busy");
	ck_assert_str_eq(answer_seen.retry_after, "2");
	/* Another partner is not concerned, and the first one when it has room again. */
	ck_assert_int_ne(posted(SOUTH_SYSTEM, RECORDS, released_text()), 503);
	budget_give(f.core.budget, account, 0, 3 * MIB);
	ck_assert_int_eq(posted(NORTH_SYSTEM, RECORDS, released_text()), 201);
	ck_assert_uint_eq(account->turned_away, 1);
}
END_TEST

START_TEST(too_many_may_not_even_wait)
{
	budget_add(f.core.budget, account, 3 * MIB);
	ck_assert(budget_wait(f.core.budget, account, 2 * MIB));
	posted(NORTH_SYSTEM, RECORDS, released_text());
	is_problem(503, "busy");
	budget_waited(f.core.budget, account, 2 * MIB, false);
	budget_give(f.core.budget, account, 0, 3 * MIB);
}
END_TEST

START_TEST(a_first_line_that_finds_no_turn_is_told_to_come_again)
{
	uint64_t bytes = 4 * MIB;

	worker->wait_ms = f.core.conf->node.wait_ms = 150;
	ck_assert(budget_take_lines(f.core.budget, account, 4, bytes / 4));
	posted(NORTH_SYSTEM, RECORDS, released_text());
	is_problem(503, "busy");
	asked(&(struct ask){ .conn = NORTH_SYSTEM,
	                     .method = "POST",
	                     .target = RECORDS,
	                     .fields = { "content-type", "application/x-ndjson" },
	                     .body = released_text() });
	is_problem(503, "busy");
	budget_give(f.core.budget, account, 4, bytes / 4);
}
END_TEST

static struct view lines_of(unsigned n)
{
	struct buf b = BUF_INIT(16u << 20);

	for (unsigned i = 0; i < n; i++)
		buf_adds(&b, i % 50 == 49 ? "[]\n" : "{}\n");
	struct view v = arena_copy(&texts, buf_view(&b));
	buf_free(&b);
	return v;
}

START_TEST(lines_begin_as_others_come_home)
{
	f.core.conf->node.partner_jobs = 32;
	budget_set(f.core.budget, &f.core.conf->node);
	asked(&(struct ask){ .conn = NORTH_SYSTEM,
	                     .method = "POST",
	                     .target = RECORDS,
	                     .fields = { "content-type", "application/x-ndjson" },
	                     .body = lines_of(300) });
	struct view rest = buf_view(&answer_seen.body);
	unsigned n = 0;
	while (rest.n) {
		struct view line = view_cut(&rest, '\n');
		json_t *doc = json_loadb(line.p, line.n, 0, NULL);
		ck_assert_int_eq(json_integer_value(json_object_get(doc, "status")), 422);
		json_decref(doc);
		n++;
	}
	ck_assert_int_eq(answer_seen.status, 200);
	ck_assert_uint_eq(n, 300);
}
END_TEST

START_TEST(nothing_more_begins_for_who_went_away)
{
	struct writer_stats before, after;
	struct view body = lines_of(1000);

	let_write();
	writer_stats(f.log.writer, &before);
	head(body, "application/x-ndjson");
	send_body(body);
	worker_turn();
	channel_send(edge, FRAME_ABORT, 0, last_request, VIEW(""), VIEW(""));
	while (worker->requests)
		worker_turn();
	let_write();
	writer_stats(f.log.writer, &after);
	ck_assert_uint_lt(after.entries - before.entries, 900);
}
END_TEST

START_TEST(who_goes_away_while_waiting_leaves_nothing)
{
	budget_add(f.core.budget, account, 3 * MIB);
	head(released_text(), "application/json");
	send_body(released_text());
	worker_turn();
	channel_send(edge, FRAME_ABORT, 0, last_request, VIEW(""), VIEW(""));
	while (worker->requests)
		worker_turn();
	ck_assert_uint_eq(waiting(), 0);
	budget_give(f.core.budget, account, 0, 3 * MIB);
}
END_TEST

/* --- rates --- */

START_TEST(a_partner_has_rates)
{
	struct partner *p = &f.core.conf->partners[NORTH_SYSTEM];

	posted(NORTH_SYSTEM, RECORDS, released_text());
	ck_assert_str_eq(answer_seen.rate, "");
	p->rates = (struct rates){ .day_records = 6 };
	ck_assert_int_eq(posted(NORTH_SYSTEM, RECORDS, released_text()), 201);
	ck_assert_str_eq(answer_seen.policy, "\"records-day\";q=6;w=86400");
	ck_assert(strncmp(answer_seen.rate, "\"records-day\";r=5;t=", 20) == 0);
	/* A refusal counts as five. */
	ck_assert_int_eq(posted(NORTH_SYSTEM, RECORDS, VIEW("{}")), 422);
	ck_assert(strncmp(answer_seen.rate, "\"records-day\";r=0;t=", 20) == 0);
	posted(NORTH_SYSTEM, RECORDS, released_text());
	is_problem(429, "rate-limited");
	ck_assert(answer_seen.retry_after[0] >= '1' && answer_seen.retry_after[0] <= '9');
	ck_assert_str_eq(answer_seen.policy, "\"records-day\";q=6;w=86400");
	posted(NORTH_SYSTEM, "/v1/agreements/pnr/validate", released_text());
	is_problem(429, "rate-limited");
	asked(&(struct ask){ .conn = NORTH_SYSTEM,
	                     .method = "POST",
	                     .target = RECORDS,
	                     .fields = { "content-type", "application/x-ndjson" },
	                     .body = lines_of(3) });
	is_problem(429, "rate-limited");
	ck_assert_int_ne(posted(SOUTH_SYSTEM, RECORDS, released_text()), 429);
	p->rates = (struct rates){ .day_records = 0 };
	ck_assert_int_eq(posted(NORTH_SYSTEM, RECORDS, released_text()), 201);
}
END_TEST

START_TEST(lines_count_each)
{
	f.core.conf->partners[NORTH_SYSTEM].rates = (struct rates){ .day_records = 1000, .day_bytes = 10000 };
	asked(&(struct ask){ .conn = NORTH_SYSTEM,
	                     .method = "POST",
	                     .target = RECORDS,
	                     .fields = { "content-type", "application/x-ndjson" },
	                     .body = lines_of(30) });
	ck_assert(strstr(answer_seen.rate, "\"records-day\";r=850;t="));
	ck_assert(strstr(answer_seen.rate, "\"bytes-day\";r=9910;t="));
}
END_TEST

/* --- streams --- */

static void stream_head(const char *field, const char *value)
{
	const struct ask a = { .conn = NORTH_SYSTEM,
		               .method = "POST",
		               .target = RECORDS,
		               .fields = { "content-type", "application/x-ndjson", field, value } };
	struct buf b = BUF_INIT(65536);

	put_ask(&a, CHANNEL_CHUNKED, &b);
	buf_reset(&answer_seen.body);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	answer_seen.status = 0;
	answer_seen.credit = CHANNEL_CREDIT;
	channel_send(edge, FRAME_HEAD, 0, last_request, buf_view(&b), VIEW(""));
	buf_free(&b);
}

static void stream_body(struct view bytes, bool last)
{
	channel_send(edge, FRAME_BODY, last ? FRAME_LAST : 0, last_request, bytes, VIEW(""));
}

/* Results so far. */
static unsigned results(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < answer_seen.body.n; i++)
		n += answer_seen.body.p[i] == '\n';
	return n;
}

static void await_results(unsigned n)
{
	for (int i = 0; results() < n && i < 300; i++)
		worker_turn();
	ck_assert_uint_eq(results(), n);
}

/* The last result is this problem, and the stream has ended. */
static void ends_with(const char *slug)
{
	struct view rest = buf_view(&answer_seen.body), line = rest;

	worker_until(&answer_seen.done);
	rest = buf_view(&answer_seen.body);
	while (rest.n)
		line = view_cut(&rest, '\n');
	ck_assert_msg(memmem(line.p, line.n, slug, strlen(slug)) != NULL, "%.*s", (int)line.n, line.p);
}

START_TEST(results_come_while_the_body_does)
{
	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n{"), false);
	await_results(1);
	ck_assert_int_eq(answer_seen.status, 200);
	ck_assert(answer_seen.length == CHANNEL_CHUNKED && !answer_seen.done);
	stream_body(VIEW("}\n\n{}"), true);
	worker_until(&answer_seen.done);
	ck_assert_uint_eq(results(), 3);
}
END_TEST

START_TEST(a_stream_is_paced_by_a_second_and_ended_by_a_day)
{
	struct partner *p = &f.core.conf->partners[NORTH_SYSTEM];

	p->rates = (struct rates){ .second_records = 40 };
	stream_head(NULL, NULL);
	stream_body(lines_of(16), true);
	worker_until(&answer_seen.done);
	ck_assert_uint_eq(results(), 16);
	p->rates = (struct rates){ .day_records = 200 };
	stream_head(NULL, NULL);
	stream_body(lines_of(60), false);
	ends_with("/problems/rate-limited");
	ck_assert_uint_lt(results(), 60);
}
END_TEST

START_TEST(a_stream_ends_where_no_record_is_taken)
{
	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n"), false);
	await_results(1);
	atomic_store(&f.core.space_low, true);
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/no-space");
	atomic_store(&f.core.space_low, false);
	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n"), false);
	await_results(1);
	atomic_store(&f.core.draining, true);
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/unavailable");
	atomic_store(&f.core.draining, false);
}
END_TEST

START_TEST(a_stream_goes_on_by_the_newest_configuration)
{
	struct partner *p = &f.core.conf->partners[NORTH_SYSTEM];

	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n"), false);
	await_results(1);
	f.core.conf->generation++;
	worker->generation = f.core.conf->generation + 1; /* the tick puts it right */
	stream_body(VIEW("{}\n"), false);
	await_results(2);
	/* Its partner is none any more. */
	p->n_pins = 0;
	worker->generation++;
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/partner-unknown");
	p->n_pins = 1;
}
END_TEST

START_TEST(a_stream_whose_results_nobody_reads_ends)
{
	static char late[60000];
	uint64_t more;

	f.core.conf->node.partner_jobs = 64;
	budget_set(f.core.budget, &f.core.conf->node);
	f.core.conf->node.wait_ms = 300;
	unread = true;
	stream_head(NULL, NULL);
	/* Below a mebibyte of results the body is read on; above it no line begins. */
	stream_body(lines_of(1500), false);
	while (!worker->requests)
		worker_turn();
	for (int i = 0; i < 600 && !worker->requests->ends_answer; i++)
		worker_turn();
	ck_assert(worker->requests->ends_answer);
	more = answer_waiting(worker->requests);
	ck_assert_uint_ge(more, TURNS_RESULTS);
	ck_assert_uint_lt(more, TURNS_RESULTS + 600000);
	/* Of a body that nobody takes any more nothing is kept, nor is more of it asked for. */
	size_t body = worker->requests->body.n;
	unsigned before = credited;
	for (int i = 0; i < 3; i++)
		stream_body(view_make(late, sizeof late), false);
	for (int i = 0; i < 3; i++)
		worker_turn();
	ck_assert_uint_eq(worker->requests->body.n, body);
	ck_assert_uint_eq(credited, before);
	unread = false;
	for (int i = 0; i < 20; i++)
		channel_send(edge, FRAME_CREDIT, 0, last_request, VIEW("\0\4\0\0"), VIEW(""));
	ends_with("/problems/unread");
}
END_TEST

START_TEST(who_leaves_a_stream_ends_it)
{
	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n{}\n"), false);
	await_results(2);
	channel_send(edge, FRAME_ABORT, 0, last_request, VIEW(""), VIEW(""));
	while (worker->requests)
		worker_turn();
}
END_TEST

/* Also when all of it is decided and only its results wait. */
START_TEST(who_leaves_unread_results_ends_the_stream)
{
	struct budget_state all;

	f.core.conf->node.partner_jobs = 64;
	budget_set(f.core.budget, &f.core.conf->node);
	unread = true;
	stream_head(NULL, NULL);
	stream_body(lines_of(900), true);
	while (!worker->requests)
		worker_turn();
	for (int i = 0; i < 600 && !worker->requests->ends_answer; i++)
		worker_turn();
	ck_assert(worker->requests->ends_answer && worker->requests->complete);
	ck_assert_uint_gt(answer_waiting(worker->requests), 0);
	unread = false;
	channel_send(edge, FRAME_ABORT, 0, last_request, VIEW(""), VIEW(""));
	for (int i = 0; i < 20 && worker->requests; i++)
		worker_turn();
	ck_assert_ptr_null(worker->requests);
	budget_state(f.core.budget, &all);
	ck_assert(all.bytes == 0 && all.jobs == 0);
}
END_TEST

START_TEST(what_no_stream_may_have)
{
	stream_head("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
	worker_until(&answer_seen.done);
	is_problem(400, "bad-header");
	stream_head("idempotency-key", "one");
	worker_until(&answer_seen.done);
	is_problem(400, "bad-header");
	stream_head(NULL, NULL);
	stream_body(VIEW("\n"), true);
	worker_until(&answer_seen.done);
	is_problem(400, "bad-json");
}
END_TEST

/* --- an edge that cannot be trusted --- */

static void is_broken(void)
{
	for (int i = 0; !worker->broken && i < 20; i++) {
		ck_assert_int_ne(channel_flush(edge), CHANNEL_DEAD);
		event_base_loop(worker->base, EVLOOP_ONCE);
	}
	ck_assert(worker->broken);
	ck_assert(atomic_load(&f.core.dying));
}

START_TEST(more_of_a_body_than_was_granted)
{
	struct view body = padded(CHANNEL_CREDIT + 50000);

	budget_add(f.core.budget, account, 3 * MIB);
	head(body, "application/json");
	for (size_t at = 0; at < body.n; at += 50000)
		channel_send(edge, FRAME_BODY, 0, last_request,
		             view_make(body.p + at, body.n - at < 50000 ? body.n - at : 50000), VIEW(""));
	is_broken();
}
END_TEST

START_TEST(two_requests_of_one_connection)
{
	head(released_text(), "application/json");
	head(released_text(), "application/json");
	is_broken();
}
END_TEST

START_TEST(more_connections_than_may_be_open)
{
	for (uint64_t i = 0; i < 100 + 64; i++)
		channel_send(edge, FRAME_OPEN, FRAME_LAST, 1000 + i, VIEW(""), VIEW(""));
	is_broken();
}
END_TEST

START_TEST(connections_that_ended_do_not_count)
{
	for (uint64_t i = 0; i < 300; i++) {
		channel_send(edge, FRAME_OPEN, FRAME_LAST, 1000 + i, VIEW(""), VIEW(""));
		channel_send(edge, FRAME_CLOSE, 0, 1000 + i, VIEW(""), VIEW(""));
	}
	ck_assert_int_eq(got(MONITOR, "/livez"), 200);
	ck_assert(!worker->broken);
}
END_TEST

TCase *make_turns_case(void);
TCase *make_turns_case(void)
{
	TCase *c = tcase_create("turns");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_large_body_is_not_read_before_there_is_room);
	tcase_add_test(c, a_small_one_that_came_whole_goes_on_when_there_is_room);
	tcase_add_test(c, what_waited_too_long_is_told_to_come_again);
	tcase_add_test(c, too_many_may_not_even_wait);
	tcase_add_test(c, a_first_line_that_finds_no_turn_is_told_to_come_again);
	tcase_add_test(c, lines_begin_as_others_come_home);
	tcase_add_test(c, nothing_more_begins_for_who_went_away);
	tcase_add_test(c, who_goes_away_while_waiting_leaves_nothing);
	tcase_add_test(c, a_partner_has_rates);
	tcase_add_test(c, lines_count_each);
	tcase_add_test(c, results_come_while_the_body_does);
	tcase_add_test(c, a_stream_is_paced_by_a_second_and_ended_by_a_day);
	tcase_add_test(c, a_stream_ends_where_no_record_is_taken);
	tcase_add_test(c, a_stream_goes_on_by_the_newest_configuration);
	tcase_add_test(c, a_stream_whose_results_nobody_reads_ends);
	tcase_add_test(c, who_leaves_a_stream_ends_it);
	tcase_add_test(c, who_leaves_unread_results_ends_the_stream);
	tcase_add_test(c, what_no_stream_may_have);
	tcase_add_test(c, more_of_a_body_than_was_granted);
	tcase_add_test(c, two_requests_of_one_connection);
	tcase_add_test(c, more_connections_than_may_be_open);
	tcase_add_test(c, connections_that_ended_do_not_count);
	return c;
}
