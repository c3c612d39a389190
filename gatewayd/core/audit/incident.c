/* See incident.h. */
#include "gatewayd/core/audit/incident.h"

#include "gatewayd/core/store/store.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"
#include "lib/tlog/entry.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

struct incident {
	struct job job; /* first */
	struct core *core;
	char peer[128], what[600];
	bool told;
	char origin[NOTE_NAME_MAX];
	uint64_t size;       /* of the checkpoint that it contradicts; 0: none */
	struct buf evidence; /* as it was brought */
	struct buf kept;     /* with the other one before it */
	int64_t now_ms;
};

/* What the log signed before for that size, other than what contradicts it. */
static bool take_other(struct incident *i, struct store *s, struct error *e)
{
	struct store_witnessed known;
	struct view note;

	enum sought found = sought(store_get_sighted(s, view_of(i->origin), i->size, &note, e), e);
	if (found == SOUGHT_NONE) {
		found = sought(store_get_witnessed(s, view_of(i->origin), &known, e), e);
		if (found == SOUGHT_FOUND && known.size != i->size)
			found = SOUGHT_NONE;
		else if (found == SOUGHT_FOUND)
			note = known.note;
	}
	if (found != SOUGHT_FOUND || view_eq(note, buf_view(&i->evidence)))
		return found != SOUGHT_FAILED;
	buf_add(&i->kept, note);
	buf_addc(&i->kept, '\n');
	return true;
}

static bool write_evidence(struct incident *i, struct store *s, struct digest *digest, struct error *e)
{
	if (i->evidence.n == 0)
		return true;
	buf_reset(&i->kept);
	if (i->size > 0 && !take_other(i, s, e))
		return false;
	buf_add(&i->kept, buf_view(&i->evidence));
	if (i->kept.failed)
		return error_set(e, REASON_NO_MEMORY, "no memory for evidence");
	sha256(buf_view(&i->kept), digest);
	return store_put_document(s, digest, VIEW("checkpoint"), buf_view(&i->kept), i->now_ms, e) &&
	       (!i->told || store_put_tale(s, digest, e));
}

static bool write_incident(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct incident *i = JOB_OF(struct incident, j);
	struct act a = { .core = i->core, .writer = w, .job = j, .store = s, .now_ms = i->now_ms };
	struct digest digest = { .b = { 0 } };

	if (!write_evidence(i, s, &digest, e))
		return false;
	struct entry entry = {
		.operation = OPERATION_INCIDENT, .peer = view_of(i->peer), .input = digest, .note = view_of(i->what)
	};
	return audit_append(&a, &entry, NULL, NULL, e);
}

static void incident_free(struct incident *i)
{
	buf_free(&i->evidence);
	buf_free(&i->kept);
	free(i);
}

/* On the writer's thread. */
static void finished(struct job *j)
{
	struct incident *i = JOB_OF(struct incident, j);

	if (!j->committed)
		core_die(i->core, &j->error);
	writer_release(j);
	incident_free(i);
}

static void submit(struct core *c, const char *peer, const char *what, const struct incident *like,
                   struct view evidence)
{
	struct incident *i = calloc(1, sizeof *i);
	struct error e = { .reason = REASON_NONE };

	log_line("error", "%s: %s", peer, what);
	if (i) {
		*i = *like;
		i->evidence = i->kept = BUF_INIT(EVIDENCE_MAX);
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

void incident_submit(struct core *c, const char *peer, const char *what, struct view evidence)
{
	struct incident none = { .told = false };

	submit(c, peer, what, &none, evidence);
}

void incident_submit_told(struct core *c, const char *peer, const char *what, struct view origin, uint64_t size,
                          struct view evidence)
{
	struct incident told = { .told = true, .size = size };

	snprintf(told.origin, sizeof told.origin, "%.*s", VIEW_ARG(origin));
	submit(c, peer, what, &told, evidence);
}
