/* traceparent, W3C Trace Context level 1 section 3.2. */
#include <check.h>

#include "lib/base/traceparent.h"

TCase *make_traceparent_case(void);

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

/* The specification's own example, and what it says of versions to come. */
static const struct {
	const char *value;
	bool sampled;
} taken[] = {
	{ "00-" TRACE "-" SPAN "-01", true },  { "00-" TRACE "-" SPAN "-00", false },
	{ "00-" TRACE "-" SPAN "-fe", false }, { "00-" TRACE "-" SPAN "-03", true },
	{ "01-" TRACE "-" SPAN "-01", true },  { "cc-" TRACE "-" SPAN "-01-what-comes", true },
	{ "cc-" TRACE "-" SPAN "-01-", true },
};

START_TEST(takes)
{
	struct traceparent t;
	char text[TRACEPARENT_TEXT + 1];

	ck_assert(traceparent_parse(view_of(taken[_i].value), &t));
	ck_assert_str_eq(t.trace, TRACE);
	ck_assert_str_eq(t.span, SPAN);
	ck_assert_int_eq(t.sampled, taken[_i].sampled);
	traceparent_print(&t, text);
	ck_assert_str_eq(text, taken[_i].sampled ? "00-" TRACE "-" SPAN "-01" : "00-" TRACE "-" SPAN "-00");
}
END_TEST

static const char *const refused[] = {
	"",
	"00",
	"00-" TRACE "-" SPAN,
	"00-" TRACE "-" SPAN "-",
	"00-" TRACE "-" SPAN "-0",
	"00-" TRACE "-" SPAN "-01-",
	"00-" TRACE "-" SPAN "-01-x",
	"00-" TRACE "-" SPAN "-011",
	"cc-" TRACE "-" SPAN "-011",
	"ff-" TRACE "-" SPAN "-01",
	"0g-" TRACE "-" SPAN "-01",
	"00_" TRACE "-" SPAN "-01",
	"00-" TRACE "_" SPAN "-01",
	"00-" TRACE "-" SPAN "_01",
	"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
	"00-" TRACE "-B7AD6B7169203331-01",
	"00-" TRACE "-" SPAN "-0A",
	"00-00000000000000000000000000000000-" SPAN "-01",
	"00-" TRACE "-0000000000000000-01",
	"00-0af7651916cd43dd8448eb211c80319-" SPAN "-011",
	" 00-" TRACE "-" SPAN "-01",
};

START_TEST(refuses)
{
	struct traceparent t;

	ck_assert_msg(!traceparent_parse(view_of(refused[_i]), &t), "%s", refused[_i]);
}
END_TEST

TCase *make_traceparent_case(void)
{
	TCase *c = tcase_create("traceparent");

	tcase_add_loop_test(c, takes, 0, sizeof taken / sizeof *taken);
	tcase_add_loop_test(c, refuses, 0, sizeof refused / sizeof *refused);
	return c;
}
