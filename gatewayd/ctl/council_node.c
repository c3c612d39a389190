/* See council_node.h. */
#include "gatewayd/ctl/council_node.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/screen.h"
#include "lib/policy/council.h"

/* The socket takes a line of 64 KiB. */
#define REQUEST_MAX 65000u

/* A text of a file; NULL: `e`. */
static json_t *text_of(const char *path, size_t max, struct error *e)
{
	char *text = NULL;
	size_t n;
	json_t *o = ctl_read_file(path, max, &text, &n, e) ? json_stringn(text, n) : NULL;

	if (!o && e->reason == REASON_NONE)
		error_set(e, REASON_BAD_JSON, "%s is not UTF-8 text", path);
	free(text);
	return o;
}

static json_t *make_request(int n, char **paths, struct error *e)
{
	json_t *act = text_of(paths[0], ACT_TEXT_MAX, e), *list = json_array();
	json_t *request =
	        act ? json_pack("{s:s, s:o, s:O}", "do", "council-submit", "act", act, "signatures", list) : NULL;

	for (int i = 1; request && i < n; i++) {
		json_t *one = text_of(paths[i], ACT_SIGNATURE_MAX, e);
		if (one)
			json_array_append_new(list, one);
		else
			json_decref(request), request = NULL;
	}
	json_decref(list);
	if (request && json_dumpb(request, NULL, 0, JSON_COMPACT) > REQUEST_MAX) {
		error_set(e, REASON_LIMIT,
		          "act and signatures are too long for one request: submit the act with some of the "
		          "signatures, and again with the others");
		json_decref(request);
		return NULL;
	}
	return request;
}

static void print_outcome(const json_t *o)
{
	const char *lacks = json_string_value(json_object_get(o, "lacks"));

	printf("%s\n%s: %s%s\n", ctl_text(o, "act"), ctl_text(o, "kind"), ctl_text(o, "state"),
	       json_is_true(json_object_get(o, "first")) ? "" : ", was known already");
	if (lacks)
		printf("lacks %s\n", lacks);
	if (json_object_get(o, "until"))
		printf("until %s\n", ctl_text(o, "until"));
}

static int run_submit(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	json_t *doc, *request;
	int status;

	if (argc < 3 || argc > 2 + COUNCIL_SEATS_MAX)
		return ctl_usage();
	request = make_request(argc - 1, argv + 1, &e);
	if (!request)
		return ctl_fail(CTL_FAILED, &e);
	status = ctl_ask_ok(c, request, &doc);
	if (status != CTL_OK)
		return status;
	json_object_del(doc, "ok");
	if (c->json)
		ctl_print_json(doc);
	else
		print_outcome(doc);
	json_decref(doc);
	return CTL_OK;
}

static const struct screen_column act_columns[] = {
	{ "ACT", "act", SCREEN_KEEP },     { "KIND", "kind", SCREEN_KEEP },          { "STATE", "state", SCREEN_KEEP },
	{ "UNTIL", "until", SCREEN_TIME }, { "AGREEMENT", "agreement", SCREEN_CUT }, { "STATUS", "status", SCREEN_MAY },
	{ "SINCE", "from", SCREEN_MAY },   { "ENDED", "ended", SCREEN_MAY },
};

static int run_list(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "agreement", required_argument, NULL, 'g' },
		                                 { "all", no_argument, NULL, 'a' },
		                                 { NULL, 0, NULL, 0 } };
	const char *agreement = "";
	bool all = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'g': agreement = optarg; break;
		case 'a': all = true; break;
		default: return ctl_usage();
		}
	if (optind != argc)
		return ctl_usage();
	return CTL_SHOW_LIST(
	        c, json_pack("{s:s, s:b, s:s}", "do", "council-list", "all", (int)all, "agreement", agreement), "acts",
	        act_columns);
}

/* Quoted by jansson: what a person wrote moves no terminal. */
static void print_ground(const json_t *act)
{
	const char *text = json_string_value(json_object_get(act, "text"));
	json_t *doc = text ? json_loads(text, 0, NULL) : NULL;
	char *ground = json_dumps(json_object_get(doc, "ground"), JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (ground)
		printf("ground %s\n", ground);
	free(ground);
	json_decref(doc);
}

static void print_act(const json_t *act)
{
	const json_t *one;
	size_t i;

	printf("%s\n%s under %s, %s: %s\n", ctl_text(act, "act"), ctl_text(act, "kind"), ctl_text(act, "agreement"),
	       ctl_text(act, "status"), ctl_text(act, "state"));
	printf("in effect from %s, until %s, ended %s\n", ctl_text(act, "from"), ctl_text(act, "until"),
	       ctl_text(act, "ended"));
	print_ground(act);
	json_array_foreach(json_object_get(act, "signatures"), i, one)
	        printf("signed by %s of %s, here since %s\n", ctl_text(one, "seat"), ctl_text(one, "agency"),
	               ctl_text(one, "received"));
	json_array_foreach(json_object_get(act, "untold"), i, one) printf(
	        "the gateway of %s is still to be told: %" JSON_INTEGER_FORMAT " attempts, %s\n",
	        ctl_text(one, "recipient"), json_integer_value(json_object_get(one, "attempts")),
	        json_string_length(json_object_get(one, "last_error")) ? ctl_text(one, "last_error") : "none failed");
}

int ctl_council_show_node(const struct ctl *c, const char *digest)
{
	json_t *doc;
	int status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "council-show", "act", digest), &doc);

	if (status != CTL_OK)
		return status;
	if (c->json)
		ctl_print_json(json_object_get(doc, "act"));
	else
		print_act(json_object_get(doc, "act"));
	json_decref(doc);
	return CTL_OK;
}

const struct ctl_command ctl_council_node_commands[] = {
	{ "council", "submit", "FILE SIGNATURE …",
	  "shows an act with signatures to the daemon: it counts them, and it is in effect or collects more",
	  run_submit },
	{ "council", "list", "[--agreement ID] [--all]",
	  "acts that collect signatures or are in effect, or ended ones too", run_list },
	{ NULL, NULL, NULL, NULL, NULL },
};
