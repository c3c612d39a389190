/* The maker behind a tape: memory, limits and where it stands in a text. Private to lib/json. */
#ifndef GATEWAY_JSON_PARSER_H
#define GATEWAY_JSON_PARSER_H

#include "lib/json/scan.h"
#include "lib/json/tape.h"

/* Members up to this many are compared as they come; larger objects are sorted when they close. */
#define SMALL_OBJECT 32

/* tape_limits.number_chars: the default has room for the one spelling (canonical.h) of what has 64; the ceiling. */
#define NUMBER_CHARS 72
#define NUMBER_MAX   4096

/* What comes next, once white space is skipped. A text that breaks off leaves this behind. */
enum want {
	WANT_VALUE,      /* the root, an item after a comma, a member's value */
	WANT_FIRST_ITEM, /* or the end of the array */
	WANT_FIRST_KEY,  /* or the end of the object */
	WANT_KEY,
	WANT_COLON,
	WANT_COMMA,  /* or the end of the container */
	WANT_NOTHING /* the root is complete */
};

/* An open container. */
struct frame {
	uint32_t node;
	uint32_t count; /* members or items so far */
	uint32_t keys;  /* object: where its names start in parser.keys */
	bool object;
	uint64_t seen; /* a bit for each value of the top six bits of its names' hashes */
};

struct tape_parser {
	struct tape_limits limits;

	char *text; /* text_n bytes came; SCAN_PAD zeros follow */
	size_t text_n, text_cap, text_high;
	size_t at;      /* first byte not yet taken up by a token */
	size_t look_at; /* feeding less than this does not look at the text again */
	char *decoded;  /* unescaped strings, each after its length */
	size_t decoded_n, decoded_cap, decoded_high;
	struct tape_node *nodes;
	size_t n, cap, nodes_high;
	uint64_t *keys; /* hash << 32 | node of the names of all open objects */
	size_t keys_n, keys_cap;
	uint32_t members;
	struct frame *frames; /* limits.depth + 1; the first stands for the text itself */
	uint32_t depth;
	enum want want;
	bool final; /* no more bytes will come */

	bool failed;
	enum reason reason; /* the first error, where it is and what it says */
	size_t place;
	const char *message;
	uint32_t limit; /* named after the message unless 0 */
};

/* Sets the error at an offset. Always false. */
bool parser_fail(struct tape_parser *p, enum reason reason, size_t place, const char *message, uint32_t limit);
/* `array` with room for `need` elements, of which `used` are kept; the old memory is overwritten
 * before it is freed. NULL (and `array` as it was) when memory ran out. */
void *parser_grow(void *array, size_t *cap, size_t used, size_t need, size_t size) MUST_USE;

/* parser_keys.c: the name at `node` is not yet in the object; remembers it. */
bool parser_add_key(struct tape_parser *p, struct frame *f, uint32_t node) MUST_USE;
/* The object closes: looks for duplicates where it is large, and forgets its names. */
bool parser_end_keys(struct tape_parser *p, struct frame *f) MUST_USE;
/* parser_run.c: takes up as many tokens as have come. `final`: no more bytes will. */
bool parser_run(struct tape_parser *p, bool final) MUST_USE;

#endif
