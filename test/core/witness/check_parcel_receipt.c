/* What a receipt in a partner's answer proves: only what its log holds, of the one history that it shows. */
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/witness/parcel_receipt.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_parcel_receipt_case(void);

#define INPUT_00 "0000000000000000000000000000000000000000000000000000000000000000"
#define LEAF     "{\"input\":\"" INPUT_00 "\",\"operation\":\"collection\"}"

static struct parcel parcel;
static struct buf proof, answer;
static struct tape answered;
static unsigned asked_of; /* how often the leaf was shown */

static void set_up(void)
{
	worker_open();
	parcel = (struct parcel){ .worker = worker,
		                  .partner = core_partner(&f, SOUTH_GATEWAY),
		                  .receipt = BUF_INIT(65536) };
	proof = answer = BUF_INIT(65536);
	south_size = asked_of = 0;
}

static void tear_down(void)
{
	buf_free(&parcel.receipt);
	buf_free(&answer);
	buf_free(&proof);
	worker_close();
}

static bool says_collected(struct parcel *p, const struct tape *leaf)
{
	ck_assert_ptr_eq(p, &parcel);
	asked_of++;
	return proof_leaf_says(leaf, "operation", "collection");
}

static void answers(struct view text)
{
	struct error e = { .reason = REASON_NONE };

	parcel.answer = tape_parse(worker->scratch.envelope, text, &answered, &e) ? &answered : NULL;
}

/* {"receipt":<what is in `proof`>} */
static void answers_with_proof(void)
{
	buf_reset(&answer);
	buf_adds(&answer, "{\"receipt\":");
	buf_add_json_string(&answer, buf_view(&proof));
	buf_addc(&answer, '}');
	answers(buf_view(&answer));
}

static void is_later(const char *problem)
{
	ck_assert(!parcel_receipt(&parcel, says_collected));
	ck_assert_str_eq(parcel.slug, "receipt-invalid");
	ck_assert_msg(strstr(parcel.problem, problem) != NULL, "%s", parcel.problem);
	ck_assert_uint_eq(parcel.receipt.n, 0);
	ck_assert_uint_eq(sights_unproved(f.core.sights), 0);
}

START_TEST(a_receipt_of_the_partners_log)
{
	south_logs(VIEW(LEAF), f.south_key, &proof);
	answers_with_proof();
	ck_assert(parcel_receipt(&parcel, says_collected));
	ck_assert_uint_eq(asked_of, 1);
	ck_assert(view_eq(buf_view(&parcel.receipt), buf_view(&proof)));
	ck_assert_str_eq(parcel.slug, "");
	/* Its checkpoint was seen, and waits to be proved. */
	ck_assert_uint_eq(sights_unproved(f.core.sights), 1);
}
END_TEST

START_TEST(an_answer_without_a_receipt)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"receipt\":5}" };

	answers(view_of(bad[_i]));
	is_later("the answer has no receipt that can be verified here");
	ck_assert_uint_eq(asked_of, 0);
}
END_TEST

START_TEST(a_partner_whose_log_is_not_known)
{
	south_logs(VIEW(LEAF), f.south_key, &proof);
	answers_with_proof();
	f.core.conf->partners[SOUTH_GATEWAY].has_log = false;
	is_later("the answer has no receipt that can be verified here");
}
END_TEST

START_TEST(a_receipt_that_does_not_verify)
{
	if (_i == 0)
		south_logs(VIEW(LEAF), f.log.key, &proof); /* by another key */
	else
		buf_adds(&proof, "c2sp.org/tlog-proof@v1\n");
	answers_with_proof();
	is_later("");
	ck_assert_uint_eq(asked_of, 0);
}
END_TEST

START_TEST(a_receipt_for_something_else)
{
	south_logs(VIEW("{\"operation\":\"hold\"}"), f.south_key, &proof);
	answers_with_proof();
	is_later("the receipt is for something else");
	ck_assert_uint_eq(asked_of, 1);
}
END_TEST

/* The log showed another root of this size before. */
START_TEST(a_receipt_of_another_history)
{
	const struct digest other = { .b = { 1 } };
	uint64_t before = log_size();

	sight_cosigned(f.core.sights, VIEW(SOUTH_ORIGIN), 1, &other);
	south_logs(VIEW(LEAF), f.south_key, &proof);
	answers_with_proof();
	is_later("not of the history that the log showed before");
	let_write();
	ck_assert_uint_eq(log_size(), before + 1);
	is_incident("forked: showed two roots of 1 entries");
}
END_TEST

/* --- what a leaf says --- */

#define INPUT "0011"

static const struct tape *parsed_leaf(const char *text, struct tape *t)
{
	OK(tape_parse(worker->scratch.entry, view_of(text), t, e));
	return t;
}

START_TEST(a_leaf_that_refuses)
{
	static const struct {
		const char *leaf;
		bool refuses;
	} leaves[] = {
		{ "{\"operation\":\"refusal\",\"input\":\"0011\",\"final\":true}", true },
		{ "{\"operation\":\"refusal\",\"input\":\"0011\",\"final\":false}", false },
		{ "{\"operation\":\"refusal\",\"input\":\"0011\",\"final\":\"true\"}", false },
		{ "{\"operation\":\"refusal\",\"input\":\"0011\"}", false },
		{ "{\"operation\":\"refusal\",\"input\":\"0012\",\"final\":true}", false },
		{ "{\"operation\":\"refusal\",\"final\":true}", false },
		{ "{\"operation\":\"collection\",\"input\":\"0011\",\"final\":true}", false },
		{ "{\"input\":\"0011\",\"final\":true}", false },
		{ "[]", false },
	};
	struct tape t;

	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
		ck_assert_msg(proof_leaf_refuses(parsed_leaf(leaves[i].leaf, &t), INPUT) == leaves[i].refuses, "%s",
		              leaves[i].leaf);
	/* What is not known is said by no leaf. */
	ck_assert(
	        !proof_leaf_refuses(parsed_leaf("{\"operation\":\"refusal\",\"input\":\"\",\"final\":true}", &t), ""));
	ck_assert(!proof_leaf_says(parsed_leaf("{\"origin\":\"\"}", &t), "origin", ""));
}
END_TEST

TCase *make_parcel_receipt_case(void)
{
	TCase *c = tcase_create("parcel_receipt");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_receipt_of_the_partners_log);
	tcase_add_loop_test(c, an_answer_without_a_receipt, 0, 5);
	tcase_add_test(c, a_partner_whose_log_is_not_known);
	tcase_add_loop_test(c, a_receipt_that_does_not_verify, 0, 2);
	tcase_add_test(c, a_receipt_for_something_else);
	tcase_add_test(c, a_receipt_of_another_history);
	tcase_add_test(c, a_leaf_that_refuses);
	return c;
}
