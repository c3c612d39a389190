/* URI references (RFC 3986) as far as schemas need them: splitting off the fragment, resolving against a
 * base, decoding percent signs. Internal to lib/schema. Any thread, no state. */
#ifndef GATEWAY_SCHEMA_URI_H
#define GATEWAY_SCHEMA_URI_H

#include "lib/base/buf.h"

/* Cuts at the first `#`: what stands before it; *fragment is what follows (p NULL when there is no `#`). */
struct view uri_split(struct view uri, struct view *fragment);
/* RFC 3986 section 5.2: appends `reference` (without fragment) resolved against `base` (without fragment,
 * may be relative itself). */
void uri_resolve(struct buf *out, struct view base, struct view reference);
/* Appends `v` with %XX decoded; false on a malformed one. */
bool uri_decode(struct buf *out, struct view v) MUST_USE;
/* Appends `v` with all bytes that may not stand in a fragment as %XX (RFC 3986 section 3.5). */
void uri_encode_fragment(struct buf *out, struct view v);

#endif
