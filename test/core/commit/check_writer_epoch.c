/* A later log: how it begins, and receipts of what the earlier one holds. */
#include "lib/tlog/verify.h"
#include "test/core/commit/epoch_fixture.h"

#define ENTRIES 300

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

static void entry_has(uint64_t index, const char *what)
{
	struct view leaf, packed;
	struct store *r = NULL;

	OK((r = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(store_get_entry(r, index, &leaf, &packed, e));
	ck_assert_msg(memmem(leaf.p, leaf.n, what, strlen(what)) != NULL, "%.*s", VIEW_ARG(leaf));
	store_close(r);
}

START_TEST(it_begins_with_what_went_before)
{
	struct writer_stats stats;

	log_stop(&f);
	epoch_begin(&f);
	OK(log_start(&f, e));
	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.tree_size, NEXT_ENTRIES);
	entry_has(0, NEXT_ORIGIN " continues " LOG_ORIGIN);
	entry_has(1, "\"restore\"");
	entry_has(2, "an announcement");
	log_stop(&f);
	OK(log_start(&f, e));
	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.tree_size, NEXT_ENTRIES);
}
END_TEST

/* Under the earlier log's key, at the checkpoint of their commit: to the byte what was answered then. */
START_TEST(receipts_of_the_earlier_log)
{
	static struct append_job jobs[ENTRIES];
	static const unsigned which[] = { 0, 255, ENTRIES - 1 };
	struct note_vkey old = f.vkey;
	struct append_job again, absent;

	log_append_some(&f, jobs, ENTRIES, 0);
	log_stop(&f);
	epoch_begin(&f);
	OK(log_start(&f, e));
	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
		struct buf scratch = BUF_INIT(65536), receipt = BUF_INIT(65536);
		struct append_job *job = &jobs[which[i]];
		struct receipt first;
		struct view entry;

		append_init(&again, f.home, 0);
		again.again = job->index;
		writer_submit(f.writer, &again.job);
		append_wait(f.home, &again, 1);
		ck_assert(again.job.committed);
		OK(receipt_parse(buf_view(&job->receipt), &scratch, &first, &entry, e));
		receipt_print(&first, VIEW(""), &receipt);
		ck_assert(view_eq(buf_view(&receipt), buf_view(&again.receipt)));
		OK(receipt_verify(&first, entry, &old, e));
		buf_free(&scratch);
		buf_free(&receipt);
		append_free(&again, 1);
	}
	/* There were as many, and not one more. */
	append_init(&absent, f.home, 0);
	absent.again = ENTRIES + 1;
	writer_submit(f.writer, &absent.job);
	append_wait(f.home, &absent, 1);
	ck_assert(!absent.job.committed);
	ck_assert_int_eq(absent.job.error.reason, REASON_NOT_FOUND);
	append_free(jobs, ENTRIES);
}
END_TEST

TCase *make_writer_epoch_case(void);
TCase *make_writer_epoch_case(void)
{
	TCase *c = tcase_create("writer_epoch");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, it_begins_with_what_went_before);
	tcase_add_test(c, receipts_of_the_earlier_log);
	return c;
}
