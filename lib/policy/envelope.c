/* Reading an envelope off the tape. The schema says what is there and of what type; here members become
 * views, and the bytes of an origin are decoded. */
#include "lib/policy/envelope.h"

#include "lib/base/encode.h"

static bool first_fault(void *arg, const struct schema_fault *f)
{
	struct error *e = arg;
	char where[200];

	snprintf(where, sizeof where, "%.*s", VIEW_ARG(f->pointer));
	error_at(e, REASON_ENVELOPE_INVALID, where, 0, 0, "%.*s: %.*s", VIEW_ARG(f->keyword), VIEW_ARG(f->message));
	return false;
}

static struct view text_member(const struct tape *t, uint32_t object, struct view name)
{
	uint32_t node = tape_member(t, object, name);

	return node ? tape_string(t, node) : (struct view){ NULL, 0 };
}

static bool refuse(struct error *e, const char *where, const char *what)
{
	return error_at(e, REASON_ENVELOPE_INVALID, where, 0, 0, "%s", what);
}

/* Base64 in `text`, appended to `scratch`; *at and *n say where, for the buffer may still move. */
static bool decode(struct view text, struct buf *scratch, size_t *at, size_t *n)
{
	size_t room = text.n / 4 * 3 + 3;
	char *p = buf_room(scratch, room);

	if (!p || !base64_decode(text, p, room, n))
		return false;
	*at = scratch->n;
	scratch->n += *n;
	return true;
}

static bool read_origin(const struct tape *t, uint32_t node, struct buf *scratch, struct origin *o, struct error *e)
{
	size_t at, n, salt;

	o->agency = text_member(t, node, VIEW("agency"));
	o->node = text_member(t, node, VIEW("node"));
	o->proof = text_member(t, node, VIEW("proof"));
	o->caveats = tape_member(t, node, VIEW("caveats"));
	struct view consent = text_member(t, node, VIEW("consent"));
	if (consent.n && !digest_parse(consent, &o->consent))
		return refuse(e, "/origin/consent", "is not a SHA-256 digest");
	if (!uuid_parse(text_member(t, node, VIEW("exchange")), &o->exchange))
		return refuse(e, "/origin/exchange", "is not an exchange id");
	if (!digest_parse(text_member(t, node, VIEW("agreement_digest")), &o->agreement_digest))
		return refuse(e, "/origin/agreement_digest", "is not a SHA-256 digest");
	if (!hex_decode(text_member(t, node, VIEW("salt")), o->salt.b, sizeof o->salt.b, &salt) ||
	    salt != sizeof o->salt.b)
		return refuse(e, "/origin/salt", "is not 16 bytes in hex");
	if (!decode(text_member(t, node, VIEW("entry")), scratch, &at, &n))
		return refuse(e, "/origin/entry", "is not base64");
	o->entry = view_make(scratch->p + at, n);
	return true;
}

bool envelope_read(const struct schema *schema, struct schema_run *run, const struct tape *t, struct buf *scratch,
                   struct envelope *out, struct error *e)
{
	struct envelope v = { .from_gateway = false };
	uint32_t origin;

	switch (schema_check(schema, run, t, 0)) {
	case SCHEMA_VALID: break;
	case SCHEMA_INVALID:
		schema_explain(schema, run, t, 0, first_fault, e);
		return refuse(e, "", "does not fit its schema");
	case SCHEMA_LIMIT: return refuse(e, "", "a limit of the check was reached");
	}
	v.purpose = text_member(t, 0, VIEW("purpose"));
	v.legal_basis = text_member(t, 0, VIEW("legal_basis"));
	v.tier = text_member(t, 0, VIEW("tier"));
	v.subject_category = text_member(t, 0, VIEW("subject_category"));
	v.case_ref = text_member(t, 0, VIEW("case"));
	v.reference = text_member(t, 0, VIEW("reference"));
	v.schema = text_member(t, 0, VIEW("schema"));
	v.exception = text_member(t, 0, VIEW("exception"));
	v.retention = text_member(t, 0, VIEW("retention"));
	v.key = text_member(t, 0, VIEW("key"));
	v.corrects = text_member(t, 0, VIEW("corrects"));
	v.onward_of = text_member(t, 0, VIEW("onward_of"));
	v.necessity = tape_member(t, 0, VIEW("necessity"));
	v.justifications = tape_member(t, 0, VIEW("justifications"));
	v.approvals = tape_member(t, 0, VIEW("approvals"));
	v.consent = tape_member(t, 0, VIEW("consent"));
	v.handling = tape_member(t, 0, VIEW("handling"));
	v.officer = tape_member(t, 0, VIEW("officer"));
	v.record = tape_member(t, 0, VIEW("record"));
	origin = tape_member(t, 0, VIEW("origin"));
	v.from_gateway = origin != 0;
	if (origin && !read_origin(t, origin, scratch, &v.origin, e))
		return false;
	*out = v;
	return true;
}
