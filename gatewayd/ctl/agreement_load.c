/* Agreements from files, outside the daemon: schemas from the binary and from folders, signers from
 * certificates on the command line. */
#include <dirent.h>
#include <time.h>

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/ctl/agreement.h"
#include "lib/crypto/x509.h"
#include "lib/schema/document.h"
#include "gatewayd/os/secret_file.h"

#define SECRET_BYTES 32

void agreement_setup_init(struct agreement_setup *s)
{
	struct timespec now;

	*s = (struct agreement_setup){ .n_schemas = 0 };
	clock_gettime(CLOCK_REALTIME, &now);
	s->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void agreement_setup_free(struct agreement_setup *s)
{
	for (size_t i = 0; i < s->n_schemas; i++)
		free(s->schemas[i].p);
	for (size_t i = 0; i < s->n_signers; i++) {
		free(s->signers[i].name);
		buf_free(&s->signers[i].der);
	}
	for (size_t i = 0; i < s->n_documents; i++)
		signed_document_free(s->documents[i]);
	free(s->floor.p);
	free(s->overlay.p);
	secret_wipe(&s->secret);
}

static int read_folder(struct agreement_setup *s, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	DIR *d = opendir(path);
	struct dirent *entry;
	int status = CTL_OK;

	if (!d) {
		error_at(&e, REASON_IO, path, 0, 0, "cannot read the folder");
		return ctl_fail(CTL_FAILED, &e);
	}
	while (status == CTL_OK && (entry = readdir(d))) {
		char file[4200];
		size_t n = strlen(entry->d_name);
		if (n < 5 || strcmp(entry->d_name + n - 5, ".json") != 0)
			continue;
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		struct text_file *t = &s->schemas[s->n_schemas];
		if (s->n_schemas == AGREEMENT_SCHEMAS_MAX)
			error_at(&e, REASON_LIMIT, path, 0, 0, "more than %u schemas", AGREEMENT_SCHEMAS_MAX);
		else if (ctl_read_file(file, AGREEMENT_FILE_MAX, &t->p, &t->n, &e))
			s->n_schemas++;
		if (e.reason)
			status = ctl_fail(CTL_FAILED, &e);
	}
	closedir(d);
	return status;
}

/* NAME=CERTIFICATE.pem */
static int read_signer(struct agreement_setup *s, const char *value)
{
	const char *equals = strchr(value, '=');
	struct error e = { .reason = REASON_NONE };
	struct text_file pem = { NULL, 0 };

	if (!equals || s->n_signers == AGREEMENT_SIGNERS_MAX)
		return ctl_option_wrong("--signer NAME=CERTIFICATE.pem");
	s->signers[s->n_signers].name = strndup(value, (size_t)(equals - value));
	s->signers[s->n_signers].der = BUF_INIT(1 << 20);
	bool ok = ctl_read_file(equals + 1, 1 << 20, &pem.p, &pem.n, &e) &&
	          cert_pem_to_der(view_make(pem.p, pem.n), &s->signers[s->n_signers].der, &e);
	s->n_signers++;
	free(pem.p);
	return ok ? CTL_OK : ctl_fail(CTL_FAILED, &e);
}

static int read_document(struct agreement_setup *s, const char *path)
{
	const struct document_sources judged = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct error_list errors = { .max = 200 };
	struct error e = { .reason = REASON_NONE };
	struct text_file text;
	char line[800];

	if (s->n_documents == AGREEMENT_DOCUMENTS_MAX)
		return ctl_option_wrong("--document FILE, at most 8 of them");
	if (!ctl_read_file(path, AGREEMENT_FILE_MAX, &text.p, &text.n, &e))
		return ctl_fail(CTL_FAILED, &e);
	struct signed_document *d = signed_document_load(path, view_make(text.p, text.n), VIEW(""), &judged, &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", error_print(&errors.items[i], line, sizeof line));
	if (d)
		s->documents[s->n_documents++] = d;
	error_list_free(&errors);
	free(text.p);
	return d ? CTL_OK : CTL_CHECK_FAILED;
}

int agreement_setup_option(struct agreement_setup *s, int option, const char *value)
{
	struct error e = { .reason = REASON_NONE };

	switch (option) {
	case 'S': return read_folder(s, value);
	case 'A': s->self = value; return CTL_OK;
	case 'F':
		free(s->floor.p);
		s->floor.p = NULL;
		s->floor_path = value;
		return ctl_read_file(value, AGREEMENT_FILE_MAX, &s->floor.p, &s->floor.n, &e)
		               ? CTL_OK
		               : ctl_fail(CTL_FAILED, &e);
	case 'O':
		free(s->overlay.p);
		s->overlay.p = NULL;
		s->overlay_path = value;
		return ctl_read_file(value, AGREEMENT_FILE_MAX, &s->overlay.p, &s->overlay.n, &e)
		               ? CTL_OK
		               : ctl_fail(CTL_FAILED, &e);
	case 'N':
		return time_parse(view_of(value), &s->now_ms) ? CTL_OK : ctl_option_wrong("--now 2026-01-02T03:04:05Z");
	case 'K': return secret_read(value, SECRET_BYTES, &s->secret, &e) ? CTL_OK : ctl_fail(CTL_FAILED, &e);
	case 'C': return read_signer(s, value);
	case 'D': return read_document(s, value);
	}
	return CTL_USAGE; /* getopt has said what is wrong */
}

/* --- sources of agreement_load() --- */

struct search {
	const struct agreement_setup *setup;
	const struct digest *digest;
	struct view found;
};

static void compare(void *arg, struct view name, struct view text)
{
	struct search *s = arg;
	struct digest d;

	(void)name;
	sha256(text, &d);
	if (digest_eq(&d, s->digest))
		s->found = text;
}

static bool find_schema(void *arg, const struct digest *digest, struct view *text)
{
	struct search s = { .setup = arg, .digest = digest, .found = { NULL, 0 } };

	for (size_t i = 0; i < s.setup->n_schemas; i++)
		compare(&s, VIEW(""), view_make(s.setup->schemas[i].p, s.setup->schemas[i].n));
	if (!s.found.p)
		document_each_builtin(compare, &s);
	*text = s.found;
	return s.found.p != NULL;
}

bool agreement_setup_signer(void *arg, struct view name, size_t k, struct view *cert_der)
{
	const struct agreement_setup *s = arg;

	for (size_t i = 0; i < s->n_signers; i++)
		if (view_is(name, s->signers[i].name) && k-- == 0) {
			*cert_der = buf_view(&s->signers[i].der);
			return true;
		}
	return false;
}

const struct signed_document *agreement_setup_document(const struct agreement_setup *s, enum document_kind kind)
{
	for (size_t i = 0; i < s->n_documents; i++)
		if (s->documents[i]->kind == kind)
			return s->documents[i];
	return NULL;
}

/* That it is this agreement's is checked afterwards, as for all of them. */
static const struct signed_document *find_epochs(void *arg, struct view agreement)
{
	(void)agreement;
	return agreement_setup_document(arg, DOCUMENT_EPOCHS);
}

static bool documents_fit(const struct agreement_setup *s, struct agreement *a, struct view self,
                          struct error_list *errors)
{
	size_t before = errors->n + errors->dropped;

	for (size_t i = 0; i < s->n_documents; i++) {
		const struct signed_document *d = s->documents[i];
		signed_document_fits(d, &a, view_eq(d->agreement, agreement_id(a)) ? 1 : 0, self, errors);
		for (size_t k = 0; k < i; k++)
			if (s->documents[k]->kind == d->kind)
				signed_document_fault(d, errors, REASON_CONFIG, "/document",
				                      "another one of this kind was given");
	}
	return errors->n + errors->dropped == before;
}

struct agreement *agreement_setup_load(const struct agreement_setup *s, const char *path,
                                       const struct text_file *signature)
{
	struct error e = { .reason = REASON_NONE };
	struct error_list errors = { .max = 200 };
	struct text_file text;
	struct agreement *a = NULL;
	char line[800];

	if (!ctl_read_file(path, AGREEMENT_FILE_MAX, &text.p, &text.n, &e)) {
		ctl_fail(CTL_FAILED, &e);
		return NULL;
	}
	struct agreement_sources from = { .arg = (void *)(uintptr_t)s,
		                          .schema = find_schema,
		                          .signer = agreement_setup_signer,
		                          .epochs = find_epochs,
		                          .floor = view_make(s->floor.p, s->floor.n),
		                          .overlay = view_make(s->overlay.p, s->overlay.n),
		                          .floor_file = s->floor_path,
		                          .overlay_file = s->overlay_path,
		                          .pseudonym_secret = s->secret,
		                          .unsigned_ok = signature == NULL,
		                          .now_ms = s->now_ms };
	json_t *doc = json_loadb(text.p, text.n, 0, NULL);
	const json_t *first = json_array_get(json_object_get(doc, "parties"), 0);
	const char *self = s->self ? s->self : json_string_value(json_object_get(first, "agency"));
	from.self = view_of(self ? self : "");
	a = agreement_load(path, view_make(text.p, text.n),
	                   signature ? view_make(signature->p, signature->n) : VIEW(""), &from, &errors);
	if (a && !documents_fit(s, a, from.self, &errors)) {
		agreement_unref(a);
		a = NULL;
	}
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", error_print(&errors.items[i], line, sizeof line));
	if (errors.dropped)
		fprintf(stderr, "and %zu more\n", errors.dropped);
	secret_wipe(&from.pseudonym_secret);
	json_decref(doc);
	error_list_free(&errors);
	free(text.p);
	return a;
}
