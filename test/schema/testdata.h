/* Files of GATEWAY_TEST_DATA for the tests of this area. */
#ifndef GATEWAY_TEST_SCHEMA_TESTDATA_H
#define GATEWAY_TEST_SCHEMA_TESTDATA_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DATA_FILES 512
#define DATA_PATH  600

static inline const char *data_folder(void)
{
	return getenv("GATEWAY_TEST_DATA");
}

static inline char *read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	long size = ftell(f);
	rewind(f);
	if (size >= 0 && (text = malloc((size_t)size + 1)))
		*n = fread(text, 1, (size_t)size, f);
	fclose(f);
	return text;
}

static inline int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Calls `each` for every .json file of a folder, in order; with `deep` also of those below. */
static inline void each_file(const char *folder, bool deep, void (*each)(void *arg, const char *path), void *arg)
{
	static const char suffix[] = ".json";
	char(*names)[256] = calloc(DATA_FILES, sizeof *names);
	size_t n = 0;
	DIR *d = opendir(folder);

	ck_assert_ptr_nonnull(names);
	for (struct dirent *e; d && (e = readdir(d)) && n < DATA_FILES;)
		if (e->d_name[0] != '.')
			snprintf(names[n++], sizeof *names, "%s", e->d_name);
	if (d)
		closedir(d);
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		char path[DATA_PATH];
		struct stat st;
		size_t length = strlen(names[i]);

		ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", folder, names[i]), (int)sizeof path);
		if (stat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && deep)
			each_file(path, deep, each, arg);
		else if (S_ISREG(st.st_mode) && length > 5 && strcmp(names[i] + length - 5, suffix) == 0)
			each(arg, path);
	}
	free(names);
}

#endif
