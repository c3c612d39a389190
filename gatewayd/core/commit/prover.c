/* See prover.h. */
#include "gatewayd/core/commit/prover.h"

#include <stdlib.h>

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/log.h"
#include "lib/tlog/tiles.h"

struct prover {
	struct store *reader;
	uint64_t log;
	struct tiles *tiles; /* of the tree that `note` signs; NULL: nothing is in memory */
	struct buf note;
};

struct prover *prover_new(struct store *reader)
{
	struct prover *p = calloc(1, sizeof *p);

	if (p)
		*p = (struct prover){ .reader = reader, .note = BUF_INIT(NOTE_MAX) };
	return p;
}

static void forget(struct prover *p)
{
	tiles_free(p->tiles);
	p->tiles = NULL;
	buf_reset(&p->note);
}

void prover_free(struct prover *p)
{
	if (!p)
		return;
	forget(p);
	buf_free(&p->note);
	free(p);
}

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

static bool read_newest(struct prover *p, struct error *e)
{
	struct view note;
	uint64_t size;

	forget(p);
	if (!store_last_checkpoint(p->reader, &size, &note, e))
		return false;
	buf_add(&p->note, note);
	if (p->note.failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	p->log = store_log(p->reader);
	p->tiles = tiles_new(size, read_tile, p->reader, e);
	return p->tiles != NULL;
}

static bool covers(const struct prover *p, uint64_t index)
{
	return p->tiles && p->log == store_log(p->reader) && index < tiles_size(p->tiles);
}

static bool prove(struct prover *p, uint64_t index, struct receipt *out, struct error *e)
{
	if (!covers(p, index) && !read_newest(p, e))
		return false;
	*out = (struct receipt){ .index = index, .checkpoint = buf_view(&p->note) };
	if (tiles_prove(p->tiles, index, tiles_size(p->tiles), out->proof, &out->n))
		return true;
	forget(p);
	return error_set(e, REASON_TAMPERED, "entry %llu cannot be proved from the stored tiles",
	                 (unsigned long long)index);
}

bool prover_entry(struct prover *p, uint64_t entry, struct buf *leaf, struct buf *receipt, struct error *e)
{
	struct view found;
	struct receipt r;

	if (store_entry_log(entry) != store_log(p->reader))
		return proof_of_entry(p->reader, entry, false, leaf, receipt, e);
	if (!prove(p, store_entry_index(entry), &r, e) || !store_find_entry(p->reader, entry, &found, NULL, e))
		return false;
	receipt_print(&r, VIEW(""), receipt);
	buf_add(leaf, found);
	return (!receipt->failed && !leaf->failed) || error_set(e, REASON_NO_MEMORY, "memory ran out");
}
