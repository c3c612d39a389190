/* The lists themselves, each from its mildest to its strictest value. */
#include "lib/policy/codes.h"

#include "lib/crypto/crypto.h"

#define VALUES_MAX 7 /* with the NULL that ends each list */

static const struct {
	const char *name;
	const char *values[VALUES_MAX];
} scales[SCALE_COUNT] = {
	[SCALE_EUROPOL_SOURCE] = { "europol-source", { "A", "B", "C", "X" } },
	[SCALE_EUROPOL_INFORMATION] = { "europol-information", { "1", "2", "3", "4" } },
	[SCALE_EUROPOL_HANDLING] = { "europol-handling", { "H0", "H1", "H2", "H3" } },
	[SCALE_3X5X2_SOURCE] = { "uk-3x5x2-source", { "1", "2", "3" } },
	[SCALE_3X5X2_INFORMATION] = { "uk-3x5x2-information", { "A", "B", "C", "D", "E" } },
	[SCALE_3X5X2_HANDLING] = { "uk-3x5x2-handling", { "P", "C" } },
	[SCALE_ADMIRALTY_SOURCE] = { "admiralty-source", { "A", "B", "C", "D", "E", "F" } },
	[SCALE_ADMIRALTY_INFORMATION] = { "admiralty-information", { "1", "2", "3", "4", "5", "6" } },
	[SCALE_TLP] = { "tlp-2.0", { "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED" } },
};

const char *scale_name(enum scale s)
{
	return scales[s].name;
}

enum scale scale_find(struct view name)
{
	unsigned s = 0;

	while (s < SCALE_COUNT && !view_is(name, scales[s].name))
		s++;
	return (enum scale)s;
}

int scale_strictness(enum scale s, struct view value)
{
	for (int i = 0; scales[s].values[i]; i++)
		if (view_is(value, scales[s].values[i]))
			return i;
	return -1;
}

const char *scale_value(enum scale s, int i)
{
	return scales[s].values[i];
}

bool scale_has(enum scale s, struct view value)
{
	return scale_strictness(s, value) >= 0;
}

void codes_digest(struct digest *out)
{
	struct view parts[SCALE_COUNT * (2 * VALUES_MAX + 2)];
	size_t n = 0;

	for (unsigned s = 0; s < SCALE_COUNT; s++) {
		parts[n++] = view_of(scales[s].name);
		for (unsigned i = 0; scales[s].values[i]; i++) {
			parts[n++] = i ? VIEW(",") : VIEW(":");
			parts[n++] = view_of(scales[s].values[i]);
		}
		parts[n++] = VIEW("\n");
	}
	sha256_parts(parts, n, out);
}
