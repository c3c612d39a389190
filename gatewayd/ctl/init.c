/* See init.h. init writes a folder that gatewayd can be started from once the certificate request is signed and
 * partners and agreements are in their folders; it never overwrites anything. */
#include "gatewayd/ctl/init.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/os/files.h"
#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/ctl/print.h"
#include "lib/base/encode.h"
#include "lib/tlog/note.h"
#include "gatewayd/os/secret_file.h"

struct plan {
	const char *agency, *node, *host, *listen, *jurisdiction, *dir;
	char origin[400], uri[300];
};

static bool make_folder(const char *dir, const char *name, unsigned mode, struct error *e)
{
	char path[4096];

	snprintf(path, sizeof path, "%s%s%s", dir, name[0] ? "/" : "", name);
	if (mkdir(path, (mode_t)mode) == 0 || (errno == EEXIST && !name[0]))
		return true;
	return error_at(e, REASON_IO, path, 0, 0, "cannot make the folder: %s", strerror(errno));
}

static bool write_file(const char *dir, const char *name, struct view bytes, unsigned mode, struct error *e)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return file_write_new(path, bytes, mode, e);
}

static bool write_secret(const struct plan *p, const char *name, struct secret *s, struct error *e)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/keys/%s", p->dir, name);
	s->n = 32;
	return (random_secret(s->b, s->n) || error_set(e, REASON_CRYPTO, "no random bytes")) &&
	       secret_write_new(path, s, e);
}

/* A key pair: the seed among the keys, the verifier key for everybody. */
static bool write_signing_key(const struct plan *p, const char *secret, const char *public, const char *name,
                              enum note_key_type type, struct error *e)
{
	struct secret seed;
	struct ed25519_key *key;
	struct note_vkey vkey;
	struct buf text = BUF_INIT(1024);
	uint8_t public_key[32];
	bool ok = write_secret(p, secret, &seed, e);

	if (!ok)
		return false;
	key = ed25519_from_seed(seed.b);
	secret_wipe(&seed);
	if (!key)
		return error_set(e, REASON_CRYPTO, "a signing key cannot be made");
	ed25519_public(key, public_key);
	ok = note_vkey_make(view_of(name), type, public_key, &vkey) ||
	     error_set(e, REASON_CONFIG, "%s is not a key name", name);
	if (ok) {
		note_vkey_print(&vkey, &text);
		buf_addc(&text, '\n');
		ok = write_file(p->dir, public, buf_view(&text), 0644, e);
	}
	ed25519_free(key);
	buf_free(&text);
	return ok;
}

static bool write_audit_key(const struct plan *p, struct error *e)
{
	return write_signing_key(p, "audit.key", "audit.vkey", p->origin, NOTE_ED25519, e);
}

/* The key that cosigns partners' logs; its name stays when the log's epoch changes. */
static bool write_witness_key(const struct plan *p, struct error *e)
{
	char name[600];

	snprintf(name, sizeof name, "%s/witness/%s", p->host, p->node);
	return write_signing_key(p, "witness.key", "witness.vkey", name, NOTE_COSIGNER, e);
}

static bool write_request(const struct plan *p, struct error *e)
{
	struct buf key = BUF_INIT(65536), csr = BUF_INIT(65536);
	struct view dns = view_of(p->host);
	bool ok = csr_make(view_of(p->host), view_of(p->uri), &dns, 1, &key, &csr, e) &&
	          write_file(p->dir, "tls/gateway.key", buf_view(&key), 0600, e) &&
	          write_file(p->dir, "tls/gateway.csr", buf_view(&csr), 0644, e);

	buf_wipe(&key);
	buf_free(&csr);
	return ok;
}

static bool write_keystore(const struct plan *p, struct error *e)
{
	char path[4096];
	struct keystore *k;

	snprintf(path, sizeof path, "%s/keys", p->dir);
	k = keystore_open(path, true, e);
	keystore_close(k);
	return k != NULL;
}

static bool write_node(const struct plan *p, struct error *e)
{
	json_t *doc = json_pack(
	        "{s:s, s:s, s:s, s:[s], s:{s:s, s:s, s:s}, s:s, s:s, s:{s:i, s:s, s:s, s:s, s:s}, s:s, s:s, s:s, s:s, s:s}",
	        "agency", p->agency, "node", p->node, "host", p->host, "listen", p->listen, "tls", "certificate",
	        "tls/gateway.pem", "key", "tls/gateway.key", "authorities", "tls/authorities.pem", "store",
	        "store/gatewayd.db", "keys", "keys", "audit", "epoch", 1, "mirror", "log/audit.jsonl", "vkey",
	        "audit.vkey", "anchor", "anchor/checkpoint", "witness_vkey", "witness.vkey", "partners", "partners",
	        "agreements", "agreements", "documents", "documents", "schemas", "schemas", "control",
	        "run/control.sock");
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	struct buf b = BUF_INIT(65536);
	bool ok;

	buf_adds(&b, text ? text : "");
	buf_addc(&b, '\n');
	ok = text && write_file(p->dir, "gatewayd.json", buf_view(&b), 0644, e);
	free(text);
	json_decref(doc);
	buf_free(&b);
	return ok || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static bool write_all(const struct plan *p, struct error *e)
{
	static const struct {
		const char *name;
		unsigned mode;
	} folders[] = {
		{ "", 0755 },           { "keys", 0700 },      { "tls", 0755 },     { "store", 0700 },
		{ "log", 0750 },        { "anchor", 0755 },    { "run", 0750 },     { "partners", 0755 },
		{ "agreements", 0755 }, { "documents", 0755 }, { "schemas", 0755 },
	};
	struct secret s;

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (!make_folder(p->dir, folders[i].name, folders[i].mode, e))
			return false;
	bool ok = write_secret(p, "pseudonym.key", &s, e) && write_secret(p, "idempotency.key", &s, e);
	secret_wipe(&s);
	return ok && write_audit_key(p, e) && write_witness_key(p, e) && write_keystore(p, e) && write_request(p, e) &&
	       write_node(p, e);
}

static bool parse_plan(struct plan *p, int argc, char **argv)
{
	static const struct option options[] = {
		{ "agency", required_argument, NULL, 'a' },       { "node", required_argument, NULL, 'n' },
		{ "host", required_argument, NULL, 'h' },         { "listen", required_argument, NULL, 'l' },
		{ "jurisdiction", required_argument, NULL, 'j' }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'a': p->agency = optarg; break;
		case 'n': p->node = optarg; break;
		case 'h': p->host = optarg; break;
		case 'l': p->listen = optarg; break;
		case 'j': p->jurisdiction = optarg; break;
		default: return false;
		}
	}
	if (!p->agency || !p->node || !p->host || !p->listen || optind != argc - 1)
		return false;
	p->dir = argv[optind];
	snprintf(p->origin, sizeof p->origin, "%s/audit/%s/1", p->host, p->node);
	snprintf(p->uri, sizeof p->uri, "spiffe://%s/gateway/%s", p->host, p->node);
	return true;
}

int ctl_run_init(const struct ctl *c, int argc, char **argv)
{
	struct plan p = { .agency = NULL };
	struct error e = { .reason = REASON_NONE };

	if (!parse_plan(&p, argc, argv))
		return ctl_usage(ctl_node_commands[0].arguments);
	if (!write_all(&p, &e))
		return ctl_fail(CTL_FAILED, &e);
	if (c->json) {
		json_t *doc =
		        json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "folder", p.dir, "origin", p.origin, "uri", p.uri);
		ctl_print_json(doc);
		json_decref(doc);
		return CTL_OK;
	}
	printf("%s: a node of %s\n"
	       "  keys/            secrets; back them up apart from the store, never together with it\n"
	       "  tls/gateway.csr  have it signed by the partners' authority (serverAuth and clientAuth),\n"
	       "                   put the certificate at tls/gateway.pem and the authority at tls/authorities.pem\n"
	       "  audit.vkey       give it to auditors and partners; witness.vkey to partners\n"
	       "  partners/, agreements/, documents/, schemas/  put them here; check with gatewayd -c %s/gatewayd.json -t\n",
	       p.dir, p.agency, p.dir);
	return CTL_OK;
}

/* --- describe, pin --- */

static bool read_cert(const char *path, struct cert_id *out, struct error *e)
{
	struct buf pem = BUF_INIT(1 << 20), der = BUF_INIT(1 << 20);
	struct error inner = { .reason = REASON_NONE };
	bool ok = file_read(path, 1 << 20, &pem, e);

	if (ok && (!cert_pem_to_der(buf_view(&pem), &der, &inner) || !cert_read(buf_view(&der), out, &inner)))
		ok = error_at(e, inner.reason, path, 0, 0, "%s", inner.text);
	buf_free(&pem);
	buf_free(&der);
	return ok;
}

static json_t *identity_json(const struct cert_id *id)
{
	struct buf pin = BUF_INIT(64);
	json_t *doc;

	digest_print(&pin, &id->spki);
	doc = json_pack("{s:s, s:[o]}", "uri", id->uri, "pins", json_stringn(pin.p, pin.n));
	buf_free(&pin);
	return doc;
}

int ctl_run_pin(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };

	(void)c;
	if (argc < 2)
		return ctl_usage("pin CERTIFICATE…");
	for (int i = 1; i < argc; i++) {
		struct cert_id id;
		if (!read_cert(argv[i], &id, &e))
			return ctl_fail(CTL_FAILED, &e);
		json_t *doc = identity_json(&id);
		ctl_print_json(doc);
		json_decref(doc);
	}
	return CTL_OK;
}

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

static json_t *describe(const struct ctl *c, const json_t *node, struct error *e)
{
	struct arena mem = { .max = 0 };
	const char *folder = file_folder(&mem, c->config);
	const char *cert = json_string_value(json_object_get(json_object_get(node, "tls"), "certificate"));
	const char *vkey = json_string_value(json_object_get(json_object_get(node, "audit"), "vkey"));
	const char *witness = json_string_value(json_object_get(json_object_get(node, "audit"), "witness_vkey"));
	const char *agency = json_string_value(json_object_get(node, "agency"));
	const char *host = json_string_value(json_object_get(node, "host"));
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
	} else if (read_cert(file_beside(&mem, folder, cert), &id, e) &&
	           file_read(file_beside(&mem, folder, vkey), 4096, &key, e)) {
		while (key.n && key.p[key.n - 1] == '\n')
			key.n--;
		snprintf(name, sizeof name, "%s-gateway", agency);
		doc = json_pack("{s:s, s:s, s:s, s:[s], s:o, s:{s:s, s:i}, s:{s:o}}", "id", name, "agency", agency,
		                "jurisdiction", "XX", "roles", "gateway", "identity", identity_json(&id), "endpoint",
		                "host", host, "port", (int)port, "audit", "vkey", json_stringn(key.p, key.n));
		add_witness(doc, witness ? file_beside(&mem, folder, witness) : NULL);
	}
	buf_free(&key);
	arena_free(&mem);
	return doc;
}

int ctl_run_describe(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	json_error_t syntax;
	json_t *node, *doc;

	(void)argv;
	if (argc != 1)
		return ctl_usage("describe");
	node = json_load_file(c->config, 0, &syntax);
	if (!node) {
		error_at(&e, REASON_CONFIG, c->config, 0, 0, "%s", syntax.text);
		return ctl_fail(CTL_FAILED, &e);
	}
	doc = describe(c, node, &e);
	json_decref(node);
	if (!doc)
		return ctl_fail(CTL_FAILED, &e);
	ctl_print_json(doc);
	json_decref(doc);
	return CTL_OK;
}
