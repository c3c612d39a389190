/* See withdrawals.h. */
#include "lib/policy/withdrawals.h"

#include "lib/base/encode.h"
#include "lib/policy/internal.h"

#define SALT_MAX 64 /* the schema */

struct withdrawn {
	struct digest reference;
	size_t index; /* in the document */
	struct view *purposes;
	size_t n_purposes; /* 0: for all */
};

struct withdrawals {
	uint8_t salt[SALT_MAX];
	size_t n_salt;
	struct withdrawn *list; /* sorted by reference */
	size_t n;
};

static int by_reference(const void *a, const void *b)
{
	const struct withdrawn *x = a, *y = b;

	return memcmp(x->reference.b, y->reference.b, sizeof x->reference.b);
}

static bool read_purposes(struct signed_document *d, struct withdrawn *w, const json_t *names)
{
	w->n_purposes = json_array_size(names);
	w->purposes = arena_alloc(&d->mem, (w->n_purposes + 1) * sizeof *w->purposes);
	for (size_t i = 0; w->purposes && i < w->n_purposes; i++) {
		w->purposes[i] = arena_copy(&d->mem, view_of(json_string_value(json_array_get(names, i))));
		if (!w->purposes[i].p)
			return false;
	}
	return w->purposes != NULL;
}

static bool read_list(struct signed_document *d, const json_t *list)
{
	struct withdrawals *w = d->withdrawals;

	w->n = json_array_size(list);
	w->list = arena_alloc(&d->mem, (w->n + 1) * sizeof *w->list);
	if (!w->list)
		return false;
	for (size_t i = 0; i < w->n; i++) {
		const json_t *o = json_array_get(list, i);
		w->list[i].index = i;
		w->list[i].reference = json_digest(o, "reference");
		if (!read_purposes(d, &w->list[i], json_object_get(o, "purposes")))
			return false;
	}
	qsort(w->list, w->n, sizeof *w->list, by_reference);
	return true;
}

bool withdrawals_read(struct signed_document *d, const json_t *doc, struct error_list *errors)
{
	struct withdrawals *w = d->withdrawals = arena_alloc(&d->mem, sizeof *w);
	bool ok = true;

	if (!w || !hex_decode(json_view(doc, "salt"), w->salt, sizeof w->salt, &w->n_salt) ||
	    !read_list(d, json_object_get(doc, "withdrawn")))
		return error_list_addf(errors, REASON_NO_MEMORY, d->file, 0, 0, "memory ran out");
	if (d->next_update_ms <= d->issued_ms)
		ok = signed_document_fault(d, errors, REASON_CONFIG, "/next_update", "must come after issued");
	for (size_t i = 1; i < w->n; i++) {
		const struct withdrawn *a = &w->list[i - 1], *b = &w->list[i];
		char at[60];
		if (by_reference(a, b) != 0)
			continue;
		snprintf(at, sizeof at, "/withdrawn/%zu/reference", a->index > b->index ? a->index : b->index);
		ok = signed_document_fault(d, errors, REASON_CONFIG, at, "the same as in /withdrawn/%zu",
		                           a->index > b->index ? b->index : a->index);
	}
	return ok;
}

static bool some_has_purpose(struct agreement *const *versions, size_t n, struct view purpose)
{
	for (size_t i = 0; i < n; i++)
		if (find_purpose(versions[i], purpose) != INDEX_NONE)
			return true;
	return false;
}

/* A purpose that nobody has would silently protect nobody. */
bool withdrawals_fit(const struct signed_document *d, struct agreement *const *versions, size_t n,
                     struct error_list *errors)
{
	const struct withdrawals *w = d->withdrawals;
	bool named = false, ok = true;

	for (size_t i = 0; i < n; i++)
		named = named || view_eq(agreement_withdrawals(versions[i]), d->issuer);
	if (!named)
		ok = signed_document_fault(d, errors, REASON_CONFIG, "/issuer",
		                           "is not the party whose list the agreement names");
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->list[i].n_purposes; k++) {
			char at[80];
			if (some_has_purpose(versions, n, w->list[i].purposes[k]))
				continue;
			snprintf(at, sizeof at, "/withdrawn/%zu/purposes/%zu", w->list[i].index, k);
			ok = signed_document_fault(d, errors, REASON_CONFIG, at, "the agreement has no such purpose");
		}
	return ok;
}

size_t withdrawals_count(const struct signed_document *d)
{
	return d->withdrawals->n;
}

bool withdrawals_current(const struct signed_document *d, int64_t now_ms)
{
	return now_ms < d->next_update_ms;
}

bool withdrawals_has(const struct signed_document *d, struct view reference, struct view purpose)
{
	const struct withdrawals *w = d->withdrawals;
	struct withdrawn key;

	withdrawals_digest(view_make(w->salt, w->n_salt), reference, &key.reference);
	const struct withdrawn *found = bsearch(&key, w->list, w->n, sizeof *w->list, by_reference);
	for (size_t i = 0; found && i < found->n_purposes; i++)
		if (view_eq(found->purposes[i], purpose))
			return true;
	return found && found->n_purposes == 0;
}

void withdrawals_digest(struct view salt, struct view reference, struct digest *out)
{
	struct view parts[] = { salt, reference };

	sha256_parts(parts, 2, out);
}
