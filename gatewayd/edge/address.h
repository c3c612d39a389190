/* Where connections come from: addresses in one form (IPv6, with IPv4 mapped into it, RFC 4291 section 2.5.5.2), lists of
 * prefixes, and text for the log. Any thread. */
#ifndef GATEWAYD_EDGE_ADDRESS_H
#define GATEWAYD_EDGE_ADDRESS_H

#include <netinet/in.h>

#include "lib/base/view.h"

struct address {
	uint8_t b[16];
};

#define ADDRESS_TEXT INET6_ADDRSTRLEN

/* Of an accepted connection; zeros for another family. */
struct address address_of(const struct sockaddr_storage *from);
/* What counts as one source: an IPv4 address, or the /64 of an IPv6 one, within which a host takes any. */
struct address address_source(const struct address *a);
/* 64 bits of which any two addresses have the highest n alike once in 2^n keys, whatever addresses somebody chooses who does
 * not know the key: sum(key[i] * word[i]) + key[n] mod 2^64 (M. Dietzfelbinger, Universal hashing and k-wise independent
 * random variables via integer arithmetic without primes, STACS 1996). */
#define ADDRESS_KEY 5
uint64_t address_hash(const uint64_t key[ADDRESS_KEY], const struct address *a);
const char *address_print(const struct address *a, char out[ADDRESS_TEXT]);

/* "192.0.2.7", "192.0.2.0/24", "2001:db8::/48". */
struct prefix {
	struct address address;
	uint8_t bits; /* of the IPv6 form */
};
bool prefix_parse(struct view text, struct prefix *out) MUST_USE;
/* Whether the text is "localhost", an address of 127.0.0.0/8, or ::1; a name that only begins like one is not. */
bool host_is_loopback(struct view text);
bool prefix_has(const struct prefix *p, const struct address *a);

#endif
