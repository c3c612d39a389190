/* See epochs.h. */
#include "lib/policy/epochs.h"

#include "lib/policy/internal.h"

struct epochs {
	struct epoch_from list[EPOCHS_MAX];
	size_t n;
};

bool epochs_read(struct signed_document *d, const json_t *doc, struct error_list *errors)
{
	const json_t *list = json_object_get(doc, "epochs");
	struct epochs *p = d->epochs = arena_alloc(&d->mem, sizeof *p);
	bool ok = true;

	if (!p)
		return error_list_addf(errors, REASON_NO_MEMORY, d->file, 0, 0, "memory ran out");
	for (; p->n < json_array_size(list) && p->n < EPOCHS_MAX; p->n++) {
		const json_t *o = json_array_get(list, p->n);
		struct epoch_from *one = &p->list[p->n];
		char at[60];
		*one = (struct epoch_from){ (uint32_t)json_integer_value(json_object_get(o, "epoch")),
			                    json_instant(o, "from") };
		if (p->n == 0)
			continue;
		snprintf(at, sizeof at, "/epochs/%zu/epoch", p->n);
		if (one->epoch <= one[-1].epoch)
			ok = signed_document_fault(d, errors, REASON_CONFIG, at, "must be larger than the one before");
		snprintf(at, sizeof at, "/epochs/%zu/from", p->n);
		if (one->from_ms <= one[-1].from_ms)
			ok = signed_document_fault(d, errors, REASON_CONFIG, at, "must come after the one before");
	}
	return ok;
}

/* An agreement without the clause has the provider's keys in epoch 1. */
static bool fits_one(const struct signed_document *d, const struct agreement *a, struct error_list *errors)
{
	const struct epochs *p = d->epochs;
	char at[60];
	bool ok = true;

	if (view_is(json_view(json_object_get(a->doc, "pseudonyms"), "key_holder"), "third-party"))
		ok = signed_document_fault(d, errors, REASON_CONFIG, "/agreement",
		                           "its version %.*s leaves the keys to a third party", VIEW_ARG(a->version));
	snprintf(at, sizeof at, "/epochs/%zu/epoch", p->n - 1);
	if (p->list[p->n - 1].epoch < a->epoch)
		ok = signed_document_fault(d, errors, REASON_CONFIG, at,
		                           "is lower than %u, the epoch of the agreement's version %.*s",
		                           (unsigned)a->epoch, VIEW_ARG(a->version));
	return ok;
}

bool epochs_fit(const struct signed_document *d, struct agreement *const *versions, size_t n, struct view self,
                struct error_list *errors)
{
	bool ok = true;

	if (!view_eq(d->issuer, self))
		ok = signed_document_fault(d, errors, REASON_CONFIG, "/issuer",
		                           "epochs are set by the agency that holds the keys, here %.*s",
		                           VIEW_ARG(self));
	for (size_t i = 0; i < n; i++)
		ok = fits_one(d, versions[i], errors) && ok;
	return ok;
}

bool epochs_get(const struct signed_document *d, size_t k, struct epoch_from *out)
{
	if (k >= d->epochs->n)
		return false;
	*out = d->epochs->list[k];
	return true;
}

uint32_t epochs_at(const struct signed_document *d, uint32_t own, int64_t now_ms)
{
	for (size_t i = 0; d && i < d->epochs->n; i++)
		if (d->epochs->list[i].from_ms <= now_ms && d->epochs->list[i].epoch > own)
			own = d->epochs->list[i].epoch;
	return own;
}

bool read_epochs(struct load *l)
{
	struct agreement *a = l->a;
	const struct signed_document *d = l->from->epochs ? l->from->epochs(l->from->arg, a->id) : NULL;
	struct epoch_from next;

	a->epochs = arena_alloc(&a->mem, (EPOCHS_MAX + 1) * sizeof *a->epochs);
	if (!a->epochs)
		return load_fault(l, REASON_NO_MEMORY, "", "memory ran out");
	a->epochs[a->n_epochs++] = (struct epoch_from){ epochs_at(d, a->epoch, l->from->now_ms), INT64_MIN };
	if (!d)
		return true;
	a->epochs_digest = d->digest;
	for (size_t k = 0; epochs_get(d, k, &next); k++)
		if (next.from_ms > l->from->now_ms && next.epoch > a->epochs[a->n_epochs - 1].epoch)
			a->epochs[a->n_epochs++] = next;
	return true;
}

int64_t agreement_epoch_end_ms(const struct agreement *a, uint32_t epoch)
{
	int64_t end = a->sunset_ms;

	for (size_t i = 0; i < a->n_epochs; i++)
		if (a->epochs[i].epoch > epoch && a->epochs[i].from_ms < end)
			end = a->epochs[i].from_ms;
	return end;
}
