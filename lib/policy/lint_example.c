/* Values for places that lint finds empty or past. Numbers and instants in them are starting points. See lint.h. */
#include "lib/policy/lint.h"

#include <string.h>

static const struct {
	const char *rule, *value;
} examples[] = {
	{ "no-council", "{\"seats\":[{\"id\":\"seat-agency\",\"constituency\":\"agency\"},"
	                "{\"id\":\"seat-privacy\",\"constituency\":\"privacy\"}],"
	                "\"threshold\":2,\"must_include\":[\"privacy\"],\"must_sign\":false}" },
	{ "no-reserved-seat", "[\"privacy\"]" },
	{ "no-rotation", "\"P1Y\"" },
	{ "no-onward", "{\"allowed\":\"never\"}" },
	{ "no-renewal", "{\"opens\":\"2027-06-01T00:00:00Z\",\"closes\":\"2027-12-01T00:00:00Z\"}" },
	{ "not-consulted", "[{\"body\":\"Data Protection Commissioner\",\"answered_at\":\"2025-11-01T00:00:00Z\","
	                   "\"answer\":\"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"}]" },
	{ "no-comments",
	  "{\"opens\":\"2025-10-01T00:00:00Z\",\"closes\":\"2025-10-31T00:00:00Z\",\"to\":\"comments@agency.example\"}" },
	{ "no-copy-review", "\"P1Y\"" },
	{ "no-limits", "{\"records_per_second\":50,\"records_per_day\":100000}" },
	{ "approval-lifetime", "\"PT24H\"" },
	{ "assessment-stale", "\"2027-12-01T00:00:00Z\"" },
	{ "review-overdue", "\"2027-12-01T00:00:00Z\"" },
	{ "sunset-past", "\"2028-12-01T00:00:00Z\"" },
};

const char *lint_example(const char *rule)
{
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		if (strcmp(examples[i].rule, rule) == 0)
			return examples[i].value;
	return NULL;
}
