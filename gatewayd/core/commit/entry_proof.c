/* See entry_proof.h. */
#include "gatewayd/core/commit/entry_proof.h"

#include <stdio.h>
#include <stdlib.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/witness.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/tiles.h"

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

/* The checkpoint that covers the entry first, its commit's. */
static bool take_own(struct store *reader, uint64_t index, uint64_t *size, struct buf *note, struct error *e)
{
	struct view found;

	if (!store_get_checkpoint(reader, index, size, &found, e))
		return false;
	buf_add(note, found);
	return true;
}

static bool add_line(void *arg, struct view line)
{
	buf_add(arg, line);
	return true;
}

bool proof_cosigned(struct store *reader, uint64_t *size, struct buf *note, struct error *e)
{
	uint64_t cosigned;

	if (!store_cosigned(reader, &cosigned, e))
		return false;
	*size = cosigned;
	return cosigned == 0 || (take_own(reader, cosigned - 1, size, note, e) &&
	                         store_list_cosignatures(reader, *size, add_line, note, e));
}

static bool take_cosigned(struct store *reader, uint64_t index, uint64_t *size, struct buf *note, struct error *e)
{
	if (!proof_cosigned(reader, size, note, e))
		return false;
	if (*size > index)
		return true;
	buf_reset(note);
	return take_own(reader, index, size, note, e) && store_list_cosignatures(reader, *size, add_line, note, e);
}

typedef bool take_fn(struct store *reader, uint64_t index, uint64_t *size, struct buf *note, struct error *e);

static bool prove(struct store *reader, uint64_t index, take_fn *take, struct receipt *out, struct buf *note,
                  struct error *e)
{
	struct receipt r = { .index = index };
	uint64_t size;

	if (!take(reader, index, &size, note, e))
		return false;
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

static bool prove_entry(struct store *reader, uint64_t entry, take_fn *take, struct receipt *out, struct buf *note,
                        struct error *e)
{
	uint64_t log = store_log(reader);

	if (!store_use_log(reader, store_entry_log(entry), e))
		return false;
	bool ok = prove(reader, store_entry_index(entry), take, out, note, e);
	return store_use_log(reader, log, e) && ok;
}

bool proof_read(struct store *reader, uint64_t entry, struct receipt *out, struct buf *note, struct error *e)
{
	return prove_entry(reader, entry, take_own, out, note, e);
}

static bool print(struct store *reader, uint64_t entry, take_fn *take, bool with_leaf, struct buf *leaf,
                  struct buf *receipt, struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX);
	struct receipt r;
	struct view found;
	bool ok = prove_entry(reader, entry, take, &r, &note, e) && store_find_entry(reader, entry, &found, NULL, e);

	if (ok) {
		receipt_print(&r, with_leaf ? found : VIEW(""), receipt);
		if (leaf)
			buf_add(leaf, found);
		ok = (!receipt->failed && !(leaf && leaf->failed)) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	buf_free(&note);
	return ok;
}

bool proof_of_entry(struct store *reader, uint64_t entry, bool with_leaf, struct buf *leaf, struct buf *receipt,
                    struct error *e)
{
	return print(reader, entry, take_own, with_leaf, leaf, receipt, e);
}

bool proof_for_outsiders(struct store *reader, uint64_t entry, struct buf *receipt, struct error *e)
{
	return print(reader, entry, take_cosigned, true, NULL, receipt, e);
}

/* --- many --- */

/* One signed tree with what was read of it. */
struct signed_tree {
	struct buf note;
	uint64_t size;
	struct tiles *tiles; /* NULL: it is empty, or was not read */
};

struct outsider_proofs {
	struct store *reader;
	bool read;
	struct signed_tree cosigned, newest;
};

struct outsider_proofs *outsider_proofs_new(struct store *reader)
{
	struct outsider_proofs *p = calloc(1, sizeof *p);

	if (p) {
		p->reader = reader;
		p->cosigned.note = BUF_INIT(NOTE_MAX);
		p->newest.note = BUF_INIT(NOTE_MAX);
	}
	return p;
}

static void tree_free(struct signed_tree *t)
{
	tiles_free(t->tiles);
	buf_free(&t->note);
}

void outsider_proofs_free(struct outsider_proofs *p)
{
	if (!p)
		return;
	tree_free(&p->cosigned);
	tree_free(&p->newest);
	free(p);
}

static bool tree_read(struct outsider_proofs *p, struct signed_tree *t, struct error *e)
{
	if (t->note.failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (t->size > 0)
		t->tiles = tiles_new(t->size, read_tile, p->reader, e);
	return t->size == 0 || t->tiles != NULL;
}

/* The newest second: then it covers what is there already. */
static bool trees_read(struct outsider_proofs *p, struct error *e)
{
	struct view note;

	if (!proof_cosigned(p->reader, &p->cosigned.size, &p->cosigned.note, e) || !tree_read(p, &p->cosigned, e) ||
	    !store_last_checkpoint(p->reader, &p->newest.size, &note, e))
		return false;
	buf_add(&p->newest.note, note);
	return tree_read(p, &p->newest, e);
}

bool outsider_proof(struct outsider_proofs *p, uint64_t index, struct buf *receipt, struct error *e)
{
	struct receipt r = { .index = index };
	struct view leaf;

	if (!p->read && !trees_read(p, e))
		return false;
	p->read = true;
	struct signed_tree *t = index < p->cosigned.size ? &p->cosigned : &p->newest;
	if (index >= t->size || !tlog_prove_inclusion(index, t->size, tiles_read, t->tiles, r.proof, &r.n))
		return error_set(e, REASON_TAMPERED, "entry %llu cannot be proved from the stored tiles",
		                 (unsigned long long)index);
	r.checkpoint = buf_view(&t->note);
	if (!store_get_entry(p->reader, index, &leaf, NULL, e))
		return false;
	receipt_print(&r, leaf, receipt);
	return !receipt->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

void proof_leaf_member(const struct tape *leaf, const char *name, char *out, size_t size)
{
	uint32_t value = tape_member(leaf, 0, view_of(name));
	struct view text = value && leaf->nodes[value].type == TAPE_STRING ? tape_string(leaf, value) : VIEW("");

	view_keep(out, size, text);
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
