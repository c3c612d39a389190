/* One server, asked from the command line. A gateway: what recipients' systems and oversight bodies need to speak to it,
 * and nothing else: TLS 1.3 (RFC 8446) only, with a client certificate, and the server's chain must end in the one
 * authority that is named. Or a web server where somebody published files that prove themselves by their signatures: asked
 * without a certificate, over plain HTTP as well. No redirect is followed, no proxy, netrc or key log is taken from the
 * environment. libcurl does the work and shows nowhere but in https.c; gatewayd itself never links it.
 *
 * A struct https keeps its connection between requests and belongs to one thread at a time. Answers may be records:
 * their owner wipes them. Errors name what failed, never a body. */
#ifndef GATEWAYD_CTL_HTTPS_H
#define GATEWAYD_CTL_HTTPS_H

#include "lib/base/buf.h"
#include "lib/base/error.h"

struct https_options {
	const char *url;         /* "https://HOST[:PORT]"; a path after it stands before every request's */
	const char *certificate; /* PEM files: the chain that is shown, leaf first */
	const char *key;         /* its key, which others may not read */
	const char *authority;   /* whom the server's certificate must come from */
	/* A web server of files: neither certificate nor key; "http://" too; TLS 1.2 too, by the system's authorities where
	 * `authority` is NULL; compressed answers are taken (gzip), and what they unpack to has the same ceiling. */
	bool published;
	const char *resolve;  /* "HOST:PORT:ADDRESS" instead of the resolver; NULL: as the system resolves */
	unsigned timeout_ms;  /* of one try, connecting included; 0: a minute */
	unsigned tries;       /* at most, where the server says 429 or 503 and when to come again; 0: 4 */
	unsigned patience_ms; /* the longest wait before another try; 0: a minute */
};

struct https;

/* Checks the options and reads the files; connects with the first request. NULL with REASON_CONFIG (the options) or
 * REASON_IO (a file). The strings may go when it returns. */
struct https *https_open(const struct https_options *o, struct error *e) MUST_USE;
/* Sends one request and waits for its answer. `method` is "GET" or "POST"; `path` begins with '/'; `body` and
 * `content_type` (may be NULL) go with a POST only. `answer` is emptied first; its ceiling bounds what is taken. True
 * for any status, which the caller judges: a 429 or 503 is handed back when it names no time, a longer one than the
 * patience, or was the last try. False: REASON_UNAVAILABLE (no connection, no trust, no answer in time) or REASON_TOO_LARGE. */
bool https_request(struct https *h, const char *method, const char *path, struct view body, const char *content_type,
                   struct buf *answer, int *status, struct error *e) MUST_USE;

/* A POST whose body and answer are of any length and go at the same time. */
enum https_body {
	HTTPS_BYTES, /* `*n` bytes were written */
	HTTPS_WAIT,  /* nothing before more of the answer has come */
	HTTPS_END    /* the body is over */
};
struct https_stream {
	const char *path, *content_type;
	/* Writes at most `size` bytes of the body. */
	enum https_body (*body)(void *arg, char *to, size_t size, size_t *n);
	/* Takes what came of the answer to a status of 200. False ends the request. */
	bool (*answer)(void *arg, struct view bytes);
	void *arg;
};
/* Sends it in chunks, once. An answer with another status goes to `problem`, and the body ends there; `*retry_after_s` is how
 * long the server wants to be left alone then, 0 where it does not say. False: no connection, no trust, or it broke
 * (REASON_UNAVAILABLE), also after the timeout without a byte in either direction; part of the answer may have been taken. */
bool https_stream(struct https *h, const struct https_stream *s, struct buf *problem, int *status,
                  unsigned *retry_after_s, struct error *e) MUST_USE;
void https_close(struct https *h); /* NULL does nothing */

#endif
