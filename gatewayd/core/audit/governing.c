/* See governing.h. */
#include "gatewayd/core/audit/governing.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/conf/public_keys.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "lib/policy/consents.h"
#include "gatewayd/core/audit/entry.h"
#include "lib/tlog/note.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

struct governing {
	struct job job; /* first */
	struct core *core;
	struct conf *conf;
	enum operation operation;
	char note[64];
	int64_t now_ms;
	/* while run() walks the documents */
	struct act act;
	struct error *error;
	bool failed;
};

/* Keeps a text by its digest; logs it when it was not known. */
static bool keep(struct governing *g, const char *kind, struct view text, struct entry *entry)
{
	struct digest digest;
	struct view known;

	sha256(text, &digest);
	enum sought document = sought(store_get_document(g->act.store, &digest, &known, g->error), g->error);
	if (document != SOUGHT_NONE)
		return document == SOUGHT_FOUND;
	entry->input = digest;
	return store_put_document(g->act.store, &digest, view_of(kind), text, g->now_ms, g->error) &&
	       audit_append(&g->act, entry, NULL, NULL, g->error);
}

static void keep_document(void *arg, const char *kind, struct view text)
{
	struct governing *g = arg;
	char note[96];

	if (g->failed)
		return;
	snprintf(note, sizeof note, "%s in force for the first time", kind);
	struct entry entry = { .operation = OPERATION_POLICY_CHANGE, .note = view_of(note) };
	g->failed = !keep(g, kind, text, &entry);
}

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

static bool keep_signed(struct governing *g, const struct signed_document *d)
{
	char name[300], note[128];
	struct buf digest = BUF_INIT(65);

	snprintf(note, sizeof note, "%s number %llu of %.*s in force for the first time", document_kind_name(d->kind),
	         (unsigned long long)d->number, VIEW_ARG(d->issuer));
	struct entry entry = { .operation = d->kind == DOCUMENT_EPOCHS ? OPERATION_KEY_CHANGE : OPERATION_POLICY_CHANGE,
		               .agreement = d->agreement,
		               .note = view_of(note) };
	name_of(d->kind, d->agreement, d->issuer, name, sizeof name);
	digest_print(&digest, &d->digest);
	bool ok = keep(g, document_kind_name(d->kind), d->text, &entry) &&
	          store_put_value(g->act.store, view_of(name), buf_view(&digest), g->error) && keep_salt(g, d);
	buf_free(&digest);
	return ok;
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

/* --- keys --- */

#define KEYS_MAX (4u * 1024 * 1024)

/* What differs from the keys that were in force last is a change, also when it was in force before. */
static bool keep_keys(struct governing *g)
{
	struct buf text = BUF_INIT(KEYS_MAX);
	struct digest digest;
	struct view last = VIEW("");
	bool ok = false;

	public_keys_print(g->conf, g->core->log_vkey, g->core->witness_vkey, &text);
	if (text.failed) {
		error_set(g->error, REASON_NO_MEMORY, "memory ran out");
	} else if (sought(store_get_value(g->act.store, VIEW("keys/public"), &last, g->error), g->error) !=
	           SOUGHT_FAILED) {
		sha256(buf_view(&text), &digest);
		struct view now = view_make(digest.b, sizeof digest.b);
		struct entry entry = { .operation = OPERATION_KEY_CHANGE,
			               .input = digest,
			               .note = VIEW("public keys of this node and its partners") };
		ok = view_eq(last, now) ||
		     (store_put_document(g->act.store, &digest, VIEW("keys"), buf_view(&text), g->now_ms, g->error) &&
		      store_put_value(g->act.store, VIEW("keys/public"), now, g->error) &&
		      audit_append(&g->act, &entry, NULL, NULL, g->error));
	}
	buf_free(&text);
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
	struct entry entry = { .operation = g->operation, .note = view_of(g->note) };

	g->act = (struct act){ .core = g->core, .writer = w, .job = j, .store = s, .now_ms = g->now_ms };
	g->error = e;
	g->failed = !audit_append(&g->act, &entry, NULL, NULL, g->error) ||
	            (g->operation == OPERATION_START && !tell_archives(g)) || (g->conf && !keep_keys(g));
	if (g->conf)
		conf_each_document(g->conf, keep_document, g);
	for (size_t i = 0; g->conf && i < g->conf->n_documents && !g->failed; i++)
		g->failed = !keep_signed(g, g->conf->documents[i]);
	return !g->failed;
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

static bool submit(struct core *c, enum operation operation, const char *note, struct conf *conf)
{
	struct governing *g = calloc(1, sizeof *g);

	if (!g) {
		conf_unref(conf);
		return false;
	}
	g->core = c;
	g->conf = conf;
	g->operation = operation;
	g->now_ms = instant_now_ms();
	snprintf(g->note, sizeof g->note, "%s", note);
	g->job = (struct job){ .run = write_governing, .done = finished };
	writer_submit(c->writer, &g->job);
	return true;
}

bool governing_submit(struct core *c, const char *why)
{
	bool start = strcmp(why, "start") == 0;

	return submit(c, start ? OPERATION_START : OPERATION_CONFIG_CHANGE, why, core_conf(c));
}

void governing_stop(struct core *c)
{
	if (!submit(c, OPERATION_STOP, "stop", NULL))
		log_line("warning", "the stop could not be logged: memory ran out");
}
