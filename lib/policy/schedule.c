/* See schedule.h. */
#include "lib/policy/schedule.h"

#include "lib/policy/internal.h"

/* The instant a duration after the release; past the calendar's last year counts as never. */
static int64_t after(const struct schedule *s, const struct duration *d)
{
	int64_t at = duration_add(s->base_ms, d);

	return at == TIME_NONE ? SCHEDULE_NEVER : at;
}

/* Never for a zero duration, or when it is not before the end. */
static int64_t before_end(const struct schedule *s, const struct duration *d)
{
	int64_t at = duration_is_zero(d) ? SCHEDULE_NEVER : after(s, d);

	return s->end_ms != SCHEDULE_NEVER && at >= s->end_ms ? SCHEDULE_NEVER : at;
}

void schedule_make(const struct ruling *r, const struct duration *copy, int64_t base_ms, struct schedule *out)
{
	*out = (struct schedule){ .base_ms = base_ms, .return_at_end = r->return_at_end };
	out->end_ms = after(out, copy);
	out->mask_ms = before_end(out, &r->mask);
	out->review_ms = before_end(out, &r->review);
	if (duration_is_zero(&r->notify))
		return;
	out->notify_ms = after(out, &r->notify);
	if (out->notify_ms == SCHEDULE_NEVER || (out->end_ms != SCHEDULE_NEVER && out->notify_ms > out->end_ms))
		out->notify_ms = out->end_ms;
}

enum due schedule_next(const struct schedule *s, int64_t *due_ms)
{
	const struct {
		enum due what;
		int64_t at;
	} terms[] = {
		{ DUE_PAYLOAD, s->payload_ms }, { DUE_NOTIFY, s->notify_ms }, { DUE_MASK, s->mask_ms },
		{ DUE_REVIEW, s->review_ms },   { DUE_END, s->end_ms },
	};
	enum due first = DUE_NOTHING;

	*due_ms = SCHEDULE_NEVER;
	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
		if (terms[i].at != SCHEDULE_NEVER && (first == DUE_NOTHING || terms[i].at < *due_ms)) {
			first = terms[i].what;
			*due_ms = terms[i].at;
		}
	return first;
}

/* `d` taken `k` times. The parts stay apart, so that months are added to the release's own day. */
static bool times(const struct duration *d, uint64_t k, struct duration *out)
{
	const uint64_t parts[] = { d->years * k, d->months * k, d->days * k, d->seconds * k };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i] > UINT32_MAX)
			return false;
	*out = (struct duration){ .years = (uint32_t)parts[0],
		                  .months = (uint32_t)parts[1],
		                  .days = (uint32_t)parts[2],
		                  .seconds = (uint32_t)parts[3] };
	return true;
}

int64_t schedule_review_after(const struct schedule *s, const struct duration *every, int64_t after_ms)
{
	uint64_t low = 1, high = UINT32_MAX;
	struct duration d;

	if (duration_is_zero(every))
		return SCHEDULE_NEVER;
	/* The smallest k whose instant lies after `after_ms`; past the calendar's end counts as after. */
	while (low < high) {
		uint64_t k = (low + high) / 2;
		int64_t at = times(every, k, &d) ? duration_add(s->base_ms, &d) : TIME_NONE;
		if (at == TIME_NONE || at > after_ms)
			high = k;
		else
			low = k + 1;
	}
	return times(every, low, &d) ? before_end(s, &d) : SCHEDULE_NEVER;
}
