/* libFuzzer target: any bytes as a tile's path, which prints the same again; and as the stored tiles of a log, from which its tiles
 * are read: whatever they hold, root and proofs of its entries fit each other. */
#include "lib/base/wire.h"
#include "lib/tlog/tiles.h"
#include "test/fuzz/target.h"

static void check_path(struct view in)
{
	struct buf out = BUF_INIT(200);
	struct tlog_tile t;

	if (tlog_tile_parse(in, &t)) {
		must(t.width >= 1 && t.width <= TLOG_TILE_WIDTH && t.level < TLOG_LEVELS);
		tlog_tile_path(&t, &out);
		must(view_eq(buf_view(&out), in));
		must(tlog_tile_width(t.level, t.index, 1000) <= TLOG_TILE_WIDTH);
	}
	buf_free(&out);
}

/* Every tile is the next bytes of the input: as many as it says, and no more. */
struct stored {
	struct view rest, last;
};

static bool next_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct stored *s = arg;

	(void)index;
	if (s->rest.n == 0)
		return error_set(e, REASON_NOT_FOUND, "no tile of level %u", level);
	size_t n = (size_t)first_byte(&s->rest) * 32;
	n = n < s->rest.n ? n : s->rest.n;
	exact_free(s->last);
	*hashes = s->last = exact(view_make(s->rest.p, n));
	s->rest = view_from(s->rest, n);
	return true;
}

static void check_stored(uint64_t size, struct view in)
{
	struct stored s = { .rest = in };
	struct error e = { .reason = REASON_NONE };
	struct digest leaf = { .b = { 9 } }, root, proof[TLOG_PROOF_MAX];
	unsigned n;

	struct tiles *t = tiles_new(size, next_tile, &s, &e);
	must((t != NULL) == (e.reason == REASON_NONE));
	if (t) {
		must(tiles_size(t) == size && tiles_append(t, &leaf));
		tiles_root(t, &root);
		if (tiles_prove(t, size, size + 1, proof, &n))
			must(tlog_check_inclusion(size, size + 1, &leaf, proof, n, &root));
		tiles_rollback(t, size);
		must(tiles_size(t) == size);
	}
	tiles_free(t);
	exact_free(s.last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = exact(view_make(data, size));
	struct reader r = { .rest = text };

	check_path(text);
	uint64_t entries = read_u32(&r);
	check_stored(entries, r.rest);
	exact_free(text);
	return 0;
}
