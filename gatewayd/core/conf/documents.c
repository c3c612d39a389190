/* See documents.h. */
#include "gatewayd/core/conf/documents.h"

#include <sys/stat.h>

#include "gatewayd/core/conf/conf_private.h"
#include "gatewayd/os/files.h"
#include "lib/policy/consents.h"

/* Takes `d` over. */
static bool add_document(struct folder *f, struct signed_document *d)
{
	struct conf *c = f->c;
	const struct signed_document *other = conf_document(c, d->kind, d->agreement, d->issuer);
	struct signed_document **more;

	if (other) {
		signed_document_fault(d, f->errors, REASON_CONFIG, "/document",
		                      "%s holds one of the same kind, agreement and issuer", other->file);
		signed_document_free(d);
		return false;
	}
	more = realloc(c->documents, (c->n_documents + 1) * sizeof *more);
	if (!more) {
		signed_document_free(d);
		return error_list_addf(f->errors, REASON_NO_MEMORY, f->path, 0, 0, "memory ran out");
	}
	c->documents = more;
	c->documents[c->n_documents++] = d;
	return true;
}

static bool read_document(void *arg, const char *name)
{
	struct folder *f = arg;
	struct buf text = BUF_INIT(DOCUMENT_MAX), signature = BUF_INIT(DOCUMENT_MAX);
	const char *path = folder_read_signed(f, name, &text, &signature);
	struct signed_document *d =
	        path ? signed_document_load(path, buf_view(&text), buf_view(&signature), f->document_sources, f->errors)
	             : NULL;

	if (d)
		add_document(f, d);
	buf_free(&text);
	buf_free(&signature);
	return true;
}

void conf_read_documents(struct conf *c, const char *folder, int64_t now_ms, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct folder f = { .c = c, .path = folder, .errors = errors };
	struct document_sources sources = { .arg = &f, .signer = folder_signer, .now_ms = now_ms };

	f.document_sources = &sources;
	if (folder && !file_each(folder, ".json", read_document, &f, &e))
		error_list_add(errors, &e);
}

/* --- impact assessments: any files, known by their bytes --- */

static bool read_assessment(void *arg, const char *name)
{
	struct folder *f = arg;
	struct conf *c = f->c;
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	const char *path = file_beside(&c->mem, f->path, name);

	if (!path) {
		error_list_addf(f->errors, REASON_NO_MEMORY, f->path, 0, 0, "memory ran out");
	} else if (folder_read(f, path, &text)) {
		struct digest *slot = folder_one_more(f, (void **)&c->assessments, c->n_assessments, sizeof *slot);
		if (slot) {
			sha256(buf_view(&text), slot);
			c->n_assessments++;
		}
	}
	buf_free(&text);
	return true;
}

void conf_read_assessments(struct conf *c, const char *folder, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct folder f = { .c = c,
		            .path = folder ? file_beside(&c->mem, folder, "assessments") : NULL,
		            .errors = errors };
	struct stat st;

	if (f.path && stat(f.path, &st) == 0 && !file_each(f.path, "", read_assessment, &f, &e))
		error_list_add(errors, &e);
}

/* --- what they say --- */

/* `out` has room for all agreements. */
static size_t versions_of(const struct conf *c, struct view id, struct agreement **out)
{
	size_t n = 0;

	for (size_t i = 0; id.n && i < c->n_agreements; i++)
		if (view_eq(agreement_id(c->agreements[i]), id))
			out[n++] = c->agreements[i];
	return n;
}

/* What was released is found by the one salt that all lists of its agreement have, whoever issued them. */
static void check_salts(const struct conf *c, struct error_list *errors)
{
	for (size_t i = 0; i < c->n_documents; i++)
		for (size_t k = 0; k < i; k++)
			if (c->documents[i]->consents && c->documents[k]->consents &&
			    view_eq(c->documents[i]->agreement, c->documents[k]->agreement) &&
			    !consents_same_salt(c->documents[k], c->documents[i], errors))
				break;
}

void conf_check_documents(const struct conf *c, struct error_list *errors)
{
	struct agreement **versions = calloc(c->n_agreements + 1, sizeof *versions);

	if (!versions)
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
	for (size_t i = 0; versions && i < c->n_documents; i++) {
		size_t n = versions_of(c, c->documents[i]->agreement, versions);
		signed_document_fits(c->documents[i], versions, n, view_of(c->node.agency), errors);
	}
	free(versions);
	check_salts(c, errors);
}

void conf_documents_free(struct conf *c)
{
	for (size_t i = 0; i < c->n_documents; i++)
		signed_document_free(c->documents[i]);
	free(c->documents);
	free(c->assessments);
}

const struct signed_document *conf_document(const struct conf *c, enum document_kind kind, struct view agreement,
                                            struct view issuer)
{
	for (size_t i = 0; i < c->n_documents; i++) {
		const struct signed_document *d = c->documents[i];
		if (d->kind == kind && view_eq(d->agreement, agreement) && view_eq(d->issuer, issuer))
			return d;
	}
	return NULL;
}

const struct signed_document *conf_withdrawals(const struct conf *c, const struct agreement *a)
{
	return conf_document(c, DOCUMENT_WITHDRAWALS, agreement_id(a), agreement_withdrawals(a));
}

const struct signed_document *conf_given(const struct conf *c, const struct agreement *a)
{
	return conf_document(c, DOCUMENT_CONSENTS, agreement_id(a), agreement_given(a));
}

const struct signed_document *conf_training(const struct conf *c)
{
	return conf_document(c, DOCUMENT_TRAINING, VIEW(""), view_of(c->node.agency));
}

const struct signed_document *conf_epochs(const struct conf *c, struct view agreement)
{
	return conf_document(c, DOCUMENT_EPOCHS, agreement, view_of(c->node.agency));
}

static bool list_unknown(struct view issuer, const struct signed_document *list, int64_t now_ms)
{
	return issuer.n && !(list && consents_current(list, now_ms));
}

bool conf_consent_unknown(const struct conf *c, const struct agreement *a, int64_t now_ms)
{
	return list_unknown(agreement_withdrawals(a), conf_withdrawals(c, a), now_ms) ||
	       list_unknown(agreement_given(a), conf_given(c, a), now_ms);
}

size_t conf_lists_unknown(const struct conf *c, int64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_agreements; i++)
		n += conf_consent_unknown(c, c->agreements[i], now_ms);
	return n;
}

int64_t conf_next_update_ms(const struct conf *c)
{
	int64_t first = TIME_NONE;

	for (size_t i = 0; i < c->n_documents; i++) {
		int64_t due = c->documents[i]->next_update_ms;
		if (due != TIME_NONE && (first == TIME_NONE || due < first))
			first = due;
	}
	return first;
}

bool conf_consent_withdrawn(const struct conf *c, struct view agreement, const struct digest *consent,
                            struct view purpose)
{
	for (size_t i = 0; i < c->n_documents; i++) {
		const struct signed_document *d = c->documents[i];
		if (d->kind == DOCUMENT_WITHDRAWALS && view_eq(d->agreement, agreement) &&
		    consents_has(d, consent, purpose))
			return true;
	}
	return false;
}

bool conf_holds(const struct conf *c, struct view agreement)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		if (view_eq(agreement_id(c->agreements[i]), agreement))
			return true;
	return false;
}
