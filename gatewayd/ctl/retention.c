/* gatewayctl about what is to be erased when, and what stops it. */
#include <getopt.h>
#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/statement.h"
#include "lib/base/datetime.h"

static const struct screen_column timer_columns[] = {
	{ "DUE", "due", SCREEN_TIME },           { "WHAT", "kind", SCREEN_KEEP },
	{ "EXCHANGE", "exchange", SCREEN_KEEP }, { "AGREEMENT", "agreement", SCREEN_CUT },
	{ "HELD", "held", SCREEN_KEEP },
};

static const struct screen_column day_columns[] = {
	{ "DAY", "day", SCREEN_KEEP },     { "WHAT", "kind", SCREEN_KEEP }, { "TIMERS", "timers", SCREEN_KEEP },
	{ "FIRST", "first", SCREEN_TIME }, { "LAST", "last", SCREEN_TIME }, { "HELD", "held", SCREEN_KEEP },
};

static const struct screen_column agreement_columns[] = {
	{ "AGREEMENT", "agreement", SCREEN_CUT }, { "WHAT", "kind", SCREEN_KEEP }, { "TIMERS", "timers", SCREEN_KEEP },
	{ "FIRST", "first", SCREEN_TIME },        { "LAST", "last", SCREEN_TIME }, { "HELD", "held", SCREEN_KEEP },
};

static bool due_options(int argc, char **argv, json_t *request)
{
	static const struct option options[] = {
		{ "until", required_argument, NULL, 'u' },
		{ "by", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int64_t until;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'u' && time_parse(view_of(optarg), &until))
			json_object_set_new(request, "until_ms", json_integer(until));
		else if (option == 'b' && (strcmp(optarg, "agreement") == 0 || strcmp(optarg, "day") == 0))
			json_object_set_new(request, "by", json_string(optarg));
		else
			return false;
	}
	return optind == argc;
}

static int run_due(const struct ctl *c, int argc, char **argv)
{
	json_t *request = json_pack("{s:s}", "do", "retention-due");

	if (!due_options(argc, argv, request)) {
		json_decref(request);
		return ctl_usage();
	}
	const char *by = json_string_value(json_object_get(request, "by"));
	if (by && strcmp(by, "day") == 0)
		return CTL_SHOW_LIST(c, request, "groups", day_columns);
	if (by)
		return CTL_SHOW_LIST(c, request, "groups", agreement_columns);
	return CTL_SHOW_LIST(c, request, "timers", timer_columns);
}

/* --- what expires when --- */

#define BAR_COLUMNS 50

static json_int_t timers_of(const json_t *bar)
{
	return json_integer_value(json_object_get(bar, "timers"));
}

static void print_bar(json_t *bar, json_int_t most)
{
	const char *kind;
	json_t *n;

	printf("%s  %10" JSON_INTEGER_FORMAT "  ", ctl_text(bar, "from"), timers_of(bar));
	/* What is there shows. */
	for (json_int_t i = 0; i * most < timers_of(bar) * BAR_COLUMNS; i++)
		putchar('#');
	json_object_foreach(json_object_get(bar, "kinds"), kind, n)
	        printf("  %s %" JSON_INTEGER_FORMAT, kind, json_integer_value(n));
	if (json_integer_value(json_object_get(bar, "held")))
		printf("  (held %" JSON_INTEGER_FORMAT ")", json_integer_value(json_object_get(bar, "held")));
	putchar('\n');
}

static int run_histogram(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "per", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 } };
	const char *per = "day";
	json_t *doc, *bar;
	json_int_t most = 1;
	size_t i;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'p' ||
		    (strcmp(optarg, "day") != 0 && strcmp(optarg, "week") != 0 && strcmp(optarg, "month") != 0))
			return ctl_usage();
		per = optarg;
	}
	if (optind != argc)
		return ctl_usage();
	status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "retention-histogram", "per", per), &doc);
	if (status != CTL_OK)
		return status;
	json_t *bars = json_object_get(doc, "bars");
	json_array_foreach(bars, i, bar) most = timers_of(bar) > most ? timers_of(bar) : most;
	if (c->json)
		ctl_print_json(bars);
	else
		json_array_foreach(bars, i, bar) print_bar(bar, most);
	json_decref(doc);
	return CTL_OK;
}

/* --- erasing --- */

static const struct screen_column overdue_columns[] = {
	{ "FELL DUE", "made", SCREEN_TIME },      { "DUTY", "duty", SCREEN_KEEP },
	{ "EXCHANGE", "exchange", SCREEN_KEEP },  { "TO", "recipient", SCREEN_CUT },
	{ "AGREEMENT", "agreement", SCREEN_CUT }, { "STOPS", "blocks", SCREEN_KEEP },
};

static int run_overdue(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage();
	return CTL_SHOW_LIST(c, json_pack("{s:s}", "do", "retention-overdue"), "overdue", overdue_columns);
}

static int run_retention(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage();
	return ctl_do(c, json_pack("{s:s}", "do", "retention-run"), "what is due is being erased");
}

/* --- holds --- */

static const struct screen_column hold_columns[] = {
	{ "EXCHANGE", "exchange", SCREEN_KEEP },  { "KIND", "kind", SCREEN_KEEP }, { "UNTIL", "until", SCREEN_TIME },
	{ "STATEMENT", "statement", SCREEN_CUT }, { "ROLE", "role", SCREEN_MAY },  { "FROM", "from", SCREEN_MAY },
	{ "ENDED", "ended", SCREEN_MAY },
};

static int run_holds(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	bool all = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'a')
			return ctl_usage();
		all = true;
	}
	if (optind != argc)
		return ctl_usage();
	return CTL_SHOW_LIST(c, json_pack("{s:s, s:b}", "do", "retention-holds", "all", (int)all), "holds",
	                     hold_columns);
}

static int show_statement(const struct ctl *c, int argc, char **argv, const char *what)
{
	static const struct option options[] = {
		{ "statement", required_argument, NULL, 's' },
		{ "signature", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	const char *statement = NULL, *signature = NULL;
	json_t *doc;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 's': statement = optarg; break;
		case 'g': signature = optarg; break;
		default: return ctl_usage();
		}
	if (!statement || !signature || argc - optind != 1)
		return ctl_usage();
	json_t *request = ctl_statement_request(what, argv[optind], statement, signature);
	if (!request)
		return CTL_FAILED;
	status = ctl_ask_ok(c, request, &doc);
	if (status != CTL_OK)
		return status;
	json_object_del(doc, "ok");
	if (c->json)
		ctl_print_json(doc);
	else
		printf("%s%s\n", ctl_text(doc, "statement"),
		       json_is_true(json_object_get(doc, "changed")) ? "" : ": was known already");
	json_decref(doc);
	return CTL_OK;
}

static const char hold_arguments[] = "EXCHANGE --statement FILE --signature FILE";

static int run_hold(const struct ctl *c, int argc, char **argv)
{
	return show_statement(c, argc, argv, "retention-hold");
}

static int run_lift(const struct ctl *c, int argc, char **argv)
{
	return show_statement(c, argc, argv, "retention-lift");
}

struct stating {
	struct ctl_signing by;
	const char *kind, *until, *hold, *ground;
};

static bool statement_options(int argc, char **argv, struct stating *s)
{
	static const struct option options[] = {
		{ "kind", required_argument, NULL, 't' },        { "until", required_argument, NULL, 'u' },
		{ "hold", required_argument, NULL, 'h' },        { "ground", required_argument, NULL, 'g' },
		{ "certificate", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },         { NULL, 0, NULL, 0 },
	};
	int64_t until;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 't': s->kind = optarg; break;
		case 'u': s->until = optarg; break;
		case 'h': s->hold = optarg; break;
		case 'g': s->ground = optarg; break;
		case 'c': s->by.certificate = optarg; break;
		case 'k': s->by.key = optarg; break;
		case 'o': s->by.out = optarg; break;
		default: return false;
		}
	if (!s->kind || !s->ground || !s->by.certificate || !s->by.key || !s->by.out || argc - optind != 1)
		return false;
	if (strcmp(s->kind, "lift") == 0)
		return s->hold && !s->until;
	return (strcmp(s->kind, "hold") == 0 || strcmp(s->kind, "restriction") == 0) && !s->hold && s->until &&
	       time_parse(view_of(s->until), &until);
}

static const char statement_arguments[] =
        "EXCHANGE --kind hold|restriction|lift (--until DATE-TIME | --hold STATEMENT) --ground TEXT"
        " --certificate FILE --key FILE --out NAME";

/* Asks no daemon: whoever states a hold needs no access to the node. */
static int run_statement(const struct ctl *c, int argc, char **argv)
{
	struct stating s = { .kind = NULL };
	struct error e = { .reason = REASON_NONE };
	char issued[TIME_TEXT + 1];
	int status = CTL_OK;

	(void)c;
	if (!statement_options(argc, argv, &s))
		return ctl_usage();
	time_print((int64_t)time(NULL) * 1000, issued);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s}", "kind", s.kind, "exchange", argv[optind], "ground", s.ground,
	                        "issued", issued);
	if (!doc || json_object_set_new(doc, s.hold ? "hold" : "until", json_string(s.hold ? s.hold : s.until)) != 0)
		error_set(&e, REASON_BAD_JSON, "what is stated is not UTF-8 text");
	else if (ctl_sign_statement(&s.by, doc, "by", &e))
		printf("%s.json and %s.p7s: show them with `gatewayctl retention %s`\n", s.by.out, s.by.out,
		       s.hold ? "lift" : "hold");
	if (e.reason != REASON_NONE)
		status = ctl_fail(CTL_FAILED, &e);
	json_decref(doc);
	return status;
}

const struct ctl_command ctl_retention_commands[] = {
	{ "retention", "due", "[--until DATE-TIME] [--by agreement|day]", "timers, earliest first, or counted",
	  run_due },
	{ "retention", "histogram", "[--per day|week|month]", "what expires when", run_histogram },
	{ "retention", "overdue", "", "duties whose receipts are overdue", run_overdue },
	{ "retention", "run", "", "erases what is due now, without waiting for the next sweep", run_retention },
	{ "retention", "holds", "[--all]", "legal holds and restrictions in force, or ended ones too", run_holds },
	{ "retention", "hold-statement", statement_arguments,
	  "states a legal hold, a restriction or the lift of one: NAME.json, and its signature NAME.p7s",
	  run_statement },
	{ "retention", "hold", hold_arguments, "sets a legal hold or a restriction by its signed statement", run_hold },
	{ "retention", "lift", hold_arguments, "lifts one by a signed statement", run_lift },
	{ NULL, NULL, NULL, NULL, NULL },
};
