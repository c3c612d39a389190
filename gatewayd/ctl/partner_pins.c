/* gatewayctl partner pins: what this gateway says to its partners of the key that it shows and the one that it will show, signed by who
 * signs for the agency. It asks no daemon. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include <getopt.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/statement.h"
#include "gatewayd/ctl/trial.h"
#include "gatewayd/os/files.h"
#include "gatewayd/os/instant.h"
#include "lib/base/datetime.h"

#define PEM_MAX    (1u << 20)
#define NUMBER_MAX INT64_C(9007199254740991) /* of the schema */

struct stating {
	const struct ctl *ctl;
	struct ctl_signing signing;
	const char *next;          /* certificate file; NULL: there is none */
	unsigned long long number; /* 0: the instant of its issue */
	int64_t now_ms;
	char *agency, *node, *certificate, *partners; /* of the configuration */
};

static json_t *key_of(const struct cert_id *cert)
{
	struct buf pin = BUF_INIT(65);
	char from[TIME_TEXT + 1], until[TIME_TEXT + 1];
	json_t *key;

	digest_print(&pin, &cert->spki);
	time_print(cert->not_before_ms, from);
	time_print(cert->not_after_ms, until);
	key = json_pack("{s:s%, s:s, s:s}", "pin", pin.p, pin.n, "not_before", from, "not_after", until);
	buf_free(&pin);
	return key;
}

/* Partners know the signers that the agency's own partner file names, for `partner export` brings them those. */
static bool signs_for_us(const struct stating *s, const struct cert_id *signer, struct error *e)
{
	char path[4096];
	json_t *own, *name;
	bool found = false;
	size_t i;

	snprintf(path, sizeof path, "%s/%s.json", s->partners, s->agency);
	own = json_load_file(path, 0, NULL);
	json_array_foreach(json_object_get(own, "signers"), i, name)
	{
		const char *file = json_string_value(name);
		struct cert_id there;
		snprintf(path, sizeof path, "%s%s%s", file && file[0] == '/' ? "" : s->partners,
		         file && file[0] == '/' ? "" : "/", file ? file : "");
		found = found || (file && cert_of_file(path, &there, NULL) && digest_eq(&there.spki, &signer->spki));
	}
	json_decref(own);
	return found ||
	       error_at(e, REASON_CONFIG, s->signing.certificate, 0, 0,
	                "is none of the signers of %s, so that partners would refuse it: gatewayctl partner add --role "
	                "signer adds one, which partners have to be given first",
	                s->agency);
}

static bool check_signer(const struct stating *s, struct error *e)
{
	struct cert_id signer;

	if (!cert_of_file(s->signing.certificate, &signer, e) || !signs_for_us(s, &signer, e))
		return false;
	return (signer.not_before_ms <= s->now_ms && s->now_ms <= signer.not_after_ms) ||
	       error_at(e, REASON_CONFIG, s->signing.certificate, 0, 0,
	                "is not valid now, so that partners would refuse what it signs");
}

/* The same gateway with another key, which lasts. */
static bool check_next(const struct stating *s, const struct cert_id *now, const struct cert_id *next, struct error *e)
{
	const char *why = NULL;

	if (strcmp(now->uri, next->uri) != 0)
		why = "has another URI than the gateway's certificate: it would be another gateway to partners";
	else if (digest_eq(&now->spki, &next->spki))
		why = "has the key of the gateway's certificate: partners need no word of it";
	else if (!next->server_auth || !next->client_auth)
		why = "is not for servers and clients both, as a gateway's is";
	else if (next->not_after_ms < s->now_ms)
		why = "has expired";
	return !why || error_at(e, REASON_CONFIG, s->next, 0, 0, "%s", why);
}

static json_t *make(const struct stating *s, struct error *e)
{
	struct cert_id now, next;
	char issued[TIME_TEXT + 1];

	if (!cert_of_file(s->certificate, &now, e) || !check_signer(s, e) ||
	    (s->next && (!cert_of_file(s->next, &next, e) || !check_next(s, &now, &next, e))))
		return NULL;
	time_print(s->now_ms, issued);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:o}", "document", "pins", "agency", s->agency, "node",
	                        s->node, "uri", now.uri, "number",
	                        (json_int_t)(s->number ? s->number : (unsigned long long)(s->now_ms)), "issued", issued,
	                        "current", key_of(&now));
	if (doc && s->next)
		json_object_set_new(doc, "next", key_of(&next));
	if (!doc)
		error_set(e, REASON_NO_MEMORY, "memory ran out");
	return doc;
}

static void say(const struct stating *s, const json_t *doc)
{
	const char *out = s->signing.out;

	if (s->ctl->json) {
		ctl_print_new(json_pack("{s:o, s:o, s:O}", "statement", json_sprintf("%s.json", out), "signature",
		                        json_sprintf("%s.p7s", out), "number", json_object_get(doc, "number")));
		return;
	}
	printf("%s.json, %s.p7s: number %lld, %s\n"
	       "Next: send both files to each partner, who takes them with gatewayctl partner pins-apply %s.json %s.p7s\n",
	       out, out, (long long)json_integer_value(json_object_get(doc, "number")),
	       s->next ? "the key that is shown now and the next" : "the key that is shown now alone", out, out);
}

static int state(struct stating *s)
{
	struct error e = { .reason = REASON_NONE };
	json_t *doc = NULL;
	int status = CTL_OK;

	if (!(s->agency = audit_conf_text(s->ctl, "/agency", &e)) ||
	    !(s->node = audit_conf_text(s->ctl, "/node", &e)) ||
	    !(s->certificate = audit_conf_path(s->ctl, "/tls/certificate", &e)) ||
	    !(s->partners = audit_conf_path(s->ctl, "/partners", &e)) || !(doc = make(s, &e)) ||
	    !ctl_sign_statement(&s->signing, doc, "by", &e))
		status = ctl_fail(CTL_FAILED, &e);
	else
		say(s, doc);
	json_decref(doc);
	free(s->agency);
	free(s->node);
	free(s->certificate);
	free(s->partners);
	return status;
}

int partner_pins(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "cert", required_argument, NULL, 'c' },
		                                 { "key", required_argument, NULL, 'k' },
		                                 { "next", required_argument, NULL, 'n' },
		                                 { "number", required_argument, NULL, 'N' },
		                                 { NULL, 0, NULL, 0 } };
	struct stating s = { .ctl = c, .now_ms = instant_now_ms() };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'c': s.signing.certificate = optarg; break;
		case 'k': s.signing.key = optarg; break;
		case 'n': s.next = optarg; break;
		case 'N':
			if (!view_to_u64(view_of(optarg), NUMBER_MAX, &s.number) || s.number == 0)
				return ctl_option_wrong("--number 1 to 9007199254740991");
			break;
		default: return ctl_usage();
		}
	if (argc - optind != 1 || !s.signing.certificate || !s.signing.key)
		return ctl_usage();
	s.signing.out = argv[optind];
	return state(&s);
}
