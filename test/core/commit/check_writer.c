/* The writer: group commit, receipts, keys and failures. */
#include "gatewayd/core/commit/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "lib/tlog/verify.h"
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

static bool read_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return store_get_entry(arg, index, leaf, packed, e);
}

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

/* Rebuilds the whole log from the store and compares it with its checkpoint. */
static uint64_t verify_store(struct store *s)
{
	struct verify_source source = { .entry = read_entry, .tile = read_tile, .arg = s };
	struct verify_report report;
	struct buf copy = BUF_INIT(65536);
	struct checkpoint c;
	struct view note;
	uint64_t size;

	OK(store_last_checkpoint(s, &size, &note, e));
	buf_add(&copy, note);
	OK(checkpoint_open(buf_view(&copy), &f.vkey, &c, e));
	OK(verify_log(&c, NULL, &source, &report, e));
	buf_free(&copy);
	return size;
}

static uint64_t verify(void)
{
	struct store *r = NULL;

	OK((r = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	uint64_t size = verify_store(r);
	store_close(r);
	return size;
}

static void check_receipt(const struct append_job *a)
{
	struct buf scratch = BUF_INIT(65536);
	struct receipt r;
	struct view entry;

	ck_assert(a->job.committed);
	OK(receipt_parse(buf_view(&a->receipt), &scratch, &r, &entry, e));
	ck_assert_uint_eq(r.index, a->index);
	ck_assert(view_is(entry, a->leaf));
	OK(receipt_verify(&r, entry, &f.vkey, e));
	REFUSED(REASON_TAMPERED, receipt_verify(&r, VIEW("{\"n\":0}"), &f.vkey, e));
	buf_free(&scratch);
}

/* --- commits --- */

START_TEST(empty_log_gets_a_genesis)
{
	struct writer_stats stats;
	struct view leaf, packed;
	struct store *r = NULL;

	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.tree_size, 1);
	OK((r = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(store_get_entry(r, 0, &leaf, &packed, e));
	ck_assert_ptr_nonnull(memmem(leaf.p, leaf.n, "\"genesis\"", 9));
	ck_assert_ptr_nonnull(memmem(leaf.p, leaf.n, LOG_ORIGIN, sizeof LOG_ORIGIN - 1));
	store_close(r);
	log_stop(&f);
	OK(log_start(&f, e));
	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.tree_size, 1);
}
END_TEST

START_TEST(receipts_verify)
{
	static struct append_job jobs[700];
	struct writer_stats stats;

	log_append_some(&f, jobs, 700, 0);
	for (unsigned i = 0; i < 700; i++) {
		ck_assert_uint_eq(jobs[i].index, i + 1);
		ck_assert_uint_eq(jobs[i].runs, 1);
		check_receipt(&jobs[i]);
	}
	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.entries, 701);
	ck_assert_uint_eq(stats.jobs, 701);
	ck_assert_uint_eq(stats.tree_size, 701);
	ck_assert_uint_eq(stats.queued, 0);
	ck_assert_uint_ge(stats.median_batch, 1);
	ck_assert_uint_le(stats.commits, 701);
	ck_assert_uint_eq(verify(), 701);
	append_free(jobs, 700);
}
END_TEST

START_TEST(single_job_waits_for_nobody)
{
	struct append_job job;

	for (unsigned i = 0; i < 20; i++) {
		log_append_some(&f, &job, 1, i);
		check_receipt(&job);
		append_free(&job, 1);
	}
	struct writer_stats stats;
	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.commits, 21);
	ck_assert_uint_eq(stats.median_batch, 1);
}
END_TEST

/* Holds the writer until what is to be one batch is queued. */
struct gate_job {
	struct job job;
	_Atomic bool entered, open;
};

static bool gate_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct gate_job *g = JOB_OF(struct gate_job, j);

	(void)w;
	(void)s;
	(void)e;
	atomic_store(&g->entered, true);
	while (!atomic_load(&g->open))
		usleep(100);
	return true;
}

static void gate_done(struct job *j)
{
	(void)j;
}

static void gate_close(struct gate_job *g)
{
	*g = (struct gate_job){ .job = { .run = gate_run, .done = gate_done } };
	writer_submit(f.writer, &g->job);
	while (!atomic_load(&g->entered))
		usleep(100);
}

static void submit_all(struct append_job *jobs, unsigned n)
{
	struct gate_job gate;

	gate_close(&gate);
	for (unsigned i = 0; i < n; i++)
		writer_submit(f.writer, &jobs[i].job);
	atomic_store(&gate.open, true);
	append_wait(f.home, jobs, n);
}

START_TEST(queued_jobs_are_one_commit)
{
	static struct append_job jobs[100];
	struct writer_stats before, after;

	for (unsigned i = 0; i < 100; i++)
		append_init(&jobs[i], f.home, i);
	writer_stats(f.writer, &before);
	submit_all(jobs, 100);
	writer_stats(f.writer, &after);
	ck_assert_uint_eq(after.commits - before.commits, 2);
	for (unsigned i = 0; i < 100; i++)
		check_receipt(&jobs[i]);
	append_free(jobs, 100);
}
END_TEST

START_TEST(bad_job_harms_no_other)
{
	static struct append_job jobs[300];

	for (unsigned i = 0; i < 300; i++) {
		append_init(&jobs[i], f.home, i);
		jobs[i].fails = i == 0 || i == 150 || i == 299;
	}
	submit_all(jobs, 300);
	uint64_t next = 1;
	for (unsigned i = 0; i < 300; i++) {
		ck_assert_uint_eq(jobs[i].came_home, 1);
		if (jobs[i].fails) {
			ck_assert(!jobs[i].job.committed);
			ck_assert_int_eq(jobs[i].job.error.reason, REASON_QUOTA);
			ck_assert_uint_eq(jobs[i].receipt.n, 0);
			continue;
		}
		ck_assert_uint_eq(jobs[i].index, next++);
		check_receipt(&jobs[i]);
	}
	ck_assert_uint_eq(verify(), next);
	ck_assert_uint_eq(f.deaths, 0);
	append_free(jobs, 300);
}
END_TEST

START_TEST(older_receipts_are_the_same_again)
{
	static struct append_job jobs[600], again[3];
	static const unsigned which[3] = { 0, 255, 599 };

	log_append_some(&f, jobs, 300, 0);
	log_append_some(&f, jobs + 300, 300, 300);
	for (unsigned i = 0; i < 3; i++) {
		append_init(&again[i], f.home, 0);
		again[i].again = jobs[which[i]].index;
		writer_submit(f.writer, &again[i].job);
	}
	append_wait(f.home, again, 3);
	for (unsigned i = 0; i < 3; i++) {
		struct buf first = BUF_INIT(65536);
		struct buf scratch = BUF_INIT(65536);
		struct receipt r;
		struct view entry;

		ck_assert(again[i].job.committed);
		/* Without the leaf's line both texts are alike. */
		OK(receipt_parse(buf_view(&jobs[which[i]].receipt), &scratch, &r, &entry, e));
		receipt_print(&r, VIEW(""), &first);
		ck_assert(view_eq(buf_view(&first), buf_view(&again[i].receipt)));
		buf_free(&first);
		buf_free(&scratch);
	}
	append_free(jobs, 600);
	append_free(again, 3);
}
END_TEST

START_TEST(replay_beside_its_original_has_its_receipt)
{
	struct append_job jobs[2], absent;

	append_init(&jobs[0], f.home, 0);
	append_init(&jobs[1], f.home, 1);
	jobs[1].again = 1;
	submit_all(jobs, 2);
	check_receipt(&jobs[0]);
	ck_assert(jobs[1].job.committed);
	ck_assert_uint_eq(jobs[1].index, jobs[0].index);
	ck_assert_uint_gt(jobs[1].receipt.n, 0);
	append_init(&absent, f.home, 2);
	absent.again = 77;
	writer_submit(f.writer, &absent.job);
	append_wait(f.home, &absent, 1);
	ck_assert(!absent.job.committed);
	ck_assert_int_eq(absent.job.error.reason, REASON_NOT_FOUND);
	append_free(jobs, 2);
}
END_TEST

START_TEST(appending_needs_a_transaction)
{
	struct append_job job;
	uint8_t key[32] = { 0 };
	uint32_t slot;
	uint64_t index;

	append_init(&job, f.home, 0);
	REFUSED(REASON_STORE, writer_append(f.writer, &job.job, VIEW("{}"), VIEW(""), &index, e));
	REFUSED(REASON_STORE, writer_put_key(f.writer, key, &slot, e));
	REFUSED(REASON_STORE, writer_erase_key(f.writer, &job.job, 0, e));
	REFUSED(REASON_STORE, writer_rotate_keys(f.writer, e));
	REFUSED(REASON_NOT_FOUND, writer_receipt(f.writer, &job.job, 0, e));
}
END_TEST

/* --- homes and threads --- */

static _Atomic unsigned homeless;

static void count_done(struct job *j)
{
	ck_assert(j->committed);
	writer_release(j);
	atomic_fetch_add(&homeless, 1);
}

START_TEST(jobs_without_home_end_on_the_writer)
{
	static struct append_job jobs[10];

	for (unsigned i = 0; i < 10; i++) {
		append_init(&jobs[i], NULL, i);
		jobs[i].job.done = count_done;
		writer_submit(f.writer, &jobs[i].job);
	}
	/* Stopping finishes what is queued. */
	log_stop(&f);
	ck_assert_uint_eq(atomic_load(&homeless), 10);
}
END_TEST

#define THREADS 4
#define EACH    400

static void *make_jobs(void *arg)
{
	struct home *home = home_new();
	struct append_job *jobs = calloc(EACH, sizeof *jobs);
	unsigned base = *(unsigned *)arg, done = 0;

	/* Groups of 20, so that homes are collected while others are written. */
	for (; done < EACH; done += 20) {
		for (unsigned i = done; i < done + 20; i++) {
			append_init(&jobs[i], home, base + i);
			writer_submit(f.writer, &jobs[i].job);
		}
		append_wait(home, jobs + done, 20);
	}
	for (unsigned i = 0; i < EACH; i++)
		check_receipt(&jobs[i]);
	append_free(jobs, EACH);
	free(jobs);
	home_free(home);
	return NULL;
}

START_TEST(many_threads_share_a_writer)
{
	pthread_t threads[THREADS];
	unsigned bases[THREADS];
	struct writer_stats stats;

	for (unsigned i = 0; i < THREADS; i++) {
		bases[i] = i * 1000;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, make_jobs, &bases[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	writer_stats(f.writer, &stats);
	ck_assert_uint_eq(stats.tree_size, THREADS * EACH + 1);
	ck_assert_uint_eq(verify(), THREADS * EACH + 1);
}
END_TEST

/* --- keys --- */

struct payload_job {
	struct job job;
	enum { PUT, PUT_AND_FAIL, ERASE, ROTATE, LOOK } what;
	uint64_t seq;
	uint32_t slot;
	bool bland; /* its text is not looked for */
	bool found;
	unsigned came_home;
};

static const uint8_t payload_key[32] = { 42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

static bool payload_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct payload_job *p = JOB_OF(struct payload_job, j);
	struct store_payload row = { .seq = p->seq,
		                     .sealed = p->bland ? VIEW("of another payload")
		                                        : VIEW("sealed-canary-of-the-payload") };
	uint64_t index;

	switch (p->what) {
	case PUT:
	case PUT_AND_FAIL:
		if (!writer_put_key(w, payload_key, &p->slot, e))
			return false;
		row.slot = p->slot;
		if (!store_put_payload(s, &row, e))
			return false;
		return p->what == PUT || error_set(e, REASON_QUOTA, "this one fails");
	case ERASE:
		return writer_erase_key(w, j, p->slot, e) && store_erase_payload(s, p->seq, e) &&
		       writer_append(w, j, VIEW("{\"operation\":\"erasure\"}"), VIEW(""), &index, e);
	case ROTATE: return writer_rotate_keys(w, e);
	case LOOK:
		p->found = scratch_holds(scratch_file(&f.dir, "store.db-wal"), "sealed-canary", 13) ||
		           scratch_holds(scratch_file(&f.dir, "store.db"), "sealed-canary", 13);
		return true;
	}
	return false;
}

static void payload_done(struct job *j)
{
	JOB_OF(struct payload_job, j)->came_home++;
	writer_release(j);
}

static void run_payload(struct payload_job *p)
{
	struct pollfd fd = { .fd = home_fd(f.home), .events = POLLIN };

	p->job.home = f.home;
	p->job.run = payload_run;
	p->job.done = payload_done;
	p->came_home = 0;
	writer_submit(f.writer, &p->job);
	while (p->came_home == 0) {
		ck_assert_int_eq(poll(&fd, 1, 30000), 1);
		home_collect(f.home);
	}
}

START_TEST(erasure_reaches_backups)
{
	static const char *const files[] = { "store.db", "store.db-wal" };
	struct payload_job p = { .what = PUT, .seq = 1 };
	struct store_payload row;
	uint8_t key[32];
	char backup[32];

	run_payload(&p);
	ck_assert(p.job.committed);
	OK(keystore_get(f.keys, p.slot, key, e));
	ck_assert_mem_eq(key, payload_key, sizeof key);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(backup, sizeof backup, "backup%s", files[i] + 5);
		scratch_copy(scratch_file(&f.dir, files[i]), scratch_file(&f.dir, backup));
	}
	scratch_copy(scratch_file(&f.dir, "keys/slots"), scratch_file(&f.dir, "backup-slots"));
	p.what = ERASE;
	run_payload(&p);
	ck_assert(p.job.committed);
	/* The writer clears log and file by itself at the next quiet moment. */
	for (unsigned i = 0; i < 200 && (scratch_holds(scratch_file(&f.dir, files[0]), "sealed-canary", 13) ||
	                                 scratch_holds(scratch_file(&f.dir, files[1]), "sealed-canary", 13));
	     i++)
		usleep(10000);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(!scratch_holds(scratch_file(&f.dir, files[i]), "sealed-canary", 13));
	/* The backup still has the row, and its key is nowhere but in an old copy of the slots. */
	struct store *old = NULL;
	OK((old = store_open_reader(scratch_file(&f.dir, "backup.db"), e)) != NULL);
	OK(store_get_payload(old, 1, &row, e));
	ck_assert(view_is(row.sealed, "sealed-canary-of-the-payload"));
	REFUSED(REASON_NOT_FOUND, keystore_get(f.keys, row.slot, key, e));
	store_close(old);
	/* After a rotation not even there. */
	p.what = ROTATE;
	run_payload(&p);
	ck_assert(p.job.committed);
	log_stop(&f);
	keystore_close(f.keys);
	scratch_copy(scratch_file(&f.dir, "backup-slots"), scratch_file(&f.dir, "keys/slots"));
	REFUSED(REASON_CONFIG, keystore_open(scratch_file(&f.dir, "keys"), false, e) != NULL);
	f.keys = NULL;
}
END_TEST

/* Comes again as soon as it is done, on the writer's thread, so that there is never a quiet moment. */
struct busy_job {
	struct payload_job p; /* first */
	unsigned n;
	time_t until;
	atomic_bool over;
};

static void busy_done(struct job *j)
{
	struct busy_job *b = (struct busy_job *)JOB_OF(struct payload_job, j);

	writer_release(j);
	b->p.what = ++b->n % 64 == 0 ? LOOK : b->n % 2 ? ERASE : PUT;
	if (b->p.found && time(NULL) < b->until)
		writer_submit(f.writer, j);
	else
		atomic_store(&b->over, true);
}

START_TEST(erasure_leaves_under_load)
{
	struct payload_job p = { .what = PUT, .seq = 1 };
	struct busy_job b = { .p = { .job = { .run = payload_run, .done = busy_done },
		                     .what = PUT,
		                     .seq = 2,
		                     .bland = true,
		                     .found = true },
		              .until = time(NULL) + 30 };

	run_payload(&p);
	/* Erased while others come and go. */
	writer_submit(f.writer, &b.p.job);
	p.what = ERASE;
	run_payload(&p);
	while (!atomic_load(&b.over))
		usleep(10000);
	ck_assert(p.job.committed && !b.p.found);
}
END_TEST

START_TEST(failed_job_keeps_no_key)
{
	struct payload_job p = { .what = PUT_AND_FAIL, .seq = 1 };
	uint8_t key[32];

	run_payload(&p);
	ck_assert(!p.job.committed);
	ck_assert_uint_eq(keystore_count(f.keys), 0);
	REFUSED(REASON_NOT_FOUND, keystore_get(f.keys, p.slot, key, e));
}
END_TEST

/* --- failure of the store --- */

static void note_error(struct job *j)
{
	ck_assert(!j->committed);
	ck_assert_int_eq(j->error.reason, REASON_STORE);
	j->want_receipt = true;
}

/* At a stop jobs come home that could not be committed with others, and their maker submits each by itself. */
START_TEST(what_is_submitted_after_the_stop_comes_home)
{
	struct home *home = home_new();
	struct job with = { .home = home, .done = note_error }, without = { .done = note_error };

	ck_assert_ptr_nonnull(home);
	writer_submit(NULL, &with);
	writer_submit(NULL, &without);
	ck_assert(without.want_receipt && !with.want_receipt);
	home_collect(home);
	ck_assert(with.want_receipt);
	home_free(home);
}
END_TEST

START_TEST(failed_commit_ends_service)
{
	static struct append_job before[5], during[5], after;
	struct rlimit limit, none;
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	log_append_some(&f, before, 5, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_eq(stat(scratch_file(&f.dir, "store.db-wal"), &st), 0);
	limit = none;
	limit.rlim_cur = (rlim_t)st.st_size + 5000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_append_some(&f, during, 5, 5);
	ck_assert_uint_eq(f.deaths, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	append_init(&after, f.home, 10);
	writer_submit(f.writer, &after.job);
	append_wait(f.home, &after, 1);
	ck_assert(!after.job.committed);
	ck_assert_int_eq(after.job.error.reason, REASON_STORE);
	for (unsigned i = 0; i < 5; i++) {
		check_receipt(&before[i]);
		ck_assert(!during[i].job.committed);
		ck_assert_int_eq(during[i].job.error.reason, REASON_STORE);
		ck_assert_uint_eq(during[i].receipt.n, 0);
	}
	log_stop(&f);
	/* A new start finds a log that verifies and holds all that was acknowledged. */
	OK(log_start(&f, e));
	ck_assert_uint_ge(verify(), 6);
	append_free(before, 5);
}
END_TEST

TCase *make_writer_case(void);
TCase *make_writer_case(void)
{
	TCase *c = tcase_create("writer");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, empty_log_gets_a_genesis);
	tcase_add_test(c, receipts_verify);
	tcase_add_test(c, single_job_waits_for_nobody);
	tcase_add_test(c, queued_jobs_are_one_commit);
	tcase_add_test(c, bad_job_harms_no_other);
	tcase_add_test(c, older_receipts_are_the_same_again);
	tcase_add_test(c, replay_beside_its_original_has_its_receipt);
	tcase_add_test(c, appending_needs_a_transaction);
	tcase_add_test(c, jobs_without_home_end_on_the_writer);
	tcase_add_test(c, many_threads_share_a_writer);
	tcase_add_test(c, erasure_reaches_backups);
	tcase_add_test(c, erasure_leaves_under_load);
	tcase_add_test(c, failed_job_keeps_no_key);
	tcase_add_test(c, what_is_submitted_after_the_stop_comes_home);
	tcase_add_test(c, failed_commit_ends_service);
	return c;
}
