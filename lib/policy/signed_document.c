/* What all signed documents have in common. See signed_document.h. */
#include "lib/policy/signed_document.h"

#include "lib/crypto/x509.h"
#include "lib/policy/consents.h"
#include "lib/policy/epochs.h"
#include "lib/policy/internal.h"
#include "lib/policy/training.h"
#include "lib/schema/document.h"

#define SIGNERS_MAX 16

const char *document_kind_name(enum document_kind k)
{
	static const char *const names[DOCUMENT_KIND_COUNT] = { "withdrawals", "consents", "training", "epochs" };

	return names[k];
}

/* The text is indexed again for the place: errors are rare. */
bool signed_document_fault(const struct signed_document *d, struct error_list *errors, enum reason reason,
                           const char *pointer, const char *fmt, ...)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	uint32_t line = 0, column = 0;
	struct tape tape;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (parser && tape_parse(parser, d->text, &tape, NULL))
		place_of(&tape, pointer, &line, &column);
	tape_parser_free(parser);
	return error_list_addf(errors, reason, d->file, line, column, "%s: %s", pointer, text);
}

/* The document says itself what it is: the signature covers that, too. */
static bool read_kind(struct signed_document *d, struct error_list *errors)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct error e = { .reason = REASON_NONE };
	struct tape tape;
	bool found = false;

	if (!parser)
		return error_list_addf(errors, REASON_NO_MEMORY, d->file, 0, 0, "memory ran out");
	if (!tape_parse(parser, d->text, &tape, &e)) {
		tape_parser_free(parser);
		return error_list_addf(errors, e.reason, d->file, e.line, e.column, "%s", e.text);
	}
	uint32_t node = tape_member(&tape, 0, VIEW("document"));
	for (unsigned k = 0; node && tape.nodes[node].type == TAPE_STRING && k < DOCUMENT_KIND_COUNT && !found; k++) {
		found = view_is(tape_string(&tape, node), document_kind_name((enum document_kind)k));
		d->kind = (enum document_kind)k;
	}
	tape_parser_free(parser);
	if (!found)
		signed_document_fault(d, errors, REASON_CONFIG, "/document",
		                      "names no kind that is known here: withdrawals, consents, training or epochs");
	return found;
}

/* One signature, of the agency that issued it. */
static bool check_signature(const struct signed_document *d, struct view signature, const struct document_sources *from,
                            struct error_list *errors)
{
	struct cms_signer signers[SIGNERS_MAX];
	struct error e = { .reason = REASON_NONE };
	struct view der;
	size_t n = 0;

	for (; n < SIGNERS_MAX && from->signer && from->signer(from->arg, d->issuer, n, &der); n++)
		signers[n] = (struct cms_signer){ .name = d->issuer, .cert_der = der };
	if (n == 0)
		return signed_document_fault(d, errors, REASON_SIGNATURE, "/issuer",
		                             "no signing certificate of %.*s is pinned here", VIEW_ARG(d->issuer));
	if (signature.n == 0)
		return signed_document_fault(d, errors, REASON_SIGNATURE, "", "the document is not signed");
	if (cms_verify(signature, d->text, signers, n, from->now_ms, &e))
		return true;
	return signed_document_fault(d, errors, e.reason, "", "%s", e.text);
}

static bool read_contents(struct signed_document *d, const json_t *doc, struct error_list *errors)
{
	switch (d->kind) {
	case DOCUMENT_WITHDRAWALS:
	case DOCUMENT_CONSENTS: return consents_read(d, doc, errors);
	case DOCUMENT_TRAINING: return training_read(d, doc, errors);
	case DOCUMENT_EPOCHS: return epochs_read(d, doc, errors);
	case DOCUMENT_KIND_COUNT: break;
	}
	return false;
}

static bool read_head(struct signed_document *d, const json_t *doc, int64_t now_ms, struct error_list *errors)
{
	d->agreement = arena_copy(&d->mem, json_view(doc, "agreement"));
	d->issuer = arena_copy(&d->mem, json_view(doc, "issuer"));
	d->number = (uint64_t)json_integer_value(json_object_get(doc, "number"));
	d->issued_ms = json_instant(doc, "issued");
	d->next_update_ms = json_instant(doc, "next_update");
	if (!d->issuer.p)
		return error_list_addf(errors, REASON_NO_MEMORY, d->file, 0, 0, "memory ran out");
	if (d->issued_ms > now_ms)
		return signed_document_fault(d, errors, REASON_CONFIG, "/issued", "lies in the future");
	return true;
}

static bool load_all(struct signed_document *d, struct view signature, const struct document_sources *from,
                     struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct schema *schema;
	json_t *doc;

	if (!read_kind(d, errors))
		return false;
	schema = document_schema(view_of(document_kind_name(d->kind)), &e);
	if (!schema)
		return error_list_add(errors, &e);
	doc = document_read(schema, d->file, d->text, errors);
	schema_unref(schema);
	if (!doc)
		return false;
	bool ok = read_head(d, doc, from->now_ms, errors);
	ok = read_contents(d, doc, errors) && ok;
	json_decref(doc);
	if (!from->unsigned_ok)
		ok = check_signature(d, signature, from, errors) && ok;
	return ok;
}

struct signed_document *signed_document_load(const char *file, struct view text, struct view signature,
                                             const struct document_sources *from, struct error_list *errors)
{
	struct signed_document *d = calloc(1, sizeof *d);

	if (d) {
		d->file = arena_str(&d->mem, view_of(file));
		d->text = arena_copy(&d->mem, text);
	}
	if (!d || !d->file || (text.n && !d->text.p)) {
		error_list_addf(errors, REASON_NO_MEMORY, file, 0, 0, "memory ran out");
		signed_document_free(d);
		return NULL;
	}
	sha256(text, &d->digest);
	if (load_all(d, signature, from, errors))
		return d;
	signed_document_free(d);
	return NULL;
}

void signed_document_free(struct signed_document *d)
{
	if (!d)
		return;
	arena_free(&d->mem);
	free(d);
}

bool signed_document_fits(const struct signed_document *d, struct agreement *const *versions, size_t n,
                          struct view self, struct error_list *errors)
{
	if (d->kind != DOCUMENT_TRAINING && n == 0)
		return signed_document_fault(d, errors, REASON_AGREEMENT_UNKNOWN, "/agreement",
		                             "no agreement of that name is held here");
	switch (d->kind) {
	case DOCUMENT_WITHDRAWALS:
	case DOCUMENT_CONSENTS: return consents_fit(d, versions, n, errors);
	case DOCUMENT_TRAINING: return training_fits(d, self, errors);
	case DOCUMENT_EPOCHS: return epochs_fit(d, versions, n, self, errors);
	case DOCUMENT_KIND_COUNT: break;
	}
	return false;
}

bool signed_document_follows(const struct signed_document *before, const struct signed_document *after, int64_t now_ms,
                             struct error_list *errors)
{
	const char *kind = document_kind_name(before->kind);

	if (!after)
		return error_list_addf(errors, REASON_CONFIG, before->file, 0, 0,
		                       "%s%s%.*s: number %llu of %.*s was in force and is gone", kind,
		                       before->agreement.n ? " of " : "", VIEW_ARG(before->agreement),
		                       (unsigned long long)before->number, VIEW_ARG(before->issuer));
	if (after->number < before->number)
		return signed_document_fault(after, errors, REASON_CONFIG, "/number",
		                             "a rollback: number %llu was in force already",
		                             (unsigned long long)before->number);
	if (after->number == before->number) {
		if (digest_eq(&after->digest, &before->digest))
			return true;
		return signed_document_fault(after, errors, REASON_CONFIG, "/number",
		                             "another document with this number was in force already");
	}
	if (after->consents && !consents_same_salt(before, after, errors))
		return false;
	uint32_t was = before->epochs ? epochs_at(before, 0, now_ms) : 0,
	         is = after->epochs ? epochs_at(after, 0, now_ms) : 0;
	if (is < was)
		return signed_document_fault(after, errors, REASON_CONFIG, "/epochs",
		                             "epoch %u is in force already: none is ever followed by a "
		                             "lower one",
		                             (unsigned)was);
	return true;
}
