/* The timestamp of a log that is verified. See audit.h. */
#include "gatewayd/ctl/audit.h"
#include "lib/crypto/timestamp.h"

#define AUTHORITIES_MAX (1024 * 1024)

static bool read_hash(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	const struct verify_source *v = arg;
	struct error e = { 0 };

	return tiles_read_stored(v->tile, v->arg, level, index, out, &e);
}

/* The verified tree is the one that the older checkpoint covers, as far as that goes. */
static bool continues(struct audit_source *s, const struct checkpoint *now, const struct checkpoint *old,
                      struct error *e)
{
	struct verify_source v;
	struct digest root;

	if (old->size == 0 || old->size > now->size || !view_eq(old->origin, now->origin))
		return error_set(e, REASON_TAMPERED, "the timestamp is of a checkpoint that is not this log's");
	audit_source_callbacks(s, &v);
	if (!tlog_range_hash(0, old->size, read_hash, &v, &root))
		return error_set(e, REASON_TAMPERED, "the root of the stamped checkpoint cannot be computed");
	return digest_eq(&root, &old->root) ||
	       error_set(e, REASON_TAMPERED, "the timestamp is of a checkpoint that this log does not continue");
}

static bool check(struct audit_source *s, const struct note_vkey *log, const struct checkpoint *now, struct view note,
                  struct view response, struct view authorities, struct audit_timestamp *out, struct error *e)
{
	struct error inner = { 0 };
	struct view text, signatures;
	struct checkpoint old;
	struct digest imprint;

	if (!note_split(note, &text, &signatures, e) || !checkpoint_open(note, log, &old, e) ||
	    !continues(s, now, &old, e))
		return false;
	sha256(text, &imprint);
	if (!timestamp_verify(response, &imprint, NULL, authorities, &out->time_ms, &inner))
		return error_set(e, inner.reason == REASON_SIGNATURE ? REASON_TAMPERED : inner.reason, "%s",
		                 inner.text);
	out->size = old.size;
	return true;
}

bool audit_timestamp_check(struct audit_source *s, const struct note_vkey *log, const struct checkpoint *now,
                           const char *authorities, struct audit_timestamp *out, struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX), response = BUF_INIT(TIMESTAMP_MAX);
	struct error inner = { 0 };
	char *pem = NULL;
	size_t n;
	bool ok = ctl_read_file(authorities, AUTHORITIES_MAX, &pem, &n, e);

	if (ok && !audit_source_timestamp(s, &note, &response, &inner))
		ok = error_set(e, inner.reason == REASON_NOT_FOUND ? REASON_TAMPERED : inner.reason, "%s", inner.text);
	ok = ok && check(s, log, now, buf_view(&note), buf_view(&response), view_make(pem, n), out, e);
	free(pem);
	buf_free(&note);
	buf_free(&response);
	return ok;
}
