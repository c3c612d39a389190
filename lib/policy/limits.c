/* The clause `limits` (rates.h): how much each partner may ask to be decided under an agreement. */
#include "lib/policy/internal.h"

#include "lib/policy/plain.h"

const struct rate_member rate_members[RATE_MEMBERS] = {
	{ "records_per_second", "records a second", offsetof(struct rates, second_records) },
	{ "records_per_day", "records a day", offsetof(struct rates, day_records) },
	{ "bytes_per_second", "bytes a second", offsetof(struct rates, second_bytes) },
	{ "bytes_per_day", "bytes a day", offsetof(struct rates, day_bytes) },
};

bool rates_any(const struct rates *r)
{
	return r->second_records || r->day_records || r->second_bytes || r->day_bytes;
}

struct rates rates_stricter(const struct rates *a, const struct rates *b)
{
	struct rates out = *a;

	for (size_t i = 0; i < RATE_MEMBERS; i++) {
		uint64_t other = rates_of(b, i), *mine = rates_at(&out, i);
		if (other && (!*mine || other < *mine))
			*mine = other;
	}
	return out;
}

static struct rates rates_read(const json_t *doc)
{
	struct rates r = { .second_records = 0 };

	for (size_t i = 0; i < RATE_MEMBERS; i++)
		*rates_at(&r, i) = (uint64_t)json_integer_value(json_object_get(doc, rate_members[i].name));
	return r;
}

/* A second that lets more pass than a day does would never matter. */
bool read_limits(struct load *l)
{
	struct agreement *a = l->a;
	const struct rates *r = &a->rates;

	a->rates = a->rates_here = rates_read(json_object_get(a->doc, "limits"));
	bool ok = !r->day_records || r->second_records <= r->day_records ||
	          load_fault(l, REASON_CONFIG, "/limits/records_per_second", "is more than records_per_day");
	return (!r->day_bytes || r->second_bytes <= r->day_bytes ||
	        load_fault(l, REASON_CONFIG, "/limits/bytes_per_second", "is more than bytes_per_day")) &&
	       ok;
}

bool check_rates_floor(struct load *l, const json_t *limits)
{
	const struct rates most = rates_read(json_object_get(limits, "rates"));
	bool ok = true;
	char at[60];

	for (size_t i = 0; i < RATE_MEMBERS; i++) {
		uint64_t bound = rates_of(&most, i), have = rates_of(&l->a->rates, i);
		snprintf(at, sizeof at, "/limits/%s", rate_members[i].name);
		if (bound && !have)
			ok = load_fault(l, REASON_BELOW_FLOOR, at,
			                "is missing, and floor.json: /limits/rates/%s demands it",
			                rate_members[i].name);
		else if (bound && have > bound)
			ok = load_fault(l, REASON_BELOW_FLOOR, at, "is more than floor.json: /limits/rates/%s permits",
			                rate_members[i].name);
	}
	return ok;
}

void narrow_rates(struct agreement *a)
{
	const struct rates own = rates_read(json_object_get(json_object_get(a->overlay_doc, "limits"), "rates"));

	a->rates_here = rates_stricter(&a->rates, &own);
}

const struct rates *agreement_rates(const struct agreement *a)
{
	return &a->rates_here;
}

void plain_rates(struct buf *out, const struct rates *r)
{
	const char *before = "";

	for (size_t i = 0; i < RATE_MEMBERS; i++) {
		if (!rates_of(r, i))
			continue;
		buf_addf(out, "%s%llu %s", before, (unsigned long long)rates_of(r, i), rate_members[i].words);
		before = ", ";
	}
}
