/* See cosigner_private.h. */
#include "gatewayd/core/witness/cosigner_private.h"

#include <utlist.h>

#include "gatewayd/os/log.h"
#include "lib/tlog/trust.h"

#define REST_MS    1000  /* between two requests to one witness */
#define LONGEST_MS 10000 /* after failures */

struct cosigner *cosigner_get(struct cosigner **list, const char *name, bool outside)
{
	struct cosigner *t;

	LL_FOREACH(*list, t)
	if (strcmp(t->name, name) == 0)
		return t;
	t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	snprintf(t->name, sizeof t->name, "%s", name);
	t->independent = outside && !trust_is_gateway(name);
	LL_PREPEND(*list, t);
	return t;
}

void cosigners_free(struct cosigner *list)
{
	struct cosigner *t, *next;

	LL_FOREACH_SAFE(list, t, next)
	free(t);
}

static void alarm_of(struct cosigner *t, int64_t now_ms, const char *id)
{
	const struct journal_field fields[] = { { "witness", id }, { NULL, NULL } };

	t->silent = true;
	log_event("error", fields, "witness %s: has not cosigned this log for %lld s: %s", id,
	          (long long)((now_ms - t->owes_ms) / 1000), t->why[0] ? t->why : "no answer yet");
}

bool cosigner_owes(struct cosigner *t, uint64_t newest, int64_t now_ms, int64_t silence_ms, const char *id)
{
	bool owes = !t->asked || t->size < newest || now_ms >= t->refresh_ms;

	if (!owes) {
		t->owes_ms = 0;
		return false;
	}
	if (t->owes_ms == 0)
		t->owes_ms = now_ms;
	if (!t->silent && now_ms - t->owes_ms >= silence_ms)
		alarm_of(t, now_ms, id);
	/* When nothing is new it is asked what it saw, too. */
	t->known = t->known && now_ms < t->refresh_ms;
	return !t->under_way && now_ms >= t->next_ms;
}

void cosigner_cosigned(struct cosigner *t, uint64_t size, int64_t now_ms, int64_t every_ms)
{
	if (t->silent)
		log_line("info", "witness %s: cosigns this log again", t->name);
	t->asked = t->known = true;
	t->size = size;
	t->next_ms = now_ms + REST_MS;
	t->refresh_ms = now_ms + every_ms;
	t->owes_ms = 0;
	t->failures = 0;
	t->silent = false;
}

void cosigner_missed(struct cosigner *t, const char *why, int64_t now_ms)
{
	int64_t wait = REST_MS;

	for (unsigned i = 0; i < t->failures && wait < LONGEST_MS; i++)
		wait *= 2;
	t->failures++;
	t->asked = true;
	t->known = false;
	t->next_ms = now_ms + (wait < LONGEST_MS ? wait : LONGEST_MS);
	snprintf(t->why, sizeof t->why, "%s", why);
}

void cosigners_state(const struct cosigner *list, uint64_t generation, struct cosigners_state *out)
{
	const struct cosigner *t;

	*out = (struct cosigners_state){ .unasked = 0 };
	LL_FOREACH(list, t)
	{
		if (t->generation != generation)
			continue;
		out->named++;
		out->unasked += !t->asked;
		out->silent += t->silent;
		out->of_independent += t->independent;
		out->independent += t->independent && t->size > 0 && !t->silent;
	}
}
