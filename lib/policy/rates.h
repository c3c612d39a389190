/* How much may be asked to be decided: records and bytes, a second and a day. An agreement has them as its clause `limits`, floor
 * and overlay as `limits.rates`, a node's own documents as `rates`. 0: not bounded. Any thread. */
#ifndef GATEWAY_POLICY_RATES_H
#define GATEWAY_POLICY_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rates {
	uint64_t second_records, day_records, second_bytes, day_bytes;
};

/* The members of those documents, in the order in which they are told. */
#define RATE_MEMBERS 4
struct rate_member {
	const char *name;  /* "records_per_second" */
	const char *words; /* "records a second" */
	size_t at;         /* in struct rates */
};
extern const struct rate_member rate_members[RATE_MEMBERS];

static inline uint64_t *rates_at(struct rates *r, size_t member)
{
	return (uint64_t *)(void *)((char *)r + rate_members[member].at);
}

static inline uint64_t rates_of(const struct rates *r, size_t member)
{
	return *(const uint64_t *)(const void *)((const char *)r + rate_members[member].at);
}

bool rates_any(const struct rates *r);
/* Of each member the stricter one. */
struct rates rates_stricter(const struct rates *a, const struct rates *b);

#endif
