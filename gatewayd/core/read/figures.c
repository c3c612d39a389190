/* See figures.h. */
#include "gatewayd/core/read/figures.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"

bool figures_take(struct figures *f, struct core *core, const struct conf *conf, struct store *reader, int64_t now_ms,
                  struct error *e)
{
	*f = (struct figures){ .core = core, .conf = conf, .now_ms = now_ms };
	writer_stats(core->writer, &f->writer);
	budget_state(core->budget, &f->budget);
	f->counted = store_count(reader, &f->store, e) && store_cosigned(reader, &f->cosigned, e);
	return f->counted;
}

/* --- how each is read --- */

#define FIGURE(function, there, from) \
	static bool function(const struct figures *f, uint64_t *value) \
	{ \
		*value = (there) ? (uint64_t)(from) : 0; \
		return (there); \
	}
static struct verified_figures notes(const struct figures *f)
{
	struct verified_figures v;

	verified_figures(f->core->verified, &v);
	return v;
}

/* A counter of struct core, one of its witness, and a row count of the store. */
#define OF_CORE(member)    FIGURE(core_##member, true, atomic_load(&f->core->member))
#define OF_WITNESS(member) FIGURE(witness_##member, true, atomic_load(&f->core->witness->member))
#define OF_STORE(member)   FIGURE(store_##member, f->counted, f->store.member)

OF_CORE(released)
OF_CORE(held)
OF_CORE(refused)
OF_CORE(replayed)
OF_CORE(delivered)
OF_CORE(delivery_failures)
OF_CORE(sendings)
OF_CORE(fired)
OF_CORE(strangers)
OF_CORE(unverified)
OF_CORE(timestamps)
OF_CORE(timestamp_failures)
OF_CORE(rebuilds)
OF_CORE(rebuild_failures)
OF_CORE(rebuild_entries)
OF_CORE(damaged)
OF_WITNESS(cosigned)
OF_WITNESS(incidents)
OF_WITNESS(cosignatures)
OF_WITNESS(failures)
OF_WITNESS(silent)
OF_WITNESS(independent)
OF_WITNESS(of_independent)
OF_STORE(exchanges)
OF_STORE(payloads)
OF_STORE(timers)
OF_STORE(deliveries)
OF_STORE(notices)
OF_STORE(inbox)
OF_STORE(entries)
OF_STORE(acts_in_effect)
OF_STORE(acts_untold)
FIGURE(writer_commits, true, f->writer.commits)
FIGURE(writer_jobs, true, f->writer.jobs)
FIGURE(writer_median_batch, true, f->writer.median_batch)
FIGURE(writer_queued, true, f->writer.queued)
FIGURE(writer_tree_size, true, f->writer.tree_size)
FIGURE(write_ahead, true, f->writer.unmoved.bytes)
FIGURE(write_ahead_held, true, f->writer.unmoved.held)
FIGURE(write_ahead_holder, f->writer.unmoved.holder != 0, f->writer.unmoved.holder)
FIGURE(has_bytes, true, f->budget.bytes + f->budget.waiting_bytes)
FIGURE(has_bytes_max, true, f->budget.bytes_max)
FIGURE(has_jobs, true, f->budget.jobs)
FIGURE(has_jobs_max, true, f->budget.jobs_max)
FIGURE(has_waiting, true, f->budget.waiting)
FIGURE(has_turned_away, true, f->budget.turned_away)
FIGURE(clock_is_trusted, true, clock_trusted(f->core))
FIGURE(witness_latest, witness_latest_ms(f->core) > 0, witness_latest_ms(f->core) / 1000)
FIGURE(witness_lag, f->counted &&atomic_load(&f->core->witness->named) > 0,
       f->writer.tree_size > f->cosigned ? f->writer.tree_size - f->cosigned : 0)
FIGURE(started, true, f->core->started_ms / 1000)
FIGURE(timestamp_latest, timestamp_latest_ms(f->core) > 0, timestamp_latest_ms(f->core) / 1000)
FIGURE(unproved, true, sights_unproved(f->core->sights))
FIGURE(late, true, sights_late(f->core->sights))
FIGURE(contradictions, true, sights_contradictions(f->core->sights))
FIGURE(notes_verified, true, notes(f).verified)
FIGURE(notes_known, true, notes(f).known)
FIGURE(lists_unknown, true, conf_lists_unknown(f->conf, f->now_ms))
FIGURE(lists_due, conf_next_update_ms(f->conf) > 0, conf_next_update_ms(f->conf) / 1000)
FIGURE(certificate_expires, f->conf->own.until_ms > 0, f->conf->own.until_ms / 1000)
FIGURE(revocation_due, conf_revocation_due_ms(f->conf) > 0, conf_revocation_due_ms(f->conf) / 1000)

/* --- the list --- */

#define COUNTER(metric, help, group, name, read) \
	{ \
		FIGURE_COUNTER, metric, help, group, name, read \
	}
#define GAUGE(metric, help, group, name, read) \
	{ \
		FIGURE_GAUGE, metric, help, group, name, read \
	}
#define SINCE "since_start"

const struct figure figure_list[] = {
	GAUGE("start_time_seconds", "When this process started (Unix time).", NULL, NULL, started),
	COUNTER("exchanges_released", "Records released.", SINCE, "released", core_released),
	COUNTER("exchanges_held", "Records held for a person to decide.", SINCE, "held", core_held),
	COUNTER("exchanges_refused", "Records refused.", SINCE, "refused", core_refused),
	COUNTER("exchanges_replayed", "Answers given again for the same key.", SINCE, "replayed", core_replayed),
	COUNTER("deliveries", "Deliveries that a partner acknowledged.", SINCE, "delivered", core_delivered),
	COUNTER("delivery_failures", "Deliveries given up.", SINCE, "delivery_failures", core_delivery_failures),
	COUNTER("sendings", "Requests to partners, of one delivery or notice or of many deliveries.", SINCE, "sendings",
	        core_sendings),
	COUNTER("timers_fired", "Timers that fired: payloads erased, duties made, receipts called for.", SINCE,
	        "timers_fired", core_fired),
	COUNTER("strangers", "Requests of no known partner.", SINCE, "strangers", core_strangers),
	COUNTER("certificates_unverified", "Certificates that the edge let in and core could not verify.", SINCE,
	        "certificates_unverified", core_unverified),
	COUNTER("commits", "Transactions committed.", "writer", "commits", writer_commits),
	COUNTER("jobs", "Jobs done in them.", "writer", "jobs", writer_jobs),
	GAUGE("commit_rows", "Median exchanges in one commit.", "writer", "median_rows_per_commit",
	      writer_median_batch),
	GAUGE("queue_jobs", "Jobs that wait for a transaction.", "writer", "queued", writer_queued),
	GAUGE("budget_bytes", "Bytes that requests hold or may send.", "budget", "bytes", has_bytes),
	GAUGE("budget_limit_bytes", "Bytes that requests may hold.", "budget", "bytes_max", has_bytes_max),
	GAUGE("budget_jobs", "Records that are being decided or written.", "budget", "jobs", has_jobs),
	GAUGE("budget_limit_jobs", "How many records may be decided or written at once.", "budget", "jobs_max",
	      has_jobs_max),
	GAUGE("budget_waiting", "Requests that wait for memory.", "budget", "waiting", has_waiting),
	COUNTER("turned_away", "Requests that were told to come again (busy).", "budget", "turned_away",
	        has_turned_away),
	GAUGE("audit_entries", "Entries in the audit log.", NULL, NULL, writer_tree_size),
	GAUGE("clock_trusted", "Whether the clock is trusted, so that what is due is erased.", NULL, NULL,
	      clock_is_trusted),
	COUNTER("witness_given", "Checkpoints of partners' logs cosigned.", NULL, NULL, witness_cosigned),
	COUNTER("witness_incidents", "Partners' logs that forked or went back.", NULL, NULL, witness_incidents),
	COUNTER("witness_had", "Cosignatures of this log.", NULL, NULL, witness_cosignatures),
	COUNTER("witness_failures", "Witnesses that did not cosign when asked.", NULL, NULL, witness_failures),
	GAUGE("witness_silent", "Witnesses that have owed a cosignature for longer than audit.witness_silence_s.",
	      "witnesses", "silent", witness_silent),
	GAUGE("witness_independent", "Witnesses that are no interested party and cosign this log.", "witnesses",
	      "independent", witness_independent),
	GAUGE("witness_independent_named", "Witnesses that are no interested party, of the node file's list.",
	      "witnesses", "of_independent", witness_of_independent),
	GAUGE("witness_latest_seconds", "When this log was cosigned last, by the witness's clock (Unix time).", NULL,
	      NULL, witness_latest),
	GAUGE("witness_lag_entries", "Entries of this log behind the newest checkpoint that its witnesses cosigned.",
	      NULL, NULL, witness_lag),
	COUNTER("timestamps", "Timestamps of this log's checkpoints.", NULL, NULL, core_timestamps),
	COUNTER("timestamp_failures", "Timestamps that could not be had.", NULL, NULL, core_timestamp_failures),
	GAUGE("timestamp_latest_seconds", "The newest time in a timestamp of this log (Unix time).", NULL, NULL,
	      timestamp_latest),
	GAUGE("sights_unproved", "Checkpoints of partners' logs seen and not proved to be of one history.", NULL, NULL,
	      unproved),
	COUNTER("sights_contradictions", "Checkpoints of partners' logs that contradict what was seen before.",
	        "witnesses", "contradictions", contradictions),
	COUNTER("unproved_fetched", "Records fetched before their sender's checkpoint was proved.", NULL, NULL, late),
	COUNTER("notes_verified", "Signatures of partners' checkpoints verified.", NULL, NULL, notes_verified),
	COUNTER("notes_known", "Partners' checkpoints whose signature had been verified.", NULL, NULL, notes_known),
	GAUGE("withdrawals_unknown",
	      "Agreements of which a list of consents, withdrawn or given, is missing or out of date.", NULL, NULL,
	      lists_unknown),
	GAUGE("withdrawals_due_seconds", "When the next list of consents is due (Unix time).", NULL, NULL, lists_due),
	GAUGE("certificate_expires_seconds", "When the certificate that this gateway shows expires (Unix time).", NULL,
	      NULL, certificate_expires),
	GAUGE("revocation_due_seconds", "When the next revocation list is due (Unix time).", NULL, NULL,
	      revocation_due),
	COUNTER("rebuilds", "Full verifications that found the log whole.", NULL, NULL, core_rebuilds),
	COUNTER("rebuild_failures", "Full verifications that found the log altered.", NULL, NULL,
	        core_rebuild_failures),
	GAUGE("rebuild_entries", "Entries in the last full verification.", NULL, NULL, core_rebuild_entries),
	GAUGE("payloads_damaged", "Payloads that cannot be served as they were sealed, by the last full look.", "store",
	      "damaged", core_damaged),
	GAUGE("store_write_ahead_bytes", "Size of the store's write-ahead log, as the last checkpoint found it.",
	      "store", "write_ahead_bytes", write_ahead),
	GAUGE("store_held", "Whether a reader keeps it from being emptied.", "store", "write_ahead_held",
	      write_ahead_held),
	GAUGE(NULL, "The other process whose reader that is, where it can be named.", "store", "write_ahead_held_by",
	      write_ahead_holder),
	GAUGE(NULL, "Exchanges.", "store", "exchanges", store_exchanges),
	GAUGE("payloads", "Sealed payloads held.", "store", "payloads", store_payloads),
	GAUGE("timers", "Retention timers.", "store", "timers", store_timers),
	GAUGE("outbox", "Deliveries that wait.", "store", "outbox", store_deliveries),
	GAUGE("notices", "Notices to partners that wait.", "store", "notices", store_notices),
	GAUGE("inbox", "Items that wait to be fetched.", "store", "inbox", store_inbox),
	GAUGE(NULL, "Entries of the log.", "store", "entries", store_entries),
	GAUGE("acts_in_effect", "Acts of persons that are in effect, provisional vetoes among them.", "acts",
	      "in_effect", store_acts_in_effect),
	GAUGE("acts_untold", "Acts that a partner's gateway is still to be told.", "acts", "untold", store_acts_untold),
	{ .read = NULL },
};
