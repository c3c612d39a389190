/* What the writer does without an anchor, without a thread, and with somebody to report to. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "gatewayd/core/store/payload.h"
#include "test/core/log_fixture.h"

static struct log_fixture f;
static struct rlimit whole, small = { .rlim_cur = 4096 };
static atomic_uint reports;
static _Atomic int reported; /* enum reason */

static void setup(void)
{
	log_setup(&f);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &whole), 0);
	small.rlim_max = whole.rlim_max;
}

static void teardown(void)
{
	log_teardown(&f);
}

static void count_report(void *arg, const struct error *e)
{
	ck_assert_ptr_eq(arg, &f);
	atomic_store(&reported, (int)e->reason);
	atomic_fetch_add(&reports, 1);
}

static bool start(struct error *e)
{
	struct writer_options o = { .keys = f.keys,
		                    .key_pool = LOG_KEYS,
		                    .signer = { .vkey = f.vkey, .key = f.key },
		                    .died = log_died,
		                    .report = count_report,
		                    .arg = &f };

	if (!f.store && !(f.store = store_open(scratch_file(&f.dir, "store.db"), e)))
		return false;
	o.store = f.store;
	return (f.writer = writer_start(&o, e)) != NULL;
}

static uint64_t entries(void)
{
	struct writer_stats stats;

	writer_stats(f.writer, &stats);
	return stats.tree_size;
}

START_TEST(without_an_anchor)
{
	struct append_job jobs[5];

	OK(start(e));
	log_append_some(&f, jobs, 5, 0);
	append_free(jobs, 5);
	ck_assert_uint_eq(entries(), 6);
	ck_assert_int_ne(access(scratch_file(&f.dir, "anchor"), F_OK), 0);
	log_stop(&f);
	OK(start(e));
	ck_assert_uint_eq(entries(), 6);
	log_stop(&f);
	/* Whoever wants one later writes it first. */
	REFUSED(REASON_TAMPERED, log_start(&f, e));
}
END_TEST

/* One whose stack fits nowhere. The log has begun by then, and the next start goes on with it. */
START_TEST(without_a_thread)
{
	pthread_attr_t before, vast;

	ck_assert_int_eq(pthread_getattr_default_np(&before), 0);
	ck_assert_int_eq(pthread_attr_init(&vast), 0);
	ck_assert_int_eq(pthread_attr_setstacksize(&vast, (size_t)1 << 47), 0);
	ck_assert_int_eq(pthread_setattr_default_np(&vast), 0);
	REFUSED(REASON_NO_MEMORY, start(e));
	ck_assert_int_eq(pthread_setattr_default_np(&before), 0);
	OK(start(e));
	ck_assert_uint_eq(entries(), 1);
	pthread_attr_destroy(&vast);
	pthread_attr_destroy(&before);
}
END_TEST

/* --- reports --- */

struct row_job {
	struct job job; /* first */
	bool erases;
	atomic_bool over;
};

static bool row_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	static char sealed[100000];
	struct store_payload row = { .seq = 1, .sealed = view_make(sealed, sizeof sealed) };

	(void)w;
	return JOB_OF(struct row_job, j)->erases ? store_erase_payload(s, 1, e) : store_put_payload(s, &row, e);
}

/* On the writer's thread, before it clears up. */
static void row_done(struct job *j)
{
	struct row_job *r = JOB_OF(struct row_job, j);

	writer_release(j);
	if (r->erases)
		setrlimit(RLIMIT_FSIZE, &small);
	atomic_store(&r->over, true);
}

static void run_row(bool erases)
{
	struct row_job r = { .job = { .run = row_run, .done = row_done }, .erases = erases };

	writer_submit(f.writer, &r.job);
	for (unsigned i = 0; i < 3000 && !atomic_load(&r.over); i++)
		usleep(10000);
	ck_assert(atomic_load(&r.over) && r.job.committed);
}

/* It delays nobody: it is said, and tried again. */
START_TEST(what_was_erased_and_cannot_be_cleared_is_reported)
{
	struct append_job job;

	OK(start(e));
	run_row(false);
	run_row(true);
	for (unsigned i = 0; i < 3000 && atomic_load(&reports) == 0; i++)
		usleep(10000);
	ck_assert_uint_gt(atomic_load(&reports), 0);
	ck_assert_int_eq(atomic_load(&reported), REASON_STORE);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &whole), 0);
	log_append_some(&f, &job, 1, 0);
	ck_assert(job.job.committed);
	append_free(&job, 1);
	ck_assert_uint_eq(f.deaths, 0);
}
END_TEST

TCase *make_writer_options_case(void);
TCase *make_writer_options_case(void)
{
	TCase *c = tcase_create("writer_options");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, without_an_anchor);
	tcase_add_test(c, without_a_thread);
	tcase_add_test(c, what_was_erased_and_cannot_be_cleared_is_reported);
	return c;
}
