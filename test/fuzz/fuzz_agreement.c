/* libFuzzer target: any bytes as a signed document. The first chooses which: an agreement, its floor or its overlay beside the preset,
 * or a list that changes at run time. It loads or every fault is listed, never both; what loads says of itself what it is. */
#include "lib/policy/agreement.h"
#include "lib/policy/signed_document.h"
#include "lib/schema/document.h"
#include "test/fuzz/target.h"

#include <jansson.h>
#include <stdio.h>

#define NOW INT64_C(1780272000000) /* 2026-06-01T00:00:00Z */

struct search {
	const struct digest *digest;
	struct view *text;
	bool found;
};

static void compare(void *arg, struct view name, struct view text)
{
	struct search *s = arg;
	struct digest have;

	if (!view_starts(name, VIEW("records/")))
		return;
	sha256(text, &have);
	if (digest_eq(&have, s->digest)) {
		*s->text = text;
		s->found = true;
	}
}

static bool schema_of(void *arg, const struct digest *digest, struct view *text)
{
	struct search s = { .digest = digest, .text = text };

	(void)arg;
	document_each_builtin(compare, &s);
	return s.found;
}

static struct view preset(void)
{
	static char text[1u << 16];
	FILE *f = fopen("conf/agreements/cyber-threat.json", "rb");

	must(f != NULL);
	size_t n = fread(text, 1, sizeof text, f);
	fclose(f);
	return view_make(text, n);
}

static void check_agreement(struct view text, const struct agreement_sources *from)
{
	struct error_list errors = { .max = 20 };
	struct buf out = BUF_INIT(1u << 22);
	struct digest digest;
	json_error_t where;

	struct agreement *a = agreement_load("fuzz.json", text, VIEW(""), from, &errors);
	must((a != NULL) == (errors.n == 0));
	if (a) {
		sha256(text, &digest);
		must(view_eq(agreement_text(a), text) && digest_eq(agreement_digest(a), &digest));
		must(agreement_id(a).n > 0 && agreement_has_party(a, from->self) && agreement_party(a, 0).n > 0);
		must(agreement_describe(a, NOW, &out));
		json_t *facts = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, &where);
		must(json_is_object(facts));
		json_decref(facts);
		buf_reset(&out);
		must(agreement_summary(a, false, &out) && agreement_summary(a, true, &out));
	}
	agreement_unref(a);
	error_list_free(&errors);
	buf_free(&out);
}

static void check_document(struct view text)
{
	const struct document_sources from = { .unsigned_ok = true, .now_ms = NOW };
	struct error_list errors = { .max = 20 };
	struct signed_document *d = signed_document_load("fuzz.json", text, VIEW(""), &from, &errors);

	must((d != NULL) == (errors.n == 0));
	if (d) {
		must(view_eq(d->text, text) && d->issuer.n > 0 && d->issued_ms <= NOW);
		must(signed_document_follows(d, d, NOW, &errors) && errors.n == 0);
	}
	signed_document_free(d);
	error_list_free(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agreement_sources from = {
		.schema = schema_of, .self = VIEW("north"), .unsigned_ok = true, .now_ms = NOW
	};
	struct view in = view_make(data, size);
	uint8_t which = first_byte(&in) & 3;
	struct view text = exact(in);

	memset(from.pseudonym_secret.b, 7, 32);
	from.pseudonym_secret.n = 32;
	if (which == 1)
		from.floor = text;
	else if (which == 2)
		from.overlay = text;
	if (which == 3)
		check_document(text);
	else
		check_agreement(which == 0 ? text : preset(), &from);
	exact_free(text);
	return 0;
}
