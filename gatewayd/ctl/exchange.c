/* gatewayctl about exchanges, the outbox and retention. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/print.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"

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
	{ "outbox", NULL, "", "deliveries that wait", run_outbox },
	{ "retention", "due", "[--until DATE-TIME]", "timers, earliest first", run_due },
	{ "retention", "run", "", "erases what is due now, without waiting for the next sweep", run_retention },
	{ NULL, NULL, NULL, NULL, NULL },
};
