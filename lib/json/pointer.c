/* See pointer.h. */
#include "lib/json/pointer.h"

#include "lib/base/encode.h"

bool pointer_next(struct view *rest, char *out, struct view *token)
{
	const char *p = rest->p, *end = p + rest->n;
	size_t n = 0;

	if (rest->n == 0 || *p != '/')
		return false;
	for (p++; p < end && *p != '/'; p++) {
		char c = *p;
		if (c == '~') {
			if (++p == end || (*p != '0' && *p != '1'))
				return false;
			c = *p == '0' ? '~' : '/';
		}
		out[n++] = c;
	}
	*token = view_make(out, n);
	*rest = view_make(p, (size_t)(end - p));
	return true;
}

bool pointer_valid(struct view pointer)
{
	if (pointer.n == 0)
		return true;
	if (pointer.p[0] != '/' || utf8_valid(pointer) != pointer.n)
		return false;
	for (size_t i = 0; i < pointer.n; i++)
		if (pointer.p[i] == '~' && (++i == pointer.n || (pointer.p[i] != '0' && pointer.p[i] != '1')))
			return false;
	return true;
}

void pointer_add(struct buf *out, struct view token)
{
	size_t from = 0;

	buf_addc(out, '/');
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] != '~' && token.p[i] != '/')
			continue;
		buf_add(out, view_make(token.p + from, i - from));
		buf_adds(out, token.p[i] == '~' ? "~0" : "~1");
		from = i + 1;
	}
	if (token.n > from)
		buf_add(out, view_make(token.p + from, token.n - from));
}

/* The token, still escaped, names `name`. */
static bool token_is(struct view token, struct view name)
{
	size_t n = 0;

	for (size_t i = 0; i < token.n; i++, n++) {
		char c = token.p[i];
		if (c == '~')
			c = token.p[++i] == '0' ? '~' : '/';
		if (n >= name.n || name.p[n] != c)
			return false;
	}
	return n == name.n;
}

static bool find_member(const struct tape *t, uint32_t *node, struct view token)
{
	uint32_t end = t->nodes[*node].next;

	if (!memchr(token.p, '~', token.n)) {
		uint32_t value = tape_member(t, *node, token);
		*node = value ? value : *node;
		return value != 0;
	}
	for (uint32_t k = *node + 1; k < end; k = t->nodes[k + 1].next)
		if (token_is(token, tape_string(t, k))) {
			*node = k + 1;
			return true;
		}
	return false;
}

/* RFC 6901 section 4: digits without leading zeros; "-" is an item that does not exist. */
static bool find_item(const struct tape *t, uint32_t *node, struct view token)
{
	unsigned long long index;
	uint32_t v = *node + 1;

	if (!view_to_u64(token, UINT32_MAX, &index) || index >= t->nodes[*node].count)
		return false;
	while (index-- > 0)
		v = t->nodes[v].next;
	*node = v;
	return true;
}

bool pointer_find(const struct tape *t, uint32_t from, struct view pointer, uint32_t *node)
{
	uint32_t at = from;

	if (!pointer_valid(pointer))
		return false;
	while (pointer.n > 0) {
		struct view rest = view_from(pointer, 1);
		const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
		struct view token = view_make(rest.p, slash ? (size_t)(slash - rest.p) : rest.n);
		bool found = t->nodes[at].type == TAPE_OBJECT  ? find_member(t, &at, token)
		             : t->nodes[at].type == TAPE_ARRAY ? find_item(t, &at, token)
		                                               : false;
		if (!found)
			return false;
		pointer = view_from(pointer, 1 + token.n);
	}
	*node = at;
	return true;
}

void pointer_of(const struct tape *t, uint32_t node, bool (*known)(void *arg, struct view name), void *arg,
                struct buf *out)
{
	uint32_t at = 0;

	while (at != node && node < t->nodes[at].next) {
		bool object = t->nodes[at].type == TAPE_OBJECT;
		uint32_t key = at + 1, child = key + object, index = 0;
		/* A name's own place is that of its member. */
		while (node >= t->nodes[child].next) {
			key = t->nodes[child].next;
			child = key + object;
			index++;
		}
		if (object) {
			struct view name = tape_string(t, key);
			pointer_add(out, !known || known(arg, name) ? name : VIEW("*"));
		} else {
			buf_addc(out, '/');
			buf_addu(out, index);
		}
		at = node == key ? node : child;
	}
}

uint32_t pointer_nearest(const struct tape *t, struct view pointer)
{
	uint32_t node;

	while (pointer.n > 0) {
		if (pointer_find(t, 0, pointer, &node))
			return node;
		while (pointer.n > 0 && pointer.p[--pointer.n] != '/')
			continue;
	}
	return 0;
}
