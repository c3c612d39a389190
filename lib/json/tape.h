/* The tape: a strict one-pass index over the bytes of one JSON text (RFC 8259), so that records are
 * read, checked and copied without being rewritten. The tape keeps the text; nodes hold offsets into
 * it; numbers stay text. Duplicate keys (compared after unescaping), bad UTF-8, lone surrogates, raw
 * control characters, a byte order mark, a NUL byte and every limit are errors with line and column.
 *
 * A tape owns its memory and keeps it over tape_reset(), so a warm tape allocates nothing. One
 * thread at a time. Node indexes are stable until tape_reset(). The root is node 0. An object's
 * member is a KEY node followed by its value; an array's items follow one another.
 *
 *   for (uint32_t k = i + 1; k < t->nodes[i].next; k = t->nodes[k + 1].next)   // members
 *           key = tape_string(t, k), value = k + 1;
 *   for (uint32_t v = i + 1; v < t->nodes[i].next; v = t->nodes[v].next)       // items
 */
#ifndef GATEWAY_JSON_TAPE_H
#define GATEWAY_JSON_TAPE_H

#include <stdint.h>

#include "lib/base/error.h"

enum tape_type { TAPE_NULL, TAPE_FALSE, TAPE_TRUE, TAPE_NUMBER, TAPE_STRING, TAPE_ARRAY, TAPE_OBJECT, TAPE_KEY };

#define TAPE_ESCAPED 1 /* STRING, KEY: has escapes; the decoded bytes lie beside the text */
#define TAPE_INTEGER 2 /* NUMBER: written without fraction and exponent */
#define TAPE_ASCII   4 /* STRING, KEY: every decoded byte is below 0x80 */

struct tape_node {
	uint32_t off;   /* first byte of the token in the text */
	uint32_t len;   /* bytes of the token: quotes included; containers up to their closing bracket */
	uint32_t next;  /* the node after this value and everything in it; KEY: its value */
	uint32_t count; /* OBJECT: members; ARRAY: items; escaped STRING, KEY: place in tape.decoded */
	uint32_t hash;  /* KEY, STRING: tape_hash() of the decoded bytes */
	uint8_t type;   /* enum tape_type */
	uint8_t flags;
	uint16_t unused;
};

/* Every limit is a refusal (REASON_LIMIT; all other faults of a text are REASON_BAD_JSON) that names
 * itself. 0 takes the default; what lies above the ceiling in brackets is cut to it. */
struct tape_limits {
	uint32_t bytes;        /* 1 MiB (1 GiB) */
	uint32_t depth;        /* 64 (1,024) */
	uint32_t members;      /* 10,000: members of all objects together */
	uint32_t nodes;        /* 1,000,000 */
	uint32_t key_bytes;    /* 256, decoded */
	uint32_t string_bytes; /* 256 KiB, decoded */
	uint32_t number_chars; /* 72 (4,096): the one spelling of a number of 64 has room (canonical.h) */
	bool duplicates;       /* names may occur twice, which RFC 8259 section 4 leaves open; no part of
	                           the gateway sets it, for readers then differ in which one they take */
};

/* The limits for documents of the project and for schemas: 64 MiB, depth 256, 1,000,000 members,
 * 8,000,000 nodes, keys 4 KiB, strings 16 MiB, numbers 4,096. */
extern const struct tape_limits tape_document_limits;

struct tape {
	const struct tape_node *nodes;
	uint32_t n;
	const char *text; /* the input, byte for byte */
	uint32_t text_len;
	const char *decoded; /* unescaped strings, each after its length (uint32_t) */
};

/* Opaque maker behind a tape. */
struct tape_parser;

struct tape_parser *tape_parser_new(const struct tape_limits *limits) MUST_USE; /* NULL: no memory */
void tape_parser_free(struct tape_parser *p);
void tape_parser_reset(struct tape_parser *p); /* next text; memory kept */
void tape_parser_wipe(struct tape_parser *p);  /* the same, and overwrites text and strings */
/* Feeds bytes in any split; every split gives the same result: the same tape, or the same error with
 * the same line and column, from this function or from tape_finish(). After false the parser only
 * takes reset. The bytes are copied. */
bool tape_feed(struct tape_parser *p, struct view bytes, struct error *e) MUST_USE;
/* The text is complete. The tape lives until reset or free of the parser. */
bool tape_finish(struct tape_parser *p, struct tape *out, struct error *e) MUST_USE;
/* reset, feed and finish in one. */
bool tape_parse(struct tape_parser *p, struct view text, struct tape *out, struct error *e) MUST_USE;

/* Hash of a name or string; the same function everywhere, so that compiled schemas and rules compare
 * by hash and length first. It is public and fixed: whoever writes a text can make names of equal
 * hash, so equal hashes prove nothing and tables keyed by names of a record need another bound. */
uint32_t tape_hash(struct view bytes);
/* The token as it stands in the text. */
static inline struct view tape_token(const struct tape *t, uint32_t node)
{
	return view_make(t->text + t->nodes[node].off, t->nodes[node].len);
}

/* Decoded bytes of a STRING or KEY. */
static inline struct view tape_string(const struct tape *t, uint32_t node)
{
	const struct tape_node *n = &t->nodes[node];
	uint32_t len;

	if (!(n->flags & TAPE_ESCAPED))
		return view_make(t->text + n->off + 1, n->len - 2);
	memcpy(&len, t->decoded + n->count - sizeof len, sizeof len);
	return view_make(t->decoded + n->count, len);
}

/* The value of a member, or 0 (never a member's index) when there is none or `object` is not one. */
uint32_t tape_member(const struct tape *t, uint32_t object, struct view name);
/* The same with tape_hash(name) computed ahead. */
uint32_t tape_member_hashed(const struct tape *t, uint32_t object, struct view name, uint32_t hash);
/* Line and column (in bytes), 1-based, of an offset. */
void tape_place(const struct tape *t, uint32_t off, uint32_t *line, uint32_t *column);

#endif
