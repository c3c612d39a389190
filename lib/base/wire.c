/* See wire.h. */
#include "lib/base/wire.h"

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
