/* Partner files of this node and of certificates. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/screen.h"
#include "gatewayd/ctl/trial.h"
#include "gatewayd/os/files.h"

const struct ctl_command ctl_partner_commands[] = {
	{ "partner", "export", "[FILE]", "what partners must know of this node, in one file, and its fingerprint",
	  partner_export },
	{ "partner", "add",
	  "[--fingerprint DIGITS] [--address ADDRESS] [--replace] FILE | --role ROLE [--id ID] [--agency AGENCY] [--jurisdiction XX] CERTIFICATE",
	  "takes a partner's file once its fingerprint was compared; or pins a certificate in a role", partner_add },
	{ "partner", "pins", "--cert FILE --key FILE [--next CERTIFICATE] [--number N] OUT",
	  "says to partners, signed, which TLS key this gateway shows and which it will; writes OUT.json and OUT.p7s",
	  partner_pins },
	{ "partner", "pins-apply", "STATEMENT SIGNATURE",
	  "pins the keys that a partner's gateway said, signed by its agency, in the place of those that are pinned",
	  partner_pins_apply },
	{ "partner", "list", "", "who may talk to this node or sign: agency, roles, address, certificates",
	  partner_list },
	{ "describe", NULL, "", "the partner file that other gateways need of this node, once its certificate is there",
	  ctl_run_describe },
	{ "pin", NULL, "CERTIFICATE…", "identity and pin of certificates, for partner files", ctl_run_pin },
	{ NULL, NULL, NULL, NULL, NULL },
};

bool partner_is_name(const char *text)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789",
	                  all[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t n = strlen(text);

	return n > 0 && n <= 63 && strspn(text, all) == n && strchr(ends, text[0]) && strchr(ends, text[n - 1]);
}

json_t *partner_identity(const struct cert_id *cert)
{
	struct buf pin = BUF_INIT(64);
	json_t *doc;

	digest_print(&pin, &cert->spki);
	doc = json_pack("{s:s, s:[o]}", "uri", cert->uri, "pins", json_stringn(pin.p, pin.n));
	buf_free(&pin);
	return doc;
}

json_t *partner_of_certificate(const char *id, const char *agency, const char *jurisdiction, const char *role,
                               const struct cert_id *cert)
{
	return json_pack("{s:s, s:s, s:s, s:[s], s:o}", "id", id, "agency", agency, "jurisdiction", jurisdiction,
	                 "roles", role, "identity", partner_identity(cert));
}

int ctl_run_pin(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };

	(void)c;
	if (argc < 2)
		return ctl_usage();
	for (int i = 1; i < argc; i++) {
		struct cert_id id;
		if (!cert_of_file(argv[i], &id, &e))
			return ctl_fail(CTL_FAILED, &e);
		json_t *doc = partner_identity(&id);
		ctl_print_json(doc);
		json_decref(doc);
	}
	return CTL_OK;
}

/* --- describe --- */

/* Nodes without a witness key are no witnesses. */
static void add_witness(json_t *doc, const char *path)
{
	struct buf key = BUF_INIT(4096);

	if (doc && path && file_read(path, 4096, &key, NULL)) {
		struct view rest = buf_view(&key), line = view_cut(&rest, '\n');
		json_object_set_new(json_object_get(doc, "audit"), "witness_vkey", json_stringn(line.p, line.n));
	}
	buf_free(&key);
}

/* What the agency says of itself in its own partner file: jurisdiction, name, whom to call. */
static void add_own(json_t *doc, const char *partners, const char *agency)
{
	static const char *const members[] = { "jurisdiction", "name", "supervisory_authority", "contact" };
	char path[4096];

	snprintf(path, sizeof path, "%s/%s.json", partners, agency);
	json_t *own = json_load_file(path, 0, NULL);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (json_is_string(json_object_get(own, members[i])))
			json_object_set(doc, members[i], json_object_get(own, members[i]));
	json_decref(own);
}

static json_t *of_node(const struct ctl *c, const json_t *node, struct error *e)
{
	struct arena mem = { .max = 0 };
	const char *folder = file_folder(&mem, c->config);
	const char *cert = json_string_value(json_object_get(json_object_get(node, "tls"), "certificate"));
	const char *vkey = json_string_value(json_object_get(json_object_get(node, "audit"), "vkey"));
	const char *witness = json_string_value(json_object_get(json_object_get(node, "audit"), "witness_vkey"));
	const char *agency = json_string_value(json_object_get(node, "agency"));
	const char *host = json_string_value(json_object_get(node, "host"));
	const char *partners = json_string_value(json_object_get(node, "partners"));
	const char *listen = json_string_value(json_array_get(json_object_get(node, "listen"), 0));
	struct buf key = BUF_INIT(4096);
	unsigned long long port = 0;
	struct cert_id id;
	json_t *doc = NULL;
	char name[80];

	if (!cert || !vkey || !agency || !host || !listen || !strrchr(listen, ':') ||
	    !view_to_u64(view_of(strrchr(listen, ':') + 1), 65535, &port)) {
		error_at(e, REASON_CONFIG, c->config, 0, 0,
		         "tls/certificate, audit/vkey, agency, host and listen are needed");
	} else if (cert_of_file(file_beside(&mem, folder, cert), &id, e) &&
	           file_read(file_beside(&mem, folder, vkey), 4096, &key, e)) {
		while (key.n && key.p[key.n - 1] == '\n')
			key.n--;
		snprintf(name, sizeof name, "%s-gateway", agency);
		doc = json_pack("{s:s, s:s, s:s, s:[s], s:o, s:{s:s, s:i}, s:{s:o}}", "id", name, "agency", agency,
		                "jurisdiction", "XX", "roles", "gateway", "identity", partner_identity(&id), "endpoint",
		                "host", host, "port", (int)port, "audit", "vkey", json_stringn(key.p, key.n));
		add_witness(doc, witness ? file_beside(&mem, folder, witness) : NULL);
		if (partners)
			add_own(doc, file_beside(&mem, folder, partners), agency);
	}
	buf_free(&key);
	arena_free(&mem);
	return doc;
}

json_t *partner_of_node(const struct ctl *c, struct error *e)
{
	json_error_t syntax;
	json_t *node = json_load_file(c->config, 0, &syntax), *doc;

	if (!node) {
		error_at(e, REASON_CONFIG, c->config, 0, 0, "%s", syntax.text);
		return NULL;
	}
	doc = of_node(c, node, e);
	json_decref(node);
	return doc;
}

int ctl_run_describe(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	json_t *doc;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	if (!(doc = partner_of_node(c, &e)))
		return ctl_fail(CTL_FAILED, &e);
	ctl_print_json(doc);
	json_decref(doc);
	return CTL_OK;
}

/* --- list --- */

struct listing {
	const char *folder;
	json_t *rows;
};

static bool add_row(void *arg, const char *name)
{
	struct listing *l = arg;
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", l->folder, name);
	json_t *doc = json_load_file(path, 0, NULL);
	if (json_is_object(doc))
		json_array_append(l->rows, doc);
	else
		fprintf(stderr, "gatewayctl: %s: is not JSON: gatewayd -t says where\n", path);
	json_decref(doc);
	return true;
}

/* What a table shows of a partner file. */
static json_t *row_of(const json_t *doc)
{
	const json_t *endpoint = json_object_get(doc, "endpoint"), *roles = json_object_get(doc, "roles");
	json_t *row = json_object(), *role;
	struct buf text = BUF_INIT(1000);
	size_t k;

	json_object_update(row, (json_t *)(uintptr_t)doc);
	json_array_foreach((json_t *)(uintptr_t)roles, k, role)
	        buf_addf(&text, "%s%s", k ? "," : "", json_string_value(role) ? json_string_value(role) : "");
	if (text.n == 0 && json_array_size(json_object_get(doc, "signers")) > 0)
		buf_adds(&text, "signers");
	json_object_set_new(row, "roles", json_stringn(text.p ? text.p : "", text.n));
	if (endpoint)
		json_object_set_new(row, "address",
		                    json_sprintf("%s:%d", ctl_text(endpoint, "host"),
		                                 (int)json_integer_value(json_object_get(endpoint, "port"))));
	json_object_set_new(row, "uri", json_string(ctl_text(json_object_get(doc, "identity"), "uri")));
	buf_free(&text);
	return row;
}

static void print_rows(const json_t *docs)
{
	static const struct screen_column columns[] = {
		{ "PARTNER", "id", SCREEN_KEEP },      { "AGENCY", "agency", SCREEN_CUT },
		{ "IN", "jurisdiction", SCREEN_KEEP }, { "ROLES", "roles", SCREEN_CUT },
		{ "ADDRESS", "address", SCREEN_CUT },  { "URI", "uri", SCREEN_MAY },
	};
	json_t *rows = json_array(), *doc;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)docs, i, doc) json_array_append_new(rows, row_of(doc));
	screen_table(stdout, columns, sizeof columns / sizeof *columns, rows);
	json_decref(rows);
}

int partner_list(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	char *folder;
	int status = CTL_OK;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	folder = audit_conf_path(c, "/partners", &e);
	struct listing l = { folder, json_array() };
	if (!folder || !file_each(folder, ".json", add_row, &l, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else if (c->json)
		ctl_print_json(l.rows);
	else
		print_rows(l.rows);
	json_decref(l.rows);
	free(folder);
	return status;
}
