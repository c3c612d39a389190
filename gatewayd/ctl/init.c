/* See init.h. init writes what gatewayd can be started from once its certificate, partners and agreements are there; with --ca
 * its certificate is there at once. It never overwrites anything. */
#include "gatewayd/ctl/init.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <jansson.h>
#include <unistd.h>

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/ctl/partner.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/trial.h"
#include "gatewayd/os/files.h"
#include "gatewayd/os/secret_file.h"
#include "lib/base/encode.h"
#include "lib/base/plain.h"
#include "lib/tlog/note.h"

#define PATH_BYTES  4096
#define LISTEN_ALL  "0.0.0.0:8443"
#define MONITOR     "127.0.0.1:9443"
#define NAMESERVERS 3

struct plan {
	const char *agency, *node, *host, *listen, *monitor, *jurisdiction, *name, *contact, *supervisor, *ca, *dir,
	        *root;
	bool system;
	struct place place;
	char origin[400], uri[300];
};

static bool write_secret(const struct plan *p, const char *name, struct secret *s, struct error *e)
{
	char path[PATH_BYTES];

	s->n = 32;
	return (random_secret(s->b, s->n) || error_set(e, REASON_CRYPTO, "no random bytes")) &&
	       secret_write_new(place_path(&p->place, name, path, sizeof path), s, e);
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
		ok = place_write(&p->place, public, buf_view(&text), 0644, e);
	}
	ed25519_free(key);
	buf_free(&text);
	return ok;
}

static bool write_audit_key(const struct plan *p, struct error *e)
{
	return write_signing_key(p, "keys/audit.key", "audit.vkey", p->origin, NOTE_ED25519, e);
}

/* The key that cosigns partners' logs; its name stays when the log's epoch changes. */
static bool write_witness_key(const struct plan *p, struct error *e)
{
	char name[600];

	snprintf(name, sizeof name, "%s/witness/%s", p->host, p->node);
	return write_signing_key(p, "keys/witness.key", "witness.vkey", name, NOTE_COSIGNER, e);
}

static bool write_keystore(const struct plan *p, struct error *e)
{
	char path[PATH_BYTES];
	struct keystore *k = keystore_open(place_path(&p->place, "keys", path, sizeof path), true, e);

	keystore_close(k);
	return k != NULL;
}

/* --- certificates --- */

/* A key with its request and, with --ca, the certificate on it: NAME.key, NAME.csr, NAME.pem. */
static bool write_request(const struct plan *p, const char *name, enum cert_use use, const char *common_name,
                          const char *uri, struct error *e)
{
	struct buf key = BUF_INIT(65536), csr = BUF_INIT(65536), cert = BUF_INIT(65536);
	struct view dns = view_of(p->host);
	char file[200];
	bool ok = csr_make(use, view_of(common_name), view_of(uri), &dns, use == CERT_GATEWAY, &key, &csr, e);

	snprintf(file, sizeof file, "%s.key", name);
	ok = ok && place_write(&p->place, file, buf_view(&key), 0600, e);
	snprintf(file, sizeof file, "%s.csr", name);
	ok = ok && (use != CERT_GATEWAY || place_write(&p->place, file, buf_view(&csr), 0644, e));
	snprintf(file, sizeof file, "%s.pem", name);
	ok = ok && (!p->ca || (trial_issue(p->ca, buf_view(&csr), use, &cert, e) &&
	                       place_write(&p->place, file, buf_view(&cert), 0644, e)));
	buf_wipe(&key);
	buf_free(&csr);
	buf_free(&cert);
	return ok;
}

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0;
}

/* How the agency's own system reaches this node (connection.h); files stand beside it. */
static bool write_connection(const struct plan *p, struct error *e)
{
	const char *port = strrchr(p->listen, ':') + 1;
	json_t *doc =
	        json_pack("{s:o, s:s, s:s, s:s}", "url", json_sprintf("https://%s:%s", p->host, port), "certificate",
	                  "system.pem", "key", "system.key", "authority", "../tls/authorities.pem");
	bool ok;

	if (is_loopback(p->listen))
		json_object_set_new(doc, "resolve",
		                    json_sprintf("%s:%s:%.*s", p->host, port, (int)(port - 1 - p->listen), p->listen));
	ok = place_write_json(&p->place, "trial/system.json", doc, e);
	json_decref(doc);
	return ok;
}

/* What a trial needs besides the gateway: a system that sends and fetches, and somebody who signs for the agency. In earnest
 * neither key has anything to do on the gateway's machine. */
static bool write_trial(const struct plan *p, struct error *e)
{
	char uri[400], path[PATH_BYTES], id[200];
	struct buf authority = BUF_INIT(65536);
	struct cert_id cert = { .uri = "" };
	bool ok = trial_certificate(p->ca, &authority, e) &&
	          place_write(&p->place, "tls/authorities.pem", buf_view(&authority), 0644, e);

	snprintf(uri, sizeof uri, "spiffe://%s/system", p->host);
	ok = ok && place_folder(&p->place, "trial", 0700, e) &&
	     write_request(p, "trial/system", CERT_CLIENT, "system", uri, e);
	snprintf(uri, sizeof uri, "spiffe://%s/signer", p->host);
	ok = ok && write_request(p, "trial/signer", CERT_SIGNER, "signer", uri, e) && write_connection(p, e) &&
	     cert_of_file(place_path(&p->place, "trial/system.pem", path, sizeof path), &cert, e);
	if (ok) {
		struct buf pem = BUF_INIT(65536);
		snprintf(id, sizeof id, "%s-system", p->agency);
		json_t *doc = partner_of_certificate(id, p->agency, p->jurisdiction, "system", &cert);
		snprintf(path, sizeof path, "partners/%s.json", id);
		ok = place_write_json(&p->place, path, doc, e);
		json_decref(doc);
		place_path(&p->place, "trial/signer.pem", path, sizeof path);
		ok = ok && file_read(path, 65536, &pem, e);
		snprintf(path, sizeof path, "partners/%s-signer-1.pem", p->agency);
		ok = ok && place_write(&p->place, path, buf_view(&pem), 0644, e);
		buf_free(&pem);
	}
	buf_free(&authority);
	return ok;
}

/* --- documents --- */

/* The agency itself: its jurisdiction, whom to call, and who signs for it. */
static bool write_own(const struct plan *p, struct error *e)
{
	json_t *doc = json_pack("{s:s, s:s, s:s, s:[]}", "id", p->agency, "agency", p->agency, "jurisdiction",
	                        p->jurisdiction, "roles");
	char file[200];
	bool ok;

	if (p->name)
		json_object_set_new(doc, "name", json_string(p->name));
	if (p->ca)
		json_object_set_new(doc, "signers", json_pack("[o]", json_sprintf("%s-signer-1.pem", p->agency)));
	if (p->supervisor)
		json_object_set_new(doc, "supervisory_authority", json_string(p->supervisor));
	if (p->contact)
		json_object_set_new(doc, "contact", json_string(p->contact));
	snprintf(file, sizeof file, "partners/%s.json", p->agency);
	ok = place_write_json(&p->place, file, doc, e);
	json_decref(doc);
	return ok;
}

/* The name servers of this machine, for the gateway asks no resolver of the system's. */
static json_t *nameservers(void)
{
	json_t *list = json_array();
	FILE *f = fopen("/etc/resolv.conf", "r");
	char line[300], address[100];
	struct in6_addr any;

	while (f && json_array_size(list) < NAMESERVERS && fgets(line, sizeof line, f))
		if (sscanf(line, "nameserver %99s", address) == 1 &&
		    (inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1))
			json_array_append_new(list, json_string(address));
	if (f)
		fclose(f);
	return list;
}

static const char hosts_text[] =
        "# Addresses of partners' gateways that are not in DNS: ADDRESS NAME, as in /etc/hosts. gatewayctl reload takes it.\n";

static json_t *named(const struct plan *p, const char *name)
{
	char text[PATH_BYTES];

	return json_string(place_named(&p->place, name, text, sizeof text));
}

static bool write_node(const struct plan *p, struct error *e)
{
	json_t *servers = nameservers(), *doc;
	bool ok;

	doc = json_pack("{s:s, s:s, s:s, s:[s]}", "agency", p->agency, "node", p->node, "host", p->host, "listen",
	                p->listen);
	if (p->monitor)
		json_object_set_new(doc, "monitor", json_pack("[s]", p->monitor));
	/* The unit copies the key, which stays readable to root alone, at each start and reload. */
	json_object_set_new(doc, "tls",
	                    json_pack("{s:o, s:o, s:o}", "certificate", named(p, "tls/gateway.pem"), "key",
	                              p->system ? json_string("/run/gatewayd/tls.key") : named(p, "tls/gateway.key"),
	                              "authorities", named(p, "tls/authorities.pem")));
	json_object_set_new(doc, "store", named(p, "store/gatewayd.db"));
	json_object_set_new(doc, "keys", named(p, "keys"));
	json_object_set_new(doc, "audit",
	                    json_pack("{s:i, s:o, s:o, s:o, s:o}", "epoch", 1, "mirror", named(p, "log/audit.jsonl"),
	                              "vkey", named(p, "audit.vkey"), "anchor", named(p, "anchor/checkpoint"),
	                              "witness_vkey", named(p, "witness.vkey")));
	for (const char *const *name = (const char *const[]){ "partners", "agreements", "documents", "schemas", NULL };
	     *name; name++)
		json_object_set_new(doc, *name, named(p, *name));
	json_object_set_new(doc, "control", named(p, "run/control.sock"));
	json_object_set_new(doc, "resolver", json_pack("{s:o}", "hosts", named(p, "hosts")));
	if (json_array_size(servers) > 0)
		json_object_set(json_object_get(doc, "resolver"), "nameservers", servers);
	if (p->system || geteuid() == 0)
		json_object_set_new(doc, "user", json_string(p->system ? PLACE_ACCOUNT : "root"));
	ok = place_write(&p->place, "hosts", view_of(hosts_text), 0644, e) &&
	     place_write_json(&p->place, "gatewayd.json", doc, e);
	json_decref(doc);
	json_decref(servers);
	return ok;
}

static bool write_all(const struct plan *p, struct error *e)
{
	struct secret s = { .n = 0 };
	bool made;
	bool ok = (!p->ca || trial_open(p->ca, &made, e)) && place_make(&p->place, e) &&
	          write_secret(p, "keys/pseudonym.key", &s, e) && write_secret(p, "keys/idempotency.key", &s, e);

	secret_wipe(&s);
	return ok && write_audit_key(p, e) && write_witness_key(p, e) && write_keystore(p, e) &&
	       write_request(p, "tls/gateway", CERT_GATEWAY, p->host, p->uri, e) && write_own(p, e) &&
	       (!p->ca || write_trial(p, e)) && place_own(&p->place, "keys", e) && write_node(p, e);
}

/* --- the command --- */

static bool parse_options(struct plan *p, int argc, char **argv)
{
	static const struct option options[] = {
		{ "agency", required_argument, NULL, 'a' },
		{ "node", required_argument, NULL, 'n' },
		{ "host", required_argument, NULL, 'h' },
		{ "listen", required_argument, NULL, 'l' },
		{ "jurisdiction", required_argument, NULL, 'j' },
		{ "monitor", required_argument, NULL, 'm' },
		{ "name", required_argument, NULL, 'N' },
		{ "contact", required_argument, NULL, 'c' },
		{ "supervisor", required_argument, NULL, 's' },
		{ "ca", required_argument, NULL, 'C' },
		{ "system", no_argument, NULL, 'S' },
		{ "root", required_argument, NULL, 'R' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'a': p->agency = optarg; break;
		case 'n': p->node = optarg; break;
		case 'h': p->host = optarg; break;
		case 'l': p->listen = optarg; break;
		case 'j': p->jurisdiction = optarg; break;
		case 'm': p->monitor = optarg; break;
		case 'N': p->name = optarg; break;
		case 'c': p->contact = optarg; break;
		case 's': p->supervisor = optarg; break;
		case 'C': p->ca = optarg; break;
		case 'S': p->system = true; break;
		case 'R': p->root = optarg; break;
		default: return false;
		}
	}
	p->dir = optind == argc - 1 ? argv[optind] : NULL;
	return optind >= argc - 1 && (p->system ? !p->dir : !p->root);
}

static bool is_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	unsigned long long port;

	return colon && colon != text && view_to_u64(view_of(colon + 1), 65535, &port) && port > 0;
}

/* RFC 1123 section 2.1. */
static bool is_host(const char *text)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	struct view rest = view_of(text);

	do {
		const char *dot = memchr(rest.p, '.', rest.n);
		size_t n = dot ? (size_t)(dot - rest.p) : rest.n;
		if (n == 0 || n > 63 || !strchr(ends, rest.p[0]) || !strchr(ends, rest.p[n - 1]))
			return false;
		for (size_t i = 0; i < n; i++)
			if (rest.p[i] != '-' && !strchr(ends, rest.p[i]))
				return false;
		rest = view_from(rest, dot ? n + 1 : n);
		if (dot && rest.n == 0)
			return false;
	} while (rest.n > 0);
	return true;
}

/* What the schemas of the files ask for, said before anything is written. */
static bool check_plan(const struct plan *p, struct error *e)
{
	const struct {
		const char *option, *text;
		size_t max;
	} texts[] = { { "name", p->name, 200 }, { "contact", p->contact, 200 }, { "supervisor", p->supervisor, 200 } };

	if (!partner_is_name(p->agency) || !partner_is_name(p->node))
		return error_set(
		        e, REASON_CONFIG,
		        "--agency and --node are 1 to 63 of a-z, 0-9, . and -, with a letter or digit at both ends");
	if (strlen(p->jurisdiction) != 2 || p->jurisdiction[0] < 'A' || p->jurisdiction[0] > 'Z' ||
	    p->jurisdiction[1] < 'A' || p->jurisdiction[1] > 'Z')
		return error_set(e, REASON_CONFIG, "--jurisdiction is the ISO 3166-1 code of a country, as XN");
	if (!is_address(p->listen) || (p->monitor && !is_address(p->monitor)))
		return error_set(e, REASON_CONFIG,
		                 "--listen and --monitor are ADDRESS:PORT, as 0.0.0.0:8443 or [::]:8443");
	if (strlen(p->host) > 64)
		return error_set(e, REASON_CONFIG,
		                 "--host has at most 64 characters, for it is the certificate's name");
	if (!is_host(p->host))
		return error_set(e, REASON_CONFIG,
		                 "--host is a name as DNS has it, of letters, digits and -, in parts with . between: "
		                 "gw.agency.example");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].text && (strlen(texts[i].text) > texts[i].max ||
		                      utf8_valid(view_of(texts[i].text)) != strlen(texts[i].text) ||
		                      plain_span(view_of(texts[i].text)) != strlen(texts[i].text)))
			return error_set(e, REASON_CONFIG,
			                 "--%s is one line of at most %zu bytes of UTF-8, without control characters",
			                 texts[i].option, texts[i].max);
	return true;
}

static void say(const struct ctl *c, const struct plan *p)
{
	char config[PATH_BYTES], request[PATH_BYTES];

	place_path(&p->place, "gatewayd.json", config, sizeof config);
	place_path(&p->place, "tls/gateway.csr", request, sizeof request);
	if (c->json) {
		json_t *doc =
		        json_pack("{s:b, s:s, s:s, s:s, s:s, s:b}", "ok", 1, "folder", p->dir ? p->dir : p->root,
		                  "configuration", config, "origin", p->origin, "uri", p->uri, "trial", p->ca != NULL);
		ctl_print_json(doc);
		json_decref(doc);
		return;
	}
	printf("%s: a node of %s, %s\n", config, p->agency, p->jurisdiction);
	if (p->ca)
		printf("  certificates of the throw-away authority in %s, for %d days: for trials only.\n"
		       "  trial/signer signs agreements for %s; trial/system.json is its system's connection.\n",
		       p->ca, TRIAL_DAYS, p->agency);
	else
		printf("  Its certificate: have %s signed for server and client use;\n"
		       "  put it at tls/gateway.pem and the authority's at tls/authorities.pem.\n",
		       request);
	printf("  keys/ are secrets: back them up apart from the store, never together with it.\n");
	if (!p->system && geteuid() == 0)
		printf("  Made by root, it runs as root. In earnest: gatewayctl init --system.\n");
	if (strcmp(p->jurisdiction, "XX") == 0)
		printf("  No --jurisdiction was given: set it in partners/%s.json.\n", p->agency);
	printf("Next: gatewayctl -c %s partner export FILE, and give FILE to the partner\n"
	       "Check: gatewayd -c %s -t\n",
	       config, config);
}

static int make_authority(const struct ctl *c, const char *dir)
{
	struct error e = { .reason = REASON_NONE };
	bool made;

	if (!trial_open(dir, &made, &e))
		return ctl_fail(CTL_FAILED, &e);
	if (c->json)
		ctl_print_new(json_pack("{s:o, s:b}", "authority", json_sprintf("%s/trial-ca.pem", dir), "made", made));
	else
		printf("%s: a throw-away authority %s, for trials only.\n"
		       "Next: gatewayctl init --ca %s --agency … for each node\n",
		       dir, made ? "was made" : "is there already", dir);
	return CTL_OK;
}

int ctl_run_init(const struct ctl *c, int argc, char **argv)
{
	struct plan p = { .node = "gw1", .jurisdiction = "XX" };
	struct error e = { .reason = REASON_NONE };

	if (!parse_options(&p, argc, argv))
		return ctl_usage();
	if (p.ca && !p.agency && !p.host && !p.dir && !p.system)
		return make_authority(c, p.ca);
	if (p.system && !p.listen)
		p.listen = LISTEN_ALL;
	if (p.system && !p.monitor)
		p.monitor = MONITOR;
	if (!p.agency || !p.host || !p.listen || (!p.dir && !p.system))
		return ctl_usage();
	p.place.dir = p.dir;
	snprintf(p.origin, sizeof p.origin, "%s/audit/%s/1", p.host, p.node);
	snprintf(p.uri, sizeof p.uri, "spiffe://%s/gateway/%s", p.host, p.node);
	if (!check_plan(&p, &e) || (p.system && !place_system(&p.place, p.root, &e)) || !write_all(&p, &e))
		return ctl_fail(CTL_FAILED, &e);
	if (!p.root)
		p.root = "/";
	say(c, &p);
	return CTL_OK;
}
