/* What was seen of partners' logs: one root a size, what waits to be proved, how much of it, and what a restart
 * finds. That a fork is found over the wire is in test/e2e/log/check_sight.py. */
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "test/core/log_fixture.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/witness.h"

static struct log_fixture f;
static struct core core;
static struct partner partner;
static struct conf conf;

static void set_up(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	partner = (struct partner){ .id = "south-gateway",
		                    .roles = ROLE(GATEWAY),
		                    .host = "gw.south.example",
		                    .has_log = true,
		                    .log = f.vkey };
	conf = (struct conf){ .partners = &partner, .n_partners = 1 };
	core = (struct core){
		.writer = f.writer, .sights = sights_new(), .tales = tales_new(), .build = "test", .die_fd = -1
	};
	ck_assert_ptr_nonnull(core.sights);
}

static void tear_down(void)
{
	sights_free(core.sights);
	tales_free(core.tales);
	log_teardown(&f);
}

static struct digest root_of(uint64_t size, uint8_t branch)
{
	return (struct digest){ .b = { branch, (uint8_t)size, (uint8_t)(size >> 8) } };
}

static bool take(uint64_t size, uint8_t branch, enum reason *reason)
{
	struct checkpoint c = { .origin = view_of(partner.log.name), .size = size, .root = root_of(size, branch) };
	struct note_signer signer = { .vkey = f.vkey, .key = f.key };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(4096);
	struct error e = { .reason = REASON_NONE };

	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &note));
	bool ok = sight_take(&core, &partner, &c, buf_view(&note), NULL, &e);
	buf_free(&text);
	buf_free(&note);
	*reason = e.reason;
	return ok;
}

static void taken(uint64_t size)
{
	enum reason reason;

	ck_assert(take(size, 1, &reason));
}

static void not_taken(uint64_t size, uint8_t branch)
{
	enum reason reason;

	ck_assert(!take(size, branch, &reason));
	ck_assert_int_eq(reason, REASON_RECEIPT_INVALID);
}

/* A new process on the same store: every job was done. */
static void restart(void)
{
	sights_free(core.sights);
	log_stop(&f);
	core.sights = sights_new();
	OK(log_start(&f, e));
	core.writer = f.writer;
	struct store *reader;
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(sights_load(core.sights, &conf, reader, e));
	store_close(reader);
}

static unsigned settle(const char *fails, uint64_t size)
{
	struct sight_goal goals[SIGHT_GOALS];
	unsigned n = sights_goals(core.sights, partner.log.name, goals);
	struct digest root = root_of(size, 1);

	for (unsigned i = 0; i < n; i++)
		goals[i].holds = !strchr(fails, "CPS"[goals[i].kind]);
	ck_assert(sights_settle(core.sights, partner.log.name, goals, n, size, &root) == !strpbrk(fails, "CP"));
	unsigned told = 0;
	for (unsigned i = 0; i < n; i++)
		told += goals[i].told;
	return told;
}

START_TEST(one_root_a_size)
{
	taken(5);
	taken(5);
	taken(4);
	not_taken(5, 2);
	not_taken(5, 3);
	taken(5);
	ck_assert_uint_eq(sights_unproved(core.sights), 2);
}
END_TEST

/* The empty tree has one root, of which nothing is to be proved. */
START_TEST(the_empty_tree)
{
	struct checkpoint c = { .origin = view_of(partner.log.name) };
	uint64_t unproved = 1;
	struct error e = { .reason = REASON_NONE };

	sha256(VIEW(""), &c.root);
	ck_assert(sight_take(&core, &partner, &c, VIEW("a note"), &unproved, &e));
	ck_assert_uint_eq(unproved, 0);
	ck_assert_uint_eq(sights_unproved(core.sights), 0);
	c.root.b[0] ^= 1;
	ck_assert(!sight_take(&core, &partner, &c, VIEW("a note"), &unproved, &e));
	ck_assert_int_eq(e.reason, REASON_RECEIPT_INVALID);
}
END_TEST

START_TEST(one_root_with_what_was_cosigned_and_proved)
{
	struct digest cosigned = root_of(3, 1);

	sight_cosigned(core.sights, view_of(partner.log.name), 3, &cosigned);
	not_taken(3, 2);
	taken(3);
	ck_assert_uint_eq(settle("", 9), 0);
	not_taken(9, 2);
	taken(9);
	ck_assert_uint_eq(sights_unproved(core.sights), 1);
}
END_TEST

START_TEST(the_largest_that_was_seen)
{
	struct digest root, want;
	struct view origin = view_of(partner.log.name);

	ck_assert_uint_eq(sights_largest(core.sights, VIEW("nobody.example/log"), &root), 0);
	taken(5);
	taken(9);
	taken(7);
	ck_assert_uint_eq(sights_largest(core.sights, origin, &root), 9);
	want = root_of(9, 1);
	ck_assert(digest_eq(&root, &want));
	want = root_of(12, 1);
	sight_cosigned(core.sights, origin, 12, &want);
	ck_assert_uint_eq(sights_largest(core.sights, origin, &root), 12);
	ck_assert(digest_eq(&root, &want));
}
END_TEST

START_TEST(goals_are_few_and_the_oldest_seen_first)
{
	struct sight_goal goals[SIGHT_GOALS];
	struct digest cosigned = root_of(2, 1);

	ck_assert_uint_eq(sights_goals(core.sights, partner.log.name, goals), 0);
	sight_cosigned(core.sights, view_of(partner.log.name), 2, &cosigned);
	ck_assert_uint_eq(sights_goals(core.sights, partner.log.name, goals), 0);
	for (uint64_t size = 100; size > 0; size--)
		taken(size);
	ck_assert_uint_eq(sights_goals(core.sights, partner.log.name, goals), SIGHT_GOALS);
	ck_assert(goals[0].kind == SIGHT_COSIGNED && goals[0].size == 2);
	ck_assert(goals[1].kind == SIGHT_SEEN && goals[1].size == 1 && goals[63].size == 63);
	settle("", 200);
	ck_assert_uint_eq(sights_goals(core.sights, partner.log.name, goals), 2 + 100 - 63);
	ck_assert(goals[1].kind == SIGHT_PROVED && goals[1].size == 200 && goals[2].size == 64);
}
END_TEST

START_TEST(what_fails_is_refused_and_told_once)
{
	struct digest cosigned = root_of(2, 1);

	taken(5);
	settle("S", 9);
	not_taken(5, 1);
	ck_assert_uint_eq(sights_unproved(core.sights), 1);
	sight_cosigned(core.sights, view_of(partner.log.name), 2, &cosigned);
	taken(6);
	ck_assert_uint_eq(settle("C", 10), 0);
	/* Nor does cosigning what the other branch shows forgive it. */
	cosigned = root_of(3, 1);
	sight_cosigned(core.sights, view_of(partner.log.name), 3, &cosigned);
	ck_assert_uint_eq(settle("C", 11), 1);
	ck_assert_uint_eq(sights_unproved(core.sights), 2);
	taken(6);
	ck_assert_uint_eq(settle("", 12), 1);
	ck_assert_uint_eq(sights_unproved(core.sights), 1);
	taken(7);
	ck_assert_uint_eq(settle("C", 13), 0);
}
END_TEST

START_TEST(there_is_a_ceiling)
{
	struct sight_goal goals[SIGHT_GOALS];

	for (uint64_t size = 1; size <= 1500; size++)
		taken(size);
	uint64_t n = sights_unproved(core.sights);
	ck_assert(n > 512 && n <= 1024);
	ck_assert_uint_eq(sights_goals(core.sights, partner.log.name, goals), SIGHT_GOALS);
	ck_assert(goals[0].size == 1 && goals[1].size == 3);
	not_taken(1500, 2);
	restart();
	ck_assert_uint_eq(sights_unproved(core.sights), 1024);
	not_taken(1500, 2);
}
END_TEST

START_TEST(what_waits_survives_a_restart)
{
	taken(5);
	taken(8);
	restart();
	ck_assert_uint_eq(sights_unproved(core.sights), 2);
	not_taken(5, 2);
	taken(5);
	/* A row that the log's key did not sign is none. */
	partner.log.key[0] ^= 1;
	restart();
	ck_assert_uint_eq(sights_unproved(core.sights), 0);
}
END_TEST

/* Of a log that cannot be asked about only the last is kept. */
START_TEST(a_log_without_an_endpoint)
{
	partner.host = NULL;
	for (uint64_t size = 1; size <= 1500; size++)
		taken(size);
	ck_assert_uint_eq(sights_unproved(core.sights), 0);
	not_taken(1499, 2);
	restart();
	not_taken(1500, 2);
	enum reason reason;
	ck_assert(take(1499, 2, &reason));
}
END_TEST

/* One incident of a kind, a log and a day (UTC); what comes beside is told the day after. */
START_TEST(incidents_a_day)
{
	const int64_t day = INT64_C(20000) * DAY_MS;
	struct view south = view_of(partner.log.name), west = VIEW("west.example/audit/gw1/1");
	char origin[NOTE_NAME_MAX];
	uint64_t n;

	ck_assert(sights_first_today(core.sights, south, TOLD_FORKED, day));
	ck_assert(!sights_take_untold(core.sights, day + DAY_MS, origin, &n));
	for (int i = 0; i < 150; i++)
		ck_assert(!sights_first_today(core.sights, south, TOLD_FORKED, day + i));
	ck_assert(sights_first_today(core.sights, south, TOLD_BACK, day + 1));
	ck_assert(sights_first_today(core.sights, west, TOLD_FORKED, day + 1));
	ck_assert(!sights_take_untold(core.sights, day + DAY_MS - 1, origin, &n));
	ck_assert(sights_take_untold(core.sights, day + DAY_MS, origin, &n));
	ck_assert_str_eq(origin, partner.log.name);
	ck_assert_uint_eq(n, 150);
	ck_assert(!sights_take_untold(core.sights, day + DAY_MS, origin, &n));
	ck_assert(sights_first_today(core.sights, south, TOLD_FORKED, day + DAY_MS));
	ck_assert_uint_eq(sights_contradictions(core.sights), 154);
}
END_TEST

struct unproved_job {
	struct job job; /* first */
	struct store_unproved row;
	atomic_bool done;
};

static bool put_unproved(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	(void)w;
	return sight_put_unproved(core.sights, s, &JOB_OF(struct unproved_job, j)->row, e);
}

static void unproved_is_put(struct job *j)
{
	writer_release(j);
	atomic_store(&JOB_OF(struct unproved_job, j)->done, true);
}

static void put_exchange(uint64_t seq, uint64_t size)
{
	struct unproved_job job = { .row = { .seq = seq, .size = size, .origin = view_of(partner.log.name) },
		                    .job = { .run = put_unproved, .done = unproved_is_put } };

	writer_submit(f.writer, &job.job);
	while (!atomic_load(&job.done))
		usleep(1000);
}

static enum sight_verdict verdict_on(struct store *reader, uint64_t seq)
{
	enum sight_verdict v;

	OK(sight_of_exchange(core.sights, reader, seq, 1000000, 1000000, &v, e));
	return v;
}

/* Its checkpoint was judged before its transaction: what was proved then is so over a restart, too, and a fork stays one. */
START_TEST(what_was_judged_before_it_is_written)
{
	taken(5);
	settle("", 9);
	put_exchange(1, 5);
	taken(10);
	settle("S", 12);
	put_exchange(2, 10);
	taken(13);
	put_exchange(3, 13);
	restart();
	struct store *reader = store_open_reader(scratch_file(&f.dir, "store.db"), NULL);
	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(verdict_on(reader, 1), SIGHT_MAY);
	ck_assert_int_eq(verdict_on(reader, 2), SIGHT_FORKED);
	ck_assert_int_eq(verdict_on(reader, 3), SIGHT_WAITS);
	store_close(reader);
}
END_TEST

/* An exchange under a checkpoint that waits, one that was let go (which proves nothing), and under none. */
START_TEST(when_a_record_is_handed_out)
{
	struct unproved_job jobs[2] = { { .row = { .seq = 1, .size = 5 } }, { .row = { .seq = 2, .size = 6 } } };
	const int64_t at = 1000000;
	enum sight_verdict v;

	taken(5);
	for (size_t i = 0; i < 2; i++) {
		jobs[i].row.origin = view_of(partner.log.name);
		jobs[i].job = (struct job){ .run = put_unproved, .done = unproved_is_put };
		writer_submit(f.writer, &jobs[i].job);
		while (!atomic_load(&jobs[i].done))
			usleep(1000);
	}
	struct store *reader = store_open_reader(scratch_file(&f.dir, "store.db"), NULL);
	ck_assert_ptr_nonnull(reader);
	OK(sight_of_exchange(core.sights, reader, 1, at, at, &v, e));
	ck_assert_int_eq(v, SIGHT_WAITS);
	OK(sight_of_exchange(core.sights, reader, 1, at, at + SIGHT_WAIT_MS - 1, &v, e));
	ck_assert_int_eq(v, SIGHT_WAITS);
	OK(sight_of_exchange(core.sights, reader, 1, at, at + SIGHT_WAIT_MS, &v, e));
	ck_assert_int_eq(v, SIGHT_LATE);
	/* A clock that was set back does not hold it longer. */
	OK(sight_of_exchange(core.sights, reader, 1, at, at - 1, &v, e));
	ck_assert_int_eq(v, SIGHT_LATE);
	OK(sight_of_exchange(core.sights, reader, 2, at, at, &v, e));
	ck_assert_int_eq(v, SIGHT_WAITS);
	OK(sight_of_exchange(core.sights, reader, 2, at, at + SIGHT_WAIT_MS, &v, e));
	ck_assert_int_eq(v, SIGHT_LATE);
	OK(sight_of_exchange(core.sights, reader, 3, at, at, &v, e));
	ck_assert_int_eq(v, SIGHT_MAY);
	struct sight_goal goals[SIGHT_GOALS];
	struct digest root = root_of(9, 2);
	unsigned n = sights_goals(core.sights, partner.log.name, goals);
	ck_assert_uint_eq(n, 1);
	goals[0].holds = false;
	ck_assert(sights_settle(core.sights, partner.log.name, goals, n, 9, &root));
	OK(sight_of_exchange(core.sights, reader, 1, at, at + 100 * SIGHT_WAIT_MS, &v, e));
	ck_assert_int_eq(v, SIGHT_FORKED);
	store_close(reader);
}
END_TEST

TCase *make_sight_case(void);
TCase *make_sight_case(void)
{
	TCase *c = tcase_create("sight");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, one_root_a_size);
	tcase_add_test(c, the_empty_tree);
	tcase_add_test(c, one_root_with_what_was_cosigned_and_proved);
	tcase_add_test(c, the_largest_that_was_seen);
	tcase_add_test(c, goals_are_few_and_the_oldest_seen_first);
	tcase_add_test(c, what_fails_is_refused_and_told_once);
	tcase_add_test(c, there_is_a_ceiling);
	tcase_add_test(c, what_waits_survives_a_restart);
	tcase_add_test(c, a_log_without_an_endpoint);
	tcase_add_test(c, incidents_a_day);
	tcase_add_test(c, what_was_judged_before_it_is_written);
	tcase_add_test(c, when_a_record_is_handed_out);
	return c;
}
