/* A hash table from a name and a number to an index; names are compared by hash first and are not copied.
 * Internal to lib/schema. One thread at a time while it grows, then any. */
#ifndef GATEWAY_SCHEMA_NAME_TABLE_H
#define GATEWAY_SCHEMA_NAME_TABLE_H

#include <stdint.h>

#include "lib/base/view.h"

struct name_slot {
	struct view name;
	uint32_t hash, number, value; /* value: index + 1, 0 is empty */
	bool ambiguous;
};
struct name_table {
	struct name_slot *slots;
	uint32_t n, size;
};
struct name_slot *name_table_get(const struct name_table *t, struct view name, uint32_t number);
/* Adds or finds; NULL without memory. A fresh slot has value 0. */
struct name_slot *name_table_put(struct name_table *t, struct view name, uint32_t number);

#endif
