/* The file in which one gateway tells another all that it must know, and its fingerprint. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/files.h"
#include "lib/base/plain.h"
#include "lib/schema/document.h"
#include "lib/tlog/note.h"

#define FORMAT  1
#define PEM_MAX (1u << 20)
#define GROUPS  8

static const char what[] = "What a partner of this gateway must know. Have its fingerprint read to you by telephone.";

void partner_fingerprint(struct view file, char out[FINGERPRINT_TEXT + 1])
{
	struct digest d;
	size_t at = 0;

	sha256(file, &d);
	for (size_t i = 0; i < GROUPS; i++) {
		const uint8_t *b = d.b + 4 * i;
		uint32_t n = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
		at += (size_t)snprintf(out + at, FINGERPRINT_TEXT + 1 - at, "%s%05u", i ? " " : "", n % 100000);
	}
}

bool partner_fingerprint_is(const char *fingerprint, const char *said)
{
	for (;;) {
		while (*fingerprint && (*fingerprint < '0' || *fingerprint > '9'))
			fingerprint++;
		while (*said && (*said < '0' || *said > '9'))
			said++;
		if (*fingerprint != *said)
			return false;
		if (!*fingerprint)
			return true;
		fingerprint++;
		said++;
	}
}

bool partner_certificate(const char *path, struct view pem, struct buf *out, struct error *e)
{
	struct authorities *all = authorities_load(pem, NULL);
	bool ok = all && authority_print(all, 0, out);

	authorities_free(all);
	return ok || error_at(e, REASON_CONFIG, path, 0, 0, "holds no certificate in PEM form that can be read");
}

/* --- writing --- */

/* The authority that signed the certificate, the one that signed that, and so on up to one that signed itself. */
static bool add_chain(struct buf *out, const struct authorities *all, struct view cert_der, const char *path,
                      struct error *e)
{
	struct buf der = BUF_INIT(PEM_MAX), pem = BUF_INIT(PEM_MAX);
	size_t which = 0, last = AUTHORITIES_MAX;
	bool ok = true;

	buf_add(&der, cert_der);
	for (size_t n = 0;
	     ok && n < AUTHORITIES_MAX && authorities_signed(all, buf_view(&der), &which) && which != last; n++) {
		buf_reset(&pem);
		buf_reset(&der);
		ok = authority_print(all, which, &pem) && cert_pem_to_der(buf_view(&pem), &der, e);
		buf_add(out, buf_view(&pem));
		last = which;
	}
	if (ok && last == AUTHORITIES_MAX)
		ok = error_at(e, REASON_CONFIG, path, 0, 0,
		              "none of these authorities signed the gateway's certificate: add the one that did");
	buf_free(&der);
	buf_free(&pem);
	return ok;
}

static bool add_certificates(const struct ctl *c, json_t *doc, struct error *e)
{
	char *cert_path = audit_conf_path(c, "/tls/certificate", e), *path = audit_conf_path(c, "/tls/authorities", e);
	struct buf cert = BUF_INIT(PEM_MAX), own = BUF_INIT(PEM_MAX), all = BUF_INIT(PEM_MAX), der = BUF_INIT(PEM_MAX),
	           chain = BUF_INIT(PEM_MAX);
	struct authorities *leaf = NULL, *authorities = NULL;
	bool ok = cert_path && path && file_read(cert_path, PEM_MAX, &cert, e) && file_read(path, PEM_MAX, &all, e) &&
	          (leaf = authorities_load(buf_view(&cert), e)) &&
	          (authorities = authorities_load(buf_view(&all), e)) && authority_print(leaf, 0, &own) &&
	          cert_pem_to_der(buf_view(&own), &der, e) && add_chain(&chain, authorities, buf_view(&der), path, e);

	if (ok) {
		json_object_set_new(doc, "certificate", json_stringn(own.p, own.n));
		json_object_set_new(doc, "authority", json_stringn(chain.p, chain.n));
	}
	authorities_free(leaf);
	authorities_free(authorities);
	buf_free(&cert);
	buf_free(&own);
	buf_free(&all);
	buf_free(&der);
	buf_free(&chain);
	free(cert_path);
	free(path);
	return ok;
}

/* Who signs for the agency: certificates that its own partner file names. */
static bool add_signers(const struct ctl *c, json_t *doc, json_t *partner, struct error *e)
{
	char *folder = audit_conf_path(c, "/partners", e), path[4096];
	json_t *list = json_array(), *names = json_array(), *own = NULL, *name;
	const char *agency = ctl_text(partner, "agency");
	bool ok = folder != NULL;
	size_t i;

	if (ok) {
		snprintf(path, sizeof path, "%s/%s.json", folder, agency);
		own = json_load_file(path, 0, NULL);
	}
	json_array_foreach(json_object_get(own, "signers"), i, name)
	{
		struct buf pem = BUF_INIT(PEM_MAX), own_pem = BUF_INIT(PEM_MAX);
		const char *file = json_string_value(name);
		snprintf(path, sizeof path, "%s%s%s", file && file[0] == '/' ? "" : folder,
		         file && file[0] == '/' ? "" : "/", file ? file : "");
		ok = ok && file_read(path, PEM_MAX, &pem, e) && partner_certificate(path, buf_view(&pem), &own_pem, e);
		json_array_append_new(list, json_stringn(own_pem.p ? own_pem.p : "", own_pem.n));
		json_array_append_new(names, json_sprintf("%s-signer-%zu.pem", agency, i + 1));
		buf_free(&pem);
		buf_free(&own_pem);
	}
	if (json_array_size(list) > 0)
		json_object_set(partner, "signers", names);
	json_object_set_new(doc, "signers", list);
	json_decref(names);
	json_decref(own);
	free(folder);
	return ok;
}

static json_t *make(const struct ctl *c, struct error *e)
{
	json_t *partner = partner_of_node(c, e), *doc = NULL;

	if (!partner)
		return NULL;
	doc = json_pack("{s:i, s:s, s:o}", "format", FORMAT, "what", what, "partner", partner);
	if (add_certificates(c, doc, e) && add_signers(c, doc, partner, e))
		return doc;
	json_decref(doc);
	return NULL;
}

int partner_export(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(4u << 20);
	char fingerprint[FINGERPRINT_TEXT + 1];
	json_t *doc;
	char *dump;
	int status = CTL_OK;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return ctl_usage();
	if (!(doc = make(c, &e)))
		return ctl_fail(CTL_FAILED, &e);
	dump = json_dumps(doc, JSON_INDENT(2));
	buf_adds(&text, dump ? dump : "");
	buf_addc(&text, '\n');
	free(dump);
	partner_fingerprint(buf_view(&text), fingerprint);
	if (argc == 1)
		fwrite(text.p, 1, text.n, stdout);
	else if (!audit_write_file(argv[1], buf_view(&text), &e))
		status = ctl_fail(CTL_FAILED, &e);
	if (status == CTL_OK && c->json && argc == 2)
		ctl_print_new(json_pack("{s:s, s:s}", "file", argv[1], "fingerprint", fingerprint));
	else if (status == CTL_OK)
		fprintf(argc == 1 ? stderr : stdout,
		        "%s%sfingerprint %s\n"
		        "Send the file, and read these digits to the partner by telephone.\n"
		        "Next: gatewayctl -c %s partner add the partner's file\n",
		        argc == 2 ? argv[1] : "", argc == 2 ? ": " : "", fingerprint, c->config);
	if (status == CTL_OK && json_array_size(json_object_get(doc, "signers")) == 0)
		fprintf(stderr,
		        "gatewayctl: it names nobody who signs agreements for %s: gatewayctl partner add --role signer "
		        "CERTIFICATE, then export again\n",
		        ctl_text(json_object_get(doc, "partner"), "agency"));
	json_decref(doc);
	buf_free(&text);
	return status;
}

/* --- reading --- */

static bool refuse(const char *name, struct error *e, const char *why)
{
	return error_at(e, REASON_CONFIG, name, 0, 0, "%s", why);
}

/* What a gateway says of itself. How much it may ask for here, whom it oversees and whose training ends when is this node's to say,
 * and nothing that a partner's file brings. */
static bool check_members(const char *name, const json_t *partner, struct error *e)
{
	static const char *const its_own[] = { "id",       "agency",   "name",  "jurisdiction", "roles",
		                               "identity", "endpoint", "audit", "signers",      "supervisory_authority",
		                               "contact" };
	const json_t *value;
	const char *member, *text;

	json_object_foreach((json_t *)(uintptr_t)partner, member, value)
	{
		bool known = false;
		for (size_t i = 0; i < sizeof its_own / sizeof *its_own; i++)
			known = known || strcmp(member, its_own[i]) == 0;
		if (!known)
			return error_at(
			        e, REASON_CONFIG, name, 0, 0,
			        "member partner: /%s: is this node's to say, and no partner's: have it exported "
			        "anew (gatewayctl partner export)",
			        member);
		if ((text = json_string_value(value)) && plain_span(view_of(text)) != strlen(text))
			return error_at(
			        e, REASON_CONFIG, name, 0, 0,
			        "member partner: /%s: has characters that steer a terminal: ask the partner who "
			        "made this file",
			        member);
	}
	return true;
}

/* The name under which an export goes. Agreements find signers by a partner file's id as well as by its agency, so that another
 * one would sign for whoever is called so. */
static bool check_id(const char *name, const json_t *partner, struct error *e)
{
	char id[200];

	snprintf(id, sizeof id, "%s-gateway", ctl_text(partner, "agency"));
	return strcmp(ctl_text(partner, "id"), id) == 0 ||
	       error_at(e, REASON_CONFIG, name, 0, 0, "member partner: /id: of the gateway of this agency is %s", id);
}

/* By the schema of partner files, so that what is written can be loaded. */
static bool check_partner(const char *name, const json_t *partner, struct error *e)
{
	struct schema *schema = document_schema(VIEW("partner"), e);
	struct error_list errors = { .max = 10 };
	char *text = json_dumps(partner, JSON_INDENT(2));
	json_t *doc = schema && text ? document_read(schema, name, view_of(text), &errors) : NULL;
	bool ok = doc != NULL;

	if (!ok && errors.n > 0)
		error_at(e, errors.items[0].reason, name, 0, 0, "member partner: %s", errors.items[0].text);
	else if (!ok)
		refuse(name, e, "has no member partner that is one");
	free(text);
	json_decref(doc);
	error_list_free(&errors);
	schema_unref(schema);
	return ok;
}

static bool has_pin(const json_t *partner, const struct cert_id *cert)
{
	json_t *identity = json_object_get(partner, "identity"), *own = partner_identity(cert), *pin;
	const char *mine = json_string_value(json_array_get(json_object_get(own, "pins"), 0));
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(identity, "pins"), i, pin) found =
	        found || strcmp(json_string_value(pin), mine) == 0;
	found = found && strcmp(ctl_text(identity, "uri"), cert->uri) == 0;
	json_decref(own);
	return found;
}

/* One that signed the certificate, one that signed that, and so on; and none besides, which would be trusted here as well. */
static bool check_chain(const char *name, const struct authorities *by, struct view cert_der, struct error *e)
{
	struct buf der = BUF_INIT(PEM_MAX), pem = BUF_INIT(PEM_MAX);
	size_t which, seen = 0;
	unsigned met = 0;
	bool ok = true;

	buf_add(&der, cert_der);
	while (ok && authorities_signed(by, buf_view(&der), &which) && !(met & 1u << which)) {
		met |= 1u << which;
		seen++;
		buf_reset(&pem);
		buf_reset(&der);
		ok = authority_print(by, which, &pem) && cert_pem_to_der(buf_view(&pem), &der, NULL);
	}
	buf_free(&der);
	buf_free(&pem);
	if (seen == 0)
		return refuse(name, e, "contradicts itself: its authority did not sign its certificate");
	return seen == authorities_count(by) ||
	       refuse(name, e, "brings an authority that has nothing to do with its certificate");
}

/* The certificate is the one that is pinned, holds now, and comes from the authority beside it. */
static bool check_certificate(const char *name, struct partner_file *f, int64_t now_ms, struct error *e)
{
	const char *pem = json_string_value(json_object_get(f->doc, "certificate"));
	struct buf der = BUF_INIT(PEM_MAX);
	struct authorities *by = NULL;
	bool ok = pem && f->authority && cert_pem_to_der(view_of(pem), &der, NULL) &&
	          cert_read(buf_view(&der), &f->gateway, NULL) && (by = authorities_load(view_of(f->authority), NULL));

	if (!ok)
		refuse(name, e, "its certificate or authority cannot be read");
	else if (!has_pin(f->partner, &f->gateway))
		ok = refuse(name, e, "contradicts itself: the pin or URI is not that of its certificate");
	else if (!f->gateway.server_auth || !f->gateway.client_auth)
		ok = refuse(name, e, "its certificate is not for servers and clients both: it needs a new one");
	else if (now_ms < f->gateway.not_before_ms || now_ms > f->gateway.not_after_ms)
		ok = refuse(name, e, "its certificate is not valid now: it needs a new one");
	else
		ok = check_chain(name, by, buf_view(&der), e);
	authorities_free(by);
	buf_free(&der);
	return ok;
}

/* The log's key is of a log at that host. */
static bool check_log(const char *name, const json_t *partner, struct error *e)
{
	const char *host = json_string_value(json_object_get(json_object_get(partner, "endpoint"), "host"));
	const char *text = json_string_value(json_object_get(json_object_get(partner, "audit"), "vkey"));
	struct note_vkey vkey;
	size_t n = host ? strlen(host) : 0;

	if (!host || !text || !note_vkey_parse(view_of(text), &vkey, NULL) || vkey.type != NOTE_ED25519)
		return refuse(name, e, "names no address of the gateway, or no key of its log");
	return (strncmp(text, host, n) == 0 && text[n] == '/') ||
	       refuse(name, e, "contradicts itself: the key of the log is of another host");
}

static bool check_signers(const char *name, const struct partner_file *f, struct error *e)
{
	struct buf der = BUF_INIT(PEM_MAX);
	bool ok = json_array_size(f->signers) == json_array_size(json_object_get(f->partner, "signers"));
	json_t *pem;
	size_t i;

	json_array_foreach(f->signers, i, pem)
	{
		struct cert_id id;
		buf_reset(&der);
		ok = ok && json_is_string(pem) && cert_pem_to_der(view_of(json_string_value(pem)), &der, NULL) &&
		     cert_read(buf_view(&der), &id, NULL);
	}
	buf_free(&der);
	return ok || refuse(name, e, "a signer's certificate cannot be read, or their number is another than it says");
}

bool partner_file_read(const char *name, struct view text, int64_t now_ms, struct partner_file *out, struct error *e)
{
	json_error_t at;

	*out = (struct partner_file){ .doc = json_loadb(view_bytes(text), text.n, JSON_REJECT_DUPLICATES, &at) };
	if (!json_is_object(out->doc))
		return error_at(e, REASON_BAD_JSON, name, 0, 0,
		                "is no partner's file: gatewayctl partner export at the partner writes one");
	if (json_integer_value(json_object_get(out->doc, "format")) != FORMAT)
		return refuse(name, e, "is no partner's file of a format that this version knows");
	out->partner = json_object_get(out->doc, "partner");
	out->authority = json_string_value(json_object_get(out->doc, "authority"));
	out->signers = json_object_get(out->doc, "signers");
	const json_t *roles = json_object_get(out->partner, "roles");
	if (!check_partner(name, out->partner, e) || !check_members(name, out->partner, e) ||
	    !check_id(name, out->partner, e))
		return false;
	if (json_array_size(roles) != 1 || strcmp(json_string_value(json_array_get(roles, 0)), "gateway") != 0)
		return refuse(name, e, "is not of a gateway alone");
	return check_certificate(name, out, now_ms, e) && check_log(name, out->partner, e) &&
	       check_signers(name, out, e);
}

void partner_file_free(struct partner_file *f)
{
	json_decref(f->doc);
	*f = (struct partner_file){ .doc = NULL };
}
