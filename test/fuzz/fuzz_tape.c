/* libFuzzer target: any bytes as a text. The whole and random pieces of it must come to the same tape or
 * the same error, and what the splice writer copies must read as an equal value, stand in the one form and be copied
 * to the same bytes again; a text that stands in it is copied as it is. */
#include "lib/json/canonical.h"
#include "lib/json/equal.h"
#include "lib/json/splice.h"
#include "test/fuzz/target.h"

/* Pieces whose lengths follow from the text itself, mostly short. */
static bool parse_in_pieces(struct tape_parser *p, struct view text, struct tape *t, struct error *e)
{
	uint32_t state = tape_hash(text) | 1;

	tape_parser_reset(p);
	while (text.n > 0) {
		state = state * 1664525 + 1013904223;
		size_t n = state >> 28 ? state >> 29 : state >> 20 & 0xff;
		n = n < text.n ? n : text.n;
		if (!tape_feed(p, view_make(text.p, n), e))
			return false;
		text = view_from(text, n);
	}
	return tape_finish(p, t, e);
}

static void same_tape(const struct tape *a, const struct tape *b)
{
	must(a->n == b->n && a->text_len == b->text_len && memcmp(a->text, b->text, a->text_len) == 0);
	for (uint32_t i = 0; i < a->n; i++) {
		must(memcmp(&a->nodes[i], &b->nodes[i], sizeof a->nodes[i]) == 0);
		if (a->nodes[i].type == TAPE_STRING || a->nodes[i].type == TAPE_KEY)
			must(view_eq(tape_string(a, i), tape_string(b, i)) &&
			     tape_hash(tape_string(a, i)) == a->nodes[i].hash);
	}
}

static void copy(const struct tape *t, struct buf *out)
{
	static struct member_order order;
	struct splice s;

	splice_start(&s, out, &order);
	splice_copy(&s, t, 0);
	must(!out->failed && order.n == 0);
}

/* `p` has room for a copy that is longer: its numbers may be. */
static void copy_again(struct tape_parser *p, const struct tape *t)
{
	struct buf out = BUF_INIT(1u << 24), again = BUF_INIT(1u << 24);
	struct tape copied;
	uint32_t off;

	copy(t, &out);
	must(tape_parse(p, buf_view(&out), &copied, NULL));
	must(tape_equal(t, 0, &copied, 0) && tape_value_hash(t, 0) == tape_value_hash(&copied, 0));
	must(!canonical_fault(&copied, 0, &off));
	must(!canonical_fault(t, 0, &off) == view_eq(tape_token(t, 0), buf_view(&out)));
	copy(&copied, &again);
	must(view_eq(buf_view(&out), buf_view(&again)));
	buf_free(&out);
	buf_free(&again);
}

static void check(struct tape_parser *p, struct tape_parser *q, struct tape_parser *roomy, struct view text)
{
	struct error whole = { 0 }, pieces = { 0 };
	struct tape t, u;
	bool good = tape_parse(p, text, &t, &whole);

	must(parse_in_pieces(q, text, &u, &pieces) == good);
	if (good) {
		same_tape(&t, &u);
		copy_again(roomy, &t);
	} else {
		must(whole.reason == pieces.reason && whole.line == pieces.line && whole.column == pieces.column);
		must(strcmp(whole.text, pieces.text) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tape_limits tight = {
		.bytes = 200,
		.depth = 4,
		.members = 5,
		.nodes = 20,
		.key_bytes = 6,
		.string_bytes = 20,
		.number_chars = 8,
	};
	static struct tape_parser *p[2], *q[2], *roomy;

	if (!p[0]) {
		p[0] = tape_parser_new(NULL);
		q[0] = tape_parser_new(NULL);
		p[1] = tape_parser_new(&tight);
		q[1] = tape_parser_new(&tight);
		roomy = tape_parser_new(&tape_document_limits);
		must(p[0] && q[0] && p[1] && q[1] && roomy);
	}
	for (int i = 0; i < 2; i++)
		check(p[i], q[i], roomy, view_make(data, size));
	return 0;
}
