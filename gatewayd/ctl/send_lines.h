/* The lines of a file of envelopes (NDJSON), or of a pipe, in bounded memory: a line at a time, as it is to be sent. Each is one
 * JSON object with a `key`: its own, else one of the run and the line's number, which is put in front, so that it is the same
 * whenever the line is sent again. Lines of white space alone are left out. One thread. */
#ifndef GATEWAYD_CTL_SEND_LINES_H
#define GATEWAYD_CTL_SEND_LINES_H

#include "lib/base/ids.h"
#include "lib/json/tape.h"

#define SEND_LINE_MAX (17u * 1024 * 1024) /* no gateway takes a longer one */
#define SEND_KEY_MAX  255

struct send_lines;

struct send_line {
	uint64_t number;      /* in the file, from 1 */
	struct view text;     /* to be sent, without the line feed; empty: it is not sent */
	struct view key;      /* printable ASCII; empty where it is not sent */
	const char *why_not;  /* why it is not sent; NULL */
	struct digest digest; /* of the line as it stands in the file */
};

enum send_got { SEND_GOT, SEND_NOT_YET, SEND_AT_END, SEND_UNREADABLE };

/* `run` names the keys of lines without one. `fd` is borrowed. NULL: no memory. */
struct send_lines *send_lines_new(int fd, const char *run) MUST_USE;
void send_lines_free(struct send_lines *l); /* wipes; NULL does nothing */
/* The next line; its views last until the next call. Without `wait`, SEND_NOT_YET when a pipe has none at the moment.
 * SEND_UNREADABLE with the error. */
enum send_got send_lines_next(struct send_lines *l, bool wait, struct send_line *out, struct error *e) MUST_USE;

#endif
