/* Who must have signed: every party, and of the council as many seats as it says, its reserved
 * constituencies among them. Signers are pinned in files of this node, not in the document they sign. */
#include "lib/policy/internal.h"

#include "lib/crypto/x509.h"

#define SIGNERS_MAX 128

struct signers {
	struct cms_signer s[SIGNERS_MAX];
	size_t n;
};

static size_t add_signers(struct load *l, struct signers *all, struct view name)
{
	struct view der;
	size_t k = 0;

	for (; all->n < SIGNERS_MAX && l->from->signer && l->from->signer(l->from->arg, name, k, &der); k++)
		all->s[all->n++] = (struct cms_signer){ .name = name, .cert_der = arena_copy(&l->a->mem, der) };
	return k;
}

static bool signed_by(const struct signers *all, struct view name)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->s[i].signed_it && view_eq(all->s[i].name, name))
			return true;
	return false;
}

static bool check_council(struct load *l, const json_t *council, const struct signers *all)
{
	const json_t *seats = json_object_get(council, "seats"), *must = json_object_get(council, "must_include");
	long long signatures = 0, threshold = json_integer_value(json_object_get(council, "threshold"));
	bool ok = true;

	for (size_t i = 0; i < json_array_size(seats); i++)
		signatures += signed_by(all, json_view(json_array_get(seats, i), "id"));
	if (signatures < threshold)
		ok = load_fault(l, REASON_NOT_AUTHORISED, "/council/threshold", "%lld seats must sign, %lld did",
		                threshold, signatures);
	for (size_t i = 0; i < json_array_size(must); i++) {
		struct view want = view_of(json_string_value(json_array_get(must, i)));
		bool found = false;
		for (size_t k = 0; k < json_array_size(seats); k++) {
			const json_t *seat = json_array_get(seats, k);
			found = found || (view_eq(want, json_view(seat, "constituency")) &&
			                  signed_by(all, json_view(seat, "id")));
		}
		if (!found)
			ok = load_fault(l, REASON_NOT_AUTHORISED, "/council/must_include", "no %.*s seat signed",
			                VIEW_ARG(want));
	}
	return ok;
}

bool check_signatures(struct load *l, struct view signature)
{
	const struct agreement *a = l->a;
	const json_t *council = json_object_get(a->doc, "council"), *seats = json_object_get(council, "seats");
	struct signers *all = arena_alloc(&l->a->mem, sizeof *all);
	struct error e = { .reason = REASON_NONE };
	bool ok = true;

	if (!all)
		return load_fault(l, REASON_NO_MEMORY, "", "memory ran out");
	for (size_t i = 0; i < a->n_parties; i++)
		if (add_signers(l, all, a->parties[i]) == 0) {
			char at[40];
			snprintf(at, sizeof at, "/parties/%zu", i);
			ok = load_fault(l, REASON_SIGNATURE, at, "no signing certificate of %.*s is pinned here",
			                VIEW_ARG(a->parties[i]));
		}
	for (size_t i = 0; i < json_array_size(seats); i++)
		add_signers(l, all, json_view(json_array_get(seats, i), "id"));
	if (signature.n == 0)
		return load_fault(l, REASON_SIGNATURE, "", "the agreement is not signed");
	if (!cms_verify(signature, a->text, all->s, all->n, l->from->now_ms, &e))
		return load_fault(l, e.reason, "", "%s", e.text);
	for (size_t i = 0; i < a->n_parties; i++)
		if (!signed_by(all, a->parties[i])) {
			char at[40];
			snprintf(at, sizeof at, "/parties/%zu", i);
			ok = load_fault(l, REASON_SIGNATURE, at, "%.*s has not signed", VIEW_ARG(a->parties[i]));
		}
	if (json_flag(council, "must_sign"))
		ok = check_council(l, council, all) && ok;
	return ok;
}
