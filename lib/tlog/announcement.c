/* See announcement.h. */
#include "lib/tlog/announcement.h"

static void print_text(const struct note_vkey *old, const struct note_vkey *next, struct buf *out)
{
	buf_add(out, ANNOUNCEMENT);
	buf_adds(out, "old ");
	note_vkey_print(old, out);
	buf_adds(out, "\nnew ");
	note_vkey_print(next, out);
	buf_addc(out, '\n');
}

bool announcement_make(const struct note_signer *old, const struct note_signer *next, struct buf *out)
{
	struct buf text = BUF_INIT(NOTE_MAX);

	print_text(&old->vkey, &next->vkey, &text);
	buf_add(out, buf_view(&text));
	buf_addc(out, '\n');
	bool ok = !text.failed && note_sign(old, buf_view(&text), out) && note_sign(next, buf_view(&text), out);
	buf_free(&text);
	return ok && !out->failed;
}

static bool take_key(struct view *rest, struct view word, struct note_vkey *out, struct error *e)
{
	struct view line = view_cut(rest, '\n');

	if (!view_starts(line, word))
		return error_set(e, REASON_TAMPERED, "an announcement has the old key and the new one, a line each");
	return note_vkey_parse(view_from(line, word.n), out, e) &&
	       (out->type == NOTE_ED25519 || error_set(e, REASON_TAMPERED, "an announced key is not a log's"));
}

/* The origin up to its epoch, and that. */
static bool take_epoch(const char *origin, struct view *node, unsigned long long *epoch)
{
	const char *slash = strrchr(origin, '/');

	if (!slash || !view_to_u64(view_of(slash + 1), INT64_MAX, epoch))
		return false;
	*node = view_make(origin, (size_t)(slash - origin));
	return true;
}

static bool is_later(const struct note_vkey *old, const struct note_vkey *next)
{
	struct view before, after;
	unsigned long long from, to;

	return take_epoch(old->name, &before, &from) && take_epoch(next->name, &after, &to) && view_eq(before, after) &&
	       to > from;
}

bool announcement_open(struct view note, struct note_vkey *old, struct note_vkey *next, struct error *e)
{
	struct view text, signatures;

	if (!note_split(note, &text, &signatures, e))
		return false;
	if (!view_starts(text, ANNOUNCEMENT))
		return error_set(e, REASON_TAMPERED, "this is not the announcement of a log's key");
	struct view rest = view_from(text, ANNOUNCEMENT.n);
	if (!take_key(&rest, VIEW("old "), old, e) || !take_key(&rest, VIEW("new "), next, e))
		return false;
	if (rest.n > 0)
		return error_set(e, REASON_TAMPERED, "an announcement has a line too many");
	if (!is_later(old, next))
		return error_set(e, REASON_TAMPERED, "an announced key is not of a later epoch of the same log");
	return note_verify(old, text, signatures, NULL, e) && note_verify(next, text, signatures, NULL, e);
}

bool announcement_follow(struct view note, const struct note_vkey *known, struct note_vkey *next, struct error *e)
{
	struct note_vkey old, found;

	if (!announcement_open(note, &old, &found, e))
		return false;
	if (!note_vkey_same(&old, known))
		return error_set(e, REASON_TAMPERED, "the announcement is of another log's key than %s+%08x",
		                 known->name, known->id);
	*next = found;
	return true;
}
