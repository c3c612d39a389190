/* Who is admitted to what: strangers, roles, rate, digests, the monitor's listener; and frames that are out of place. */
#include "gatewayd/core/serve/reads.h"
#include "gatewayd/core/serve/answer.h"
#include "test/core/worker_fixture.h"

TCase *make_router_case(void);

START_TEST(a_stranger_is_told_nothing_else)
{
	got(STRANGER, "/v1/agreements");
	is_problem(403, "partner-unknown");
	got(STRANGER, "/nowhere");
	is_problem(403, "partner-unknown");
	ck_assert_uint_eq(atomic_load(&f.core.strangers), 2);
}
END_TEST

START_TEST(a_certificate_has_its_time)
{
	conn_find(worker, NORTH_SYSTEM)->cert.not_after_ms = f.now_ms - 1;
	got(NORTH_SYSTEM, "/v1/agreements");
	is_problem(403, "partner-unknown");
	conn_find(worker, SOUTH_SYSTEM)->cert.not_before_ms = f.now_ms + 3600 * SECOND_MS;
	got(SOUTH_SYSTEM, "/v1/agreements");
	is_problem(403, "partner-unknown");
	conn_find(worker, SOUTH_GATEWAY)->known = false;
	got(SOUTH_GATEWAY, "/checkpoint");
	is_problem(403, "partner-unknown");
}
END_TEST

START_TEST(without_its_list_nobody_is_admitted)
{
	f.core.conf->revocation_checked = true;
	got(NORTH_SYSTEM, "/v1/agreements");
	is_problem(503, "revocation-unknown");
	ck_assert_int_eq(got(MONITOR, "/livez"), 200);
}
END_TEST

START_TEST(paths_and_methods)
{
	static const char *const nowhere[] = { "/",
		                               "/v1",
		                               "/v1/agreements/",
		                               "/v1/agreements/pnr/more/parts",
		                               "/v1/%61greements",
		                               "/v1/agreements/..;",
		                               "v1/agreements",
		                               "/tile/" };

	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		got(NORTH_SYSTEM, nowhere[i]);
		is_problem(404, "not-found");
	}
	asked(&(struct ask){ .conn = NORTH_SYSTEM, .method = "DELETE", .target = "/v1/agreements" });
	is_problem(405, "method-not-allowed");
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/agreements?a=b&c"), 200);
}
END_TEST

START_TEST(roles)
{
	got(NORTH_OFFICER, "/v1/inbox");
	is_problem(403, "role-denied");
	got(NORTH_SYSTEM, "/checkpoint");
	is_problem(403, "role-denied");
	posted(SOUTH_GATEWAY, "/v1/agreements/pnr/validate", VIEW("{}"));
	is_problem(403, "role-denied");
	got(SOUTH_GATEWAY, "/tile/entries/000");
	is_problem(403, "role-denied");
}
END_TEST

START_TEST(before_it_serves)
{
	atomic_store(&f.core.serving, false);
	got(NORTH_SYSTEM, "/v1/agreements");
	is_problem(503, "unavailable");
	ck_assert_int_eq(got(NORTH_SYSTEM, "/livez"), 200);
	ck_assert_int_eq(got(NORTH_SYSTEM, "/readyz"), 503);
	atomic_store(&f.core.serving, true);
	ck_assert_int_eq(got(MONITOR, "/readyz"), 200);
	atomic_store(&f.core.draining, true);
	atomic_store(&f.core.space_low, true);
	atomic_store(&f.core.anchor_failing, true);
	ck_assert_int_eq(got(MONITOR, "/readyz"), 503);
	ck_assert(buf_holds(&answer_seen.body, "not ready: draining: no new exchanges are taken\n"
	                                       "not ready: too little room is left for new records\n"
	                                       "not ready: the anchor cannot be written\n"));
}
END_TEST

START_TEST(the_monitor_sees_health_only)
{
	ck_assert_int_eq(got(MONITOR, "/livez"), 200);
	ck_assert_int_eq(got(MONITOR, "/metrics"), 200);
	ck_assert(buf_holds(&answer_seen.body, "# TYPE gatewayd_commits_total counter\n"));
	ck_assert_int_eq(got(MONITOR, "/openapi.json"), 200);
	got(MONITOR, "/v1/agreements");
	is_problem(404, "not-found");
	got(MONITOR, "/checkpoint");
	is_problem(404, "not-found");
}
END_TEST

START_TEST(reads_have_a_rate)
{
	f.core.conf->node.reads_per_minute = 3;
	/* The minute may turn once while they are asked. */
	int limited = 0;
	for (int i = 0; i < 8; i++)
		limited += got(NORTH_SYSTEM, "/v1/agreements") == 429;
	ck_assert_int_ge(limited, 2);
	ck_assert_int_le(limited, 5);
	ck_assert_int_eq(got(SOUTH_SYSTEM, "/v1/agreements"), 200);
	ck_assert_int_eq(got(MONITOR, "/livez"), 200);
}
END_TEST

/* Over all workers, and a reload changes nothing. */
START_TEST(reads_are_counted_by_partner)
{
	struct reads *r = reads_new();

	ck_assert(reads_admit(r, "south", 2, 1));
	ck_assert(reads_admit(r, "south", 2, 2));
	ck_assert(!reads_admit(r, "south", 2, 59999));
	ck_assert(reads_admit(r, "south", 3, 59999));
	ck_assert(reads_admit(r, "north", 2, 59999));
	ck_assert(reads_admit(r, "south", 2, 60000));
	ck_assert(!reads_admit(r, "south", 0, 60000));
	reads_free(r);
	reads_free(NULL);
}
END_TEST

/* As GET, with its length, without its body; it counts as a read. */
START_TEST(head_is_get_without_a_body)
{
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/agreements"), 200);
	uint64_t length = answer_seen.length;
	ck_assert_uint_eq(length, answer_seen.body.n);
	ck_assert_uint_gt(length, 0);
	struct ask head = { .conn = NORTH_SYSTEM, .method = "HEAD", .target = "/v1/agreements" };
	ck_assert_int_eq(asked(&head), 200);
	ck_assert_uint_eq(answer_seen.length, length);
	ck_assert_uint_eq(answer_seen.body.n, 0);
	head.target = "/nowhere";
	ck_assert_int_eq(asked(&head), 404);
	ck_assert_uint_eq(answer_seen.body.n, 0);
	head.target = "/v1/agreements/pnr/records";
	ck_assert_int_eq(asked(&head), 405);
	f.core.conf->node.reads_per_minute = 1;
	head.target = "/v1/agreements";
	ck_assert_int_eq(asked(&head), 429);
}
END_TEST

/* A body whose length is known at its end. */
START_TEST(chunked_bodies)
{
	struct ask a = { .conn = NORTH_SYSTEM,
		         .method = "POST",
		         .target = "/v1/agreements/pnr/validate",
		         .fields = { "content-type", "application/json" },
		         .body = released_text(),
		         .chunked = true };

	ck_assert_int_eq(asked(&a), 200);
	a.body = VIEW("{");
	ck_assert_int_eq(asked(&a), 400);
	/* more than core takes, from an edge that does not stop it */
	static char block[CHANNEL_PAYLOAD_MAX];
	struct buf head = BUF_INIT(4096);
	put_ask(&a, CHANNEL_CHUNKED, &head);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	channel_send(edge, FRAME_HEAD, 0, last_request, buf_view(&head), VIEW(""));
	for (size_t n = 0; n <= REQUEST_BODY_MAX && !answer_seen.aborted; n += sizeof block) {
		channel_send(edge, FRAME_BODY, 0, last_request, view_make(block, sizeof block), VIEW(""));
		if (n % (16 * sizeof block) == 0)
			worker_turn();
	}
	worker_until(&answer_seen.aborted);
	buf_free(&head);
}
END_TEST

START_TEST(what_the_edge_counts)
{
	struct buf counts = BUF_INIT(4096);

	for (uint64_t i = 0; i < EDGE_COUNTS_N; i++)
		put_u64(&counts, 1000 + i);
	channel_send(edge, FRAME_COUNTS, 0, 0, buf_view(&counts), VIEW(""));
	/* another length is none of ours */
	channel_send(edge, FRAME_COUNTS, 0, 0, view_make(counts.p, 8), VIEW(""));
	ck_assert_int_eq(got(MONITOR, "/metrics"), 200);
	ck_assert(buf_holds(&answer_seen.body, "gatewayd_edge_events_total{event=\"accepted\"} 1000\n"));
	ck_assert(buf_holds(&answer_seen.body, "gatewayd_edge_events_total{event=\"handshakes\"} 1001\n"));
	buf_free(&counts);
}
END_TEST

static int with_digest(const char *digest)
{
	return asked(&(struct ask){ .conn = NORTH_SYSTEM,
	                            .method = "POST",
	                            .target = "/v1/agreements/pnr/validate",
	                            .fields = { "content-type", "application/json", "content-digest", digest },
	                            .body = released_text() });
}

START_TEST(content_digests)
{
	struct buf b = BUF_INIT(200);
	struct digest d;

	sha256(released_text(), &d);
	buf_adds(&b, "sha-512=:AAAA:, sha-256=:");
	base64_encode(&b, view_make(d.b, sizeof d.b));
	buf_adds(&b, ":");
	buf_addc(&b, 0);
	ck_assert_int_eq(with_digest(b.p), 200);
	static const char *const wrong[] = { "sha-512=:AAAA:", "sha-256=:AAAA:", "sha-256=:", "sha-256=AAAA",
		                             "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		with_digest(wrong[i]);
		is_problem(400, "digest-mismatch");
	}
	buf_free(&b);
}
END_TEST

/* --- frames --- */

START_TEST(heads_that_are_none_end_the_request)
{
	asked(&(struct ask){ .conn = 77, .method = "GET", .target = "/livez" });
	ck_assert(answer_seen.aborted);
	answer_seen = (struct edge_seen){ .id = ++last_request, .head = answer_seen.head, .body = answer_seen.body };
	channel_send(edge, FRAME_HEAD, FRAME_LAST, last_request, VIEW("\0\0\0\0\0\0\0\0short"), VIEW(""));
	worker_until(&answer_seen.aborted);
	answer_seen.aborted = false;
	answer_seen.id = ++last_request;
	channel_send(edge, FRAME_CONFIG, FRAME_LAST, last_request, VIEW(""), VIEW(""));
	worker_until(&answer_seen.aborted);
	ck_assert_int_eq(got(MONITOR, "/livez"), 200);
}
END_TEST

/* `with`: bytes of the body that come with the head; `last`: nothing follows. */
static void start_with(const char *target, uint64_t length, struct view with, bool last)
{
	struct buf head = BUF_INIT(4096);
	struct ask a = { .conn = NORTH_SYSTEM,
		         .method = "POST",
		         .target = target,
		         .fields = { "content-type", "application/json" } };

	put_ask(&a, length, &head);
	if (with.n > 0)
		put_u16(&head, 0);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	buf_reset(&answer_seen.body);
	channel_send(edge, FRAME_HEAD, last ? FRAME_LAST : 0, last_request, buf_view(&head), with);
	buf_free(&head);
}

static void start(const char *target, uint64_t length)
{
	start_with(target, length, VIEW(""), false);
}

/* A small body comes in the frame of its head, as whole as in one of its own; nothing of it is kept with the head. */
START_TEST(bodies_come_with_their_head)
{
	const char *target = "/v1/agreements/pnr/validate";
	struct view body = released_text();

	start_with(target, body.n, body, true);
	worker_until(&answer_seen.done);
	ck_assert_int_eq(answer_seen.status, 200);
	start_with(target, body.n, view_make(body.p, 10), false);
	worker_turn();
	struct request *r = request_find(worker, last_request);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->body.n, 10);
	ck_assert_ptr_null(memmem(r->head.p, r->head.n, body.p, 10));
	channel_send(edge, FRAME_BODY, FRAME_LAST, last_request, view_from(body, 10), VIEW(""));
	worker_until(&answer_seen.done);
	ck_assert_int_eq(answer_seen.status, 200);
	start_with(target, body.n, view_make(body.p, 10), true);
	worker_until(&answer_seen.done);
	is_problem(400, "bad-request");
	start_with(target, 4, VIEW("{    }"), true);
	worker_until(&answer_seen.aborted);
	ck_assert_ptr_null(request_find(worker, last_request));
}
END_TEST

START_TEST(bodies_have_the_length_that_was_said)
{
	start("/v1/agreements/pnr/validate", 4);
	channel_send(edge, FRAME_BODY, FRAME_LAST, last_request, VIEW("{}"), VIEW(""));
	worker_until(&answer_seen.done);
	is_problem(400, "bad-request");
	start("/v1/agreements/pnr/validate", 4);
	channel_send(edge, FRAME_BODY, FRAME_LAST, last_request, VIEW("{    }"), VIEW(""));
	worker_until(&answer_seen.aborted);
	ck_assert_ptr_null(request_find(worker, last_request));
}
END_TEST

START_TEST(a_long_body_is_given_credit)
{
	struct buf part = BUF_INIT(65536);

	while (part.n < 60000)
		buf_addc(&part, ' ');
	start("/v1/agreements/pnr/validate", 4 * part.n);
	for (int i = 0; i < 4; i++)
		channel_send(edge, FRAME_BODY, i == 3 ? FRAME_LAST : 0, last_request, buf_view(&part), VIEW(""));
	worker_until(&answer_seen.done);
	ck_assert_uint_ge(credited, 1);
	is_problem(400, "bad-json");
	buf_free(&part);
}
END_TEST

START_TEST(a_peer_that_goes_away)
{
	start("/v1/agreements/pnr/records", 100);
	channel_send(edge, FRAME_ABORT, 0, last_request, VIEW(""), VIEW(""));
	channel_send(edge, FRAME_CLOSE, 0, NORTH_SYSTEM, VIEW(""), VIEW(""));
	ck_assert_int_eq(got(MONITOR, "/livez"), 200);
	ck_assert_ptr_null(worker->requests);
	ck_assert_ptr_null(conn_find(worker, NORTH_SYSTEM));
	ck_assert_int_eq(got(SOUTH_SYSTEM, "/v1/agreements"), 200);
}
END_TEST

/* What the peer is told as another reason has that one's words. */
START_TEST(a_problem_says_what_to_do)
{
	struct buf b = BUF_INIT(4096);

	problem_open_at(&b, REASON_DUTY_ANSWER, "/result: is none");
	ck_assert(buf_holds(&b, "\"detail\":\"/result: is none\""));
	buf_reset(&b);
	problem_open_at(&b, REASON_QUOTA, "/tiers/1/quota: is used up");
	ck_assert(buf_holds(&b, "/problems/not-permitted") && !buf_holds(&b, "quota"));
	ck_assert(buf_holds(&b, reason_remedy(REASON_NOT_PERMITTED)));
	buf_reset(&b);
	problem_open(&b, REASON_BUSY);
	ck_assert(buf_holds(&b, reason_remedy(REASON_BUSY)));
	buf_free(&b);
}
END_TEST

TCase *make_router_case(void)
{
	TCase *c = tcase_create("router");

	tcase_add_checked_fixture(c, worker_open, worker_close);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_stranger_is_told_nothing_else);
	tcase_add_test(c, a_certificate_has_its_time);
	tcase_add_test(c, without_its_list_nobody_is_admitted);
	tcase_add_test(c, paths_and_methods);
	tcase_add_test(c, roles);
	tcase_add_test(c, before_it_serves);
	tcase_add_test(c, the_monitor_sees_health_only);
	tcase_add_test(c, reads_have_a_rate);
	tcase_add_test(c, reads_are_counted_by_partner);
	tcase_add_test(c, head_is_get_without_a_body);
	tcase_add_test(c, chunked_bodies);
	tcase_add_test(c, what_the_edge_counts);
	tcase_add_test(c, content_digests);
	tcase_add_test(c, heads_that_are_none_end_the_request);
	tcase_add_test(c, bodies_come_with_their_head);
	tcase_add_test(c, bodies_have_the_length_that_was_said);
	tcase_add_test(c, a_long_body_is_given_credit);
	tcase_add_test(c, a_peer_that_goes_away);
	tcase_add_test(c, a_problem_says_what_to_do);
	return c;
}
