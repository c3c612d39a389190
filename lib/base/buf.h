/* A growable byte buffer that names its ceiling when it is made. The error is sticky: after one
 * addition did not fit (or memory ran out) `failed` is set, later additions do nothing and the
 * caller checks once at the end. A zeroed buf with max set is a valid empty one. One thread at a
 * time. */
#ifndef GATEWAY_BASE_BUF_H
#define GATEWAY_BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "lib/base/view.h"

struct buf {
	char *p;
	size_t n;
	size_t cap;
	size_t max;
	size_t high; /* bytes from the start that there was room given in: what there is to overwrite */
	bool failed;
};

#define BUF_INIT(ceiling) ((struct buf){ .max = (ceiling) })

void buf_free(struct buf *b);  /* frees the bytes; the buf may be used again */
void buf_wipe(struct buf *b);  /* overwrites the bytes, then frees them */
void buf_clear(struct buf *b); /* overwrites the bytes, those before earlier resets too; empty again, memory kept */
void buf_reset(struct buf *b); /* empty again, memory kept, error cleared */
/* Memory for `n` bytes in all, if there is as much: additions up to there move nothing. Gives no room. */
void buf_reserve(struct buf *b, size_t n);
/* What buf_room does where memory has to grow or the error is set. */
char *buf_grow(struct buf *b, size_t n);

/* Room for `n` more bytes at the end, none included, or NULL (and `failed`). The caller adds to b->n itself, and writes nowhere
 * else. These four are inline: texts are put together from many short pieces. */
static inline char *buf_room(struct buf *b, size_t n)
{
	if (!b->failed && b->p && n <= b->cap - b->n && b->n + n <= b->max) {
		if (b->n + n > b->high)
			b->high = b->n + n;
		return b->p + b->n;
	}
	return buf_grow(b, n);
}

static inline void buf_add(struct buf *b, struct view v)
{
	char *room = v.n > 0 ? buf_room(b, v.n) : NULL;

	if (!room)
		return;
	memcpy(room, v.p, v.n);
	b->n += v.n;
}

static inline void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, view_of(s));
}

static inline void buf_addc(struct buf *b, char c)
{
	char *room = buf_room(b, 1);

	if (!room)
		return;
	*room = c;
	b->n++;
}

void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void buf_addu(struct buf *b, uint64_t number); /* decimal */
/* A JSON string token with its quotes, in the one shortest escaping (RFC 8785 section 3.2.2.2). `v` must be
 * valid UTF-8; control characters, quotes and backslashes are escaped, nothing else is. */
void buf_add_json_string(struct buf *b, struct view v);
/* Drops the first `n` bytes. */
void buf_drop(struct buf *b, size_t n);

static inline struct view buf_view(const struct buf *b)
{
	return view_make(b->p, b->n);
}

#endif
