/* What the service manager is told: 78 only where a new start cannot help. */
#include "gatewayd/exit_status.h"

#include <check.h>

START_TEST(what_passes_is_1)
{
	static const enum reason passing[] = { REASON_NONE,  REASON_NO_MEMORY,   REASON_IO,
		                               REASON_STORE, REASON_UNAVAILABLE, REASON_INTERNAL };

	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		ck_assert_int_eq(exit_status(passing[i]), 1);
}
END_TEST

START_TEST(what_a_person_must_mend_is_78)
{
	static const enum reason lasting[] = { REASON_CONFIG, REASON_SIGNATURE, REASON_TAMPERED, REASON_CRYPTO };

	for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
		ck_assert_int_eq(exit_status(lasting[i]), 78);
}
END_TEST

START_TEST(of_many_errors_one_that_lasts_decides)
{
	struct error_list errors = { .n = 0 };

	ck_assert_int_eq(exit_status_of(&errors), 78);
	error_list_addf(&errors, REASON_IO, "a", 0, 0, "too many open files");
	ck_assert_int_eq(exit_status_of(&errors), 1);
	error_list_addf(&errors, REASON_CONFIG, "b", 0, 0, "is wrong");
	error_list_addf(&errors, REASON_NO_MEMORY, "c", 0, 0, "memory ran out");
	ck_assert_int_eq(exit_status_of(&errors), 78);
	error_list_free(&errors);
}
END_TEST

TCase *make_exit_status_case(void);
TCase *make_exit_status_case(void)
{
	TCase *c = tcase_create("exit status");

	tcase_add_test(c, what_passes_is_1);
	tcase_add_test(c, what_a_person_must_mend_is_78);
	tcase_add_test(c, of_many_errors_one_that_lasts_decides);
	return c;
}
