/* Regular expressions of JSON Schema: ECMA-262 syntax in Unicode mode, searched in UTF-8 text without
 * backtracking, so that no pattern blows up. A pattern without lookaround, back reference and
 * Unicode property whose automaton is small becomes a table over bytes; every other one runs in
 * PCRE2 behind a translation, under a budget. Whoever hits the budget gets REGEX_LIMIT, which is
 * never to be read as "no match".
 *
 * A struct regex is immutable and shared by threads, and by all who compile the same pattern while it lives. A struct regex_run is the scratch memory of one
 * thread; a match allocates nothing once the run is warm. */
#ifndef GATEWAY_SCHEMA_REGEX_H
#define GATEWAY_SCHEMA_REGEX_H

#include "lib/base/error.h"

struct regex;
struct regex_run;

enum regex_verdict { REGEX_MATCH, REGEX_NO_MATCH, REGEX_LIMIT };

/* Compiles an ECMA-262 pattern (UTF-8, without slashes and flags, read as with the flag `u`). NULL with
 * REASON_SCHEMA_ERROR (column: the byte in the pattern), REASON_LIMIT or REASON_NO_MEMORY. */
struct regex *regex_compile(struct view ecma_pattern, struct error *e) MUST_USE;
/* Gives back what regex_compile() gave; the last one frees it. Any thread. */
void regex_free(struct regex *r);

struct regex_run *regex_run_new(void) MUST_USE; /* NULL: no memory */
void regex_run_free(struct regex_run *r);

/* Does the pattern match anywhere in `utf8_text` (which must be valid UTF-8)? */
enum regex_verdict regex_match(const struct regex *r, struct regex_run *run, struct view utf8_text) MUST_USE;

/* Is it ECMA-262? True also for what regex_compile refuses for a limit or because PCRE2 cannot do it
 * (a lookbehind of variable length). Allocates. For `format: regex`. */
bool regex_is_valid(struct view ecma_pattern);

/* Is the pattern an I-Regexp (RFC 9485), the portable subset, with `^` at its start and `$` at its end
 * allowed besides? For lint. */
bool regex_is_iregexp(struct view pattern);

#endif
