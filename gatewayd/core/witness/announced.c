/* A partner's log goes on with another key, which its key announces (lib/tlog/announcement.h). It is kept and logged; people
 * take it over (gatewayctl audit follow), for which keys are trusted is written in the partners' files. */
#include "gatewayd/core/witness/announced.h"

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/announcement.h"
#include "lib/tlog/entry.h"

#define TEXT VIEW("text/plain; charset=utf-8")

enum told { TOLD_NEW, TOLD_KNOWN, TOLD_TWO };

struct announced {
	struct job job; /* first */
	struct request *request;
	const struct partner *whose; /* of the request's conf */
	struct note_vkey next;
	struct buf next_text; /* as a verifier key is written */
	enum told told;
	bool counted, first; /* that there are two was, also when the job runs again; and is the first of the day */
};

static void announced_free(struct announced *a)
{
	buf_free(&a->next_text);
	free(a);
}

static void names_of(const struct announced *a, char old[NOTE_NAME_MAX + 32], char next[NOTE_NAME_MAX + 16])
{
	snprintf(old, NOTE_NAME_MAX + 32, ANNOUNCES_NAME "%s+%08x", a->whose->log.name, a->whose->log.id);
	snprintf(next, NOTE_NAME_MAX + 16, ANNOUNCED_NAME "%s", a->next.name);
}

/* What is known of the key that announces. A build before kept announcements by the name of the new log alone. */
static bool compare(struct announced *a, struct store *s, struct error *e)
{
	char old[NOTE_NAME_MAX + 32], next[NOTE_NAME_MAX + 16];
	struct note_vkey before;
	struct view value;

	names_of(a, old, next);
	a->told = TOLD_NEW;
	switch (sought(store_get_value(s, view_of(old), &value, e), e)) {
	case SOUGHT_FOUND: a->told = view_eq(value, buf_view(&a->next_text)) ? TOLD_KNOWN : TOLD_TWO; return true;
	case SOUGHT_FAILED: return false;
	case SOUGHT_NONE: break;
	}
	switch (sought(store_get_value(s, view_of(next), &value, e), e)) {
	case SOUGHT_FOUND:
		if (announcement_follow(value, &a->whose->log, &before, NULL))
			a->told = note_vkey_same(&before, &a->next) ? TOLD_KNOWN : TOLD_TWO;
		return true;
	case SOUGHT_FAILED: return false;
	case SOUGHT_NONE: break;
	}
	return true;
}

static bool write_first(struct announced *a, const struct act *act, struct error *e)
{
	char old[NOTE_NAME_MAX + 32], next[NOTE_NAME_MAX + 16], note[500];
	struct view body = buf_view(&a->request->body);
	struct digest digest;

	names_of(a, old, next);
	sha256(body, &digest);
	snprintf(note, sizeof note, "announced: the log %s goes on as %s with the key %08x", a->whose->log.name,
	         a->next.name, a->next.id);
	struct entry entry = {
		.operation = OPERATION_KEY_CHANGE, .peer = view_of(a->whose->id), .input = digest, .note = view_of(note)
	};
	return store_put_value(act->store, view_of(next), body, e) &&
	       store_put_value(act->store, view_of(old), buf_view(&a->next_text), e) &&
	       audit_append(act, &entry, NULL, NULL, e);
}

static bool write_two(struct announced *a, const struct act *act, struct error *e)
{
	char old[NOTE_NAME_MAX + 32], next[NOTE_NAME_MAX + 16], note[500];
	struct digest digest;

	if (!a->counted)
		a->first =
		        sights_first_today(act->core->sights, view_of(a->whose->log.name), TOLD_TWO_KEYS, act->now_ms);
	a->counted = true;
	names_of(a, old, next);
	if (!store_put_value(act->store, view_of(old), ANNOUNCES_TWO, e))
		return false;
	if (!a->first)
		return true;
	sha256(buf_view(&a->request->body), &digest);
	snprintf(note, sizeof note,
	         "announced: the key of the log %s announced another before, and now %s with the key %08x",
	         a->whose->log.name, a->next.name, a->next.id);
	struct entry entry = {
		.operation = OPERATION_INCIDENT, .peer = view_of(a->whose->id), .input = digest, .note = view_of(note)
	};
	return store_put_document(act->store, &digest, VIEW("checkpoint"), buf_view(&a->request->body), act->now_ms,
	                          e) &&
	       audit_append(act, &entry, NULL, NULL, e);
}

static bool write_announced(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct announced *a = JOB_OF(struct announced, j);
	struct act act = {
		.core = a->request->worker->core, .writer = w, .job = j, .store = s, .now_ms = a->request->now_ms
	};

	if (!compare(a, s, e))
		return false;
	switch (a->told) {
	case TOLD_NEW: return write_first(a, &act, e);
	case TOLD_TWO: return write_two(a, &act, e);
	case TOLD_KNOWN: break;
	}
	return true;
}

static void answer_announced(const struct announced *a)
{
	switch (a->told) {
	case TOLD_TWO:
		log_line("error", "log %s: its key announced two others: ask the agency which is its own",
		         a->whose->log.name);
		answer_problem(a->request, REASON_RECEIPT_INVALID);
		return;
	case TOLD_NEW:
		log_line("warning", "log %s: goes on as %s with another key: `gatewayctl audit follow %s` takes it",
		         a->whose->log.name, a->next.name, a->whose->id);
		break;
	case TOLD_KNOWN: break;
	}
	answer_text(a->request, 200, TEXT, VIEW("announced\n"));
}

static void written(struct job *j)
{
	struct announced *a = JOB_OF(struct announced, j);

	if (!j->committed) {
		log_line("error", "a log's next key: %s", j->error.text);
		answer_problem(a->request, REASON_UNAVAILABLE);
	} else {
		answer_announced(a);
	}
	writer_release(j);
	announced_free(a);
}

/* The partner whose present log announces. */
static const struct partner *find_log(const struct conf *c, const struct note_vkey *old)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (c->partners[i].has_log && note_vkey_same(&c->partners[i].log, old))
			return &c->partners[i];
	return NULL;
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
	a->next_text = BUF_INIT(4096);
	if (!announcement_open(buf_view(&r->body), &old, &a->next, &e)) {
		answer_problem(r, REASON_RECEIPT_INVALID);
		announced_free(a);
		return;
	}
	a->whose = find_log(r->conf, &old);
	note_vkey_print(&a->next, &a->next_text);
	if (!a->whose || a->next_text.failed) {
		answer_problem(r, a->whose ? REASON_NO_MEMORY : REASON_NOT_FOUND);
		announced_free(a);
		return;
	}
	a->request = r;
	a->job = (struct job){
		.lane = request_lane(r), .home = r->worker->home, .run = write_announced, .done = written
	};
	writer_submit(r->worker->core->writer, &a->job);
}
