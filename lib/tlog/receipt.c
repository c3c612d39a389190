/* C2SP tlog-proof. The specification leaves the meaning of the `extra` line to the application and says that
 * it is not authenticated: here it is the entry itself, which the inclusion proof then authenticates. */
#include "lib/base/encode.h"
#include "lib/tlog/receipt.h"

void receipt_print(const struct receipt *r, struct view entry, struct buf *out)
{
	buf_adds(out, RECEIPT_HEADER "\n");
	if (entry.n > 0) {
		buf_adds(out, "extra ");
		base64_encode(out, entry);
		buf_addc(out, '\n');
	}
	buf_adds(out, "index ");
	buf_addu(out, r->index);
	buf_addc(out, '\n');
	for (unsigned i = 0; i < r->n; i++) {
		base64_encode(out, view_make(r->proof[i].b, sizeof r->proof[i].b));
		buf_addc(out, '\n');
	}
	buf_addc(out, '\n');
	buf_add(out, r->checkpoint);
}

static bool parse_extra(struct view line, struct buf *scratch, struct view *entry, struct error *e)
{
	struct view text = view_from(line, strlen("extra "));
	size_t max = text.n / 4 * 3, n;

	buf_reset(scratch);
	char *room = buf_room(scratch, max ? max : 1);
	if (!room)
		return error_set(e, REASON_NO_MEMORY, "no memory for the receipt's extra line");
	if (!base64_decode(text, room, max, &n) || n == 0)
		return error_set(e, REASON_TAMPERED, "the receipt's extra line is not canonical base64");
	scratch->n += n;
	*entry = view_make(room, n);
	return true;
}

bool receipt_parse(struct view text, struct buf *scratch, struct receipt *out, struct view *entry, struct error *e)
{
	struct view rest = text, extra = view_make(NULL, 0);
	unsigned long long index;

	if (!view_is(view_cut(&rest, '\n'), RECEIPT_HEADER) || !rest.p)
		return error_set(e, REASON_TAMPERED, "the receipt does not start with " RECEIPT_HEADER);
	struct view line = view_cut(&rest, '\n');
	if (view_starts(line, VIEW("extra "))) {
		if (!parse_extra(line, scratch, &extra, e))
			return false;
		line = view_cut(&rest, '\n');
	}
	if (!view_starts(line, VIEW("index ")) || !view_to_u64(view_from(line, 6), INT64_MAX, &index))
		return error_set(e, REASON_TAMPERED, "the receipt has no index line");
	out->index = index;
	out->n = 0;
	while (rest.p && (line = view_cut(&rest, '\n')).n > 0) {
		size_t n;

		if (out->n == TLOG_PROOF_MAX)
			return error_set(e, REASON_TAMPERED, "the receipt has more than %d hashes", TLOG_PROOF_MAX);
		struct digest *d = &out->proof[out->n++];
		if (!base64_decode(line, d->b, sizeof d->b, &n) || n != sizeof d->b)
			return error_set(e, REASON_TAMPERED, "hash %u of the receipt is not a SHA-256 digest in base64",
			                 out->n);
	}
	if (!rest.p || rest.n == 0)
		return error_set(e, REASON_TAMPERED, "the receipt has no checkpoint");
	out->checkpoint = rest;
	*entry = extra;
	return true;
}

bool receipt_verify(const struct receipt *r, struct view entry, const struct note_vkey *log, struct error *e)
{
	struct tlog_path none = { .size = 0, .n = 0 };
	struct checkpoint c;

	return checkpoint_open(r->checkpoint, log, &c, e) && receipt_includes(r, entry, &c, &none, e);
}

bool receipt_includes(const struct receipt *r, struct view entry, const struct checkpoint *c, struct tlog_path *known,
                      struct error *e)
{
	struct digest leaf;

	tlog_leaf_hash(entry, &leaf);
	if (!tlog_path_check(known, r->index, c->size, &leaf, r->proof, r->n, &c->root))
		return error_set(e, REASON_TAMPERED,
		                 "the entry is not the one at index %llu of the log that the checkpoint signs",
		                 (unsigned long long)r->index);
	return true;
}
