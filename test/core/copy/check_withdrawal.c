/* Consents that are withdrawn later: which exchanges a list recalls, once, and what keeps none of them from it. */
#include "gatewayd/core/copy/withdrawal.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/timer.h"
#include "lib/policy/consents.h"
#include "test/core/worker_fixture.h"
#include "test/policy/document_fixture.h"

TCase *make_withdrawal_case(void);

static struct withdrawals *sweeps;
static struct exchange *sent_ones[300];
static size_t n_sent;

static void set_up(void)
{
	worker_open();
	f.core.conf->generation = 1;
	sweeps = withdrawals_new(&f.core, f.reader);
	ck_assert_ptr_nonnull(sweeps);
	n_sent = 0;
}

static void tear_down(void)
{
	while (n_sent)
		exchange_recycle(sent_ones[--n_sent]);
	worker_close();
	withdrawals_free(sweeps);
}

static bool put_row(void *arg, const struct act *a, struct error *e)
{
	return store_put_consent(a->store, arg, e);
}

static void rests_on(uint64_t seq, const char *consent, const char *purpose)
{
	struct store_consent c = { .seq = seq,
		                   .agreement = VIEW("pnr"),
		                   .purpose = view_of(purpose),
		                   .told = { .b = { (uint8_t)seq, 0xcc } } };

	ck_assert(digest_parse(view_of(consent), &c.consent));
	struct core_job j = core_act(&f, put_row, &c);
	ck_assert_msg(j.committed, "%s", j.error.text);
}

/* A released record of that agency's system, which rests on the consent. */
static struct exchange *released_on(enum core_partner who, const char *consent)
{
	struct submission s = submission_by(who, "pnr");
	struct exchange *x = sent(&s, released_text());

	ck_assert(exchange_is_release(x));
	sent_ones[n_sent++] = x;
	rests_on(row_of(x).seq, consent, "terrorism-prevention");
	return x;
}

static bool has_row(const struct exchange *x)
{
	struct error e = { .reason = REASON_NONE };
	struct store_consent c;

	return store_get_consent(f.reader, x->decided.row.seq, &c, &e);
}

/* Puts a list in the place of the one that is in force. */
static void in_force(enum document_kind kind, const char *agreement, unsigned number, const char *items)
{
	struct error_list errors = { .max = 20 };
	struct conf *c = f.core.conf;
	json_t *doc = right_document(kind);

	json_object_set_new(doc, "agreement", json_string(agreement));
	json_object_set_new(doc, "number", json_integer(number));
	json_object_set_new(doc, kind == DOCUMENT_WITHDRAWALS ? "withdrawn" : "given", json_loads(items, 0, NULL));
	struct signed_document *d = load_document(doc, NOW, &errors);
	ck_assert_ptr_nonnull(d);
	if (c->n_documents)
		signed_document_free(c->documents[0]);
	else
		c->documents = malloc(sizeof *c->documents);
	ck_assert_ptr_nonnull(c->documents);
	c->documents[0] = d;
	c->n_documents = 1;
	c->generation++;
	json_decref(doc);
}

static void sweep(void)
{
	for (int i = 0; i < 200 && !withdrawals_settled(sweeps); i++) {
		OK(withdrawals_sweep(sweeps, f.now_ms, e));
		for (int k = 0; k < 30000 && withdrawals_busy(sweeps); k++)
			usleep(1000);
	}
	ck_assert_msg(withdrawals_settled(sweeps), "the sweep does not end");
}

static uint64_t entries(void)
{
	struct writer_stats stats;

	writer_stats(f.log.writer, &stats);
	return stats.tree_size;
}

#define ON_ONE "[{\"reference\":\"" CONSENT_0001 "\"}]"

static bool note_body(void *arg, const struct store_notice *n)
{
	buf_addf(arg, "%s %.*s", notice_kind_name(n->kind), VIEW_ARG(n->body));
	return true;
}

START_TEST(each_state_its_end)
{
	struct exchange *waits = released_on(SOUTH_SYSTEM, CONSENT_0001),
	                *other = released_on(SOUTH_SYSTEM, CONSENT_0002),
	                *queued = released_on(NORTH_SYSTEM, CONSENT_0001);
	struct store_duty duty;

	ck_assert_int_eq(row_of(queued).state, STATE_QUEUED);
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1, ON_ONE);
	sweep();
	ck_assert_int_eq(row_of(waits).state, STATE_RECALLED);
	ck_assert_int_eq(row_of(queued).state, STATE_ENDED);
	ck_assert_int_eq(row_of(other).state, STATE_READY);
	ck_assert(!has_row(waits) && !has_row(queued) && has_row(other));
	ck_assert(!is_sealed(row_of(waits).seq) && !is_sealed(row_of(queued).seq) && is_sealed(row_of(other).seq));
	OK(store_find_duty(f.reader, row_of(waits).seq, DUTY_RECALL, &duty, e));
	ck_assert(view_is(duty.why, "consent-withdrawn") && duty.inbox != 0);
	json_t *last = core_last_entry(&f);
	ck_assert_str_eq(core_member(last, "operation"), "decision");
	ck_assert_str_eq(core_member(last, "note"), "consent withdrawn");
	json_decref(last);
	/* Once: neither another look nor another process does it again. */
	uint64_t before = entries();
	sweep();
	withdrawals_free(sweeps);
	sweeps = withdrawals_new(&f.core, f.reader);
	sweep();
	ck_assert_uint_eq(entries(), before);
	/* A later list, for what is still there. */
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 2, "[{\"reference\":\"" CONSENT_0002 "\"}]");
	sweep();
	ck_assert_int_eq(row_of(other).state, STATE_RECALLED);
}
END_TEST

static bool deliver(void *arg, const struct act *a, struct error *e)
{
	return store_set_state(a->store, *(uint64_t *)arg, STATE_DELIVERED, e);
}

START_TEST(the_partner_is_told_by_the_digest_of_the_leaf)
{
	struct exchange *x = released_on(NORTH_SYSTEM, CONSENT_0001);
	uint64_t seq = row_of(x).seq;
	struct buf bodies = BUF_INIT(1000), told = BUF_INIT(65);
	struct digest digest = { .b = { (uint8_t)seq, 0xcc } };

	ck_assert(core_act(&f, deliver, &seq).committed);
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1, ON_ONE);
	sweep();
	OK(store_list_notices_of(f.reader, seq, note_body, &bodies, e));
	digest_print(&told, &digest);
	buf_addc(&told, '\0');
	buf_addc(&bodies, '\0');
	ck_assert_msg(strstr(bodies.p, "recall {\"why\":\"consent-withdrawn\"") && strstr(bodies.p, told.p), "%s",
	              bodies.p);
	ck_assert_int_eq(row_of(x).state, STATE_RECALLED);
	buf_free(&bodies);
	buf_free(&told);
}
END_TEST

START_TEST(not_of_another_agreement_purpose_or_list)
{
	struct exchange *x = released_on(SOUTH_SYSTEM, CONSENT_0001);

	in_force(DOCUMENT_WITHDRAWALS, "other", 1, ON_ONE);
	sweep();
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1,
	         "[{\"reference\":\"" CONSENT_0001 "\",\"purposes\":[\"serious-crime\"]}]");
	sweep();
	in_force(DOCUMENT_CONSENTS, "pnr", 1, ON_ONE);
	sweep();
	ck_assert_int_eq(row_of(x).state, STATE_READY);
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 2,
	         "[{\"reference\":\"" CONSENT_0001 "\",\"purposes\":[\"serious-crime\",\"terrorism-prevention\"]}]");
	sweep();
	ck_assert_int_eq(row_of(x).state, STATE_RECALLED);
}
END_TEST

/* More than one job takes, and one among them that cannot be recalled. */
static bool spoil(void *arg, const struct act *a, struct error *e)
{
	struct store_timer t;

	if (!store_get_timer(a->store, *(uint64_t *)arg, &t, e))
		return false;
	t.purpose = VIEW("nobody-has-it");
	return store_put_timer(a->store, &t, e);
}

START_TEST(one_that_fails_keeps_no_other)
{
	for (int i = 0; i < 150; i++)
		released_on(SOUTH_SYSTEM, CONSENT_0001);
	uint64_t bad = row_of(sent_ones[70]).seq;
	ck_assert(core_act(&f, spoil, &bad).committed);
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1, ON_ONE);
	sweep();
	for (size_t i = 0; i < n_sent; i++)
		ck_assert_int_eq(row_of(sent_ones[i]).state, i == 70 ? STATE_READY : STATE_RECALLED);
	ck_assert(has_row(sent_ones[70]));
}
END_TEST

/* Before the walk comes to it: it is not handed out, not read, and not passed on. */
START_TEST(withheld_from_the_reload_on)
{
	struct exchange *x = released_on(SOUTH_SYSTEM, CONSENT_0001);
	bool stops;

	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox"), 200);
	ck_assert(buf_holds(&answer_seen.body, "travellers"));
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1, ON_ONE);
	OK(withdrawal_stops(f.reader, f.core.conf, row_of(x).seq, &stops, e));
	ck_assert(stops);
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox"), 200);
	json_t *one = json_array_get(json_object_get(answer_doc(), "items"), 0);
	ck_assert_str_eq(core_member(one, "withheld"), "consent-withdrawn");
	ck_assert(!json_object_get(one, "record") && !json_object_get(one, "salt") && !json_object_get(one, "purpose"));
	ck_assert(!buf_holds(&answer_seen.body, "travellers"));
	got(NORTH_SYSTEM, exchange_path(&x->decided.id, "/record"));
	is_problem(403, "consent-withdrawn");
	json_t *onward = pnr("released");
	char id[UUID_TEXT + 1];
	uuid_print(&x->decided.id, id);
	json_object_set_new(onward, "onward_of", json_string(id));
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *further = sent(&s, text_of(onward));
	sent_ones[n_sent++] = further;
	ck_assert_int_eq(exchange_reason(further), REASON_CONSENT_WITHDRAWN);
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1, "[]");
	OK(withdrawal_stops(f.reader, f.core.conf, row_of(x).seq, &stops, e));
	ck_assert(!stops);
}
END_TEST

static bool overtake(void *arg, const struct act *a, struct error *e)
{
	return withdrawal_overtakes(a, *(uint64_t *)arg, e);
}

/* What was decided by the list before, and is written after the walk. */
START_TEST(what_was_decided_before_the_reload)
{
	struct exchange *x = released_on(SOUTH_SYSTEM, CONSENT_0001);
	uint64_t seq = row_of(x).seq;

	ck_assert(core_act(&f, overtake, &seq).committed);
	ck_assert_int_eq(row_of(x).state, STATE_READY);
	in_force(DOCUMENT_WITHDRAWALS, "pnr", 1, ON_ONE);
	ck_assert(core_act(&f, overtake, &seq).committed);
	ck_assert_int_eq(row_of(x).state, STATE_RECALLED);
	ck_assert(core_act(&f, overtake, &seq).committed);
}
END_TEST

TCase *make_withdrawal_case(void)
{
	TCase *c = tcase_create("withdrawal");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, each_state_its_end);
	tcase_add_test(c, the_partner_is_told_by_the_digest_of_the_leaf);
	tcase_add_test(c, not_of_another_agreement_purpose_or_list);
	tcase_add_test(c, one_that_fails_keeps_no_other);
	tcase_add_test(c, withheld_from_the_reload_on);
	tcase_add_test(c, what_was_decided_before_the_reload);
	return c;
}
