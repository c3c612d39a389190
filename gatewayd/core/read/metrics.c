/* GET /metrics: the figures as OpenMetrics 1.0 text. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/read/figures.h"
#include "gatewayd/core/read/waiting.h"
#include "gatewayd/core/serve/answer.h"

static void write_figure(struct buf *b, const struct figure *f, uint64_t value)
{
	bool counter = f->kind == FIGURE_COUNTER;

	buf_addf(b, "# TYPE gatewayd_%s %s\n# HELP gatewayd_%s %s\ngatewayd_%s%s %llu\n", f->metric,
	         counter ? "counter" : "gauge", f->metric, f->help, f->metric, counter ? "_total" : "",
	         (unsigned long long)value);
}

/* What the edge counts, by kind: sums over its threads. The labels are those of edge_counts.h and no others. */
static void write_edge(struct buf *b, struct core *core)
{
	static const char *const names[] = {
#define C(name, sentence) #name,
		EDGE_COUNTS(C)
#undef C
	};

	buf_adds(
	        b,
	        "# TYPE gatewayd_edge_events counter\n"
	        "# HELP gatewayd_edge_events What happened at the door: connections, handshakes and how they ended.\n");
	for (size_t i = 0; i < EDGE_COUNTS_N; i++) {
		uint64_t sum = 0;
		for (unsigned w = 0; w < core->n_workers; w++)
			sum += atomic_load_explicit(&core->workers[w]->edge_counts[i], memory_order_relaxed);
		buf_addf(b, "gatewayd_edge_events_total{event=\"%s\"} %llu\n", names[i], (unsigned long long)sum);
	}
}

void handle_metrics(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf b = BUF_INIT(65536);
	struct figures now;
	uint64_t value;

	/* What can be read is shown. */
	if (!figures_take(&now, r->worker->core, r->conf, r->worker->reader, r->now_ms, &e))
		now.counted = false;
	for (const struct figure *f = figure_list; f->read; f++)
		if (f->metric && f->read(&now, &value))
			write_figure(&b, f, value);
	write_edge(&b, r->worker->core);
	size_t before = b.n;
	if (!waiting_metrics(r->worker->reader, &b, &e))
		b.n = before;
	buf_adds(&b, "# EOF\n");
	answer_text(r, 200, VIEW("application/openmetrics-text; version=1.0.0; charset=utf-8"), buf_view(&b));
	buf_free(&b);
}
