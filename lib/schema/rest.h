/* What is sound of a document that its schema refuses, so that what is checked after the schema is checked of that and all findings are
 * told in one pass. Whatever the schema finds fault with is taken out of a copy: an unknown member alone, a wrong member that may be
 * missing, otherwise the object around it, in the document's lists the whole item. The rest has the shapes that the schema demands, but
 * for members of the root that it requires. Any thread, no state. */
#ifndef GATEWAY_SCHEMA_REST_H
#define GATEWAY_SCHEMA_REST_H

#include <jansson.h>

#include "lib/schema/schema.h"

struct rest {
	json_t *doc;     /* NULL: nothing of it can be read */
	json_t *out;     /* pointers of what was taken out or is missing of what the root requires, as in the text */
	json_t *unknown; /* the same of unknown members, of which nothing else hangs */
	json_t *lists; /* a list of the root from which items were taken: for each that is left its index in the text */
};

/* `name`: of the built-in schema that `s` is; `whole`: lists of the root, ending with NULL, of which an item goes as a whole if anything
 * in it is wrong, for it would say something else without. False: memory ran out, the text is no JSON object, or no schema explains what
 * is wrong; `out` is empty then. Free it in either case. */
bool rest_read(const struct schema *s, struct view name, struct view text, const char *const *whole,
               struct rest *out) MUST_USE;
void rest_free(struct rest *r);

/* Was this place, or one above it, taken out? A pointer as in the text. */
bool rest_lacks(const struct rest *r, struct view pointer);
/* Was a member of the object in which this one stands, or is missing, unknown, and so perhaps meant for it? */
bool rest_beside_unknown(const struct rest *r, struct view pointer);
/* Appends `text` with the pointers of the rest's lists in it (after a blank, a colon, a bracket or at its start) as they are in the text
 * of the document; what stands behind "<name>.json: " is another document's. */
void rest_as_written(const struct rest *r, struct view text, struct buf *out);

#endif
