/* gatewayctl csr and ca sign: requests for certificates with what this gateway asks of them, and the throw-away authority's
 * answer to one. See trial.h; doc/certificates.md says which extensions and why. */
#include "gatewayd/ctl/trial.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/init.h"
#include "gatewayd/ctl/join.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/files.h"

#define PEM_MAX  65536
#define DNS_MOST 8

struct request {
	const char *kind, *name, *uri, *out;
	struct view dns[DNS_MOST];
	size_t n_dns;
	char *host, *node; /* of the configuration, where something is not given */
	char made[600];
};

static bool parse(struct request *r, int argc, char **argv)
{
	static const struct option options[] = { { "for", required_argument, NULL, 'f' },
		                                 { "name", required_argument, NULL, 'n' },
		                                 { "uri", required_argument, NULL, 'u' },
		                                 { "dns", required_argument, NULL, 'd' },
		                                 { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'f': r->kind = optarg; break;
		case 'n': r->name = optarg; break;
		case 'u': r->uri = optarg; break;
		case 'd':
			if (r->n_dns == DNS_MOST)
				return false;
			r->dns[r->n_dns++] = view_of(optarg);
			break;
		default: return false;
		}
	r->out = optind == argc - 1 ? argv[optind] : NULL;
	return r->out != NULL;
}

/* What is not given is the node's: its names for a gateway, spiffe://HOST/KIND[/NAME] for all else. */
static bool fill(struct request *r, const struct ctl *c, struct error *e)
{
	bool gateway = strcmp(r->kind, "gateway") == 0;

	if (r->uri && (!gateway || r->n_dns > 0))
		return true;
	if (!(r->host = audit_conf_text(c, "/host", e)) || !(r->node = audit_conf_text(c, "/node", e)))
		return false;
	if (gateway && r->n_dns == 0)
		r->dns[r->n_dns++] = view_of(r->host);
	if (!r->uri) {
		snprintf(r->made, sizeof r->made, "spiffe://%s/%s%s%s", r->host, r->kind, gateway || r->name ? "/" : "",
		         gateway   ? r->node
		         : r->name ? r->name
		                   : "");
		r->uri = r->made;
	}
	return true;
}

static bool write_pair(const struct request *r, enum cert_use use, struct error *e)
{
	struct buf key = BUF_INIT(PEM_MAX), csr = BUF_INIT(PEM_MAX);
	const char *name = r->name ? r->name : strcmp(r->kind, "gateway") == 0 && r->host ? r->host : r->kind;
	char path[4096], other[4096];
	bool ok = csr_make(use, view_of(name), view_of(r->uri), r->dns, r->n_dns, &key, &csr, e);

	snprintf(path, sizeof path, "%s.key", r->out);
	snprintf(other, sizeof other, "%s.csr", r->out);
	if (ok && access(other, F_OK) == 0)
		ok = error_at(e, REASON_IO, other, 0, 0, "is there already");
	ok = ok && file_write_new(path, buf_view(&key), 0600, e) && file_write_new(other, buf_view(&csr), 0644, e);
	buf_wipe(&key);
	buf_free(&csr);
	return ok;
}

static const char *usage_text(enum cert_use use)
{
	switch (use) {
	case CERT_GATEWAY: return "serverAuth and clientAuth";
	case CERT_CLIENT: return "clientAuth";
	case CERT_SIGNER: break;
	}
	return "emailProtection";
}

int ctl_run_csr(const struct ctl *c, int argc, char **argv)
{
	struct request r = { .kind = "gateway" };
	struct error e = { .reason = REASON_NONE };
	enum cert_use use = CERT_GATEWAY;
	int status = CTL_OK;

	if (!parse(&r, argc, argv))
		return ctl_usage();
	if (!cert_use_find(r.kind, &use))
		return ctl_option_wrong("--for " CERT_USES);
	if (!fill(&r, c, &e) || !write_pair(&r, use, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else if (c->json)
		ctl_print_new(json_pack("{s:o, s:o, s:s}", "key", json_sprintf("%s.key", r.out), "request",
		                        json_sprintf("%s.csr", r.out), "uri", r.uri));
	else
		printf("%s.key   stays where it is used, and goes to nobody\n"
		       "%s.csr   for the authority. The certificate needs, and the request asks for:\n"
		       "  subjectAltName    URI:%s%s\n"
		       "  keyUsage          digitalSignature (critical)\n"
		       "  extendedKeyUsage  %s\n"
		       "Next: the certificate on it; %s\n",
		       r.out, r.out, r.uri, r.n_dns ? ", and the DNS name" : "", usage_text(use),
		       use == CERT_GATEWAY
		               ? "tls/certificate and tls/key of the configuration name it and the key, then reload"
		               : "gatewayctl partner add --role ROLE CERTIFICATE pins it");
	free(r.host);
	free(r.node);
	return status;
}

/* --- ca sign --- */

int ctl_run_ca_sign(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "ca", required_argument, NULL, 'c' },
		                                 { "for", required_argument, NULL, 'f' },
		                                 { NULL, 0, NULL, 0 } };
	struct buf csr = BUF_INIT(PEM_MAX), cert = BUF_INIT(PEM_MAX);
	struct error e = { .reason = REASON_NONE };
	const char *dir = NULL, *kind = "gateway";
	enum cert_use use;
	int option, status = CTL_OK;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'c': dir = optarg; break;
		case 'f': kind = optarg; break;
		default: return ctl_usage();
		}
	if (!dir || optind != argc - 2)
		return ctl_usage();
	if (!cert_use_find(kind, &use))
		return ctl_option_wrong("--for " CERT_USES);
	if (!file_read(argv[optind], PEM_MAX, &csr, &e) || !trial_issue(dir, buf_view(&csr), use, &cert, &e) ||
	    !file_write_new(argv[optind + 1], buf_view(&cert), 0644, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else if (c->json)
		ctl_print_new(json_pack("{s:s, s:i}", "certificate", argv[optind + 1], "days", TRIAL_DAYS));
	else
		printf("%s: for %s, %d days, by a throw-away authority: for trials only\n", argv[optind + 1],
		       usage_text(use), TRIAL_DAYS);
	buf_free(&csr);
	buf_free(&cert);
	return status;
}

const struct ctl_command ctl_setup_commands[] = {
	{ "init", NULL,
	  "--agency AGENCY --host HOST --listen ADDRESS:PORT [--node NODE] [--jurisdiction XX] [--name TEXT] [--contact TEXT] [--supervisor TEXT] [--monitor ADDRESS:PORT] [--ca DIR] DIR | --system [--root DIR] … | --ca DIR",
	  "makes a node: keys, certificate request, configuration; with --ca a throw-away authority and what it issues",
	  ctl_run_init },
	{ "csr", NULL, "[--for " CERT_USES "] [--name NAME] [--uri URI] [--dns NAME]… OUT",
	  "a key, and a certificate request with the extensions that it needs: OUT.key, OUT.csr", ctl_run_csr },
	{ "ca", "sign", "--ca DIR [--for " CERT_USES "] REQUEST CERTIFICATE",
	  "a certificate on a request, by the throw-away authority of init --ca", ctl_run_ca_sign },
	{ "join", NULL, "[--fingerprint DIGITS] [--address ADDRESS] PARTNER [AGREEMENT…]",
	  "partner add and agreement add in one, then the whole configuration is checked", ctl_run_join },
	{ NULL, NULL, NULL, NULL, NULL },
};
