/* Byte views: a pointer and a length, passed by value. A view owns nothing and is valid only as
 * long as the bytes it looks at. It is not NUL-terminated and may hold NULs. Any thread. */
#ifndef GATEWAY_BASE_VIEW_H
#define GATEWAY_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct view {
	const char *p;
	size_t n;
};

/* A view of a string literal, without its NUL. */
#define VIEW(literal) ((struct view){ "" literal, sizeof(literal) - 1 })
/* What printf() takes of a view that may have no bytes at all. */
static inline const char *view_bytes(struct view v)
{
	return v.p ? v.p : "";
}
/* For printf("%.*s", VIEW_ARG(v)). */
#define VIEW_ARG(v) (int)(v).n, view_bytes(v)

/* The caller must look at what the function returns. */
#define MUST_USE               __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

static inline struct view view_make(const void *p, size_t n)
{
	return (struct view){ p, n };
}

static inline struct view view_of(const char *s)
{
	return (struct view){ s, s ? strlen(s) : 0 };
}

static inline bool view_eq(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool view_is(struct view a, const char *s)
{
	return view_eq(a, view_of(s));
}

static inline bool view_starts(struct view a, struct view prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* The bytes from `at` on; empty, at its end, when `at` lies past that. */
static inline struct view view_from(struct view a, size_t at)
{
	if (at > a.n)
		at = a.n;
	/* To NULL not even nothing may be added (C17 6.5.6). */
	return at > 0 ? view_make(a.p + at, a.n - at) : a;
}

/* memcmp order, the shorter first when one is a prefix of the other. */
int view_cmp(struct view a, struct view b);
/* ASCII letters compare alike in both cases. */
bool view_eq_nocase(struct view a, struct view b);
/* Cuts `*rest` at the first `sep`: returns what stands before it and leaves what follows in
 * `*rest`; without `sep` returns all of it and leaves `*rest` empty with p == NULL. */
struct view view_cut(struct view *rest, char sep);
/* The next word of a line as hosts(5) has them, taken off it; empty at its end or a comment. */
struct view view_word(struct view *line);
/* A string of it in `out`, up to a NUL and as far as it fits into `size` bytes (> 0): what snprintf(out, size, "%.*s") does, which
 * costs ten times as much. */
void view_keep(char *out, size_t size, struct view v);
/* Unsigned decimal digits only, no sign, no leading zeros but "0" itself, at most `max`. */
bool view_to_u64(struct view v, unsigned long long max, unsigned long long *out) MUST_USE;

#endif
