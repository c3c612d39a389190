/* Deciding one record: the steps, what is prepared of each outcome, and that nothing of an earlier decision is left. */
#include "gatewayd/core/exchange/officer.h"
#include "test/core/exchange/exchange_fixture.h"
#include "gatewayd/core/store/exchange.h"

START_TEST(a_record_that_may_leave)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());
	const struct decided *d = &x->decided;

	ck_assert_int_eq(d->decision.outcome, OUTCOME_TRANSFORMED);
	ck_assert_int_eq(d->kind, EXCHANGE_EGRESS);
	ck_assert_int_eq(exchange_reason(x), REASON_NONE);
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(d->status, 201);
	ck_assert_int_eq(d->row.state, STATE_QUEUED);
	ck_assert(d->keeps_payload && d->delivers && !d->receives && d->final);
	ck_assert(memcmp(&d->id, &d->origin, sizeof d->id) == 0);
	LEAF_SAYS(x, "operation", "disclosure");
	LEAF_SAYS(x, "purpose", "serious-crime");
	ck_assert(leaf_has(x, "input") && leaf_has(x, "output") && !leaf_has(x, "corrects"));
	json_t *members = parsed(&x->written.members);
	ck_assert_ptr_nonnull(core_member(members, "retention"));
	ck_assert_ptr_null(json_object_get(members, "record"));
	json_decref(members);
	/* No value of the record, only that of what leaves. */
	ck_assert(!buf_holds(&x->written.answer, "Sampleson") && !buf_holds(&x->written.leaf, "Sampleson"));
	ck_assert(!buf_holds(&scratch.record, "Sampleson") && buf_holds(&scratch.record, "XZ160"));
	exchange_recycle(x);
}
END_TEST

static const struct {
	const char *file, *slug;
	int status;
} refused[] = {
	{ "refused-case-missing", "case-missing", 403 },
	{ "refused-necessity-incomplete", "necessity-incomplete", 403 },
	{ "refused-no-legal-basis", "no-legal-basis", 403 },
	{ "refused-purpose-not-permitted", "purpose-not-permitted", 403 },
	{ "refused-retention-over-max", "retention-over-max", 403 },
	{ "refused-schema-violation", "schema-violation", 422 },
	{ "refused-tier-fields-exceeded", "tier-fields-exceeded", 403 },
	{ "refused-tier-unknown", "tier-unknown", 403 },
};

START_TEST(what_is_refused_is_named_and_keeps_nothing)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, text_of(pnr(refused[_i].file)));
	const struct decided *d = &x->decided;

	ck_assert_int_eq(d->decision.outcome, OUTCOME_REFUSED);
	ck_assert_str_eq(reason_slug(exchange_reason(x)), refused[_i].slug);
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(d->status, reason_status(reason_for_peer(exchange_reason(x))));
	ck_assert_int_eq(d->status, refused[_i].status);
	ck_assert_int_eq(d->row.state, STATE_REFUSED);
	ck_assert(!d->keeps_payload && !d->delivers && !d->receives);
	LEAF_SAYS(x, "operation", "refusal");
	ck_assert(leaf_has(x, "input") && !leaf_has(x, "output"));
	ck_assert(!buf_holds(&x->written.answer, "Sampleson"));
	ck_assert_uint_eq(x->written.sealed.n, 0);
	ck_assert(buf_holds(&x->written.answer, "\"errors\":[{"));
	exchange_recycle(x);
}
END_TEST

START_TEST(who_and_which_agreement)
{
	struct submission s = submission_by(NORTH_SYSTEM, "unheard-of");
	struct exchange *x = decide(&s, released_text());

	ck_assert_int_eq(exchange_reason(x), REASON_AGREEMENT_UNKNOWN);
	ck_assert(exchange_prepare(x));
	ck_assert(!leaf_has(x, "agreement") && !leaf_has(x, "purpose"));
	exchange_recycle(x);
	/* Not the partner's. */
	s = submission_by(NORTH_SYSTEM, "pnr");
	f.core.conf->partners[NORTH_SYSTEM].agency = "east";
	x = decide(&s, released_text());
	ck_assert_int_eq(exchange_reason(x), REASON_AGREEMENT_UNKNOWN);
	ck_assert_ptr_null(x->decided.agreement);
	exchange_recycle(x);
	f.core.conf->partners[NORTH_SYSTEM].agency = "north";
	/* An origin from who is no gateway; none from who is one. */
	s = submission_by(SOUTH_GATEWAY, "pnr");
	x = decide(&s, released_text());
	ck_assert_int_eq(exchange_reason(x), REASON_ENVELOPE_INVALID);
	ck_assert_int_eq(x->decided.kind, EXCHANGE_INGRESS);
	exchange_recycle(x);
	s = submission_by(NORTH_SYSTEM, "pnr");
	x = decide(&s, VIEW("{\"purpose\":"));
	ck_assert_int_eq(exchange_reason(x), REASON_BAD_JSON);
	ck_assert(exchange_prepare(x));
	exchange_recycle(x);
	x = decide(&s, VIEW("{\"purpose\":\"x\",\"record\":{}}"));
	ck_assert_int_eq(exchange_reason(x), REASON_ENVELOPE_INVALID);
	exchange_recycle(x);
}
END_TEST

START_TEST(a_partners_raw_record_is_received_as_it_may_leave)
{
	struct submission s = submission_by(SOUTH_SYSTEM, "pnr");
	json_t *doc = pnr("released");

	/* Of its texts only the case, which the agreement lists; codes in one form, whatever stood around them. */
	json_object_set_new(doc, "reference", json_string("canary-1"));
	json_object_set_new(json_object_get(doc, "necessity"), "explanation", json_string("canary-2"));
	json_object_set_new(doc, "handling",
	                    json_pack("[{s:s,s:s,s:s},{s:s,s:s}]", "value", "H1", "text", "canary-3", "scale",
	                              "europol-handling", "scale", "europol-source", "value", "A"));
	struct exchange *x = decide(&s, text_of(doc));
	const struct decided *d = &x->decided;

	ck_assert_int_eq(d->kind, EXCHANGE_SINGLE);
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(d->row.state, STATE_READY);
	ck_assert(d->receives && !d->delivers);
	LEAF_SAYS(x, "operation", "collection");
	ck_assert(buf_holds(&x->written.members, "\"provider\":\"south\""));
	ck_assert(buf_holds(&x->written.members, "\"case\":\"XN-2026-0815\""));
	ck_assert(buf_holds(&x->written.members, "\"handling\":[{\"scale\":\"europol-source\",\"value\":\"A\"},"
	                                         "{\"scale\":\"europol-handling\",\"value\":\"H1\"}]"));
	ck_assert(!buf_holds(&x->written.members, "canary"));
	LEAF_SAYS(x, "checked", "case,necessity");
	ck_assert(!leaf_has(x, "envelope"));
	ck_assert(buf_holds(&x->written.members, "\"erase_by\":\""));
	exchange_recycle(x);
}
END_TEST

/* What a gateway sends: its entry has the salted digest of all that goes with the record, and what was checked. */
START_TEST(the_entry_covers_what_leaves_beside)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	json_t *doc = pnr("released");
	struct buf hex = BUF_INIT(65);
	struct digest want;

	json_object_set_new(doc, "reference", json_string("canary-1"));
	struct exchange *x = sent(&s, text_of(doc));
	ck_assert_int_eq(x->found.status, 201);
	struct view parts[] = { view_make(x->decided.random.salt.b, 16), buf_view(&x->written.members) };
	sha256_parts(parts, 2, &want);
	digest_print(&hex, &want);
	buf_addc(&hex, '\0');
	LEAF_SAYS(x, "envelope", hex.p);
	buf_free(&hex);
	LEAF_SAYS(x, "checked", "case,necessity");
	ck_assert(!buf_holds(&x->written.members, "canary") && !buf_holds(&x->written.members, "necessity"));
	ck_assert(buf_holds(&x->written.members, "\"case\":\"XN-2026-0815\""));
	exchange_recycle(x);
	/* Nothing of it of what is refused, for a text that does not fit, by the rule's place and without the value. */
	doc = pnr("released");
	json_object_set_new(doc, "case", json_string("canary-2"));
	x = sent(&s, text_of(doc));
	ck_assert_int_eq(x->found.status, 403);
	ck_assert_int_eq(exchange_reason(x), REASON_ENVELOPE_MEMBER);
	ck_assert(buf_holds(&x->written.result, "\"pointer\":\"/case\",\"keyword\":\"/envelope/0/pattern\""));
	ck_assert(!buf_holds(&x->written.result, "canary") && !buf_holds(&x->written.leaf, "canary"));
	ck_assert(!leaf_has(x, "envelope") && !leaf_has(x, "checked"));
	exchange_recycle(x);
}
END_TEST

START_TEST(what_a_person_must_decide_is_held_and_released_when_approved)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct view text = text_of(pnr("held-waiting-decision"));
	struct exchange *x = decide(&s, text);
	struct approved approved = { .id = x->decided.id, .input_salt = x->decided.random.input_salt };
	struct digest input = x->decided.input;

	ck_assert_int_eq(x->decided.decision.outcome, OUTCOME_HELD);
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(x->decided.status, 202);
	ck_assert_int_eq(x->decided.row.state, STATE_HELD);
	ck_assert(x->decided.keeps_payload && !x->decided.delivers);
	ck_assert_int_eq(x->decided.timer.due_ms, f.now_ms + HELD_MS);
	LEAF_SAYS(x, "operation", "hold");
	exchange_recycle(x);
	/* With the id and the salt that it had, and released. */
	s.approved = &approved;
	x = decide(&s, text);
	ck_assert_int_eq(x->decided.decision.outcome, OUTCOME_TRANSFORMED);
	ck_assert(digest_eq(&x->decided.input, &input));
	ck_assert(memcmp(&x->decided.id, &approved.id, sizeof approved.id) == 0);
	exchange_recycle(x);
	/* An approval helps nothing that is refused. */
	x = decide(&s, text_of(pnr("refused-case-missing")));
	ck_assert_int_eq(x->decided.decision.outcome, OUTCOME_REFUSED);
	exchange_recycle(x);
}
END_TEST

START_TEST(a_dry_run_uses_up_nothing)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	s.dry_run = true;
	struct exchange *x = decide(&s, released_text());
	ck_assert_ptr_null(x->reserved.quota.quotas);
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(x->decided.status, 200);
	ck_assert(!x->decided.keeps_payload);
	ck_assert_uint_eq(x->written.sealed.n, 0);
	LEAF_SAYS(x, "operation", "validation");
	exchange_recycle(x);
	s.dry_run = false;
	x = decide(&s, released_text());
	ck_assert_ptr_nonnull(x->reserved.quota.quotas);
	ck_assert_uint_eq(x->reserved.quota.uses[0], 0);
	exchange_recycle(x);
}
END_TEST

static void expect_nothing_of_a_release(const struct exchange *x)
{
	static const struct digest none;
	const struct decided *d = &x->decided;

	ck_assert(digest_eq(&d->output, &none));
	ck_assert(!d->keeps_payload && !d->delivers && !d->receives);
	ck_assert_uint_eq(d->corrects.seq, 0);
	ck_assert_uint_eq(d->corrects.version, 0);
	ck_assert_uint_eq(d->onward_of, 0);
	ck_assert_int_eq(d->origin_ms, 0);
	ck_assert_int_eq(d->timer.due_ms, 0);
	ck_assert_uint_eq(d->delivery.recipient.n, 0);
	ck_assert_uint_eq(d->inbox.exchange.b[0], 0);
	ck_assert_uint_eq(x->written.sealed.n, 0);
	ck_assert_uint_eq(x->written.members.n, 0);
	ck_assert_uint_eq(x->written.leaf.n, 0);
	ck_assert_uint_eq(x->written.answer.n, 0);
}

/* The fault that once was: the digest of what would have left stood in the entry of the refusal. */
START_TEST(a_second_decision_knows_nothing_of_the_first)
{
	struct submission s = submission_by(NORTH_SYSTEM, "strict");
	struct view text = released_text();

	s.batch = true;
	struct exchange *x = decide(&s, text);
	ck_assert(exchange_is_release(x) && exchange_prepare(x));
	ck_assert(leaf_has(x, "output"));
	/* What other kinds of records would have left in it. */
	x->decided.corrects = (struct corrected){ .seq = 7, .id = { .b = { 7 } }, .base_ms = 7, .version = 7 };
	x->decided.onward_of = x->decided.origin_ms = 7;
	x->decided.inbox.exchange.b[0] = 7;
	struct quota_use reserved = x->reserved.quota;

	s.rare = "rare";
	ck_assert(!exchange_decide(&decider, &s, text, x));
	ck_assert_int_eq(exchange_reason(x), REASON_GROUP_TOO_SMALL);
	expect_nothing_of_a_release(x);
	ck_assert_ptr_eq(x->reserved.quota.quotas, reserved.quotas);
	ck_assert(exchange_prepare(x));
	ck_assert(!leaf_has(x, "output") && !leaf_has(x, "corrects") && leaf_has(x, "input"));
	ck_assert_ptr_null(x->reserved.quota.quotas);
	/* Nor does one that fails before anything was found. */
	ck_assert(!exchange_decide(&decider, &s, VIEW("{"), x));
	expect_nothing_of_a_release(x);
	ck_assert_ptr_null(x->decided.agreement);
	ck_assert_ptr_null(x->decided.decision.ruling);
	ck_assert_uint_eq(x->decided.envelope.purpose.n, 0);
	ck_assert(exchange_prepare(x));
	ck_assert(!leaf_has(x, "output") && !leaf_has(x, "input") && !leaf_has(x, "agreement"));
	exchange_recycle(x);
}
END_TEST

START_TEST(a_recycled_exchange_holds_no_secret)
{
	static const struct exchange_random none;
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());

	ck_assert(exchange_prepare(x));
	ck_assert(memcmp(&x->decided.random, &none, sizeof none) != 0);
	size_t used = x->written.leaf.high;
	ck_assert_uint_gt(used, 0);
	exchange_recycle(x);
	ck_assert(memcmp(&x->decided.random, &none, sizeof none) == 0);
	ck_assert_uint_eq(x->written.answer.n, 0);
	for (size_t i = 0; i < used; i++)
		ck_assert_int_eq(x->written.leaf.p[i], 0);
	ck_assert_ptr_eq(exchange_take(&decider), x);
	exchange_free(x);
	exchange_free(NULL);
}
END_TEST

/* Larger than any row: that does not change when it is sent again. */
START_TEST(what_is_too_large_to_be_written_is_refused_by_name)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());

	x->written.members.max = 10;
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(exchange_reason(x), REASON_LIMIT);
	ck_assert(!x->decided.keeps_payload && !x->decided.delivers && !leaf_has(x, "output"));
	ck_assert_uint_eq(x->written.sealed.n, 0);
	ck_assert_ptr_null(x->reserved.quota.quotas);
	exchange_free(x);
	x = decide(&s, released_text());
	x->written.leaf.max = 10;
	ck_assert(!exchange_prepare(x));
	quota_settle(&x->reserved.quota, false);
	exchange_free(x);
	/* The cipher's failure is the gateway's own: it is no answer to the key. */
	x = decide(&s, released_text());
	x->written.sealed.max = 10;
	ck_assert(exchange_prepare(x));
	ck_assert_int_eq(exchange_reason(x), REASON_CRYPTO);
	ck_assert(!x->decided.final);
	exchange_free(x);
}
END_TEST

TCase *make_exchange_case(void);
TCase *make_exchange_case(void)
{
	TCase *c = tcase_create("exchange");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, a_record_that_may_leave);
	tcase_add_loop_test(c, what_is_refused_is_named_and_keeps_nothing, 0, sizeof refused / sizeof *refused);
	tcase_add_test(c, who_and_which_agreement);
	tcase_add_test(c, a_partners_raw_record_is_received_as_it_may_leave);
	tcase_add_test(c, the_entry_covers_what_leaves_beside);
	tcase_add_test(c, what_a_person_must_decide_is_held_and_released_when_approved);
	tcase_add_test(c, a_dry_run_uses_up_nothing);
	tcase_add_test(c, a_second_decision_knows_nothing_of_the_first);
	tcase_add_test(c, a_recycled_exchange_holds_no_secret);
	tcase_add_test(c, what_is_too_large_to_be_written_is_refused_by_name);
	return c;
}
