/* GET /metrics: the figures, as OpenMetrics 1.0 or classic text. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/read/exposition.h"
#include "gatewayd/core/read/figures.h"
#include "gatewayd/core/read/waiting.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/os/space.h"

#define METRICS_MAX (4u << 20)

static void write_figures(struct exposition *x, const struct figures *now)
{
	uint64_t value;

	for (const struct figure *f = figure_list; f->read; f++) {
		if (!f->metric || !f->read(now, &value))
			continue;
		exposition_family(x, f->kind == FIGURE_COUNTER ? FAMILY_COUNTER : FAMILY_GAUGE, f->metric, f->help);
		exposition_sample(x, VIEW(""), value);
	}
}

static void write_build(struct exposition *x, const struct core *core, struct buf *labels)
{
	exposition_family(x, FAMILY_INFO, "build", "The software that this process runs.");
	exposition_label(labels, "version", view_of(core->build));
	exposition_sample(x, buf_view(labels), 1);
	buf_reset(labels);
}

/* What the edge counts, by kind: sums over its threads. The labels are those of edge_counts.h and no others. */
static void write_edge(struct exposition *x, struct core *core, struct buf *labels)
{
	static const char *const names[] = {
#define C(name, sentence) #name,
		EDGE_COUNTS(C)
#undef C
	};

	exposition_family(x, FAMILY_COUNTER, "edge_events",
	                  "What happened at the door: connections, handshakes and how they ended.");
	for (size_t i = 0; i < EDGE_COUNTS_N; i++) {
		uint64_t sum = 0;
		for (unsigned w = 0; w < core->n_workers; w++)
			sum += atomic_load_explicit(&core->workers[w]->edge_counts[i], memory_order_relaxed);
		exposition_label(labels, "event", view_of(names[i]));
		exposition_sample(x, buf_view(labels), sum);
		buf_reset(labels);
	}
}

/* --- records by agreement --- */

struct writing {
	struct exposition *x;
	struct buf *labels;
};

static void write_outcome(void *arg, const struct outcomes_row *row)
{
	const struct writing *w = arg;

	for (unsigned how = 0; how < ENDED_COUNT; how++) {
		exposition_label(w->labels, "agreement", view_of(row->agreement));
		exposition_label(w->labels, "outcome", view_of(ended_name(how)));
		exposition_sample(w->x, buf_view(w->labels), atomic_load_explicit(&row->n[how], memory_order_relaxed));
		buf_reset(w->labels);
	}
}

/* Each agreement of the configuration is there, with zeros where nothing came yet. */
static void write_outcomes(struct exposition *x, struct core *core, const struct conf *conf, struct buf *labels)
{
	struct writing w = { x, labels };

	for (size_t i = 0; i < conf->n_agreements; i++)
		(void)outcomes_row(&core->outcomes, agreement_id(conf->agreements[i]));
	exposition_family(x, FAMILY_COUNTER, "outcomes",
	                  "Records by agreement and outcome; without a name: of no agreement that is known.");
	outcomes_each(&core->outcomes, write_outcome, &w);
}

/* --- how long stages take --- */

static void write_stages(struct exposition *x, struct core *core, struct buf *labels)
{
	enum { READ, DECIDE, QUEUE, COMMIT, ANSWER, REQUEST, DELIVERY, STAGES };
	static const char *const names[STAGES] = {
		"read", "decide", "queue", "commit", "answer", "request", "delivery"
	};
	struct latency_sum sums[STAGES] = { 0 };

	writer_took(core->writer, &sums[QUEUE], &sums[COMMIT]);
	for (unsigned i = 0; i < core->n_workers; i++) {
		const struct worker_took *t = &core->workers[i]->took;
		latency_add(&sums[READ], &t->read);
		latency_add(&sums[DECIDE], &t->decide);
		latency_add(&sums[ANSWER], &t->answer);
		latency_add(&sums[REQUEST], &t->request);
		latency_add(&sums[DELIVERY], &t->delivery);
	}
	exposition_family(
	        x, FAMILY_HISTOGRAM, "stage_duration_seconds",
	        "How long stages took: read of a request's body, decide of a record, queue for a commit, commit of "
	        "a transaction, answer after it, request from whole to answered, delivery to a partner and back.");
	for (size_t i = 0; i < STAGES; i++) {
		exposition_label(labels, "stage", view_of(names[i]));
		exposition_histogram(x, buf_view(labels), &sums[i]);
		buf_reset(labels);
	}
}

/* --- disks --- */

/* One of them for each place; a file system that does not say has no sample. */
static void write_room(struct exposition *x, const struct node *n, bool kept, struct buf *labels)
{
	const struct {
		const char *name, *path;
	} places[] = { { "store", n->store }, { "keys", n->keys }, { "mirror", n->mirror }, { "anchor", n->anchor } };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct error e = { .reason = REASON_NONE };
		uint64_t left, reserve;
		if (!places[i].path || !space_look(places[i].path, &n->reserve, &left, &reserve, &e))
			continue;
		exposition_label(labels, "place", view_of(places[i].name));
		exposition_sample(x, buf_view(labels), kept ? reserve : left);
		buf_reset(labels);
	}
}

static void write_disks(struct exposition *x, const struct node *n, struct buf *labels)
{
	exposition_family(x, FAMILY_GAUGE, "disk_free_bytes",
	                  "What this process may still write where the place lies.");
	write_room(x, n, false, labels);
	exposition_family(x, FAMILY_GAUGE, "disk_reserve_bytes",
	                  "What is to stay free there: with less no new record is taken.");
	write_room(x, n, true, labels);
}

/* --- all of it --- */

/* What can be read is shown. */
static void write_all(struct request *r, struct exposition *x, struct buf *labels)
{
	struct core *core = r->worker->core;
	struct error e = { .reason = REASON_NONE };
	struct figures now;

	if (!figures_take(&now, core, r->conf, r->worker->reader, r->now_ms, &e))
		now.counted = false;
	write_build(x, core, labels);
	write_figures(x, &now);
	write_outcomes(x, core, r->conf, labels);
	write_stages(x, core, labels);
	write_disks(x, &r->conf->node, labels);
	write_edge(x, core, labels);
	size_t before = x->out->n;
	if (!waiting_metrics(r->worker->reader, x, &e))
		x->out->n = before;
	exposition_end(x);
}

void handle_metrics(struct request *r)
{
	struct buf b = BUF_INIT(METRICS_MAX), labels = BUF_INIT(4096);
	struct exposition x = { .out = &b, .openmetrics = exposition_is_openmetrics(r->accept) };

	write_all(r, &x, &labels);
	answer_written(r, exposition_media_type(x.openmetrics), &b);
	buf_free(&b);
	buf_free(&labels);
}
