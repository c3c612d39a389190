/* What the writer refuses at its start, and the anchor that it compares with. */
#include <stdatomic.h>

#include "gatewayd/core/commit/anchor.h"
#include "test/core/log_fixture.h"

static struct log_fixture f;

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
}

static void teardown(void)
{
	log_teardown(&f);
}

/* Replaces bytes within a file, at every place. */
static void patch(const char *name, const char *old, const char *fresh)
{
	struct view v = scratch_read(scratch_file(&f.dir, name));
	int fd = open(scratch_file(&f.dir, name), O_WRONLY);
	unsigned n = 0;

	for (size_t at = 0; at + strlen(old) <= v.n; at++)
		if (memcmp(v.p + at, old, strlen(old)) == 0) {
			ck_assert_int_eq(pwrite(fd, fresh, strlen(fresh), (off_t)at), (ssize_t)strlen(fresh));
			n++;
		}
	close(fd);
	scratch_free(v);
	ck_assert_uint_gt(n, 0);
}

static void stop_after(unsigned entries)
{
	struct append_job *jobs = calloc(entries, sizeof *jobs);

	log_append_some(&f, jobs, entries, 0);
	append_free(jobs, entries);
	free(jobs);
	log_stop(&f);
}

static void refused_at_start(void)
{
	REFUSED(REASON_TAMPERED, log_start(&f, e));
	log_stop(&f);
}

START_TEST(altered_entry_is_found)
{
	stop_after(20);
	patch("store.db", "{\"n\":7", "{\"n\":8");
	refused_at_start();
}
END_TEST

START_TEST(altered_checkpoint_is_found)
{
	stop_after(20);
	patch("store.db", LOG_ORIGIN "\n21\n", LOG_ORIGIN "\n20\n");
	refused_at_start();
}
END_TEST

START_TEST(altered_tile_is_found)
{
	struct digest leaf;
	char old[33] = "", fresh[33] = "";

	stop_after(1);
	tlog_leaf_hash(VIEW("{\"n\":0,\"operation\":\"disclosure\"}"), &leaf);
	memcpy(old, leaf.b, 32);
	memcpy(fresh, leaf.b, 32);
	fresh[31] ^= 1;
	ck_assert_uint_eq(strlen(old), 32);
	patch("store.db", old, fresh);
	refused_at_start();
}
END_TEST

START_TEST(other_key_is_found)
{
	stop_after(3);
	log_signer(&f, 2);
	refused_at_start();
	log_signer(&f, 1);
	OK(log_start(&f, e));
}
END_TEST

START_TEST(older_state_is_found)
{
	stop_after(10);
	scratch_copy(scratch_file(&f.dir, "store.db"), scratch_file(&f.dir, "older.db"));
	OK(log_start(&f, e));
	stop_after(10);
	scratch_copy(scratch_file(&f.dir, "store.db"), scratch_file(&f.dir, "newer.db"));
	scratch_copy(scratch_file(&f.dir, "older.db"), scratch_file(&f.dir, "store.db"));
	refused_at_start();
	/* Nor is an empty store taken for a first start. */
	ck_assert_int_eq(unlink(scratch_file(&f.dir, "store.db")), 0);
	refused_at_start();
	ck_assert_int_eq(unlink(scratch_file(&f.dir, "store.db")), 0);
	scratch_copy(scratch_file(&f.dir, "newer.db"), scratch_file(&f.dir, "store.db"));
	OK(log_start(&f, e));
}
END_TEST

START_TEST(forked_log_is_found)
{
	/* The same key, another history of the same length, and of a greater one. */
	stop_after(10);
	scratch_copy(scratch_file(&f.dir, "anchor"), scratch_file(&f.dir, "anchor-of-first"));
	for (unsigned more = 0; more < 2; more++) {
		ck_assert_int_eq(unlink(scratch_file(&f.dir, "store.db")), 0);
		ck_assert_int_eq(unlink(scratch_file(&f.dir, "anchor")), 0);
		usleep(2000);
		OK(log_start(&f, e));
		stop_after(10 + 300 * more);
		scratch_copy(scratch_file(&f.dir, "anchor-of-first"), scratch_file(&f.dir, "anchor"));
		refused_at_start();
	}
}
END_TEST

START_TEST(anchor_may_lag_but_not_lack)
{
	stop_after(10);
	scratch_copy(scratch_file(&f.dir, "anchor"), scratch_file(&f.dir, "lagging"));
	OK(log_start(&f, e));
	stop_after(600);
	scratch_copy(scratch_file(&f.dir, "anchor"), scratch_file(&f.dir, "latest"));
	scratch_copy(scratch_file(&f.dir, "lagging"), scratch_file(&f.dir, "anchor"));
	OK(log_start(&f, e));
	log_stop(&f);
	scratch_copy(scratch_file(&f.dir, "latest"), scratch_file(&f.dir, "anchor"));
	patch("anchor", LOG_ORIGIN "\n611\n", LOG_ORIGIN "\n610\n");
	refused_at_start();
	scratch_write(scratch_file(&f.dir, "anchor"), VIEW(""));
	refused_at_start();
	ck_assert_int_eq(unlink(scratch_file(&f.dir, "anchor")), 0);
	refused_at_start();
	/* The operator's way out, after looking. */
	struct view latest = scratch_read(scratch_file(&f.dir, "latest"));
	OK(anchor_write(scratch_file(&f.dir, "anchor"), latest, e));
	scratch_free(latest);
	OK(log_start(&f, e));
}
END_TEST

START_TEST(anchor_follows_the_log)
{
	struct append_job job;
	struct buf note = BUF_INIT(65536);
	struct checkpoint c = { .size = 0 };

	log_append_some(&f, &job, 1, 0);
	for (unsigned i = 0; i < 300 && c.size < 2; i++) {
		usleep(10000);
		OK(anchor_read(scratch_file(&f.dir, "anchor"), &note, e));
		OK(checkpoint_open(buf_view(&note), &f.vkey, &c, e));
	}
	ck_assert_uint_eq(c.size, 2);
	buf_free(&note);
	append_free(&job, 1);
}
END_TEST

static _Atomic unsigned reports;

static void count_report(void *arg, const struct error *e)
{
	(void)arg;
	/* Fails, then works again. */
	ck_assert_int_eq(e ? 0 : 1, atomic_load(&reports));
	if (e)
		ck_assert_int_eq(e->reason, REASON_IO);
	atomic_fetch_add(&reports, 1);
}

START_TEST(anchor_that_cannot_be_written_is_reported_once)
{
	struct anchor *a = NULL;

	ck_assert_int_eq(mkdir(scratch_file(&f.dir, "elsewhere"), 0700), 0);
	OK((a = anchor_start(scratch_file(&f.dir, "elsewhere/anchor"), count_report, NULL, e)) != NULL);
	ck_assert_int_eq(rmdir(scratch_file(&f.dir, "elsewhere")), 0);
	anchor_set(a, VIEW("one\n"));
	for (unsigned i = 0; i < 300 && atomic_load(&reports) == 0; i++)
		usleep(10000);
	ck_assert_int_eq(mkdir(scratch_file(&f.dir, "elsewhere"), 0700), 0);
	/* Tried again without a further checkpoint. */
	for (unsigned i = 0; i < 300 && access(scratch_file(&f.dir, "elsewhere/anchor"), F_OK) != 0; i++)
		usleep(10000);
	anchor_stop(a);
	ck_assert_uint_eq(atomic_load(&reports), 2);
	struct view v = scratch_read(scratch_file(&f.dir, "elsewhere/anchor"));
	ck_assert(view_is(v, "one\n"));
	scratch_free(v);
}
END_TEST

TCase *make_writer_start_case(void);
TCase *make_writer_start_case(void)
{
	TCase *c = tcase_create("writer_start");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, altered_entry_is_found);
	tcase_add_test(c, altered_checkpoint_is_found);
	tcase_add_test(c, altered_tile_is_found);
	tcase_add_test(c, other_key_is_found);
	tcase_add_test(c, older_state_is_found);
	tcase_add_test(c, forked_log_is_found);
	tcase_add_test(c, anchor_may_lag_but_not_lack);
	tcase_add_test(c, anchor_follows_the_log);
	tcase_add_test(c, anchor_that_cannot_be_written_is_reported_once);
	return c;
}
