/* See officer_approval_private.h. */
#include "gatewayd/core/exchange/officer_approval_private.h"

#include <jansson.h>

#include "lib/base/encode.h"
#include "lib/schema/document.h"

static struct view member(const json_t *o, const char *name)
{
	return view_of(json_string_value(json_object_get(o, name)));
}

static bool covers_record(const struct decided *d, const json_t *statement)
{
	struct view salt = member(statement, "salt");
	struct digest stated, have = d->input;
	struct salt own;
	size_t n;

	if (!digest_parse(member(statement, "input"), &stated))
		return false;
	if (salt.n) {
		if (!hex_decode(salt, own.b, sizeof own.b, &n) || n != sizeof own.b)
			return false;
		struct view parts[] = { view_make(own.b, sizeof own.b), tape_token(&d->tape, d->envelope.record) };
		sha256_parts(parts, 2, &have);
	}
	return digest_eq(&stated, &have);
}

static const char *statement_fault(const struct held_approval *a, const json_t *statement)
{
	const struct decided *d = a->decided;
	struct digest agreement;
	int64_t expires;

	if (!d->envelope.record || !covers_record(d, statement))
		return "the approval is for another record";
	if (!digest_parse(member(statement, "agreement"), &agreement) || !digest_eq(&agreement, a->agreement))
		return "the approval is for another agreement";
	if (!view_eq(member(statement, "tier"), d->envelope.tier))
		return "the approval is for another tier";
	if (!view_eq(member(statement, "exception"), d->envelope.exception))
		return "the approval is for another exception";
	if (!time_parse(member(statement, "expires"), &expires) || expires <= a->now_ms)
		return "the approval has expired";
	return NULL;
}

/* An officer of this very agency: it is its gateway that holds. */
static const char *signature_fault(const struct held_approval *a, const json_t *statement)
{
	struct digest officer;
	struct cms_signer signer = { .name = VIEW("officer") };
	struct error e = { .reason = REASON_NONE };
	int64_t training;

	if (!digest_parse(member(statement, "officer"), &officer) ||
	    !conf_officer(a->conf, view_of(a->conf->node.agency), &officer, &signer.cert_der, &training))
		return "the approval names no officer of this agency";
	if (!cms_verify(a->signature, a->statement, &signer, 1, a->now_ms, &e) || !signer.signed_it)
		return "the approval is not signed by the officer that it names";
	return training < a->now_ms ? "the officer's training has expired" : NULL;
}

const char *held_approval_fault(const struct held_approval *a)
{
	struct error_list errors = { .max = 1 };
	json_t *statement = document_read(a->schema, "approval", a->statement, &errors);
	const char *fault = "the statement is not an approval";

	if (statement) {
		fault = statement_fault(a, statement);
		if (!fault)
			fault = signature_fault(a, statement);
	}
	json_decref(statement);
	error_list_free(&errors);
	return fault;
}
