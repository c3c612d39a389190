/* Inside of the one-page summary (summary.c): the page and how lines are put on it, and its chapter about details. One thread. */
#ifndef GATEWAY_POLICY_SUMMARY_PRIVATE_H
#define GATEWAY_POLICY_SUMMARY_PRIVATE_H

#include "lib/policy/internal.h"

/* Lines of the page, as text or HTML. Each of the first four puts `line` on it and empties that. */
struct page {
	struct buf *out;
	bool html;
	struct buf line; /* what is being written */
};
void page_flush(struct page *p, const char *before, const char *after); /* around it in HTML */
void page_heading(struct page *p, const char *text);
void page_paragraph(struct page *p);
void page_item(struct page *p);
void page_list(struct page *p, bool open); /* around items */
/* Appends a member of `o` to the line: a text, or a length of time in words. */
void page_add(struct page *p, const json_t *o, const char *name);
void page_add_period(struct page *p, const json_t *o, const char *name);

/* "Which details, and in what form": by the rules that win somewhere in the compiled programs. */
void page_which(struct page *p, const struct agreement *a);

#endif
