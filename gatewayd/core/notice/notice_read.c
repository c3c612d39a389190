/* A notice that arrived: its members, the exchange that it is about, and the sender's proof. See notice.h.
 *
 * Whose notice may be about which exchange: the path names the first gateway's id. Either this node is the first
 * and the sender received the record, or the sender is the first and this node received it from there. What is
 * neither does not exist for the sender. */
#include "gatewayd/core/notice/notice.h"

#include <stdio.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/base/encode.h"
#include "lib/json/canonical.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/entry_shown.h"

static bool fail(struct notice_in *in, enum reason reason, const char *where, const char *what)
{
	return error_at(&in->found, reason, where, 0, 0, "%s", what);
}

static bool invalid(struct notice_in *in, const char *what)
{
	return fail(in, REASON_RECEIPT_INVALID, "/entry", what);
}

/* --- members --- */

static bool first_fault(void *arg, const struct schema_fault *f)
{
	struct error *e = arg;
	char where[200];

	snprintf(where, sizeof where, "%.*s", VIEW_ARG(f->pointer));
	error_at(e, REASON_NOTICE_INVALID, where, 0, 0, "%.*s: %.*s", VIEW_ARG(f->keyword), VIEW_ARG(f->message));
	return false;
}

static struct view text_member(const struct tape *t, const char *name)
{
	uint32_t node = tape_member(t, 0, view_of(name));

	return node && t->nodes[node].type == TAPE_STRING ? tape_string(t, node) : (struct view){ NULL, 0 };
}

/* The bytes of a member in the request's body, which stay when the tape is used again. */
static struct view bytes_member(const struct notice_in *in, const struct tape *t, const char *name)
{
	uint32_t node = tape_member(t, 0, view_of(name));

	return node ? view_make(in->request->body.p + t->nodes[node].off, t->nodes[node].len) : VIEW("");
}

static bool read_kind(struct notice_in *in, struct view name)
{
	for (int k = 0; k < NOTICE_KINDS; k++) {
		in->kind = (enum notice_kind)k;
		if (view_is(name, notice_kind_name(in->kind)))
			return true;
	}
	return fail(in, REASON_NOTICE_INVALID, "/kind", "is not one that is known here");
}

static bool read_members(struct notice_in *in, const struct tape *t)
{
	struct view entry = text_member(t, "entry"), salt = text_member(t, "salt");
	char *room = buf_room(&in->entry, entry.n / 4 * 3 + 3);
	size_t n;

	if (!read_kind(in, text_member(t, "kind")))
		return false;
	if (!view_is(text_member(t, "agency"), in->request->peer->agency))
		return fail(in, REASON_NOTICE_INVALID, "/agency", "the sender is not the agency that it names");
	in->body_text = bytes_member(in, t, "body");
	if (in->body_text.n > NOTICE_BODY_MAX)
		return fail(in, REASON_TOO_LARGE, "/body", "is too large");
	in->body = json_loadb(in->body_text.p, in->body_text.n, JSON_REJECT_DUPLICATES, NULL);
	if (!in->body)
		return fail(in, REASON_NOTICE_INVALID, "/body", "has a value that no document has");
	in->record = bytes_member(in, t, "record");
	if (in->record.n && (!hex_decode(salt, in->salt.b, sizeof in->salt.b, &n) || n != sizeof in->salt.b))
		return fail(in, REASON_NOTICE_INVALID, "/salt", "is not 16 bytes in hex");
	if (!room || !base64_decode(entry, room, entry.n / 4 * 3 + 3, &n))
		return fail(in, REASON_NOTICE_INVALID, "/entry", "is not base64");
	in->entry.n += n;
	buf_add(&in->proof, text_member(t, "proof"));
	return !in->proof.failed || fail(in, REASON_NO_MEMORY, "", "memory ran out");
}

static bool read_body(struct notice_in *in)
{
	struct worker *w = in->request->worker;
	struct scratch *s = &w->scratch;
	struct tape t;

	if (!tape_parse(s->envelope, buf_view(&in->request->body), &t, &in->found))
		return false;
	switch (schema_check(w->core->notice_schema, s->schema_run, &t, 0)) {
	case SCHEMA_VALID: return read_members(in, &t);
	case SCHEMA_INVALID:
		schema_explain(w->core->notice_schema, s->schema_run, &t, 0, first_fault, &in->found);
		return fail(in, REASON_NOTICE_INVALID, "", "does not fit its schema");
	case SCHEMA_LIMIT: break;
	}
	return fail(in, REASON_LIMIT, "", "a limit of the check was reached");
}

/* --- whose it is --- */

static bool find_exchange(struct notice_in *in, struct store_exchange *x)
{
	struct request *r = in->request;
	struct store *reader = r->worker->reader;
	struct view sender = view_of(r->peer->agency);
	struct error e = { .reason = REASON_NONE };

	if (!uuid_parse(request_path_part(r, 2), &in->exchange))
		return fail(in, REASON_NOT_FOUND, "", "the path names no exchange");
	switch (sought(store_find_exchange(reader, &in->exchange, x, &e), &e)) {
	case SOUGHT_FOUND:
		in->from_recipient = memcmp(&x->id, &x->origin, sizeof x->id) == 0 && view_eq(x->recipient, sender);
		if (!in->from_recipient)
			return fail(in, REASON_NOT_FOUND, "", "the exchange is another party's");
		break;
	case SOUGHT_NONE:
		if (!store_find_origin(reader, sender, &in->exchange, x, &e))
			return fail(in, e.reason, "", "the sender has no such exchange with this node");
		break;
	case SOUGHT_FAILED: return fail(in, e.reason, "", e.text);
	}
	if (x->state == STATE_REFUSED)
		return fail(in, REASON_NOT_FOUND, "", "nothing was released in this exchange");
	in->seq = x->seq;
	in->own = x->id;
	return true;
}

/* --- the proof --- */

static bool entry_says(const struct tape *t, const char *name, struct view want)
{
	return view_eq(text_member(t, name), want);
}

static bool entry_digest(const struct tape *t, const char *name, const struct digest *want)
{
	struct digest d;

	return digest_parse(text_member(t, name), &d) && digest_eq(&d, want);
}

/* The entry that notice_entry() makes. */
static bool check_entry(struct notice_in *in, const struct tape *t, const struct store_exchange *x)
{
	struct notice n = { .kind = in->kind,
		            .recipient = view_of(in->request->conf->node.agency),
		            .body = in->body_text };
	struct entry want = { .note = VIEW("") };
	struct view parts[] = { view_make(in->salt.b, sizeof in->salt.b), in->record };
	struct digest returned;
	char id[UUID_TEXT + 1];

	notice_entry(&n, &want);
	uuid_print(&in->exchange, id);
	if (!entry_says(t, in->from_recipient ? "origin" : "exchange", view_of(id)))
		return invalid(in, "the entry is another exchange's");
	if (!entry_says(t, "operation", view_of(operation_name(want.operation))))
		return invalid(in, "the entry is of another operation");
	if (!notice_note_fits(in->kind, text_member(t, "note")))
		return invalid(in, "the entry is about something else");
	if (!entry_says(t, "recipient", want.recipient))
		return invalid(in, "the entry names another recipient");
	if (!entry_says(t, "agreement", x->agreement) || !entry_digest(t, "agreement_digest", &x->agreement_digest))
		return invalid(in, "the entry names another agreement");
	if (!entry_digest(t, "output", &want.output))
		return invalid(in, "the entry's output digest is not that of the body");
	sha256_parts(parts, 2, &returned);
	if (in->record.n && !entry_digest(t, "input", &returned))
		return invalid(in, "the entry's input digest is not that of the record");
	return true;
}

static bool verify(struct notice_in *in, const struct store_exchange *x)
{
	const struct partner *peer = in->request->peer;
	struct scratch *s = &in->request->worker->scratch;
	struct error e = { .reason = REASON_NONE };
	struct checkpoint shown;
	struct receipt receipt;
	struct view extra;
	struct tape t;

	buf_reset(&s->proof);
	if (!receipt_parse(buf_view(&in->proof), &s->proof, &receipt, &extra, &e) ||
	    !conf_receipt(peer, in->request->worker->core->verified, &receipt, buf_view(&in->entry), &shown, &e))
		return invalid(in, e.text);
	if (!tape_parse(s->entry, buf_view(&in->entry), &t, &e))
		return invalid(in, "the entry is not JSON");
	const char *fault = entry_shown_fault(&t, CANONICAL_FORM);
	if (fault)
		return invalid(in, fault);
	if (!check_entry(in, &t, x))
		return false;
	if (!sight_take(in->request->worker->core, peer, &shown, receipt.checkpoint, NULL, &e))
		return fail(in, e.reason, "/proof", e.text);
	/* What is kept is the one text that verifies offline. */
	buf_reset(&s->proof);
	receipt_print(&receipt, buf_view(&in->entry), &s->proof);
	buf_reset(&in->proof);
	buf_add(&in->proof, buf_view(&s->proof));
	sha256(buf_view(&in->entry), &in->digest);
	return !in->proof.failed || fail(in, REASON_NO_MEMORY, "", "memory ran out");
}

/* About an exchange that is not known here. When the sender's log has the notice, the answer may end it: what was let go
 * before it left is recalled from nobody. */
static void prove_unknown(struct notice_in *in)
{
	struct scratch *s = &in->request->worker->scratch;
	struct error e = { .reason = REASON_NONE };
	struct checkpoint shown;
	struct receipt receipt;
	struct view extra;

	buf_reset(&s->proof);
	if (in->found.reason == REASON_NOT_FOUND &&
	    receipt_parse(buf_view(&in->proof), &s->proof, &receipt, &extra, &e) &&
	    conf_receipt(in->request->peer, in->request->worker->core->verified, &receipt, buf_view(&in->entry), &shown,
	                 &e))
		sha256(buf_view(&in->entry), &in->digest);
}

bool notice_read(struct notice_in *in)
{
	struct store_exchange x;

	if (!read_body(in))
		return false;
	if (find_exchange(in, &x))
		return verify(in, &x);
	prove_unknown(in);
	return false;
}
