/* Runs the cases of one area (CASES lists them, made from the names of its check_<module>.c files). Each
 * such file exports make_<module>_case(). Run one with CK_RUN_CASE=<module>. */
#include <check.h>
#include <stdlib.h>

#define C(name) TCase *make_##name##_case(void);
#include CASES
#undef C

int main(void)
{
	Suite *suite = suite_create(AREA);

	/* Against hangs, not slowness: a busy machine takes longer than Check's four seconds. */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
#define C(name) suite_add_tcase(suite, make_##name##_case());
#include CASES
#undef C
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
