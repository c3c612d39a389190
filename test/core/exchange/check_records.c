/* POST of records and of what is only validated: a request from the router's hands to the frames of its answer, by a
 * worker that is nothing but its side of a channel. */
#include <sys/socket.h>

#include "gatewayd/core/exchange/records.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/turns.h"
#include "lib/base/wire.h"
#include "test/core/exchange/exchange_fixture.h"
#include "gatewayd/core/store/log.h"

static struct worker worker;
static struct channel *edge;
static struct conn conn;
static unsigned frames;
static uint16_t status;
static bool replayed;
static char location[100], content_type[100];
static struct buf body;

static void set_up(void)
{
	int pair[2];

	exchange_open();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	worker = (struct worker){
		.core = &f.core, .reader = f.reader, .home = f.log.home, .channel = channel_new(pair[0], 64u << 20)
	};
	worker.generation = f.core.conf->generation;
	worker.body_bytes = 1u << 20;
	TAILQ_INIT(&worker.waiting);
	TAILQ_INIT(&worker.shares);
	edge = channel_new(pair[1], 64u << 20);
	ck_assert(worker.channel && edge && scratch_open(&worker.scratch));
	ck_assert_ptr_nonnull(deciding_new(&worker));
	conn = (struct conn){ .id = 1, .known = true, .refs = 1 };
	body = BUF_INIT(16u << 20);
}

static void tear_down(void)
{
	requests_free(&worker);
	deciding_free(worker.decider);
	scratch_close(&worker.scratch);
	channel_free(worker.channel);
	channel_free(edge);
	buf_free(&body);
	exchange_close();
}

static void keep(char *out, struct view v)
{
	snprintf(out, 100, "%.*s", VIEW_ARG(v));
}

static void at_edge(void *arg, const struct frame *frame)
{
	struct reader in = { .rest = frame->payload };

	(void)arg;
	frames++;
	if (frame->type == FRAME_BODY) {
		buf_add(&body, frame->payload);
		return;
	}
	ck_assert_int_eq(frame->type, FRAME_REPLY);
	status = read_u16(&in);
	read_u64(&in);
	replayed = false;
	location[0] = content_type[0] = 0;
	for (;;) {
		struct view name = read_view16(&in);
		if (name.n == 0)
			break;
		struct view value = read_view16(&in);
		if (view_is(name, "location"))
			keep(location, value);
		else if (view_is(name, "content-type"))
			keep(content_type, value);
		else if (view_is(name, "idempotency-replayed"))
			replayed = true;
	}
	buf_add(&body, in.rest);
}

static struct request *request(const char *agreement, const char *type, struct view text)
{
	static uint64_t id;
	char path[200];
	struct request *r = request_new(&worker, ++id, &conn);

	ck_assert_ptr_nonnull(r);
	snprintf(path, sizeof path, "/v1/agreements/%s/records", agreement);
	r->path = arena_copy(&texts, view_of(path));
	r->content_type = view_of(type);
	r->conf = conf_ref(f.core.conf);
	r->peer = core_partner(&f, NORTH_SYSTEM);
	r->now_ms = f.now_ms;
	r->complete = true;
	buf_add(&r->body, text);
	return r;
}

/* Until the request is over. */
static void wait(void)
{
	struct pollfd p = { .fd = home_fd(f.log.home), .events = POLLIN };

	while (turns_run(&worker) || worker.requests) {
		answers_flush(&worker);
		if (poll(&p, 1, 10) == 1)
			home_collect(f.log.home);
	}
	while (channel_queued(worker.channel)) {
		ck_assert_int_ne(channel_flush(worker.channel), CHANNEL_DEAD);
		ck_assert_int_ne(channel_receive(edge, at_edge, NULL), CHANNEL_DEAD);
	}
	ck_assert_int_ne(channel_receive(edge, at_edge, NULL), CHANNEL_DEAD);
}

static void post(struct request *r)
{
	buf_reset(&body);
	frames = 0;
	handle_records(r);
	wait();
	ck_assert_uint_ge(frames, 1);
}

START_TEST(one_envelope_one_answer)
{
	struct request *r = request("pnr", "application/json; charset=utf-8", released_text());

	r->key = VIEW("key-1");
	post(r);
	ck_assert_int_eq(status, 201);
	ck_assert(strncmp(location, "/v1/exchanges/", 14) == 0 && !replayed);
	ck_assert_str_eq(content_type, "application/json");
	ck_assert(buf_holds(&body, "\"receipt\":"));
	r = request("pnr", "application/json", released_text());
	r->key = VIEW("key-1");
	post(r);
	ck_assert(status == 201 && replayed);
	post(request("pnr", "application/json", text_of(pnr("refused-case-missing"))));
	ck_assert_int_eq(status, 403);
	ck_assert_str_eq(content_type, "application/problem+json");
	ck_assert_str_eq(location, "");
	post(request("pnr", "application/json", text_of(pnr("held-waiting-decision"))));
	ck_assert_int_eq(status, 202);
	ck_assert(strncmp(location, "/v1/exchanges/", 14) == 0);
}
END_TEST

START_TEST(what_is_only_validated)
{
	struct request *r = request("pnr", "application/json", released_text());

	buf_reset(&body);
	handle_validate(r);
	wait();
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(location, "");
	ck_assert(buf_holds(&body, "\"receipt\":"));
	r = request("pnr", "application/x-ndjson", released_text());
	handle_validate(r);
	wait();
	ck_assert_int_eq(status, reason_status(REASON_MEDIA_TYPE));
}
END_TEST

static struct view lines_of(const struct view *line, size_t n)
{
	struct buf b = BUF_INIT(16u << 20);

	for (size_t i = 0; i < n; i++) {
		buf_add(&b, line[i]);
		buf_adds(&b, i % 2 ? "\n\n" : "\n");
	}
	struct view v = arena_copy(&texts, buf_view(&b));
	buf_free(&b);
	return v;
}

/* The line of the answer, as a document; the caller drops it. */
static json_t *answer_line(unsigned k)
{
	struct view rest = buf_view(&body), line = view_cut(&rest, '\n');

	while (k-- > 0)
		line = view_cut(&rest, '\n');
	json_t *doc = json_loadb(line.p, line.n, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	return doc;
}

static int line_status(unsigned k)
{
	json_t *doc = answer_line(k);
	int n = (int)json_integer_value(json_object_get(doc, "status"));

	json_decref(doc);
	return n;
}

START_TEST(lines_are_answered_in_their_order)
{
	struct view line[] = { released_text(), text_of(pnr("refused-case-missing")),
		               text_of(pnr("held-waiting-decision")), VIEW("{") };

	post(request("pnr", "application/x-ndjson", lines_of(line, 4)));
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(content_type, "application/x-ndjson");
	ck_assert_int_eq(line_status(0), 201);
	ck_assert_int_eq(line_status(1), 403);
	ck_assert_int_eq(line_status(2), 202);
	ck_assert_int_eq(line_status(3), 400);
	ck_assert_uint_eq(atomic_load(&f.core.released), 1);
}
END_TEST

/* The fault that once was, from request to log. */
START_TEST(a_counted_line_that_is_refused_names_no_output)
{
	struct view line[] = { text_of(of_nation("XQ")), text_of(of_nation("XN")), text_of(of_nation("XQ")) };
	struct error e = { .reason = REASON_NONE };
	struct view leaf, packed;

	post(request("strict", "application/x-ndjson", lines_of(line, 3)));
	ck_assert(line_status(0) == 201 && line_status(1) == 403 && line_status(2) == 201);
	json_t *doc = answer_line(1);
	uint64_t index = (uint64_t)json_integer_value(json_object_get(doc, "audit_index"));
	json_decref(doc);
	ck_assert_msg(store_get_entry(f.reader, index, &leaf, &packed, &e), "%s", e.text);
	ck_assert_ptr_nonnull(memmem(leaf.p, leaf.n, "\"operation\":\"refusal\"", 21));
	ck_assert_ptr_null(memmem(leaf.p, leaf.n, "\"output\"", 8));
}
END_TEST

START_TEST(what_is_no_batch)
{
	struct view line[] = { released_text(), released_text() };
	struct request *r;

	post(request("pnr", "application/x-ndjson", VIEW("\n\n")));
	ck_assert_int_eq(status, reason_status(REASON_BAD_JSON));
	r = request("pnr", "application/x-ndjson", lines_of(line, 2));
	r->key = VIEW("one-for-all");
	post(r);
	ck_assert_int_eq(status, reason_status(REASON_BAD_HEADER));
	f.core.conf->node.lines = 1;
	post(request("strict", "application/x-ndjson", lines_of(line, 2)));
	ck_assert_int_eq(status, reason_status(REASON_BATCH_BOUNDED));
	r = request("strict", "application/x-ndjson", lines_of(line, 1));
	r->stream = true;
	post(r);
	ck_assert_int_eq(status, reason_status(REASON_BATCH_BOUNDED));
	/* Where nothing is counted together more lines are a stream. */
	post(request("pnr", "application/x-ndjson", lines_of(line, 2)));
	ck_assert_int_eq(status, 200);
	ck_assert(line_status(0) == 201 && line_status(1) == 201);
	post(request("pnr", "text/plain", released_text()));
	ck_assert_int_eq(status, reason_status(REASON_MEDIA_TYPE));
	r = request("pnr", "application/json", released_text());
	r->key = VIEW("not visible\x01");
	post(r);
	ck_assert_int_eq(status, reason_status(REASON_BAD_HEADER));
	atomic_store(&f.core.space_low, true);
	post(request("pnr", "application/json", released_text()));
	ck_assert_int_eq(status, reason_status(REASON_NO_SPACE));
	atomic_store(&f.core.space_low, false);
	atomic_store(&f.core.draining, true);
	post(request("pnr", "application/json", released_text()));
	ck_assert_int_eq(status, 503);
}
END_TEST

/* The worker ends with lines under way: they are let go with their request. */
START_TEST(lines_under_way_when_the_worker_ends)
{
	struct view line[] = { released_text(), released_text() };
	struct request *r = request("pnr", "application/x-ndjson", lines_of(line, 2));

	handle_records(r);
	writer_stop(f.log.writer);
	f.log.writer = NULL;
	requests_free(&worker);
	ck_assert_ptr_null(worker.requests);
}
END_TEST

TCase *make_records_case(void);
TCase *make_records_case(void)
{
	TCase *c = tcase_create("records");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, one_envelope_one_answer);
	tcase_add_test(c, what_is_only_validated);
	tcase_add_test(c, lines_are_answered_in_their_order);
	tcase_add_test(c, a_counted_line_that_is_refused_names_no_output);
	tcase_add_test(c, what_is_no_batch);
	tcase_add_test(c, lines_under_way_when_the_worker_ends);
	return c;
}
