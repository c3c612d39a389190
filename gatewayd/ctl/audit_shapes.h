/* The texts that decisions name by digest (lib/policy/shape.h), as a set: read from a source, looked up, written. One thread. */
#ifndef GATEWAYD_CTL_AUDIT_SHAPES_H
#define GATEWAYD_CTL_AUDIT_SHAPES_H

#include "lib/base/buf.h"
#include "lib/base/ids.h"

/* Its file in an export, and how long that is at most. */
#define AUDIT_SHAPES     "disclosures/shapes"
#define AUDIT_SHAPES_MAX (1u << 30)

struct audit_shapes;
struct audit_shapes *audit_shapes_new(void) MUST_USE; /* NULL: no memory */
void audit_shapes_free(struct audit_shapes *s);
/* Once each. False: no memory. */
bool audit_shapes_add(struct audit_shapes *s, const struct digest *d, struct view text);
bool audit_shapes_failed(const struct audit_shapes *s); /* an addition did */
bool audit_shapes_find(const struct audit_shapes *s, const struct digest *d, struct view *text);
/* All of them, a line each, in the order of their digests. */
void audit_shapes_print(struct audit_shapes *s, struct buf *out);

#endif
