/* What is kept and told of the consent that a record rests on: a digest in the leaf, a row for a later withdrawal, and no
 * text in what goes on. The agreement is `pnr` with a list of withdrawals. */
#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/store/consent.h"
#include "lib/policy/consents.h"
#include "test/core/exchange/exchange_fixture.h"
#include "test/policy/document_fixture.h"

TCase *make_consent_case(void);

static struct signed_document *list;

static void set_up(void)
{
	struct error_list errors = { .max = 20 };
	json_t *doc, *listed;

	core_setup(&f);
	doc = core_preset(&f, "pnr");
	put(doc, "/consent", "{\"withdrawals\":\"north\"}");
	core_add_agreement(&f, doc);
	core_start(&f);
	ck_assert(scratch_open(&scratch));
	decider = (struct decider){ .core = &f.core, .reader = f.reader, .home = f.log.home, .scratch = &scratch };
	texts = (struct arena){ .max = 64u << 20 };
	commits = 0;
	listed = right_document(DOCUMENT_WITHDRAWALS);
	json_object_set_new(listed, "agreement", json_string("pnr"));
	json_object_set_new(listed, "next_update", json_string("2999-01-01T00:00:00Z"));
	json_object_set_new(listed, "withdrawn", json_loads("[{\"reference\":\"" CONSENT_0001 "\"}]", 0, NULL));
	list = load_document(listed, NOW, &errors);
	ck_assert_ptr_nonnull(list);
	f.core.conf->documents = malloc(sizeof *f.core.conf->documents);
	f.core.conf->documents[0] = list;
	f.core.conf->n_documents = 1;
	json_decref(listed);
}

static void tear_down(void)
{
	exchange_close();
}

static struct exchange *sent_on(enum core_partner who, const char *reference, bool dry_run)
{
	struct submission s = submission_by(who, "pnr");
	json_t *doc = pnr("released");

	json_object_set_new(doc, "consent", json_pack("{s:s,s:[s]}", "reference", reference, "scope", "serious-crime"));
	s.dry_run = dry_run;
	return sent(&s, text_of(doc));
}

static bool row_for(const struct exchange *x, struct store_consent *c)
{
	struct error e = { .reason = REASON_NONE };
	struct store_exchange row;

	return store_find_exchange(f.reader, &x->decided.id, &row, &e) && store_get_consent(f.reader, row.seq, c, &e);
}

START_TEST(a_release_keeps_its_digest)
{
	for (int i = 0; i < 2; i++) {
		struct exchange *x = sent_on(i ? SOUTH_SYSTEM : NORTH_SYSTEM, " Consent-0009 ", false);
		struct digest consent, told;
		struct store_consent c;
		char text[65];
		struct buf hex = BUF_INIT(66);

		ck_assert_int_eq(x->found.status, 201);
		consent_digest(consents_salt(list), VIEW("consent-0009"), &consent);
		consent_told(&x->decided.random.salt, &consent, &told);
		ck_assert(row_for(x, &c) && digest_eq(&c.consent, &consent) && digest_eq(&c.told, &told));
		ck_assert(view_is(c.agreement, "pnr") && view_is(c.purpose, "serious-crime"));
		digest_print(&hex, &told);
		snprintf(text, sizeof text, "%.*s", (int)hex.n, hex.p);
		LEAF_SAYS(x, "consent", text);
		/* Neither the delivery nor the inbox nor the leaf has a word of it. */
		ck_assert(!buf_holds(&x->written.members, "onsent-0009") &&
		          !buf_holds(&x->written.leaf, "onsent-0009"));
		ck_assert(!buf_holds(&x->written.members, "\"consent\""));
		buf_free(&hex);
		exchange_recycle(x);
	}
}
END_TEST

START_TEST(what_does_not_leave_keeps_none)
{
	struct store_consent c;
	struct exchange *dry = sent_on(NORTH_SYSTEM, "consent-0009", true),
	                *refused = sent_on(NORTH_SYSTEM, "consent-0001", false),
	                *wrong = sent_on(NORTH_SYSTEM, "c-1", false);

	ck_assert(!row_for(dry, &c) && !row_for(refused, &c) && !row_for(wrong, &c));
	ck_assert_int_eq(exchange_reason(refused), REASON_CONSENT_WITHDRAWN);
	ck_assert_int_eq(exchange_reason(wrong), REASON_CONSENT_REFERENCE);
	ck_assert_int_eq(wrong->found.status, 422);
	ck_assert(!leaf_has(refused, "consent") && !leaf_has(wrong, "consent"));
	exchange_recycle(dry);
	exchange_recycle(refused);
	exchange_recycle(wrong);
}
END_TEST

/* Without a list there is no salt, and a consent that could never be found again is not relied on. */
START_TEST(without_a_list)
{
	f.core.conf->n_documents = 0;
	struct exchange *x = sent_on(NORTH_SYSTEM, "consent-0009", false);
	f.core.conf->n_documents = 1;
	ck_assert_int_eq(exchange_reason(x), REASON_CONSENT_UNKNOWN);
	exchange_recycle(x);
}
END_TEST

TCase *make_consent_case(void)
{
	TCase *c = tcase_create("consent");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_release_keeps_its_digest);
	tcase_add_test(c, what_does_not_leave_keeps_none);
	tcase_add_test(c, without_a_list);
	return c;
}
