/* See governing.h. */
#include "gatewayd/core/audit/governing.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "lib/policy/consents.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/audit/in_force.h"
#include "lib/tlog/note.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

struct governing {
	struct job job; /* first */
	struct core *core;
	struct conf *conf; /* NULL: nothing is compared */
	enum operation operation;
	const char *kind, *change; /* of the entry; NULL: none */
	char note[80];
	int64_t now_ms;
	/* of run() */
	struct act act;
	struct error *error;
};

/* --- signed documents of run time --- */

/* Under which the store remembers what is in force. */
static void name_of(enum document_kind kind, struct view agreement, struct view issuer, char *out, size_t size)
{
	snprintf(out, size, "document/%s/%.*s/%.*s", document_kind_name(kind), VIEW_ARG(agreement), VIEW_ARG(issuer));
}

/* Under which it remembers the salt of an agreement's lists of consents, whoever issues them. */
static void salt_name(struct view agreement, char *out, size_t size)
{
	snprintf(out, size, "consents/salt/%.*s", VIEW_ARG(agreement));
}

static bool keep_salt(struct governing *g, const struct signed_document *d)
{
	char name[300];

	if (!d->consents)
		return true;
	salt_name(d->agreement, name, sizeof name);
	return store_put_value(g->act.store, view_of(name), consents_salt(d), g->error);
}

/* What was in force when the store was written last; NULL: nothing, or (with an error listed) it cannot be read. */
static struct signed_document *remembered(struct store *reader, const char *name, struct error_list *errors)
{
	/* It was judged when it came. */
	const struct document_sources judged = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct error e = { .reason = REASON_NONE };
	struct digest digest;
	struct view text;

	enum sought value = sought(store_get_value(reader, view_of(name), &text, &e), &e);
	if (value == SOUGHT_FAILED)
		error_list_add(errors, &e);
	if (value != SOUGHT_FOUND)
		return NULL;
	if (!digest_parse(text, &digest) || !store_get_document(reader, &digest, &text, &e)) {
		error_list_addf(errors, REASON_STORE, name, 0, 0, "what was in force is not in the store");
		return NULL;
	}
	return signed_document_load(name, text, VIEW(""), &judged, errors);
}

static void follow_store(struct store *reader, const struct conf *fresh, enum document_kind kind, struct view agreement,
                         struct view issuer, int64_t now_ms, struct error_list *errors)
{
	char name[300];

	if (issuer.n == 0)
		return;
	name_of(kind, agreement, issuer, name, sizeof name);
	struct signed_document *before = remembered(reader, name, errors);
	if (before)
		signed_document_follows(before, conf_document(fresh, kind, agreement, issuer), now_ms, errors);
	signed_document_free(before);
}

/* The store does not know yet what the last reload brought. Where the agreement went its documents may go. */
static void follow_running(const struct conf *running, const struct conf *fresh, int64_t now_ms,
                           struct error_list *errors)
{
	for (size_t i = 0; running && i < running->n_documents; i++) {
		const struct signed_document *d = running->documents[i];
		if (d->agreement.n == 0 || conf_holds(fresh, d->agreement))
			signed_document_follows(d, conf_document(fresh, d->kind, d->agreement, d->issuer), now_ms,
			                        errors);
	}
}

/* An issuer that follows another takes its salt over. */
static void follow_salts(struct store *reader, const struct conf *fresh, struct error_list *errors)
{
	for (size_t i = 0; i < fresh->n_documents; i++) {
		const struct signed_document *d = fresh->documents[i];
		struct error e = { .reason = REASON_NONE };
		struct view salt;
		char name[300];

		if (!d->consents)
			continue;
		salt_name(d->agreement, name, sizeof name);
		enum sought known = sought(store_get_value(reader, view_of(name), &salt, &e), &e);
		if (known == SOUGHT_FAILED)
			error_list_add(errors, &e);
		else if (known == SOUGHT_FOUND && !view_eq(salt, consents_salt(d)))
			signed_document_fault(
			        d, errors, REASON_CONFIG, "/salt",
			        "is not that of the lists that were in force for this agreement: all keep one, "
			        "by which what was released is found");
	}
}

bool governing_permits(struct store *reader, const struct conf *running, const struct conf *fresh, int64_t now_ms,
                       struct error_list *errors)
{
	struct view self = view_of(fresh->node.agency);
	size_t before = errors->n + errors->dropped;

	follow_running(running, fresh, now_ms, errors);
	if (errors->n + errors->dropped > before)
		return false;
	follow_store(reader, fresh, DOCUMENT_TRAINING, VIEW(""), self, now_ms, errors);
	for (size_t i = 0; i < fresh->n_agreements; i++) {
		const struct agreement *a = fresh->agreements[i];
		follow_store(reader, fresh, DOCUMENT_WITHDRAWALS, agreement_id(a), agreement_withdrawals(a), now_ms,
		             errors);
		follow_store(reader, fresh, DOCUMENT_CONSENTS, agreement_id(a), agreement_given(a), now_ms, errors);
		follow_store(reader, fresh, DOCUMENT_EPOCHS, agreement_id(a), self, now_ms, errors);
	}
	if (errors->n + errors->dropped == before)
		follow_salts(reader, fresh, errors);
	return errors->n + errors->dropped == before;
}

/* In the last quarter of its time a list is announced as due. */
static void warn_of(const struct signed_document *d, int64_t now_ms)
{
	char due[TIME_TEXT + 1];

	time_print(d->next_update_ms, due);
	if (!consents_current(d, now_ms))
		log_line("error", "%s: its next update was due at %s: what rests on consent is refused", d->file, due);
	else if (d->next_update_ms - now_ms < (d->next_update_ms - d->issued_ms) / 4)
		log_line("warning",
		         "%s: its next update is due at %s; without it what rests on consent is refused then", d->file,
		         due);
}

static void warn_missing(const struct agreement *a, enum document_kind kind, struct view issuer,
                         const struct signed_document *list)
{
	if (issuer.n && !list)
		log_line(
		        "error",
		        "agreement %.*s version %.*s: there is no list of %s of %.*s: what rests on consent is refused",
		        VIEW_ARG(agreement_id(a)), VIEW_ARG(agreement_version(a)), document_kind_name(kind),
		        VIEW_ARG(issuer));
}

void governing_warn(const struct conf *conf, int64_t now_ms)
{
	for (size_t i = 0; i < conf->n_documents; i++)
		if (conf->documents[i]->consents)
			warn_of(conf->documents[i], now_ms);
	for (size_t i = 0; i < conf->n_agreements; i++) {
		const struct agreement *a = conf->agreements[i];
		warn_missing(a, DOCUMENT_WITHDRAWALS, agreement_withdrawals(a), conf_withdrawals(conf, a));
		warn_missing(a, DOCUMENT_CONSENTS, agreement_given(a), conf_given(conf, a));
	}
}

/* --- what is in force --- */

#define IN_FORCE     VIEW("in-force")
#define IN_FORCE_MAX (64u * 1024 * 1024)
#define CHANGE_MAX   2000u /* of a note */

static enum operation operation_of(struct view kind)
{
	if (view_is(kind, "keys") || view_is(kind, document_kind_name(DOCUMENT_EPOCHS)))
		return OPERATION_KEY_CHANGE;
	if (view_is(kind, "partner") || view_is(kind, "limits") || view_is(kind, "revocations"))
		return OPERATION_CONFIG_CHANGE;
	return OPERATION_POLICY_CHANGE;
}

/* An agreement's name begins with its id, and so does that of a document about one. */
static struct view agreement_of(const struct in_force_change *c)
{
	struct view rest = c->name, id = view_cut(&rest, '/');

	return rest.n && !view_is(c->kind, "partner") ? id : VIEW("");
}

static const struct signed_document *signed_of(const struct conf *conf, const struct thing *t)
{
	for (size_t i = 0; t && i < conf->n_documents; i++)
		if (digest_eq(&conf->documents[i]->digest, &t->digest))
			return conf->documents[i];
	return NULL;
}

/* For people: of texts that were printed from the operator's files, also which lines differ. */
static bool put_note(struct governing *g, const struct in_force_change *c, const char *how, struct buf *note)
{
	const struct signed_document *d = signed_of(g->conf, c->after);
	bool printed = view_is(c->kind, "partner") || view_is(c->kind, "limits");
	struct view was;

	buf_addf(note, "%.*s %.*s", VIEW_ARG(c->kind), VIEW_ARG(c->name));
	if (d)
		buf_addf(note, " number %llu", (unsigned long long)d->number);
	buf_addf(note, ": %s", how);
	if (!printed || !c->before || !c->after)
		return true;
	enum sought text = sought(store_get_document(g->act.store, c->before, &was, g->error), g->error);
	if (text == SOUGHT_FOUND)
		in_force_lines(was, c->after->text, note);
	return text != SOUGHT_FAILED;
}

/* Keeps the text by its digest. `*known`: it was in force before. */
static bool keep(struct governing *g, const struct thing *t, bool *known)
{
	struct view text;

	*known = false;
	if (!t->text.p)
		return true;
	enum sought document = sought(store_get_document(g->act.store, &t->digest, &text, g->error), g->error);
	*known = document == SOUGHT_FOUND;
	return *known || (document == SOUGHT_NONE &&
	                  store_put_document(g->act.store, &t->digest, t->kind, t->text, g->now_ms, g->error));
}

static bool log_change(void *arg, const struct in_force_change *c)
{
	struct governing *g = arg;
	struct buf note = BUF_INIT(CHANGE_MAX);
	bool known = false;

	if (c->after && !keep(g, c->after, &known))
		return false;
	const char *how = !c->after ? "gone" : known ? "back" : c->before ? "changed" : "new";
	bool ok = put_note(g, c, how, &note);
	struct entry entry = { .operation = operation_of(c->kind),
		               .agreement = agreement_of(c),
		               .kind = c->kind,
		               .name = c->name,
		               .change = view_of(how),
		               .note = buf_view(&note) };
	if (c->before)
		entry.before = *c->before;
	if (c->after)
		entry.after = c->after->digest;
	ok = ok && audit_append(&g->act, &entry, NULL, NULL, g->error);
	buf_free(&note);
	return ok;
}

/* Which document of run time is in force stays known when it goes with its agreement. */
static bool remember_documents(struct governing *g)
{
	struct buf digest = BUF_INIT(65);
	char name[300];
	bool ok = true;

	for (size_t i = 0; i < g->conf->n_documents && ok; i++) {
		const struct signed_document *d = g->conf->documents[i];
		name_of(d->kind, d->agreement, d->issuer, name, sizeof name);
		buf_reset(&digest);
		digest_print(&digest, &d->digest);
		ok = store_put_value(g->act.store, view_of(name), buf_view(&digest), g->error) && keep_salt(g, d);
	}
	buf_free(&digest);
	return ok;
}

/* What is in force against what was when this was written last, be it by this process or the one before. The start or
 * reload says the digest of both lists: a store that was altered meanwhile shows in the log, where the one does not follow
 * the other. */
static bool log_in_force(struct governing *g, struct entry *start)
{
	struct buf list = BUF_INIT(IN_FORCE_MAX), last = BUF_INIT(IN_FORCE_MAX);
	struct in_force now;
	struct view was = VIEW("");
	bool ok = in_force_collect(g->core, g->conf, &now);

	in_force_print(&now, &list);
	enum sought known = sought(store_get_value(g->act.store, IN_FORCE, &was, g->error), g->error);
	if (known == SOUGHT_FOUND) {
		buf_add(&last, was);
		sha256(was, &start->before);
	}
	sha256(buf_view(&list), &start->after);
	if (!ok || list.failed || last.failed)
		ok = error_set(g->error, REASON_NO_MEMORY, "memory ran out");
	ok = ok && known != SOUGHT_FAILED && audit_append(&g->act, start, NULL, NULL, g->error) &&
	     in_force_changes(buf_view(&last), &now, log_change, g) &&
	     store_put_value(g->act.store, IN_FORCE, buf_view(&list), g->error) && remember_documents(g);
	in_force_free(&now);
	buf_free(&list);
	buf_free(&last);
	return ok;
}

/* --- archived logs --- */

/* What `gatewayctl audit archive` did while nothing could be logged: once. */
static bool tell_archive(struct governing *g, uint64_t log, const struct store_archive *a)
{
	uint64_t present = store_log(g->act.store), size;
	struct buf note = BUF_INIT(NOTE_NAME_MAX + 100);
	struct view checkpoint = VIEW("");

	bool ok = store_use_log(g->act.store, log, g->error) &&
	          store_last_checkpoint(g->act.store, &size, &checkpoint, g->error);
	struct view origin = view_cut(&checkpoint, '\n');
	buf_addf(&note, "entries of log %.*s archived: %llu", VIEW_ARG(origin), (unsigned long long)a->size);
	ok = store_use_log(g->act.store, present, g->error) && ok;
	struct entry entry = { .operation = OPERATION_ERASURE, .input = a->checkpoint, .note = buf_view(&note) };
	ok = ok && (!note.failed || error_set(g->error, REASON_NO_MEMORY, "memory ran out")) &&
	     audit_append(&g->act, &entry, NULL, NULL, g->error) && store_tell_archive(g->act.store, log, g->error);
	buf_free(&note);
	return ok;
}

static bool tell_archives(struct governing *g)
{
	for (uint64_t log = 0; log < store_log(g->act.store); log++) {
		struct store_archive a;
		enum sought archive = sought(store_get_archive(g->act.store, log, &a, g->error), g->error);

		if (archive == SOUGHT_FAILED || (archive == SOUGHT_FOUND && !a.told && !tell_archive(g, log, &a)))
			return false;
	}
	return true;
}

/* --- the job --- */

static bool write_governing(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct governing *g = JOB_OF(struct governing, j);
	struct entry entry = { .operation = g->operation,
		               .kind = view_of(g->kind),
		               .change = view_of(g->change),
		               .note = view_of(g->note) };

	g->act = (struct act){ .core = g->core, .writer = w, .job = j, .store = s, .now_ms = g->now_ms };
	g->error = e;
	if (!g->conf)
		return audit_append(&g->act, &entry, NULL, NULL, e);
	return log_in_force(g, &entry) && (g->operation != OPERATION_START || tell_archives(g));
}

/* On the writer's thread: nobody waits for it. */
static void finished(struct job *j)
{
	struct governing *g = JOB_OF(struct governing, j);

	if (!j->committed)
		core_die(g->core, &j->error);
	writer_release(j);
	conf_unref(g->conf);
	free(g);
}

/* Takes `made` over, whose job is filled in here. */
static bool submit(struct core *c, const struct governing *made)
{
	struct governing *g = calloc(1, sizeof *g);

	if (!g) {
		conf_unref(made->conf);
		return false;
	}
	*g = *made;
	g->core = c;
	g->now_ms = instant_now_ms();
	g->job = (struct job){ .run = write_governing, .done = finished };
	writer_submit(c->writer, &g->job);
	return true;
}

bool governing_submit(struct core *c, struct conf *conf, const char *why)
{
	bool start = strcmp(why, "start") == 0;
	struct governing g = { .operation = start ? OPERATION_START : OPERATION_CONFIG_CHANGE, .conf = conf_ref(conf) };

	snprintf(g.note, sizeof g.note, "%s", why);
	return submit(c, &g);
}

void governing_stop(struct core *c)
{
	const struct governing g = { .operation = OPERATION_STOP, .note = "stop" };

	if (!submit(c, &g))
		log_line("warning", "the stop could not be logged: memory ran out");
}

bool governing_drain(struct core *c, bool on, unsigned uid)
{
	struct governing g = { .operation = OPERATION_CONFIG_CHANGE,
		               .kind = "drain",
		               .change = on ? "begun" : "ended" };

	snprintf(g.note, sizeof g.note, "drain %s by operator with uid %u", g.change, uid);
	return submit(c, &g);
}
