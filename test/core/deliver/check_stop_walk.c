/* What waits when an act is final is erased or called back, once; what a veto kept that ended has its time again. */
#include "gatewayd/core/deliver/stop_walk.h"

#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "test/core/stops_fixture.h"
#include "test/core/worker_fixture.h"

TCase *make_stop_walk_case(void);

static struct stop_walk *walk;
static struct exchange *queued, *ready, *held;
static struct put_act act;

static struct exchange *sent_by(enum core_partner who, const char *what)
{
	struct submission s = submission_by(who, "pnr");

	return sent(&s, text_of(pnr(what)));
}

static void set_up(void)
{
	worker_open();
	walk = stop_walk_new(&f.core, f.reader);
	ck_assert_ptr_nonnull(walk);
	queued = sent_by(NORTH_SYSTEM, "released");
	ready = sent_by(SOUTH_SYSTEM, "released");
	held = sent_by(NORTH_SYSTEM, "held-waiting-decision");
	ck_assert_int_eq(row_of(held).state, STATE_HELD);
	act = (struct put_act){ .kind = "veto" };
}

static void tear_down(void)
{
	act_free(&act);
	exchange_recycle(queued);
	exchange_recycle(ready);
	exchange_recycle(held);
	worker_close();
	stop_walk_free(walk);
}

static void sweep(void)
{
	for (int i = 0; i < 200 && !stop_walk_settled(walk); i++) {
		OK(stop_walk_sweep(walk, f.now_ms, e));
		for (int k = 0; k < 30000 && stop_walk_busy(walk); k++)
			usleep(1000);
	}
	ck_assert_msg(stop_walk_settled(walk), "the walk does not end");
	ck_assert(stops_settled(&f.core));
}

static uint64_t entries(void)
{
	struct writer_stats stats;

	writer_stats(f.log.writer, &stats);
	return stats.tree_size;
}

static void stop(const char *kind, const char *about, enum act_state state)
{
	act = (struct put_act){ .kind = kind, .about = about, .state = state };
	act_put(&f, &act);
}

static void all_wait(void)
{
	ck_assert_int_eq(row_of(queued).state, STATE_QUEUED);
	ck_assert_int_eq(row_of(ready).state, STATE_READY);
	ck_assert_int_eq(row_of(held).state, STATE_HELD);
	ck_assert(is_sealed(row_of(queued).seq) && is_sealed(row_of(ready).seq) && is_sealed(row_of(held).seq));
}

static struct store_delivery delivery(void)
{
	struct store_delivery d;

	OK(store_get_delivery(f.reader, row_of(queued).seq, &d, e));
	return d;
}

START_TEST(what_is_not_final_erases_nothing)
{
	static const struct {
		const char *kind;
		enum act_state state;
	} passing[] = { { "veto", ACT_STANDS_PROVISIONALLY }, { "suspend", ACT_IN_FORCE }, { "veto", ACT_OPEN } };

	stop(passing[_i].kind, NULL, passing[_i].state);
	uint64_t before = entries();
	sweep();
	all_wait();
	ck_assert_uint_eq(entries(), before);
}
END_TEST

START_TEST(a_confirmed_veto_and_an_end_erase_what_waits)
{
	bool veto = _i == 0;
	const char *slug = veto ? "council-veto" : "agreement-terminated";
	struct store_delivery d;
	struct store_duty duty;
	struct error none = { .reason = REASON_NONE };

	stop(veto ? "veto" : "terminate", NULL, ACT_IN_FORCE);
	sweep();
	ck_assert_int_eq(row_of(queued).state, STATE_FAILED);
	ck_assert_int_eq(row_of(held).state, STATE_REFUSED);
	ck_assert_int_eq(row_of(ready).state, STATE_RECALLED);
	ck_assert(!is_sealed(row_of(queued).seq) && !is_sealed(row_of(ready).seq) && !is_sealed(row_of(held).seq));
	ck_assert(!store_get_delivery(f.reader, row_of(queued).seq, &d, &none));
	OK(store_find_duty(f.reader, row_of(ready).seq, DUTY_RECALL, &duty, e));
	ck_assert(view_is(duty.why, veto ? "council-veto" : "agreement-ended") && duty.inbox != 0);
	/* Its own system is told why what it sent has failed. */
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox"), 200);
	bool told = false;
	json_t *item;
	size_t i;
	json_array_foreach(json_object_get(answer_doc(), "items"), i, item)
	{
		told = told || (strcmp(core_member(item, "kind"), "delivery-failed") == 0 &&
		                strcmp(core_member(item, "reason"), slug) == 0);
	}
	ck_assert(told);
	/* Once, whatever comes: another look, another process, a picture that says the same. */
	uint64_t before = entries();
	stop_walk_free(walk);
	walk = stop_walk_new(&f.core, f.reader);
	stops_refresh(&f.core, f.reader);
	sweep();
	ck_assert_uint_eq(entries(), before);
}
END_TEST

START_TEST(only_what_it_is_about)
{
	stop("veto", "\"partner\":\"west\"", ACT_IN_FORCE);
	sweep();
	all_wait();
}
END_TEST

static bool try_it(void *arg, const struct act *a, struct error *e)
{
	(void)arg;
	return store_retry_delivery(a->store, row_of(queued).seq, f.now_ms + 1000, VIEW("unreachable"), e);
}

START_TEST(what_may_have_arrived_is_called_back)
{
	ck_assert(core_act(&f, try_it, NULL).committed);
	stop("veto", NULL, ACT_IN_FORCE);
	sweep();
	ck_assert_int_eq(row_of(queued).state, STATE_RECALLED);
	ck_assert(!is_sealed(row_of(queued).seq));
}
END_TEST

static bool deliver_it(void *arg, const struct act *a, struct error *e)
{
	struct copy c;

	(void)arg;
	return copy_load(a, row_of(queued).seq, &c, e) && store_drop_delivery(a->store, c.seq, e) &&
	       exchange_become(a, &c, STATE_DELIVERED, e);
}

START_TEST(what_was_delivered_is_called_back_when_it_is_named)
{
	char about[120], id[UUID_TEXT + 1];

	ck_assert(core_act(&f, deliver_it, NULL).committed);
	uuid_print(&queued->decided.id, id);
	snprintf(about, sizeof about, "\"exchange\":\"%s\"", id);
	stop("veto", _i ? about : NULL, ACT_IN_FORCE);
	sweep();
	ck_assert_int_eq(row_of(queued).state, _i ? STATE_RECALLED : STATE_DELIVERED);
	ck_assert_int_eq(row_of(held).state, _i ? STATE_HELD : STATE_REFUSED);
}
END_TEST

START_TEST(a_veto_that_ends_gives_the_time_back_once)
{
	int64_t deadline = delivery().deadline_ms, ended = f.now_ms + 3600000;
	bool veto = _i < 2;

	act = (struct put_act){ .kind = veto ? "veto" : "suspend",
		                .state = veto ? ACT_STANDS_PROVISIONALLY : ACT_IN_FORCE,
		                .from_ms = f.now_ms - DAY_MS };
	act_put(&f, &act);
	sweep();
	ck_assert_int_eq(delivery().deadline_ms, deadline);
	act_becomes(&f, &act, _i ? ACT_LIFTED : ACT_ENDED, ended);
	ck_assert(!stops_settled(&f.core));
	sweep();
	/* It came after the veto began. */
	int64_t want = deadline + (veto ? ended - row_of(queued).received_ms : 0);
	ck_assert_int_eq(delivery().deadline_ms, want);
	ck_assert_int_le(delivery().next_ms, f.now_ms);
	stop_walk_free(walk);
	walk = stop_walk_new(&f.core, f.reader);
	stops_refresh(&f.core, f.reader);
	sweep();
	ck_assert_int_eq(delivery().deadline_ms, want);
}
END_TEST

START_TEST(what_was_decided_before_the_act_is_found_too)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *late = decide(&s, released_text());

	stop("veto", NULL, ACT_IN_FORCE);
	sweep();
	commit(late);
	ck_assert_int_eq(row_of(late).state, STATE_QUEUED);
	ck_assert(!stop_walk_settled(walk));
	sweep();
	ck_assert_int_eq(row_of(late).state, STATE_FAILED);
	ck_assert(!is_sealed(row_of(late).seq));
	exchange_recycle(late);
}
END_TEST

TCase *make_stop_walk_case(void)
{
	TCase *t = tcase_create("stop_walk");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, what_is_not_final_erases_nothing, 0, 3);
	tcase_add_loop_test(t, a_confirmed_veto_and_an_end_erase_what_waits, 0, 2);
	tcase_add_test(t, only_what_it_is_about);
	tcase_add_test(t, what_may_have_arrived_is_called_back);
	tcase_add_loop_test(t, what_was_delivered_is_called_back_when_it_is_named, 0, 2);
	tcase_add_loop_test(t, a_veto_that_ends_gives_the_time_back_once, 0, 3);
	tcase_add_test(t, what_was_decided_before_the_act_is_found_too);
	return t;
}
