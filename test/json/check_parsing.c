/* The texts of JSONTestSuite (github.com/nst/JSONTestSuite, MIT): what is named y_ is JSON, n_ is not,
 * i_ is left to the reader; the latter are counted and named. Two y_ texts have a name twice, which
 * the RFC leaves open and the gateway refuses; they are JSON to a reader that allows duplicates. */
#include <dirent.h>
#include <stdio.h>

#include "test/json/json_test.h"

#define FILES_MAX 1000

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_files(const char *path, char **names)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	if (!dir)
		return 0;
	for (struct dirent *d; (d = readdir(dir)) != NULL;)
		if (d->d_name[0] != '.' && n < FILES_MAX) {
			names[n] = strdup(d->d_name);
			ck_assert_ptr_nonnull(names[n++]);
		}
	closedir(dir);
	qsort(names, n, sizeof *names, by_name);
	return n;
}

static bool accepted(struct tape_parser *p, const char *dir, const char *name)
{
	struct buf text = BUF_INIT(1u << 20);
	char path[4096];
	struct tape t;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	char *room = buf_room(&text, 1u << 19);
	text.n = fread(room, 1, 1u << 19, f);
	fclose(f);
	bool good = tape_parse(p, buf_view(&text), &t, NULL);

	/* Byte by byte it comes out alike. */
	bool again = true;
	tape_parser_reset(p);
	for (size_t i = 0; again && i < text.n; i++)
		again = tape_feed(p, view_make(text.p + i, 1), NULL);
	again = again && tape_finish(p, &t, NULL);
	ck_assert_msg(good == again, "%s: its split differs", name);
	buf_free(&text);
	return good;
}

START_TEST(suite)
{
	/* The limits of documents: a y_ text has a number of 78 characters, a record's may have 64. */
	struct tape_limits lenient = tape_document_limits;
	lenient.duplicates = true;
	struct tape_parser *strict = new_parser(&tape_document_limits), *p = new_parser(&lenient);
	const char *data = getenv("GATEWAY_TEST_DATA");
	char dir[4096], *names[FILES_MAX];
	unsigned yes = 0, yes_good = 0, twice = 0, no = 0, no_good = 0, open = 0, open_good = 0;
	struct buf list = BUF_INIT(65536);

	snprintf(dir, sizeof dir, "%s/json-parsing/test_parsing", data ? data : "");
	size_t n = list_files(dir, names);
	if (n == 0)
		printf("SKIP json parsing: GATEWAY_TEST_DATA not found\n");
	for (size_t i = 0; i < n; i++) {
		bool good = accepted(p, dir, names[i]), also_strict = accepted(strict, dir, names[i]);
		ck_assert_msg(good == also_strict || strstr(names[i], "duplicated_key"), "%s", names[i]);
		if (names[i][0] == 'y') {
			yes++;
			yes_good += good;
			twice += good && !also_strict;
			ck_assert_msg(good, "%s was refused", names[i]);
		} else if (names[i][0] == 'n') {
			no++;
			no_good += !good;
			ck_assert_msg(!good, "%s was accepted", names[i]);
		} else {
			open++;
			open_good += good;
			if (good)
				buf_addf(&list, " %.*s", (int)strcspn(names[i], "."), names[i]);
		}
		free(names[i]);
	}
	if (n > 0)
		printf("json parsing: %u/%u y accepted (%u of them only where duplicate names are allowed), %u/%u n refused, "
		       "%u/%u i accepted:%.*s\n",
		       yes_good, yes, twice, no_good, no, open_good, open, VIEW_ARG(buf_view(&list)));
	buf_free(&list);
	tape_parser_free(strict);
	tape_parser_free(p);
}
END_TEST

TCase *make_parsing_case(void);
TCase *make_parsing_case(void)
{
	TCase *tc = tcase_create("parsing");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, suite);
	return tc;
}
