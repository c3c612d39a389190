/* An agreement that was loaded without the pseudonym secret and is given it later is the one that was loaded with it. */
#include "test/policy/decision_fixture.h"

TCase *make_arm_case(void);

#define CLAUSE \
	"[{\"member\":\"reference\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"ticket\",\"normalise\":\"exact\"}," \
	"\"pattern\":\"^[A-Z0-9-]{1,30}$\"}]"

/* What leaves of the envelope under an agreement with the preset's rules: the record and what stands beside it. */
static json_t *leaves(const struct agreement *a, const json_t *e)
{
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	return bench_delivery(&bench);
}

START_TEST(the_secret_may_come_later)
{
	const struct secret secret = from.pseudonym_secret;
	struct error error = { .reason = REASON_NONE };
	struct agreement *loaded = load_with("pnr", "/envelope", CLAUSE);
	json_t *e = envelope("pnr");

	json_object_set_new(e, "reference", json_string("AB-1"));
	json_t *want = leaves(loaded, e);
	ck_assert_int_eq(strncmp(json_string_value(json_object_get(want, "reference")), "p1.1.", 5), 0);
	from.pseudonym_secret.n = 0;
	struct agreement *armed = load_with("pnr", "/envelope", CLAUSE);
	/* Without its keys it lets nothing pass that needs one. */
	ck_assert_int_eq(run(armed, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_CRYPTO);
	ck_assert_msg(agreement_arm(armed, &secret, &error), "%s", error.text);
	json_t *have = leaves(armed, e);
	ck_assert(json_equal(have, want));
	ck_assert(digest_eq(agreement_digest(armed), agreement_digest(loaded)));
	json_decref(want);
	json_decref(have);
	json_decref(e);
	agreement_unref(armed);
	agreement_unref(loaded);
}
END_TEST

START_TEST(a_secret_that_is_too_short)
{
	const struct secret secret = { .b = "31 bytes", .n = 31 };
	struct error error = { .reason = REASON_NONE };

	from.pseudonym_secret.n = 0;
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");
	ck_assert(!agreement_arm(a, &secret, &error));
	ck_assert_int_eq(error.reason, REASON_CONFIG);
	ck_assert_ptr_nonnull(strstr(error.text, "fewer than 32 bytes"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_arm_case(void)
{
	TCase *c = tcase_create("arm");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, the_secret_may_come_later);
	tcase_add_test(c, a_secret_that_is_too_short);
	return c;
}
