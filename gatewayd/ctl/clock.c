/* gatewayctl about the node's clock: whether it is trusted for erasing, and a person's word that it is right. */
#include <getopt.h>
#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/statement.h"
#include "lib/base/datetime.h"

#define LIFE_MS (3600 * SECOND_MS)

static int run_show(const struct ctl *c, int argc, char **argv)
{
	static const char *const names[] = { "now", "expected", "last_entry", "cosigned", "timestamped", "origin" };
	json_t *doc;
	int status;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	status = ctl_ask_ok(c, json_pack("{s:s}", "do", "clock-show"), &doc);
	if (status != CTL_OK)
		return status;
	json_object_del(doc, "ok");
	if (c->json) {
		ctl_print_json(doc);
	} else {
		puts(ctl_text(doc, "why"));
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			printf("  %-12s %s\n", names[i], ctl_text(doc, names[i]));
	}
	status = json_is_true(json_object_get(doc, "trusted")) ? CTL_OK : CTL_CHECK_FAILED;
	json_decref(doc);
	return status;
}

struct stating {
	struct ctl_signing by;
	const char *origin, *now;
};

static bool statement_options(int argc, char **argv, struct stating *s)
{
	static const struct option options[] = {
		{ "origin", required_argument, NULL, 'r' },      { "now", required_argument, NULL, 'n' },
		{ "certificate", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },         { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'r': s->origin = optarg; break;
		case 'n': s->now = optarg; break;
		case 'c': s->by.certificate = optarg; break;
		case 'k': s->by.key = optarg; break;
		case 'o': s->by.out = optarg; break;
		default: return false;
		}
	return s->origin && s->now && s->by.certificate && s->by.key && s->by.out && optind == argc;
}

static const char statement_arguments[] = "--origin ORIGIN --now DATE-TIME --certificate FILE --key FILE --out NAME";

/* The time is the signer's own, typed in: this machine's clock is the one in doubt. */
static int run_statement(const struct ctl *c, int argc, char **argv)
{
	struct stating s = { .origin = NULL };
	struct error e = { .reason = REASON_NONE };
	char expires[TIME_TEXT + 1];
	int64_t now;
	int status = CTL_OK;

	(void)c;
	if (!statement_options(argc, argv, &s) || !time_parse(view_of(s.now), &now))
		return ctl_usage();
	time_print(now + LIFE_MS, expires);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s}", "origin", s.origin, "now", s.now, "issued", s.now, "expires",
	                        expires);
	if (!doc)
		error_set(&e, REASON_BAD_JSON, "the origin is not UTF-8 text");
	else if (ctl_sign_statement(&s.by, doc, "by", &e))
		printf("%s.json and %s.p7s: show them with `gatewayctl clock confirm`\n", s.by.out, s.by.out);
	if (e.reason != REASON_NONE)
		status = ctl_fail(CTL_FAILED, &e);
	json_decref(doc);
	return status;
}

static int run_confirm(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "statement", required_argument, NULL, 's' },
		{ "signature", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	const char *statement = NULL, *signature = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 's': statement = optarg; break;
		case 'g': signature = optarg; break;
		default: return ctl_usage();
		}
	if (!statement || !signature || optind != argc)
		return ctl_usage();
	json_t *request = ctl_statement_request("clock-confirm", NULL, statement, signature);
	if (!request)
		return CTL_FAILED;
	return ctl_do(c, request, "the clock is trusted");
}

const struct ctl_command ctl_clock_commands[] = {
	{ "clock", "show", "", "whether the node's clock is trusted for erasing, and why", run_show },
	{ "clock", "statement", statement_arguments,
	  "states what your watch shows: NAME.json, and its signature NAME.p7s", run_statement },
	{ "clock", "confirm", "--statement FILE --signature FILE", "confirms the node's clock by a signed statement",
	  run_confirm },
	{ NULL, NULL, NULL, NULL, NULL },
};
