/* What is printed for people: in the width of their terminal, 80 columns where there is none. One thread. */
#ifndef GATEWAYD_CTL_SCREEN_H
#define GATEWAYD_CTL_SCREEN_H

#include <jansson.h>
#include <stdio.h>

#include "lib/base/buf.h"

/* Columns of the terminal that `out` is (at most 200 for running text); 80 where it is none. */
size_t screen_width(FILE *out);
/* Columns that UTF-8 text takes: its code points, for wide and combining characters are in none of our texts. */
size_t screen_columns(struct view text);
/* Prints running text whose first line begins at column `at`, the others after `indent` blanks. Words are cut at blanks; with
 * `brackets` what stands in [] stays together. Ends with a newline. */
void screen_wrap(FILE *out, struct view text, size_t at, size_t indent, bool brackets);

/* Prints what another wrote, each line of it plain (lib/base/plain.h). False: not all of it could be written. */
bool screen_plain(FILE *out, struct view text);

/* Prints JSON text, what steers a terminal in its strings escaped: it says the same. */
void screen_json(FILE *out, struct view text);

/* A table of JSON objects. On a terminal it is made to fit: times lose their seconds, then columns that may go are left out, the
 * last first, then those that may be cut are, with "…". On a pipe all of it stands there in full. What a member says is
 * printed without control characters. */
enum screen_kind {
	SCREEN_KEEP, /* as it is: ids, to be copied */
	SCREEN_TIME, /* an instant */
	SCREEN_CUT,  /* may be cut */
	SCREEN_MAY   /* may go */
};
struct screen_column {
	const char *head, *member; /* texts, numbers, and true and false as yes and no; "-" where it is not there */
	enum screen_kind kind;
};
#define SCREEN_COLUMNS 10
void screen_table(FILE *out, const struct screen_column *columns, size_t n, const json_t *rows);
/* The same for a terminal of so many columns; 0: a pipe. */
void screen_table_in(FILE *out, size_t width, const struct screen_column *columns, size_t n, const json_t *rows);

#endif
