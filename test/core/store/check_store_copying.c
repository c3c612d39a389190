/* A copy of the store while it is written, and what a look at all of it finds. */
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "test/core/store_fixture.h"

#include <fcntl.h>

#define VALUES 400

static const char *copy_path(void)
{
	return scratch_file(&dir, "store.db.copy");
}

static void put_value(unsigned n, const char *what)
{
	char name[32], value[2000];

	snprintf(name, sizeof name, "value-%u", n);
	memset(value, 'x', sizeof value);
	snprintf(value, sizeof value, "%s %u", what, n);
	value[strlen(value)] = ' ';
	OK(store_begin(s, e));
	OK(store_put_value(s, view_of(name), view_make(value, sizeof value), e));
	OK(store_commit(s, e));
}

static void must_have(struct store *of, unsigned n, const char *what)
{
	char name[32], want[64];
	struct view value;

	snprintf(name, sizeof name, "value-%u", n);
	snprintf(want, sizeof want, "%s %u ", what, n);
	OK(store_get_value(of, view_of(name), &value, e));
	ck_assert_msg(view_starts(value, view_of(want)), "%s: %.20s", name, value.p);
}

static bool count(void *arg, struct view what)
{
	(void)what;
	++*(unsigned *)arg;
	return true;
}

static unsigned findings(const char *path)
{
	struct error refused = { .reason = REASON_NONE };
	struct store *t = store_open_trial(path, &refused);
	unsigned n = 0;

	if (!t)
		return 1;
	OK(store_integrity(t, count, &n, e));
	store_close(t);
	return n;
}

/* What was there, what came while it was made and what changed behind its back: all of it, and checkpoints go on. */
START_TEST(a_copy_is_the_store_at_the_last_step)
{
	struct store_copy *c = NULL;
	bool done = false;
	unsigned steps = 0;
	uint64_t at, total;

	for (unsigned i = 0; i < VALUES; i++)
		put_value(i, "first");
	OK(store_checkpoint(s, true, e));
	OK((c = store_copy_begin(s, copy_path(), e)) != NULL);
	while (!done) {
		OK(store_copy_step(c, 16, &done, e));
		if (done)
			break;
		put_value(steps, "second");
		put_value(VALUES + steps, "new");
		OK(store_checkpoint(s, true, e));
		/* What is rolled back is in neither; the copy begins anew. */
		if (steps == 2) {
			OK(store_begin(s, e));
			OK(store_put_value(s, VIEW("gone"), VIEW("gone"), e));
			store_rollback(s);
		}
		store_copy_progress(c, &at, &total);
		ck_assert(at < total);
		ck_assert_uint_lt(++steps, 1000);
	}
	ck_assert_uint_gt(steps, 3);
	store_copy_progress(c, &at, &total);
	ck_assert(at == total);
	OK(store_copy_end(c, true, e));
	put_value(0, "later");
	struct store *t = NULL;
	OK((t = store_open_trial(copy_path(), e)) != NULL);
	for (unsigned i = 0; i < VALUES; i++)
		must_have(t, i, i < steps ? "second" : "first");
	for (unsigned i = 0; i < steps; i++)
		must_have(t, VALUES + i, "new");
	struct view value;
	REFUSED(REASON_NOT_FOUND, store_get_value(t, VIEW("gone"), &value, e));
	store_close(t);
	ck_assert_uint_eq(findings(copy_path()), 0);
}
END_TEST

START_TEST(one_that_is_not_whole_is_cleared_away)
{
	struct store_copy *c = NULL;
	bool done;

	for (unsigned i = 0; i < VALUES; i++)
		put_value(i, "first");
	OK((c = store_copy_begin(s, copy_path(), e)) != NULL);
	OK(store_copy_step(c, 4, &done, e));
	ck_assert(!done);
	OK(store_copy_end(c, false, e));
	ck_assert(access(copy_path(), F_OK) != 0);
	/* One that an end of the process left is in nobody's way. */
	scratch_write(copy_path(), VIEW("what is left of a copy"));
	OK((c = store_copy_begin(s, copy_path(), e)) != NULL);
	OK(store_copy_step(c, 100000, &done, e));
	ck_assert(done);
	OK(store_copy_end(c, true, e));
	ck_assert_uint_eq(findings(copy_path()), 0);
	OK(store_copy_clear(copy_path(), e));
	OK(store_copy_clear(copy_path(), e));
	ck_assert(access(copy_path(), F_OK) != 0);
	OK(store_copy_end(NULL, false, e));
}
END_TEST

START_TEST(only_the_writer_copies_and_only_between_transactions)
{
	struct store *reader = open_reader();
	struct store_copy *c = NULL;
	bool done;

	REFUSED(REASON_STORE, store_copy_begin(reader, copy_path(), e));
	OK(store_begin(s, e));
	REFUSED(REASON_STORE, store_copy_begin(s, copy_path(), e));
	store_rollback(s);
	OK((c = store_copy_begin(s, copy_path(), e)) != NULL);
	OK(store_begin(s, e));
	REFUSED(REASON_STORE, store_copy_step(c, 1, &done, e));
	store_rollback(s);
	OK(store_copy_end(c, false, e));
	REFUSED(REASON_STORE, store_copy_begin(s, scratch_file(&dir, "nowhere/copy"), e));
	store_close(reader);
}
END_TEST

START_TEST(damage_is_found)
{
	char noise[4096];
	struct store_copy *c = NULL;
	bool done;

	for (unsigned i = 0; i < VALUES; i++)
		put_value(i, "first");
	OK((c = store_copy_begin(s, copy_path(), e)) != NULL);
	OK(store_copy_step(c, 100000, &done, e));
	OK(store_copy_end(c, true, e));
	ck_assert_uint_eq(findings(copy_path()), 0);
	memset(noise, 0xa5, sizeof noise);
	int fd = open(copy_path(), O_RDWR);
	off_t size = lseek(fd, 0, SEEK_END);
	for (int page = 20; page < 60; page++)
		ck_assert(pwrite(fd, noise, sizeof noise, page * 4096) == (ssize_t)sizeof noise);
	ck_assert_uint_gt(findings(copy_path()), 0);
	ck_assert(ftruncate(fd, size / 2) == 0);
	close(fd);
	ck_assert_uint_gt(findings(copy_path()), 0);
}
END_TEST

TCase *make_store_copying_case(void);
TCase *make_store_copying_case(void)
{
	TCase *tc = tcase_create("store_copying");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_copy_is_the_store_at_the_last_step);
	tcase_add_test(tc, one_that_is_not_whole_is_cleared_away);
	tcase_add_test(tc, only_the_writer_copies_and_only_between_transactions);
	tcase_add_test(tc, damage_is_found);
	return tc;
}
