/* Approvals are used once: held for the one that is lacking, released by it, and never by it again. The agreement
 * `seconded` asks for one approval at tier T1. */
#include "gatewayd/core/exchange/approvals.h"
#include "gatewayd/core/exchange/officer.h"
#include "gatewayd/core/store/approval.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/os/instant.h"
#include "lib/base/encode.h"
#include "test/core/exchange/exchange_fixture.h"
#include "test/policy/officers.h"

static struct held *held;
static struct submission s;
static struct held_result result;
static unsigned answers;

static json_t *seconded(const char *version)
{
	json_t *doc = core_preset(&f, "pnr");

	put(doc, "/id", "\"seconded\"");
	put(doc, "/version", version);
	put(doc, "/tiers/1/approvals", "1");
	put(doc, "/tiers/1/quota", "{\"uses\":2,\"per\":\"P1D\"}");
	return doc;
}

static void set_up(void)
{
	core_setup(&f);
	core_add_agreement(&f, seconded("\"1.0.0\""));
	core_start(&f);
	ck_assert(scratch_open(&scratch));
	decider = (struct decider){ .core = &f.core, .reader = f.reader, .home = f.log.home, .scratch = &scratch };
	texts = (struct arena){ .max = 64u << 20 };
	commits = answers = 0;
	core_make_officer(&f);
	held = held_new(&f.core, f.reader, f.log.home);
	ck_assert_ptr_nonnull(held);
	s = submission_by(NORTH_SYSTEM, "seconded");
	s.now_ms = f.now_ms + 60 * SECOND_MS; /* officers sign before */
}

static void tear_down(void)
{
	held_free(held);
	exchange_close();
}

/* {statement, signature} of the officer for the envelope, with a salt of the officer's own or of the gateway. */
static json_t *approval(const json_t *envelope, const struct digest *input)
{
	static struct officers of;
	struct buf signature = BUF_INIT(65536);

	of.of[0].spki = f.officer_spki;
	json_t *said = approval_statement(
	        &of, &(struct approval_text){ .envelope = envelope,
	                                      .expires_ms = f.now_ms + DAY_MS,
	                                      .agreement = *agreement_digest(f.core.conf->agreements[0]),
	                                      .input = input });
	char *statement = json_dumps(said, JSON_COMPACT);
	core_officer_signs(&f, view_of(statement), &signature);
	json_t *out = json_pack("{s:s,s:s%}", "statement", statement, "signature", signature.p, signature.n);
	free(statement);
	json_decref(said);
	buf_free(&signature);
	return out;
}

static json_t *approved_envelope(const char *key)
{
	json_t *doc = pnr("released");

	json_object_set_new(doc, "approvals", json_pack("[o]", approval(doc, NULL)));
	json_object_set_new(doc, "key", json_string(key));
	return doc;
}

static void answered(void *arg, const struct held_result *r)
{
	ck_assert_ptr_eq(arg, &answers);
	result = *r;
	answers++;
}

static void release(const struct exchange *x, json_t *one)
{
	struct held_shown shown = { view_of(json_string_value(json_object_get(one, "statement"))),
		                    view_of(json_string_value(json_object_get(one, "signature"))) };
	struct held_request r = {
		.exchange = x->decided.id, .approvals = &shown, .n_approvals = 1, .done = answered, .arg = &answers
	};
	unsigned before = answers;

	held_release(held, &r);
	core_wait(&f, &answers, before + 1);
	json_decref(one);
}

START_TEST(held_for_what_is_lacking)
{
	struct exchange *x = sent(&s, released_text());
	json_t *answer = parsed(&x->written.result), *doc = pnr("released");
	const json_t *first = json_array_get(json_object_get(answer, "errors"), 0);

	ck_assert_int_eq(x->found.status, 202);
	ck_assert_int_eq(exchange_reason(x), REASON_APPROVAL_MISSING);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "approvals_lacking")), 1);
	ck_assert_str_eq(core_member(first, "code"), "approval-missing");
	ck_assert_str_eq(core_member(first, "pointer"), "/approvals");
	ck_assert_str_eq(core_member(first, "keyword"), "/tiers/1/approvals");
	json_decref(answer);
	ck_assert_int_eq(row_of(x).state, STATE_HELD);
	/* Nothing is used up while it waits; its release counts. */
	struct exchange *look = decide(&s, released_text());
	ck_assert_uint_eq(look->reserved.quota.uses[0], 0);
	exchange_recycle(look);
	release(x, approval(doc, &x->decided.input));
	ck_assert_msg(result.decided && result.released, "%s", result.text);
	ck_assert_int_eq(row_of(x).state, STATE_QUEUED);
	look = decide(&s, released_text());
	ck_assert_uint_eq(look->reserved.quota.uses[0], 1);
	exchange_recycle(look);
	exchange_recycle(x);
	json_decref(doc);
}
END_TEST

/* Two held records, one approval that would do for both: for the second it is used up. */
START_TEST(one_release_each)
{
	struct exchange *x = sent(&s, released_text()), *y = sent(&s, released_text());
	json_t *doc = pnr("released"), *one = approval(doc, NULL);

	release(x, json_incref(one));
	ck_assert_msg(result.decided && result.released, "%s", result.text);
	release(y, one);
	ck_assert(!result.decided);
	ck_assert_str_eq(result.text, "the approval was used before");
	ck_assert_int_eq(row_of(y).state, STATE_HELD);
	exchange_recycle(x);
	exchange_recycle(y);
	json_decref(doc);
}
END_TEST

START_TEST(a_retry_uses_none)
{
	json_t *doc = approved_envelope("k1");
	struct view text = text_of(json_incref(doc));
	struct exchange *x = sent(&s, text);
	struct store_approval row;

	ck_assert_int_eq(x->found.status, 201);
	ck_assert_uint_eq(x->decided.decision.n_approvals, 1);
	OK(store_get_approval(f.reader, &x->decided.decision.approvals[0].statement, &row, e));
	ck_assert_int_eq(row.until_ms, x->decided.decision.approvals[0].until_ms);
	struct uuid id = x->decided.id;
	exchange_recycle(x);
	x = sent(&s, text);
	ck_assert_int_eq(x->found.accepted, STORE_REPLAY);
	ck_assert_int_eq(x->found.status, 201);
	ck_assert_mem_eq(&x->found.answer_id, &id, sizeof id);
	exchange_recycle(x);
	json_object_set_new(doc, "key", json_string("k2"));
	x = sent(&s, text_of(doc));
	ck_assert_int_eq(exchange_reason(x), REASON_APPROVAL_USED);
	ck_assert_str_eq(x->decided.decision.failed[0].pointer, "/approvals/0");
	exchange_recycle(x);
}
END_TEST

/* Both are decided before either is written: the second transaction goes no further, and leaves nothing. */
START_TEST(two_at_once)
{
	json_t *doc = approved_envelope("k1");
	struct view one = text_of(json_incref(doc));
	struct error missing = { .reason = REASON_NONE };
	struct store_exchange row;

	json_object_set_new(doc, "key", json_string("k2"));
	struct exchange *x = decide(&s, one), *y = decide(&s, text_of(doc));
	ck_assert(exchange_is_release(x) && exchange_is_release(y));
	/* The scratch has the second's record: prepare it first. */
	ck_assert(exchange_prepare(y));
	exchange_decide(&decider, &s, one, x);
	commit(x);
	ck_assert_int_eq(x->found.status, 201);
	exchange_commit(y, true, note_commit, &commits);
	core_wait(&f, &commits, 2);
	ck_assert_int_eq(y->found.status, 503);
	ck_assert_int_eq(y->job.error.reason, REASON_APPROVAL_USED);
	ck_assert(!store_find_exchange(f.reader, &y->decided.id, &row, &missing));
	ck_assert_int_eq(missing.reason, REASON_NOT_FOUND);
	exchange_recycle(x);
	exchange_recycle(y);
}
END_TEST

static bool use_one(void *arg, const struct act *a, struct error *e)
{
	bool fresh;

	return store_put_approval(a->store, arg, &fresh, e);
}

/* What has expired is forgotten when the next one is used. */
START_TEST(forgotten_when_expired)
{
	struct store_approval old = { .statement = { .b = { 9 } }, .until_ms = f.now_ms };
	struct core_job j = core_act(&f, use_one, &old);

	ck_assert_msg(j.committed, "%s", j.error.text);
	ck_assert(approvals_used(f.reader, &old.statement));
	struct exchange *x = sent(&s, text_of(approved_envelope("k1")));
	ck_assert_int_eq(x->found.status, 201);
	ck_assert(!approvals_used(f.reader, &old.statement));
	ck_assert(approvals_used(f.reader, &x->decided.decision.approvals[0].statement));
	exchange_recycle(x);
}
END_TEST

/* A store of two logs, of which the second has this first entry (NULL: none). */
static bool epoch_of(const char *genesis, int64_t *epoch_ms, struct error *why)
{
	struct scratch_dir dir = scratch_new();
	const struct store_log_row row = { .origin = VIEW("o/2"), .note = VIEW("n") };
	struct store *store;

	OK((store = store_open(scratch_file(&dir, "db"), e)) != NULL);
	OK(approvals_epoch(store, epoch_ms, e));
	ck_assert_int_eq(*epoch_ms, 0);
	OK(store_begin(store, e) && store_put_entry(store, 0, VIEW("{\"time\":5}"), VIEW(""), e) &&
	   store_put_log(store, &row, e) && store_commit(store, e));
	store_close(store);
	OK((store = store_open(scratch_file(&dir, "db"), e)) != NULL);
	if (genesis)
		OK(store_begin(store, e) && store_put_entry(store, 0, view_of(genesis), VIEW(""), e) &&
		   store_commit(store, e));
	bool ok = approvals_epoch(store, epoch_ms, why);
	store_close(store);
	scratch_remove(&dir);
	return ok;
}

/* What was signed before a later log began may have been used in what the store no longer knows. */
START_TEST(a_later_log_takes_none_from_before)
{
	struct error e = { .reason = REASON_NONE };
	int64_t epoch_ms;

	ck_assert_msg(epoch_of("{\"operation\":\"genesis\",\"time\":1234}", &epoch_ms, &e), "%s", e.text);
	ck_assert_int_eq(epoch_ms, 1234);
	ck_assert(!epoch_of("{}", &epoch_ms, &e));
	ck_assert(!epoch_of(NULL, &epoch_ms, &e));
	f.core.approvals_from_ms = f.now_ms + 50 * SECOND_MS;
	struct exchange *x = sent(&s, text_of(approved_envelope("k1")));
	ck_assert_int_eq(exchange_reason(x), REASON_APPROVAL_USED);
	ck_assert_str_eq(x->decided.decision.failed[0].pointer, "/approvals/0/signature");
	exchange_recycle(x);
}
END_TEST

/* The grounds of a release are kept with it, as disclosures; a refused one leaves none. */
START_TEST(grounds_are_disclosed)
{
	static const char *const names[] = { "approvals", "necessity", "justifications", "consent" };
	json_t *doc = approved_envelope("k1");

	json_object_set_new(doc, "justifications",
	                    json_pack("[{s:s,s:s}]", "pointer", "/locator", "reason", "to find it"));
	json_object_set_new(doc, "consent",
	                    json_pack("{s:s,s:[s]}", "reference", "consent-0001", "scope", "serious-crime"));
	struct exchange *x = sent(&s, text_of(doc));
	ck_assert_int_eq(x->found.status, 201);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char want[40];
		bool found = false;
		json_t *packed = parsed(&x->written.sd.packed), *one;
		size_t k;
		snprintf(want, sizeof want, "\"%s\"", names[i]);
		json_array_foreach(packed, k, one)
		{
			char text[60000];
			size_t n;
			ck_assert(base64url_decode(view_of(json_string_value(one)), text, sizeof text, &n));
			found = found || memmem(text, n, want, strlen(want));
		}
		ck_assert_msg(found, "%s is not disclosed", names[i]);
		json_decref(packed);
	}
	ck_assert(!leaf_has(x, "exception"));
	exchange_recycle(x);
}
END_TEST

/* As many reasons as an envelope may give, and as long. */
START_TEST(many_grounds_are_kept)
{
	json_t *doc = approved_envelope("k1"), *all = json_array();
	char reason[2001] = "";
	struct view leaf, packed;

	memset(reason, 'r', sizeof reason - 1);
	for (int i = 0; i < 500; i++)
		json_array_append_new(all, json_pack("{s:s,s:s}", "pointer", "/locator", "reason", reason));
	json_object_set_new(doc, "justifications", all);
	struct exchange *x = sent(&s, text_of(doc));
	ck_assert_int_eq(x->found.status, 201);
	OK(store_find_entry(f.reader, row_of(x).entry, &leaf, &packed, e));
	ck_assert_uint_gt(packed.n, 1200000);
	exchange_recycle(x);
}
END_TEST

/* The leaf names the exception of what leaves, and none of what is refused. */
START_TEST(the_leaf_names_the_exception)
{
	json_t *agreement = core_preset(&f, "police-request"), *doc;
	struct submission by = submission_by(NORTH_SYSTEM, "police-request");

	put(agreement, "/exceptions/0/tiers", "[\"T1\"]");
	put(agreement, "/exceptions/0/approvals", "0");
	by.path = arena_copy(&texts, view_of("/v1/agreements/police/records"));
	put(agreement, "/id", "\"police\"");
	core_document(&f, core_add_agreement(&f, agreement));
	for (int refused = 0; refused < 2; refused++) {
		doc = json_load_file("conf/records/police-request/released.json", 0, NULL);
		ck_assert_ptr_nonnull(doc);
		json_object_set_new(doc, "exception", json_string("imminent-threat"));
		if (refused)
			json_object_del(doc, "case");
		struct exchange *x = sent(&by, text_of(doc));
		ck_assert_int_eq(x->found.status, refused ? 403 : 201);
		ck_assert_int_eq(leaf_has(x, "exception"), !refused);
		if (!refused)
			LEAF_SAYS(x, "exception", "imminent-threat");
		exchange_recycle(x);
	}
}
END_TEST

/* A new version in force: it is decided by that one, which the approval has to name. */
START_TEST(decided_by_the_version_in_force)
{
	struct exchange *x = sent(&s, released_text());
	json_t *doc = pnr("released"), *old = approval(doc, &x->decided.input);
	struct digest before = row_of(x).agreement_digest;

	agreement_unref(f.core.conf->agreements[0]);
	f.core.conf->n_agreements = 0;
	core_document(&f, core_add_agreement(&f, seconded("\"1.1.0\"")));
	release(x, old);
	ck_assert(!result.decided);
	ck_assert_ptr_nonnull(strstr(result.text, "another version"));
	release(x, approval(doc, &x->decided.input));
	ck_assert_msg(result.decided && result.released, "%s", result.text);
	struct digest now = row_of(x).agreement_digest;
	ck_assert(!digest_eq(&before, &now));
	ck_assert(digest_eq(&now, agreement_digest(f.core.conf->agreements[0])));
	exchange_recycle(x);
	json_decref(doc);
}
END_TEST

TCase *make_approvals_case(void);
TCase *make_approvals_case(void)
{
	TCase *c = tcase_create("approvals");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, held_for_what_is_lacking);
	tcase_add_test(c, one_release_each);
	tcase_add_test(c, a_retry_uses_none);
	tcase_add_test(c, two_at_once);
	tcase_add_test(c, forgotten_when_expired);
	tcase_add_test(c, a_later_log_takes_none_from_before);
	tcase_add_test(c, grounds_are_disclosed);
	tcase_add_test(c, many_grounds_are_kept);
	tcase_add_test(c, the_leaf_names_the_exception);
	tcase_add_test(c, decided_by_the_version_in_force);
	return c;
}
