/* Proofs of many entries at one checkpoint, the newest when it was needed; of earlier epochs at theirs. */
#include "gatewayd/core/commit/prover.h"

#include "gatewayd/core/store/log.h"
#include "test/core/log_fixture.h"

TCase *make_prover_case(void);

static struct log_fixture f;
static struct store *reader;
static struct prover *prover;
static struct append_job jobs[700];

static void set_up(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	ck_assert_ptr_nonnull(prover = prover_new(reader));
}

static void tear_down(void)
{
	prover_free(prover);
	store_close(reader);
	log_teardown(&f);
}

/* The size of the tree that the proof is in, having verified it. */
static uint64_t proved(const struct append_job *j)
{
	struct buf leaf = BUF_INIT(4096), text = BUF_INIT(65536), scratch = BUF_INIT(4096);
	struct checkpoint c;
	struct receipt r;
	struct view extra;

	OK(prover_entry(prover, j->index, &leaf, &text, e));
	ck_assert(view_is(buf_view(&leaf), j->leaf));
	OK(receipt_parse(buf_view(&text), &scratch, &r, &extra, e));
	ck_assert_uint_eq(extra.n, 0);
	ck_assert_uint_eq(r.index, j->index);
	OK(receipt_verify(&r, buf_view(&leaf), &f.vkey, e));
	OK(checkpoint_open(r.checkpoint, &f.vkey, &c, e));
	buf_free(&leaf);
	buf_free(&text);
	buf_free(&scratch);
	return c.size;
}

START_TEST(all_at_one_checkpoint)
{
	log_append_some(&f, jobs, 300, 0);
	log_append_some(&f, jobs + 300, 300, 300);
	uint64_t size = proved(&jobs[599]);
	ck_assert_uint_eq(size, 601); /* genesis is the first */
	for (unsigned i = 0; i < 600; i++)
		ck_assert_uint_eq(proved(&jobs[i]), size);
	append_free(jobs, 600);
}
END_TEST

/* What the checkpoint in memory covers stays proved by it; what came since needs the newest. */
START_TEST(what_came_since_is_proved_by_the_newest)
{
	log_append_some(&f, jobs, 300, 0);
	ck_assert_uint_eq(proved(&jobs[10]), 301);
	log_append_some(&f, jobs + 300, 300, 300);
	ck_assert_uint_eq(proved(&jobs[11]), 301);
	ck_assert_uint_eq(proved(&jobs[450]), 601);
	ck_assert_uint_eq(proved(&jobs[11]), 601);
	append_free(jobs, 600);
}
END_TEST

START_TEST(an_entry_that_is_not_there)
{
	struct buf leaf = BUF_INIT(4096), text = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };

	log_append_some(&f, jobs, 3, 0);
	ck_assert(!prover_entry(prover, 4, &leaf, &text, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!prover_entry(prover, UINT64_C(1) << STORE_LOG_SHIFT, &leaf, &text, &e));
	ck_assert_uint_eq(leaf.n + text.n, 0);
	/* It goes on. */
	ck_assert_uint_eq(proved(&jobs[2]), 4);
	append_free(jobs, 3);
	buf_free(&leaf);
	buf_free(&text);
}
END_TEST

TCase *make_prover_case(void)
{
	TCase *c = tcase_create("prover");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, all_at_one_checkpoint);
	tcase_add_test(c, what_came_since_is_proved_by_the_newest);
	tcase_add_test(c, an_entry_that_is_not_there);
	return c;
}
