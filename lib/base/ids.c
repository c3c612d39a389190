/* See ids.h. */
#include "lib/base/ids.h"

#include "lib/base/encode.h"

void wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

void wipe_registers(void)
{
	static const char zeros[4096];
	static const size_t sizes[] = { 4096, 1024, 512, 256, 128, 64, 32, 16 };
	void *(*volatile copy)(void *, const void *, size_t) = memmove;
	char to[sizeof zeros];

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		copy(to, zeros, sizes[i]);
}

bool same_secret(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	unsigned char different = 0;

	for (size_t i = 0; i < n; i++)
		different |= x[i] ^ y[i];
	return different == 0;
}

struct uuid uuid_v7(int64_t now_ms, const uint8_t random[10])
{
	struct uuid u;

	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
	memcpy(u.b + 6, random, 10);
	u.b[6] = (uint8_t)(0x70 | (u.b[6] & 0x0f));
	u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
	return u;
}

int64_t uuid_time_ms(const struct uuid *u)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | u->b[i];
	return ms;
}

void uuid_print(const struct uuid *u, char out[UUID_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t k = 0;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[k++] = '-';
		out[k++] = digits[u->b[i] >> 4];
		out[k++] = digits[u->b[i] & 15];
	}
	out[k] = 0;
}

bool uuid_parse(struct view text, struct uuid *out)
{
	struct uuid u;
	size_t at = 0, n;

	if (text.n != UUID_TEXT)
		return false;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			if (text.p[at] != '-')
				return false;
			at++;
		}
		if (!hex_decode(view_make(text.p + at, 2), &u.b[i], 1, &n))
			return false;
		at += 2;
	}
	*out = u;
	return true;
}

void digest_print(struct buf *out, const struct digest *d)
{
	hex_encode(out, view_make(d->b, sizeof d->b));
}

bool digest_parse(struct view text, struct digest *out)
{
	struct digest d;
	size_t n;

	if (text.n != 64 || !hex_decode(text, d.b, sizeof d.b, &n))
		return false;
	*out = d;
	return true;
}
