/* A partner's log goes on with another key, which its key announces (lib/tlog/announcement.h). It is kept and logged; people
 * take it over (gatewayctl audit follow), for which keys are trusted is written in the partners' files. */
#include "gatewayd/core/witness/announced.h"

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/announcement.h"
#include "lib/tlog/entry.h"

#define TEXT VIEW("text/plain; charset=utf-8")

struct announced {
	struct job job; /* first */
	struct request *request;
	const struct partner *whose; /* of the request's conf */
	struct note_vkey next;
	bool known;
};

static bool write_announced(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct announced *a = JOB_OF(struct announced, j);
	struct request *r = a->request;
	struct act act = { .core = r->worker->core, .writer = w, .job = j, .store = s, .now_ms = r->now_ms };
	char name[NOTE_NAME_MAX + 16], note[500];
	struct digest digest;
	struct view value;

	snprintf(name, sizeof name, ANNOUNCED_NAME "%s", a->next.name);
	enum sought before = sought(store_get_value(s, view_of(name), &value, e), e);
	a->known = before == SOUGHT_FOUND;
	if (before != SOUGHT_NONE)
		return before == SOUGHT_FOUND;
	sha256(buf_view(&r->body), &digest);
	snprintf(note, sizeof note, "announced: the log %s goes on as %s with the key %08x", a->whose->log.name,
	         a->next.name, a->next.id);
	struct entry entry = {
		.operation = OPERATION_KEY_CHANGE, .peer = view_of(a->whose->id), .input = digest, .note = view_of(note)
	};
	return store_put_value(s, view_of(name), buf_view(&r->body), e) && audit_append(&act, &entry, NULL, NULL, e);
}

static void written(struct job *j)
{
	struct announced *a = JOB_OF(struct announced, j);

	if (!j->committed) {
		log_line("error", "a log's next key: %s", j->error.text);
		answer_problem(a->request, REASON_UNAVAILABLE);
	} else {
		if (!a->known)
			log_line("warning",
			         "log %s: goes on as %s with another key: `gatewayctl audit follow %s` takes it",
			         a->whose->log.name, a->next.name, a->whose->id);
		answer_text(a->request, 200, TEXT, VIEW("announced\n"));
	}
	writer_release(j);
	free(a);
}

void announced_take(struct request *r)
{
	struct announced *a = calloc(1, sizeof *a);
	struct error e = { .reason = REASON_NONE };
	struct note_vkey old;

	if (!a) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	if (!announcement_open(buf_view(&r->body), &old, &a->next, &e)) {
		answer_problem(r, REASON_RECEIPT_INVALID);
		free(a);
		return;
	}
	for (size_t i = 0; i < r->conf->n_partners && !a->whose; i++)
		if (r->conf->partners[i].has_log && note_vkey_same(&r->conf->partners[i].log, &old))
			a->whose = &r->conf->partners[i];
	if (!a->whose) {
		answer_problem(r, REASON_NOT_FOUND);
		free(a);
		return;
	}
	a->request = r;
	a->job = (struct job){
		.lane = request_lane(r), .home = r->worker->home, .run = write_announced, .done = written
	};
	writer_submit(r->worker->core->writer, &a->job);
}
