/* See incident.h. */
#include "gatewayd/core/audit/incident.h"

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
	struct incident *i = (struct incident *)j;
	struct buf leaf = BUF_INIT(8192);
	struct digest digest = { .b = { 0 } };
	uint64_t index;

	if (i->evidence.n)
		sha256(buf_view(&i->evidence), &digest);
	struct entry entry = { .operation = OPERATION_INCIDENT,
		               .time_ms = i->now_ms,
		               .peer = view_of(i->peer),
		               .input = digest,
		               .note = view_of(i->what),
		               .build = view_of(i->core->build) };
	entry_print(&entry, NULL, &leaf);
	bool ok = (i->evidence.n == 0 ||
	           store_put_document(s, &digest, VIEW("checkpoint"), buf_view(&i->evidence), i->now_ms, e)) &&
	          writer_append(w, j, buf_view(&leaf), VIEW(""), &index, e);
	buf_free(&leaf);
	return ok;
}

/* On the writer's thread. */
static void finished(struct job *j)
{
	struct incident *i = (struct incident *)j;

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
