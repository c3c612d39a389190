/* See tape.h. The parser's memory, and bytes on their way in; parser_run.c reads them. */
#include "lib/json/parser.h"

#include <assert.h>

#include "lib/base/ids.h"

#define TEXT_FIRST 4096

#define BYTES_MAX (UINT32_C(1) << 30)
#define DEPTH_MAX 1024

static uint32_t limit_or(uint32_t asked, uint32_t standard, uint32_t ceiling)
{
	uint32_t limit = asked ? asked : standard;

	return limit < ceiling ? limit : ceiling;
}

struct tape_parser *tape_parser_new(const struct tape_limits *limits)
{
	static const struct tape_limits none;
	const struct tape_limits *l = limits ? limits : &none;
	struct tape_parser *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->limits = (struct tape_limits){
		.bytes = limit_or(l->bytes, 1u << 20, BYTES_MAX),
		.depth = limit_or(l->depth, 64, DEPTH_MAX),
		.members = limit_or(l->members, 10000, UINT32_MAX),
		.nodes = limit_or(l->nodes, 1000000, UINT32_MAX),
		.key_bytes = limit_or(l->key_bytes, 256, BYTES_MAX),
		.string_bytes = limit_or(l->string_bytes, 256u << 10, BYTES_MAX),
		.number_chars = limit_or(l->number_chars, NUMBER_CHARS, NUMBER_MAX),
		.duplicates = l->duplicates,
	};
	p->frames = calloc(p->limits.depth + 1, sizeof *p->frames);
	if (!p->frames) {
		free(p);
		return NULL;
	}
	return p;
}

/* Memory that may hold parts of a record is overwritten before it is given up. Names and values can
 * be guessed from their hashes, so nodes and keys count as well. */
static void drop(void *memory, size_t bytes)
{
	if (!memory)
		return;
	wipe(memory, bytes);
	free(memory);
}

void tape_parser_free(struct tape_parser *p)
{
	if (!p)
		return;
	drop(p->text, p->text_cap);
	drop(p->decoded, p->decoded_cap);
	drop(p->nodes, p->cap * sizeof *p->nodes);
	drop(p->keys, p->keys_cap * sizeof *p->keys);
	free(p->frames);
	free(p);
}

void tape_parser_reset(struct tape_parser *p)
{
	if (p->text_n > p->text_high)
		p->text_high = p->text_n;
	if (p->decoded_n > p->decoded_high)
		p->decoded_high = p->decoded_n;
	if (p->n > p->nodes_high)
		p->nodes_high = p->n;
	p->text_n = p->at = p->look_at = p->decoded_n = 0;
	p->n = p->keys_n = 0;
	p->members = p->depth = 0;
	p->frames[0] = (struct frame){ 0 };
	p->want = WANT_VALUE;
	p->failed = p->final = false;
}

void tape_parser_wipe(struct tape_parser *p)
{
	tape_parser_reset(p); /* notes how much of each array was in use since the last wipe */
	if (p->text)
		wipe(p->text, p->text_high);
	if (p->decoded)
		wipe(p->decoded, p->decoded_high);
	if (p->nodes)
		wipe(p->nodes, p->nodes_high * sizeof *p->nodes);
	if (p->keys)
		wipe(p->keys, p->keys_cap * sizeof *p->keys);
	p->text_high = p->decoded_high = p->nodes_high = 0;
}

void *parser_grow(void *array, size_t *cap, size_t used, size_t need, size_t size)
{
	size_t more = need > 2 * *cap ? need : 2 * *cap;
	char *grown = malloc(more * size);

	if (!grown)
		return NULL;
	if (array)
		memcpy(grown, array, used * size);
	drop(array, *cap * size);
	*cap = more;
	return grown;
}

bool parser_fail(struct tape_parser *p, enum reason reason, size_t place, const char *message, uint32_t limit)
{
	p->failed = true;
	p->reason = reason;
	p->place = place;
	p->message = message;
	p->limit = limit;
	return false;
}

static bool report(const struct tape_parser *p, struct error *e)
{
	const struct tape t = { .text = p->text, .text_len = (uint32_t)p->text_n };
	uint32_t line, column;

	if (p->reason == REASON_NO_MEMORY)
		return error_set(e, p->reason, "%s", p->message);
	tape_place(&t, (uint32_t)p->place, &line, &column);
	if (p->limit)
		return error_at(e, p->reason, NULL, line, column, "%s %u", p->message, (unsigned)p->limit);
	return error_at(e, p->reason, NULL, line, column, "%s", p->message);
}

/* The zeros after the text are what the inner loops stop at. */
static bool append(struct tape_parser *p, struct view bytes)
{
	size_t need = p->text_n + bytes.n + SCAN_PAD;

	if (need > p->text_cap) {
		char *text = parser_grow(p->text, &p->text_cap, p->text_n, need > TEXT_FIRST ? need : TEXT_FIRST, 1);
		if (!text)
			return parser_fail(p, REASON_NO_MEMORY, 0, "memory ran out", 0);
		p->text = text;
	}
	if (bytes.n)
		memcpy(p->text + p->text_n, bytes.p, bytes.n);
	p->text_n += bytes.n;
	memset(p->text + p->text_n, 0, SCAN_PAD);
	return true;
}

bool tape_feed(struct tape_parser *p, struct view bytes, struct error *e)
{
	size_t room = p->limits.bytes - p->text_n;
	bool over = bytes.n > room;

	assert(!p->final || p->failed);
	if (p->failed || !append(p, view_make(bytes.p, over ? room : bytes.n)))
		return report(p, e);
	/* What is wrong within the limit comes first, whatever the split. */
	if ((over || p->text_n >= p->look_at) && !parser_run(p, false))
		return report(p, e);
	if (over) {
		parser_fail(p, REASON_LIMIT, p->text_n, "the text has more bytes than the limit of", p->limits.bytes);
		return report(p, e);
	}
	return true;
}

static bool finish(struct tape_parser *p, struct tape *out, struct error *e)
{
	if (p->failed || !parser_run(p, true))
		return report(p, e);
	*out = (struct tape){
		.nodes = p->nodes,
		.n = (uint32_t)p->n,
		.text = p->text,
		.text_len = (uint32_t)p->text_n,
		.decoded = p->decoded,
	};
	return true;
}

bool tape_finish(struct tape_parser *p, struct tape *out, struct error *e)
{
	if (!p->failed && !p->text && !append(p, view_make(NULL, 0)))
		return report(p, e);
	return finish(p, out, e);
}

bool tape_parse(struct tape_parser *p, struct view text, struct tape *out, struct error *e)
{
	tape_parser_reset(p);
	if (text.n > p->limits.bytes)
		return tape_feed(p, text, e);
	if (!append(p, text))
		return report(p, e);
	return finish(p, out, e);
}
