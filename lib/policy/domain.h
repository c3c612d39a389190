/* The values that a schema allows at the places of a pattern: their kinds, and how long or large they are. What cannot
 * be told counts as allowed, so that a domain is never smaller than the truth: it says what might come. Used when an
 * agreement is loaded, never on a record's way. One thread. */
#ifndef GATEWAY_POLICY_DOMAIN_H
#define GATEWAY_POLICY_DOMAIN_H

#include <stdint.h>

#include "lib/policy/reach.h"

#define DOMAIN_NULL      1u
#define DOMAIN_BOOLEAN   2u
#define DOMAIN_INTEGER   4u /* 1.0 counts as whole */
#define DOMAIN_FRACTION  8u
#define DOMAIN_STRING    16u
#define DOMAIN_OBJECT    32u
#define DOMAIN_ARRAY     64u
#define DOMAIN_CONTAINER (DOMAIN_OBJECT | DOMAIN_ARRAY)
#define DOMAIN_ALL       127u
#define LENGTH_NONE      UINT32_MAX

struct domain {
	unsigned kinds;
	uint32_t min_length, max_length; /* of texts, in code points; LENGTH_NONE: no end */
	double min, max;                 /* of numbers; infinite: no end. Excluded edges count as allowed. */
};

struct domain domain_all(void);
struct domain domain_none(void);
/* What one of both allows. */
struct domain domain_join(const struct domain *a, const struct domain *b);

/* Of all places that the pattern matches. `ref_alone`: a $ref hides what stands beside it (drafts 6 and 7); a document
 * whose $schema says so is read so anyway. `formats`: formats are asserted. */
struct domain domain_at(const struct reach *r, bool ref_alone, bool formats, const char *pattern);

/* The lengths in code points that texts can have which match a regular expression (ECMA-262). What it does not know
 * gives 0 and LENGTH_NONE; without an anchor at an end there is none. */
void regex_lengths(struct view pattern, uint32_t *min, uint32_t *max);

#endif
