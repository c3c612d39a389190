/* See http.h. Grammar: RFC 9112 (HTTP/1.1), RFC 9110 (fields), RFC 3986 (target). */
#include "gatewayd/edge/http_private.h"

/* What a byte may be part of. */
#define C_TOKEN  1 /* RFC 9110 section 5.6.2 */
#define C_VALUE  2 /* field value: visible ASCII, space, tab */
#define C_TARGET 4 /* RFC 3986 pchar, "/" and "?", without the percent sign */
#define C_DIGIT  8
#define C_HEX    16
#define C_HOST   32 /* letters, digits, . - : [ ] */
#define C_UPPER  64

#define T       C_TOKEN
#define V       C_VALUE
#define P       C_TARGET
#define H       C_HOST
#define SIGN(x) (C_VALUE | (x))
#define NUMBER  (T | V | P | H | C_DIGIT | C_HEX)
#define UP_HEX  (T | V | P | H | C_UPPER | C_HEX)
#define UP      (T | V | P | H | C_UPPER)
#define LOW_HEX (T | V | P | H | C_HEX)
#define LOW     (T | V | P | H)
static const uint8_t class_of[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = SIGN(T | P),
	['"'] = V,
	['#'] = SIGN(T),
	['$'] = SIGN(T | P),
	['%'] = SIGN(T),
	['&'] = SIGN(T | P),
	['\''] = SIGN(T | P),
	['('] = SIGN(P),
	[')'] = SIGN(P),
	['*'] = SIGN(T | P),
	['+'] = SIGN(T | P),
	[','] = SIGN(P),
	['-'] = SIGN(T | P | H),
	['.'] = SIGN(T | P | H),
	['/'] = SIGN(P),
	['0'] = NUMBER,
	['1'] = NUMBER,
	['2'] = NUMBER,
	['3'] = NUMBER,
	['4'] = NUMBER,
	['5'] = NUMBER,
	['6'] = NUMBER,
	['7'] = NUMBER,
	['8'] = NUMBER,
	['9'] = NUMBER,
	[':'] = SIGN(P | H),
	[';'] = SIGN(P),
	['<'] = V,
	['='] = SIGN(P),
	['>'] = V,
	['?'] = SIGN(P),
	['@'] = SIGN(P),
	['A'] = UP_HEX,
	['B'] = UP_HEX,
	['C'] = UP_HEX,
	['D'] = UP_HEX,
	['E'] = UP_HEX,
	['F'] = UP_HEX,
	['G'] = UP,
	['H'] = UP,
	['I'] = UP,
	['J'] = UP,
	['K'] = UP,
	['L'] = UP,
	['M'] = UP,
	['N'] = UP,
	['O'] = UP,
	['P'] = UP,
	['Q'] = UP,
	['R'] = UP,
	['S'] = UP,
	['T'] = UP,
	['U'] = UP,
	['V'] = UP,
	['W'] = UP,
	['X'] = UP,
	['Y'] = UP,
	['Z'] = UP,
	['['] = SIGN(H),
	['\\'] = V,
	[']'] = SIGN(H),
	['^'] = SIGN(T),
	['_'] = SIGN(T | P),
	['`'] = SIGN(T),
	['a'] = LOW_HEX,
	['b'] = LOW_HEX,
	['c'] = LOW_HEX,
	['d'] = LOW_HEX,
	['e'] = LOW_HEX,
	['f'] = LOW_HEX,
	['g'] = LOW,
	['h'] = LOW,
	['i'] = LOW,
	['j'] = LOW,
	['k'] = LOW,
	['l'] = LOW,
	['m'] = LOW,
	['n'] = LOW,
	['o'] = LOW,
	['p'] = LOW,
	['q'] = LOW,
	['r'] = LOW,
	['s'] = LOW,
	['t'] = LOW,
	['u'] = LOW,
	['v'] = LOW,
	['w'] = LOW,
	['x'] = LOW,
	['y'] = LOW,
	['z'] = LOW,
	['{'] = V,
	['|'] = SIGN(T),
	['}'] = V,
	['~'] = SIGN(T | P),
};
#undef T
#undef V
#undef P
#undef H

static const struct {
	const char *text;
	uint8_t n, flags;
} fields[HTTP_FIELD_COUNT] = {
#define F(name, text, flags) { text, sizeof text - 1, flags },
	HTTP_FIELDS(F)
#undef F
};

static const struct {
	const char *name;
	bool body; /* has one, so needs a Content-Length */
} methods[] = {
	{ "GET", false },  { "POST", true },    { "HEAD", false },    { "PUT", true },
	{ "PATCH", true }, { "DELETE", false }, { "OPTIONS", false },
};

/* True when every byte is of class `c`. */
static bool all(struct view v, uint8_t c)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(class_of[(uint8_t)v.p[i]] & c))
			return false;
	return true;
}

bool http_fail(struct http_reader *r, enum reason reason, const char *why)
{
	r->state = HTTP_BROKEN;
	r->reason = reason;
	r->why = why;
	r->close = true;
	return false;
}

bool http_bad(struct http_reader *r, const char *why)
{
	return http_fail(r, REASON_BAD_REQUEST, why);
}

static struct view slice_view(const struct http_reader *r, struct http_slice s)
{
	return view_make(r->head.p + s.at, s.n);
}

static struct http_slice slice_of(const struct http_reader *r, struct view v)
{
	return (struct http_slice){ (uint16_t)(v.p - r->head.p), (uint16_t)v.n };
}

static void start_head(struct http_reader *r)
{
	buf_reset(&r->head);
	r->state = HTTP_IN_HEAD;
	r->line_at = 0;
	r->n_fields = 0;
	r->first_line = false;
	r->seen = 0;
	r->method = r->target = (struct http_slice){ 0, 0 };
	r->status = 0;
	r->close = r->expect_continue = false;
	r->length = r->left = r->taken = 0;
	r->chunks = r->extensions = 0;
	r->chunked = false;
	r->chunk = HTTP_CHUNK_SIZE;
	r->line_n = 0;
}

void http_init(struct http_reader *r, enum http_side side, uint64_t max_body)
{
	*r = (struct http_reader){ .side = side, .max_body = max_body, .head = BUF_INIT(HTTP_HEAD_MAX) };
	start_head(r);
}

void http_free(struct http_reader *r)
{
	buf_wipe(&r->head);
}

void http_next(struct http_reader *r)
{
	r->no_body = false;
	r->n_interim = 0;
	start_head(r);
}

bool http_untouched(const struct http_reader *r)
{
	return r->state == HTTP_IN_HEAD && r->head.n == 0;
}

bool http_name_ok(struct view name)
{
	return name.n > 0 && all(name, C_TOKEN);
}

bool http_value_ok(struct view value)
{
	return all(value, C_VALUE);
}

/* RFC 9112 section 3.2.1: absolute-path [ "?" query ]; %00 is refused with malformed escapes. */
bool http_target_ok(struct view target)
{
	if (target.n == 0 || target.p[0] != '/')
		return false;
	for (size_t i = 0; i < target.n; i++) {
		uint8_t c = (uint8_t)target.p[i];

		if (class_of[c] & C_TARGET)
			continue;
		if (c != '%' || target.n - i < 3 || !(class_of[(uint8_t)target.p[i + 1]] & C_HEX) ||
		    !(class_of[(uint8_t)target.p[i + 2]] & C_HEX))
			return false;
		if (target.p[i + 1] == '0' && target.p[i + 2] == '0')
			return false;
		i += 2;
	}
	return true;
}

/* -1 when it is none that is known. */
static int method_index(struct view method)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (view_is(method, methods[i].name))
			return (int)i;
	return -1;
}

/* RFC 9112 section 3, with exactly one space between the parts. */
static bool request_line(struct http_reader *r, struct view line)
{
	struct view method = view_cut(&line, ' ');
	struct view target = view_cut(&line, ' ');

	if (method.n == 0 || !all(method, C_TOKEN))
		return http_bad(r, "the request line does not start with a method");
	if (!view_starts(line, VIEW("HTTP/")))
		return http_bad(r, "the request line is not method, target and version with one space between");
	if (!view_is(line, "HTTP/1.1"))
		return line.n == 8 && class_of[(uint8_t)line.p[5]] & C_DIGIT && line.p[6] == '.' &&
		                       class_of[(uint8_t)line.p[7]] & C_DIGIT
		               ? http_fail(r, REASON_NOT_IMPLEMENTED, "only HTTP/1.1 is taken")
		               : http_bad(r, "the version is not HTTP/1.1");
	if (!http_target_ok(target))
		return http_bad(r, "the target is not an absolute path with an optional query");
	int which = method_index(method);
	if (which < 0)
		return http_fail(r, REASON_NOT_IMPLEMENTED, "the method is not one that this gateway knows");
	r->takes_body = methods[which].body;
	r->method = slice_of(r, method);
	r->target = slice_of(r, target);
	return true;
}

/* RFC 9112 section 4; the phrase may be empty, the space before it not missing. */
static bool status_line(struct http_reader *r, struct view line)
{
	if (!view_starts(line, VIEW("HTTP/1.1 ")) || line.n < 13 || line.p[12] != ' ' ||
	    !all(view_make(line.p + 9, 3), C_DIGIT) || line.p[9] < '1' || line.p[9] > '5')
		return http_bad(r, "the status line is not HTTP/1.1, a status of three digits and a phrase");
	if (!all(view_from(line, 13), C_VALUE))
		return http_bad(r, "the phrase of the status line holds a control character");
	r->status = (line.p[9] - '0') * 100 + (line.p[10] - '0') * 10 + (line.p[11] - '0');
	return true;
}

static struct view trim(struct view v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = view_from(v, 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

/* The connection options that are harmless; naming any other field here could hide it from a reader
 * that stands between (RFC 9110 section 7.6.1). */
static bool connection_options(struct http_reader *r, struct view list)
{
	while (list.p) {
		struct view option = trim(view_cut(&list, ','));

		if (view_eq_nocase(option, VIEW("close")))
			r->close = true;
		else if (!view_eq_nocase(option, VIEW("keep-alive")) && !view_eq_nocase(option, VIEW("te")) &&
		         !view_eq_nocase(option, VIEW("upgrade")) && !view_eq_nocase(option, VIEW("http2-settings")))
			return http_fail(r, REASON_BAD_HEADER, "Connection names an option that is not taken");
	}
	return true;
}

static bool content_length(struct http_reader *r, struct view v)
{
	uint64_t n = 0;

	if (v.n < 1 || v.n > 10 || !all(v, C_DIGIT))
		return http_bad(r, "Content-Length is not a number of 1 to 10 digits");
	for (size_t i = 0; i < v.n; i++)
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	r->length = n;
	return true;
}

/* What a field that is known means as soon as it is read. */
static bool known_field(struct http_reader *r, enum http_field f, struct view value)
{
	bool request = r->side == HTTP_REQUESTS;

	if (f == HTTP_CONNECTION)
		return connection_options(r, value);
	if (f == HTTP_TRACEPARENT && r->seen & (1u << f)) {
		r->value[f].n = 0;
		return true;
	}
	/* An answer's fields that lists may repeat mean nothing here, so only what is read must be single. */
	if (r->seen & (1u << f) && (request || f == HTTP_CONTENT_LENGTH || fields[f].flags & HTTP_BACK))
		return http_bad(r, "a field that may stand only once is repeated");
	r->seen |= 1u << f;
	r->value[f] = slice_of(r, value);
	if (f == HTTP_CONTENT_LENGTH)
		return content_length(r, value);
	if (!request)
		return true;
	if (f == HTTP_HOST && (value.n == 0 || value.n > 255 || !all(value, C_HOST)))
		return http_bad(r, "Host is not a name or address with an optional port");
	if (f == HTTP_TRANSFER_ENCODING) {
		if (!view_eq_nocase(value, VIEW("chunked")))
			return http_fail(r, REASON_NOT_IMPLEMENTED,
			                 "a Transfer-Encoding other than chunked is not taken");
		r->chunked = true;
		return true;
	}
	if ((f == HTTP_CONTENT_DIGEST || f == HTTP_IDEMPOTENCY_KEY) && value.n == 0)
		return http_fail(r, REASON_BAD_HEADER, "Content-Digest or Idempotency-Key is empty");
	if (f == HTTP_TRAILER)
		return http_fail(r, REASON_NOT_IMPLEMENTED, "trailer fields are not taken");
	if (f == HTTP_EXPECT) {
		if (!view_eq_nocase(value, VIEW("100-continue")))
			return http_fail(r, REASON_NOT_IMPLEMENTED,
			                 "an expectation other than 100-continue is not taken");
		r->expect_continue = true;
	}
	if (f == HTTP_CONTENT_ENCODING && !view_eq_nocase(value, VIEW("identity")))
		return http_fail(r, REASON_MEDIA_TYPE, "an encoded body is not taken");
	return true;
}

/* RFC 9112 section 5: name, colon, value with white space around it. */
static bool field_line(struct http_reader *r, struct view line)
{
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return http_bad(r, "a field is folded over lines");
	if (++r->n_fields > HTTP_FIELDS_MAX)
		return http_fail(r, REASON_HEADERS_TOO_LARGE, "the head has more than 32 fields");

	size_t n = 0;
	while (n < line.n && class_of[(uint8_t)line.p[n]] & C_TOKEN)
		n++;
	if (n == 0 || n == line.n || line.p[n] != ':')
		return http_bad(r, "a line of the head is not a field name, a colon and a value");
	struct view value = view_make(line.p + n + 1, line.n - n - 1);
	if (!all(value, C_VALUE))
		return http_bad(r, "a field value holds a byte that is not visible ASCII, space or tab");
	value = trim(value);
	for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++)
		if (fields[f].n == n && view_eq_nocase(view_make(line.p, n), view_make(fields[f].text, n)))
			return known_field(r, f, value);
	return true;
}

static bool request_ends(struct http_reader *r)
{
	bool body = r->takes_body;

	if (!(r->seen & 1u << HTTP_HOST))
		return http_bad(r, "Host is missing");
	if (r->chunked && r->seen & 1u << HTTP_CONTENT_LENGTH)
		return http_bad(r, "the request has both Content-Length and Transfer-Encoding");
	if (body && !r->chunked && !(r->seen & 1u << HTTP_CONTENT_LENGTH))
		return http_bad(r, "Content-Length or Transfer-Encoding is missing");
	if (!body && (r->chunked || r->length > 0))
		return http_bad(r, "this method takes no body");
	if (r->length > r->max_body && !http_is_stream(r))
		return http_fail(r, REASON_TOO_LARGE, "the body is larger than this gateway accepts");
	return true;
}

bool http_is_stream(const struct http_reader *r)
{
	struct view type, rest;

	if (!http_value(r, HTTP_CONTENT_TYPE, &rest))
		return false;
	type = view_cut(&rest, ';');
	while (type.n && type.p[type.n - 1] == ' ')
		type.n--;
	return view_eq_nocase(type, VIEW("application/x-ndjson"));
}

static bool answer_ends(struct http_reader *r)
{
	if (r->status == 101)
		return http_bad(r, "the answer switches protocols");
	if (r->status < 200) {
		if (++r->n_interim > HTTP_INTERIM_MAX)
			return http_bad(r, "too many interim answers");
		start_head(r);
		return true;
	}
	if (r->no_body || r->status == 204 || r->status == 304) {
		r->length = 0;
	} else if (r->seen & 1u << HTTP_TRANSFER_ENCODING || !(r->seen & 1u << HTTP_CONTENT_LENGTH)) {
		r->length = 0;
		r->close = true;
	}
	return true;
}

/* The line that the last byte of the head ended. */
static bool take_line(struct http_reader *r)
{
	size_t n = r->head.n - r->line_at;

	if (n < 2 || r->head.p[r->head.n - 2] != '\r')
		return http_bad(r, "a line does not end in CR LF");
	struct view line = view_make(r->head.p + r->line_at, n - 2);
	r->line_at = (uint16_t)r->head.n;
	if (!r->first_line) {
		r->first_line = true;
		return r->side == HTTP_REQUESTS ? request_line(r, line) : status_line(r, line);
	}
	if (line.n > 0)
		return field_line(r, line);
	int interim = r->n_interim;
	if (!(r->side == HTTP_REQUESTS ? request_ends(r) : answer_ends(r)))
		return false;
	if (r->n_interim == interim) {
		r->left = r->length;
		r->state = HTTP_IN_BODY;
	}
	return true;
}

static enum http_step read_head(struct http_reader *r, struct view *in)
{
	while (in->n > 0 && r->state == HTTP_IN_HEAD) {
		size_t room = HTTP_HEAD_MAX - r->head.n;
		size_t window = in->n < room ? in->n : room;
		const char *lf = memchr(in->p, '\n', window);
		size_t take = lf ? (size_t)(lf - in->p) + 1 : window;

		buf_add(&r->head, view_make(in->p, take));
		*in = view_from(*in, take);
		if (r->head.failed)
			return http_fail(r, REASON_NO_MEMORY, "no memory"), HTTP_FAILED;
		if (lf && !take_line(r))
			return HTTP_FAILED;
		if (r->state == HTTP_IN_HEAD && r->head.n == HTTP_HEAD_MAX)
			return http_fail(r, REASON_HEADERS_TOO_LARGE, "the head is larger than 8 KiB"), HTTP_FAILED;
	}
	return r->state == HTTP_IN_HEAD ? HTTP_MORE : HTTP_HEAD;
}

enum http_step http_read(struct http_reader *r, struct view *in, struct view *body)
{
	/* No test can take the way past all of an enum's values. */
	switch (r->state) {
	case HTTP_IN_HEAD: return read_head(r, in);
	case HTTP_IN_BODY: return http_read_body(r, in, body);
	case HTTP_AT_END: return HTTP_END;
	case HTTP_BROKEN: break;
	}
	return HTTP_FAILED;
}

struct view http_method(const struct http_reader *r)
{
	return slice_view(r, r->method);
}

struct view http_target(const struct http_reader *r)
{
	return slice_view(r, r->target);
}

bool http_value(const struct http_reader *r, enum http_field f, struct view *out)
{
	if (!(r->seen & 1u << f))
		return false;
	*out = slice_view(r, r->value[f]);
	return true;
}

const char *http_field_name(enum http_field f)
{
	return fields[f].text;
}

int http_field_flags(enum http_field f)
{
	return fields[f].flags;
}

struct view http_host_name(struct view host)
{
	size_t n = 0;

	if (host.n > 0 && host.p[0] == '[') {
		while (n < host.n && host.p[n] != ']')
			n++;
		return view_make(host.p + 1, n - 1);
	}
	while (n < host.n && host.p[n] != ':')
		n++;
	return view_make(host.p, n);
}

const char *http_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status";
}
