/* See training.h. */
#include "lib/policy/training.h"

#include "lib/policy/internal.h"

struct trained {
	struct digest spki;
	int64_t until_ms;
	size_t index; /* in the document */
};

struct training {
	struct trained *list; /* sorted by officer */
	size_t n;
};

static int by_officer(const void *a, const void *b)
{
	const struct trained *x = a, *y = b;

	return memcmp(x->spki.b, y->spki.b, sizeof x->spki.b);
}

bool training_read(struct signed_document *d, const json_t *doc, struct error_list *errors)
{
	struct training *t = d->training = arena_alloc(&d->mem, sizeof *t);
	const json_t *list = json_object_get(doc, "officers");
	size_t n = json_array_size(list);
	bool ok = true;

	if (!t || !(t->list = arena_alloc(&d->mem, (n + 1) * sizeof *t->list)))
		return error_list_addf(errors, REASON_NO_MEMORY, d->file, 0, 0, "memory ran out");
	for (t->n = 0; t->n < n; t->n++) {
		const json_t *o = json_array_get(list, t->n);
		struct trained *one = &t->list[t->n];
		one->until_ms = json_instant(o, "valid_until");
		one->index = t->n;
		one->spki = json_digest(o, "officer");
	}
	qsort(t->list, t->n, sizeof *t->list, by_officer);
	for (size_t i = 1; i < t->n; i++) {
		const struct trained *a = &t->list[i - 1], *b = &t->list[i];
		char at[60];
		if (by_officer(a, b) != 0)
			continue;
		snprintf(at, sizeof at, "/officers/%zu/officer", a->index > b->index ? a->index : b->index);
		ok = signed_document_fault(d, errors, REASON_CONFIG, at, "the same as in /officers/%zu",
		                           a->index > b->index ? b->index : a->index);
	}
	return ok;
}

bool training_fits(const struct signed_document *d, struct view self, struct error_list *errors)
{
	return view_eq(d->issuer, self) ||
	       signed_document_fault(d, errors, REASON_CONFIG, "/issuer",
	                             "training is stated by the agency of this node, which is %.*s", VIEW_ARG(self));
}

size_t training_count(const struct signed_document *d)
{
	return d->training->n;
}

int64_t training_until(const struct signed_document *d, const struct digest *spki, int64_t stated_ms)
{
	const struct trained key = { .spki = *spki };
	const struct trained *found =
	        bsearch(&key, d->training->list, d->training->n, sizeof *d->training->list, by_officer);

	if (!found)
		return TIME_NONE;
	return stated_ms != TIME_NONE && stated_ms < found->until_ms ? stated_ms : found->until_ms;
}
