/* libFuzzer target: the tape reader and jansson must agree on what is JSON, but for these:
 * - a limit of the tape reader (jansson has none but a depth of 2,048);
 * - a NUL byte in the text: not JSON, but jansson takes one after a number for the end of it;
 * - numbers that fit neither long long nor double: JSON, but jansson refuses them;
 * - names with an escaped NUL: JSON, but jansson cannot hold them. */
#include <jansson.h>

#include "lib/json/tape.h"
#include "test/fuzz/target.h"

static bool may_differ(bool tape, const struct error *e, bool jansson, const json_error_t *j, struct view text)
{
	enum json_error_code code = json_error_code(j);

	if (!tape)
		return e->reason == REASON_LIMIT || memchr(text.p, '\0', text.n);
	return !jansson && (code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tape_parser *p;
	struct error e = { 0 };
	json_error_t j;
	struct tape t;

	if (size == 0)
		return 0;
	if (!p && !(p = tape_parser_new(&tape_document_limits)))
		abort();
	bool tape = tape_parse(p, view_make(data, size), &t, &e);
	json_t *read =
	        json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &j);
	if (tape != (read != NULL) && !may_differ(tape, &e, read != NULL, &j, view_make(data, size)))
		abort();
	json_decref(read);
	return 0;
}
