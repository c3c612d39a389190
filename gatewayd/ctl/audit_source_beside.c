/* What a log's source has beside the log: its newest timestamp, and the shapes that decisions name. See audit_source.c. */
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/ctl/audit_source_private.h"
#include "lib/policy/shape.h"

/* --- its timestamp --- */

static bool stored_timestamp(struct store *s, struct buf *note, struct buf *response, struct error *e)
{
	struct view found;
	uint64_t size, covered;

	if (!store_timestamped(s, &size, e))
		return false;
	if (size == 0)
		return error_set(e, REASON_NOT_FOUND, "no timestamp");
	if (!store_get_checkpoint(s, size - 1, &covered, &found, e))
		return false;
	buf_add(note, found);
	if (!store_get_timestamp(s, size, &found, e))
		return false;
	buf_add(response, found);
	return true;
}

bool audit_source_timestamp(struct audit_source *s, struct buf *note, struct buf *response, struct error *e)
{
	struct error inner = { 0 };
	bool ok = s->store ? stored_timestamp(s->store, note, response, &inner)
	                   : audit_files_timestamp(s->files, note, response, &inner);

	if (!ok && inner.reason == REASON_NOT_FOUND)
		return error_set(e, REASON_NOT_FOUND, "the log has no timestamp");
	if (!ok)
		return error_set(e, inner.reason, "%s", inner.text);
	return (!note->failed && !response->failed) || error_set(e, REASON_NO_MEMORY, "no memory");
}

/* --- its shapes --- */

static bool add_stored(void *arg, const struct store_shape *shape)
{
	return audit_shapes_add(arg, &shape->digest, shape->text);
}

static bool add_lines(struct audit_shapes *to, struct view lines)
{
	while (lines.n > 0) {
		struct view line = view_cut(&lines, '\n');
		struct digest d;

		sha256(line, &d);
		if (!audit_shapes_add(to, &d, line))
			return false;
	}
	return true;
}

/* A directory without them is of a log whose decisions name none. */
static bool read_shapes(struct audit_source *s, struct audit_shapes *to, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(AUDIT_SHAPES_MAX);
	bool ok = source_take_file(s, AUDIT_SHAPES, AUDIT_SHAPES_MAX, &text, &inner);

	if (!ok)
		ok = inner.reason == REASON_NOT_FOUND || error_set(e, inner.reason, "%s", inner.text);
	else
		ok = (!text.failed && add_lines(to, buf_view(&text))) ||
		     error_set(e, REASON_NO_MEMORY, "no memory for shapes");
	buf_free(&text);
	return ok;
}

bool audit_source_shapes(struct audit_source *s, struct audit_shapes *to, struct error *e)
{
	if (!s->store)
		return read_shapes(s, to, e);
	return store_list_shapes(s->store, add_stored, to, e) &&
	       (!audit_shapes_failed(to) || error_set(e, REASON_NO_MEMORY, "no memory for shapes"));
}

bool source_named(void *arg, uint64_t index, struct view packed, struct error *e)
{
	struct audit_source *s = arg;
	struct digest named;
	struct view text;

	if (s->store)
		return shape_is_whole(s->store, index, packed, e);
	if (!shape_named(packed, &named))
		return true;
	if (!s->shapes) {
		s->shapes = audit_shapes_new();
		if (!s->shapes)
			return error_set(e, REASON_NO_MEMORY, "no memory for shapes");
		if (!read_shapes(s, s->shapes, e))
			return false;
	}
	return shape_is_named(&named, audit_shapes_find(s->shapes, &named, &text) ? &text : NULL, e);
}
