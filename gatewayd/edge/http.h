/* One strict HTTP/1.1 reader for both directions: the requests that partners send, and the answers that
 * partners give to what this gateway sends. A pure state machine over bytes: no socket, no clock, and
 * the same result whatever pieces the bytes come in. It takes a narrow subset of RFC 9112 and refuses
 * all else, because two parties that read one message differently is how requests are smuggled:
 *
 *   - lines end in CRLF; no bare CR or LF, no NUL or other control character, no byte above 0x7E
 *   - a head has at most 8 KiB and 32 fields; no folded lines; names are tokens, followed by the colon
 *   - requests: a known method, origin-form target, HTTP/1.1; exactly one Host; POST, PUT and PATCH have either
 *     exactly one Content-Length of 1 to 10 digits or exactly one Transfer-Encoding that is chunked (http_body.c), never
 *     both; other methods no body; any Trailer, and any Expect but 100-continue, is refused
 *   - answers: an answer without Content-Length, or with Transfer-Encoding, ends at its head and its
 *     connection cannot be used again
 *
 * The reader owns the head's bytes; what it returns as views of them stays valid until http_next() or
 * http_free(). One thread at a time. */
#ifndef GATEWAYD_EDGE_HTTP_H
#define GATEWAYD_EDGE_HTTP_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/reason.h"

#define HTTP_HEAD_MAX    8192u
#define HTTP_FIELDS_MAX  32u
#define HTTP_INTERIM_MAX 4u /* 1xx answers before the final one */

/* Fields that mean something here. IN: passed on to core with a request; BACK: with an answer. */
#define HTTP_IN   1
#define HTTP_BACK 2
#define HTTP_FIELDS(F) \
	F(HOST, "host", 0) \
	F(CONTENT_LENGTH, "content-length", 0) \
	F(TRANSFER_ENCODING, "transfer-encoding", 0) \
	F(CONNECTION, "connection", 0) \
	F(EXPECT, "expect", 0) \
	F(TRAILER, "trailer", 0) \
	F(CONTENT_ENCODING, "content-encoding", 0) \
	F(CONTENT_TYPE, "content-type", HTTP_IN | HTTP_BACK) \
	F(CONTENT_DIGEST, "content-digest", HTTP_IN | HTTP_BACK) \
	F(IDEMPOTENCY_KEY, "idempotency-key", HTTP_IN) \
	F(ACCEPT, "accept", HTTP_IN) \
	F(TRACEPARENT, "traceparent", HTTP_IN) /* that stands twice counts as none (W3C Trace Context) */ \
	F(LOCATION, "location", HTTP_BACK) \
	F(RETRY_AFTER, "retry-after", HTTP_BACK) \
	F(IDEMPOTENCY_REPLAYED, "idempotency-replayed", HTTP_BACK)

enum http_field {
#define F(name, text, flags) HTTP_##name,
	HTTP_FIELDS(F)
#undef F
	        HTTP_FIELD_COUNT
};

enum http_side { HTTP_REQUESTS, HTTP_ANSWERS };

/* A part of the head, by offset, for the buffer may move while it grows. */
struct http_slice {
	uint16_t at, n;
};

/* The longest line before the data of a chunk, without its line feed. */
#define HTTP_CHUNK_LINE_MAX 129u

enum http_chunk {
	HTTP_CHUNK_SIZE, /* its first line */
	HTTP_CHUNK_DATA, /* its data and what ends them */
	HTTP_CHUNK_LAST  /* the line that ends the body */
};

enum http_state { HTTP_IN_HEAD, HTTP_IN_BODY, HTTP_AT_END, HTTP_BROKEN };

struct http_reader {
	enum http_side side;
	enum http_state state;
	struct buf head;
	uint16_t line_at; /* where the line under way starts */
	uint8_t n_fields, n_interim;
	bool first_line; /* has been read */
	bool takes_body; /* the request's method does */
	uint32_t seen;   /* a bit for each enum http_field */
	struct http_slice method, target, value[HTTP_FIELD_COUNT];
	int status;   /* of an answer */
	bool no_body; /* the answer is to a HEAD request: set before it is read */
	bool close;   /* the peer asked for, or the message needs, the end of the connection */
	bool expect_continue;
	uint64_t max_body; /* of a request */
	uint64_t length;   /* of the body; 0 where it is chunked */
	uint64_t left;     /* of the body, or of the chunk under way */
	bool chunked;
	enum http_chunk chunk;
	uint64_t taken;              /* sizes of all chunks so far */
	uint32_t chunks, extensions; /* how many, how many bytes */
	char line[HTTP_CHUNK_LINE_MAX];
	uint8_t line_n;
	enum reason reason; /* why it is HTTP_BROKEN */
	const char *why;    /* the rule that was broken: a constant sentence */
};

/* What a call to http_read() came to. */
enum http_step {
	HTTP_MORE,  /* all input was taken; more is needed */
	HTTP_HEAD,  /* the head is complete; call again */
	HTTP_BODY,  /* *body is a piece of the body; call again */
	HTTP_END,   /* the message is complete; nothing beyond it was taken */
	HTTP_FAILED /* see reason and why; for good */
};

/* `max_body`: a request with a longer Content-Length fails with REASON_TOO_LARGE when its head is read, and a chunked one when
 * it gets longer; but for streams. */
void http_init(struct http_reader *r, enum http_side side, uint64_t max_body);
void http_free(struct http_reader *r);
/* Forgets the message that ended and gets ready for the next. Keeps the memory. */
void http_next(struct http_reader *r);
/* True when no byte of the next message was seen. */
bool http_untouched(const struct http_reader *r);
/* Takes bytes from the front of *in. *body is a view of the input, set with HTTP_BODY only. */
enum http_step http_read(struct http_reader *r, struct view *in, struct view *body) MUST_USE;

/* Its body may be of any length, for it is taken line by line (NDJSON). */
bool http_is_stream(const struct http_reader *r);
/* Nothing of the message is still to come. */
bool http_is_whole(const struct http_reader *r);
struct view http_method(const struct http_reader *r);
struct view http_target(const struct http_reader *r);
/* False when the field did not come. */
bool http_value(const struct http_reader *r, enum http_field f, struct view *out) MUST_USE;
const char *http_field_name(enum http_field f); /* lower case */
int http_field_flags(enum http_field f);

/* For writers of messages: may this stand as a field's name, as its value? */
bool http_name_ok(struct view name);
bool http_value_ok(struct view value);
bool http_target_ok(struct view target);
/* The name or address in a Host field: without port and brackets. */
struct view http_host_name(struct view host);
const char *http_phrase(int status); /* "Not Found"; "Status" when not known */

#endif
