/* Signed documents for tests: one of each kind that is right, and changes of one thing. */
#ifndef TEST_POLICY_DOCUMENT_FIXTURE_H
#define TEST_POLICY_DOCUMENT_FIXTURE_H

#include "lib/policy/signed_document.h"
#include "test/policy/support.h"

/* SHA-256 of the 16 bytes 00 01 … 0f, then of the reference: made with `printf` and sha256sum. */
#define SALT         "000102030405060708090a0b0c0d0e0f"
#define CONSENT_0001 "0c4b06723ae529f10e38a0bd794d816ca3ccf175426ff82212cbc3cde5f3ba6a"
#define CONSENT_0002 "0662d0f6216a49bebd15789972fe16549f25f20dc592375e346d0e826aa28e6d"

#define OFFICER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OFFICER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char *const right_documents[DOCUMENT_KIND_COUNT] = {
	[DOCUMENT_WITHDRAWALS] =
	        "{\"document\":\"withdrawals\",\"agreement\":\"humanitarian\",\"issuer\":\"north\",\"number\":3,"
	        "\"issued\":\"2026-05-30T00:00:00Z\",\"next_update\":\"2026-06-06T00:00:00Z\",\"salt\":\"" SALT
	        "\",\"withdrawn\":["
	        "{\"reference\":\"" CONSENT_0001 "\"},{\"reference\":\"" CONSENT_0002
	        "\",\"purposes\":[\"family-tracing\"]}]}",
	[DOCUMENT_CONSENTS] =
	        "{\"document\":\"consents\",\"agreement\":\"humanitarian\",\"issuer\":\"north\",\"number\":3,"
	        "\"issued\":\"2026-05-30T00:00:00Z\",\"next_update\":\"2026-06-06T00:00:00Z\",\"salt\":\"" SALT
	        "\",\"given\":["
	        "{\"reference\":\"" CONSENT_0001 "\"},{\"reference\":\"" CONSENT_0002
	        "\",\"purposes\":[\"family-tracing\"]}]}",
	[DOCUMENT_TRAINING] =
	        "{\"document\":\"training\",\"issuer\":\"north\",\"number\":3,\"issued\":\"2026-05-30T00:00:00Z\",\"officers\":["
	        "{\"officer\":\"" OFFICER_B "\",\"valid_until\":\"2026-07-01T00:00:00Z\"},"
	        "{\"officer\":\"" OFFICER_A "\",\"valid_until\":\"2026-08-01T00:00:00Z\"}]}",
	[DOCUMENT_EPOCHS] = "{\"document\":\"epochs\",\"agreement\":\"pnr\",\"issuer\":\"north\",\"number\":3,"
	                    "\"issued\":\"2026-05-30T00:00:00Z\",\"epochs\":["
	                    "{\"epoch\":4,\"from\":\"2026-05-31T00:00:00Z\",\"reason\":\"yearly\"},"
	                    "{\"epoch\":7,\"from\":\"2026-06-02T00:00:00Z\",\"reason\":\"yearly\"}]}",
};

static inline json_t *right_document(enum document_kind k)
{
	json_t *doc = json_loads(right_documents[k], 0, NULL);

	ck_assert(doc != NULL);
	return doc;
}

static inline struct signed_document *load_document(const json_t *doc, int64_t now_ms, struct error_list *errors)
{
	const struct document_sources unsigned_ones = { .unsigned_ok = true, .now_ms = now_ms };
	char *text = json_dumps(doc, JSON_INDENT(1));
	struct signed_document *d = signed_document_load("test.json", view_of(text), VIEW(""), &unsigned_ones, errors);

	free(text);
	return d;
}

/* The document of that kind, which is right. */
static inline struct signed_document *loaded_document(enum document_kind k)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = right_document(k);
	struct signed_document *d = load_document(doc, NOW, &errors);

	print_errors(&errors);
	ck_assert(d != NULL && d->kind == k);
	json_decref(doc);
	error_list_free(&errors);
	return d;
}

/* A list of consents, of either kind, that has these references (JSON items) alone. */
static inline struct signed_document *list_of_consents(enum document_kind k, const char *items)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = right_document(k);

	json_object_set_new(doc, k == DOCUMENT_WITHDRAWALS ? "withdrawn" : "given", json_loads(items, 0, NULL));
	struct signed_document *d = load_document(doc, NOW, &errors);
	print_errors(&errors);
	ck_assert(d != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return d;
}

/* Whether an error says so, with a place in the file. */
static inline bool document_says(const struct error_list *l, const char *place, const char *what)
{
	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->items[i].text, place, strlen(place)) == 0 && strstr(l->items[i].text, what) &&
		    strcmp(l->items[i].where, "test.json") == 0 && l->items[i].line > 0 && l->items[i].column > 0)
			return true;
	return false;
}

#endif
