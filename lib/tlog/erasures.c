/* See erasures.h. */
#include "lib/tlog/erasures.h"

#define PAGE_WORDS 1024
#define PAGE_BITS  (PAGE_WORDS * 64)

/* Of 65,536 entries. */
struct page {
	uint64_t missing[PAGE_WORDS];
	uint64_t old[PAGE_WORDS]; /* of those: of a build that wrote no ranges */
	uint32_t n;               /* bits in `missing` */
};

struct erasures {
	char origin[NOTE_NAME_MAX];
	struct later_erasures *later;
	struct page **pages; /* NULL: nothing is missing there */
	size_t n_pages;
	uint64_t erased, unaccounted;
	uint64_t unranged; /* of later logs, not used up */
};

void later_erasures_free(struct later_erasures *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->log[i].range);
	free(l->log);
	*l = (struct later_erasures){ .n = 0 };
}

struct erasures *erasures_new(struct view origin, struct later_erasures *later)
{
	struct erasures *x = calloc(1, sizeof *x);

	if (x) {
		snprintf(x->origin, sizeof x->origin, "%.*s", VIEW_ARG(origin));
		x->later = later;
		x->unranged = later ? later->unranged : 0;
	}
	return x;
}

void erasures_free(struct erasures *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n_pages; i++)
		free(x->pages[i]);
	free(x->pages);
	free(x);
}

/* --- what is missing --- */

static bool no_memory(struct error *e)
{
	return error_set(e, REASON_NO_MEMORY, "no memory for what is missing of a log");
}

static bool note_missing(struct erasures *x, uint64_t index, bool old, struct error *e)
{
	size_t at = (size_t)(index / PAGE_BITS);
	unsigned bit = (unsigned)(index % PAGE_BITS);

	if (at >= x->n_pages) {
		size_t n = at + at / 2 + 1;
		struct page **more = realloc(x->pages, n * sizeof *more);

		if (!more)
			return no_memory(e);
		memset(more + x->n_pages, 0, (n - x->n_pages) * sizeof *more);
		x->pages = more;
		x->n_pages = n;
	}
	if (!x->pages[at])
		x->pages[at] = calloc(1, sizeof **x->pages);
	struct page *p = x->pages[at];
	if (!p)
		return no_memory(e);
	uint64_t mask = UINT64_C(1) << bit % 64;
	p->n += (p->missing[bit / 64] & mask) == 0;
	p->missing[bit / 64] |= mask;
	if (old)
		p->old[bit / 64] |= mask;
	return true;
}

/* The bits of word `word` of page `page` that lie within a range. */
static uint64_t mask_of(size_t page, unsigned word, const struct entry_range *r)
{
	uint64_t from = (uint64_t)page * PAGE_BITS + word * 64u, to = from + 63;

	if (r->last < from || r->first > to)
		return 0;
	uint64_t mask = ~UINT64_C(0);
	if (r->first > from)
		mask &= ~UINT64_C(0) << (r->first - from);
	if (r->last < to)
		mask &= ~UINT64_C(0) >> (to - r->last);
	return mask;
}

/* Takes at most `max` missing entries of a range out, those of builds of before only where `old`. Returns how many. */
static uint64_t cover(struct erasures *x, const struct entry_range *r, bool old, uint64_t max)
{
	uint64_t covered = 0;

	for (size_t at = (size_t)(r->first / PAGE_BITS); at < x->n_pages && covered < max; at++) {
		struct page *p = x->pages[at];

		if ((uint64_t)at * PAGE_BITS > r->last)
			break;
		for (unsigned w = 0; p && w < PAGE_WORDS && covered < max; w++) {
			uint64_t bits = p->missing[w] & mask_of(at, w, r);

			if (old)
				bits &= p->old[w];
			while (bits && covered < max) {
				p->missing[w] &= ~(bits & -bits);
				bits &= bits - 1;
				covered++;
				p->n--;
			}
		}
		if (p && p->n == 0) {
			free(p);
			x->pages[at] = NULL;
		}
	}
	return covered;
}

/* --- what entries say --- */

/* A raw quote stands in no string of a leaf: these bytes are a member's name and the begin of its value. */
static bool find(struct view leaf, const char *name, struct view *rest)
{
	const char *at = memmem(leaf.p, leaf.n, name, strlen(name));

	if (at)
		*rest = view_from(leaf, (size_t)(at - leaf.p) + strlen(name));
	return at != NULL;
}

static bool take_number(struct view *in, uint64_t *out)
{
	size_t n = 0;
	unsigned long long value;

	while (n < in->n && in->p[n] >= '0' && in->p[n] <= '9')
		n++;
	if (!view_to_u64(view_make(in->p, n), INT64_MAX, &value))
		return false;
	*in = view_from(*in, n);
	*out = value;
	return true;
}

static bool take_byte(struct view *in, char c)
{
	if (in->n == 0 || in->p[0] != c)
		return false;
	*in = view_from(*in, 1);
	return true;
}

/* "[first,last]" and what follows it. */
static bool take_range(struct view *in, struct entry_range *r)
{
	return take_byte(in, '[') && take_number(in, &r->first) && take_byte(in, ',') && take_number(in, &r->last) &&
	       take_byte(in, ']') && r->first <= r->last;
}

static struct later_log *later_log(struct later_erasures *l, struct view origin)
{
	for (size_t i = 0; i < l->n; i++)
		if (view_is(origin, l->log[i].origin))
			return &l->log[i];
	struct later_log *more = realloc(l->log, (l->n + 1) * sizeof *more);
	if (!more)
		return NULL;
	l->log = more;
	more[l->n] = (struct later_log){ .n = 0 };
	snprintf(more[l->n].origin, sizeof more[l->n].origin, "%.*s", VIEW_ARG(origin));
	return &more[l->n++];
}

static bool keep_later(struct later_erasures *l, struct view origin, const struct entry_range *r, struct error *e)
{
	struct later_log *log = later_log(l, origin);

	if (!log)
		return no_memory(e);
	if (log->n == log->max) {
		size_t max = log->max ? 2 * log->max : 64;
		struct entry_range *more = realloc(log->range, max * sizeof *more);

		if (!more)
			return no_memory(e);
		log->range = more;
		log->max = max;
	}
	log->range[log->n++] = *r;
	return true;
}

static bool take_ranges(struct erasures *x, uint64_t index, struct view list, struct view of, struct error *e)
{
	bool own = of.n == 0 || view_is(of, x->origin);
	struct entry_range r;
	uint64_t from = 0;

	do {
		if (!take_range(&list, &r) || r.first < from)
			return error_set(e, REASON_TAMPERED, "what it says that it erased is malformed");
		if (own && r.last >= index)
			return error_set(e, REASON_TAMPERED, "it says that it erased what was not written yet");
		from = r.last + 1;
		if (own)
			x->erased += cover(x, &r, false, UINT64_MAX);
		else if (x->later && !keep_later(x->later, of, &r, e))
			return false;
	} while (take_byte(&list, ','));
	return take_byte(&list, ']') || error_set(e, REASON_TAMPERED, "what it says that it erased is malformed");
}

/* "withheld fields of N entries, up to entry M", as builds of before wrote. */
static void take_number_only(struct erasures *x, struct view leaf)
{
	struct entry_range r = { .first = 0 };
	struct view rest, up_to;
	uint64_t n;

	if (!find(leaf, "\"note\":\"withheld fields of ", &rest) || !take_number(&rest, &n) ||
	    !find(rest, " entries, up to entry ", &up_to) || !take_number(&up_to, &r.last))
		return;
	uint64_t covered = cover(x, &r, true, n);
	x->unaccounted += covered;
	if (x->later)
		x->later->unranged += n - covered;
}

static bool is_old(struct view leaf)
{
	struct view rest;

	return !find(leaf, "\"random\":\"", &rest);
}

bool erasures_take(struct erasures *x, uint64_t index, struct view leaf, bool missing, struct error *e)
{
	struct view list, of = VIEW(""), rest;

	if (missing && !note_missing(x, index, is_old(leaf), e))
		return false;
	if (!find(leaf, "\"operation\":\"erasure\"", &rest))
		return true;
	if (find(leaf, "\"erased_log\":\"", &rest)) {
		const char *end = memchr(rest.p, '"', rest.n);

		of = view_make(rest.p, end ? (size_t)(end - rest.p) : 0);
	}
	if (find(leaf, "\"erased\":[", &list))
		return take_ranges(x, index, list, of, e);
	if (is_old(leaf))
		take_number_only(x, leaf);
	return true;
}

/* --- the end --- */

static void cover_by_later(struct erasures *x)
{
	const struct entry_range all = { .last = UINT64_MAX };

	for (size_t i = 0; i < x->later->n; i++) {
		const struct later_log *l = &x->later->log[i];

		for (size_t k = 0; k < l->n && strcmp(l->origin, x->origin) == 0; k++)
			x->erased += cover(x, &l->range[k], false, UINT64_MAX);
	}
	uint64_t covered = cover(x, &all, true, x->unranged);
	x->unranged -= covered;
	x->later->unranged -= covered;
	x->unaccounted += covered;
}

static uint64_t first_missing(const struct erasures *x)
{
	for (size_t at = 0; at < x->n_pages; at++)
		for (unsigned w = 0; x->pages[at] && w < PAGE_WORDS; w++)
			if (x->pages[at]->missing[w])
				return (uint64_t)at * PAGE_BITS + w * 64u +
				       (unsigned)__builtin_ctzll(x->pages[at]->missing[w]);
	return 0;
}

void erasures_settle(struct erasures *x, struct erasures_found *out)
{
	if (x->later)
		cover_by_later(x);
	*out = (struct erasures_found){ .erased = x->erased, .unaccounted = x->unaccounted };
	for (size_t at = 0; at < x->n_pages; at++)
		out->missing += x->pages[at] ? x->pages[at]->n : 0;
	out->first_missing = first_missing(x);
}
