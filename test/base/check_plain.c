/* What a terminal may be shown of another's text (lib/base/plain.h). */
#include <check.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/error.h"
#include "lib/base/plain.h"

TCase *make_plain_case(void);

static const struct {
	const char *text, *shown;
} rows[] = {
	{ "", "" },
	{ "Agency of the made-up North", "Agency of the made-up North" },
	{ "\xc3\xa5\xc3\x9f \xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\xa6 \xf0\x9f\x94\x91",
	  "\xc3\xa5\xc3\x9f \xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\xa6 \xf0\x9f\x94\x91" },
	{ "a\nb\rc\td\x1b[2Je\x7f", "a?b?c?d?[2Je?" },
	{ "\xc2\x9b"
	  "2J\xc2\xa0",
	  "??2J\xc2\xa0" },
	{ "a\xe2\x80\xae"
	  "b\xe2\x81\xa6"
	  "c\xe2\x80\xa8\xd8\x9c",
	  "a???b???c?????" },
	{ "cut \xe2\x80", "cut ??" },
	{ "no UTF-8: \x9b"
	  "2J \xff\xc3\xa5",
	  "no UTF-8: ?2J ?\xc3\xa5" },
};

START_TEST(what_steers_is_taken_out)
{
	char text[100];

	snprintf(text, sizeof text, "%s", rows[_i].text);
	plain_text(text, strlen(text));
	ck_assert_str_eq(text, rows[_i].shown);
	ck_assert_uint_eq(plain_span(view_of(text)), strlen(text));
	ck_assert_int_eq(plain_span(view_of(rows[_i].text)) == strlen(rows[_i].text),
	                 strcmp(rows[_i].text, rows[_i].shown) == 0);
}
END_TEST

/* An answer of the control socket carries it, and JSON carries nothing else. */
START_TEST(an_error_that_was_cut_is_text)
{
	struct error e = { .reason = REASON_NONE };
	char out[2000], name[1500];

	for (size_t more = 0; more < 3; more++) {
		size_t n = (size_t)snprintf(name, sizeof name, "%.*s", (int)more, "xx");
		while (n + 3 < sizeof name)
			n += (size_t)snprintf(name + n, sizeof name - n, "\xe2\x80\xa6");
		e.reason = REASON_NONE;
		error_at(&e, REASON_CONFIG, name, 0, 0, "%s", name);
		struct view text = view_of(error_print(&e, out, sizeof out));
		ck_assert_uint_eq(utf8_valid(text), text.n);
	}
}
END_TEST

START_TEST(an_error_is_printed_plain)
{
	struct error e = { .reason = REASON_NONE };
	char out[100];

	error_at(&e, REASON_CONFIG, "a\x1b[2K", 1, 2, "no \"%s\"", "x\ny");
	ck_assert_str_eq(error_print(&e, out, sizeof out), "a?[2K:1:2: no \"x?y\"");
}
END_TEST

TCase *make_plain_case(void)
{
	TCase *c = tcase_create("plain");

	tcase_add_loop_test(c, what_steers_is_taken_out, 0, sizeof rows / sizeof *rows);
	tcase_add_test(c, an_error_is_printed_plain);
	tcase_add_test(c, an_error_that_was_cut_is_text);
	return c;
}
