/* The table of commands and what is made from it: help, hints, options; texts and tables in columns; the fingerprint of a
 * partner's file. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayd/ctl/commands.h"
#include "gatewayd/ctl/partner.h"
#include "gatewayd/ctl/screen.h"

static bool count(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	char words[80], *argv[2];
	int words_n = 0, *n = arg;

	ck_assert_msg(c->run && c->help[0] && c->arguments && s->title, "%s", c->group);
	/* Each is found by its own words, which no other has. */
	argv[0] = strdup(c->group);
	argv[1] = strdup(c->name ? c->name : "-");
	ck_assert_ptr_eq(ctl_find(2, argv, &words_n), c);
	ck_assert_int_eq(words_n, c->name ? 2 : 1);
	free(argv[0]);
	free(argv[1]);
	/* And the manual page says what it does. */
	struct buf text = BUF_INIT(1 << 16);
	ck_assert_msg(manual_describe(ctl_words(c, words), &text), "%s", words);
	buf_free(&text);
	++*n;
	return true;
}

START_TEST(every_command_is_found_and_described)
{
	int n = 0, words;
	char *unknown[] = { (char[]){ "audit" }, (char[]){ "tial" } };

	ctl_each_command(count, &n);
	ck_assert_int_gt(n, 60);
	ck_assert_ptr_null(ctl_find(2, unknown, &words));
	ck_assert_ptr_null(ctl_find(0, NULL, &words));
}
END_TEST

START_TEST(the_manual_is_read_without_its_marks)
{
	struct buf text = BUF_INIT(1 << 16);

	ck_assert(!manual_describe("audit", &text));
	ck_assert(!manual_describe("aud", &text));
	ck_assert_uint_eq(text.n, 0);
	ck_assert(manual_describe("send", &text));
	buf_addc(&text, 0);
	/* Underscores inside of words stay; those that mark go, also before a stop. */
	ck_assert_ptr_nonnull(strstr(text.p, "line, key, status, exchange, outcome, audit_index and receipt"));
	ck_assert_ptr_nonnull(strstr(text.p, "or the problem; status"));
	ck_assert_ptr_null(strchr(text.p, '*'));
	buf_free(&text);
}
END_TEST

static void append(void *arg, const struct ctl_option *o)
{
	buf_addf(arg, "%.*s=%.*s;", VIEW_ARG(o->name), VIEW_ARG(o->value));
}

START_TEST(options_are_read_from_the_synopsis)
{
	static const struct {
		const char *arguments, *options;
	} all[] = {
		{ "[-f|--follow] [-n|--lines LINES] [FILE]", "-f=;--follow=;-n=;--lines=LINES;" },
		{ "[--per day|week|month] (--until T | --hold S) -", "--per=day|week|month;--until=T;--hold=S;" },
		{ "DIR|STORE@EPOCH some-name FILE|-", "" },
		{ "--out", "--out=;" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct ctl_command c = { "x", NULL, all[i].arguments, "", NULL };
		struct buf found = BUF_INIT(1000);
		ctl_each_option(&c, append, &found);
		buf_addc(&found, 0);
		ck_assert_str_eq(found.p, all[i].options);
		buf_free(&found);
	}
	struct ctl_command shared = { "x", NULL, "[CONNECTION] ID", "", NULL };
	struct buf found = BUF_INIT(1000);
	ctl_each_option(&shared, append, &found);
	buf_addc(&found, 0);
	ck_assert_ptr_nonnull(strstr(found.p, "--resolve=HOST:PORT:ADDRESS;"));
	buf_free(&found);
}
END_TEST

static char *shown(void (*print)(FILE *f, void *arg), void *arg)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	print(f, arg);
	fclose(f);
	return text;
}

static void print_wrapped(FILE *f, void *arg)
{
	screen_wrap(f, view_of(arg), 5, 3, true);
}

START_TEST(text_is_wrapped_at_eighty_columns)
{
	struct buf long_text = BUF_INIT(1000);
	char *text;

	for (int i = 0; i < 30; i++)
		buf_adds(&long_text, "[--wört NAME] ");
	buf_addc(&long_text, 0);
	text = shown(print_wrapped, long_text.p);
	for (struct view rest = view_of(text), line; rest.n > 0;) {
		line = view_cut(&rest, '\n');
		ck_assert_uint_le(screen_columns(line), 80);
		/* Brackets stay together. */
		ck_assert_int_eq(line.p[line.n - 1], ']');
	}
	free(text);
	buf_free(&long_text);
	text = shown(print_wrapped, (char[]){ "one  word" });
	ck_assert_str_eq(text, "one word\n");
	free(text);
}
END_TEST

static const struct screen_column columns[] = {
	{ "NAME", "name", SCREEN_KEEP },
	{ "WHEN", "when", SCREEN_TIME },
	{ "TEXT", "text", SCREEN_CUT },
	{ "MORE", "more", SCREEN_MAY },
};

struct printed {
	size_t width;
	const json_t *rows;
};

static void print_table(FILE *f, void *arg)
{
	const struct printed *p = arg;

	screen_table_in(f, p->width, columns, 4, p->rows);
}

/* On a pipe nothing is cut: programs read it. On a terminal it fits, as long as ids do. */
START_TEST(tables_fit_their_terminal)
{
	json_t *rows =
	        json_pack("[{s:s, s:s, s:s, s:i}, {s:s, s:b}]", "name", "ä", "when", "2026-11-30T09:50:00.273Z", "text",
	                  "one two three four five six", "more", 7, "name", "longer-\x1b[31mname", "more", 1);
	struct printed p = { 0, rows };
	char *text = shown(print_table, &p);

	ck_assert_str_eq(text, "NAME             WHEN                     TEXT                        MORE\n"
	                       "ä                2026-11-30T09:50:00.273Z one two three four five six 7\n"
	                       "longer-?[31mname -                        -                           yes\n");
	free(text);
	static const size_t widths[] = { 80, 74, 66, 60, 50, 45 };
	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
		p.width = widths[i];
		text = shown(print_table, &p);
		for (struct view rest = view_of(text), line; rest.n > 0;) {
			line = view_cut(&rest, '\n');
			ck_assert_msg(screen_columns(line) <= p.width, "%zu: %.*s", p.width, VIEW_ARG(line));
		}
		ck_assert_ptr_nonnull(strstr(text, "longer-?[31mname"));
		ck_assert_int_eq(strstr(text, "MORE") != NULL, p.width >= 66);
		ck_assert_int_eq(strstr(text, "09:50:00") != NULL, p.width >= 74);
		ck_assert_int_eq(strstr(text, "…") != NULL, p.width < 66);
		free(text);
	}
	json_decref(rows);
}
END_TEST

START_TEST(a_fingerprint_is_said_as_digits)
{
	char out[FINGERPRINT_TEXT + 1];

	/* SHA-256 of nothing: e3b0c442 98fc1c14 9afbf4c8 996fb924 27ae41e4 649b934c a495991b 7852b855 (FIPS 180-4's own). */
	partner_fingerprint(VIEW(""), out);
	ck_assert_str_eq(out, "12610 59092 03464 35940 31556 17388 67483 87061");
	ck_assert(partner_fingerprint_is(out, out));
	ck_assert(partner_fingerprint_is(out, "1261059092034643594031556173886748387061"));
	ck_assert(partner_fingerprint_is(out, " 12610-59092-03464-35940-31556-17388-67483-87061."));
	ck_assert(!partner_fingerprint_is(out, "12610 59092 03464 35940 31556 17388 67483 87060"));
	ck_assert(!partner_fingerprint_is(out, "12610 59092 03464 35940 31556 17388 67483 870610"));
	ck_assert(!partner_fingerprint_is(out, "12610 59092 03464 35940 31556 17388 67483"));
	ck_assert(!partner_fingerprint_is(out, ""));
}
END_TEST

TCase *make_commands_case(void);
TCase *make_commands_case(void)
{
	TCase *c = tcase_create("commands");

	tcase_add_test(c, every_command_is_found_and_described);
	tcase_add_test(c, the_manual_is_read_without_its_marks);
	tcase_add_test(c, options_are_read_from_the_synopsis);
	tcase_add_test(c, text_is_wrapped_at_eighty_columns);
	tcase_add_test(c, tables_fit_their_terminal);
	tcase_add_test(c, a_fingerprint_is_said_as_digits);
	return c;
}
