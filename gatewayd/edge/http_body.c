/* See http.h: bodies, by their length or in chunks. Grammar: RFC 9112 section 7.1, of which this takes:
 *
 *   chunked-body = *( size [ chunk-ext ] CRLF data CRLF ) "0" [ chunk-ext ] CRLF CRLF
 *   size         = 1 to 8 hexadecimal digits, the first of them no zero
 *   chunk-ext    = *( ";" token [ "=" ( token / quoted-string ) ] ), without white space
 *
 * Extensions mean nothing here and are thrown away; a line is at most 128 bytes long and all of them at most 1 KiB. No
 * trailer fields. Nobody may make this gateway busy with crumbs: of chunks there are at most 1,024, and one more for each
 * 64 bytes of body. */
#include "gatewayd/edge/http_private.h"

#define SIZE_DIGITS    8
#define EXTENSIONS_MAX 1024u
#define CHUNKS_FREE    1024u
#define CHUNK_MEAN     64u

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes a quoted-string (RFC 9110 section 5.6.4) off the front. */
static bool take_quoted(struct view *v)
{
	size_t i = 1;

	while (i < v->n && v->p[i] != '"') {
		size_t step = v->p[i] == '\\' ? 2 : 1;
		if (v->n - i < step || !http_value_ok(view_make(v->p + i, step)))
			return false;
		i += step;
	}
	if (i >= v->n)
		return false;
	*v = view_from(*v, i + 1);
	return true;
}

static bool take_token(struct view *v)
{
	size_t n = 0;

	while (n < v->n && http_name_ok(view_make(v->p + n, 1)))
		n++;
	*v = view_from(*v, n);
	return n > 0;
}

static bool extensions_ok(struct view rest)
{
	while (rest.n > 0) {
		if (rest.p[0] != ';')
			return false;
		rest = view_from(rest, 1);
		if (!take_token(&rest))
			return false;
		if (rest.n == 0 || rest.p[0] != '=')
			continue;
		rest = view_from(rest, 1);
		if (!(rest.n > 0 && rest.p[0] == '"' ? take_quoted(&rest) : take_token(&rest)))
			return false;
	}
	return true;
}

/* The line that starts a chunk; the last one has size 0. */
static bool chunk_starts(struct http_reader *r, struct view line)
{
	uint64_t size = 0;
	size_t n = 0;

	for (; n < line.n && hex_value(line.p[n]) >= 0; n++) {
		if (n == SIZE_DIGITS)
			return http_bad(r, "the size of a chunk has more than 8 digits");
		size = size << 4 | (uint64_t)hex_value(line.p[n]);
	}
	if (n == 0 || (n > 1 && line.p[0] == '0'))
		return http_bad(r, "the size of a chunk is no hexadecimal number without leading zeros");
	struct view extensions = view_from(line, n);
	if (!extensions_ok(extensions))
		return http_bad(r, "what follows the size of a chunk is no list of chunk extensions");
	r->extensions += (uint32_t)extensions.n;
	if (r->extensions > EXTENSIONS_MAX)
		return http_bad(r, "the chunk extensions are longer than 1 KiB");
	if (++r->chunks > CHUNKS_FREE + r->taken / CHUNK_MEAN)
		return http_bad(r, "the body comes in too many small chunks");
	if ((r->taken > r->max_body || size > r->max_body - r->taken) && !http_is_stream(r))
		return http_fail(r, REASON_TOO_LARGE, "the body is larger than this gateway accepts");
	r->left = size;
	r->taken += size;
	r->chunk = size ? HTTP_CHUNK_DATA : HTTP_CHUNK_LAST;
	return true;
}

/* A line between the data of chunks. */
static bool take_line(struct http_reader *r, struct view line)
{
	/* No test can take the way past all of an enum's values. */
	switch (r->chunk) {
	case HTTP_CHUNK_SIZE: return chunk_starts(r, line);
	case HTTP_CHUNK_DATA:
		if (line.n > 0)
			return http_bad(r, "a chunk is longer than its size says");
		r->chunk = HTTP_CHUNK_SIZE;
		return true;
	case HTTP_CHUNK_LAST:
		if (line.n > 0)
			return http_bad(r, "trailer fields are not taken");
		r->state = HTTP_AT_END;
		return true;
	}
	return false;
}

/* Bytes up to the line feed; after the data of a chunk and after the last one none but CR LF may come, and what is not it
 * is refused with its first byte. */
static bool read_line(struct http_reader *r, struct view *in)
{
	while (in->n > 0) {
		char c = in->p[0];
		bool empty = r->chunk != HTTP_CHUNK_SIZE;

		*in = view_from(*in, 1);
		if (r->line_n > 0 && r->line[r->line_n - 1] == '\r') {
			struct view line = view_make(r->line, r->line_n - 1u);
			r->line_n = 0;
			return c == '\n' ? take_line(r, line) : http_bad(r, "a line does not end in CR LF");
		}
		if (c == '\n')
			return http_bad(r, "a line does not end in CR LF");
		if (c != '\r' && empty)
			return take_line(r, VIEW("x"));
		if (r->line_n == sizeof r->line)
			return http_bad(r, "the line that starts a chunk is longer than 128 bytes");
		r->line[r->line_n++] = c;
	}
	return true;
}

static enum http_step data(struct http_reader *r, struct view *in, struct view *body)
{
	*body = view_make(in->p, in->n < r->left ? in->n : (size_t)r->left);
	*in = view_from(*in, body->n);
	r->left -= body->n;
	return HTTP_BODY;
}

enum http_step http_read_body(struct http_reader *r, struct view *in, struct view *body)
{
	if (!r->chunked) {
		if (r->left == 0) {
			r->state = HTTP_AT_END;
			return HTTP_END;
		}
		return in->n == 0 ? HTTP_MORE : data(r, in, body);
	}
	while (in->n > 0) {
		if (r->left > 0)
			return data(r, in, body);
		if (!read_line(r, in))
			return HTTP_FAILED;
		if (r->state == HTTP_AT_END)
			return HTTP_END;
	}
	return HTTP_MORE;
}

bool http_is_whole(const struct http_reader *r)
{
	return r->state == HTTP_AT_END || (r->state == HTTP_IN_BODY && !r->chunked && r->left == 0);
}
