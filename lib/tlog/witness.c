/* C2SP tlog-witness: add-checkpoint. Verdicts as of its text of July 2026: another root of a size is 422, not 409. */
#include "lib/base/encode.h"
#include "lib/tlog/witness.h"

void witness_request_print(const struct witness_request *r, struct buf *out)
{
	buf_adds(out, "old ");
	buf_addu(out, r->old);
	buf_addc(out, '\n');
	for (unsigned i = 0; i < r->n; i++) {
		base64_encode(out, view_make(r->proof[i].b, sizeof r->proof[i].b));
		buf_addc(out, '\n');
	}
	buf_addc(out, '\n');
	buf_add(out, r->note);
}

bool witness_request_parse(struct view body, struct witness_request *out, struct error *e)
{
	struct view rest = body, line = view_cut(&rest, '\n');
	unsigned long long old;

	if (!view_starts(line, VIEW("old ")) || !view_to_u64(view_from(line, 4), INT64_MAX, &old))
		return error_set(e, REASON_BAD_REQUEST, "the first line is not the old size");
	out->old = old;
	out->n = 0;
	while (rest.p && (line = view_cut(&rest, '\n')).n > 0) {
		size_t n;

		if (out->n == WITNESS_PROOF_MAX)
			return error_set(e, REASON_BAD_REQUEST, "the proof has more than %d hashes", WITNESS_PROOF_MAX);
		struct digest *d = &out->proof[out->n++];
		if (!base64_decode(line, d->b, sizeof d->b, &n) || n != sizeof d->b)
			return error_set(e, REASON_BAD_REQUEST,
			                 "hash %u of the proof is not a SHA-256 digest in base64", out->n);
	}
	if (!rest.p || rest.n == 0)
		return error_set(e, REASON_BAD_REQUEST, "no checkpoint follows the proof");
	out->note = rest;
	return true;
}

bool witness_request_origin(const struct witness_request *r, struct view *origin, struct error *e)
{
	struct view text, signatures;
	struct checkpoint c;

	if (!note_split(r->note, &text, &signatures, NULL) || !checkpoint_parse(text, &c, NULL))
		return error_set(e, REASON_BAD_REQUEST, "what follows the proof is not a signed checkpoint");
	*origin = c.origin;
	return true;
}

/* Size 0 has no proof: anything is consistent with the empty tree. */
static bool grew(const struct witness_request *r, const struct witness_state *state, const struct checkpoint *c)
{
	if (r->old == 0)
		return r->n == 0;
	return tlog_check_consistency(r->old, c->size, &state->root, &c->root, r->proof, r->n);
}

static bool same_tree(const struct witness_state *state, const struct checkpoint *c)
{
	struct digest empty;

	sha256(VIEW(""), &empty);
	return digest_eq(state->size ? &state->root : &empty, &c->root);
}

enum witness_verdict witness_judge(const struct witness_request *r, const struct note_vkey *keys, size_t n,
                                   const struct witness_state *state, struct checkpoint *c, struct view *text,
                                   struct error *e)
{
	struct view body, signatures;
	struct checkpoint parsed;
	bool trusted = false, spoilt = false;

	if (!note_split(r->note, &body, &signatures, NULL) || !checkpoint_parse(body, &parsed, NULL)) {
		error_set(e, REASON_BAD_REQUEST, "what follows the proof is not a signed checkpoint");
		return WITNESS_BAD_REQUEST;
	}
	for (size_t i = 0; i < n; i++) {
		if (!view_is(parsed.origin, keys[i].name))
			continue;
		switch (note_find(&keys[i], body, signatures, NULL)) {
		case NOTE_VALID: trusted = true; break;
		case NOTE_INVALID: spoilt = true; break;
		case NOTE_ABSENT: break;
		}
	}
	if (!trusted || spoilt) {
		error_set(e, REASON_TAMPERED, "the checkpoint is not signed by a key of its log");
		return WITNESS_FORBIDDEN;
	}
	if (r->old > parsed.size) {
		error_set(e, REASON_BAD_REQUEST, "the old size is above the checkpoint's");
		return WITNESS_BAD_REQUEST;
	}
	*c = parsed;
	*text = body;
	if (r->old != state->size) {
		error_set(e, REASON_TAMPERED, "the old size is not the one that was cosigned last");
		return WITNESS_CONFLICT;
	}
	if (r->old == parsed.size && !same_tree(state, &parsed)) {
		error_set(e, REASON_TAMPERED,
		          "the checkpoint has another root than the one of its size that was cosigned");
		return WITNESS_UNPROCESSABLE;
	}
	if (!grew(r, state, &parsed)) {
		error_set(e, REASON_TAMPERED, "the proof does not show that the log only grew");
		return WITNESS_UNPROCESSABLE;
	}
	return WITNESS_COSIGN;
}

void witness_conflict_print(const struct witness_state *state, struct buf *out)
{
	buf_addu(out, state->size);
	buf_addc(out, '\n');
}

bool witness_conflict_parse(struct view body, uint64_t *size, struct error *e)
{
	unsigned long long number;

	if (body.n < 2 || body.p[body.n - 1] != '\n' || !view_to_u64(view_make(body.p, body.n - 1), INT64_MAX, &number))
		return error_set(e, REASON_BAD_REQUEST, "the witness's conflict does not state a size");
	*size = number;
	return true;
}

/* The first of the lines that is of `k`. */
static struct view line_of(struct view lines, const struct note_vkey *k)
{
	struct view line = view_cut(&lines, '\n');

	while (lines.p && !note_line_is_of(line, k))
		line = view_cut(&lines, '\n');
	return line;
}

bool witness_response_take(struct view body, struct view text, const struct note_vkey *witnesses, size_t n,
                           struct buf *lines, unsigned *taken, struct error *e)
{
	*taken = 0;
	if (body.n == 0 || body.p[body.n - 1] != '\n')
		return error_set(e, REASON_BAD_REQUEST, "the witness's answer does not end with a newline");
	for (size_t i = 0; i < n; i++) {
		const struct note_vkey *k = &witnesses[i];
		enum note_found found = note_find(k, text, body, NULL);

		if (found == NOTE_ABSENT)
			continue;
		if (found == NOTE_INVALID || !note_type_cosigns(k->type))
			return error_set(e, REASON_TAMPERED, "the cosignature of %s does not verify", k->name);
		buf_add(lines, line_of(body, k));
		buf_addc(lines, '\n');
		++*taken;
	}
	return !lines->failed || error_set(e, REASON_NO_MEMORY, "no memory for cosignatures");
}
