/* See wire.h. */
#include "lib/base/wire.h"

struct view read_bytes(struct reader *r, size_t n)
{
	if (r->failed || n > r->rest.n) {
		r->failed = true;
		return (struct view){ NULL, 0 };
	}
	struct view head = view_make(r->rest.p, n);
	r->rest = view_make(r->rest.p + n, r->rest.n - n);
	return head;
}

static uint64_t read_number(struct reader *r, size_t n)
{
	struct view v = read_bytes(r, n);
	uint64_t value = 0;

	for (size_t i = 0; i < v.n; i++)
		value = value << 8 | (unsigned char)v.p[i];
	return value;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}
uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}
uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}
uint64_t read_u64(struct reader *r)
{
	return read_number(r, 8);
}

struct view read_view16(struct reader *r)
{
	return read_bytes(r, read_u16(r));
}

struct view read_view32(struct reader *r)
{
	return read_bytes(r, read_u32(r));
}

static void put_number(struct buf *b, uint64_t v, size_t n)
{
	char *room = buf_room(b, n);

	if (!room)
		return;
	for (size_t i = 0; i < n; i++)
		room[i] = (char)(v >> (8 * (n - 1 - i)));
	b->n += n;
}

void put_u8(struct buf *b, uint8_t v)
{
	put_number(b, v, 1);
}
void put_u16(struct buf *b, uint16_t v)
{
	put_number(b, v, 2);
}
void put_u32(struct buf *b, uint32_t v)
{
	put_number(b, v, 4);
}
void put_u64(struct buf *b, uint64_t v)
{
	put_number(b, v, 8);
}

void put_view16(struct buf *b, struct view v)
{
	if (v.n > UINT16_MAX) {
		b->failed = true;
		return;
	}
	put_u16(b, (uint16_t)v.n);
	buf_add(b, v);
}

void put_view32(struct buf *b, struct view v)
{
	if (v.n > UINT32_MAX) {
		b->failed = true;
		return;
	}
	put_u32(b, (uint32_t)v.n);
	buf_add(b, v);
}
