/* libFuzzer target: a row of the log, which is read or refused; and a text, which comes back byte for byte. */
#include "lib/tlog/compact.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size));
	struct buf row = BUF_INIT(COMPACT_MAX), text = BUF_INIT(COMPACT_MAX);

	(void)!compact_read(in, &text);
	buf_reset(&text);
	compact_write(in, &row);
	must(!row.failed && compact_read(buf_view(&row), &text) && view_eq(buf_view(&text), in));
	buf_free(&row);
	buf_free(&text);
	exact_free(in);
	return 0;
}
