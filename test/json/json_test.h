/* What the tests of lib/json share. */
#ifndef GATEWAY_TEST_JSON_TEST_H
#define GATEWAY_TEST_JSON_TEST_H

#include <check.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/json/tape.h"

/* The parser of a new tape; the test ends with the process, free it where memory is checked. */
static inline struct tape_parser *new_parser(const struct tape_limits *limits)
{
	struct tape_parser *p = tape_parser_new(limits);

	ck_assert_ptr_nonnull(p);
	return p;
}

static inline struct tape parse(struct tape_parser *p, struct view text)
{
	struct error e = { 0 };
	struct tape t;

	ck_assert_msg(tape_parse(p, text, &t, &e), "%.*s: %s at %u:%u", (int)(text.n < 200 ? text.n : 200), text.p,
	              e.text, e.line, e.column);
	return t;
}

/* A reproducible sequence (xorshift64). */
static inline uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline void assert_view(struct view got, struct view want)
{
	ck_assert_msg(view_eq(got, want), "got \"%.*s\", expected \"%.*s\"", VIEW_ARG(got), VIEW_ARG(want));
}

#endif
