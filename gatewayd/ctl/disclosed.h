/* Disclosures of an entry (RFC 9901), opened for people. One thread. */
#ifndef GATEWAYD_CTL_DISCLOSED_H
#define GATEWAYD_CTL_DISCLOSED_H

#include <jansson.h>

/* The names and values that an array of disclosures has, each base64url of [salt, name, value] (section 4.2.1); without those that
 * hold the digests of others (4.2.6), and the seed of decoys. The caller's; NULL: no memory. */
json_t *disclosed_open(const json_t *disclosures);

#endif
