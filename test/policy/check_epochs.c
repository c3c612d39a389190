/* Key epochs: which one is in force when, and that pseudonyms change with it while the agreement stays as it is. */
#include "lib/policy/epochs.h"

#include "lib/policy/internal.h"
#include "test/policy/decision_fixture.h"
#include "test/policy/document_fixture.h"

TCase *make_epochs_case(void);

static struct signed_document *document;

static const struct signed_document *epochs_of(void *arg, struct view agreement)
{
	(void)arg;
	return view_is(agreement, "pnr") ? document : NULL;
}

static void open_document(void)
{
	set_up();
	document = loaded_document(DOCUMENT_EPOCHS);
}

static void close_document(void)
{
	signed_document_free(document);
	tear_down();
}

START_TEST(in_force_from_its_instant_on)
{
	ck_assert_uint_eq(epochs_at(NULL, 2, NOW), 2);
	ck_assert_uint_eq(epochs_at(document, 2, NOW - DAY_MS - 1), 2);
	ck_assert_uint_eq(epochs_at(document, 2, NOW - DAY_MS), 4);
	ck_assert_uint_eq(epochs_at(document, 2, NOW + DAY_MS - 1), 4);
	ck_assert_uint_eq(epochs_at(document, 2, NOW + DAY_MS), 7);
	ck_assert_uint_eq(epochs_at(document, 9, NOW + DAY_MS), 9); /* never lower than the agreement's own */
}
END_TEST

/* An epoch's keys are of use until a later one begins, or until sharing ends. */
START_TEST(an_epoch_ends_when_a_later_one_begins)
{
	struct agreement *plain = load_with("pnr", NULL, NULL);

	ck_assert_int_eq(agreement_epoch_end_ms(plain, 1), agreement_sunset_ms(plain));
	from.epochs = epochs_of;
	struct agreement *a = load_with("pnr", NULL, NULL);
	ck_assert_int_eq(agreement_epoch_end_ms(a, 4), NOW + DAY_MS);
	ck_assert_int_eq(agreement_epoch_end_ms(a, 7), agreement_sunset_ms(a));
	agreement_unref(a);
	/* An epoch of the document that the agreement's own has passed already is not set again. */
	a = load_with("pnr", "/pseudonyms/epoch", "7");
	ck_assert_int_eq(agreement_epoch_end_ms(a, 7), agreement_sunset_ms(a));
	const struct ruling *r = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, true);
	ck_assert(r && r->epoch == 7 && ruling_at(r, NOW + 2 * DAY_MS)->epoch == 7);
	ck_assert(ruling_at(NULL, NOW) == NULL);
	agreement_unref(a);
	agreement_unref(plain);
}
END_TEST

/* Only what leaves under a key has a program for each epoch. */
START_TEST(programs_of_epochs)
{
	static const struct {
		const char *rule;
		size_t programs;
		bool later;
	} cases[] = {
		{ "[{\"id\":\"a\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"keep\"}]", 3,
		  false },
		{ "[{\"id\":\"a\",\"pointer\":\"/locator\",\"category\":\"operational\",\"action\":\"pseudonym\","
		  "\"params\":{\"domain\":\"ticket\",\"normalise\":\"exact\"}}]",
		  6, true },
	};

	from.epochs = epochs_of;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct agreement *a = load_with("pnr", "/rules", cases[i].rule);
		size_t n = 0;
		for (const struct compiled *c = a->compiled; c; c = c->next)
			n++;
		ck_assert_uint_eq(n, cases[i].programs);
		for (int egress = 0; egress < 2; egress++) {
			const struct ruling *r =
			        agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, egress);
			ck_assert_int_eq(ruling_at(r, NOW + 2 * DAY_MS) != r, egress && cases[i].later);
		}
		agreement_unref(a);
	}
}
END_TEST

/* The locator as it leaves, and what the decision says of it. */
static void locator(const struct agreement *a, char *out, size_t size, struct buf *decision)
{
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_t *record = json_loadb(bench.record.p, bench.record.n, 0, NULL);
	snprintf(out, size, "%s", json_string_value(json_object_get(record, "locator")));
	json_decref(record);
	json_decref(e);
	buf_reset(decision);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, decision);
	buf_addc(decision, '\0');
}

START_TEST(pseudonyms_change_at_the_instant)
{
	struct agreement *plain = load_with("pnr", NULL, NULL);
	char before[100], now[100], again[100], later[100], want[120];
	struct buf decision = BUF_INIT(1 << 20), digest = BUF_INIT(100);

	locator(plain, before, sizeof before, &decision);
	ck_assert(strncmp(before, "p1.1.", 5) == 0 && !strstr(decision.p, "\"epochs\""));
	from.epochs = epochs_of;
	struct agreement *a = load_with("pnr", NULL, NULL);
	ck_assert(digest_eq(agreement_digest(a), agreement_digest(plain)));
	locator(a, now, sizeof now, &decision);
	ck_assert_msg(strncmp(now, "p1.4.", 5) == 0 && strcmp(now + 5, before + 5) != 0, "%s", now);
	ck_assert_uint_eq(bench.decision.ruling->epoch, 4);
	ck_assert(strstr(decision.p, "\"epoch\":4") && !strstr(decision.p, "\"epoch\":7") &&
	          !strstr(decision.p, "\"epoch\":1,"));
	digest_print(&digest, &document->digest);
	snprintf(want, sizeof want, "\"epochs\":\"%.64s\"", digest.p);
	ck_assert(strstr(decision.p, want) != NULL);
	json_t *doc = json_loads(decision.p, 0, NULL);
	char *sorted = json_dumps(doc, JSON_SORT_KEYS | JSON_COMPACT);
	ck_assert_str_eq(sorted, decision.p);
	free(sorted);
	json_decref(doc);
	/* Nothing is loaded anew when the next instant comes. */
	facts.now_ms = NOW + DAY_MS - 1;
	locator(a, again, sizeof again, &decision);
	ck_assert_str_eq(again, now);
	facts.now_ms = NOW + DAY_MS;
	locator(a, later, sizeof later, &decision);
	ck_assert_msg(strncmp(later, "p1.7.", 5) == 0 && strcmp(later + 5, now + 5) != 0, "%s", later);
	ck_assert(strstr(decision.p, "\"epoch\":7") && !strstr(decision.p, "\"epoch\":4"));
	/* Loaded after that instant the earlier epoch's keys are not made any more. */
	from.now_ms = NOW + DAY_MS;
	struct agreement *fresh = load_with("pnr", NULL, NULL);
	locator(fresh, again, sizeof again, &decision);
	ck_assert_str_eq(again, later);
	facts.now_ms = NOW;
	locator(fresh, again, sizeof again, &decision);
	ck_assert_str_eq(again, later);
	buf_free(&decision);
	buf_free(&digest);
	agreement_unref(fresh);
	agreement_unref(a);
	agreement_unref(plain);
}
END_TEST

/* The recipient knows nothing of the document and takes what comes, but for an epoch that the agreement has left. */
START_TEST(the_partner_takes_later_epochs)
{
	from.epochs = epochs_of;
	struct agreement *sender = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	deliver(&e);
	from.epochs = NULL;
	from.self = VIEW("south");
	struct agreement *receiver = load_with("pnr", NULL, NULL);
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	ck_assert(memmem(bench.record.p, bench.record.n, "\"p1.4.", 6) != NULL);
	agreement_unref(receiver);
	receiver = load_with("pnr", "/pseudonyms/epoch", "4");
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	agreement_unref(receiver);
	receiver = load_with("pnr", "/pseudonyms/epoch", "5");
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_OUTPUT_VIOLATION);
	json_decref(e);
	agreement_unref(sender);
	agreement_unref(receiver);
}
END_TEST

TCase *make_epochs_case(void)
{
	TCase *c = tcase_create("epochs");

	tcase_add_checked_fixture(c, open_document, close_document);
	tcase_add_test(c, in_force_from_its_instant_on);
	tcase_add_test(c, an_epoch_ends_when_a_later_one_begins);
	tcase_add_test(c, programs_of_epochs);
	tcase_add_test(c, pseudonyms_change_at_the_instant);
	tcase_add_test(c, the_partner_takes_later_epochs);
	return c;
}
