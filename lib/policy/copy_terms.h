/* What an agreement says about the recipient's copy, read from its text long after the release: the versions
 * that ever governed are kept by digest, and most of them are no longer compiled. Pure; any thread. */
#ifndef GATEWAY_POLICY_COPY_TERMS_H
#define GATEWAY_POLICY_COPY_TERMS_H

#include "lib/base/buf.h"
#include "lib/policy/agreement.h"

enum onward { ONWARD_NEVER, ONWARD_WITH_PERMISSION, ONWARD_LISTED };

struct copy_terms {
	struct duration review;  /* of the copy; all zero: never */
	struct duration receipt; /* within which a duty is acknowledged */
	bool block_overdue;
	struct duration notify_longest, notify_again;
	struct duration keep; /* of the sealed record after its acknowledgement, at the sender; all zero: not at all */
};

/* The terms for a purpose, the overlay's shorter reviews and its shorter `keep` included (`overlay` may be empty). Appends to
 * `pointers` the JSON array of what is masked. False when the text is no agreement or has no such purpose. */
bool copy_terms_read(struct view agreement, struct view purpose, struct view overlay, struct copy_terms *out,
                     struct buf *pointers, struct error *e) MUST_USE;
/* May what came under this agreement go on to `recipient`? An agreement that says nothing says never. */
enum onward copy_onward(struct view agreement, struct view recipient);

#endif
