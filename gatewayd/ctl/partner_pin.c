/* Certificates in roles: who signs for an agency, systems and people. Partner files and the certificates beside them, as they are
 * written. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/trial.h"
#include "gatewayd/os/files.h"

#define PEM_MAX (1u << 20)

bool partner_write(const char *path, const json_t *doc, struct error *e)
{
	struct buf text = BUF_INIT(PEM_MAX);
	char *dump = json_dumps(doc, JSON_INDENT(2));
	bool ok;

	buf_adds(&text, dump ? dump : "");
	buf_addc(&text, '\n');
	ok = dump ? file_replace(path, buf_view(&text), e) : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(dump);
	buf_free(&text);
	return ok;
}

bool partner_put_signer(const char *partners, const char *id, const char *from, struct view pem, json_t *names,
                        struct error *e)
{
	struct buf own = BUF_INIT(PEM_MAX), there = BUF_INIT(PEM_MAX);
	char name[200], path[4096];
	bool found = false, ok = partner_certificate(from, pem, &own, e);

	for (size_t i = 1; ok && !found; i++) {
		snprintf(name, sizeof name, "%s-signer-%zu.pem", id, i);
		snprintf(path, sizeof path, "%s/%s", partners, name);
		buf_reset(&there);
		if (access(path, F_OK) != 0)
			found = ok = file_replace(path, buf_view(&own), e);
		else
			found = file_read(path, PEM_MAX, &there, NULL) && view_eq(buf_view(&there), buf_view(&own));
	}
	if (ok)
		json_array_append_new(names, json_string(name));
	buf_free(&own);
	buf_free(&there);
	return ok;
}

/* --- a certificate in a role --- */

#define SIGNERS_MAX 8 /* of the schema */

/* Who signs beside those that the partner file names already. */
static bool add_signer(json_t *doc, const char *partners, const struct partner_pinning *p, struct view pem,
                       struct error *e)
{
	json_t *list = json_object_get(doc, "signers"), *added = json_array(), *name, *known;
	bool ok = partner_put_signer(partners, p->id, p->file, pem, added, e), there = false;
	size_t i;

	if (!list)
		json_object_set_new(doc, "signers", list = json_array());
	name = json_array_get(added, 0);
	json_array_foreach(list, i, known) there = there || json_equal(known, name);
	if (ok && there)
		ok = error_at(e, REASON_CONFIG, p->file, 0, 0, "signs for %s already", p->id);
	else if (ok && json_array_size(list) >= SIGNERS_MAX)
		ok = error_at(e, REASON_CONFIG, p->file, 0, 0,
		              "%s has %d signers, as many as can be: take one out of its partner file first", p->id,
		              SIGNERS_MAX);
	else if (ok)
		json_array_append(list, name);
	json_decref(added);
	return ok;
}

/* What the schema of partner files asks for, said before anything is written. */
static bool check_names(const struct partner_pinning *p, struct error *e)
{
	const char *in = p->jurisdiction;

	if (!partner_is_name(p->id) || !partner_is_name(p->agency))
		return error_set(e, REASON_CONFIG, "--id and --agency are 1 to 63 of a-z, 0-9, . and -");
	return (strlen(in) == 2 && in[0] >= 'A' && in[0] <= 'Z' && in[1] >= 'A' && in[1] <= 'Z') ||
	       error_set(e, REASON_CONFIG, "--jurisdiction is the ISO 3166-1 code of a country, as XN");
}

static bool knows_role(const char *role)
{
	static const char *const roles[] = { "system",     "officer",      "operator", "auditor",
		                             "supervisor", "ombudsperson", "council",  "court" };

	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(roles[i], role) == 0)
			return true;
	return false;
}

/* The partner file that a certificate comes into: of the agency for those who sign for it, else one of its own. */
static json_t *pinned(const struct partner_pinning *p, const char *path, const struct cert_id *cert, struct error *e)
{
	bool signs_only = strcmp(p->role, "signer") == 0,
	     reads_only = strcmp(p->role, "system") == 0 || strcmp(p->role, "auditor") == 0;
	json_t *doc;

	if (!signs_only && !knows_role(p->role)) {
		error_set(e, REASON_CONFIG,
		          "--role is signer, system, officer, operator, auditor, supervisor, ombudsperson, council or "
		          "court; a partner's gateway comes by its own file (gatewayctl partner export)");
		return NULL;
	}
	if (reads_only && !cert->client_auth) {
		error_at(
		        e, REASON_CONFIG, p->file, 0, 0,
		        "is not for clients (extendedKeyUsage clientAuth): gatewayctl csr --for %s makes a request that is",
		        p->role);
		return NULL;
	}
	if (access(path, F_OK) == 0 && !signs_only) {
		error_at(e, REASON_CONFIG, path, 0, 0, "is there already: choose another --id");
		return NULL;
	}
	if (signs_only && access(path, F_OK) == 0) {
		doc = json_load_file(path, 0, NULL);
		if (!doc)
			error_at(e, REASON_CONFIG, path, 0, 0, "is not JSON: mend it first");
		return doc;
	}
	doc = json_pack("{s:s, s:s, s:s}", "id", p->id, "agency", p->agency, "jurisdiction", p->jurisdiction);
	json_object_set_new(doc, "roles", signs_only ? json_array() : json_pack("[s]", p->role));
	if (cert->client_auth && !signs_only)
		json_object_set_new(doc, "identity", partner_identity(cert));
	return doc;
}

int partner_pin(const struct ctl *c, struct partner_pinning *p)
{
	struct error e = { .reason = REASON_NONE };
	char *partners = audit_conf_path(c, "/partners", &e), *agency = audit_conf_text(c, "/agency", &e);
	struct buf pem = BUF_INIT(PEM_MAX);
	char path[4096], id[200], own[4096];
	json_t *doc = NULL, *mine = NULL;
	struct cert_id cert;
	int status = CTL_OK;

	p->agency = p->agency ? p->agency : agency;
	snprintf(id, sizeof id, "%s%s%s", p->agency ? p->agency : "", strcmp(p->role, "signer") == 0 ? "" : "-",
	         strcmp(p->role, "signer") == 0 ? "" : p->role);
	p->id = p->id ? p->id : id;
	snprintf(path, sizeof path, "%s/%s.json", partners ? partners : "", p->id);
	snprintf(own, sizeof own, "%s/%s.json", partners ? partners : "", p->agency ? p->agency : "");
	mine = json_load_file(own, 0, NULL);
	if (!p->jurisdiction)
		p->jurisdiction = mine ? ctl_text(mine, "jurisdiction") : "XX";
	if (!partners || !agency || !check_names(p, &e) || !cert_of_file(p->file, &cert, &e) ||
	    !file_read(p->file, PEM_MAX, &pem, &e) || !(doc = pinned(p, path, &cert, &e)) ||
	    (strcmp(p->role, "system") != 0 && strcmp(p->role, "auditor") != 0 &&
	     !add_signer(doc, partners, p, buf_view(&pem), &e)) ||
	    !partner_write(path, doc, &e)) {
		status = ctl_fail(CTL_FAILED, &e);
	} else if (c->json) {
		ctl_print_json(doc);
	} else {
		printf("%s: %s of %s\nNext: gatewayctl -c %s reload, where the daemon runs\n", path, p->role, p->agency,
		       c->config);
	}
	buf_free(&pem);
	json_decref(mine);
	json_decref(doc);
	free(partners);
	free(agency);
	return status;
}
