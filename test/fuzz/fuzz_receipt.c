/* libFuzzer target: any bytes as a receipt; and as an entry of a log, whose receipt verifies and, with one bit changed, does not. */
#include "lib/tlog/receipt.h"
#include "test/fuzz/log_key.h"

static struct note_signer log_signer;

static void check_any(struct view in)
{
	struct buf scratch = BUF_INIT(1u << 20), out = BUF_INIT(1u << 20);
	struct receipt r;
	struct view entry;

	if (receipt_parse(in, &scratch, &r, &entry, NULL)) {
		receipt_print(&r, entry, &out);
		must(view_eq(buf_view(&out), in));
		must(!receipt_verify(&r, entry, &log_signer.vkey, NULL) || entry.n > 0);
	}
	buf_free(&scratch);
	buf_free(&out);
}

struct leaves {
	struct digest hash[16];
};

static bool read_leaf(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	const struct leaves *l = arg;

	if (level == 0) {
		*out = l->hash[index];
		return true;
	}
	struct digest left, right;
	must(read_leaf(arg, level - 1, 2 * index, &left) && read_leaf(arg, level - 1, 2 * index + 1, &right));
	tlog_node_hash(&left, &right, out);
	return true;
}

static bool verifies(struct view text)
{
	struct buf scratch = BUF_INIT(1u << 20);
	struct receipt r;
	struct view entry;
	bool ok = receipt_parse(text, &scratch, &r, &entry, NULL) && receipt_verify(&r, entry, &log_signer.vkey, NULL);

	buf_free(&scratch);
	return ok;
}

static void check_honest(struct view entry, uint8_t shape, uint8_t flip)
{
	struct leaves l;
	struct receipt r = { .index = shape % 16 };
	uint64_t size = r.index + 1 + (shape >> 4) % (16 - r.index);
	struct buf note = BUF_INIT(4096), text = BUF_INIT(1u << 20);
	struct digest root;

	for (unsigned i = 0; i < 16; i++)
		tlog_leaf_hash(i == r.index ? entry : view_make(&i, sizeof i), &l.hash[i]);
	must(tlog_prove_inclusion(r.index, size, read_leaf, &l, r.proof, &r.n));
	must(tlog_range_hash(0, size, read_leaf, &l, &root));
	log_checkpoint(&log_signer, size, &root, &note);
	r.checkpoint = buf_view(&note);
	receipt_print(&r, entry, &text);
	must(verifies(buf_view(&text)));
	text.p[(size_t)flip * text.n / 256] ^= (char)(1 << flip % 8);
	must(!verifies(buf_view(&text)));
	buf_free(&note);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);

	if (!log_signer.key)
		log_key(&log_signer, VIEW("north.example/audit/1/1"), NOTE_ED25519, 7);
	struct view text = exact(in);
	check_any(text);
	exact_free(text);
	uint8_t shape = first_byte(&in), flip = first_byte(&in);
	/* Signing and verifying take a hundred times as long as the rest. */
	if (in.n > 0 && in.n % 16 == 0 && shape % 4 == 0)
		check_honest(in, shape, flip);
	return 0;
}
