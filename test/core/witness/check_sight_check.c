/* Proving what was seen of a partner's log. The partner has a log of its own, two branches of it, and answers with
 * checkpoints and tiles: what continues is proved, a fork is found, and who does not show a log is told of. */
#include <time.h>

#include "gatewayd/core/store/witness.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_sight_check_case(void);

#define LEAVES 700 /* of three tiles, the last partial */
#define FORK   300 /* the branches are one up to here */

_Atomic int64_t clock_ahead_ms, clock_step_ms;

/* gatewayd/os/instant.h, for this runner alone. */

int64_t instant_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t instant_monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	clock_ahead_ms += clock_step_ms;
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + 1000 * clock_ahead_ms;
}

int64_t instant_monotonic_ms(void)
{
	return instant_monotonic_us() / 1000;
}

static void *part;
static struct buf note;
static struct conf *conf;
static unsigned tiles;   /* that were asked for */
static uint64_t entries; /* of this node's log, before anything is found */

static void set_up(void)
{
	worker_open();
	conf = f.core.conf;
	atomic_store(&witness.settled, true);
	witness.log = f.log.vkey;
	note = BUF_INIT(NOTE_MAX);
	tiles = 0;
	entries = log_size();
	ck_assert_ptr_nonnull(part = sight_check_new(worker));
}

static void tear_down(void)
{
	writer_stop(f.log.writer);
	f.log.writer = NULL;
	home_collect(worker->home);
	sight_check_free(part);
	worker_close();
	buf_free(&note);
}

/* --- the partner's log --- */

static struct digest root_of(uint64_t size, unsigned branch)
{
	struct branch b = { branch, FORK };
	struct digest root;

	ck_assert(tlog_range_hash(0, size, branch_hash, &b, &root));
	return root;
}

/* Its checkpoint of that size, into `note`. */
static struct view shows(uint64_t size, unsigned branch)
{
	struct digest root = root_of(size, branch);

	sign_checkpoint(&core_partner(&f, SOUTH_GATEWAY)->log, f.south_key, size, &root, &note);
	return buf_view(&note);
}

static void tile_of(struct view target, uint64_t size, unsigned branch, struct buf *out)
{
	struct branch b = { branch, FORK };
	struct tlog_tile t;
	struct digest hash;

	ck_assert(tlog_tile_parse(view_from(target, 1), &t));
	ck_assert(!t.entries);
	ck_assert_uint_eq(t.width, tlog_tile_width(t.level, t.index, size));
	for (unsigned i = 0; i < t.width; i++) {
		ck_assert(branch_hash(&b, 8 * t.level, 256 * t.index + i, &hash));
		buf_add(out, view_make(hash.b, sizeof hash.b));
	}
}

/* --- what this node sees of it, and a check of it --- */

static bool took(uint64_t size, unsigned branch, enum reason *why)
{
	struct error e = { .reason = REASON_NONE };
	const struct partner *south = core_partner(&f, SOUTH_GATEWAY);
	struct view text = shows(size, branch);
	struct checkpoint c;

	ck_assert(checkpoint_open(text, &south->log, &c, &e));
	bool ok = sight_take(&f.core, south, &c, text, NULL, &e);

	*why = e.reason;
	return ok;
}

static void sees(uint64_t size, unsigned branch)
{
	enum reason why;

	ck_assert(took(size, branch, &why));
}

static void sees_no_more(uint64_t size, unsigned branch)
{
	enum reason why;

	ck_assert(!took(size, branch, &why));
	ck_assert_int_eq(why, REASON_RECEIPT_INVALID);
}

static void cosigned(uint64_t size, unsigned branch)
{
	struct digest root = root_of(size, branch);

	sight_cosigned(f.core.sights, VIEW(SOUTH_ORIGIN), size, &root);
}

static void starts(void)
{
	clock_ahead_ms += 3600 * SECOND_MS;
	ck_assert(asks(sight_check_tick, part));
	is_asked("/checkpoint?newest");
}

/* The partner shows its newest checkpoint and every tile that is asked for, until the check ends. */
static void checked(uint64_t size, unsigned branch)
{
	starts();
	for (bool more = answer_it(200, shows(size, branch)); more; tiles++) {
		struct buf tile = BUF_INIT(TLOG_TILE_WIDTH * 32);
		tile_of(view_of(post_seen.head.p), size, branch, &tile);
		more = answer_it(200, buf_view(&tile));
		buf_free(&tile);
	}
	let_write();
}

static bool count_row(void *arg, struct view origin, uint64_t size, struct view text)
{
	uint64_t *of = arg;

	ck_assert(view_is(origin, SOUTH_ORIGIN));
	ck_assert_uint_gt(text.n, 0);
	of[0]++;
	of[1] = size;
	return true;
}

/* The store keeps so many of them, the largest of this size. */
static void kept(uint64_t n, uint64_t largest)
{
	uint64_t of[2] = { 0 };

	OK(store_list_sighted(f.reader, count_row, of, e));
	ck_assert_uint_eq(of[0], n);
	ck_assert_uint_eq(of[1], largest);
}

static void unproved(uint64_t n)
{
	ck_assert_uint_eq(sights_unproved(f.core.sights), n);
}

static void no_incident(void)
{
	let_write();
	ck_assert_uint_eq(log_size(), entries);
}

/* --- what is proved --- */

START_TEST(what_the_newest_continues_is_proved)
{
	sees(5, 0);
	sees(257, 0);
	sees(600, 0);
	unproved(3);
	checked(LEAVES, 0);
	unproved(0);
	ck_assert_uint_gt(tiles, 2);
	kept(1, LEAVES);
	no_incident();
	/* From now on that is a base as well; and nothing is asked while nothing waits. */
	clock_ahead_ms += 3600 * SECOND_MS;
	ck_assert(!asks(sight_check_tick, part));
	sees_no_more(LEAVES, 1);
}
END_TEST

START_TEST(what_is_the_newest_needs_no_tile)
{
	sees(600, 0);
	checked(600, 0);
	unproved(0);
	ck_assert_uint_eq(tiles, 0);
	no_incident();
}
END_TEST

START_TEST(what_was_cosigned_is_continued)
{
	cosigned(20, 0);
	sees(30, 0);
	checked(40, 0);
	unproved(0);
	kept(1, 40);
	no_incident();
}
END_TEST

/* --- what is found --- */

START_TEST(a_checkpoint_of_another_branch)
{
	sees(400, 1);
	sees(350, 0);
	checked(LEAVES, 0);
	is_incident("forked: 700 entries do not continue the 400 that were seen");
	ck_assert_uint_eq(log_size(), entries + 1);
	unproved(1);
	/* Told once, and never taken again; the other one is proved. */
	sees_no_more(400, 1);
	sees(350, 0);
	clock_ahead_ms += 3600 * SECOND_MS;
	ck_assert(!asks(sight_check_tick, part));
}
END_TEST

START_TEST(a_newest_that_is_smaller)
{
	sees(400, 0);
	checked(399, 0);
	is_incident("399 entries do not continue the 400 that were seen");
	unproved(1);
}
END_TEST

START_TEST(a_newest_that_does_not_continue_what_was_cosigned)
{
	cosigned(400, 0);
	sees(500, 1);
	checked(LEAVES, 1);
	is_incident("do not continue the 400 that were cosigned");
	/* What the other branch proves is not proved: it waits, and is no incident every time. */
	unproved(1);
	uint64_t size = log_size();
	/* It is looked at as soon as others, however often it did not continue. */
	for (unsigned i = 0; i < 3; i++) {
		clock_ahead_ms += 1001 - 3600 * SECOND_MS;
		checked(LEAVES, 1);
	}
	ck_assert_uint_eq(log_size(), size);
	unproved(1);
	/* One incident a day is enough; the others are counted. */
	checked(LEAVES, 0);
	ck_assert_uint_eq(log_size(), size);
	ck_assert_uint_eq(sights_contradictions(f.core.sights), 2);
}
END_TEST

START_TEST(a_newest_that_does_not_continue_what_was_proved)
{
	sees(400, 0);
	checked(500, 0);
	no_incident();
	sees(600, 1);
	checked(LEAVES, 1);
	is_incident("do not continue the 500 that were proved");
	unproved(1);
}
END_TEST

/* Tiles need no trust: with another branch's the proof does not hold. */
START_TEST(tiles_of_another_branch)
{
	sees(400, 0);
	starts();
	for (bool more = answer_it(200, shows(LEAVES, 0)); more;) {
		struct buf tile = BUF_INIT(TLOG_TILE_WIDTH * 32);
		tile_of(view_of(post_seen.head.p), LEAVES, 1, &tile);
		more = answer_it(200, buf_view(&tile));
		buf_free(&tile);
	}
	let_write();
	is_incident("forked");
	unproved(1);
}
END_TEST

/* --- who does not show a log --- */

/* So often, and by then it is an incident; a check that ends well forgives. */
#define REFUSALS 3

static char long_text[256 * 1024];

static bool refuses(unsigned how)
{
	struct digest root = root_of(LEAVES, 0);

	memset(long_text, 'x', sizeof long_text);

	starts();
	switch (how) {
	case 0: return answer_it(404, VIEW(""));
	case 1: return answer_it(200, VIEW("no checkpoint"));
	case 2: /* signed by another key */
		sign_checkpoint(&core_partner(&f, SOUTH_GATEWAY)->log, f.log.key, LEAVES, &root, &note);
		return answer_it(200, buf_view(&note));
	case 3: /* of another log */
		sign_checkpoint(&f.log.vkey, f.log.key, LEAVES, &root, &note);
		return answer_it(200, buf_view(&note));
	case 4: ck_assert(answer_it(200, shows(LEAVES, 0))); return answer_it(404, VIEW(""));
	case 5: ck_assert(answer_it(200, shows(LEAVES, 0))); return answer_it(200, VIEW("too short"));
	case 6: return answer_it(200, view_make(long_text, NOTE_MAX + 1));
	case 7: return answer_it(200, view_make(long_text, sizeof long_text));
	case 8:
		ck_assert(answer_it(200, shows(LEAVES, 0)));
		return answer_it(200, view_make(long_text, sizeof long_text));
	default: ck_abort(); return false;
	}
}

static const char *const faults[] = {
	"its checkpoint was answered with status 404",
	"its newest checkpoint is not signed by the log",
	"its newest checkpoint is not signed by the log",
	"its newest checkpoint is not signed by the log",
	"a tile was answered with status 404",
	"a tile has not the hashes that its checkpoint covers",
	"its newest checkpoint is longer than a note may be",
	"its checkpoint was answered with more than that can be",
	"a tile was answered with more than that can be",
};

START_TEST(a_log_that_is_not_shown_is_an_incident_at_last)
{
	sees(400, 0);
	for (unsigned i = 1; i < REFUSALS; i++)
		ck_assert(!refuses((unsigned)_i));
	no_incident();
	ck_assert(!refuses((unsigned)_i));
	let_write();
	is_incident("does not show its tree");
	is_incident(faults[_i]);
	ck_assert(!refuses((unsigned)_i));
	let_write();
	ck_assert_uint_eq(log_size(), entries + 1);
	unproved(1);
	checked(LEAVES, 0);
	unproved(0);
}
END_TEST

START_TEST(a_check_that_ends_well_forgives)
{
	for (unsigned i = 0; i < REFUSALS; i++) {
		sees(400 + i, 0);
		ck_assert(!refuses(0));
		ck_assert(!refuses(0));
		checked(LEAVES, 0);
	}
	no_incident();
}
END_TEST

/* Not now is not held against anybody. */
START_TEST(a_partner_that_cannot_be_reached)
{
	static const int statuses[] = { 0, 429, 500, 503 };

	sees(400, 0);
	for (unsigned i = 0; i < 2 * REFUSALS; i++) {
		starts();
		if (i % 2)
			ck_assert(answer_it(200, shows(LEAVES, 0)));
		ck_assert(!answer_it(statuses[_i], VIEW("")));
	}
	no_incident();
	unproved(1);
}
END_TEST

/* For a day: what came from there is not proved all the same. */
START_TEST(a_partner_that_is_silent_for_a_day)
{
	sees(400, 0);
	ck_assert_uint_gt(until_logged(starts, _i ? 503 : 0), 20);
	is_incident("sight: the log " SOUTH_ORIGIN " does not show its tree, since a day: ");
	for (unsigned i = 0; i < 3; i++) {
		starts();
		ck_assert(!answer_it(503, VIEW("")));
	}
	let_write();
	ck_assert_uint_eq(log_size(), entries + 1);
	checked(LEAVES, 0);
	unproved(0);
}
END_TEST

/* Later each time, ten minutes at most. */
START_TEST(a_failure_is_tried_again_later)
{
	sees(400, 0);
	ck_assert(asks(sight_check_tick, part));
	ck_assert(!asks(sight_check_tick, part)); /* one at a time */
	post_seen.done = true;
	for (int64_t wait = SECOND_MS; wait < 600 * SECOND_MS; wait *= 2) {
		ck_assert(!answer_it(0, VIEW("")));
		clock_ahead_ms += wait - SECOND_MS;
		ck_assert(!asks(sight_check_tick, part));
		clock_ahead_ms += 2 * SECOND_MS;
		ck_assert(asks(sight_check_tick, part));
	}
	ck_assert(!answer_it(0, VIEW("")));
	clock_ahead_ms += 601 * SECOND_MS;
	ck_assert(asks(sight_check_tick, part));
}
END_TEST

/* --- when nothing is asked --- */

START_TEST(nothing_is_asked)
{
	struct partner *p = &conf->partners[SOUTH_GATEWAY];

	if (_i < 4)
		sees(400, 0);
	atomic_store(&witness.settled, _i != 0);
	atomic_store(&f.core.dying, _i == 1);
	p->host = _i == 2 ? NULL : p->host;
	p->has_log = _i != 3;
	ck_assert(!asks(sight_check_tick, part));
}
END_TEST

/* A check under way when the worker ends lets go of its configuration. */
START_TEST(the_end_of_a_worker)
{
	sees(400, 0);
	starts();
	ck_assert(answer_it(200, shows(LEAVES, 0)));
	ck_assert_uint_eq(conf->refs, 2);
	sight_check_free(part);
	ck_assert_uint_eq(conf->refs, 1);
	part = NULL;
	sight_check_free(NULL);
}
END_TEST

TCase *make_sight_check_case(void)
{
	TCase *c = tcase_create("sight_check");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, what_the_newest_continues_is_proved);
	tcase_add_test(c, what_is_the_newest_needs_no_tile);
	tcase_add_test(c, what_was_cosigned_is_continued);
	tcase_add_test(c, a_checkpoint_of_another_branch);
	tcase_add_test(c, a_newest_that_is_smaller);
	tcase_add_test(c, a_newest_that_does_not_continue_what_was_cosigned);
	tcase_add_test(c, a_newest_that_does_not_continue_what_was_proved);
	tcase_add_test(c, tiles_of_another_branch);
	tcase_add_loop_test(c, a_log_that_is_not_shown_is_an_incident_at_last, 0, 9);
	tcase_add_test(c, a_check_that_ends_well_forgives);
	tcase_add_loop_test(c, a_partner_that_cannot_be_reached, 0, 4);
	tcase_add_loop_test(c, a_partner_that_is_silent_for_a_day, 0, 2);
	tcase_add_test(c, a_failure_is_tried_again_later);
	tcase_add_loop_test(c, nothing_is_asked, 0, 5);
	tcase_add_test(c, the_end_of_a_worker);
	return c;
}
