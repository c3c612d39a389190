/* A trial of the store reads what a start would, and leaves no byte changed. */
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "lib/crypto/crypto.h"
#include "test/core/store_fixture.h"

static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm", "store.db-journal", "store.db.lock" };

/* Of every file, with its name. */
static struct digest digest_of_files(void)
{
	struct buf all = BUF_INIT(64u << 20);
	struct digest d;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (access(scratch_file(&dir, names[i]), F_OK) != 0)
			continue;
		struct view text = scratch_read(scratch_file(&dir, names[i]));
		buf_addf(&all, "%s %zu\n", names[i], text.n);
		buf_add(&all, text);
		scratch_free(text);
	}
	ck_assert(!all.failed);
	sha256(buf_view(&all), &d);
	buf_free(&all);
	return d;
}

static void put_value(const char *value)
{
	begin();
	OK(store_put_value(s, VIEW("a"), view_of(value), e));
	commit();
}

/* As a crash leaves them: copied while the store is open, its log not yet moved. */
static void crash(void)
{
	char kept[64];

	for (size_t i = 0; i < 2; i++) {
		snprintf(kept, sizeof kept, "kept-%zu", i);
		scratch_copy(scratch_file(&dir, names[i]), scratch_file(&dir, kept));
	}
	store_close(s);
	s = NULL;
	for (size_t i = 0; i < 2; i++) {
		snprintf(kept, sizeof kept, "kept-%zu", i);
		scratch_copy(scratch_file(&dir, kept), scratch_file(&dir, names[i]));
	}
}

/* Opens a trial, expects that value, closes it; whether all files are as before. */
static bool trial_leaves_all(const char *value)
{
	struct digest before = digest_of_files();
	struct store *t = NULL;
	struct view got;

	OK((t = store_open_trial(scratch_file(&dir, "store.db"), e)) != NULL);
	if (value) {
		OK(store_get_value(t, VIEW("a"), &got, e));
		ck_assert(view_is(got, value));
	}
	REFUSED(REASON_STORE, store_begin(t, e));
	store_close(t);
	struct digest after = digest_of_files();
	return digest_eq(&before, &after);
}

START_TEST(a_closed_store_is_left_as_it_is)
{
	put_value("1");
	store_close(s);
	s = NULL;
	ck_assert_int_ne(access(scratch_file(&dir, "store.db-wal"), F_OK), 0);
	ck_assert(trial_leaves_all("1"));
	ck_assert_int_eq(unlink(scratch_file(&dir, "store.db.lock")), 0);
	ck_assert(trial_leaves_all("1"));
	s = open_store();
}
END_TEST

START_TEST(a_log_that_a_crash_left_is_read_and_kept)
{
	put_value("1");
	OK(store_checkpoint(s, true, e));
	put_value("2");
	crash();
	ck_assert_int_eq(access(scratch_file(&dir, "store.db-wal"), F_OK), 0);
	ck_assert(trial_leaves_all("2"));
	ck_assert_int_ne(access(scratch_file(&dir, "store.db-shm"), F_OK), 0);
	s = open_store();
	struct view got;
	OK(store_get_value(s, VIEW("a"), &got, e));
	ck_assert(view_is(got, "2"));
}
END_TEST

START_TEST(where_there_is_no_store_none_is_made)
{
	store_close(s);
	s = NULL;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(scratch_file(&dir, names[i]));
	ck_assert(store_absent(scratch_file(&dir, "store.db")));
	ck_assert(trial_leaves_all(NULL));
	ck_assert_int_ne(access(scratch_file(&dir, "store.db"), F_OK), 0);
	/* Nor of one whose making was interrupted. */
	scratch_write(scratch_file(&dir, "store.db"), VIEW(""));
	ck_assert(store_absent(scratch_file(&dir, "store.db")));
	ck_assert(trial_leaves_all(NULL));
	s = open_store();
	ck_assert(!store_absent(scratch_file(&dir, "store.db")));
}
END_TEST

START_TEST(a_store_in_use_is_not_tried)
{
	REFUSED(REASON_UNAVAILABLE, store_open_trial(scratch_file(&dir, "store.db"), e) != NULL);
}
END_TEST

START_TEST(wrong_files_are_refused_and_kept)
{
	store_close(s);
	s = NULL;
	struct view whole = scratch_read(scratch_file(&dir, "store.db"));
	int fd = open(scratch_file(&dir, "store.db"), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\0\0\0\x63", 4, 60), 4);
	struct digest before = digest_of_files();
	REFUSED(REASON_CONFIG, store_open_trial(scratch_file(&dir, "store.db"), e) != NULL);
	struct digest after = digest_of_files();
	ck_assert(digest_eq(&before, &after));
	ck_assert_int_eq(pwrite(fd, "no database, however long one looks", 35, 0), 35);
	close(fd);
	before = digest_of_files();
	REFUSED(REASON_CONFIG, store_open_trial(scratch_file(&dir, "store.db"), e) != NULL);
	after = digest_of_files();
	ck_assert(digest_eq(&before, &after));
	scratch_write(scratch_file(&dir, "store.db"), whole);
	scratch_free(whole);
	s = open_store();
}
END_TEST

START_TEST(pending_migrations_are_tried_and_undone)
{
	store_close(s);
	s = NULL;
	/* An empty database with a write-ahead log (https://www.sqlite.org/fileformat.html), as a crash before the first
	 * migration leaves it. */
	char page[4096] = "SQLite format 3";
	memcpy(page + 16, "\x10\x00\x02\x02\x00\x40\x20\x20\x00\x00\x00\x01\x00\x00\x00\x01", 16);
	memcpy(page + 44, "\x00\x00\x00\x04", 4);
	memcpy(page + 56, "\x00\x00\x00\x01", 4);
	memcpy(page + 92, "\x00\x00\x00\x01", 4);
	memcpy(page + 100, "\x0d\x00\x00\x00\x00\x10\x00", 7);
	scratch_write(scratch_file(&dir, "store.db"), view_make(page, sizeof page));
	ck_assert(!store_absent(scratch_file(&dir, "store.db")));
	ck_assert(trial_leaves_all(NULL));
	s = open_store();
	put_value("1");
}
END_TEST

TCase *make_store_trial_case(void);
TCase *make_store_trial_case(void)
{
	TCase *c = tcase_create("store trial");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_closed_store_is_left_as_it_is);
	tcase_add_test(c, a_log_that_a_crash_left_is_read_and_kept);
	tcase_add_test(c, where_there_is_no_store_none_is_made);
	tcase_add_test(c, a_store_in_use_is_not_tried);
	tcase_add_test(c, wrong_files_are_refused_and_kept);
	tcase_add_test(c, pending_migrations_are_tried_and_undone);
	return c;
}
