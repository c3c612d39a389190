/* See statement.h. */
#include "gatewayd/ctl/statement.h"

#include "gatewayd/os/files.h"
#include "lib/crypto/x509.h"

#define STATEMENT_MAX 16384
#define SIGNATURE_MAX 32768
#define PEM_MAX       65536

static bool write_beside(const char *out, const char *suffix, struct view text, struct error *e)
{
	char path[4096];

	return snprintf(path, sizeof path, "%s%s", out, suffix) < (int)sizeof path
	               ? file_write_new(path, text, 0644, e)
	               : error_set(e, REASON_IO, "the path is too long");
}

/* The statement's text with its signer in it; NULL: no memory. */
static char *complete(json_t *statement, const char *by, const struct digest *spki)
{
	struct buf text = BUF_INIT(128);
	int failed;

	digest_print(&text, spki);
	failed = json_object_set_new(statement, by, json_stringn(text.p, text.n));
	buf_free(&text);
	return failed ? NULL : json_dumps(statement, JSON_INDENT(2));
}

bool ctl_sign_statement(const struct ctl_signing *s, json_t *statement, const char *by, struct error *e)
{
	struct buf der = BUF_INIT(PEM_MAX), signature = BUF_INIT(PEM_MAX);
	char *cert = NULL, *key = NULL, *text = NULL;
	size_t n_cert, n_key = 0;
	struct cert_id id;
	bool ok = ctl_read_file(s->certificate, PEM_MAX, &cert, &n_cert, e) &&
	          ctl_read_file(s->key, PEM_MAX, &key, &n_key, e) &&
	          cert_pem_to_der(view_make(cert, n_cert), &der, e) && cert_read(buf_view(&der), &id, e);

	if (ok) {
		text = complete(statement, by, &id.spki);
		ok = text ? cms_sign(VIEW(""), view_of(text), view_make(cert, n_cert), view_make(key, n_key),
		                     &signature, e)
		          : error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	ok = ok && write_beside(s->out, ".json", view_of(text), e) &&
	     write_beside(s->out, ".p7s", buf_view(&signature), e);
	if (key)
		wipe(key, n_key);
	free(key);
	free(cert);
	free(text);
	buf_free(&der);
	buf_free(&signature);
	return ok;
}

json_t *ctl_statement_request(const char *what, const char *exchange, const char *statement_path,
                              const char *signature_path)
{
	struct error e = { .reason = REASON_NONE };
	char *statement = NULL, *signature = NULL;
	json_t *request = NULL;
	size_t n, m;

	if (ctl_read_file(statement_path, STATEMENT_MAX, &statement, &n, &e) &&
	    ctl_read_file(signature_path, SIGNATURE_MAX, &signature, &m, &e)) {
		request = json_pack("{s:s, s:s%, s:s%}", "do", what, "statement", statement, n, "signature", signature,
		                    m);
		if (!request)
			error_set(&e, REASON_BAD_JSON, "statement or signature is not text");
	}
	free(statement);
	free(signature);
	if (!request)
		ctl_fail(CTL_FAILED, &e);
	else if (exchange)
		json_object_set_new(request, "exchange", json_string(exchange));
	return request;
}
