/* What is printed for people: in the width of their terminal, 80 columns where there is none. One thread. */
#ifndef GATEWAYD_CTL_SCREEN_H
#define GATEWAYD_CTL_SCREEN_H

#include <stdio.h>

#include "lib/base/buf.h"

/* Columns of the terminal that `out` is (at most 200 for running text); 80 where it is none. */
size_t screen_width(FILE *out);
/* Columns that UTF-8 text takes: its code points, for wide and combining characters are in none of our texts. */
size_t screen_columns(struct view text);
/* Prints running text whose first line begins at column `at`, the others after `indent` blanks. Words are cut at blanks; with
 * `brackets` what stands in [] stays together. Ends with a newline. */
void screen_wrap(FILE *out, struct view text, size_t at, size_t indent, bool brackets);

/* A table: cells of text, a heading, columns as wide as their widest cell. On a terminal it is made to fit: the column `gives`
 * gives way first, then the last ones, their texts cut with "…". On a pipe nothing is cut. */
#define SCREEN_COLUMNS 10
struct screen_table {
	size_t n_columns;
	const char *heads[SCREEN_COLUMNS];
	size_t gives; /* index of the column that is cut first */
	char **cells;
	size_t n_cells, cap;
	bool failed; /* no memory */
};
/* Adds a row's next cell; text is copied. NULL: "-". */
void screen_cell(struct screen_table *t, const char *text);
void screen_cellf(struct screen_table *t, const char *form, ...) PRINTF_LIKE(2, 3);
/* Prints and frees it. */
void screen_print(struct screen_table *t, FILE *out);

#endif
