/* Where in a document a pointer stands. The documents are read with a parser that keeps no places; an error is rare, and then
 * its file is read again. See conf.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"
#include "lib/json/pointer.h"

/* The pointer at the head of an error's text: up to ": ". */
static struct view pointer_in(const char *text)
{
	const char *end = text[0] == '/' ? strstr(text, ": ") : NULL;

	return end ? view_make(text, (size_t)(end - text)) : VIEW("");
}

static void place(struct error *e, struct view pointer)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	struct tape tape;

	if (parser && file_read(e->where, text.max, &text, NULL) && tape_parse(parser, buf_view(&text), &tape, NULL))
		tape_place(&tape, tape.nodes[pointer_nearest(&tape, pointer)].off, &e->line, &e->column);
	tape_parser_free(parser);
	buf_free(&text);
}

void conf_place(struct error_list *errors, size_t from)
{
	for (size_t i = from; i < errors->n; i++) {
		struct error *e = &errors->items[i];
		struct view pointer = pointer_in(e->text);

		if (e->line == 0 && pointer.n > 0)
			place(e, pointer);
	}
}
