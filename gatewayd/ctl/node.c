/* gatewayctl about the node: status, reload, drain. See ctl.h. */
#include <inttypes.h>
#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/print.h"

int ctl_ask_ok(const struct ctl *c, json_t *request, json_t **answer)
{
	struct error e = { .reason = REASON_NONE };
	const char *text;
	json_t *doc = ctl_ask(c, request, &e), *item;
	size_t i;

	*answer = NULL;
	if (!doc)
		return ctl_fail(CTL_UNREACHABLE, &e);
	if (json_is_true(json_object_get(doc, "ok"))) {
		*answer = doc;
		return CTL_OK;
	}
	text = json_string_value(json_object_get(doc, "error"));
	if (text)
		fprintf(stderr, "gatewayctl: %s\n", text);
	json_array_foreach(json_object_get(doc, "errors"), i, item) fprintf(stderr, "%s\n", json_string_value(item));
	json_decref(doc);
	return CTL_FAILED;
}

int ctl_do(const struct ctl *c, json_t *request, const char *said)
{
	json_t *doc;
	int status = ctl_ask_ok(c, request, &doc);

	if (status == CTL_OK) {
		if (c->json)
			ctl_print_json(doc);
		else
			puts(said);
	}
	json_decref(doc);
	return status;
}

void ctl_print_json(const json_t *doc)
{
	char *text = json_dumps(doc, JSON_INDENT(2));

	if (text)
		screen_json(stdout, view_of(text));
	putchar('\n');
	free(text);
}

void ctl_print_new(json_t *doc)
{
	ctl_print_json(doc);
	json_decref(doc);
}

const char *ctl_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "-";
}

int ctl_show_list(const struct ctl *c, json_t *request, const char *member, const struct screen_column *columns,
                  size_t n)
{
	json_t *doc;
	int status = ctl_ask_ok(c, request, &doc);

	if (status != CTL_OK)
		return status;
	if (c->json)
		ctl_print_json(json_object_get(doc, member));
	else
		screen_table(stdout, columns, n, json_object_get(doc, member));
	json_decref(doc);
	return CTL_OK;
}

static void print_numbers(const char *title, const json_t *o)
{
	const char *name;
	json_t *value;

	printf("%s\n", title);
	json_object_foreach((json_t *)(uintptr_t)o, name, value)
	        printf("  %-24s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
}

static void print_budget(const json_t *o)
{
	const char *partner = ctl_text(o, "partner");

	printf("  %-24s %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " bytes, %" JSON_INTEGER_FORMAT
	       " of %" JSON_INTEGER_FORMAT " jobs, %" JSON_INTEGER_FORMAT " waiting, %" JSON_INTEGER_FORMAT
	       " turned away\n",
	       partner[0] ? partner : "(no partner)", json_integer_value(json_object_get(o, "bytes")),
	       json_integer_value(json_object_get(o, "bytes_max")), json_integer_value(json_object_get(o, "jobs")),
	       json_integer_value(json_object_get(o, "jobs_max")), json_integer_value(json_object_get(o, "waiting")),
	       json_integer_value(json_object_get(o, "turned_away")));
}

static int run_status(const struct ctl *c, int argc, char **argv)
{
	json_t *doc, *agreement, *document, *budget;
	size_t i;
	int status;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	status = ctl_ask_ok(c, json_pack("{s:s}", "do", "status"), &doc);
	if (status != CTL_OK)
		return status;
	if (c->json) {
		ctl_print_json(doc);
	} else {
		printf("%s/%s  log %s  build %s\nserving since %s with %" JSON_INTEGER_FORMAT " threads%s\n",
		       ctl_text(doc, "agency"), ctl_text(doc, "node"), ctl_text(doc, "origin"), ctl_text(doc, "build"),
		       ctl_text(doc, "started"), json_integer_value(json_object_get(doc, "threads")),
		       json_is_true(json_object_get(doc, "draining")) ? ", draining" : "");
		const json_t *certificate = json_object_get(doc, "certificate");
		printf("certificate %s expires %s, in %" JSON_INTEGER_FORMAT " days\n", ctl_text(certificate, "uri"),
		       ctl_text(certificate, "expires"), json_integer_value(json_object_get(certificate, "days")));
		json_array_foreach(json_object_get(doc, "agreements"), i, agreement)
		        printf("agreement %s version %s until %s\n", ctl_text(agreement, "id"),
		               ctl_text(agreement, "version"), ctl_text(agreement, "sunset"));
		if (!json_is_true(json_object_get(json_object_get(doc, "clock"), "trusted")))
			printf("%s: nothing is erased\n", ctl_text(json_object_get(doc, "clock"), "why"));
		json_array_foreach(json_object_get(doc, "documents"), i, document)
		        printf("%s of %s number %" JSON_INTEGER_FORMAT ", agreement %s, next update %s\n",
		               ctl_text(document, "document"), ctl_text(document, "issuer"),
		               json_integer_value(json_object_get(document, "number")), ctl_text(document, "agreement"),
		               ctl_text(document, "next_update"));
		print_numbers("since start", json_object_get(doc, "since_start"));
		print_numbers("store", json_object_get(doc, "store"));
		print_numbers("acts", json_object_get(doc, "acts"));
		print_numbers("budget", json_object_get(doc, "budget"));
		json_array_foreach(json_object_get(doc, "budgets"), i, budget) print_budget(budget);
		print_numbers("writer", json_object_get(doc, "writer"));
	}
	json_decref(doc);
	return CTL_OK;
}

/* What was taken, and is worth a look. Certificates that are refused from now on are no success, though the rest was taken. */
static int run_reload(const struct ctl *c, int argc, char **argv)
{
	json_t *doc, *warning;
	size_t i;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	int status = ctl_ask_ok(c, json_pack("{s:s}", "do", "reload"), &doc);
	if (status == CTL_OK) {
		if (json_is_true(json_object_get(doc, "refuses")))
			status = CTL_CHECK_FAILED;
		if (c->json)
			ctl_print_json(doc);
		else
			puts("reloaded");
		json_array_foreach(json_object_get(doc, "warnings"), i, warning)
		        fprintf(stderr, "warning: %s\n", json_string_value(warning));
	} else if (status == CTL_FAILED) {
		fputs("gatewayctl: nothing was taken: what was running stays\n", stderr);
	}
	json_decref(doc);
	return status;
}

static int run_drain(const struct ctl *c, int argc, char **argv)
{
	bool off = argc == 2 && strcmp(argv[1], "off") == 0;

	if (argc > 2 || (argc == 2 && !off))
		return ctl_usage();
	return ctl_do(c, json_pack("{s:s, s:b}", "do", "drain", "on", !off), off ? "taking new exchanges" : "draining");
}

const struct ctl_command ctl_node_commands[] = {
	{ "status", NULL, "", "what the daemon serves and has done", run_status },
	{ "reload", NULL, "", "reads the configuration again; with an error the old one stays", run_reload },
	{ "drain", NULL, "[off]", "takes no new exchanges; off: takes them again", run_drain },
	{ NULL, NULL, NULL, NULL, NULL },
};
