/* Inside of the HTTP reader (http.h): what heads (http.c) and bodies (http_body.c) share. */
#ifndef GATEWAYD_EDGE_HTTP_PRIVATE_H
#define GATEWAYD_EDGE_HTTP_PRIVATE_H

#include "gatewayd/edge/http.h"

/* The reader is broken, for good; returns false. */
bool http_fail(struct http_reader *r, enum reason reason, const char *why);
/* The same with REASON_BAD_REQUEST. */
bool http_bad(struct http_reader *r, const char *why);

/* http_read() in HTTP_IN_BODY. */
enum http_step http_read_body(struct http_reader *r, struct view *in, struct view *body);

#endif
