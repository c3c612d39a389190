/* Words and phrases that redact-text looks for, in the plain form in which the text is read. See redact.h. */
#include <utf8proc.h>

#include "lib/transform/points.h"
#include "lib/transform/recognise.h"

#define POINTS_MAX 512u /* of one phrase */

/* One word or phrase in an open-addressed table by the hash of its first word. */
struct entry {
	uint32_t hash, n;
	int32_t *points;
};

struct dictionary {
	size_t slots, n;
	struct entry entries[];
};

struct dictionary *dictionary_new(size_t capacity)
{
	size_t slots = 8;

	while (slots < capacity * 2)
		slots *= 2;
	struct dictionary *d = calloc(1, sizeof *d + slots * sizeof d->entries[0]);
	if (d)
		d->slots = slots;
	return d;
}

void dictionary_free(struct dictionary *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->slots; i++)
		free(d->entries[i].points);
	free(d);
}

/* FNV-1a over the points of one word. */
static uint32_t hash_add(uint32_t h, int32_t c)
{
	return (h ^ (uint32_t)c) * 16777619u;
}
#define HASH_START 2166136261u

/* Between the words of a phrase a space, a line's end and a dash are one. */
static int32_t joint(int32_t c)
{
	return c == '\n' || c == '-' ? ' ' : c;
}

bool dictionary_add(struct dictionary *d, struct view word)
{
	int32_t points[POINTS_MAX];
	struct reading r;
	struct sign s;
	uint32_t h = HASH_START, n = 0, first = 0;

	reading_start(&r, word);
	while (reading_next(&r, &s)) {
		if (n == POINTS_MAX)
			return false;
		points[n++] = joint(s.point);
	}
	while (first < n && point_is_word(points[first]))
		h = hash_add(h, points[first++]);
	/* One slot stays free, or a search would not end. */
	if (first == 0 || d->n + 1 >= d->slots)
		return false;
	size_t i = h & (d->slots - 1);
	while (d->entries[i].points)
		i = (i + 1) & (d->slots - 1);
	d->entries[i].points = malloc(n * sizeof *points);
	if (!d->entries[i].points)
		return false;
	memcpy(d->entries[i].points, points, n * sizeof *points);
	d->entries[i].n = n;
	d->entries[i].hash = h;
	d->n++;
	return true;
}

/* The entry stands at the place and ends with a whole word. */
static bool matches(const struct place *p, const struct entry *e)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (joint(sign_at(p, i)) != e->points[i])
			return false;
	return !point_is_word(sign_at(p, e->n));
}

size_t find_word(const struct dictionary *d, const struct place *p)
{
	uint32_t h = HASH_START;
	size_t n = 0, longest = 0;

	if (point_is_word(p->before))
		return 0;
	for (; n < POINTS_MAX && point_is_word(sign_at(p, n)); n++)
		h = hash_add(h, sign_at(p, n));
	if (n == 0)
		return 0;
	for (size_t i = h & (d->slots - 1); d->entries[i].points; i = (i + 1) & (d->slots - 1))
		if (d->entries[i].hash == h && d->entries[i].n > longest && matches(p, &d->entries[i]))
			longest = d->entries[i].n;
	return longest;
}
