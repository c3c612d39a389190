/* See waiting.h. */
#include "gatewayd/core/read/waiting.h"

#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/store/notice.h"

struct writing {
	struct buf *out;
	const char *what;
	bool first, failed; /* failed: the metric of those */
};

static bool add_json(void *arg, const struct store_waiting *w)
{
	struct writing *x = arg;

	buf_addf(x->out, "%s{\"what\":\"%s\",\"recipient\":", x->first ? "" : ",", x->what);
	buf_add_json_string(x->out, w->recipient);
	buf_adds(x->out, ",\"reason\":");
	buf_add_json_string(x->out, w->reason);
	buf_addf(x->out, ",\"waiting\":%llu,\"failed\":%llu}", (unsigned long long)(w->n - w->failed),
	         (unsigned long long)w->failed);
	x->first = false;
	return true;
}

bool waiting_json(struct store *reader, struct buf *out, struct error *e)
{
	struct writing x = { .out = out, .what = "deliveries", .first = true };

	buf_addc(out, '[');
	if (!store_count_deliveries(reader, OUTBOX_FAILED, add_json, &x, e))
		return false;
	x.what = "notices";
	if (!store_count_notices(reader, add_json, &x, e))
		return false;
	buf_addc(out, ']');
	return !out->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* Agencies and slugs are of letters, digits and hyphens: no label needs an escape. */
static bool add_metric(void *arg, const struct store_waiting *w)
{
	struct writing *x = arg;
	uint64_t n = x->failed ? w->failed : w->n - w->failed;

	if (n > 0)
		buf_addf(x->out, "gatewayd_%s{what=\"%s\",recipient=\"%.*s\",reason=\"%.*s\"} %llu\n",
		         x->failed ? "failed" : "waiting", x->what, VIEW_ARG(w->recipient), VIEW_ARG(w->reason),
		         (unsigned long long)n);
	return true;
}

bool waiting_metrics(struct store *reader, struct buf *out, struct error *e)
{
	struct writing x = { .out = out, .what = "deliveries" };

	buf_adds(out,
	         "# TYPE gatewayd_waiting gauge\n# HELP gatewayd_waiting What waits for partners, by why it did not "
	         "arrive yet.\n");
	if (!store_count_deliveries(reader, OUTBOX_FAILED, add_metric, &x, e))
		return false;
	x.what = "notices";
	if (!store_count_notices(reader, add_metric, &x, e))
		return false;
	x = (struct writing){ .out = out, .what = "deliveries", .failed = true };
	buf_adds(out, "# TYPE gatewayd_failed gauge\n# HELP gatewayd_failed Deliveries past their deadline that can be "
	              "tried again.\n");
	return store_count_deliveries(reader, OUTBOX_FAILED, add_metric, &x, e);
}
