/* Training of officers: until when each one's is valid, as the node's agency says (schema/training.schema.json). Read
 * with signed_document.h. Pure; any thread. */
#ifndef GATEWAY_POLICY_TRAINING_H
#define GATEWAY_POLICY_TRAINING_H

#include <jansson.h>

#include "lib/policy/signed_document.h"

/* Fills `d` from its document, which has passed its schema. */
bool training_read(struct signed_document *d, const json_t *doc, struct error_list *errors) MUST_USE;
bool training_fits(const struct signed_document *d, struct view self, struct error_list *errors) MUST_USE;
size_t training_count(const struct signed_document *d);
/* Until when the training of an officer is valid: the earlier of what the document and what the node's own files
 * (`stated_ms`, TIME_NONE: nothing) say. TIME_NONE, which is before every instant, for one who is not listed. */
int64_t training_until(const struct signed_document *d, const struct digest *spki, int64_t stated_ms);

#endif
