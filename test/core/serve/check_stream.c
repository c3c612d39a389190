/* Streams, as a worker has them: results while the body comes, what ends one before its time, and what is held of it. */
#include "test/core/serve/turns_fixture.h"
#include "test/memory.h"

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

static void give_answer_credit(uint32_t bytes)
{
	struct buf credit = BUF_INIT(4);

	put_u32(&credit, bytes);
	channel_send(edge, FRAME_CREDIT, 0, last_request, buf_view(&credit), VIEW(""));
	buf_free(&credit);
}

/* Whoever reads little by little reads. */
START_TEST(a_stream_that_is_read_slowly_goes_on)
{
	f.core.conf->node.partner_jobs = 64;
	budget_set(f.core.budget, &f.core.conf->node);
	worker->wait_ms = f.core.conf->node.wait_ms = 50;
	unread = true;
	stream_head(NULL, NULL);
	stream_body(lines_of(1500), false);
	while (!worker->requests || answer_waiting(worker->requests) < TURNS_RESULTS)
		worker_turn();
	for (int64_t until = instant_monotonic_ms() + 800; instant_monotonic_ms() < until;) {
		give_answer_credit(10);
		worker_turn();
		usleep(20000);
		ck_assert(worker->requests && !worker->requests->ends_answer);
	}
	unread = false;
	give_answer_credit(4u << 20);
	stream_body(VIEW(""), true);
	worker_until(&answer_seen.done);
	ck_assert_uint_eq(results(), 1500);
}
END_TEST

/* Its reader reads at the last moment, and the next result, which comes in the turn that begins its line, fills what was read. */
START_TEST(a_stream_that_is_read_late_goes_on)
{
	const struct request *r;
	struct buf lines = BUF_INIT(60000);

	worker->body_bytes = f.core.conf->node.edge.body_bytes = 3;
	while (lines.n < 59990)
		buf_adds(&lines, "long\n");
	unread = true;
	stream_head(NULL, NULL);
	for (int i = 0; i < 4; i++)
		stream_body(buf_view(&lines), false);
	int64_t full_ms = instant_monotonic_ms();
	bool full = false;
	do {
		worker_turn();
		r = worker->requests;
		if (!full)
			full_ms = instant_monotonic_ms();
		full = r && answer_waiting(r) >= TURNS_RESULTS;
	} while (atomic_load(&worker->ticked_ms) < full_ms + 100);
	/* The end of its time lies between two ticks, and so does the turn in which the next line begins. */
	worker->wait_ms = f.core.conf->node.wait_ms = (atomic_load(&worker->ticked_ms) - full_ms + 60) / 4;
	give_answer_credit((uint32_t)(answer_waiting(r) - TURNS_RESULTS + 1));
	worker_turn();
	usleep(80000);
	channel_send(edge, FRAME_CREDIT, 0, last_request + 1, VIEW("\0\0\0\1"), VIEW("")); /* any other frame */
	worker_turn();
	ck_assert(worker->requests == r && !r->ends_answer && r->step);
	f.core.conf->node.wait_ms = 5000;
	unread = false;
	give_answer_credit(4u << 20);
	stream_body(VIEW(""), true);
	for (int i = 0; i < 20000 && !answer_seen.done; i++)
		worker_turn();
	ck_assert_uint_eq(results(), 4 * lines.n / 5);
	buf_free(&lines);
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

START_TEST(a_stream_ends_while_the_store_is_held)
{
	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n"), false);
	await_results(1);
	atomic_store(&f.core.backlog, BACKLOG_MUCH);
	stream_body(VIEW("{}\n"), false);
	await_results(2);
	atomic_store(&f.core.backlog, BACKLOG_FULL);
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/store-held");
	ck_assert_uint_eq(results(), 3);
	atomic_store(&f.core.backlog, BACKLOG_LITTLE);
}
END_TEST

START_TEST(rates_of_a_new_configuration_bind_what_is_under_way)
{
	struct partner *p = &f.core.conf->partners[NORTH_SYSTEM];

	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n"), false);
	await_results(1);
	p->rates = (struct rates){ .day_records = 1 };
	worker->generation++;
	stream_body(VIEW("{}\n"), false);
	await_results(2);
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/rate-limited");
	p->rates = (struct rates){ .day_records = 0 };
}
END_TEST

/* Bytes that are no line were read all the same. */
START_TEST(what_is_thrown_away_counts_as_read)
{
	struct partner *p = &f.core.conf->partners[NORTH_SYSTEM];
	static char feeds[50000], some[50000];

	memset(feeds, '\n', sizeof feeds);
	memset(some, 'x', sizeof some);
	p->rates = (struct rates){ .day_bytes = 100000 };
	stream_head(NULL, NULL);
	stream_body(VIEW("{}\n"), false);
	await_results(1);
	for (int i = 0; i < 3; i++)
		stream_body(view_make(feeds, sizeof feeds), false);
	turns(2);
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/rate-limited");
	ck_assert_uint_eq(results(), 2);
	/* So does a line that is too long, and as one record. */
	p->rates = (struct rates){ .day_records = 1000 };
	worker->body_bytes = f.core.conf->node.edge.body_bytes = 40000;
	stream_head(NULL, NULL);
	stream_body(view_make(some, sizeof some), false);
	await_results(1);
	p->rates = (struct rates){ .day_records = 8 };
	stream_body(VIEW("x\n{}\n"), false);
	await_results(2);
	stream_body(VIEW("{}\n"), false);
	ends_with("/problems/rate-limited");
	p->rates = (struct rates){ .day_records = 0 };
}
END_TEST

START_TEST(lines_of_white_space_have_no_result)
{
	stream_head(NULL, NULL);
	stream_body(VIEW("\r\n{}\r\n \t\r\n{}\r\n\r\n  "), true);
	worker_until(&answer_seen.done);
	ck_assert_uint_eq(results(), 2);
	stream_head(NULL, NULL);
	stream_body(VIEW("\r\n\r\n"), true);
	worker_until(&answer_seen.done);
	is_problem(400, "bad-json");
}
END_TEST

/* The lines that were begun come home to a stream that is still there. */
START_TEST(a_stream_whose_bytes_find_no_memory_is_given_up)
{
	static char more[1000];

	for (int begun = 0; begun < 2; begun++) {
		stream_head(NULL, NULL);
		if (begun)
			stream_body(VIEW("{}\n{}\n{}\n{}\n"), false);
		for (int i = 0; i < 20 && (!worker->requests || (begun && !worker->requests->go_on)); i++)
			worker_turn();
		struct request *r = worker->requests;
		ck_assert_ptr_nonnull(r);
		size_t most = r->body.max;
		r->body.max = r->body.n + 10;
		stream_body(view_make(more, sizeof more), false);
		worker_until(&answer_seen.aborted);
		for (int i = 0; i < 300 && worker->requests; i++)
			worker_turn();
		ck_assert_ptr_null(worker->requests);
		worker->free_requests->body.max = most;
	}
}
END_TEST

/* One allocation after the other fails while a line is taken: its stream goes on or ends, and never hangs. */
START_TEST(a_stream_that_finds_no_memory_goes_on_or_ends)
{
	unsigned went_on = 0;

	for (long n = 0; n < 60 && !SANITIZER_ALLOCATES; n++) {
		stream_head(NULL, NULL);
		stream_body(VIEW("{}\n"), false);
		await_results(1);
		stream_body(VIEW("{}\n"), false);
		ck_assert_int_ne(channel_flush(edge), CHANNEL_DEAD);
		fail_at = n;
		fail_once = true;
		event_base_loop(worker->base, EVLOOP_ONCE);
		fail_at = -1;
		for (int i = 0; i < 300 && !answer_seen.done && !answer_seen.aborted && results() < 2; i++)
			worker_turn();
		ck_assert(answer_seen.done || answer_seen.aborted || results() == 2);
		if (!answer_seen.done && !answer_seen.aborted)
			stream_body(VIEW("{}\n"), true);
		for (int i = 0; i < 300 && worker->requests; i++)
			worker_turn();
		ck_assert_ptr_null(worker->requests);
		went_on += !answer_seen.aborted && results() == 3;
	}
	ck_assert(SANITIZER_ALLOCATES || went_on > 0);
}
END_TEST

START_TEST(results_that_were_read_are_not_kept)
{
	const unsigned all = 3000;
	unsigned sent = 0;
	size_t most = 0;

	f.core.conf->node.partner_jobs = 64;
	budget_set(f.core.budget, &f.core.conf->node);
	unread = true;
	stream_head(NULL, NULL);
	for (int i = 0; i < 5000 && results() < all; i++) {
		struct request *r = worker->requests;
		if (sent < all && (!r || r->body.n < 1000)) {
			sent += 100;
			stream_body(lines_of(100), sent == all);
		}
		/* Something always waits. */
		if (r && (answer_waiting(r) > 100000 || r->ends_answer))
			channel_send(edge, FRAME_CREDIT, 0, last_request, VIEW("\0\0\x40\0"), VIEW(""));
		worker_turn();
		r = worker->requests;
		if (r && r->out.n - answer_waiting(r) > most)
			most = r->out.n - answer_waiting(r);
	}
	unread = false;
	ck_assert_uint_eq(results(), all);
	worker_until(&answer_seen.done);
	ck_assert_uint_gt(answer_seen.body.n, 2u << 20);
	ck_assert_uint_lt(most, 1u << 19);
}
END_TEST

TCase *make_stream_case(void);
TCase *make_stream_case(void)
{
	TCase *c = tcase_create("stream");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, results_come_while_the_body_does);
	tcase_add_test(c, a_stream_is_paced_by_a_second_and_ended_by_a_day);
	tcase_add_test(c, a_stream_ends_where_no_record_is_taken);
	tcase_add_test(c, a_stream_goes_on_by_the_newest_configuration);
	tcase_add_test(c, a_stream_whose_results_nobody_reads_ends);
	tcase_add_test(c, a_stream_that_is_read_slowly_goes_on);
	tcase_add_test(c, a_stream_that_is_read_late_goes_on);
	tcase_add_test(c, who_leaves_a_stream_ends_it);
	tcase_add_test(c, who_leaves_unread_results_ends_the_stream);
	tcase_add_test(c, what_no_stream_may_have);
	tcase_add_test(c, a_stream_ends_while_the_store_is_held);
	tcase_add_test(c, rates_of_a_new_configuration_bind_what_is_under_way);
	tcase_add_test(c, what_is_thrown_away_counts_as_read);
	tcase_add_test(c, lines_of_white_space_have_no_result);
	tcase_add_test(c, a_stream_whose_bytes_find_no_memory_is_given_up);
	tcase_add_test(c, a_stream_that_finds_no_memory_goes_on_or_ends);
	tcase_add_test(c, results_that_were_read_are_not_kept);
	return c;
}
