/* libFuzzer target: numbers with white space between them, each compared with the next by laws that exact
 * arithmetic keeps. */
#include "lib/json/decimal.h"
#include "lib/json/tape.h"
#include "test/fuzz/target.h"

static void check(struct view a, struct view b)
{
	int64_t v;
	int order = decimal_cmp(a, b);
	bool zero = decimal_equal(b, VIEW("0"));

	must(decimal_cmp(b, a) == -order && decimal_cmp(a, a) == 0);
	must(order != 0 || decimal_hash(a) == decimal_hash(b));
	must(decimal_is_integer(a) == decimal_multiple_of(a, VIEW("1")));
	must(decimal_multiple_of(b, b) == !zero);
	must(!decimal_int64(a, &v) || decimal_is_integer(a));
	/* What is a multiple both ways is the same but for the sign. */
	if (decimal_multiple_of(a, b) && decimal_multiple_of(b, a)) {
		struct decimal x = decimal_parse(a), y = decimal_parse(b);
		x.sign = y.sign = 1;
		must(decimal_compare(&x, &y) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tape_parser *p;
	struct view rest = view_make(data, size), before = VIEW("1");
	struct tape t;

	if (!p)
		must((p = tape_parser_new(&tape_document_limits)) != NULL);
	while (rest.p && rest.n > 0) {
		struct view number = view_cut(&rest, '\n');
		if (!tape_parse(p, number, &t, NULL) || t.nodes[0].type != TAPE_NUMBER)
			continue;
		number = view_make(number.p + t.nodes[0].off, t.nodes[0].len);
		check(before, number);
		before = number;
	}
	return 0;
}
