/* What a courier takes up, how often it sends, and what becomes of each: with a kind that sends nothing. */
#include "gatewayd/core/serve/courier.h"

#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/neighbour.h"
#include "test/core/log_fixture.h"

#define DUE_MAX 100
#define MOST    6
#define LIFE_MS 1000

TCase *make_courier_case(void);

struct letter {
	struct parcel parcel; /* first */
	unsigned zero;
};

static struct log_fixture f;
static struct core core;
static struct conf conf;
static struct worker worker;
static struct courier *courier;

/* What the kind says, and what it was asked. */
static struct {
	struct courier_due due[DUE_MAX];
	const char *to[DUE_MAX]; /* recipients of those; NULL: south */
	unsigned n_due;
	size_t body; /* at least so long */
	struct store_ask asked;
	bool cannot_list, cannot_open, cannot_list_due, cannot_send, hopeless, unproved, final, write_fails;
	const char *slug;
	struct parcel *last_sent;
	struct post *last_post, *first_posts[NEIGHBOUR_FIRST];
	unsigned sent, posts, proved;
	_Atomic unsigned written;
	unsigned committed;
	struct courier_due due_written;
	enum parcel_end end;
	char slug_written[64];
	unsigned opened, shut, without; /* by open() and shut() */
	bool open;
} k;

static struct view recipient_of(unsigned i)
{
	return view_of(k.to[i] ? k.to[i] : "south");
}

static bool next_recipient(struct store *reader, struct view after, struct view *out, struct error *e)
{
	bool found = false;

	ck_assert_ptr_null(reader);
	if (k.cannot_list)
		return error_set(e, REASON_STORE, "made up");
	for (unsigned i = 0; i < k.n_due; i++) {
		if (view_cmp(recipient_of(i), after) > 0 && (!found || view_cmp(recipient_of(i), *out) < 0)) {
			*out = recipient_of(i);
			found = true;
		}
	}
	return found || error_set(e, REASON_NOT_FOUND, "no recipient");
}

static bool list_due(struct store *reader, const struct store_ask *ask, struct courier_look *look, struct error *e)
{
	unsigned listed = 0;

	ck_assert_ptr_null(reader);
	ck_assert_int_gt(ask->now_ms, 0);
	k.asked = *ask;
	if (k.cannot_list_due)
		return error_set(e, REASON_STORE, "made up");
	for (unsigned i = 0; i < k.n_due && listed < ask->max; i++) {
		if (!view_eq(recipient_of(i), ask->recipient) || k.due[i].id % ask->shares != ask->share ||
		    k.due[i].deadline_ms > (ask->before_ms == INT64_MAX ? INT64_MAX : ask->before_ms + LIFE_MS))
			continue;
		listed++;
		if (!courier_note(look, &k.due[i]))
			break;
	}
	return true;
}

static bool open_all(struct worker *w, struct courier_due *due, size_t n)
{
	ck_assert_ptr_eq(w, &worker);
	ck_assert(!k.open && n > 0 && n <= COURIER_TOGETHER);
	for (size_t i = 0; i < n; i++)
		due[i].begun = 7;
	k.open = !k.cannot_open;
	k.opened += k.open ? (unsigned)n : 0;
	return k.open;
}

static void shut_all(struct worker *w, const struct courier_due *due, size_t n, size_t without)
{
	ck_assert_ptr_eq(w, &worker);
	ck_assert(k.open && due[n - 1].begun == 7 && without <= n);
	k.open = false;
	k.shut += (unsigned)n;
	k.without += (unsigned)without;
}

static bool find_target(struct parcel *p)
{
	ck_assert(k.open && p->due.begun == 7);
	snprintf(p->target, sizeof p->target, "/letters");
	return true;
}

static bool pack(struct parcel *p)
{
	PARCEL_OF(struct letter, p)->zero++;
	ck_assert_uint_eq(PARCEL_OF(struct letter, p)->zero, 1);
	ck_assert_ptr_eq(p->worker, &worker);
	ck_assert_ptr_eq(p->conf, &conf);
	buf_adds(&p->body, "a letter");
	while (p->body.n < k.body)
		buf_addc(&p->body, ' ');
	p->hopeless = k.hopeless;
	k.last_sent = p;
	k.sent++;
	return !k.cannot_send || (k.slug && parcel_later(p, k.slug, "made up"));
}

static bool send_it(struct worker *w, struct post *p, const struct post_head *head)
{
	ck_assert_ptr_eq(w, &worker);
	ck_assert_str_eq(head->target, "/letters");
	ck_assert_str_eq(head->content_type, "application/json");
	ck_assert_ptr_null(head->key);
	ck_assert(view_starts(p->body, VIEW("a letter")));
	k.last_post = p;
	if (k.posts < NEIGHBOUR_FIRST)
		k.first_posts[k.posts] = p;
	k.posts++;
	return true;
}

static bool proved(struct parcel *p)
{
	k.proved++;
	return !k.unproved || parcel_later(p, "receipt-invalid", "made up");
}

static bool refused(struct parcel *p)
{
	ck_assert_int_gt(p->status, 0);
	ck_assert_ptr_null(p->answer);
	buf_adds(&p->receipt, "of a refusal");
	parcel_later(p, "receipt-invalid", "made up");
	return k.final;
}

static bool over(struct parcel *p)
{
	return p->now_ms >= p->due.deadline_ms;
}

static void describe(struct parcel *p, char *out, size_t size)
{
	snprintf(out, size, "letter %llu", (unsigned long long)p->due.id);
}

static bool write_it(struct parcel *p, struct act *a, struct error *e)
{
	ck_assert_ptr_eq(a->core, &core);
	ck_assert_ptr_eq(a->job, &p->job);
	ck_assert_int_eq(a->now_ms, p->now_ms);
	ck_assert(a->writer && a->store);
	/* What was in the body is gone by now. */
	ck_assert_uint_eq(p->body.n, 8);
	ck_assert_int_eq(p->body.p[0], 0);
	k.due_written = p->due;
	k.end = p->end;
	/* A refusal's receipt is none of its arrival. */
	ck_assert_uint_eq(p->receipt.n, 0);
	snprintf(k.slug_written, sizeof k.slug_written, "%s", p->slug);
	k.written++;
	return !k.write_fails || error_set(e, REASON_QUOTA, "this one fails");
}

static void written(struct parcel *p)
{
	ck_assert_ptr_eq(p->worker, &worker);
	ck_assert(p->job.committed);
	k.committed++;
}

static const struct courier_kind letters = {
	.name = "letters",
	.size = sizeof(struct letter),
	.most = MOST,
	.taken = { 201, 202 },
	.life_ms = LIFE_MS,
	.recipient = next_recipient,
	.due = list_due,
	.batch = 1,
	.open = open_all,
	.shut = shut_all,
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
	courier = courier_new(&worker, &letters);
	ck_assert_ptr_nonnull(courier);
}

static void teardown(void)
{
	log_stop(&f);
	courier_free(courier);
	attempts_free(core.attempts);
	scratch_close(&worker.scratch);
	/* Every parcel let go of its configuration. */
	ck_assert_uint_eq(conf.refs, 1);
	log_teardown(&f);
}

static void due(unsigned n)
{
	for (k.n_due = 0; k.n_due < n; k.n_due++)
		k.due[k.n_due] = (struct courier_due){ .id = k.n_due + 1, .attempts = 7, .deadline_ms = INT64_MAX };
}

static void collect_some(void)
{
	struct pollfd p = { .fd = home_fd(f.home), .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	home_collect(f.home);
}

/* Until `n` were written and came home. */
static void collect(unsigned n)
{
	unsigned left = conf.refs - n;

	while (conf.refs > left)
		collect_some();
}

/* The partner answers the one that was sent last; 0: it cannot be reached. */
static void answer(int status)
{
	struct post *p = k.last_post;

	p->status = status;
	snprintf(p->problem, sizeof p->problem, "made up");
	p->ended(p->arg);
}

static void ends(int status, enum parcel_end end, const char *slug)
{
	courier_tick(courier);
	answer(status);
	collect(1);
	ck_assert_int_eq(k.end, end);
	ck_assert_str_eq(k.slug_written, slug);
}

START_TEST(only_so_many_are_under_way)
{
	due(20);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, NEIGHBOUR_FIRST);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, NEIGHBOUR_FIRST);
	/* With each answer one more, up to the kind's most. */
	for (unsigned i = 0; i < 5; i++) {
		answer(201);
		for (unsigned j = 0; j < k.n_due; j++) /* it is no longer due; another is */
			k.due[j].id += k.due[j].id == k.last_sent->due.id ? 100 : 0;
		collect(1);
		courier_tick(courier);
	}
	ck_assert_uint_eq(conf.refs - 1, MOST);
}
END_TEST

START_TEST(what_waits_for_a_place_is_taken_up_when_one_is_free)
{
	due(20);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, NEIGHBOUR_FIRST);
	for (unsigned i = 0; i < NEIGHBOUR_FIRST; i++) {
		k.due[i].id = 100 + i;
		k.last_post = k.first_posts[i];
		answer(201);
	}
	while (k.sent < 2 * NEIGHBOUR_FIRST)
		collect_some();
}
END_TEST

START_TEST(one_that_is_silent_delays_nobody)
{
	due(40);
	for (unsigned i = 0; i < 38; i++)
		k.to[i] = "a-silent-one";
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, NEIGHBOUR_FIRST + 2);
	ck_assert_uint_eq(k.last_sent->due.id, 40);
}
END_TEST

/* Nobody answers `times`. */
static void is_silent(unsigned times)
{
	due(1);
	for (unsigned i = 0; i < times; i++)
		ends(i % 2 ? 503 : 0, PARCEL_RETRY, i % 2 ? "refused" : "unreachable");
}

START_TEST(a_silent_one_is_asked_by_one_at_a_time_until_it_answers)
{
	is_silent(NEIGHBOUR_PATIENCE - 1);
	conf.node.first_retry_ms = conf.node.longest_retry_ms = 3600000;
	is_silent(1);
	unsigned sent = k.sent;
	due(10);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, sent);
	/* Another start knows nothing of it. */
	courier_free(courier);
	ck_assert_ptr_nonnull(courier = courier_new(&worker, &letters));
	conf.node.first_retry_ms = conf.node.longest_retry_ms = 0;
	is_silent(NEIGHBOUR_PATIENCE + 1);
	sent = k.sent;
	due(10);
	courier_tick(courier);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, sent + 1);
	answer(404);
	collect(1);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, sent + 1 + NEIGHBOUR_FIRST + 1);
}
END_TEST

START_TEST(what_is_past_its_deadline_ends_though_the_way_is_shut)
{
	conf.node.first_retry_ms = conf.node.longest_retry_ms = 3600000;
	is_silent(NEIGHBOUR_PATIENCE);
	unsigned sent = k.sent;
	due(3);
	k.due[1].deadline_ms = 1;
	k.cannot_send = true;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, sent + 1);
	collect(1);
	ck_assert_int_eq(k.end, PARCEL_EXPIRED);
	ck_assert_uint_eq(k.due_written.id, 2);
	/* Not looked for at every tick. */
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, sent + 1);
}
END_TEST

START_TEST(large_bodies_leave_one_place_each)
{
	due(8);
	for (unsigned i = 4; i < 8; i++)
		k.to[i] = "west";
	k.body = 17u << 20;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, NEIGHBOUR_FIRST + 1);
}
END_TEST

START_TEST(those_without_a_place_are_told)
{
	due(NEIGHBOUR_FIRST);
	k.body = 23u << 20;
	courier_tick(courier);
	ck_assert_uint_lt(k.sent, NEIGHBOUR_FIRST);
	ck_assert_uint_eq(k.opened, NEIGHBOUR_FIRST);
	ck_assert_uint_eq(k.shut, NEIGHBOUR_FIRST);
	ck_assert_uint_eq(k.without, NEIGHBOUR_FIRST - k.sent);
}
END_TEST

START_TEST(what_cannot_be_read_now_is_due_again)
{
	due(2);
	k.cannot_open = true;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 0);
	ck_assert_uint_eq(conf.refs, 1);
	k.cannot_open = false;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(what_is_under_way_is_not_sent_again)
{
	due(2);
	courier_tick(courier);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
	ck_assert_uint_eq(k.asked.max, NEIGHBOUR_FIRST + 1);
}
END_TEST

START_TEST(each_worker_has_its_share)
{
	core.n_workers = 3;
	worker.index = 2;
	due(7);
	courier_tick(courier);
	ck_assert_uint_eq(k.asked.shares, 3);
	ck_assert_uint_eq(k.sent, 2); /* 2 and 5 */
	ck_assert_uint_eq(k.last_sent->due.id, 5);
}
END_TEST

START_TEST(an_answer_is_judged_then_written_then_it_is_gone)
{
	due(1);
	ends(202, PARCEL_ARRIVED, "");
	ck_assert_uint_eq(k.proved, 1);
	ck_assert_uint_eq(k.written, 1);
	ck_assert_uint_eq(k.due_written.id, 1);
	ck_assert_uint_eq(k.due_written.attempts, 7);
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(what_does_not_prove_it_is_tried_again)
{
	due(1);
	k.unproved = true;
	ends(201, PARCEL_RETRY, "receipt-invalid");
	k.due[0].deadline_ms = 1;
	ends(201, PARCEL_EXPIRED, "receipt-invalid");
}
END_TEST

START_TEST(refusals_are_tried_again_until_one_is_proved_final)
{
	static const int statuses[] = {
		400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, /* another kind's */ 200
	};

	due(1);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		ends(statuses[i], PARCEL_RETRY, "refused");
	ends(0, PARCEL_RETRY, "unreachable");
	k.final = true;
	ends(0, PARCEL_RETRY, "unreachable");
	ends(403, PARCEL_REFUSED, "refused");
	k.due[0].deadline_ms = 1;
	ends(403, PARCEL_REFUSED, "refused");
	k.final = false;
	ends(0, PARCEL_EXPIRED, "unreachable");
	ends(403, PARCEL_EXPIRED, "refused");
	ck_assert_uint_eq(k.proved, 0);
}
END_TEST

START_TEST(what_cannot_be_sent_is_judged_at_once)
{
	due(1);
	k.cannot_send = true;
	k.slug = "flow-unmapped";
	courier_tick(courier);
	collect(1);
	ck_assert_int_eq(k.end, PARCEL_RETRY);
	ck_assert_str_eq(k.slug_written, "flow-unmapped");
	k.hopeless = true;
	courier_tick(courier);
	collect(1);
	ck_assert_int_eq(k.end, PARCEL_REFUSED);
	ck_assert_uint_eq(k.written, 2);
}
END_TEST

START_TEST(what_cannot_be_written_is_due_again)
{
	due(1);
	k.write_fails = true;
	ends(201, PARCEL_ARRIVED, "");
	ck_assert_uint_eq(k.committed, 0);
	k.write_fails = false;
	ends(201, PARCEL_ARRIVED, "");
	ck_assert_uint_eq(k.committed, 1);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(without_the_store_nothing_is_taken_up)
{
	due(2);
	k.cannot_list = true;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 0);
	k.cannot_list = false;
	k.cannot_list_due = true;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 0);
	k.cannot_list_due = false;
	courier_tick(courier);
	ck_assert_uint_eq(k.sent, 2);
}
END_TEST

START_TEST(a_recipient_without_a_gateway_has_no_address)
{
	struct partner partners[] = { { .id = "p", .agency = "south", .roles = ROLE(GATEWAY) },
		                      { .id = "q", .agency = "west", .roles = ROLE(GATEWAY), .host = "gw" } };
	struct parcel p = { .conf = &conf, .recipient = "south" };

	conf.partners = partners;
	conf.n_partners = 2;
	ck_assert(!parcel_address(&p));
	ck_assert_str_eq(p.slug, "flow-unmapped");
	snprintf(p.recipient, sizeof p.recipient, "east");
	ck_assert(!parcel_address(&p));
	snprintf(p.recipient, sizeof p.recipient, "west");
	ck_assert(parcel_address(&p));
	ck_assert_ptr_eq(p.partner, &partners[1]);
	conf.partners = NULL;
	conf.n_partners = 0;
}
END_TEST

TCase *make_courier_case(void)
{
	TCase *c = tcase_create("courier");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, only_so_many_are_under_way);
	tcase_add_test(c, what_waits_for_a_place_is_taken_up_when_one_is_free);
	tcase_add_test(c, one_that_is_silent_delays_nobody);
	tcase_add_test(c, a_silent_one_is_asked_by_one_at_a_time_until_it_answers);
	tcase_add_test(c, what_is_past_its_deadline_ends_though_the_way_is_shut);
	tcase_add_test(c, large_bodies_leave_one_place_each);
	tcase_add_test(c, those_without_a_place_are_told);
	tcase_add_test(c, what_cannot_be_read_now_is_due_again);
	tcase_add_test(c, what_is_under_way_is_not_sent_again);
	tcase_add_test(c, each_worker_has_its_share);
	tcase_add_test(c, an_answer_is_judged_then_written_then_it_is_gone);
	tcase_add_test(c, what_does_not_prove_it_is_tried_again);
	tcase_add_test(c, refusals_are_tried_again_until_one_is_proved_final);
	tcase_add_test(c, what_cannot_be_sent_is_judged_at_once);
	tcase_add_test(c, what_cannot_be_written_is_due_again);
	tcase_add_test(c, without_the_store_nothing_is_taken_up);
	tcase_add_test(c, a_recipient_without_a_gateway_has_no_address);
	return c;
}
