/* Paths of tiles and entry bundles (C2SP tlog-tiles, "Merkle Tree" and "Log entries"). */
#include "lib/tlog/tlog.h"

#define INDEX_MAX (UINT64_MAX >> 8)

void tlog_tile_path(const struct tlog_tile *tile, struct buf *out)
{
	unsigned groups[7], n = 0;
	uint64_t rest = tile->index;

	buf_adds(out, "tile/");
	if (tile->entries)
		buf_adds(out, "entries/");
	else
		buf_addf(out, "%u/", tile->level);
	do {
		groups[n++] = (unsigned)(rest % 1000);
		rest /= 1000;
	} while (rest > 0);
	while (n-- > 0)
		buf_addf(out, n > 0 ? "x%03u/" : "%03u", groups[n]);
	if (tile->width < TLOG_TILE_WIDTH)
		buf_addf(out, ".p/%u", tile->width);
}

/* Three digits after `at`. */
static bool three_digits(struct view v, unsigned *out)
{
	*out = 0;
	for (size_t i = 0; i < 3; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		*out = *out * 10 + (unsigned)(v.p[i] - '0');
	}
	return true;
}

static bool parse_index(struct view *rest, uint64_t *out)
{
	uint64_t index = 0;
	bool first = true;

	for (;; first = false) {
		bool more = rest->n > 0 && rest->p[0] == 'x';
		unsigned group;

		if (more)
			*rest = view_from(*rest, 1);
		if (rest->n < 3 || !three_digits(*rest, &group))
			return false;
		/* x000/001 would be a second name of 001. */
		if (first && more && group == 0)
			return false;
		if (index > (INDEX_MAX - group) / 1000)
			return false;
		index = index * 1000 + group;
		*rest = view_from(*rest, 3);
		if (!more)
			break;
		if (rest->n == 0 || rest->p[0] != '/')
			return false;
		*rest = view_from(*rest, 1);
	}
	*out = index;
	return true;
}

bool tlog_tile_parse(struct view path, struct tlog_tile *out)
{
	struct tlog_tile t = { .width = TLOG_TILE_WIDTH };
	unsigned long long number;

	if (!view_starts(path, VIEW("tile/")))
		return false;
	path = view_from(path, 5);
	struct view level = view_cut(&path, '/');
	if (view_is(level, "entries"))
		t.entries = true;
	else if (view_to_u64(level, 63, &number))
		t.level = (unsigned)number;
	else
		return false;
	if (!parse_index(&path, &t.index))
		return false;
	if (path.n > 0) {
		if (!view_starts(path, VIEW(".p/")) || !view_to_u64(view_from(path, 3), 255, &number) || number == 0)
			return false;
		t.width = (unsigned)number;
	}
	*out = t;
	return true;
}

unsigned tlog_tile_width(unsigned level, uint64_t index, uint64_t size)
{
	uint64_t hashes = level < 8 ? size >> (8 * level) : 0;

	if (index < hashes >> 8)
		return TLOG_TILE_WIDTH;
	return index == hashes >> 8 ? (unsigned)(hashes & 255) : 0;
}
