/* Many of one target in one request, each with a result of its own; and what is sent when there is none for each. */
#include "gatewayd/core/serve/courier.h"

#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/neighbour.h"
#include "test/core/log_fixture.h"

#define DUE_MAX 64
#define BATCH   8
#define POSTS   64

TCase *make_consignment_case(void);

static struct log_fixture f;
static struct core core;
static struct conf conf;
static struct worker worker;
static struct courier *courier;

/* A request that is under way. */
struct request_seen {
	struct post *post;
	struct buf body;
	bool many, keyed;
	char target[40];
};

static struct {
	unsigned n_due, targets; /* targets: so many, by turns */
	bool gone[DUE_MAX];      /* it ended */
	size_t body;             /* bytes of each, at least */
	unsigned newline;        /* the one with this id has one in its text */
	bool cannot_post, final;
	unsigned bad; /* the one with this id cannot be written */
	struct request_seen posts[POSTS];
	unsigned sent;            /* requests */
	unsigned packed[DUE_MAX]; /* by id - 1 */
	_Atomic unsigned written;
	enum parcel_end end[DUE_MAX];
	int status[DUE_MAX];
	char slug[DUE_MAX][64];
} k;

static bool next_recipient(struct store *reader, struct view after, struct view *out, struct error *e)
{
	(void)reader;
	*out = VIEW("south");
	return view_cmp(*out, after) > 0 || error_set(e, REASON_NOT_FOUND, "no recipient");
}

static bool list_due(struct store *reader, const struct store_ask *ask, struct courier_look *look, struct error *e)
{
	unsigned listed = 0;

	(void)reader, (void)e;
	for (unsigned i = 0; i < k.n_due && listed < ask->max; i++) {
		const struct courier_due due = { .id = i + 1, .deadline_ms = INT64_MAX };
		if (k.gone[i])
			continue;
		listed++;
		if (!courier_note(look, &due))
			break;
	}
	return true;
}

static bool find_target(struct parcel *p)
{
	snprintf(p->target, sizeof p->target, "/letters/%u", k.targets ? (unsigned)p->due.id % k.targets : 0);
	snprintf(p->key, sizeof p->key, "k%u", (unsigned)p->due.id);
	return true;
}

static bool pack(struct parcel *p)
{
	k.packed[p->due.id - 1]++;
	buf_addf(&p->body, "{\"n\":%u,%s\"room\":\"", (unsigned)p->due.id, p->due.id == k.newline ? "\n" : "");
	while (p->body.n < k.body)
		buf_addc(&p->body, '.');
	buf_adds(&p->body, "\"}");
	return true;
}

static bool send_it(struct worker *w, struct post *p, const struct post_head *head)
{
	struct request_seen *r = &k.posts[k.sent];

	ck_assert_ptr_eq(w, &worker);
	ck_assert_uint_lt(k.sent, POSTS);
	if (k.cannot_post) {
		snprintf(p->problem, sizeof p->problem, "made up");
		return false;
	}
	k.sent++;
	*r = (struct request_seen){ .post = p, .body = BUF_INIT(8u << 20), .keyed = head->key != NULL };
	r->many = strcmp(head->content_type, "application/x-ndjson") == 0;
	ck_assert(r->many ? !head->key && head->repeatable : !head->repeatable);
	snprintf(r->target, sizeof r->target, "%s", head->target);
	buf_add(&r->body, p->body);
	p->status = 0;
	p->sent = p->body.n;
	return true;
}

static bool proved(struct parcel *p)
{
	return (p->answer && tape_member(p->answer, 0, VIEW("receipt"))) ||
	       parcel_later(p, "receipt-invalid", "made up");
}

static bool refused(struct parcel *p)
{
	return p->answer && tape_member(p->answer, 0, VIEW("final"));
}

static bool over(struct parcel *p)
{
	(void)p;
	return false;
}

static void describe(struct parcel *p, char *out, size_t size)
{
	snprintf(out, size, "letter %llu", (unsigned long long)p->due.id);
}

static bool write_it(struct parcel *p, struct act *a, struct error *e)
{
	(void)a;
	if (p->due.id == k.bad)
		return error_set(e, REASON_STORE, "made up");
	k.end[p->due.id - 1] = p->end;
	k.status[p->due.id - 1] = p->status;
	snprintf(k.slug[p->due.id - 1], sizeof k.slug[0], "%s", p->slug);
	k.written++;
	return true;
}

/* Worker's thread: from now on it is due no more. */
static void written(struct parcel *p)
{
	k.gone[p->due.id - 1] = true;
}

static const struct courier_kind letters = {
	.name = "letters",
	.size = sizeof(struct parcel),
	.most = 6,
	.batch = BATCH,
	.taken = { 201, 202 },
	.recipient = next_recipient,
	.due = list_due,
	.target = find_target,
	.pack = pack,
	.send = send_it,
	.proved = proved,
	.refused = refused,
	.over = over,
	.write = write_it,
	.written = written,
	.describe = describe,
};

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	memset(&k, 0, sizeof k);
	conf = (struct conf){ .refs = 1 };
	core = (struct core){ .writer = f.writer, .n_workers = 1, .conf = &conf, .attempts = attempts_new() };
	ck_assert_ptr_nonnull(core.attempts);
	pthread_mutex_init(&core.lock, NULL);
	worker = (struct worker){ .core = &core, .home = f.home };
	ck_assert(scratch_open(&worker.scratch));
	ck_assert_ptr_nonnull(courier = courier_new(&worker, &letters));
}

static void teardown(void)
{
	log_stop(&f);
	courier_free(courier);
	attempts_free(core.attempts);
	scratch_close(&worker.scratch);
	for (unsigned i = 0; i < k.sent; i++)
		buf_free(&k.posts[i].body);
	ck_assert_uint_eq(conf.refs, 1);
	log_teardown(&f);
}

static void due(unsigned n)
{
	k.n_due = n;
	courier_tick(courier);
}

/* Until so many have ended since the start. */
static void await_written(unsigned n)
{
	struct pollfd p = { .fd = home_fd(f.home), .events = POLLIN };
	unsigned gone = 0;

	while (gone < n) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(f.home);
		gone = 0;
		for (unsigned i = 0; i < k.n_due; i++)
			gone += k.gone[i];
	}
	if (!k.bad) /* what is written with it is written again */
		ck_assert_uint_eq(k.written, n);
}

static unsigned lines_of(unsigned i)
{
	struct view text = buf_view(&k.posts[i].body);
	unsigned n = 0;

	ck_assert_uint_lt(i, k.sent);
	if (!k.posts[i].many)
		return 1;
	while (text.n)
		n += view_cut(&text, '\n').n > 0;
	return n;
}

static void answered(unsigned i, int status, const char *text)
{
	struct post *p = k.posts[i].post;

	p->status = status;
	buf_adds(&p->answer, text);
	p->ended(p->arg);
}

#define TAKEN "{\"status\":201,\"receipt\":\"made up\"}\n"

/* Request `i` has `n` such lines in its answer. */
static void all_taken(unsigned i, unsigned n)
{
	struct buf text = BUF_INIT(65536);

	while (n-- > 0)
		buf_adds(&text, TAKEN);
	buf_addc(&text, 0);
	answered(i, 200, text.p);
	buf_free(&text);
}

static void sent_with(unsigned i, unsigned lines)
{
	ck_assert_uint_gt(k.sent, i);
	ck_assert_uint_eq(lines_of(i), lines);
	ck_assert(k.posts[i].many == (lines > 1));
	ck_assert(k.posts[i].keyed == (lines == 1));
}

START_TEST(what_is_due_goes_together)
{
	due(20);
	ck_assert_uint_eq(k.sent, 3);
	sent_with(0, 8);
	sent_with(1, 8);
	sent_with(2, 4);
	ck_assert(view_starts(buf_view(&k.posts[0].body),
	                      VIEW("{\"key\":\"k1\",\"n\":1,\"room\":\"\"}\n{\"key\":\"k2\",\"n\":2,")));
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 3);
	for (unsigned i = 0; i < 3; i++)
		all_taken(i, lines_of(i));
	await_written(20);
	for (unsigned i = 0; i < 20; i++)
		ck_assert(k.end[i] == PARCEL_ARRIVED && k.packed[i] == 1);
}
END_TEST

START_TEST(one_goes_by_itself)
{
	due(1);
	sent_with(0, 1);
	ck_assert(view_is(buf_view(&k.posts[0].body), "{\"n\":1,\"room\":\"\"}"));
	answered(0, 202, TAKEN);
	await_written(1);
	ck_assert_int_eq(k.status[0], 202);
	ck_assert_int_eq(k.end[0], PARCEL_ARRIVED);
}
END_TEST

START_TEST(each_has_its_own_result)
{
	due(6);
	answered(0, 200,
	         TAKEN "{\"status\":202,\"receipt\":\"made up\"}\n"
	               "{\"type\":\"/problems/not-permitted\",\"status\":403,\"final\":true}\n"
	               "{\"type\":\"/problems/agreement-mismatch\",\"status\":409}\n"
	               "{\"type\":\"/problems/unavailable\",\"status\":503}\n"
	               "{\"status\":201}\n");
	await_written(6);
	static const struct {
		enum parcel_end end;
		int status;
		const char *slug;
	} want[] = { { PARCEL_ARRIVED, 201, "" },
		     { PARCEL_ARRIVED, 202, "" },
		     { PARCEL_REFUSED, 403, "not-permitted" },
		     { PARCEL_RETRY, 409, "agreement-mismatch" },
		     { PARCEL_RETRY, 503, "unavailable" },
		     { PARCEL_RETRY, 201, "receipt-invalid" } };
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(k.end[i], want[i].end);
		ck_assert_int_eq(k.status[i], want[i].status);
		ck_assert_str_eq(k.slug[i], want[i].slug);
	}
	ck_assert_uint_eq(k.sent, 1);
}
END_TEST

START_TEST(a_target_has_requests_of_its_own)
{
	k.targets = 3;
	due(9);
	ck_assert_uint_eq(k.sent, 3);
	for (unsigned i = 0; i < 3; i++)
		sent_with(i, 3);
	ck_assert_str_eq(k.posts[0].target, "/letters/1");
	ck_assert_str_eq(k.posts[1].target, "/letters/2");
	ck_assert(strstr(k.posts[0].body.p, "\"k1\"") && strstr(k.posts[0].body.p, "\"k4\""));
}
END_TEST

/* More targets than places: what has none is not packed, and stays due. */
START_TEST(no_more_requests_than_places)
{
	k.targets = 10;
	due(20);
	ck_assert_uint_eq(k.sent, NEIGHBOUR_FIRST);
	ck_assert_uint_eq(k.packed[3], 1);
	ck_assert_uint_eq(k.packed[4], 0);
	answered(0, 201, TAKEN);
	await_written(1);
	courier_tick(courier);
	ck_assert_uint_gt(k.sent, NEIGHBOUR_FIRST);
	ck_assert_uint_eq(k.packed[1], 1);
}
END_TEST

/* --- in vain --- */

static const struct {
	int status;
	const char *text;
} in_vain[] = {
	{ 200, "" },
	{ 200, TAKEN },
	{ 200, TAKEN TAKEN TAKEN TAKEN TAKEN TAKEN TAKEN TAKEN TAKEN },
	{ 413, "{\"type\":\"/problems/too-large\",\"status\":413}" },
	{ 0, "" }, /* the answer is too long */
};

START_TEST(without_a_result_for_each_they_go_in_halves)
{
	due(8);
	sent_with(0, 8);
	k.posts[0].post->answer.failed = in_vain[_i].status == 0;
	answered(0, in_vain[_i].status, in_vain[_i].text);
	ck_assert_uint_eq(k.sent, 2);
	sent_with(1, 4);
	k.posts[1].post->answer.failed = in_vain[_i].status == 0;
	answered(1, in_vain[_i].status, in_vain[_i].text);
	sent_with(2, 2);
	all_taken(2, 2);
	/* Twice as many again. */
	sent_with(3, 4);
	all_taken(3, 4);
	sent_with(4, 2);
	all_taken(4, 2);
	await_written(8);
	ck_assert_uint_eq(k.sent, 5);
	for (unsigned i = 0; i < 8; i++)
		ck_assert(k.end[i] == PARCEL_ARRIVED && k.packed[i] == 1);
}
END_TEST

/* Down to one, which is judged whatever its answer is: the others are not held up by it. */
START_TEST(the_one_that_spoils_it_is_found)
{
	due(8);
	unsigned ended = 0;
	for (unsigned i = 0; i < k.sent && k.sent < POSTS; i++) {
		struct view body = buf_view(&k.posts[i].body);
		bool spoilt = memmem(body.p, body.n, "\"n\":3,", 6) != NULL;
		unsigned n = lines_of(i);
		if (n == 1)
			answered(i, spoilt ? 500 : 201, spoilt ? "{}" : TAKEN);
		else if (spoilt)
			answered(i, 200, "");
		else
			all_taken(i, n);
		ended += n == 1 || !spoilt ? n : 0;
	}
	ck_assert_uint_ge(ended, 3);
	await_written(ended);
	courier_tick(courier);
	ck_assert_int_eq(k.end[2], PARCEL_RETRY);
	ck_assert_int_eq(k.end[1], PARCEL_ARRIVED);
}
END_TEST

static const int forms[] = { 201, 202, 400, 404, 405, 406, 415, 501 };

START_TEST(one_by_one_where_many_are_not_known)
{
	due(4);
	sent_with(0, 4);
	answered(0, forms[_i], "{}");
	for (unsigned i = 1; i <= 4; i++) {
		ck_assert_uint_eq(k.sent, i + 1);
		sent_with(i, 1);
		answered(i, 201, TAKEN);
	}
	await_written(4);
	/* And so it stays, until people have what waits tried now. */
	due(8);
	for (unsigned i = 5; i < k.sent; i++)
		sent_with(i, 1);
	ck_assert_uint_gt(k.sent, 5);
	unsigned sent = k.sent;
	for (unsigned i = 5; i < sent; i++)
		answered(i, 201, TAKEN);
	await_written(8);
	atomic_fetch_add(&core.hastened, 1);
	due(12);
	ck_assert(k.posts[sent].many);
}
END_TEST

/* Lines that are no result: those, and no others, are sent again. */
START_TEST(only_what_has_no_result_is_sent_again)
{
	static const char *const lines[] = { "no JSON",          "{}",   "{\"status\":\"201\"}", "{\"status\":99}",
		                             "{\"status\":600}", "[201]" };
	struct buf text = BUF_INIT(65536);

	due(4);
	buf_addf(&text, TAKEN "%s\n" TAKEN "%s\n", lines[_i], lines[_i]);
	buf_addc(&text, 0);
	answered(0, 200, text.p);
	buf_free(&text);
	ck_assert_uint_eq(k.sent, 2);
	sent_with(1, 2);
	ck_assert(view_starts(buf_view(&k.posts[1].body), VIEW("{\"key\":\"k2\",")));
	all_taken(1, 2);
	await_written(4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(k.end[i], PARCEL_ARRIVED);
}
END_TEST

/* --- one answer for all, or none --- */

START_TEST(an_answer_for_all_is_each_ones)
{
	due(4);
	answered(0, 403, "{\"type\":\"/problems/partner-unknown\",\"status\":403}");
	await_written(4);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(k.end[i], PARCEL_RETRY);
		ck_assert_str_eq(k.slug[i], "partner-unknown");
	}
}
END_TEST

/* From NEIGHBOUR_LINES on, of which the kind allows eight, until the way is shut: then one asks. */
START_TEST(after_silence_fewer_go_together)
{
	static const unsigned lines[] = { 8, 8, 4, 1 };

	for (unsigned i = 0; i < 4; i++) {
		due(k.n_due + lines[i]);
		ck_assert_uint_eq(k.sent, i + 1);
		sent_with(i, lines[i]);
		answered(i, i == 0 ? 0 : 503, "{\"type\":\"/problems/unavailable\"}");
		await_written(k.n_due);
		ck_assert_str_eq(k.slug[k.n_due - 1], i == 0 ? "unreachable" : "unavailable");
	}
}
END_TEST

/* What did not leave is due as before, and nothing of it is written. */
START_TEST(what_did_not_leave_is_no_attempt)
{
	k.body = 700u * 1024;
	due(2);
	ck_assert_uint_eq(k.sent, 1);
	sent_with(0, 1);
	ck_assert_uint_eq(k.packed[1], 1);
	answered(0, 0, "");
	await_written(1);
	ck_assert(!k.gone[1]);
	ck_assert_uint_eq(k.sent, 2);
	ck_assert_uint_eq(k.packed[1], 2);
	ck_assert(view_starts(buf_view(&k.posts[1].body), VIEW("{\"n\":2,")));
}
END_TEST

/* It went out once, in a request that was in vain: it may have arrived, and that it failed is written. */
START_TEST(what_has_left_is_an_attempt)
{
	due(4);
	answered(0, 413, "{}");
	sent_with(1, 2);
	answered(1, 0, "");
	await_written(4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert(k.end[i] == PARCEL_RETRY && k.packed[i] == 1);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(what_cannot_be_posted_ends_at_once)
{
	k.cannot_post = true;
	due(4);
	await_written(4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_str_eq(k.slug[i], "unreachable");
}
END_TEST

/* --- what is written of it --- */

/* One job for all of it; where one of it cannot be written, each by itself, and that one harms no other. */
START_TEST(one_job_writes_what_one_answer_ended)
{
	struct writer_stats before, after;

	k.bad = _i ? 2 : 0;
	due(8);
	sent_with(0, 8);
	writer_stats(f.writer, &before);
	all_taken(0, 8);
	await_written(_i ? 7 : 8);
	writer_stats(f.writer, &after);
	ck_assert_uint_eq(after.jobs - before.jobs, _i ? 7 : 1);
	ck_assert(k.gone[1] == !_i);
}
END_TEST

/* --- what one request has room for --- */

START_TEST(a_text_of_several_lines_goes_by_itself)
{
	k.newline = 3;
	due(5);
	sent_with(0, 2);
	all_taken(0, 2);
	sent_with(1, 1);
	answered(1, 201, TAKEN);
	sent_with(2, 2);
	all_taken(2, 2);
	await_written(5);
}
END_TEST

START_TEST(a_mebibyte_at_most)
{
	k.body = 300u * 1024;
	due(8);
	for (unsigned i = 0; i < k.sent; i++)
		ck_assert_uint_le(k.posts[i].body.n, 1u << 20);
	sent_with(0, 3);
}
END_TEST

TCase *make_consignment_case(void)
{
	TCase *c = tcase_create("consignment");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, what_is_due_goes_together);
	tcase_add_loop_test(c, one_job_writes_what_one_answer_ended, 0, 2);
	tcase_add_test(c, one_goes_by_itself);
	tcase_add_test(c, each_has_its_own_result);
	tcase_add_test(c, a_target_has_requests_of_its_own);
	tcase_add_test(c, no_more_requests_than_places);
	tcase_add_loop_test(c, without_a_result_for_each_they_go_in_halves, 0, sizeof in_vain / sizeof *in_vain);
	tcase_add_test(c, the_one_that_spoils_it_is_found);
	tcase_add_loop_test(c, one_by_one_where_many_are_not_known, 0, sizeof forms / sizeof *forms);
	tcase_add_loop_test(c, only_what_has_no_result_is_sent_again, 0, 6);
	tcase_add_test(c, an_answer_for_all_is_each_ones);
	tcase_add_test(c, after_silence_fewer_go_together);
	tcase_add_test(c, what_did_not_leave_is_no_attempt);
	tcase_add_test(c, what_has_left_is_an_attempt);
	tcase_add_test(c, what_cannot_be_posted_ends_at_once);
	tcase_add_test(c, a_text_of_several_lines_goes_by_itself);
	tcase_add_test(c, a_mebibyte_at_most);
	return c;
}
