/* Reading and writing small binary messages: big-endian integers and length-prefixed bytes. Both
 * cursors have a sticky error that is checked once at the end. Any thread, one at a time. */
#ifndef GATEWAY_BASE_WIRE_H
#define GATEWAY_BASE_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"

/* Reads from a view; past the end every value is zero or empty and `failed` is set. */
struct reader {
	struct view rest;
	bool failed;
};

/* Inline, for a frame or a row has many: with the width known each becomes a load and a turn of its bytes. */
static inline struct view read_bytes(struct reader *r, size_t n)
{
	if (r->failed || n > r->rest.n) {
		r->failed = true;
		return (struct view){ NULL, 0 };
	}
	struct view head = view_make(r->rest.p, n);
	r->rest = view_make(r->rest.p + n, r->rest.n - n);
	return head;
}

static inline uint8_t read_u8(struct reader *r)
{
	struct view v = read_bytes(r, 1);

	return v.p ? (uint8_t)v.p[0] : 0;
}

static inline uint16_t read_u16(struct reader *r)
{
	struct view v = read_bytes(r, 2);
	uint16_t big = 0;

	if (v.p)
		memcpy(&big, v.p, sizeof big);
	return be16toh(big);
}

static inline uint32_t read_u32(struct reader *r)
{
	struct view v = read_bytes(r, 4);
	uint32_t big = 0;

	if (v.p)
		memcpy(&big, v.p, sizeof big);
	return be32toh(big);
}

static inline uint64_t read_u64(struct reader *r)
{
	struct view v = read_bytes(r, 8);
	uint64_t big = 0;

	if (v.p)
		memcpy(&big, v.p, sizeof big);
	return be64toh(big);
}

/* u16 length, then bytes. */
static inline struct view read_view16(struct reader *r)
{
	return read_bytes(r, read_u16(r));
}

/* u32 length, then bytes. */
static inline struct view read_view32(struct reader *r)
{
	return read_bytes(r, read_u32(r));
}

static inline void put_u8(struct buf *b, uint8_t v)
{
	buf_addc(b, (char)v);
}

static inline void put_u16(struct buf *b, uint16_t v)
{
	uint16_t big = htobe16(v);

	buf_add(b, view_make(&big, sizeof big));
}

static inline void put_u32(struct buf *b, uint32_t v)
{
	uint32_t big = htobe32(v);

	buf_add(b, view_make(&big, sizeof big));
}

static inline void put_u64(struct buf *b, uint64_t v)
{
	uint64_t big = htobe64(v);

	buf_add(b, view_make(&big, sizeof big));
}

void put_view16(struct buf *b, struct view v); /* sets b->failed when longer than 65,535 */
void put_view32(struct buf *b, struct view v);

#endif
