/* gatewayctl outbox again: delivers once more what a partner had taken and lost, by exchange ids that its `store reconcile`
 * found. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "gatewayd/ctl/print.h"
#include "lib/base/ids.h"

#define MOST     500 /* of one request */
#define LIST_MAX (64u << 20)

struct asking {
	const struct ctl *ctl;
	json_t *ids; /* of the next request */
	uint64_t queued, others;
};

static int ask(struct asking *a)
{
	json_t *doc, *row;
	size_t i;

	if (json_array_size(a->ids) == 0)
		return CTL_OK;
	int status = ctl_ask_ok(a->ctl, json_pack("{s:s, s:O}", "do", "outbox-again", "exchanges", a->ids), &doc);
	json_array_clear(a->ids);
	if (status != CTL_OK)
		return status;
	json_array_foreach(json_object_get(doc, "exchanges"), i, row)
	{
		bool queued = strcmp(ctl_text(row, "result"), "queued") == 0;
		a->queued += queued;
		a->others += !queued;
		printf(a->ctl->json ? "{\"exchange\":\"%s\",\"result\":\"%s\"}\n" : "%s  %s\n",
		       ctl_text(row, "exchange"), ctl_text(row, "result"));
	}
	json_decref(doc);
	return CTL_OK;
}

static int add(struct asking *a, const char *id)
{
	struct uuid u;

	if (!uuid_parse(view_of(id), &u)) {
		fprintf(stderr, "gatewayctl: outbox again: exchange ids are needed, or - for a list of them\n");
		return CTL_USAGE;
	}
	json_array_append_new(a->ids, json_string(id));
	return json_array_size(a->ids) < MOST ? CTL_OK : ask(a);
}

/* A line is an exchange id, or a finding of `store reconcile` in JSON: of those only what it received and lost. */
static int add_line(struct asking *a, const char *line)
{
	json_t *finding = line[0] == '{' ? json_loads(line, 0, NULL) : NULL;
	int status = CTL_OK;

	if (!finding)
		status = line[0] ? add(a, line) : CTL_OK;
	else if (strcmp(ctl_text(finding, "finding"), "lost-received") == 0)
		status = add(a, ctl_text(finding, "exchange"));
	json_decref(finding);
	return status;
}

static int add_list(struct asking *a)
{
	struct error e = { .reason = REASON_NONE };
	char *text, *rest, *line;
	size_t n;
	int status = CTL_OK;

	if (!ctl_read_file("-", LIST_MAX, &text, &n, &e))
		return ctl_fail(CTL_FAILED, &e);
	rest = text;
	while (status == CTL_OK && (line = strsep(&rest, "\n")))
		status = add_line(a, line);
	free(text);
	return status;
}

int ctl_outbox_again(const struct ctl *c, int argc, char **argv)
{
	struct asking a = { .ctl = c, .ids = json_array() };
	int status = CTL_OK;

	if (argc < 2) {
		status = ctl_usage();
	} else if (argc == 2 && strcmp(argv[1], "-") == 0) {
		status = add_list(&a);
	} else {
		for (int i = 1; i < argc && status == CTL_OK; i++)
			status = add(&a, argv[i]);
	}
	if (status == CTL_OK)
		status = ask(&a);
	json_decref(a.ids);
	if (status != CTL_OK)
		return status;
	fprintf(c->json ? stderr : stdout, "%" PRIu64 " are delivered once more, %" PRIu64 " are not\n", a.queued,
	        a.others);
	return a.others ? CTL_CHECK_FAILED : CTL_OK;
}
