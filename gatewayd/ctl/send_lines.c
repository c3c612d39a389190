/* See send_lines.h. */
#include "gatewayd/ctl/send_lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/crypto/crypto.h"

#define PIECE 65536u

struct send_lines {
	int fd;
	char run[UUID_TEXT + 1];
	struct tape_parser *parser;
	struct buf raw;  /* what was read: from `at` on not handed out */
	size_t at, seen; /* and up to `seen` without a line feed */
	struct buf text; /* of the line that was handed out last */
	char key[SEND_KEY_MAX + 1];
	uint64_t number;
	bool end;   /* nothing more comes */
	bool skips; /* the rest of a line that is too long */
};

struct send_lines *send_lines_new(int fd, const char *run)
{
	struct send_lines *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->fd = fd;
	snprintf(l->run, sizeof l->run, "%s", run);
	l->raw = BUF_INIT(SEND_LINE_MAX + 2 * PIECE);
	l->text = BUF_INIT(SEND_LINE_MAX + PIECE);
	l->parser = tape_parser_new(&tape_document_limits);
	if (!l->parser) {
		free(l);
		return NULL;
	}
	return l;
}

void send_lines_free(struct send_lines *l)
{
	if (!l)
		return;
	tape_parser_wipe(l->parser);
	tape_parser_free(l->parser);
	buf_wipe(&l->raw);
	buf_wipe(&l->text);
	free(l);
}

/* --- reading --- */

/* One piece more. A file is always ready. */
static enum send_got read_piece(struct send_lines *l, bool wait, struct error *e)
{
	struct pollfd ready = { .fd = l->fd, .events = POLLIN };
	char *room;
	ssize_t n;

	if (l->at > 0) {
		buf_drop(&l->raw, l->at);
		l->seen -= l->at;
		l->at = 0;
	}
	if (!wait && poll(&ready, 1, 0) == 0)
		return SEND_NOT_YET;
	room = buf_room(&l->raw, PIECE);
	if (!room) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return SEND_UNREADABLE;
	}
	do {
		n = read(l->fd, room, PIECE);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0) {
		error_set(e, REASON_IO, "the records cannot be read: %s", strerror(errno));
		return SEND_UNREADABLE;
	}
	l->raw.n += (size_t)n;
	l->end = n == 0;
	return SEND_GOT;
}

/* Whether a whole line lies there. One that is too long is thrown away as it comes; `*long_one` when its end has come. */
static bool cut_line(struct send_lines *l, struct view *line, bool *long_one)
{
	struct view rest = view_from(buf_view(&l->raw), l->at);
	size_t seen = l->seen - l->at;
	const char *feed = rest.n > seen ? memchr(rest.p + seen, '\n', rest.n - seen) : NULL;
	bool last = !feed && l->end && (rest.n > 0 || l->skips);

	*line = view_make(rest.p, feed ? (size_t)(feed - rest.p) : rest.n);
	if (!feed && !last) {
		l->seen = l->raw.n;
		if (line->n > SEND_LINE_MAX || l->skips) {
			l->skips = true;
			l->at = l->seen = l->raw.n;
		}
		return false;
	}
	l->at += line->n + (feed ? 1 : 0);
	l->seen = l->at;
	*long_one = l->skips || line->n > SEND_LINE_MAX;
	l->skips = false;
	l->number++;
	return true;
}

/* --- what is sent --- */

static bool is_blank(struct view line)
{
	for (size_t i = 0; i < line.n; i++)
		if (!strchr(" \t\r", line.p[i]) || line.p[i] == 0)
			return false;
	return true;
}

static bool is_key(struct view key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < 0x21 || key.p[i] > 0x7e)
			return false;
	return key.n > 0 && key.n <= SEND_KEY_MAX;
}

/* Why the line cannot be sent; NULL: `l->text` and `l->key` are set. */
static const char *take(struct send_lines *l, struct view line)
{
	struct tape t;

	if (!tape_parse(l->parser, line, &t, NULL) || t.nodes[0].type != TAPE_OBJECT)
		return "is not a JSON object";
	uint32_t key = tape_member(&t, 0, VIEW("key"));
	struct view text = key && t.nodes[key].type == TAPE_STRING ? tape_string(&t, key) : VIEW("");
	if (key && !is_key(text))
		return "has a key that is not 1 to 255 characters of visible ASCII";
	buf_reset(&l->text);
	if (key) {
		snprintf(l->key, sizeof l->key, "%.*s", VIEW_ARG(text));
		buf_add(&l->text, line);
	} else {
		snprintf(l->key, sizeof l->key, "%s-%llu", l->run, (unsigned long long)l->number);
		buf_addf(&l->text, "{\"key\":\"%s\"%s", l->key, t.nodes[0].count > 0 ? "," : "");
		buf_add(&l->text, view_from(line, t.nodes[0].off + 1));
	}
	return l->text.failed ? "is longer than any gateway takes" : NULL;
}

enum send_got send_lines_next(struct send_lines *l, bool wait, struct send_line *out, struct error *e)
{
	struct view line;
	bool long_one = false;

	for (;;) {
		while (!cut_line(l, &line, &long_one)) {
			enum send_got got = l->end ? SEND_AT_END : read_piece(l, wait, e);
			if (got != SEND_GOT)
				return got;
		}
		if (long_one || !is_blank(line))
			break;
	}
	*out = (struct send_line){ .number = l->number };
	sha256(long_one ? VIEW("") : line, &out->digest);
	out->why_not = long_one ? "is longer than any gateway takes" : take(l, line);
	if (!out->why_not) {
		out->text = buf_view(&l->text);
		out->key = view_of(l->key);
	}
	return SEND_GOT;
}
