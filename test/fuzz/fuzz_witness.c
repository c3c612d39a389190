/* libFuzzer target: any bytes as the body that asks for a cosignature, as a witness's answer and its conflict. What is read prints
 * the same again; nothing is cosigned that the log's key did not sign. */
#include "lib/tlog/witness.h"
#include "test/fuzz/log_key.h"

static struct note_signer log_signer, witness;
static struct buf signed_note; /* of size 1, the root of the leaf "a" */
static struct digest root;

static void check_request(struct view in, const struct witness_state *state)
{
	struct buf out = BUF_INIT(2 * NOTE_MAX);
	struct witness_request r;
	struct checkpoint c;
	struct view origin, text = VIEW("");
	struct error e = { .reason = REASON_NONE };

	if (witness_request_parse(in, &r, &e)) {
		witness_request_print(&r, &out);
		must(view_eq(buf_view(&out), in));
		bool is_checkpoint = witness_request_origin(&r, &origin, NULL);
		enum witness_verdict v = witness_judge(&r, &log_signer.vkey, 1, state, &c, &text, &e);
		must(is_checkpoint || v == WITNESS_BAD_REQUEST);
		must((v == WITNESS_COSIGN) == (e.reason == REASON_NONE));
		if (v == WITNESS_COSIGN || v == WITNESS_CONFLICT || v == WITNESS_UNPROCESSABLE)
			must(view_starts(r.note, text) && view_is(c.origin, log_signer.vkey.name));
		if (v == WITNESS_COSIGN)
			must(c.size >= state->size && r.old == state->size);
	} else {
		must(e.reason == REASON_BAD_REQUEST);
	}
	buf_free(&out);
}

static void check_answer(struct view in)
{
	static const struct view text = VIEW("north.example/audit/1/1\n1\n");
	struct buf lines = BUF_INIT(NOTE_MAX);
	struct witness_state state = { .size = 0 };
	struct error e = { .reason = REASON_NONE };
	uint64_t size;
	unsigned taken;

	if (witness_conflict_parse(in, &size, NULL)) {
		state.size = size;
		witness_conflict_print(&state, &lines);
		must(view_eq(buf_view(&lines), in));
		buf_reset(&lines);
	}
	bool good = witness_response_take(in, text, &witness.vkey, 1, &lines, &taken, &e);
	must(good == (e.reason == REASON_NONE));
	/* Nothing in a corpus is a signature over that text. */
	must(taken == 0 && lines.n == 0);
	buf_free(&lines);
}

/* The signed checkpoint with what the input says before it. */
static void check_signed(struct view in, const struct witness_state *state)
{
	struct buf body = BUF_INIT(2 * NOTE_MAX);

	buf_add(&body, in);
	buf_adds(&body, "\n\n");
	buf_add(&body, buf_view(&signed_note));
	struct view text = exact(buf_view(&body));
	check_request(text, state);
	exact_free(text);
	buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);

	if (!log_signer.key) {
		log_key(&log_signer, VIEW("north.example/audit/1/1"), NOTE_ED25519, 7);
		log_key(&witness, VIEW("south.example/witness/1"), NOTE_COSIGNER, 8);
		tlog_leaf_hash(VIEW("a"), &root);
		signed_note = BUF_INIT(NOTE_MAX);
		log_checkpoint(&log_signer, 1, &root, &signed_note);
	}
	uint8_t shape = first_byte(&in);
	struct witness_state state = { .size = shape >> 1 & 3 };
	if (shape & 8)
		state.root = root;
	struct view text = exact(in);
	check_request(text, &state);
	check_answer(text);
	if (shape & 1)
		check_signed(text, &state);
	exact_free(text);
	return 0;
}
