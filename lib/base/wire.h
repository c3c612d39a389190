/* Reading and writing small binary messages: big-endian integers and length-prefixed bytes. Both
 * cursors have a sticky error that is checked once at the end. Any thread, one at a time. */
#ifndef GATEWAY_BASE_WIRE_H
#define GATEWAY_BASE_WIRE_H

#include <stdint.h>

#include "lib/base/buf.h"

/* Reads from a view; past the end every value is zero or empty and `failed` is set. */
struct reader {
	struct view rest;
	bool failed;
};

uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct view read_bytes(struct reader *r, size_t n);
struct view read_view16(struct reader *r); /* u16 length, then bytes */
struct view read_view32(struct reader *r); /* u32 length, then bytes */

void put_u8(struct buf *b, uint8_t v);
void put_u16(struct buf *b, uint16_t v);
void put_u32(struct buf *b, uint32_t v);
void put_u64(struct buf *b, uint64_t v);
void put_view16(struct buf *b, struct view v); /* sets b->failed when longer than 65,535 */
void put_view32(struct buf *b, struct view v);

#endif
