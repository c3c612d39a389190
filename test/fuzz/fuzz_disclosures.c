/* libFuzzer target: a leaf up to the first newline and the row beside it; and an entry with disclosures that are made of the input:
 * its row fits it, and with one byte changed or cut off it does not. */
#include "lib/base/encode.h"
#include "lib/json/tape.h"
#include "lib/tlog/entry.h"
#include "test/fuzz/target.h"

static struct tape_parser *parser;

static void check_any(struct view leaf, struct view packed)
{
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	unsigned n = 0;
	bool counted = disclosures_count(leaf, &n), good = disclosures_verify(leaf, packed, &e);

	must(good == (e.reason == REASON_NONE) && (counted || !good));
	if (good && packed.n > 0) {
		must(tape_parse(parser, packed, &t, NULL) && t.nodes[0].type == TAPE_ARRAY && t.nodes[0].count > 0);
	}
}

static void check_honest(struct view in)
{
	struct entry entry = { .operation = OPERATION_DISCLOSURE, .time_ms = 1767225600000 };
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(ENTRY_MAX), value = BUF_INIT(1u << 16);
	uint8_t salt[16] = { 1 };
	unsigned n = 0;

	for (struct view rest = in; rest.n > 0 && n < 70; n++) {
		struct view part = view_cut(&rest, ' ');
		part.n = utf8_valid(part);
		buf_reset(&value);
		buf_add_json_string(&value, part);
		salt[1] = (uint8_t)n;
		disclosures_add(&d, salt, part, buf_view(&value));
	}
	entry_print(&entry, &d, &leaf);
	/* Decoys fill what is left. */
	must(leaf.failed == (n > operation_digests(entry.operation)));
	if (!leaf.failed && d.packed.n > 0) {
		unsigned counted;
		must(disclosures_count(buf_view(&leaf), &counted) && counted == operation_digests(entry.operation));
		check_any(buf_view(&leaf), buf_view(&d.packed));
		must(disclosures_verify(buf_view(&leaf), buf_view(&d.packed), NULL));
		must(!disclosures_verify(buf_view(&leaf), view_make(d.packed.p, d.packed.n - 1), NULL));
		size_t at = (uint8_t)in.p[0] * d.packed.n / 256;
		d.packed.p[at] ^= 1;
		must(!disclosures_verify(buf_view(&leaf), buf_view(&d.packed), NULL));
	}
	disclosures_free(&d);
	buf_free(&leaf);
	buf_free(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size), rest = in, first = view_cut(&rest, '\n');

	if (!parser)
		must((parser = tape_parser_new(&tape_document_limits)) != NULL);
	struct view leaf = exact(first), packed = exact(rest);
	check_any(leaf, packed);
	exact_free(leaf);
	exact_free(packed);
	check_honest(in);
	return 0;
}
