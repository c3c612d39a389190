/* Whether a decision names its shape, or lists each leaf itself: an agreement has so many shapes at most as the store keeps of
 * it. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/store/shape.h"

/* What is under way counts as if it were stored: it is counted first, so that no two take the last place. */
static bool has_place(struct exchange *x, struct view agreement)
{
	struct core *c = x->decider->core;
	uint64_t underway = atomic_fetch_add(&c->shapes_underway, 1) + 1, stored;
	struct error e = { .reason = REASON_NONE };

	x->reserved.shape_is_new = true;
	return store_count_shapes(x->decider->reader, agreement, &stored, &e) && stored + underway <= STORE_SHAPES_MAX;
}

static bool is_stored(struct exchange *x, struct view agreement, const struct digest *digest)
{
	struct error e = { .reason = REASON_NONE };
	struct view text;

	return store_get_shape(x->decider->reader, agreement, digest, &text, &e);
}

bool exchange_take_shape(struct exchange *x, struct shape_use *use)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct view agreement = agreement_id(d->agreement);

	exchange_settle_shape(x, false);
	if (!shapes_find(s->shapes, d->agreement, d->decision.ruling, &d->tape, d->envelope.record, s->transform_run,
	                 use))
		return false;
	x->reserved.shape = shape_ref(use->shape);
	if (atomic_load_explicit(&use->shape->kept, memory_order_relaxed))
		return true;
	if (is_stored(x, agreement, &use->shape->digest)) {
		atomic_store_explicit(&use->shape->kept, true, memory_order_relaxed);
		return true;
	}
	if (has_place(x, agreement))
		return true;
	exchange_settle_shape(x, false);
	return false;
}

void exchange_settle_shape(struct exchange *x, bool stored)
{
	struct reserved *r = &x->reserved;

	if (r->shape && stored)
		atomic_store_explicit(&r->shape->kept, true, memory_order_relaxed);
	if (r->shape_is_new)
		atomic_fetch_sub(&x->decider->core->shapes_underway, 1);
	r->shape_is_new = false;
	shape_unref(r->shape);
	r->shape = NULL;
}

bool exchange_append(struct exchange *x, struct writer *w, struct error *e)
{
	struct view leaf = buf_view(&x->written.leaf), packed = buf_view(&x->written.sd.packed);
	const struct shape *shape = x->reserved.shape;

	if (!shape)
		return writer_append(w, &x->job, leaf, packed, &x->found.index, e);
	const struct store_shape named = { .digest = shape->digest,
		                           .agreement = agreement_id(x->decided.agreement),
		                           .text = shape->text };
	return writer_append_shaped(w, &x->job, leaf, packed, &named, &x->found.index, e);
}
