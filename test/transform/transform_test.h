/* What the tests of this folder share: rules, records and results as JSON texts. */
#ifndef GATEWAY_TEST_TRANSFORM_TEST_H
#define GATEWAY_TEST_TRANSFORM_TEST_H

#include <check.h>

#include "lib/transform/program.h"

/* The keys of all tests: a secret of 32 bytes 0x00 to 0x1f, agreement "north-south-1", purpose "border-check". */
struct key_context test_keys(uint32_t epoch);

/* `rules` is [{"id","pointer","action","category","subtree","params"}]; the id is "r0", "r1", … and the category
 * quasi where they are absent. */
struct program *compile_rules(const char *rules, const struct key_context *keys, struct error_list *errors);
/* The same, which must succeed, with test_keys(1). */
struct program *compile_ok(const char *rules);
/* Must fail, with one error that contains `want`. */
void assert_refused(const char *rules, const char *want);

/* Runs a record of the subject "subject-1"; the result (static) or NULL with `e`. */
const char *run_record(const struct program *p, const char *record, struct error *e);
const char *run_for(const struct program *p, const char *record, const char *subject, struct error *e);
void assert_run(const struct program *p, const char *record, const char *want);
void assert_fails(const struct program *p, const char *record, enum reason reason, const char *want);
/* Compile, run, compare. */
void assert_once(const char *rules, const char *record, const char *want);

/* What arrives at ingress. */
bool check_arrival(const struct program *p, const char *record, struct error *e);

#endif
