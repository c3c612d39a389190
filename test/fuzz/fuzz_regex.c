/* libFuzzer target: a pattern up to the first NUL byte, then a text. Table and PCRE2 must agree unless one
 * hits a limit, no input may crash or hang, and every format check must stay within the text. */
#include "lib/schema/format.h"
#include "lib/schema/regex_ast.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = view_make(data, size);
	struct view pattern = view_cut(&text, '\0');
	struct error e = { .reason = REASON_NONE };

	if (text.p)
		text.n = utf8_valid(text);
	struct regex *table = regex_compile(pattern, &e), *pcre = regex_compile_pcre(pattern, NULL);
	struct regex_run *run = regex_run_new();
	if (!run || (!table && e.reason == REASON_NONE) || (table && !regex_is_valid(pattern)))
		abort();
	(void)regex_is_iregexp(pattern);
	if (table && pcre) {
		enum regex_verdict a = regex_match(table, run, text), b = regex_match(pcre, run, text);
		if (a != b && a != REGEX_LIMIT && b != REGEX_LIMIT)
			abort();
	}
	regex_run_free(run);
	regex_free(table);
	regex_free(pcre);
	for (int f = 0; text.p && f < FORMAT_COUNT; f++)
		(void)!format_check((enum format)f, text);
	return 0;
}
