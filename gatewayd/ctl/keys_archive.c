/* See keys_archive.h. */
#include "gatewayd/ctl/keys_archive.h"

#include <stdio.h>

#define BLOCK 512u

/* The fields of a header that are used. */
enum { NAME = 0, MODE = 100, SIZE = 124, CHECKSUM = 148, TYPE = 156, MAGIC = 257 };
#define NAME_SIZE 100

static unsigned checksum(const char *header)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : (unsigned char)header[i];
	return sum;
}

static void pad(struct buf *out)
{
	while (!out->failed && out->n % BLOCK)
		buf_addc(out, '\0');
}

bool archive_add(struct buf *out, const char *name, unsigned mode, struct view bytes, struct error *e)
{
	char header[BLOCK] = { 0 };

	if (strlen(name) >= NAME_SIZE || bytes.n > ARCHIVE_FILE_MAX)
		return error_at(e, REASON_TOO_LARGE, name, 0, 0, "is too large for an archive of keys");
	memcpy(header + NAME, name, strlen(name));
	snprintf(header + MODE, 8, "%07o", mode);
	memcpy(header + 108,
	       "0000000\0"
	       "0000000",
	       15); /* user and group */
	snprintf(header + SIZE, 12, "%011o", (unsigned)bytes.n);
	memcpy(header + 136, "00000000000", 11); /* time */
	header[TYPE] = '0';
	memcpy(header + MAGIC,
	       "ustar\0"
	       "00",
	       8);
	snprintf(header + CHECKSUM, 8, "%06o", checksum(header));
	header[CHECKSUM + 7] = ' ';
	buf_add(out, view_make(header, sizeof header));
	buf_add(out, bytes);
	pad(out);
	return !out->failed || error_set(e, REASON_TOO_LARGE, "the archive of keys is too large");
}

bool archive_end(struct buf *out, struct error *e)
{
	static const char end[2 * BLOCK];

	buf_add(out, view_make(end, sizeof end));
	return !out->failed || error_set(e, REASON_TOO_LARGE, "the archive of keys is too large");
}

static bool octal(const char *at, unsigned digits, unsigned *out)
{
	*out = 0;
	for (unsigned i = 0; i < digits; i++) {
		if (at[i] < '0' || at[i] > '7')
			return false;
		*out = *out * 8 + (unsigned)(at[i] - '0');
	}
	return true;
}

static bool malformed(struct error *e)
{
	return error_set(e, REASON_TAMPERED, "the archive of keys is damaged");
}

bool archive_each(struct view archive, bool (*each)(void *arg, struct view name, struct view bytes, struct error *e),
                  void *arg, struct error *e)
{
	while (archive.n >= BLOCK && archive.p[0]) {
		const char *header = archive.p;
		unsigned sum, size;

		if (!octal(header + CHECKSUM, 6, &sum) || sum != checksum(header) || !octal(header + SIZE, 11, &size) ||
		    header[TYPE] != '0' || header[NAME_SIZE - 1] || size > archive.n - BLOCK)
			return malformed(e);
		if (!each(arg, view_of(header), view_make(header + BLOCK, size), e))
			return false;
		archive = view_from(archive, BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK);
	}
	return archive.n >= 2 * BLOCK || malformed(e);
}
