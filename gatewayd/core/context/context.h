/* Core: what all its threads share. Filled by core_run() before any thread runs; afterwards only the
 * members that say so change. The tables are handed down from above (core/routes.c, core/parts.c, core/notice_kinds.c): a
 * room below calls what stands in them without knowing whose it is. */
#ifndef GATEWAYD_CORE_CONTEXT_CONTEXT_H
#define GATEWAYD_CORE_CONTEXT_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/context/outcomes.h"
#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/commit/writer.h"

struct attempts;
struct budget;
struct clock;
struct departures;
struct mirror;
struct notice_work;
struct overdue;
struct part;
struct quotas;
struct reads;
struct route;
struct sights;
struct stops;
struct surrogates;
struct tales;
struct terms_cache;
struct verified;
struct witness;
struct worker;

/* How much of the write-ahead log another program's reader keeps from being emptied, of what the configuration allows. */
enum backlog { BACKLOG_LITTLE, BACKLOG_MUCH, BACKLOG_FULL };

/* Whether the store has a mark of a record that came here (exchange/exchange_copies.c). It is asked once; a mark that is
 * written is said here before its transaction ends, and SOME stays. */
enum marked { MARKED_UNKNOWN, MARKED_NONE, MARKED_SOME };

struct core {
	const char *config_path;
	const char *build;                     /* software build, in every audit entry */
	const struct route *routes;            /* ends with a path that is NULL */
	const struct part *parts;              /* of each worker; ends with a make that is NULL */
	const struct notice_work *notice_work; /* by kind of notice */
	struct secret pseudonym;
	struct hmac_key *body_key; /* keyed digests of bodies, for idempotency */
	struct schema *envelope_schema, *notice_schema;
	struct keystore *keys;
	struct mirror *mirror;
	struct writer *writer;
	struct store *reader;          /* the main thread's */
	struct quotas *quotas;         /* its own lock */
	struct surrogates *surrogates; /* its own lock */
	struct overdue *overdue;       /* its own lock */
	struct stops *stops;           /* its own lock */
	struct attempts *attempts;     /* its own lock */
	struct departures *departures; /* its own lock */
	struct budget *budget;         /* its own lock */
	struct reads *reads;           /* its own lock */
	struct readings *readings;     /* its own lock */
	struct sources *sources;       /* its own lock */
	struct terms_cache *terms;     /* the writer's thread */
	struct witness *witness;
	const struct note_vkey *log_vkey, *witness_vkey; /* of this node; the second NULL: it is no witness */
	struct sights *sights;                           /* its own lock */
	struct tales *tales;                             /* its own lock */
	struct verified *verified;                       /* its own lock */
	struct clock *clock;                             /* clock_trusted() */
	struct worker **workers;
	unsigned n_workers;
	int64_t started_ms;
	int64_t approvals_from_ms; /* approvals that were signed earlier may have been used: approvals_epoch() */

	pthread_mutex_t lock;             /* guards conf */
	struct conf *conf;                /* the current one; core_conf() */
	_Atomic bool serving;             /* the log was settled, and what fell due meanwhile has run */
	_Atomic bool draining;            /* no new exchanges; /readyz says so */
	_Atomic bool space_low;           /* no new exchanges: there is too little room (serve/space.h) */
	_Atomic int backlog;              /* enum backlog: at BACKLOG_FULL no new exchanges (serve/backlog.h) */
	_Atomic bool anchor_failing;      /* the anchor cannot be written */
	_Atomic bool dying;               /* the store or the log failed: stop */
	_Atomic bool tampered;            /* that the log was found altered or put back is why: exit 78 */
	_Atomic uint64_t shapes_underway; /* that were not stored when what names them was submitted */
	_Atomic int marked;               /* enum marked */
	int die_fd;                       /* eventfd that ends the main loop */

	_Atomic unsigned hastened; /* how often people had what waits tried now: no way is shut from then on */

	/* Figures for status and metrics. */
	_Atomic uint64_t released, held, refused, replayed, delivered, delivery_failures, fired, strangers;
	_Atomic uint64_t unverified; /* certificates of peers that the edge let in and core could not verify */
	_Atomic uint64_t sendings;   /* requests with deliveries or notices to partners */
	_Atomic uint64_t timestamps, timestamp_failures;
	_Atomic int64_t timestamp_ms; /* timestamp_latest_ms() */
	/* Full verifications of the log: that found it whole, found it altered; entries of the last one. */
	_Atomic uint64_t rebuilds, rebuild_failures, rebuild_entries;
	_Atomic uint64_t damaged; /* payloads that the last look found damaged */
	struct outcomes outcomes; /* records by agreement */
};

/* What came of a reload; the caller frees both lists. */
struct reload_said {
	struct error_list errors;   /* why it was not taken */
	struct error_list warnings; /* of what was taken */
	bool refuses;               /* what was taken refuses all certificates of an authority */
};

/* The current configuration, with a reference for the caller. Any thread. */
struct conf *core_conf(struct core *c);
/* Fatal: logs and ends the process from the main loop; with status 78 for REASON_TAMPERED. Any thread. */
void core_die(struct core *c, const struct error *e);

#endif
