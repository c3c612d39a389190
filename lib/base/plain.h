/* Text that another wrote, made fit for a terminal. Pure; any thread. */
#ifndef GATEWAY_BASE_PLAIN_H
#define GATEWAY_BASE_PLAIN_H

#include <stddef.h>

#include "lib/base/view.h"

/* How many bytes of `text` are clear of what steers a terminal or turns the order in which people read: controls (C0, DEL, C1),
 * line and paragraph separators, and marks of direction (Unicode, Bidi_Control); and of bytes that are no UTF-8, which JSON does not
 * carry and some terminals take for controls. All of them: it is plain. */
size_t plain_span(struct view text);
/* Puts a '?' in the place of each byte of those. What is plain stays as it is. */
void plain_text(char *text, size_t n);

#endif
