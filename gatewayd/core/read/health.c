/* Liveness, readiness, figures (OpenMetrics 1.0 text) and the description of the interface. No label tells of a
 * person or a case. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/schema/document.h"

static void send_as(struct request *r, int status, struct view type, struct view body)
{
	struct answer a = { .status = status, .content_type = type, .body = body };

	answer_send(r, &a);
}

void handle_openapi(struct request *r)
{
	send_as(r, 200, VIEW("application/json"), document_builtin_schema(VIEW("openapi")));
}

void handle_livez(struct request *r)
{
	send_as(r, 200, VIEW("text/plain"), VIEW("ok\n"));
}

void handle_readyz(struct request *r)
{
	struct core *c = r->worker->core;
	bool ready = !atomic_load(&c->draining) && !atomic_load(&c->dying) && atomic_load(&c->serving);

	send_as(r, ready ? 200 : 503, VIEW("text/plain"), ready ? VIEW("ready\n") : VIEW("not ready\n"));
}

static void counter(struct buf *b, const char *name, const char *help, uint64_t value)
{
	buf_addf(b, "# TYPE gatewayd_%s counter\n# HELP gatewayd_%s %s\ngatewayd_%s_total %llu\n", name, name, help,
	         name, (unsigned long long)value);
}

static void gauge(struct buf *b, const char *name, const char *help, uint64_t value)
{
	buf_addf(b, "# TYPE gatewayd_%s gauge\n# HELP gatewayd_%s %s\ngatewayd_%s %llu\n", name, name, help, name,
	         (unsigned long long)value);
}

void handle_metrics(struct request *r)
{
	struct core *c = r->worker->core;
	struct error e = { .reason = REASON_NONE };
	struct store_counts counts;
	struct writer_stats stats;
	struct buf b = BUF_INIT(65536);

	writer_stats(c->writer, &stats);
	counter(&b, "exchanges_released", "Records released.", atomic_load(&c->released));
	counter(&b, "exchanges_held", "Records held for a person to decide.", atomic_load(&c->held));
	counter(&b, "exchanges_refused", "Records refused.", atomic_load(&c->refused));
	counter(&b, "exchanges_replayed", "Answers given again for the same key.", atomic_load(&c->replayed));
	counter(&b, "deliveries", "Deliveries that a partner acknowledged.", atomic_load(&c->delivered));
	counter(&b, "delivery_failures", "Deliveries given up.", atomic_load(&c->delivery_failures));
	counter(&b, "timers_fired", "Timers that fired: payloads erased, duties made, receipts called for.",
	        atomic_load(&c->fired));
	counter(&b, "strangers", "Requests of no known partner.", atomic_load(&c->strangers));
	counter(&b, "commits", "Transactions committed.", stats.commits);
	gauge(&b, "commit_rows", "Median exchanges in one commit.", stats.median_batch);
	gauge(&b, "audit_entries", "Entries in the audit log.", stats.tree_size);
	gauge(&b, "clock_trusted", "Whether the clock is trusted, so that what is due is erased.", clock_trusted(c));
	counter(&b, "witness_given", "Checkpoints of partners' logs cosigned.", atomic_load(&c->witness->cosigned));
	counter(&b, "witness_incidents", "Partners' logs that forked or went back.",
	        atomic_load(&c->witness->incidents));
	counter(&b, "witness_had", "Cosignatures of this log.", atomic_load(&c->witness->cosignatures));
	counter(&b, "witness_failures", "Partners that did not cosign when asked.", atomic_load(&c->witness->failures));
	if (witness_latest_ms(c) > 0)
		gauge(&b, "witness_latest_seconds", "When this log was cosigned last, by the witness's clock.",
		      (uint64_t)witness_latest_ms(c) / 1000);
	counter(&b, "timestamps", "Timestamps of this log's checkpoints.", atomic_load(&c->timestamps));
	counter(&b, "timestamp_failures", "Timestamps that could not be had.", atomic_load(&c->timestamp_failures));
	if (timestamp_latest_ms(c) > 0)
		gauge(&b, "timestamp_latest_seconds", "The newest time in a timestamp of this log.",
		      (uint64_t)timestamp_latest_ms(c) / 1000);
	gauge(&b, "sights_unproved", "Checkpoints of partners' logs seen and not proved to be of one history.",
	      sights_unproved(c->sights));
	gauge(&b, "withdrawals_unknown", "Agreements whose list of withdrawn consents is missing or out of date.",
	      conf_lists_unknown(r->conf, r->now_ms));
	if (conf_next_update_ms(r->conf) > 0)
		gauge(&b, "withdrawals_due_seconds", "When the next list of withdrawn consents is due.",
		      (uint64_t)conf_next_update_ms(r->conf) / 1000);
	counter(&b, "rebuilds", "Full verifications that found the log whole.", atomic_load(&c->rebuilds));
	counter(&b, "rebuild_failures", "Full verifications that found the log altered.",
	        atomic_load(&c->rebuild_failures));
	gauge(&b, "rebuild_entries", "Entries in the last full verification.", atomic_load(&c->rebuild_entries));
	if (store_count(r->worker->reader, &counts, &e)) {
		gauge(&b, "payloads", "Sealed payloads held.", counts.payloads);
		gauge(&b, "timers", "Retention timers.", counts.timers);
		gauge(&b, "outbox", "Deliveries that wait.", counts.deliveries);
		gauge(&b, "notices", "Notices to partners that wait.", counts.notices);
		gauge(&b, "inbox", "Items that wait to be fetched.", counts.inbox);
	}
	buf_adds(&b, "# EOF\n");
	send_as(r, 200, VIEW("application/openmetrics-text; version=1.0.0; charset=utf-8"), buf_view(&b));
	buf_free(&b);
}
