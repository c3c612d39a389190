/* Names of the actions and of the field categories. */
#include "lib/transform/program.h"

const char *action_name(enum action a)
{
	static const char *const names[] = {
#define A(name, text) [ACTION_##name] = text,
		ACTION_LIST(A)
#undef A
	};

	return (unsigned)a < ACTION_COUNT ? names[a] : "";
}

enum action action_find(struct view name)
{
	for (int a = 0; a < ACTION_COUNT; a++)
		if (view_is(name, action_name((enum action)a)))
			return (enum action)a;
	return ACTION_COUNT;
}

const char *field_category_name(enum field_category c)
{
	static const char *const names[] = {
		[FIELD_DIRECT] = "direct-identifier", [FIELD_QUASI] = "quasi-identifier",  [FIELD_SPECIAL] = "special",
		[FIELD_FREE_TEXT] = "free-text",      [FIELD_OPERATIONAL] = "operational",
	};

	return (unsigned)c < FIELD_CATEGORY_COUNT ? names[c] : "";
}

enum field_category field_category_find(struct view name)
{
	for (int c = 0; c < FIELD_CATEGORY_COUNT; c++)
		if (view_is(name, field_category_name((enum field_category)c)))
			return (enum field_category)c;
	return FIELD_CATEGORY_COUNT;
}
