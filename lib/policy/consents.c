/* See consents.h. */
#include "lib/policy/consents.h"

#include "lib/base/encode.h"
#include "lib/policy/internal.h"
#include "lib/schema/regex.h"
#include "lib/transform/normalise.h"

#define SALT_MAX 64 /* the schema */

struct listed {
	struct digest reference;
	size_t index; /* in the document */
	struct view *purposes;
	size_t n_purposes; /* 0: for all */
};

struct consents {
	uint8_t salt[SALT_MAX];
	size_t n_salt;
	struct listed *list; /* sorted by reference */
	size_t n;
};

/* --- references --- */

const char *consent_normalise(struct view reference, struct buf *out)
{
	struct normaliser *n = normaliser_new();
	const char *wrong =
	        n ? normalise(n, PROFILE_TEXT, reference, out) : "there is no memory to normalise the value";

	normaliser_free(n);
	return wrong || !out->failed ? wrong : "the value is too long";
}

const char *consent_reference(const struct agreement *a, struct view reference, struct buf *out)
{
	size_t start = out->n;
	const char *wrong = consent_normalise(reference, out);
	struct regex_run *run = wrong ? NULL : regex_run_new();

	if (!wrong && !run)
		wrong = "there is no memory to judge the value";
	else if (!wrong &&
	         regex_match(a->consent_pattern, run, view_make(out->p + start, out->n - start)) != REGEX_MATCH)
		wrong = "the value does not match the pattern of references";
	regex_run_free(run);
	return wrong;
}

void consent_digest(struct view salt, struct view normal, struct digest *out)
{
	struct view parts[] = { salt, normal };

	sha256_parts(parts, 2, out);
}

void consent_told(const struct salt *salt, const struct digest *consent, struct digest *out)
{
	struct view parts[] = { VIEW("consent"), view_make(salt->b, sizeof salt->b),
		                view_make(consent->b, sizeof consent->b) };

	sha256_parts(parts, 3, out);
}

/* --- lists --- */

/* By kind: the member with the list, and what it is called in errors. */
static const char *list_member(enum document_kind k)
{
	return k == DOCUMENT_WITHDRAWALS ? "withdrawn" : "given";
}

static struct view issuer_named(const struct agreement *a, enum document_kind k)
{
	return k == DOCUMENT_WITHDRAWALS ? agreement_withdrawals(a) : agreement_given(a);
}

static int by_reference(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return memcmp(x->reference.b, y->reference.b, sizeof x->reference.b);
}

static bool read_purposes(struct signed_document *d, struct listed *w, const json_t *names)
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
	struct consents *w = d->consents;

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

bool consents_read(struct signed_document *d, const json_t *doc, struct error_list *errors)
{
	struct consents *w = d->consents = arena_alloc(&d->mem, sizeof *w);
	bool ok = true;

	if (!w || !hex_decode(json_view(doc, "salt"), w->salt, sizeof w->salt, &w->n_salt) ||
	    !read_list(d, json_object_get(doc, list_member(d->kind))))
		return error_list_addf(errors, REASON_NO_MEMORY, d->file, 0, 0, "memory ran out");
	if (d->next_update_ms <= d->issued_ms)
		ok = signed_document_fault(d, errors, REASON_CONFIG, "/next_update", "must come after issued");
	for (size_t i = 1; i < w->n; i++) {
		const struct listed *a = &w->list[i - 1], *b = &w->list[i];
		char at[60];
		if (by_reference(a, b) != 0)
			continue;
		snprintf(at, sizeof at, "/%s/%zu/reference", list_member(d->kind),
		         a->index > b->index ? a->index : b->index);
		ok = signed_document_fault(d, errors, REASON_CONFIG, at, "the same as in /%s/%zu", list_member(d->kind),
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
bool consents_fit(const struct signed_document *d, struct agreement *const *versions, size_t n,
                  struct error_list *errors)
{
	const struct consents *w = d->consents;
	bool named = false, ok = true;

	for (size_t i = 0; i < n; i++)
		named = named || view_eq(issuer_named(versions[i], d->kind), d->issuer);
	if (!named)
		ok = signed_document_fault(d, errors, REASON_CONFIG, "/issuer",
		                           "is not the party whose list the agreement names");
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->list[i].n_purposes; k++) {
			char at[80];
			if (some_has_purpose(versions, n, w->list[i].purposes[k]))
				continue;
			snprintf(at, sizeof at, "/%s/%zu/purposes/%zu", list_member(d->kind), w->list[i].index, k);
			ok = signed_document_fault(d, errors, REASON_CONFIG, at, "the agreement has no such purpose");
		}
	return ok;
}

size_t consents_count(const struct signed_document *d)
{
	return d->consents->n;
}

const struct digest *consents_get(const struct signed_document *d, size_t k)
{
	return &d->consents->list[k].reference;
}

struct view consents_salt(const struct signed_document *d)
{
	return view_make(d->consents->salt, d->consents->n_salt);
}

bool consents_same_salt(const struct signed_document *before, const struct signed_document *after,
                        struct error_list *errors)
{
	return view_eq(consents_salt(before), consents_salt(after)) ||
	       signed_document_fault(after, errors, REASON_CONFIG, "/salt",
	                             "is not that of %s number %llu: all lists of an agreement keep one salt, by which "
	                             "what was released is found (gatewayctl withdrawals add --from, --salt-of)",
	                             document_kind_name(before->kind), (unsigned long long)before->number);
}

bool consents_current(const struct signed_document *d, int64_t now_ms)
{
	return now_ms < d->next_update_ms;
}

bool consents_has(const struct signed_document *d, const struct digest *consent, struct view purpose)
{
	const struct consents *w = d->consents;
	const struct listed key = { .reference = *consent };
	const struct listed *found = bsearch(&key, w->list, w->n, sizeof *w->list, by_reference);

	for (size_t i = 0; found && i < found->n_purposes; i++)
		if (view_eq(found->purposes[i], purpose))
			return true;
	return found && found->n_purposes == 0;
}
