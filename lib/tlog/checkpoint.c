/* C2SP tlog-checkpoint: a note of origin, size and root. */
#include "lib/base/encode.h"
#include "lib/tlog/note.h"

void checkpoint_text(const struct checkpoint *c, struct buf *out)
{
	buf_add(out, c->origin);
	buf_addc(out, '\n');
	buf_addu(out, c->size);
	buf_addc(out, '\n');
	base64_encode(out, view_make(c->root.b, sizeof c->root.b));
	buf_addc(out, '\n');
}

bool checkpoint_parse(struct view text, struct checkpoint *out, struct error *e)
{
	struct checkpoint c;
	unsigned long long size;
	size_t n;

	if (text.n == 0 || text.p[text.n - 1] != '\n')
		return error_set(e, REASON_TAMPERED, "the checkpoint does not end with a newline");
	struct view rest = view_make(text.p, text.n - 1);
	c.origin = view_cut(&rest, '\n');
	struct view number = view_cut(&rest, '\n');
	struct view root = view_cut(&rest, '\n');
	if (c.origin.n == 0)
		return error_set(e, REASON_TAMPERED, "the checkpoint has no origin");
	if (!view_to_u64(number, INT64_MAX, &size))
		return error_set(e, REASON_TAMPERED, "the checkpoint's size is not a decimal number");
	c.size = size;
	if (!base64_decode(root, c.root.b, sizeof c.root.b, &n) || n != sizeof c.root.b)
		return error_set(e, REASON_TAMPERED, "the checkpoint's root is not a SHA-256 digest in base64");
	while (rest.p)
		if (view_cut(&rest, '\n').n == 0)
			return error_set(e, REASON_TAMPERED, "the checkpoint has an empty extension line");
	*out = c;
	return true;
}

bool checkpoint_open(struct view note, const struct note_vkey *log, struct checkpoint *out, struct error *e)
{
	struct view text, signatures;
	struct checkpoint c;

	if (!note_split(note, &text, &signatures, e) || !note_verify(log, text, signatures, NULL, e) ||
	    !checkpoint_parse(text, &c, e))
		return false;
	if (!view_is(c.origin, log->name))
		return error_set(e, REASON_TAMPERED, "the checkpoint is of another log than %s", log->name);
	*out = c;
	return true;
}
