/* Agreements with their signatures, floor and overlay. See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/os/files.h"
#include "lib/schema/document.h"

static bool schema_text(void *arg, const struct digest *digest, struct view *text)
{
	*text = conf_schema(((struct folder *)arg)->c, digest);
	return text->p != NULL;
}

static const struct signed_document *epochs_of(void *arg, struct view agreement)
{
	return conf_epochs(((struct folder *)arg)->c, agreement);
}

static bool assessment_held(void *arg, const struct digest *digest)
{
	const struct conf *c = ((struct folder *)arg)->c;

	for (size_t i = 0; i < c->n_assessments; i++)
		if (digest_eq(&c->assessments[i], digest))
			return true;
	return false;
}

static bool read_agreement(void *arg, const char *name)
{
	struct folder *f = arg;
	struct conf *c = f->c;
	struct buf text = BUF_INIT(DOCUMENT_MAX), signature = BUF_INIT(DOCUMENT_MAX);
	const char *path = folder_read_signed(f, name, &text, &signature);
	struct agreement *a =
	        path ? agreement_load(path, buf_view(&text), buf_view(&signature), f->sources, f->errors) : NULL;
	struct agreement **slot = a ? folder_one_more(f, (void **)&c->agreements, c->n_agreements, sizeof *slot) : NULL;

	if (slot) {
		*slot = a;
		c->n_agreements++;
	} else {
		agreement_unref(a);
	}
	buf_free(&text);
	buf_free(&signature);
	return true;
}

/* An empty file would stand for none, and ask for nothing. */
static bool read_nations(struct folder *f, const char *path, struct buf *out)
{
	return !path || (folder_read(f, path, out) &&
	                 (out->n > 0 || error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "is empty")));
}

/* The versions of one lie side by side. */
static int by_id(const void *a, const void *b)
{
	const struct agreement *const *x = a, *const *y = b;
	int c = view_cmp(agreement_id(*x), agreement_id(*y));

	return c ? c : view_cmp(agreement_version(*x), agreement_version(*y));
}

void conf_read_agreements(struct conf *c, const char *folder, const char *floor, const char *overlay,
                          const struct secret *secret, int64_t now_ms, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct buf floor_text = BUF_INIT(DOCUMENT_MAX), overlay_text = BUF_INIT(DOCUMENT_MAX);
	struct folder f = { .c = c, .path = folder, .errors = errors };
	struct agreement_sources sources = { .arg = &f,
		                             .schema = schema_text,
		                             .signer = folder_signer,
		                             .epochs = epochs_of,
		                             .assessment = assessment_held,
		                             .self = view_of(c->node.agency),
		                             .floor_file = floor,
		                             .overlay_file = overlay,
		                             .now_ms = now_ms };

	if (!read_nations(&f, floor, &floor_text) || !read_nations(&f, overlay, &overlay_text))
		goto out;
	c->floor = sources.floor = arena_copy(&c->mem, buf_view(&floor_text));
	c->overlay = sources.overlay = arena_copy(&c->mem, buf_view(&overlay_text));
	sources.agreement_schema = document_schema(VIEW("agreement"), &e);
	sources.approval_schema = document_schema(VIEW("approval"), &e);
	if (!sources.agreement_schema || !sources.approval_schema) {
		error_list_add(errors, &e);
		goto out;
	}
	sources.pseudonym_secret = *secret;
	f.sources = &sources;
	size_t before = errors->n;
	if (!file_each(folder, ".json", read_agreement, &f, &e))
		error_list_add(errors, &e);
	if (c->n_agreements > 1)
		qsort(c->agreements, c->n_agreements, sizeof(struct agreement *), by_id);
	for (size_t i = 1; i < c->n_agreements; i++)
		if (by_id(&c->agreements[i - 1], &c->agreements[i]) == 0)
			error_list_addf(errors, REASON_CONFIG, folder, 0, 0,
			                "two files hold agreement %.*s version %.*s",
			                VIEW_ARG(agreement_id(c->agreements[i])),
			                VIEW_ARG(agreement_version(c->agreements[i])));
	/* Only with all of them at hand can be told what an overlay reaches. */
	if (sources.overlay.n && errors->n == before)
		overlay_reaches(overlay, sources.overlay, c->agreements, c->n_agreements, errors);
	secret_wipe(&sources.pseudonym_secret);
out:
	schema_unref(sources.agreement_schema);
	schema_unref(sources.approval_schema);
	buf_free(&floor_text);
	buf_free(&overlay_text);
}

bool conf_arm(struct conf *c, const struct secret *secret, struct error *e)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		if (!agreement_arm(c->agreements[i], secret, e))
			return false;
	return true;
}

void conf_agreements_free(struct conf *c)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		agreement_unref(c->agreements[i]);
	free(c->agreements);
}
