/* The memory of exchanges: taken, used for one record after another, freed. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/acts/stops.h"

#define KEPT       DECIDER_LINES /* that are not in use */
#define KEPT_BYTES (256u * 1024) /* of rows, in each of those */
#define REST_CALLS 20

struct exchange *exchange_take(struct decider *d)
{
	struct exchange *x = d->free;

	d->quiet = 0;
	if (x) {
		d->free = x->next_free;
		d->n_free--;
		return x;
	}
	x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->written.sealed = BUF_INIT(32u * 1024 * 1024);
	x->written.answer = BUF_INIT(ANSWER_MAX);
	x->written.leaf = BUF_INIT(65536);
	x->written.members = BUF_INIT(4u * 1024 * 1024);
	x->written.caveats = BUF_INIT(CAVEATS_BYTES);
	x->written.prior = BUF_INIT(ANSWER_MAX);
	x->written.result = BUF_INIT(2 * ANSWER_MAX);
	x->written.sd.packed = BUF_INIT(4u * 1024 * 1024);
	x->written.sd.text = BUF_INIT(4u * 1024 * 1024);
	x->written.sd.digests = BUF_INIT(4096);
	return x;
}

void exchange_forget(struct exchange *x)
{
	struct written *w = &x->written;

	/* The rest of what was decided goes with the next decision's one assignment. */
	wipe(&x->decided.random, sizeof x->decided.random);
	wipe(&x->decided.envelope, sizeof x->decided.envelope);
	scratch_clear_buf(&w->sealed);
	scratch_clear_buf(&w->answer);
	scratch_clear_buf(&w->leaf);
	scratch_clear_buf(&w->members);
	scratch_clear_buf(&w->caveats);
	scratch_clear_buf(&w->sd.text);
	scratch_clear_buf(&w->sd.packed);
	disclosures_reset(&w->sd);
	arena_wipe(&w->mem);
	surrogates_settle(&x->reserved.surrogates);
	key_lease_settle(&x->reserved.key, false);
	exchange_settle_shape(x, false);
	stops_picture_free(x->stops);
	x->stops = NULL;
}

void exchange_recycle(struct exchange *x)
{
	struct decider *d = x->decider;

	exchange_forget(x);
	scratch_clear_buf(&x->written.prior);
	scratch_clear_buf(&x->written.result);
	quota_settle(&x->reserved.quota, false);
	x->job = (struct job){ .next = NULL };
	x->decider = NULL;
	x->done = NULL;
	x->owner = NULL;
	if (x->written.mem.total > KEPT_BYTES)
		arena_free(&x->written.mem);
	if (d->n_free >= KEPT) {
		exchange_free(x);
		return;
	}
	x->next_free = d->free;
	d->free = x;
	d->n_free++;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	writer_release(&x->job); /* it may have come home and not been taken in */
	stops_picture_free(x->stops);
	wipe(&x->decided, sizeof x->decided);
	wipe(&x->reserved.key, sizeof x->reserved.key);
	buf_wipe(&x->written.sealed);
	buf_free(&x->written.answer);
	buf_free(&x->written.leaf);
	buf_wipe(&x->written.members);
	buf_wipe(&x->written.caveats);
	buf_free(&x->written.prior);
	buf_free(&x->written.result);
	disclosures_free(&x->written.sd);
	arena_free(&x->written.mem);
	shape_unref(x->reserved.shape);
	free(x->reserved.surrogates.held);
	free(x);
}

void decider_close(struct decider *d)
{
	while (d->free) {
		struct exchange *x = d->free;
		d->free = x->next_free;
		exchange_free(x);
	}
	d->n_free = 0;
}

void decider_rest(struct decider *d)
{
	if (++d->quiet != REST_CALLS)
		return;
	decider_close(d);
	shapes_forget(d->scratch->shapes);
}
