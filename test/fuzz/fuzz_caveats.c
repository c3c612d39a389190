/* libFuzzer target: any bytes as the codes under which a record travels, those of a second record behind a newline. What is read
 * prints in the one form and reads as the same; merged, the stricter stays, whoever comes first. */
#include "lib/json/canonical.h"
#include "lib/policy/beside.h"
#include "lib/policy/caveats.h"
#include "lib/policy/consents.h"
#include "test/fuzz/target.h"

static struct tape_parser *parser;

/* The words live in the tape of `text`, which the parser's next text overwrites: so in a copy in the one form. */
static bool read_list(struct view text, struct buf *printed)
{
	struct error e = { .reason = REASON_NONE };
	struct caveats c = { .n = 0 };
	struct tape t;

	if (!tape_parse(parser, text, &t, NULL) || t.nodes[0].type != TAPE_ARRAY)
		return false;
	bool good = caveats_read(&t, 0, &c, &e);
	must(good == (e.reason == REASON_NONE) && c.n <= CAVEATS_MAX);
	buf_reset(printed);
	if (good) {
		caveats_print(&c, printed);
		must(!printed->failed && caveats_say_all(&c, &c));
		for (size_t i = 0; i < c.n; i++)
			must(caveats_say(&c, &c.list[i]) && (caveats_scales(&c) >> c.list[i].scale & 1));
	}
	return good;
}

static void check_pair(struct view a, struct view b)
{
	static struct tape_parser *p[2];
	struct caveats one = { .n = 0 }, two = { .n = 0 }, merged, other;
	struct buf x = BUF_INIT(CAVEATS_BYTES), y = BUF_INIT(CAVEATS_BYTES);
	struct tape t, u;

	if (!p[0])
		must((p[0] = tape_parser_new(NULL)) && (p[1] = tape_parser_new(NULL)));
	must(tape_parse(p[0], a, &t, NULL) && tape_parse(p[1], b, &u, NULL));
	must(caveats_read(&t, 0, &one, NULL) && caveats_read(&u, 0, &two, NULL));
	merged = one;
	other = two;
	if (caveats_merge(&merged, &two) && caveats_merge(&other, &one)) {
		must(caveats_say_all(&merged, &one) && caveats_say_all(&merged, &two));
		caveats_print(&merged, &x);
		caveats_print(&other, &y);
		must(view_eq(buf_view(&x), buf_view(&y)));
		const struct caveat *why;
		enum caveat_onward all = caveats_onward(&merged, &why);
		must(all >= caveats_onward(&one, &why) && all >= caveats_onward(&two, &why));
	}
	buf_free(&x);
	buf_free(&y);
}

static void check_words(struct view in)
{
	struct buf out = BUF_INIT(4096), again = BUF_INIT(4096);

	unsigned checked = checked_parse(in);
	checked_print(checked, &out);
	must(checked_parse(buf_view(&out)) == checked);
	buf_reset(&out);
	/* A reference in its normal form is its own normal form. */
	if (!consent_normalise(in, &out)) {
		must(!consent_normalise(buf_view(&out), &again));
		must(view_eq(buf_view(&out), buf_view(&again)));
	}
	buf_free(&out);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size)), rest = in, first = view_cut(&rest, '\n');
	struct buf a = BUF_INIT(CAVEATS_BYTES), b = BUF_INIT(CAVEATS_BYTES), again = BUF_INIT(CAVEATS_BYTES);

	if (!parser)
		must((parser = tape_parser_new(NULL)) != NULL);
	if (read_list(first, &a)) {
		must(read_list(buf_view(&a), &again) && view_eq(buf_view(&a), buf_view(&again)));
		if (rest.p && read_list(rest, &b))
			check_pair(buf_view(&a), buf_view(&b));
	}
	check_words(in);
	buf_free(&a);
	buf_free(&b);
	buf_free(&again);
	exact_free(in);
	return 0;
}
