/* JSON Pointer (RFC 6901), and patterns: a pointer in which a token `*` stands for each member or
 * each item. Any thread, no state. */
#ifndef GATEWAY_JSON_POINTER_H
#define GATEWAY_JSON_POINTER_H

#include "lib/json/tape.h"
#include "lib/base/buf.h"

/* Cuts the next token off `*rest` ("/a/b" gives "a", leaving "/b") and writes it unescaped into
 * `out` (kept by the caller, at least rest->n bytes). False at the end or when malformed; `*rest` is
 * empty at the end only. */
bool pointer_next(struct view *rest, char *out, struct view *token) MUST_USE;
/* "" or starts with "/", `~` only as ~0 and ~1, valid UTF-8. */
bool pointer_valid(struct view pointer) MUST_USE;
/* Appends "/" and the escaped token. */
void pointer_add(struct buf *out, struct view token);
/* The node at a pointer, below `from`; false when there is none. */
bool pointer_find(const struct tape *t, uint32_t from, struct view pointer, uint32_t *node) MUST_USE;
/* That node, or where what is missing belongs: the nearest above it, the root at last. */
uint32_t pointer_nearest(const struct tape *t, struct view pointer) MUST_USE;
/* The pointer of a node, by walking from the root. For errors and decisions, not for hot paths.
 * Names for which `known` answers false are written as `*`; known NULL writes all. */
void pointer_of(const struct tape *t, uint32_t node, bool (*known)(void *arg, struct view name), void *arg,
                struct buf *out);

#endif
