/* See name_table.h. */
#include "lib/schema/name_table.h"

#include <stdlib.h>

#include "lib/json/tape.h"

static uint32_t name_hash(struct view name, uint32_t number)
{
	return tape_hash(name) ^ number * UINT32_C(2654435761);
}

struct name_slot *name_table_get(const struct name_table *t, struct view name, uint32_t number)
{
	uint32_t h = name_hash(name, number);

	if (!t->size)
		return NULL;
	for (uint32_t i = h & (t->size - 1); t->slots[i].value; i = (i + 1) & (t->size - 1)) {
		struct name_slot *s = &t->slots[i];

		if (s->hash == h && s->number == number && view_eq(s->name, name))
			return s;
	}
	return NULL;
}

static bool name_table_grow(struct name_table *t)
{
	uint32_t size = t->size ? t->size * 2 : 64;
	struct name_slot *slots = calloc(size, sizeof *slots);

	if (!slots)
		return false;
	for (uint32_t i = 0; i < t->size; i++) {
		uint32_t j = t->slots[i].hash & (size - 1);

		if (!t->slots[i].value)
			continue;
		while (slots[j].value)
			j = (j + 1) & (size - 1);
		slots[j] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return true;
}

struct name_slot *name_table_put(struct name_table *t, struct view name, uint32_t number)
{
	struct name_slot *s = name_table_get(t, name, number);
	uint32_t h = name_hash(name, number), i;

	if (s)
		return s;
	if (t->n * 2 >= t->size && !name_table_grow(t))
		return NULL;
	for (i = h & (t->size - 1); t->slots[i].value; i = (i + 1) & (t->size - 1))
		;
	t->slots[i] = (struct name_slot){ .name = name, .hash = h, .number = number };
	t->n++;
	return &t->slots[i];
}
