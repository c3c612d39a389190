/* Key epochs: from when on which epoch of the keys of pseudonyms and tokens is used (schema/epochs.schema.json), so
 * that keys rotate without a new signature of the agreement. Read with signed_document.h. Pure; any thread. */
#ifndef GATEWAY_POLICY_EPOCHS_H
#define GATEWAY_POLICY_EPOCHS_H

#include <jansson.h>

#include "lib/policy/signed_document.h"

#define EPOCHS_MAX 64 /* the schema */

struct epoch_from {
	uint32_t epoch;
	int64_t from_ms;
};

/* Fills `d` from its document, which has passed its schema. */
bool epochs_read(struct signed_document *d, const json_t *doc, struct error_list *errors) MUST_USE;
bool epochs_fit(const struct signed_document *d, struct agreement *const *versions, size_t n, struct view self,
                struct error_list *errors) MUST_USE;
/* The k-th epoch, in the order of time; false past the last. */
bool epochs_get(const struct signed_document *d, size_t k, struct epoch_from *out);
/* The epoch at an instant: `own` of the agreement, or a larger one whose instant has come. `d` may be NULL. */
uint32_t epochs_at(const struct signed_document *d, uint32_t own, int64_t now_ms);

#endif
