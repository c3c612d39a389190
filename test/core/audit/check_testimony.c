/* What is withheld of an entry about a statement that an operator showed. */
#include "gatewayd/core/audit/testimony.h"

#include <check.h>
#include <jansson.h>

#include "lib/base/encode.h"

TCase *make_testimony_case(void);

/* The value of the k-th disclosure, [salt, name, value], whose name must be this. */
static json_t *disclosed(const struct testimony *t, size_t k, const char *name)
{
	json_t *packed = json_loadb(t->sd.packed.p, t->sd.packed.n, 0, NULL);
	const char *text = json_string_value(json_array_get(packed, k));
	char decoded[4096];
	size_t n;

	ck_assert_ptr_nonnull(text);
	ck_assert(base64url_decode(view_of(text), decoded, sizeof decoded, &n));
	json_t *disclosure = json_loadb(decoded, n, 0, NULL);
	ck_assert_uint_eq(json_array_size(disclosure), 3);
	ck_assert_str_eq(json_string_value(json_array_get(disclosure, 1)), name);
	json_t *value = json_incref(json_array_get(disclosure, 2));
	json_decref(disclosure);
	json_decref(packed);
	return value;
}

static void says(const struct testimony *t, size_t k, const char *name, const char *want)
{
	json_t *value = disclosed(t, k, name);

	ck_assert_str_eq(json_string_value(value), want);
	json_decref(value);
}

START_TEST(a_statement_names_its_signer_or_its_fault)
{
	struct testimony t;

	testimony_statement(&t, 1000, VIEW("{\"made\":\"up\"}"), "an-officer", NULL);
	ck_assert(!t.failed);
	ck_assert_uint_eq(t.sd.n_nested, 3);
	json_t *uid = disclosed(&t, 0, "operator_uid");
	ck_assert_int_eq(json_integer_value(uid), 1000);
	json_decref(uid);
	says(&t, 1, "statement", "{\"made\":\"up\"}");
	says(&t, 2, "signer", "an-officer");
	testimony_free(&t);

	testimony_statement(&t, 0, VIEW(""), "", "nobody signed it");
	ck_assert_uint_eq(t.sd.n_nested, 3);
	says(&t, 2, "fault", "nobody signed it");
	testimony_free(&t);
}
END_TEST

TCase *make_testimony_case(void)
{
	TCase *c = tcase_create("testimony");

	tcase_add_test(c, a_statement_names_its_signer_or_its_fault);
	return c;
}
