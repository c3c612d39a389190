/* Errors: a reason from the one list (reason.h), a place and a sentence. The first error that is
 * set wins. Functions that can fail return bool and fill the struct error of their caller; library
 * code never logs. A text names the place and the rule, never a value of a record. Any thread, each
 * struct used by one at a time. */
#ifndef GATEWAY_BASE_ERROR_H
#define GATEWAY_BASE_ERROR_H

#include <stdint.h>

#include "lib/base/reason.h"
#include "lib/base/view.h"

struct error {
	enum reason reason;    /* REASON_NONE: no error */
	uint32_t line, column; /* 1-based, 0 where they mean nothing */
	char where[200];       /* file name, JSON Pointer or other place; may be empty */
	char text[400];
};

/* Sets the error unless one is set already. Always returns false, so that one can write
 * `return error_set(...)`. `e` may be NULL. */
bool error_set(struct error *e, enum reason reason, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same with a place. `where` may be NULL. */
bool error_at(struct error *e, enum reason reason, const char *where, uint32_t line, uint32_t column, const char *fmt,
              ...) PRINTF_LIKE(6, 7);
/* `where:line:column: text`, leaving out what is not known, and plain (plain.h), for both may have parts that another wrote.
 * Returns `out`. */
const char *error_print(const struct error *e, char *out, size_t size);

/* A list, for checks that report every error and not only the first. Past `max` errors the rest
 * are only counted. */
struct error_list {
	struct error *items;
	size_t n, cap, max; /* max 0 means 100 */
	size_t dropped;
};

/* Adds a copy; always returns false. */
bool error_list_add(struct error_list *l, const struct error *e);
bool error_list_addf(struct error_list *l, enum reason reason, const char *where, uint32_t line, uint32_t column,
                     const char *fmt, ...) PRINTF_LIKE(6, 7);
void error_list_free(struct error_list *l);

#endif
