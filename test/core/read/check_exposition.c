/* Metrics as text, in both forms. */
#include <check.h>

#include "gatewayd/core/read/exposition.h"

TCase *make_exposition_case(void);

static struct buf out, labels;
static struct exposition x;

static void set_up(void)
{
	out = BUF_INIT(1 << 20);
	labels = BUF_INIT(4096);
}

static void tear_down(void)
{
	buf_free(&out);
	buf_free(&labels);
}

static const char *text(void)
{
	buf_addc(&out, 0);
	ck_assert(!out.failed);
	return out.p;
}

/* --- which form --- */

static bool asks(const char *accept)
{
	return exposition_is_openmetrics(view_of(accept));
}

START_TEST(what_is_asked_for)
{
	ck_assert(asks("application/openmetrics-text"));
	ck_assert(asks("Application/OpenMetrics-Text ; version=1.0.0 ; Q=0.5"));
	ck_assert(asks("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
	               "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
	ck_assert(asks("text/plain;q=0.3, application/openmetrics-text;q=0.3"));
	/* another version of the classic text is none that there is */
	ck_assert(asks("text/plain;version=2.0.0, application/openmetrics-text;q=0.1"));
	ck_assert(!asks(""));
	ck_assert(!asks(",;=,"));
	ck_assert(!asks("*/*"));
	ck_assert(!asks("text/plain"));
	ck_assert(!asks("application/openmetrics-text;version=0.0.1"));
	ck_assert(!asks("application/openmetrics-text;q=0"));
	ck_assert(!asks("application/openmetrics-text;q=0.999,text/plain;q=1.000"));
}
END_TEST

/* RFC 9110 section 12.4.2: what is no weight asks for nothing. */
START_TEST(what_is_no_weight)
{
	static const char *const bad[] = { "", "x", "2", "-1", "0,5", "0.x", "0.1234", "1.0000" };
	char accept[80];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(accept, sizeof accept, "application/openmetrics-text;q=%s", bad[i]);
		ck_assert_msg(!asks(accept), "%s", accept);
	}
	ck_assert(asks("application/openmetrics-text;q=1.9")); /* is 1 */
}
END_TEST

/* --- families --- */

START_TEST(openmetrics)
{
	x = (struct exposition){ .out = &out, .openmetrics = true };
	exposition_family(&x, FAMILY_INFO, "build", "What runs.");
	exposition_label(&labels, "version", VIEW("a\"b\\c\nd"));
	exposition_label(&labels, "other", VIEW(""));
	exposition_sample(&x, buf_view(&labels), 1);
	exposition_family(&x, FAMILY_COUNTER, "things", "Things.");
	exposition_sample(&x, VIEW(""), UINT64_MAX);
	exposition_family(&x, FAMILY_GAUGE, "room_bytes", "Room.");
	exposition_sample(&x, VIEW(""), 0);
	exposition_end(&x);
	ck_assert_str_eq(text(), "# TYPE gatewayd_build info\n# HELP gatewayd_build What runs.\n"
	                         "gatewayd_build_info{version=\"a\\\"b\\\\c\\nd\",other=\"\"} 1\n"
	                         "# TYPE gatewayd_things counter\n# HELP gatewayd_things Things.\n"
	                         "gatewayd_things_total 18446744073709551615\n"
	                         "# TYPE gatewayd_room_bytes gauge\n# UNIT gatewayd_room_bytes bytes\n"
	                         "# HELP gatewayd_room_bytes Room.\ngatewayd_room_bytes 0\n# EOF\n");
}
END_TEST

START_TEST(classic)
{
	x = (struct exposition){ .out = &out };
	exposition_family(&x, FAMILY_INFO, "build", "What runs.");
	exposition_sample(&x, VIEW("version=\"1\""), 1);
	exposition_family(&x, FAMILY_COUNTER, "things", "Things.");
	exposition_sample(&x, VIEW(""), 2);
	exposition_family(&x, FAMILY_GAUGE, "room_bytes", "Room.");
	exposition_sample(&x, VIEW(""), 3);
	exposition_end(&x);
	ck_assert_str_eq(text(), "# TYPE gatewayd_build_info gauge\n# HELP gatewayd_build_info What runs.\n"
	                         "gatewayd_build_info{version=\"1\"} 1\n"
	                         "# TYPE gatewayd_things_total counter\n# HELP gatewayd_things_total Things.\n"
	                         "gatewayd_things_total 2\n"
	                         "# TYPE gatewayd_room_bytes gauge\n# HELP gatewayd_room_bytes Room.\n"
	                         "gatewayd_room_bytes 3\n");
}
END_TEST

START_TEST(histograms)
{
	struct latency l = { .sum_us = 0 };
	struct latency_sum sum = { .sum_us = 0 };

	latency_note(&l, 64);
	latency_note(&l, 65);
	latency_note(&l, 2000000);
	latency_note(&l, 20000000);
	latency_add(&sum, &l);
	x = (struct exposition){ .out = &out, .openmetrics = true };
	exposition_family(&x, FAMILY_HISTOGRAM, "took_seconds", "How long.");
	exposition_histogram(&x, VIEW("stage=\"read\""), &sum);
	exposition_histogram(&x, VIEW(""), &sum);
	const char *all = text();
	ck_assert_ptr_nonnull(strstr(all, "# UNIT gatewayd_took_seconds seconds\n"));
	ck_assert_ptr_nonnull(strstr(all, "\ngatewayd_took_seconds_bucket{stage=\"read\",le=\"0.000064\"} 1\n"
	                                  "gatewayd_took_seconds_bucket{stage=\"read\",le=\"0.000128\"} 2\n"));
	ck_assert_ptr_nonnull(
	        strstr(all, "le=\"1.048576\"} 2\ngatewayd_took_seconds_bucket{stage=\"read\",le=\"2.097152\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(all,
	                             "le=\"16.777216\"} 3\ngatewayd_took_seconds_bucket{stage=\"read\",le=\"+Inf\"} 4\n"
	                             "gatewayd_took_seconds_count{stage=\"read\"} 4\n"
	                             "gatewayd_took_seconds_sum{stage=\"read\"} 22.000129\n"));
	ck_assert_ptr_nonnull(strstr(all, "\ngatewayd_took_seconds_bucket{le=\"0.000064\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(all, "\ngatewayd_took_seconds_sum 22.000129\n"));
}
END_TEST

TCase *make_exposition_case(void)
{
	TCase *c = tcase_create("exposition");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, what_is_asked_for);
	tcase_add_test(c, what_is_no_weight);
	tcase_add_test(c, openmetrics);
	tcase_add_test(c, classic);
	tcase_add_test(c, histograms);
	return c;
}
