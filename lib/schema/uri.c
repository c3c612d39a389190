/* See uri.h. */
#include "lib/schema/uri.h"

struct uri {
	struct view scheme, authority, path, query;
	bool has_scheme, has_authority, has_query;
};

struct view uri_split(struct view uri, struct view *fragment)
{
	const char *hash = uri.n ? memchr(uri.p, '#', uri.n) : NULL;

	if (!hash) {
		*fragment = view_make(NULL, 0);
		return uri;
	}
	size_t n = (size_t)(hash - uri.p);
	*fragment = view_make(hash + 1, uri.n - n - 1);
	return view_make(uri.p, n);
}

/* Length of a scheme with its colon, or 0. */
static size_t scheme_length(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (c == ':')
			return i ? i + 1 : 0;
		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
			return 0;
	}
	return 0;
}

static struct uri parse(struct view v)
{
	struct uri u = { .has_scheme = false };
	size_t n = scheme_length(v);

	if (n) {
		u.has_scheme = true;
		u.scheme = view_make(v.p, n - 1);
		v = view_from(v, n);
	}
	if (view_starts(v, VIEW("//"))) {
		v = view_from(v, 2);
		for (n = 0; n < v.n && v.p[n] != '/' && v.p[n] != '?'; n++)
			;
		u.has_authority = true;
		u.authority = view_make(v.p, n);
		v = view_from(v, n);
	}
	const char *q = v.n ? memchr(v.p, '?', v.n) : NULL;
	if (q) {
		n = (size_t)(q - v.p);
		u.has_query = true;
		u.query = view_from(v, n + 1);
		v = view_make(v.p, n);
	}
	u.path = v;
	return u;
}

/* RFC 3986 section 5.2.4, on the bytes that stand in `out` from `start` on. */
static void remove_dot_segments(struct buf *out, size_t start)
{
	char *p = out->p + start;
	size_t n = out->n - start, r = 0, w = 0;

	while (r < n) {
		size_t end = r + 1;

		while (end < n && p[end] != '/')
			end++;
		struct view segment = view_make(p + r, end - r);
		bool last = end == n;

		if (view_is(segment, "/.") || view_is(segment, ".")) {
			if (last && segment.n == 2)
				p[w++] = '/';
		} else if (view_is(segment, "/..") || view_is(segment, "..")) {
			while (w > 0 && p[w - 1] != '/')
				w--;
			if (w > 0)
				w--;
			if (last && segment.n == 3)
				p[w++] = '/';
		} else {
			memmove(p + w, p + r, end - r);
			w += end - r;
		}
		r = end;
	}
	out->n = start + w;
}

static void add_authority(struct buf *out, const struct uri *u)
{
	if (!u->has_authority)
		return;
	buf_adds(out, "//");
	buf_add(out, u->authority);
}

static void add_query(struct buf *out, const struct uri *u)
{
	if (!u->has_query)
		return;
	buf_addc(out, '?');
	buf_add(out, u->query);
}

static void add_path(struct buf *out, struct view directory, struct view path)
{
	size_t start = out->n;

	buf_add(out, directory);
	buf_add(out, path);
	if (!out->failed && out->n > start)
		remove_dot_segments(out, start);
}

void uri_resolve(struct buf *out, struct view base, struct view reference)
{
	struct uri b = parse(base), r = parse(reference);

	if (r.has_scheme) {
		buf_add(out, reference);
		return;
	}
	if (b.has_scheme) {
		buf_add(out, b.scheme);
		buf_addc(out, ':');
	}
	if (r.has_authority) {
		buf_add(out, reference);
		return;
	}
	add_authority(out, &b);
	if (r.path.n == 0) {
		buf_add(out, b.path);
		add_query(out, r.has_query ? &r : &b);
		return;
	}
	if (r.path.p[0] == '/') {
		add_path(out, VIEW(""), r.path);
	} else if (b.has_authority && b.path.n == 0) {
		add_path(out, VIEW("/"), r.path);
	} else {
		size_t n = b.path.n;

		while (n > 0 && b.path.p[n - 1] != '/')
			n--;
		add_path(out, view_make(b.path.p, n), r.path);
	}
	add_query(out, &r);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uri_decode(struct buf *out, struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] != '%') {
			buf_addc(out, v.p[i]);
			continue;
		}
		if (v.n - i < 3 || hex(v.p[i + 1]) < 0 || hex(v.p[i + 2]) < 0)
			return false;
		buf_addc(out, (char)(hex(v.p[i + 1]) << 4 | hex(v.p[i + 2])));
		i += 2;
	}
	return true;
}

void uri_encode_fragment(struct buf *out, struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		             (c && strchr("-._~!$&'()*+,;=:@/?", c));

		if (plain)
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}
