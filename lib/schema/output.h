/* What checking an instance gave, as JSON: "basic" after 2020-12 core, section 12.4.2, and "list", the
 * shape that the drafts after it put in its place (one entry a schema and place, with the errors of its
 * keywords). Sentences and places hold no value of the instance; member names that the schema does not
 * know are `*`. One thread at a time. */
#ifndef GATEWAY_SCHEMA_OUTPUT_H
#define GATEWAY_SCHEMA_OUTPUT_H

#include "lib/base/buf.h"
#include "lib/schema/schema.h"

enum output_shape { OUTPUT_LIST, OUTPUT_BASIC };

/* Appends the JSON text: {"valid":true,…} with annotations or {"valid":false,…} with errors. The verdict
 * is that of the explaining run; a limit it hits gives SCHEMA_LIMIT and nothing is appended. Errors of all
 * alternatives are listed. Memory: watch `out->failed`. */
enum schema_verdict schema_output(const struct schema *s, struct schema_run *r, const struct tape *t, uint32_t node,
                                  enum output_shape shape, struct buf *out) MUST_USE;

#endif
