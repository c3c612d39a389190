/* See tidying_private.h. */
#include "gatewayd/core/commit/tidying_private.h"

#include "gatewayd/heap.h"
#include "gatewayd/os/instant.h"

#define TRUNCATE_MS       2000 /* erasures wait so long for a quiet moment */
#define TRUNCATE_RETRY_MS 100  /* a reader was in the way; then twice as long each time, */
#define RETRY_DOUBLINGS   4
#define QUIET_MS          20   /* without a job */
#define MOVING_MS         2    /* the same, while a checkpoint is under way */
#define HELD_MS           1000 /* the same, while a reader keeps the write-ahead log */
#define REST_MS           2000 /* the same, until memory goes back */

static long shorter(long a, long b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* For the write-ahead log; 0: there is nothing to clear from it. */
static long clear_ms(const struct tidying *t, const struct store *s)
{
	struct store_unmoved now;

	if (store_moving(s))
		return MOVING_MS;
	store_unmoved(s, &now);
	if (!store_erased(s))
		return now.held ? HELD_MS : 0;
	int64_t left_ms = t->retries > 0 ? t->truncate_ms - instant_monotonic_ms() : QUIET_MS;
	return left_ms > 1 ? (long)left_ms : 1;
}

static long rest_ms(const struct tidying *t)
{
	if (!t->warm)
		return 0;
	return t->idle_ms < REST_MS ? REST_MS - t->idle_ms : 1;
}

long tidying_wait_ms(const struct tidying *t, const struct store *s)
{
	return shorter(clear_ms(t, s), rest_ms(t));
}

/* What was erased must leave log and file soon: at the first quiet moment, and under load after TRUNCATE_MS at the latest.
 * The long part of a checkpoint is done beside the commits that follow, but at the end. */
static bool check_point(struct tidying *t, struct store *s, bool quiet, bool end, struct error *e)
{
	int64_t now_ms = instant_monotonic_ms();
	bool erased = store_erased(s), ready = true;

	if (erased && t->truncate_ms == 0)
		t->truncate_ms = now_ms + TRUNCATE_MS;
	bool force = erased && (now_ms >= t->truncate_ms || (quiet && t->retries == 0));
	if (!force && !store_wants_checkpoint(s) && !store_moving(s))
		return true;
	if (!end && !store_move_ahead(s, &ready, e))
		return false;
	if (!force || !ready)
		return !ready || store_checkpoint(s, false, e);
	if (store_checkpoint(s, true, e)) {
		t->truncate_ms = t->retries = 0;
		return true;
	}
	t->truncate_ms = now_ms + (TRUNCATE_RETRY_MS << t->retries);
	t->retries += t->retries < RETRY_DOUBLINGS;
	return e->reason == REASON_UNAVAILABLE;
}

bool tidying_step(struct tidying *t, struct store *s, long idle_ms, struct error *e)
{
	bool ok = check_point(t, s, idle_ms > 0, false, e);

	t->warm = t->warm || idle_ms == 0;
	t->idle_ms = idle_ms > 0 ? t->idle_ms + idle_ms : 0;
	if (t->warm && t->idle_ms >= REST_MS) {
		store_shed(s);
		heap_give_back();
		t->warm = false;
	}
	return ok;
}

bool tidying_end(struct tidying *t, struct store *s, struct error *e)
{
	return check_point(t, s, true, true, e);
}
