/* What an act of persons stops does not leave: neither from the outbox, nor while it is under way, nor from the inbox. */
#include "gatewayd/core/store/outbox.h"
#include "test/core/stops_fixture.h"
#include "test/core/worker_fixture.h"

TCase *make_stopped_case(void);

static struct exchange *queued, *ready;
static struct put_act act;

static void set_up(void)
{
	struct submission own, south;

	worker_open();
	own = submission_by(NORTH_SYSTEM, "pnr");
	south = submission_by(SOUTH_SYSTEM, "pnr");
	queued = sent(&own, released_text());
	ready = sent(&south, released_text());
	ck_assert_int_eq(row_of(queued).state, STATE_QUEUED);
	ck_assert_int_eq(row_of(ready).state, STATE_READY);
	act = (struct put_act){ .kind = NULL };
}

static void tear_down(void)
{
	act_free(&act);
	exchange_recycle(queued);
	exchange_recycle(ready);
	worker_close();
}

static void stop(const char *kind, const char *about, enum act_state state)
{
	act = (struct put_act){ .kind = kind, .about = about, .state = state };
	if (strcmp(kind, "restrict-tier") == 0)
		act.max = "T0";
	act_put(&f, &act);
}

static struct store_delivery delivery(void)
{
	struct store_delivery d;

	OK(store_get_delivery(f.reader, row_of(queued).seq, &d, e));
	return d;
}

static bool make_due(void *arg, const struct act *a, struct error *e)
{
	return store_extend_delivery(a->store, row_of(queued).seq, f.now_ms, *(int64_t *)arg, e);
}

static void due_now(int64_t later_ms)
{
	ck_assert(core_act(&f, make_due, &later_ms).committed);
}

/* The courier looks, and nothing is sent. */
static void courier_keeps_it(void)
{
	post_seen.done = false;
	for (int i = 0; i < 5; i++) {
		courier_tick(worker->parts[DELIVERIES]);
		worker_flush(worker);
		ck_assert_int_ne(channel_receive(edge, on_edge_frame, NULL), CHANNEL_DEAD);
		worker_settle();
	}
	ck_assert(!post_seen.done);
}

static const struct {
	const char *kind, *slug;
	enum act_state state;
} stopping[] = {
	{ "veto", "council-veto", ACT_STANDS_PROVISIONALLY },  { "veto", "council-veto", ACT_IN_FORCE },
	{ "suspend", "agreement-suspended", ACT_IN_FORCE },    { "restrict-tier", "tier-restricted", ACT_IN_FORCE },
	{ "terminate", "agreement-terminated", ACT_IN_FORCE },
};
#define STOPPING (sizeof stopping / sizeof stopping[0])

START_TEST(it_stays_in_the_outbox)
{
	stop(stopping[_i].kind, NULL, stopping[_i].state);
	courier_keeps_it();
	ck_assert(view_is(delivery().last_error, stopping[_i].slug));
	ck_assert_uint_eq(delivery().attempts, 0);
	ck_assert_int_gt(delivery().next_ms, f.now_ms);
	ck_assert(is_sealed(row_of(queued).seq));
	/* It says so to its own side. */
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&queued->decided.id, "")), 200);
	ck_assert_str_eq(core_member(json_object_get(answer_doc(), "delivery"), "reason"), stopping[_i].slug);
}
END_TEST

static const char *const others[] = {
	"\"purpose\":\"terrorism-prevention\"",
	"\"legal_basis\":\"another\"",
	"\"exception\":\"imminent-threat\"",
	"\"partner\":\"west\"",
	"\"tier\":\"T2\"",
	"\"exchange\":\"01890a5d-ac96-774b-bcce-b302099a8057\"",
};

START_TEST(an_act_about_something_else_stops_nothing)
{
	stop("veto", others[_i], ACT_IN_FORCE);
	courier_sends(DELIVERIES);
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&ready->decided.id, "/record")), 200);
}
END_TEST

START_TEST(what_has_no_effect_stops_nothing)
{
	static const struct {
		const char *status;
		enum act_state state;
	} none[] = { { NULL, ACT_OPEN },      { NULL, ACT_LIFTED },         { NULL, ACT_ENDED },
		     { NULL, ACT_LAPSED },    { "Exercise", ACT_IN_FORCE }, { "System", ACT_IN_FORCE },
		     { "Test", ACT_IN_FORCE } };

	act = (struct put_act){ .kind = "veto", .status = none[_i].status, .state = none[_i].state };
	act_put(&f, &act);
	courier_sends(DELIVERIES);
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&ready->decided.id, "/record")), 200);
}
END_TEST

START_TEST(a_veto_takes_no_time_and_a_suspension_does)
{
	bool veto = _i == 0;

	stop(veto ? "veto" : "suspend", NULL, veto ? ACT_STANDS_PROVISIONALLY : ACT_IN_FORCE);
	stops_walked(&f.core, stops_generation(&f.core));
	due_now(f.now_ms - 1000 - delivery().deadline_ms);
	courier_keeps_it();
	ck_assert_int_eq(row_of(queued).state, STATE_QUEUED);
	ck_assert_int_eq(delivery().next_ms == OUTBOX_FAILED, !veto);
}
END_TEST

START_TEST(nothing_is_given_up_before_its_time_was_given_back)
{
	stop("suspend", NULL, ACT_IN_FORCE);
	due_now(f.now_ms - 1000 - delivery().deadline_ms);
	courier_keeps_it();
	ck_assert_int_ne(delivery().next_ms, OUTBOX_FAILED);
}
END_TEST

START_TEST(what_is_under_way_is_dropped)
{
	struct post *post;

	courier_sends(DELIVERIES);
	uint64_t id = post_seen.id;
	stop("veto", NULL, ACT_STANDS_PROVISIONALLY);
	post_seen.aborted = false;
	courier_keeps_it();
	ck_assert(post_seen.aborted);
	ck_assert_uint_eq(post_seen.id, id);
	HASH_FIND(hh, worker->posts, &id, sizeof id, post);
	ck_assert_ptr_null(post);
	ck_assert(view_is(delivery().last_error, "council-veto"));
	/* It may have arrived. */
	ck_assert_uint_eq(delivery().attempts, 1);
	/* And goes out again when it may. */
	act_becomes(&f, &act, ACT_ENDED, f.now_ms);
	due_now(0);
	courier_sends(DELIVERIES);
}
END_TEST

START_TEST(the_inbox_lists_it_without_the_record)
{
	json_t *item;

	stop(stopping[_i].kind, NULL, stopping[_i].state);
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox"), 200);
	item = json_array_get(json_object_get(answer_doc(), "items"), 0);
	ck_assert_pstr_eq(core_member(item, "withheld"), stopping[_i].slug);
	ck_assert_ptr_null(json_object_get(item, "record"));
	ck_assert_ptr_null(json_object_get(item, "salt"));
	ck_assert_ptr_null(json_object_get(item, "purpose"));
	char path[80];
	snprintf(path, sizeof path, "/v1/inbox/%lld/ack", (long long)json_integer_value(json_object_get(item, "id")));
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&ready->decided.id, "/record")), 403);
	is_problem(403, stopping[_i].slug);
	ck_assert_int_eq(posted(NORTH_SYSTEM, path, VIEW("")), 403);
	is_problem(403, stopping[_i].slug);
	ck_assert(is_sealed(row_of(ready).seq));
	ck_assert_int_eq(row_of(ready).state, STATE_READY);
	/* And with it when the act has ended. */
	act_becomes(&f, &act, ACT_LIFTED, f.now_ms);
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&ready->decided.id, "/record")), 200);
	ck_assert_int_eq(posted(NORTH_SYSTEM, path, VIEW("")), 200);
}
END_TEST

TCase *make_stopped_case(void)
{
	TCase *t = tcase_create("stopped");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, it_stays_in_the_outbox, 0, STOPPING);
	tcase_add_loop_test(t, an_act_about_something_else_stops_nothing, 0, sizeof others / sizeof others[0]);
	tcase_add_loop_test(t, what_has_no_effect_stops_nothing, 0, 7);
	tcase_add_loop_test(t, a_veto_takes_no_time_and_a_suspension_does, 0, 2);
	tcase_add_test(t, nothing_is_given_up_before_its_time_was_given_back);
	tcase_add_test(t, what_is_under_way_is_dropped);
	tcase_add_loop_test(t, the_inbox_lists_it_without_the_record, 0, STOPPING);
	return t;
}
