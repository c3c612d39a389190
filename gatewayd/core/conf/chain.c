/* The authorities of peers, for core's own look at what the edge says that peers have shown. See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"

void conf_read_chain(struct conf *c, const char *authorities, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(DOCUMENT_MAX);

	/* A file that cannot be read is listed with what the edge is sent. */
	if (authorities && file_read(authorities, text.max, &text, &e)) {
		c->chain = chain_load(buf_view(&text), &e);
		if (!c->chain)
			error_list_addf(errors, e.reason, authorities, 0, 0, "%s", e.text);
	}
	buf_free(&text);
}
