/* libFuzzer target: any bytes as a verifier key, a checkpoint, a note and a witness's lines. What is read prints the same again;
 * what a key signed verifies, and with one byte changed it does not. */
#include "test/fuzz/log_key.h"

static struct note_signer log_signer, witness;

static void check_vkey(struct view in)
{
	struct buf out = BUF_INIT(4096);
	struct note_vkey k;

	if (note_vkey_parse(in, &k, NULL)) {
		note_vkey_print(&k, &out);
		must(view_eq(buf_view(&out), in));
	}
	buf_free(&out);
}

static void check_checkpoint(struct view in)
{
	struct buf out = BUF_INIT(NOTE_MAX);
	struct checkpoint c, again;

	if (checkpoint_parse(in, &c, NULL)) {
		checkpoint_text(&c, &out);
		must(view_starts(in, buf_view(&out)));
		must(checkpoint_parse(buf_view(&out), &again, NULL));
		must(again.size == c.size && digest_eq(&again.root, &c.root) && view_eq(again.origin, c.origin));
	}
	buf_free(&out);
}

static void check_split(struct view in)
{
	struct view text, signatures;
	struct error e = { .reason = REASON_NONE };
	struct checkpoint c;

	if (!note_split(in, &text, &signatures, &e)) {
		must(e.reason == REASON_TAMPERED && !checkpoint_open(in, &log_signer.vkey, &c, NULL));
		return;
	}
	must(text.p == in.p && text.p[text.n] == '\n' && text.p + text.n + 1 == signatures.p);
	must(signatures.p + signatures.n == in.p + in.n && signatures.p[signatures.n - 1] == '\n');
	must(checkpoint_open(in, &log_signer.vkey, &c, NULL) <=
	     (note_find(&log_signer.vkey, text, signatures, NULL) == NOTE_VALID));
}

/* The input as the text of a note, which ends its last line (C2SP signed-note). */
static void check_signed(struct view in, uint8_t where)
{
	struct buf note = BUF_INIT(2 * NOTE_MAX);
	struct view text, signatures;
	uint64_t time = 0;

	buf_add(&note, in);
	buf_addc(&note, '\n');
	must(note_sign(&log_signer, in, &note));
	must(note_cosign(&witness, in, where, &note));
	if (note_split(buf_view(&note), &text, &signatures, NULL)) {
		must(view_eq(text, in));
		must(note_verify(&log_signer.vkey, text, signatures, NULL, NULL));
		must(note_verify(&witness.vkey, text, signatures, &time, NULL) && time == where);
		size_t at = where % text.n;
		note.p[at] ^= 1;
		must(!note_verify(&log_signer.vkey, text, signatures, NULL, NULL));
		must(!note_verify(&witness.vkey, text, signatures, NULL, NULL));
	}
	buf_free(&note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);

	if (!log_signer.key) {
		log_key(&log_signer, VIEW("north.example/audit/1/1"), NOTE_ED25519, 7);
		log_key(&witness, VIEW("south.example/witness/1"), NOTE_COSIGNER, 8);
	}
	uint8_t where = first_byte(&in);
	struct view text = exact(in);
	check_vkey(text);
	check_checkpoint(text);
	check_split(text);
	(void)!note_line_is_of(text, &log_signer.vkey);
	/* Signing takes a hundred times as long as all the rest. */
	if (where % 64 == 0 && text.n > 0 && text.p[text.n - 1] == '\n')
		check_signed(text, where);
	exact_free(text);
	return 0;
}
