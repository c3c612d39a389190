/* The reader's one pass. Each turn of parser_run() takes up one token and decides what comes next.
 * Two rules make every split of a text come out alike: a token is taken up whole or not at all (the
 * next turn starts at its first byte again), and whatever is decided by a byte that has not come yet
 * is not decided (struct scan_fault). The zeros after the text stop every inner loop. */
#include "lib/json/parser.h"

#define NODES_FIRST 512

/* SHORT: the token ends, or is decided, after the last byte that has come. */
enum step { STEP_DONE, STEP_FAILED, STEP_SHORT };

/* A token ended in a fault: at a byte that is missing, or for good. */
static enum step faulted(struct tape_parser *p, const struct scan_fault *fault)
{
	if ((size_t)(fault->at - p->text) >= p->text_n)
		return STEP_SHORT;
	parser_fail(p, REASON_BAD_JSON, (size_t)(fault->place - p->text), fault->text, 0);
	return STEP_FAILED;
}

static enum step unexpected(struct tape_parser *p, const char *s, const char *text)
{
	return faulted(p, &(struct scan_fault){ s, s, text });
}

static enum step over_limit(struct tape_parser *p, const char *s, const char *text, uint32_t limit)
{
	parser_fail(p, REASON_LIMIT, (size_t)(s - p->text), text, limit);
	return STEP_FAILED;
}

static bool node_room(struct tape_parser *p, const char *s)
{
	if (p->n >= p->limits.nodes) {
		over_limit(p, s, "there are more values and names than the limit of", p->limits.nodes);
		return false;
	}
	size_t cap = p->cap;
	struct tape_node *nodes = parser_grow(p->nodes, &cap, p->n, p->n + NODES_FIRST, sizeof *nodes);
	if (!nodes)
		return parser_fail(p, REASON_NO_MEMORY, 0, "memory ran out", 0);
	p->nodes = nodes;
	p->cap = cap < p->limits.nodes ? cap : p->limits.nodes;
	return true;
}

/* The next node, or NULL after an error. */
static inline struct tape_node *add_node(struct tape_parser *p, const char *s, size_t len, enum tape_type type,
                                         unsigned flags)
{
	if (UNLIKELY(p->n == p->cap) && !node_room(p, s))
		return NULL;
	struct tape_node *node = &p->nodes[p->n++];
	*node = (struct tape_node){
		.off = (uint32_t)(s - p->text),
		.len = (uint32_t)len,
		.next = (uint32_t)p->n,
		.type = (uint8_t)type,
		.flags = (uint8_t)flags,
	};
	return node;
}

/* A string as it was found: its token ends at `end`. */
struct string {
	const char *end;
	struct view decoded;
	unsigned flags;
};

/* Room for all the escaped strings that the text can hold: an escape is longer than what it stands
 * for, so a string with its length before it takes no more bytes than its token and a separator. */
static bool decoded_room(struct tape_parser *p)
{
	if (p->decoded_cap >= p->text_cap)
		return true;
	char *decoded = parser_grow(p->decoded, &p->decoded_cap, p->decoded_n, p->text_cap, 1);
	if (!decoded)
		return parser_fail(p, REASON_NO_MEMORY, 0, "memory ran out", 0);
	p->decoded = decoded;
	return true;
}

/* A string with an escape: decodes from `q`, its first backslash, on. */
static enum step read_escaped(struct tape_parser *p, const char *s, const char *q, struct string *out)
{
	struct scan_fault fault;
	char utf8[4];
	unsigned n;

	if (!decoded_room(p))
		return STEP_FAILED;
	char *start = p->decoded + p->decoded_n + sizeof(uint32_t), *d = start;
	memcpy(d, s + 1, (size_t)(q - s - 1));
	d += q - s - 1;
	out->flags |= TAPE_ESCAPED;
	for (;;) {
		const char *from = q;
		if (*q == '"')
			break;
		if (*q == '\\') {
			q = scan_escape(q, utf8, &n, &fault);
			if (!q)
				return faulted(p, &fault);
			if (n > 1)
				out->flags &= ~(unsigned)TAPE_ASCII;
			memcpy(d, utf8, n);
			d += n;
			continue;
		}
		if ((unsigned char)*q < 0x20)
			return unexpected(p, q, "a control character in a string is not escaped");
		if ((unsigned char)*q >= 0x80) {
			out->flags &= ~(unsigned)TAPE_ASCII;
			q = scan_utf8(q, &fault);
			if (!q)
				return faulted(p, &fault);
		} else {
			q = scan_plain(q);
		}
		memcpy(d, from, (size_t)(q - from));
		d += q - from;
	}
	out->end = q + 1;
	out->decoded = view_make(start, (size_t)(d - start));
	uint32_t len = (uint32_t)out->decoded.n;
	memcpy(start - sizeof len, &len, sizeof len);
	return STEP_DONE;
}

/* A string that is more than plain ASCII; `q` is its first byte that is. */
static enum step read_odd_string(struct tape_parser *p, const char *s, const char *q, struct string *out)
{
	struct scan_fault fault;

	while (*q != '"') {
		if (*q == '\\')
			return read_escaped(p, s, q, out);
		if ((unsigned char)*q < 0x20)
			return unexpected(p, q, "a control character in a string is not escaped");
		out->flags = 0;
		do {
			q = scan_utf8(q, &fault);
			if (!q)
				return faulted(p, &fault);
		} while ((unsigned char)*q >= 0x80);
		q = scan_plain(q);
	}
	out->end = q + 1;
	out->decoded = view_make(s + 1, (size_t)(q - s - 1));
	return STEP_DONE;
}

/* The node of a string that was found. By value, and so in registers: nearly all strings are plain. */
static inline enum step add_string(struct tape_parser *p, const char *s, enum tape_type type, struct string str,
                                   const char **end)
{
	if (UNLIKELY(str.decoded.n > (type == TAPE_KEY ? p->limits.key_bytes : p->limits.string_bytes)))
		return type == TAPE_KEY
		               ? over_limit(p, s, "a member name has more bytes than the limit of", p->limits.key_bytes)
		               : over_limit(p, s, "a string has more bytes than the limit of", p->limits.string_bytes);
	struct tape_node *node = add_node(p, s, (size_t)(str.end - s), type, str.flags);
	if (!node)
		return STEP_FAILED;
	node->hash = hash_padded(str.decoded.p, str.decoded.n);
	if (UNLIKELY(str.flags & TAPE_ESCAPED)) {
		node->count = (uint32_t)(p->decoded_n + sizeof(uint32_t));
		p->decoded_n += sizeof(uint32_t) + str.decoded.n;
	}
	*end = str.end;
	return STEP_DONE;
}

static __attribute__((noinline)) enum step take_odd_string(struct tape_parser *p, const char *s, const char *q,
                                                           enum tape_type type, const char **end)
{
	struct string str = { .flags = TAPE_ASCII };
	enum step step = read_odd_string(p, s, q, &str);

	return step == STEP_DONE ? add_string(p, s, type, str, end) : step;
}

/* The string at `s`: a STRING or KEY node. */
static inline enum step read_string(struct tape_parser *p, const char *s, enum tape_type type, const char **end)
{
	const char *q = scan_plain(s + 1);

	if (UNLIKELY(*q != '"'))
		return take_odd_string(p, s, q, type, end);
	return add_string(p, s, type, (struct string){ q + 1, view_make(s + 1, (size_t)(q - s - 1)), TAPE_ASCII }, end);
}

static inline enum step read_number(struct tape_parser *p, const char *s, const char **end)
{
	struct scan_fault fault;
	bool integer;
	const char *q = scan_number(s, &integer, &fault);

	if (UNLIKELY(!q))
		return faulted(p, &fault);
	if (UNLIKELY((size_t)(q - p->text) == p->text_n && !p->final))
		return STEP_SHORT; /* more digits may come */
	if (UNLIKELY(q - s > (ptrdiff_t)p->limits.number_chars))
		return over_limit(p, s, "a number has more characters than the limit of", p->limits.number_chars);
	*end = q;
	return add_node(p, s, (size_t)(q - s), TAPE_NUMBER, integer ? TAPE_INTEGER : 0) ? STEP_DONE : STEP_FAILED;
}

static enum step read_literal(struct tape_parser *p, const char *s, struct view word, enum tape_type type,
                              const char **end)
{
	for (size_t i = 1; i < word.n; i++)
		if (s[i] != word.p[i])
			return unexpected(p, s + i, "a literal is neither null, true nor false");
	*end = s + word.n;
	return add_node(p, s, word.n, type, 0) ? STEP_DONE : STEP_FAILED;
}

static enum step open_container(struct tape_parser *p, const char *s)
{
	bool object = *s == '{';

	if (p->depth >= p->limits.depth)
		return over_limit(p, s, "containers are nested deeper than the limit of", p->limits.depth);
	if (!add_node(p, s, 1, object ? TAPE_OBJECT : TAPE_ARRAY, 0))
		return STEP_FAILED;
	p->frames[p->depth].count += !p->frames[p->depth].object;
	p->frames[++p->depth] = (struct frame){
		.node = (uint32_t)p->n - 1,
		.keys = (uint32_t)p->keys_n,
		.object = object,
	};
	return STEP_DONE;
}

static enum step close_container(struct tape_parser *p, const char *s)
{
	struct frame *f = &p->frames[p->depth];
	struct tape_node *node = &p->nodes[f->node];

	if (f->object && !parser_end_keys(p, f))
		return STEP_FAILED;
	node->len = (uint32_t)(s + 1 - p->text) - node->off;
	node->next = (uint32_t)p->n;
	node->count = f->count;
	p->depth--;
	return STEP_DONE;
}

/* A byte order mark in UTF-8 is named; whether it is one shows with its third byte. */
static enum step no_value(struct tape_parser *p, const char *s)
{
	if (s == p->text && *s == '\xef' && (s[1] == '\xbb' || p->text_n < 2) && (s[2] == '\xbf' || p->text_n < 3))
		return p->text_n < 3 ? STEP_SHORT : unexpected(p, s, "a byte order mark is not allowed");
	return unexpected(p, s, "a value is expected here");
}

/* A value that is no container. */
static inline enum step read_scalar(struct tape_parser *p, const char *s, const char **end)
{
	switch (*s) {
	case '"': return read_string(p, s, TAPE_STRING, end);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9': return read_number(p, s, end);
	case 't': return read_literal(p, s, VIEW("true"), TAPE_TRUE, end);
	case 'f': return read_literal(p, s, VIEW("false"), TAPE_FALSE, end);
	case 'n': return read_literal(p, s, VIEW("null"), TAPE_NULL, end);
	default: return no_value(p, s);
	}
}

static inline enum step read_key(struct tape_parser *p, const char *s, const char **end)
{
	struct frame *f = &p->frames[p->depth];

	if (UNLIKELY(*s != '"'))
		return unexpected(p, s, "a member name is expected here");
	if (UNLIKELY(p->members >= p->limits.members))
		return over_limit(p, s, "there are more members than the limit of", p->limits.members);
	enum step step = read_string(p, s, TAPE_KEY, end);
	if (UNLIKELY(step != STEP_DONE))
		return step;
	if (UNLIKELY(!parser_add_key(p, f, (uint32_t)p->n - 1)))
		return STEP_FAILED;
	f->count++;
	p->members++;
	return STEP_DONE;
}

/* The text ends, or breaks off, before the token at `s` is whole. */
static bool ended(struct tape_parser *p, const char *s)
{
	p->at = (size_t)(s - p->text);
	if (p->final)
		return parser_fail(p, REASON_BAD_JSON, p->text_n, "the text ends too early", 0);
	/* A token that comes in many small pieces is looked at again when it has doubled, not each time. */
	p->look_at = p->at + 2 * (p->text_n - p->at);
	return true;
}

bool parser_run(struct tape_parser *p, bool final)
{
	const char *s = p->text + p->at, *end = s;
	enum step step;

	p->final = final;
	switch (p->want) {
	case WANT_VALUE: goto value;
	case WANT_FIRST_ITEM: goto first_item;
	case WANT_FIRST_KEY: goto first_key;
	case WANT_KEY: goto key;
	case WANT_COLON: goto colon;
	case WANT_COMMA: goto comma;
	case WANT_NOTHING: goto nothing;
	}

first_item:
	p->want = WANT_FIRST_ITEM;
	s = skip_space(s);
	if (*s == ']')
		goto close;
	goto value_here;

first_key:
	p->want = WANT_FIRST_KEY;
	s = skip_space(s);
	if (*s == '}')
		goto close;
	goto key_here;

key:
	p->want = WANT_KEY;
	s = skip_space(s);
key_here:
	step = read_key(p, s, &end);
	if (UNLIKELY(step != STEP_DONE))
		goto stop;
	s = end;

colon:
	p->want = WANT_COLON;
	s = skip_space(s);
	if (UNLIKELY(*s != ':')) {
		step = unexpected(p, s, "a colon is expected here");
		goto stop;
	}
	s++;

value:
	p->want = WANT_VALUE;
	s = skip_space(s);
value_here:
	if (*s == '{' || *s == '[') {
		bool object = *s == '{';
		step = open_container(p, s);
		if (UNLIKELY(step != STEP_DONE))
			goto stop;
		s++;
		if (object)
			goto first_key;
		goto first_item;
	}
	step = read_scalar(p, s, &end);
	if (UNLIKELY(step != STEP_DONE))
		goto stop;
	p->frames[p->depth].count += !p->frames[p->depth].object;
	s = end;
	if (UNLIKELY(p->depth == 0))
		goto nothing;

comma:
	p->want = WANT_COMMA;
	s = skip_space(s);
	if (*s == ',') {
		s++;
		if (p->frames[p->depth].object)
			goto key;
		goto value;
	}
	if (UNLIKELY(*s != (p->frames[p->depth].object ? '}' : ']'))) {
		step = unexpected(p, s,
		                  p->frames[p->depth].object ? "a comma or the end of the object is expected here"
		                                             : "a comma or the end of the array is expected here");
		goto stop;
	}

close:
	step = close_container(p, s);
	if (UNLIKELY(step != STEP_DONE))
		goto stop;
	s++;
	if (p->depth > 0)
		goto comma;

nothing:
	p->want = WANT_NOTHING;
	s = skip_space(s);
	p->at = (size_t)(s - p->text);
	if (p->at >= p->text_n)
		return true;
	step = unexpected(p, s, "the text goes on after its value");

stop:
	return step == STEP_SHORT && ended(p, s);
}
