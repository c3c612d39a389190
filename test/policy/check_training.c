/* Training of officers: the document governs, and the earlier of what it and the node's files say. */
#include "lib/policy/training.h"

#include "test/policy/document_fixture.h"

TCase *make_training_case(void);

#define OFFICER_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define JULY      (NOW + 30 * DAY_MS)
#define AUGUST    (NOW + 61 * DAY_MS)

static struct digest officer(const char *hex)
{
	struct digest d;

	ck_assert(digest_parse(view_of(hex), &d));
	return d;
}

START_TEST(the_earlier_of_both)
{
	struct signed_document *d = loaded_document(DOCUMENT_TRAINING);
	const struct digest a = officer(OFFICER_A), b = officer(OFFICER_B), nobody = officer(OFFICER_C);

	ck_assert_uint_eq(training_count(d), 2);
	ck_assert_int_eq(training_until(d, &a, AUGUST + 1), AUGUST);
	ck_assert_int_eq(training_until(d, &a, JULY), JULY);
	ck_assert_int_eq(training_until(d, &b, AUGUST), JULY);
	ck_assert_int_eq(training_until(d, &b, TIME_NONE), JULY);        /* the files say nothing */
	ck_assert_int_eq(training_until(d, &nobody, AUGUST), TIME_NONE); /* not listed: none, whatever the files say */
	ck_assert_int_lt(TIME_NONE, NOW);
	signed_document_free(d);
}
END_TEST

START_TEST(an_empty_list_trains_nobody)
{
	struct error_list errors = { .max = 20 };
	const struct digest a = officer(OFFICER_A);
	json_t *doc = right_document(DOCUMENT_TRAINING);

	json_object_set_new(doc, "officers", json_array());
	struct signed_document *d = load_document(doc, NOW, &errors);
	ck_assert(d != NULL);
	ck_assert_int_eq(training_until(d, &a, AUGUST), TIME_NONE);
	signed_document_free(d);
	json_decref(doc);
}
END_TEST

TCase *make_training_case(void)
{
	TCase *c = tcase_create("training");

	tcase_add_test(c, the_earlier_of_both);
	tcase_add_test(c, an_empty_list_trains_nobody);
	return c;
}
