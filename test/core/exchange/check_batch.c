/* Batches under k-guards: what is rare is withheld or refused, and decided again as if it had never passed. */
#include "gatewayd/core/exchange/batch_private.h"
#include "test/core/exchange/exchange_fixture.h"
#include "gatewayd/core/store/exchange.h"

#define LINES 5

static struct batch_line lines[LINES];

static void line(size_t i, json_t *doc)
{
	lines[i] = (struct batch_line){ .text = text_of(doc) };
}

static void run(const char *agreement, size_t n)
{
	struct submission s = submission_by(NORTH_SYSTEM, agreement);

	ck_assert(batch_is_counted(&s));
	ck_assert(batch_decide(&decider, &s, lines, n));
	for (size_t i = 0; i < n; i++)
		ck_assert(lines[i].x && lines[i].prepared);
}

static void recycle(size_t n)
{
	for (size_t i = 0; i < n; i++)
		exchange_recycle(lines[i].x);
}

START_TEST(only_some_are_counted)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	ck_assert(!batch_is_counted(&s));
	s = submission_by(NORTH_SYSTEM, "unheard-of");
	ck_assert(!batch_is_counted(&s));
	/* What a gateway delivers was counted before. */
	s = submission_by(SOUTH_GATEWAY, "strict");
	ck_assert(!batch_is_counted(&s));
	/* Alone, it is refused by name. */
	s = submission_by(NORTH_SYSTEM, "strict");
	struct exchange *x = decide(&s, released_text());
	ck_assert_int_eq(exchange_reason(x), REASON_BATCH_REQUIRED);
	exchange_recycle(x);
}
END_TEST

/* It had passed when it was decided first: its entry must name no record that never left. */
START_TEST(a_line_that_is_refused_at_last_has_no_output)
{
	line(0, of_nation("XQ"));
	line(1, of_nation("XN"));
	line(2, of_nation("XQ"));
	run("strict", 3);
	ck_assert(exchange_is_release(lines[0].x) && exchange_is_release(lines[2].x));
	ck_assert(leaf_has(lines[0].x, "output"));
	ck_assert_int_eq(exchange_reason(lines[1].x), REASON_GROUP_TOO_SMALL);
	ck_assert(!leaf_has(lines[1].x, "output"));
	ck_assert(leaf_has(lines[1].x, "input"));
	ck_assert(!lines[1].x->decided.keeps_payload);
	ck_assert(!buf_holds(&lines[1].x->written.answer, "XN\""));
	ck_assert_ptr_null(lines[1].x->reserved.quota.quotas);
	/* And so it is written. */
	for (size_t i = 0; i < 3; i++)
		exchange_commit(lines[i].x, lines[i].prepared, note_commit, &commits);
	core_wait(&f, &commits, 3);
	ck_assert_int_eq(lines[1].x->found.status, 403);
	ck_assert_int_eq(row_of(lines[1].x).state, STATE_REFUSED);
	ck_assert_int_eq(row_of(lines[2].x).state, STATE_QUEUED);
	recycle(3);
}
END_TEST

START_TEST(a_rare_field_is_withheld)
{
	line(0, of_nation("XQ"));
	line(1, of_nation("XN"));
	line(2, of_nation("XQ"));
	line(3, pnr("refused-case-missing"));
	run("counted", 4);
	for (size_t i = 0; i < 3; i++)
		ck_assert(exchange_is_release(lines[i].x));
	ck_assert_int_eq(lines[3].x->decided.decision.outcome, OUTCOME_REFUSED);
	ck_assert_uint_eq(lines[0].x->decided.asked.suppressed, 0);
	ck_assert_uint_eq(lines[1].x->decided.asked.suppressed, 1);
	ck_assert_uint_eq(lines[1].x->decided.decision.dropped, lines[0].x->decided.decision.dropped + 2);
	for (size_t i = 0; i < 4; i++)
		exchange_commit(lines[i].x, lines[i].prepared, note_commit, &commits);
	core_wait(&f, &commits, 4);
	struct view record = sealed_record(row_of(lines[1].x).seq, &lines[1].x->decided.id);
	ck_assert_ptr_null(memmem(record.p, record.n, "nationality", 11));
	record = sealed_record(row_of(lines[0].x).seq, &lines[0].x->decided.id);
	ck_assert_ptr_nonnull(memmem(record.p, record.n, "nationality", 11));
	recycle(4);
}
END_TEST

START_TEST(a_repeated_key_counts_once)
{
	json_t *doc = of_nation("XN");

	json_object_set_new(doc, "key", json_string("again"));
	line(0, json_deep_copy(doc));
	line(1, doc);
	line(2, of_nation("XQ"));
	line(3, of_nation("XQ"));
	run("strict", 4);
	ck_assert_int_eq(exchange_reason(lines[0].x), REASON_GROUP_TOO_SMALL);
	ck_assert_int_eq(exchange_reason(lines[1].x), REASON_GROUP_TOO_SMALL);
	ck_assert(exchange_is_release(lines[2].x) && exchange_is_release(lines[3].x));
	recycle(4);
}
END_TEST

TCase *make_batch_case(void);
TCase *make_batch_case(void)
{
	TCase *c = tcase_create("batch");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, only_some_are_counted);
	tcase_add_test(c, a_line_that_is_refused_at_last_has_no_output);
	tcase_add_test(c, a_rare_field_is_withheld);
	tcase_add_test(c, a_repeated_key_counts_once);
	return c;
}
