/* Lines on standard error, in both forms. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/os/log.h"
#include "lib/base/encode.h"

TCase *make_journal_case(void);

static int kept, ends[2];
static char said[65536];

static void set_up(void)
{
	kept = dup(STDERR_FILENO);
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	journal_open("core");
}

static void tear_down(void)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(ends[0]);
	close(ends[1]);
	journal_set(JOURNAL_INFO, JOURNAL_AUTO);
	unsetenv("JOURNAL_STREAM");
}

/* What was said since. */
static const char *line(void)
{
	ssize_t n = read(ends[0], said, sizeof said - 1);

	said[n > 0 ? n : 0] = 0;
	return said;
}

static const struct journal_field some[] = { { "partner", "south" },    { "reason", "" }, { "exchange", NULL },
	                                     { "word", "a \"b\\c\nd" }, { "sum", "a=b" }, { NULL, NULL } };

START_TEST(plain)
{
	journal_set(JOURNAL_INFO, JOURNAL_PLAIN);
	log_line("warning", "%s %d", "text", 7);
	ck_assert_str_eq(line(), "gatewayd: warning: text 7\n");
	log_event("error", some, "two\nlines\tand\x7f");
	ck_assert_str_eq(line(), "gatewayd: error: two lines and \n");
}
END_TEST

START_TEST(with_fields)
{
	journal_set(JOURNAL_DEBUG, JOURNAL_FIELDS);
	log_line("error", "a \"b\" \\ c");
	ck_assert_str_eq(line(), "<3>level=error process=core msg=\"a \\\"b\\\" \\\\ c\"\n");
	log_event("notice", some, "two\nlines");
	ck_assert_str_eq(line(), "<5>level=notice process=core msg=\"two lines\" partner=south word=\"a \\\"b\\\\c d\" "
	                         "sum=\"a=b\"\n");
	log_line("debug", "x");
	ck_assert_str_eq(line(), "<7>level=debug process=core msg=\"x\"\n");
	log_line("info", "x");
	ck_assert_str_eq(line(), "<6>level=info process=core msg=\"x\"\n");
	log_line("warning", "x");
	ck_assert_str_eq(line(), "<4>level=warning process=core msg=\"x\"\n");
}
END_TEST

/* What is no text hides no line, and no terminal obeys one. */
START_TEST(bytes_that_are_no_text)
{
	static char most[1300];
	const struct journal_field cut[] = { { "name", most }, { NULL, NULL } };

	journal_set(JOURNAL_INFO, JOURNAL_PLAIN);
	log_line("info", "caf\xe9 \xc2\x9b"
	                 "31m \xc2\x85 \xc3\xa9 \xc2");
	ck_assert_str_eq(line(), "gatewayd: info: caf?  31m   \xc3\xa9 ?\n");
	/* Cut within a character. */
	for (size_t n = 0; n < sizeof most - 4; n += 3)
		memcpy(most + n, "\xe2\x82\xac", 3);
	journal_set(JOURNAL_INFO, JOURNAL_FIELDS);
	log_event("info", cut, "%s", most);
	const char *all = line();
	ck_assert_uint_eq(utf8_valid(view_of(all)), strlen(all));
	ck_assert_ptr_nonnull(strstr(all, "??\" name="));
	ck_assert_ptr_eq(strchr(all, '\n'), all + strlen(all) - 1);
}
END_TEST

/* Whatever is said, it is one line and ends. */
START_TEST(long_ones_are_cut)
{
	static char quotes[5000];
	const struct journal_field long_ones[] = { { "a", quotes }, { "b", quotes }, { "c", quotes },
		                                   { "d", quotes }, { "e", quotes }, { "f", quotes },
		                                   { "g", quotes }, { "h", quotes }, { NULL, NULL } };

	memset(quotes, '"', sizeof quotes - 1);
	for (int form = JOURNAL_PLAIN; form <= JOURNAL_FIELDS; form++) {
		journal_set(JOURNAL_INFO, (enum journal_form)form);
		log_event("info", long_ones, "%s", quotes);
		const char *all = line();
		ck_assert_ptr_eq(strchr(all, '\n'), all + strlen(all) - 1);
		ck_assert_uint_lt(strlen(all), 8192);
		ck_assert_int_eq(all[strlen(all) - 2], '"');
	}
	ck_assert_ptr_nonnull(strstr(said, " h=\""));
}
END_TEST

START_TEST(levels)
{
	static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
	enum journal_level level;
	enum journal_form form;

	for (size_t most = 0; most < 5; most++) {
		ck_assert(journal_level_find(view_of(names[most]), &level));
		ck_assert_str_eq(journal_level_name(level), names[most]);
		journal_set(level, JOURNAL_PLAIN);
		for (size_t i = 0; i < 5; i++) {
			log_line(names[i], "x");
			ck_assert_int_eq(line()[0] != 0, i <= most);
		}
	}
	ck_assert(!journal_level_find(VIEW("warn"), &level) && !journal_level_find(VIEW(""), &level));
	ck_assert(journal_form_find(VIEW("journal"), &form) && form == JOURNAL_FIELDS);
	ck_assert(!journal_form_find(VIEW("json"), &form) && !journal_form_find(VIEW(""), &form));
}
END_TEST

/* systemd.exec(5): what is named must be what standard error is. */
START_TEST(the_journal_is_known)
{
	struct stat st;
	char stream[80];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	journal_open("edge");
	ck_assert(journal_has_fields());
	log_line("info", "x");
	ck_assert_str_eq(line(), "<6>level=info process=edge msg=\"x\"\n");
	journal_set(JOURNAL_INFO, JOURNAL_PLAIN);
	ck_assert(!journal_has_fields());
	journal_set(JOURNAL_INFO, JOURNAL_AUTO);
	static const char *const others[] = { "1:2", "", "x:y", "1", ":" };
	for (size_t i = 0; i < 5; i++) {
		setenv("JOURNAL_STREAM", others[i], 1);
		journal_open("core");
		ck_assert_msg(!journal_has_fields(), "%s", others[i]);
	}
	unsetenv("JOURNAL_STREAM");
	journal_open("core");
	ck_assert(!journal_has_fields());
}
END_TEST

TCase *make_journal_case(void)
{
	TCase *c = tcase_create("journal");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, plain);
	tcase_add_test(c, with_fields);
	tcase_add_test(c, bytes_that_are_no_text);
	tcase_add_test(c, long_ones_are_cut);
	tcase_add_test(c, levels);
	tcase_add_test(c, the_journal_is_known);
	return c;
}
