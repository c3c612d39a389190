/* See entry_proof.h. */
#include "gatewayd/core/commit/entry_proof.h"

#include <stdio.h>

#include "gatewayd/core/store/log.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/tiles.h"

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

static bool prove(struct store *reader, uint64_t index, struct receipt *out, struct buf *note, struct error *e)
{
	struct receipt r = { .index = index };
	struct view found;
	uint64_t size;

	if (!store_get_checkpoint(reader, index, &size, &found, e))
		return false;
	buf_add(note, found);
	struct tiles *tiles = tiles_new(size, read_tile, reader, e);
	if (!tiles)
		return false;
	bool ok = tlog_prove_inclusion(index, size, tiles_read, tiles, r.proof, &r.n);
	tiles_free(tiles);
	if (!ok)
		return error_set(e, REASON_TAMPERED, "entry %llu cannot be proved from the stored tiles",
		                 (unsigned long long)index);
	r.checkpoint = buf_view(note);
	*out = r;
	return !note->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

bool proof_read(struct store *reader, uint64_t entry, struct receipt *out, struct buf *note, struct error *e)
{
	uint64_t log = store_log(reader);

	if (!store_use_log(reader, store_entry_log(entry), e))
		return false;
	bool ok = prove(reader, store_entry_index(entry), out, note, e);
	return store_use_log(reader, log, e) && ok;
}

bool proof_of_entry(struct store *reader, uint64_t entry, bool with_leaf, struct buf *leaf, struct buf *receipt,
                    struct error *e)
{
	struct buf note = BUF_INIT(65536);
	struct receipt r;
	struct view found, packed;
	bool ok = proof_read(reader, entry, &r, &note, e) && store_find_entry(reader, entry, &found, &packed, e);

	if (ok) {
		receipt_print(&r, with_leaf ? found : VIEW(""), receipt);
		if (leaf)
			buf_add(leaf, found);
		ok = (!receipt->failed && !(leaf && leaf->failed)) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	buf_free(&note);
	return ok;
}

void proof_leaf_member(const struct tape *leaf, const char *name, char *out, size_t size)
{
	uint32_t value = tape_member(leaf, 0, view_of(name));
	struct view text = value && leaf->nodes[value].type == TAPE_STRING ? tape_string(leaf, value) : VIEW("");

	snprintf(out, size, "%.*s", VIEW_ARG(text));
}

bool proof_leaf_says(const struct tape *leaf, const char *name, const char *want)
{
	uint32_t value = tape_member(leaf, 0, view_of(name));

	return want[0] && value && leaf->nodes[value].type == TAPE_STRING && view_is(tape_string(leaf, value), want);
}

bool proof_leaf_refuses(const struct tape *leaf, const char *input)
{
	uint32_t final = tape_member(leaf, 0, VIEW("final"));

	return final && leaf->nodes[final].type == TAPE_TRUE &&
	       proof_leaf_says(leaf, "operation", operation_name(OPERATION_REFUSAL)) &&
	       proof_leaf_says(leaf, "input", input);
}
