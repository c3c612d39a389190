/* The clause `limits`: what it may say, floor and overlay, and how it is told. */
#include "lib/policy/diff.h"
#include "lib/policy/lint.h"
#include "lib/policy/plain.h"
#include "test/policy/decision_fixture.h"

TCase *make_rates_case(void);

#define DAY "{\"records_per_second\":50,\"records_per_day\":100000}"

/* The agreement with this clause; NULL: none. */
static struct agreement *load_limits(const char *clause, struct error_list *errors)
{
	json_t *doc = preset("pnr");

	if (clause)
		put(doc, "/limits", clause);
	struct agreement *a = load_doc(doc, &from, errors);
	json_decref(doc);
	return a;
}

static void loads(const char *clause, struct rates want)
{
	struct error_list errors = { .max = 20 };
	struct agreement *a = load_limits(clause, &errors);

	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	for (size_t i = 0; i < RATE_MEMBERS; i++)
		ck_assert_uint_eq(rates_of(agreement_rates(a), i), rates_of(&want, i));
	agreement_unref(a);
	error_list_free(&errors);
}

static void fails(const char *clause, enum reason reason, const char *text)
{
	struct error_list errors = { .max = 20 };

	ck_assert_ptr_null(load_limits(clause, &errors));
	ck_assert_int_eq(errors.items[0].reason, reason);
	ck_assert_msg(strstr(errors.items[0].text, text) != NULL, "%s", errors.items[0].text);
	error_list_free(&errors);
}

START_TEST(what_the_clause_says)
{
	loads(NULL, (struct rates){ .second_records = 0 });
	loads(DAY, (struct rates){ .second_records = 50, .day_records = 100000 });
	loads("{\"bytes_per_second\":7,\"bytes_per_day\":7}", (struct rates){ .second_bytes = 7, .day_bytes = 7 });
	fails("{\"records_per_second\":11,\"records_per_day\":10}", REASON_CONFIG,
	      "/limits/records_per_second: is more");
	fails("{\"bytes_per_second\":11,\"bytes_per_day\":10}", REASON_CONFIG, "/limits/bytes_per_second: is more");
	fails("{}", REASON_CONFIG, "/limits");
	fails("{\"records_per_day\":0}", REASON_CONFIG, "/limits/records_per_day");
}
END_TEST

START_TEST(floor_and_overlay_narrow)
{
	from.floor = VIEW("{\"version\":\"1\",\"limits\":{\"rates\":{\"records_per_day\":100000}}}");
	fails(NULL, REASON_BELOW_FLOOR,
	      "/limits/records_per_day: is missing, and floor.json: /limits/rates/records_per_day");
	fails("{\"records_per_day\":100001}", REASON_BELOW_FLOOR,
	      "/limits/records_per_day: is more than floor.json: /limits");
	from.overlay = VIEW(
	        "{\"version\":\"1\",\"limits\":{\"rates\":{\"records_per_second\":60,\"records_per_day\":9,\"bytes_per_day\":8}}}");
	loads(DAY, (struct rates){ .second_records = 50, .day_records = 9, .day_bytes = 8 });
	from.overlay = VIEW("{\"version\":\"1\",\"limits\":{\"rates\":{\"records_per_day\":100001}}}");
	fails(DAY, REASON_BELOW_FLOOR, "/limits/rates/records_per_day: is more than floor.json");
}
END_TEST

static void find(void *arg, const struct lint_finding *found)
{
	unsigned *n = arg;

	ck_assert(strcmp(found->rule, "no-limits") != 0 || found->level == LINT_NOTE);
	*n += strcmp(found->rule, "no-limits") == 0;
	*n += 10 * (strcmp(found->rule, "no-day-limit") == 0);
}

static void tell(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	struct buf *out = arg;

	buf_addf(out, "%d %s %s;", kind == DIFF_LOOSER, pointer, text);
}

START_TEST(how_it_is_told)
{
	struct error_list errors = { .max = 20 };
	struct agreement *none = load_limits(NULL, &errors), *day = load_limits(DAY, &errors),
	                 *second = load_limits("{\"records_per_second\":60}", &errors);
	struct buf out = BUF_INIT(1 << 20);
	unsigned found = 0;

	ck_assert(none && day && second);
	agreement_lint(none, NOW, find, &found);
	ck_assert_uint_eq(found, 1);
	agreement_lint(day, NOW, find, &found);
	ck_assert_uint_eq(found, 1);
	agreement_lint(second, NOW, find, &found);
	ck_assert_uint_eq(found, 11);
	ck_assert(agreement_summary(day, false, &out));
	ck_assert(memmem(out.p, out.n,
	                 "no more than 50 records a second, 100000 records a day; what is refused counts five", 83));
	buf_reset(&out);
	ck_assert(agreement_summary(none, false, &out));
	ck_assert(!memmem(out.p, out.n, "counts five", 11));
	buf_reset(&out);
	ck_assert_uint_eq(agreement_diff(day, second, tell, &out), 2);
	ck_assert_msg(view_is(buf_view(&out), "1 /limits/records_per_second records a second: 50 becomes 60;"
	                                      "1 /limits/records_per_day records a day: 100000 becomes no bound;"),
	              "%.*s", VIEW_ARG(buf_view(&out)));
	buf_reset(&out);
	ck_assert_uint_eq(agreement_diff(none, day, tell, &out), 0);
	ck_assert_uint_gt(out.n, 0);
	buf_free(&out);
	agreement_unref(none);
	agreement_unref(day);
	agreement_unref(second);
	error_list_free(&errors);
}
END_TEST

TCase *make_rates_case(void)
{
	TCase *c = tcase_create("rates");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, what_the_clause_says);
	tcase_add_test(c, floor_and_overlay_narrow);
	tcase_add_test(c, how_it_is_told);
	return c;
}
