/* See tape.h. What is read off a tape; parser.c makes it. */
#include "lib/json/tape.h"

#include "lib/json/scan.h"

const struct tape_limits tape_document_limits = {
	.bytes = 64u << 20,
	.depth = 256,
	.members = 1000000,
	.nodes = 8000000,
	.key_bytes = 4096,
	.string_bytes = 16u << 20,
	.number_chars = 4096,
};

uint32_t tape_hash(struct view bytes)
{
	uint64_t h = hash_start(bytes.n);
	char last[16] = { 0 };
	const char *p = bytes.p;
	size_t n = bytes.n;

	for (; n > 16; p += 16, n -= 16)
		h = hash_block(h, p);
	if (n > 0)
		memcpy(last, p, n);
	return hash_end(h, last, n);
}

uint32_t tape_member_hashed(const struct tape *t, uint32_t object, struct view name, uint32_t hash)
{
	if (t->nodes[object].type != TAPE_OBJECT)
		return 0;
	uint32_t end = t->nodes[object].next;

	for (uint32_t k = object + 1; k < end; k = t->nodes[k + 1].next)
		if (t->nodes[k].hash == hash && view_eq(tape_string(t, k), name))
			return k + 1;
	return 0;
}

uint32_t tape_member(const struct tape *t, uint32_t object, struct view name)
{
	return tape_member_hashed(t, object, name, tape_hash(name));
}

void tape_place(const struct tape *t, uint32_t off, uint32_t *line, uint32_t *column)
{
	uint32_t start = 0, at = off < t->text_len ? off : t->text_len;

	*line = 1;
	for (const char *p; at > start && (p = memchr(t->text + start, '\n', at - start)) != NULL;) {
		start = (uint32_t)(p - t->text) + 1;
		++*line;
	}
	*column = at - start + 1;
}
