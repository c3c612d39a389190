/* See waiting.h. */
#include "gatewayd/core/read/waiting.h"

#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/store/notice.h"

struct writing {
	struct buf *out;
	const char *what;
	bool first;
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

/* --- as metrics --- */

struct measuring {
	struct exposition *x;
	struct buf labels;
	const char *what;
	bool failed; /* those past their deadline; else those that wait */
};

static bool add_metric(void *arg, const struct store_waiting *w)
{
	struct measuring *m = arg;
	uint64_t n = m->failed ? w->failed : w->n - w->failed;

	if (n == 0)
		return true;
	buf_reset(&m->labels);
	exposition_label(&m->labels, "what", view_of(m->what));
	exposition_label(&m->labels, "recipient", w->recipient);
	exposition_label(&m->labels, "reason", w->reason);
	exposition_sample(m->x, buf_view(&m->labels), n);
	return true;
}

bool waiting_metrics(struct store *reader, struct exposition *x, struct error *e)
{
	struct measuring m = { .x = x, .labels = BUF_INIT(4096), .what = "deliveries" };

	exposition_family(x, FAMILY_GAUGE, "waiting", "What waits for partners, by why it did not arrive yet.");
	bool ok = store_count_deliveries(reader, OUTBOX_FAILED, add_metric, &m, e);
	m.what = "notices";
	ok = ok && store_count_notices(reader, add_metric, &m, e);
	m.what = "deliveries";
	m.failed = true;
	exposition_family(x, FAMILY_GAUGE, "failed", "Deliveries past their deadline that can be tried again.");
	ok = ok && store_count_deliveries(reader, OUTBOX_FAILED, add_metric, &m, e);
	buf_free(&m.labels);
	return ok;
}
