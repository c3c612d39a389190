/* See incident.h. */
#include "gatewayd/core/audit/incident.h"

#include "gatewayd/core/store/store.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/store/rest.h"
#include "lib/tlog/entry.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define EVIDENCE_MAX (256u * 1024)

struct incident {
	struct job job; /* first */
	struct core *core;
	char peer[128], what[600];
	struct buf evidence;
	int64_t now_ms;
};

static bool write_incident(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct incident *i = JOB_OF(struct incident, j);
	struct act a = { .core = i->core, .writer = w, .job = j, .store = s, .now_ms = i->now_ms };
	struct digest digest = { .b = { 0 } };

	if (i->evidence.n)
		sha256(buf_view(&i->evidence), &digest);
	struct entry entry = {
		.operation = OPERATION_INCIDENT, .peer = view_of(i->peer), .input = digest, .note = view_of(i->what)
	};
	return (i->evidence.n == 0 ||
	        store_put_document(s, &digest, VIEW("checkpoint"), buf_view(&i->evidence), i->now_ms, e)) &&
	       audit_append(&a, &entry, NULL, NULL, e);
}

/* On the writer's thread. */
static void finished(struct job *j)
{
	struct incident *i = JOB_OF(struct incident, j);

	if (!j->committed)
		core_die(i->core, &j->error);
	writer_release(j);
	buf_free(&i->evidence);
	free(i);
}

void incident_submit(struct core *c, const char *peer, const char *what, struct view evidence)
{
	struct incident *i = calloc(1, sizeof *i);
	struct error e = { .reason = REASON_NONE };

	log_line("error", "%s: %s", peer, what);
	if (i) {
		i->evidence = BUF_INIT(EVIDENCE_MAX);
		buf_add(&i->evidence, evidence);
	}
	if (!i || i->evidence.failed) {
		free(i);
		error_set(&e, REASON_NO_MEMORY, "no memory to log an incident");
		core_die(c, &e);
		return;
	}
	i->core = c;
	i->now_ms = instant_now_ms();
	snprintf(i->peer, sizeof i->peer, "%s", peer);
	snprintf(i->what, sizeof i->what, "%s", what);
	i->job = (struct job){ .run = write_incident, .done = finished };
	writer_submit(c->writer, &i->job);
}
