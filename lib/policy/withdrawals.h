/* Withdrawn consents: a list of salted digests of references that the party of /consent/withdrawals issues
 * (schema/withdrawals.schema.json). Read with signed_document.h. Pure; any thread. */
#ifndef GATEWAY_POLICY_WITHDRAWALS_H
#define GATEWAY_POLICY_WITHDRAWALS_H

#include <jansson.h>

#include "lib/policy/signed_document.h"

/* Fills `d` from its document, which has passed its schema. */
bool withdrawals_read(struct signed_document *d, const json_t *doc, struct error_list *errors) MUST_USE;
bool withdrawals_fit(const struct signed_document *d, struct agreement *const *versions, size_t n,
                     struct error_list *errors) MUST_USE;
/* How many references it has. */
size_t withdrawals_count(const struct signed_document *d);
/* False past its next update: then nobody knows who withdrew. */
bool withdrawals_current(const struct signed_document *d, int64_t now_ms);
/* Whether the consent of this reference was withdrawn for this purpose. */
bool withdrawals_has(const struct signed_document *d, struct view reference, struct view purpose);
/* SHA-256(salt, reference), as a list has it. */
void withdrawals_digest(struct view salt, struct view reference, struct digest *out);

#endif
