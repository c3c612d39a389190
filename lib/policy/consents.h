/* Consents: their references in one spelling, the digests that stand for them, and the two lists of an agreement that a
 * party issues (signed_document.h): withdrawals (schema/withdrawals.schema.json, the party of /consent/withdrawals) and
 * consents given (schema/consents.schema.json, the party of /consent/given).
 *
 * A reference is a word that tells of a person. It has one normal form, used wherever one is read: NFKC with case
 * folded and ignorable characters left out (Unicode's NFKC_Casefold), white space trimmed and each run of it one space.
 * Two digests stand for it, and only they leave:
 *
 *   consent   SHA-256(the lists' salt, normal form), as a list has it. All lists of one agreement have one salt for
 *             good, so that what was released is found by a list that comes years later. It goes to the recipient's
 *             gateway beside the record (origin.consent), which asks its own lists.
 *   told      SHA-256("consent", the record's salt, consent), in the leaf of either log and in the order to call the
 *             record back. No two records of one consent have the same.
 *
 * Pure; any thread. */
#ifndef GATEWAY_POLICY_CONSENTS_H
#define GATEWAY_POLICY_CONSENTS_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/policy/signed_document.h"

/* Appends the normal form. NULL on success, else what is wrong, without the value. */
const char *consent_normalise(struct view reference, struct buf *out) MUST_USE;
/* The same, and it matches the pattern of the agreement (/consent/references/pattern, or CONSENT_PATTERN). */
const char *consent_reference(const struct agreement *a, struct view reference, struct buf *out) MUST_USE;
#define CONSENT_PATTERN       "^[0-9a-z][0-9a-z._:/-]{3,127}$"
#define CONSENT_REFERENCE_MAX 128 /* characters of a normal form, and of the envelope's member */
void consent_digest(struct view salt, struct view normal, struct digest *out);
void consent_told(const struct salt *salt, const struct digest *consent, struct digest *out);

/* Fills `d` from its document, which has passed its schema. */
bool consents_read(struct signed_document *d, const json_t *doc, struct error_list *errors) MUST_USE;
bool consents_fit(const struct signed_document *d, struct agreement *const *versions, size_t n,
                  struct error_list *errors) MUST_USE;
/* Whether `after` has the salt of `before`, another list of the same agreement. False with the fault in `after`. */
bool consents_same_salt(const struct signed_document *before, const struct signed_document *after,
                        struct error_list *errors) MUST_USE;
/* How many references it has, and the k-th one, in the order of the digests. */
size_t consents_count(const struct signed_document *d);
const struct digest *consents_get(const struct signed_document *d, size_t k);
struct view consents_salt(const struct signed_document *d);
/* False past its next update: then nobody knows who withdrew, or consented, since. */
bool consents_current(const struct signed_document *d, int64_t now_ms);
/* Whether the consent is on the list, for this purpose. */
bool consents_has(const struct signed_document *d, const struct digest *consent, struct view purpose);

#endif
