/* gatewayctl about exchanges, the outbox and retention. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/core/files.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/crypto/x509.h"

#define STATEMENT_MAX 4096      /* the envelope's schema, as for the signature */
#define SIGNATURE_MAX 32768
#define PEM_MAX 65536

static int show_list(const struct ctl *c, json_t *request, const char *member, void (*row)(const json_t *item),
                     const char *head)
{
	json_t *doc, *item;
	size_t i;
	int status = ctl_ask_ok(c, request, &doc);

	if (status != CTL_OK)
		return status;
	if (c->json) {
		ctl_print_json(json_object_get(doc, member));
	} else {
		puts(head);
		json_array_foreach(json_object_get(doc, member), i, item)
			row(item);
	}
	json_decref(doc);
	return CTL_OK;
}

static void exchange_row(const json_t *x)
{
	printf("%-36s  %-24s  %-9s  %3" JSON_INTEGER_FORMAT "  %-20s  %s → %s\n", ctl_text(x, "exchange"),
	       ctl_text(x, "received"), ctl_text(x, "state"), json_integer_value(json_object_get(x, "status")),
	       ctl_text(x, "agreement"), ctl_text(x, "provider"), ctl_text(x, "recipient"));
}

static int run_list(const struct ctl *c, int argc, char **argv)
{
	unsigned long long max = 50;

	if (argc > 2 || (argc == 2 && !view_to_u64(view_of(argv[1]), 1000, &max)))
		return ctl_usage("exchange list [MOST]");
	return show_list(c, json_pack("{s:s, s:I}", "do", "exchange-list", "max", (json_int_t)max), "exchanges", exchange_row,
	                 "exchange                              received                  state      status  agreement");
}

/* One disclosure: base64url of [salt, name, value] (RFC 9901 section 4.2.1). */
static json_t *open_disclosure(const char *text, json_t *into)
{
	size_t n = strlen(text), got;
	char *bytes = malloc(n + 1);
	json_t *triple = NULL;

	if (bytes && base64url_decode(view_of(text), bytes, n, &got))
		triple = json_loadb(bytes, got, 0, NULL);
	if (json_array_size(triple) == 3 && json_is_string(json_array_get(triple, 1)))
		json_object_set(into, json_string_value(json_array_get(triple, 1)), json_array_get(triple, 2));
	json_decref(triple);
	free(bytes);
	return into;
}

static int run_show(const struct ctl *c, int argc, char **argv)
{
	json_t *doc, *item, *opened;
	size_t i;
	int status;

	if (argc != 2)
		return ctl_usage("exchange show EXCHANGE");
	status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "exchange-show", "exchange", argv[1]), &doc);
	if (status != CTL_OK)
		return status;
	opened = json_object();
	json_array_foreach(json_object_get(doc, "disclosures"), i, item)
		if (json_is_string(item))
			open_disclosure(json_string_value(item), opened);
	json_object_del(doc, "ok");
	json_object_del(doc, "answer");
	json_object_set_new(doc, "disclosures", opened);
	const char *entry = json_string_value(json_object_get(doc, "entry"));
	if (entry)
		json_object_set_new(doc, "entry", json_loads(entry, 0, NULL));
	ctl_print_json(doc);
	json_decref(doc);
	return CTL_OK;
}

/* --- what is held --- */

/* A whole file as text; false after it was said why not. */
static bool read_text(const char *path, size_t max, char **out, size_t *n)
{
	struct error e = { .reason = REASON_NONE };

	return ctl_read_file(path, max, out, n, &e) || ctl_fail(CTL_FAILED, &e) == CTL_OK;
}

static int decide(const struct ctl *c, json_t *request)
{
	json_t *doc;
	int status = ctl_ask_ok(c, request, &doc);

	if (status != CTL_OK)
		return status;
	json_object_del(doc, "ok");
	if (c->json)
		ctl_print_json(doc);
	else
		printf("%s\n", ctl_text(doc, "state"));
	bool released = json_is_true(json_object_get(doc, "released"));
	if (!released && ctl_text(doc, "error")[0])
		fprintf(stderr, "gatewayctl: %s\n", ctl_text(doc, "error"));
	json_decref(doc);
	return released ? CTL_OK : CTL_CHECK_FAILED;
}

static int run_release(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "approval", required_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	static const char use[] = "exchange release EXCHANGE --approval STATEMENT.json SIGNATURE.p7s";
	const char *statement_path = NULL;
	char *statement = NULL, *signature = NULL;
	size_t n, m;
	int option, status = CTL_FAILED;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'a')
			return ctl_usage(use);
		statement_path = optarg;
	}
	if (!statement_path || argc - optind != 2)
		return ctl_usage(use);
	if (read_text(statement_path, STATEMENT_MAX, &statement, &n) && read_text(argv[optind + 1], SIGNATURE_MAX, &signature, &m)) {
		json_t *request = json_pack("{s:s, s:s, s:s%, s:s%}", "do", "exchange-release", "exchange", argv[optind],
		                            "statement", statement, n, "signature", signature, m);
		if (request)
			status = decide(c, request);
		else
			fprintf(stderr, "gatewayctl: statement or signature is not text\n");
	}
	free(statement);
	free(signature);
	return status;
}

static int run_refuse(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "reason", required_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	const char *why = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'r')
			return ctl_usage("exchange refuse EXCHANGE --reason TEXT");
		why = optarg;
	}
	json_t *request = why && argc - optind == 1 ? json_pack("{s:s, s:s, s:s}", "do", "exchange-refuse", "exchange",
	                                                        argv[optind], "reason", why) : NULL;
	if (!request)
		return ctl_usage("exchange refuse EXCHANGE --reason TEXT");
	status = decide(c, request);
	return status == CTL_CHECK_FAILED ? CTL_OK : status;
}

struct approving {
	const char *certificate, *key, *out, *exception;
	int64_t expires_ms;
};

/* The statement of schema/approval.schema.json over what the hold's audit entry names. NULL: it names too little. */
static char *make_statement(const json_t *entry, const struct approving *a, const struct digest *officer)
{
	struct buf spki = BUF_INIT(128);
	char expires[TIME_TEXT + 1];

	digest_print(&spki, officer);
	time_print(a->expires_ms, expires);
	json_t *doc = json_pack("{s:O, s:O, s:O, s:s, s:s%}", "agreement", json_object_get(entry, "agreement_digest"),
	                        "input", json_object_get(entry, "input"), "tier", json_object_get(entry, "tier"),
	                        "expires", expires, "officer", spki.p, spki.n);
	if (doc && a->exception)
		json_object_set_new(doc, "exception", json_string(a->exception));
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	json_decref(doc);
	buf_free(&spki);
	return text;
}

static bool write_beside(const char *out, const char *suffix, struct view text, struct error *e)
{
	char path[4096];

	return snprintf(path, sizeof path, "%s%s", out, suffix) < (int)sizeof path ? file_write_new(path, text, 0644, e)
	                                                                           : error_set(e, REASON_IO, "the path is too long");
}

/* Reads certificate and key, signs, writes both files. */
static bool approve(const json_t *entry, const struct approving *a, struct error *e)
{
	struct buf der = BUF_INIT(PEM_MAX), signature = BUF_INIT(PEM_MAX);
	char *cert = NULL, *key = NULL, *statement = NULL;
	size_t n_cert, n_key = 0;
	struct cert_id id;
	bool ok = ctl_read_file(a->certificate, PEM_MAX, &cert, &n_cert, e) && ctl_read_file(a->key, PEM_MAX, &key, &n_key, e) &&
	          cert_pem_to_der(view_make(cert, n_cert), &der, e) && cert_read(buf_view(&der), &id, e);

	if (ok) {
		statement = make_statement(entry, a, &id.spki);
		ok = statement ? cms_sign(VIEW(""), view_of(statement), view_make(cert, n_cert), view_make(key, n_key), &signature, e)
		               : error_set(e, REASON_NOT_FOUND, "the exchange has no entry that names its record");
	}
	ok = ok && write_beside(a->out, ".json", view_of(statement), e) && write_beside(a->out, ".p7s", buf_view(&signature), e);
	if (key)
		wipe(key, n_key);
	free(key);
	free(cert);
	free(statement);
	buf_free(&der);
	buf_free(&signature);
	return ok;
}

static bool approve_options(int argc, char **argv, struct approving *a)
{
	static const struct option options[] = {
		{ "certificate", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' }, { "exception", required_argument, NULL, 'x' },
		{ "expires", required_argument, NULL, 'e' }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'c': a->certificate = optarg; break;
		case 'k': a->key = optarg; break;
		case 'o': a->out = optarg; break;
		case 'x': a->exception = optarg; break;
		case 'e':
			if (!time_parse(view_of(optarg), &a->expires_ms))
				return false;
			break;
		default: return false;
		}
	return a->certificate && a->key && a->out && argc - optind == 1;
}

static int run_approve(const struct ctl *c, int argc, char **argv)
{
	struct approving a = { .expires_ms = (int64_t)time(NULL) * 1000 + DAY_MS };
	struct error e = { .reason = REASON_NONE };
	json_t *doc;
	int status;

	if (!approve_options(argc, argv, &a))
		return ctl_usage("exchange approve EXCHANGE --certificate FILE --key FILE --out NAME [--exception ID] [--expires DATE-TIME]");
	status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "exchange-show", "exchange", argv[optind]), &doc);
	if (status != CTL_OK)
		return status;
	const char *text = json_string_value(json_object_get(doc, "entry"));
	json_t *entry = text ? json_loads(text, 0, NULL) : NULL;
	if (approve(entry, &a, &e))
		printf("%s.json and %s.p7s: show them to whoever releases the exchange\n", a.out, a.out);
	else
		status = ctl_fail(CTL_FAILED, &e);
	json_decref(entry);
	json_decref(doc);
	return status;
}

static void outbox_row(const json_t *d)
{
	printf("%8" JSON_INTEGER_FORMAT "  %-16s  %8" JSON_INTEGER_FORMAT "  %-24s  %-24s  %s\n",
	       json_integer_value(json_object_get(d, "seq")), ctl_text(d, "recipient"),
	       json_integer_value(json_object_get(d, "attempts")), ctl_text(d, "next"), ctl_text(d, "deadline"),
	       ctl_text(d, "last_error"));
}

static int run_outbox(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage("outbox");
	return show_list(c, json_pack("{s:s}", "do", "outbox"), "deliveries", outbox_row,
	                 "  number  recipient         attempts  next                      deadline                  last error");
}

static void timer_row(const json_t *t)
{
	printf("%-24s  %-8s  %-36s  %s%s\n", ctl_text(t, "due"), ctl_text(t, "kind"), ctl_text(t, "exchange"),
	       ctl_text(t, "agreement"), json_is_true(json_object_get(t, "held")) ? "  (held)" : "");
}

static int run_due(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "until", required_argument, NULL, 'u' }, { NULL, 0, NULL, 0 } };
	json_t *request = json_pack("{s:s}", "do", "retention-due");
	int64_t until;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'u' || !time_parse(view_of(optarg), &until)) {
			json_decref(request);
			return ctl_usage("retention due [--until DATE-TIME]");
		}
		json_object_set_new(request, "until_ms", json_integer(until));
	}
	if (optind != argc) {
		json_decref(request);
		return ctl_usage("retention due [--until DATE-TIME]");
	}
	return show_list(c, request, "timers", timer_row, "due                       what      exchange                              agreement");
}

static int run_retention(const struct ctl *c, int argc, char **argv)
{
	json_t *doc;
	int status;

	(void)argv;
	if (argc != 1)
		return ctl_usage("retention run");
	status = ctl_ask_ok(c, json_pack("{s:s}", "do", "retention-run"), &doc);
	if (status == CTL_OK)
		puts("what is due is being erased");
	json_decref(doc);
	return status;
}

const struct ctl_command ctl_exchange_commands[] = {
	{ "exchange", "list", "[MOST]", "the newest exchanges", run_list },
	{ "exchange", "show", "EXCHANGE", "one exchange, its audit entry and what it discloses; the reading is logged", run_show },
	{ "exchange", "approve", "EXCHANGE --certificate FILE --key FILE --out NAME [--exception ID] [--expires DATE-TIME]",
	  "an officer's approval of what is held: NAME.json, and its signature NAME.p7s", run_approve },
	{ "exchange", "release", "EXCHANGE --approval STATEMENT.json SIGNATURE.p7s",
	  "releases what is held, by the agreement as it is now and an officer's approval", run_release },
	{ "exchange", "refuse", "EXCHANGE --reason TEXT", "refuses what is held and erases it", run_refuse },
	{ "outbox", NULL, "", "deliveries that wait", run_outbox },
	{ "retention", "due", "[--until DATE-TIME]", "timers, earliest first", run_due },
	{ "retention", "run", "", "erases what is due now, without waiting for the next sweep", run_retention },
	{ NULL, NULL, NULL, NULL, NULL },
};
