/* What of a worker's requests goes on, and when: bodies that wait for room, lines that take turns, and an edge that does not
 * keep to what it was granted. */
#include "test/core/serve/turns_fixture.h"

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
	tcase_add_test(c, more_of_a_body_than_was_granted);
	tcase_add_test(c, two_requests_of_one_connection);
	tcase_add_test(c, more_connections_than_may_be_open);
	tcase_add_test(c, connections_that_ended_do_not_count);
	return c;
}
