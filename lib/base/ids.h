/* Values that must not be mixed up have types of their own: digests, exchange ids, salts. */
#ifndef GATEWAY_BASE_IDS_H
#define GATEWAY_BASE_IDS_H

#include <stdint.h>

#include "lib/base/buf.h"

/* SHA-256 of something. */
struct digest {
	uint8_t b[32];
};

/* RFC 9562 UUID; exchanges use version 7, so that they sort by time. */
struct uuid {
	uint8_t b[16];
};

/* 128 random bits that make a record's digest unguessable; kept and erased with the payload. */
struct salt {
	uint8_t b[16];
};

#define UUID_TEXT 36

static inline bool digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* UUIDv7 from the time (Unix milliseconds), and 10 random bytes of the caller (RFC 9562 5.7). */
struct uuid uuid_v7(int64_t now_ms, const uint8_t random[10]);
/* 36 lower-case characters and a NUL. */
int64_t uuid_time_ms(
        const struct uuid *u); /* the instant of a version 7 (RFC 9562 section 5.7); of another, anything */
void uuid_print(const struct uuid *u, char out[UUID_TEXT + 1]);
/* Takes exactly the form that uuid_print writes. */
bool uuid_parse(struct view text, struct uuid *out) MUST_USE;
/* 64 lower-case hex digits. */
void digest_print(struct buf *out, const struct digest *d);
bool digest_parse(struct view text, struct digest *out) MUST_USE;

/* Overwrites memory in a way that the compiler keeps. */
void wipe(void *p, size_t n);
/* Overwrites what copies of a thread left in its vector registers, which lie in a dump of its process: copies zeros in
 * the ways in which memmove() copies. Some hundred nanoseconds. */
void wipe_registers(void);
/* Compares in a time that depends on n only. */
bool same_secret(const void *a, const void *b, size_t n);

#endif
