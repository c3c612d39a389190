/* What is held, and the person who decides: released by an officer's approval, refused, or left as it is. */
#include "gatewayd/core/exchange/officer.h"
#include "lib/base/encode.h"
#include "test/core/stops_fixture.h"
#include "test/core/exchange/exchange_fixture.h"
#include "test/policy/officers.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"

static struct held *held;
static struct exchange *sent_one; /* which was held */
static struct store_exchange row;
static struct held_result result;
static unsigned answers;

static void set_up(void)
{
	struct submission s;

	exchange_open();
	core_make_officer(&f);
	held = held_new(&f.core, f.reader, f.log.home);
	ck_assert_ptr_nonnull(held);
	s = submission_by(NORTH_SYSTEM, "pnr");
	sent_one = sent(&s, text_of(pnr("held-waiting-decision")));
	row = row_of(sent_one);
	ck_assert_int_eq(row.state, STATE_HELD);
	answers = 0;
}

static void tear_down(void)
{
	exchange_recycle(sent_one);
	held_free(held);
	exchange_close();
}

static unsigned decided; /* of the answers */

static void answered(void *arg, const struct held_result *r)
{
	ck_assert_ptr_eq(arg, &answers);
	result = *r;
	decided += r->decided;
	answers++;
}

/* The approval that the held record asks for; members are exchanged by the caller. */
static json_t *approval(void)
{
	json_t *doc = json_object();
	char hex[65], expires[64];

	hex_of(agreement_digest(sent_one->decided.agreement), hex);
	json_object_set_new(doc, "agreement", json_string(hex));
	hex_of(&sent_one->decided.input, hex);
	json_object_set_new(doc, "input", json_string(hex));
	json_object_set_new(doc, "tier", json_string("T1"));
	json_object_set_new(doc, "purpose", json_string("terrorism-prevention"));
	json_object_set_new(doc, "subject_category", json_string("uncategorised"));
	json_object_set_new(doc, "case", json_string("XN-2026-0815"));
	time_print(f.now_ms + DAY_MS, expires);
	json_object_set_new(doc, "expires", json_string(expires));
	hex_of(&f.officer_spki, hex);
	json_object_set_new(doc, "officer", json_string(hex));
	return doc;
}

static void ask(const struct uuid *id, struct view statement, struct view signature)
{
	struct held_shown shown = { statement, signature };
	struct held_request r = {
		.exchange = *id, .approvals = &shown, .n_approvals = 1, .uid = 1000, .done = answered, .arg = &answers
	};
	unsigned before = answers;

	held_release(held, &r);
	core_wait(&f, &answers, before + 1);
}

static void ask_signed(json_t *doc)
{
	struct view statement = text_of(doc);
	struct buf signature = BUF_INIT(65536);

	core_officer_signs(&f, statement, &signature);
	ask(&sent_one->decided.id, statement, buf_view(&signature));
	buf_free(&signature);
}

static void expect_held(const char *why)
{
	ck_assert(!result.decided);
	ck_assert_msg(strstr(result.text, why) != NULL, "%s", result.text);
	ck_assert_int_eq(row_of(sent_one).state, STATE_HELD);
	ck_assert(is_sealed(row.seq));
}

START_TEST(an_approval_releases)
{
	struct digest input;
	json_t *entry;

	ask_signed(approval());
	ck_assert_msg(result.decided && result.released, "%s", result.text);
	ck_assert_str_eq(result.state, "queued");
	struct store_exchange now = row_of(sent_one);
	ck_assert_int_eq(now.state, STATE_QUEUED);
	ck_assert_int_eq(now.status, 201);
	/* The id it had, the input that was logged, and sealed what leaves instead of what came. */
	entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "disclosure");
	ck_assert(digest_parse(view_of(core_member(entry, "input")), &input) &&
	          digest_eq(&input, &sent_one->decided.input));
	json_decref(entry);
	struct view record = sealed_record(row.seq, &sent_one->decided.id);
	ck_assert_ptr_null(memmem(record.p, record.n, "necessity", 9));
	ck_assert_uint_eq(atomic_load(&f.core.released), 1);
	/* Once. */
	ask_signed(approval());
	ck_assert(!result.decided);
	ck_assert_str_eq(result.text, "the exchange is not held");
}
END_TEST

static const struct {
	const char *kind, *why;
	enum act_state state;
} stopping[] = { { "veto", "vetoed", ACT_STANDS_PROVISIONALLY },
	         { "suspend", "suspended", ACT_IN_FORCE },
	         { "restrict-tier", "restricts this tier", ACT_IN_FORCE } };

/* Neither released nor refused: what stops it may end, and then the same approval releases it. */
START_TEST(what_an_act_stops_stays_held)
{
	bool tier = strcmp(stopping[_i].kind, "restrict-tier") == 0;
	struct put_act act = { .kind = stopping[_i].kind, .state = stopping[_i].state, .max = tier ? "T0" : NULL };

	act_put(&f, &act);
	ask_signed(approval());
	expect_held(stopping[_i].why);
	act_becomes(&f, &act, ACT_LIFTED, f.now_ms);
	ask_signed(approval());
	ck_assert_msg(result.decided && result.released, "%s", result.text);
	act_free(&act);
}
END_TEST

static const struct {
	const char *member, *value, *why; /* value NULL: `days` from now */
	int days;
} faults[] = {
	{ "agreement", "00", "is not an approval", 0 },
	{ "colour", "blue", "is not an approval", 0 },
	{ "purpose", "serious-crime", "another purpose", 0 },
	{ "subject_category", "suspect", "another category", 0 },
	{ "case", "XN-OTHER", "another case", 0 },
	{ "named", "abababababababababababababababababababababababababababababababab", "another named officer", 0 },
	{ "expires", NULL, "lives longer", 4 },
	{ "agreement", "abababababababababababababababababababababababababababababababab", "another agreement", 0 },
	{ "input", "abababababababababababababababababababababababababababababababab", "another record", 0 },
	{ "salt", "abababababababababababababababab", "another record", 0 },
	{ "tier", "T2", "another tier", 0 },
	{ "exception", "urgent", "another exception", 0 },
	{ "expires", NULL, "has expired", -1 },
	{ "officer", "abababababababababababababababababababababababababababababababab", "no officer", 0 },
};

START_TEST(what_is_no_approval_leaves_it_held_and_is_logged)
{
	json_t *doc = approval(), *entry;
	char instant[64];

	time_print(f.now_ms + faults[_i].days * DAY_MS, instant);
	json_object_set_new(doc, faults[_i].member, json_string(faults[_i].value ? faults[_i].value : instant));
	ask_signed(doc);
	expect_held(faults[_i].why);
	entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "decision");
	ck_assert_str_eq(core_member(entry, "outcome"), "held");
	json_decref(entry);
}
END_TEST

START_TEST(signatures_and_training)
{
	struct view statement = text_of(approval());
	struct buf signature = BUF_INIT(65536);

	ask(&sent_one->decided.id, statement, VIEW("no signature"));
	expect_held("not signed by the officer");
	core_officer_signs(&f, VIEW("another text"), &signature);
	ask(&sent_one->decided.id, statement, buf_view(&signature));
	expect_held("not signed by the officer");
	buf_free(&signature);
	f.core.conf->partners[NORTH_OFFICER].training_until_ms = f.now_ms - 1;
	ask_signed(approval());
	expect_held("training has expired");
}
END_TEST

START_TEST(an_officers_own_salt)
{
	json_t *doc = approval();
	struct salt salt = { .b = { 1, 2, 3 } };
	struct digest input;
	struct buf b = BUF_INIT(200);
	json_t *envelope = pnr("held-waiting-decision");
	struct view record = text_of(json_incref(json_object_get(envelope, "record")));
	struct view parts[] = { view_make(salt.b, sizeof salt.b), record };
	char hex[65];

	json_decref(envelope);
	sha256_parts(parts, 2, &input);
	hex_of(&input, hex);
	json_object_set_new(doc, "input", json_string(hex));
	hex_encode(&b, view_make(salt.b, sizeof salt.b));
	buf_addc(&b, 0);
	json_object_set_new(doc, "salt", json_string(b.p));
	buf_free(&b);
	ask_signed(doc);
	ck_assert_msg(result.decided && result.released, "%s", result.text);
}
END_TEST

START_TEST(what_cannot_be_asked_about)
{
	struct uuid other = { .b = { 9 } };

	ask(&other, VIEW("{}"), VIEW(""));
	ck_assert_str_eq(result.text, "no such exchange");
	f.core.conf->partners[NORTH_SYSTEM].id = "somebody-else";
	ask_signed(approval());
	expect_held("no longer a partner");
	f.core.conf->partners[NORTH_SYSTEM].id = "north-system";
}
END_TEST

static bool put_hold(void *arg, const struct act *a, struct error *e)
{
	struct store_hold h = { .seq = *(uint64_t *)arg,
		                .kind = HOLD_LEGAL,
		                .from_ms = a->now_ms,
		                .until_ms = a->now_ms + DAY_MS,
		                .statement = { .b = { 1 } },
		                .signer = VIEW("north-court"),
		                .role = VIEW("supervisor"),
		                .ended_ms = TIME_NONE };
	bool fresh;

	return store_put_hold(a->store, &h, &fresh, e);
}

/* A release puts what leaves in the place of what came: a hold keeps that. */
START_TEST(a_legal_hold_keeps_it_as_it_is)
{
	struct core_job j = core_act(&f, put_hold, &row.seq);

	ck_assert_msg(j.committed, "%s", j.error.text);
	ask_signed(approval());
	expect_held("a legal hold or a restriction is in force");
}
END_TEST

static void refuse(const struct uuid *id)
{
	struct held_request r = {
		.exchange = *id, .why = VIEW("not needed"), .uid = 1000, .done = answered, .arg = &answers
	};
	unsigned before = answers;

	held_refuse(held, &r);
	core_wait(&f, &answers, before + 1);
}

START_TEST(a_person_refuses)
{
	struct uuid other = { .b = { 9 } };

	refuse(&other);
	ck_assert_str_eq(result.text, "no such exchange");
	refuse(&sent_one->decided.id);
	ck_assert(result.decided && !result.released);
	ck_assert_int_eq(row_of(sent_one).state, STATE_REFUSED);
	ck_assert_int_eq(row_of(sent_one).status, 403);
	ck_assert(!is_sealed(row.seq));
	ck_assert_uint_eq(atomic_load(&f.core.refused), 1);
	refuse(&sent_one->decided.id);
	ck_assert_str_eq(result.text, "the exchange is not held");
}
END_TEST

/* Another has decided between the look and the transaction. */
START_TEST(two_ask_at_once)
{
	struct held_request r = { .exchange = sent_one->decided.id,
		                  .why = VIEW("not needed"),
		                  .uid = 1000,
		                  .done = answered,
		                  .arg = &answers };

	decided = 0;
	held_refuse(held, &r);
	held_refuse(held, &r);
	core_wait(&f, &answers, 2);
	/* In whichever order they are told. */
	ck_assert_uint_eq(decided, 1);
	ck_assert_int_eq(row_of(sent_one).state, STATE_REFUSED);
}
END_TEST

TCase *make_officer_case(void);
TCase *make_officer_case(void)
{
	TCase *c = tcase_create("officer");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, an_approval_releases);
	tcase_add_loop_test(c, what_an_act_stops_stays_held, 0, sizeof stopping / sizeof stopping[0]);
	tcase_add_loop_test(c, what_is_no_approval_leaves_it_held_and_is_logged, 0, sizeof faults / sizeof *faults);
	tcase_add_test(c, signatures_and_training);
	tcase_add_test(c, an_officers_own_salt);
	tcase_add_test(c, what_cannot_be_asked_about);
	tcase_add_test(c, a_legal_hold_keeps_it_as_it_is);
	tcase_add_test(c, a_person_refuses);
	tcase_add_test(c, two_ask_at_once);
	return c;
}
