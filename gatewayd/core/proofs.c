/* See proofs.h. */
#include "gatewayd/core/proofs.h"

#include "lib/tlog/receipt.h"
#include "lib/tlog/tiles.h"

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

bool proof_of_entry(struct store *reader, uint64_t index, bool with_leaf, struct buf *leaf, struct buf *receipt,
                    struct error *e)
{
	struct buf note = BUF_INIT(65536), bytes = BUF_INIT(1 << 20);
	struct receipt r = { .index = index };
	struct view found, packed;
	struct tiles *tiles = NULL;
	uint64_t size;
	bool ok = false;

	if (!store_get_checkpoint(reader, index, &size, &found, e))
		goto out;
	buf_add(&note, found);
	if (!store_get_entry(reader, index, &found, &packed, e))
		goto out;
	buf_add(&bytes, found);
	tiles = tiles_new(size, read_tile, reader, e);
	if (!tiles)
		goto out;
	if (!tlog_prove_inclusion(index, size, tiles_read, tiles, r.proof, &r.n)) {
		error_set(e, REASON_TAMPERED, "entry %llu cannot be proved from the stored tiles", (unsigned long long)index);
		goto out;
	}
	r.checkpoint = buf_view(&note);
	receipt_print(&r, with_leaf ? buf_view(&bytes) : VIEW(""), receipt);
	if (leaf)
		buf_add(leaf, buf_view(&bytes));
	ok = !note.failed && !bytes.failed && !receipt->failed && !(leaf && leaf->failed);
	if (!ok)
		error_set(e, REASON_NO_MEMORY, "memory ran out");
out:
	tiles_free(tiles);
	buf_free(&note);
	buf_free(&bytes);
	return ok;
}
