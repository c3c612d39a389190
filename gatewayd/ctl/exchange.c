/* gatewayctl about exchanges and the outbox. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/disclosed.h"
#include "gatewayd/ctl/evidence.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/statement.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/base/ids.h"

static const struct screen_column exchange_columns[] = {
	{ "EXCHANGE", "exchange", SCREEN_KEEP }, { "RECEIVED", "received", SCREEN_TIME },
	{ "STATE", "state", SCREEN_KEEP },       { "AGREEMENT", "agreement", SCREEN_CUT },
	{ "TO", "recipient", SCREEN_CUT },       { "FROM", "provider", SCREEN_MAY },
	{ "HTTP", "status", SCREEN_MAY },
};

static int run_list(const struct ctl *c, int argc, char **argv)
{
	unsigned long long max = 50;

	if (argc > 2 || (argc == 2 && !view_to_u64(view_of(argv[1]), 1000, &max)))
		return ctl_usage();
	return CTL_SHOW_LIST(c, json_pack("{s:s, s:I}", "do", "exchange-list", "max", (json_int_t)max), "exchanges",
	                     exchange_columns);
}

/* The lines of the shape that the decision names, each with how many leaves it stands for. */
static void count_leaves(json_t *shape, const json_t *decision)
{
	static const char *const lists[] = { "dropped", "released" };
	const json_t *counts = json_object_get(decision, "leaves");
	size_t at = 0, i;
	json_t *line;

	for (size_t k = 0; k < 2; k++)
		json_array_foreach(json_object_get(shape, lists[k]), i, line)
		        json_object_set(line, "count", json_array_get(counts, at++));
}

static int run_show(const struct ctl *c, int argc, char **argv)
{
	json_t *doc, *opened;
	int status;

	if (argc != 2)
		return ctl_usage();
	status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "exchange-show", "exchange", argv[1]), &doc);
	if (status != CTL_OK)
		return status;
	opened = disclosed_open(json_object_get(doc, "disclosures"));
	json_object_del(doc, "ok");
	json_object_del(doc, "answer");
	count_leaves(json_object_get(doc, "shape"), json_object_get(opened, "decision"));
	json_object_set_new(doc, "disclosures", opened);
	const char *entry = json_string_value(json_object_get(doc, "entry"));
	if (entry)
		json_object_set_new(doc, "entry", json_loads(entry, 0, NULL));
	ctl_print_json(doc);
	json_decref(doc);
	return CTL_OK;
}

/* --- what is held --- */

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

#define APPROVALS_MAX 8

/* Of each --approval the statement is the option's word, the signature one of those that are left, in order. */
static int run_release(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "approval", required_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	const char *statements[APPROVALS_MAX];
	int option, n = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'a' || n == APPROVALS_MAX)
			return ctl_usage();
		statements[n++] = optarg;
	}
	if (n == 0 || argc - optind != n + 1)
		return ctl_usage();
	json_t *request =
	        json_pack("{s:s, s:s, s:[]}", "do", "exchange-release", "exchange", argv[optind], "approvals");
	for (int i = 0; request && i < n; i++) {
		json_t *one = ctl_statement_request("approval", NULL, statements[i], argv[optind + 1 + i]);
		if (!one) {
			json_decref(request);
			return CTL_FAILED;
		}
		json_object_del(one, "do");
		json_array_append_new(json_object_get(request, "approvals"), one);
	}
	return request ? decide(c, request) : CTL_FAILED;
}

static int run_refuse(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "reason", required_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	const char *why = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'r')
			return ctl_usage();
		why = optarg;
	}
	json_t *request = why && argc - optind == 1 ? json_pack("{s:s, s:s, s:s}", "do", "exchange-refuse", "exchange",
	                                                        argv[optind], "reason", why)
	                                            : NULL;
	if (!request)
		return ctl_usage();
	status = decide(c, request);
	return status == CTL_CHECK_FAILED ? CTL_OK : status;
}

struct approving {
	struct ctl_signing by;
	const char *exception;
	int64_t expires_ms;
};

/* What the daemon shows of an exchange. */
struct shown {
	json_t *entry, *opened; /* the leaf, and what it discloses */
	const json_t *agreement_now;
};

static struct shown open_shown(const json_t *doc)
{
	const char *text = json_string_value(json_object_get(doc, "entry"));
	struct shown s = { .entry = text ? json_loads(text, 0, NULL) : NULL,
		           .opened = disclosed_open(json_object_get(doc, "disclosures")),
		           .agreement_now = json_object_get(doc, "agreement_now") };

	return s;
}

static void take_text(json_t *doc, const char *name, const json_t *value)
{
	if (json_is_string(value))
		json_object_set_new(doc, name, json_string(json_string_value(value)));
}

/* The statement of schema/approval.schema.json over what the hold's audit entry names. NULL: it names too little, as
 * when what it discloses was erased. */
static json_t *make_statement(const struct shown *s, const struct approving *a)
{
	const json_t *decision = json_object_get(s->opened, "decision");
	char expires[TIME_TEXT + 1];

	time_print(a->expires_ms, expires);
	json_t *doc = json_pack("{s:O, s:O, s:O, s:O, s:O, s:s}", "agreement", s->agreement_now, "input",
	                        json_object_get(s->entry, "input"), "purpose", json_object_get(s->entry, "purpose"),
	                        "tier", json_object_get(s->entry, "tier"), "subject_category",
	                        json_object_get(decision, "subject_category"), "expires", expires);
	if (!doc)
		return NULL;
	take_text(doc, "case", json_object_get(s->opened, "case"));
	take_text(doc, "named", json_object_get(json_object_get(s->opened, "officer"), "certificate"));
	take_text(doc, "exception", json_object_get(s->entry, "exception"));
	if (a->exception)
		json_object_set_new(doc, "exception", json_string(a->exception));
	return doc;
}

static bool approve_options(int argc, char **argv, struct approving *a)
{
	static const struct option options[] = {
		{ "certificate", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },         { "exception", required_argument, NULL, 'x' },
		{ "expires", required_argument, NULL, 'e' },     { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'c': a->by.certificate = optarg; break;
		case 'k': a->by.key = optarg; break;
		case 'o': a->by.out = optarg; break;
		case 'x': a->exception = optarg; break;
		case 'e':
			if (!time_parse(view_of(optarg), &a->expires_ms))
				return false;
			break;
		default: return false;
		}
	return a->by.certificate && a->by.key && a->by.out && argc - optind == 1;
}

static int run_approve(const struct ctl *c, int argc, char **argv)
{
	struct approving a = { .expires_ms = (int64_t)time(NULL) * 1000 + DAY_MS };
	struct error e = { .reason = REASON_NONE };
	struct uuid id;
	json_t *doc;
	int status;

	if (!approve_options(argc, argv, &a))
		return ctl_usage();
	if (!uuid_parse(view_of(argv[optind]), &id)) {
		error_set(&e, REASON_NOT_FOUND,
		          "%s is no exchange: what has not been sent cannot be approved here; send it, and it is held",
		          argv[optind]);
		return ctl_fail(CTL_FAILED, &e);
	}
	status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "exchange-show", "exchange", argv[optind]), &doc);
	if (status != CTL_OK)
		return status;
	const char *state = ctl_text(json_object_get(doc, "exchange"), "state");
	if (strcmp(state, "held") != 0) {
		error_set(&e, REASON_NOT_FOUND, "the exchange is not held, but %s: only what is held is approved here",
		          state);
		json_decref(doc);
		return ctl_fail(CTL_FAILED, &e);
	}
	struct shown shown = open_shown(doc);
	json_t *statement = make_statement(&shown, &a);
	if (!statement)
		error_set(&e, REASON_NOT_FOUND,
		          "the exchange has no entry that names its record, or its agreement is not in force");
	if (statement && ctl_sign_statement(&a.by, statement, "officer", &e))
		printf("%s.json and %s.p7s: show them to whoever releases the exchange\n", a.by.out, a.by.out);
	else
		status = ctl_fail(CTL_FAILED, &e);
	json_decref(statement);
	json_decref(shown.entry);
	json_decref(shown.opened);
	json_decref(doc);
	return status;
}

static const struct screen_column outbox_columns[] = {
	{ "EXCHANGE", "exchange", SCREEN_KEEP },    { "STATE", "state", SCREEN_KEEP },
	{ "TO", "recipient", SCREEN_CUT },          { "AGREEMENT", "agreement", SCREEN_MAY },
	{ "TRIES", "attempts", SCREEN_MAY },        { "NEXT", "next", SCREEN_TIME },
	{ "LAST ERROR", "last_error", SCREEN_CUT }, { "DEADLINE", "deadline", SCREEN_MAY },
};

static int run_outbox(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage();
	return CTL_SHOW_LIST(c, json_pack("{s:s}", "do", "outbox"), "deliveries", outbox_columns);
}

/* [ID | --partner P] */
static int change_outbox(const struct ctl *c, int argc, char **argv, const char *what, bool may_be_all)
{
	static const struct option options[] = { { "partner", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 } };
	const char *partner = NULL;
	json_t *request, *doc;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'p')
			return ctl_usage();
		partner = optarg;
	}
	int ids = argc - optind;
	if (ids > 1 || (ids == 1 && partner) || (ids == 0 && !partner && !may_be_all))
		return ctl_usage();
	request = json_pack("{s:s}", "do", what);
	if (ids == 1)
		json_object_set_new(request, "exchange", json_string(argv[optind]));
	if (partner)
		json_object_set_new(request, "partner", json_string(partner));
	status = ctl_ask_ok(c, request, &doc);
	if (status != CTL_OK)
		return status;
	json_object_del(doc, "ok");
	json_int_t changed = json_integer_value(json_object_get(doc, "changed"));
	if (c->json)
		ctl_print_json(doc);
	else
		printf("%" JSON_INTEGER_FORMAT " changed\n", changed);
	json_decref(doc);
	return changed || ids == 0 ? CTL_OK : CTL_CHECK_FAILED;
}

static int run_outbox_retry(const struct ctl *c, int argc, char **argv)
{
	return change_outbox(c, argc, argv, "outbox-retry", true);
}

static int run_outbox_expire(const struct ctl *c, int argc, char **argv)
{
	return change_outbox(c, argc, argv, "outbox-expire", false);
}

static const struct screen_column notice_columns[] = {
	{ "EXCHANGE", "exchange", SCREEN_KEEP }, { "KIND", "kind", SCREEN_KEEP },
	{ "TO", "recipient", SCREEN_CUT },       { "TRIES", "attempts", SCREEN_MAY },
	{ "NEXT", "next", SCREEN_TIME },         { "LAST ERROR", "last_error", SCREEN_CUT },
};

static int run_notices(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage();
	return CTL_SHOW_LIST(c, json_pack("{s:s}", "do", "notices"), "notices", notice_columns);
}

const struct ctl_command ctl_exchange_commands[] = {
	{ "exchange", "list", "[MOST]", "the newest exchanges", run_list },
	{ "exchange", "show", "EXCHANGE", "one exchange, its audit entry and what it discloses; the reading is logged",
	  run_show },
	{ "exchange", "approve",
	  "EXCHANGE --certificate FILE --key FILE --out NAME [--exception ID] [--expires DATE-TIME]",
	  "an officer's approval of what is held: NAME.json, and its signature NAME.p7s", run_approve },
	{ "exchange", "release", "EXCHANGE --approval STATEMENT.json SIGNATURE.p7s [--approval …]",
	  "releases what is held, by the agreement as it is now and the officers' approvals", run_release },
	{ "exchange", "refuse", "EXCHANGE --reason TEXT", "refuses what is held and erases it", run_refuse },
	{ "exchange", "evidence", "EXCHANGE OUT.tar",
	  "all that proves one exchange, for a court or an authority, with a script that verifies it; the reading is logged",
	  ctl_evidence },
	{ "outbox", "list", "", "deliveries that wait, and those that failed and can be tried again", run_outbox },
	{ "outbox", "retry", "[EXCHANGE | --partner AGENCY]",
	  "tries deliveries and notices now; a delivery whose deadline has passed gets another", run_outbox_retry },
	{ "outbox", "expire", "EXCHANGE | --partner AGENCY", "ends deliveries as failed and erases their payloads",
	  run_outbox_expire },
	{ "outbox", "again", "EXCHANGE… | -",
	  "delivers once more what the partner had taken and lost, where it is kept", ctl_outbox_again },
	{ "outbox", NULL, "", "the same as outbox list", run_outbox },
	{ "notices", NULL, "", "notices to partners that wait", run_notices },
	{ NULL, NULL, NULL, NULL, NULL },
};
