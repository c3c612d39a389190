/* The witness: cosigns partners' checkpoints and remembers them. See witness.h. A partner's log that forks or goes back is an incident in this node's log. */
#include "gatewayd/core/witness/witness.h"

#include <unistd.h>

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "gatewayd/os/secret_file.h"

#define SECRETS 32
#define WAIT_MS 6000
#define TEXT    VIEW("text/plain; charset=utf-8")

/* --- life --- */

static void witness_name(const char *host, const char *node, char *out, size_t size)
{
	snprintf(out, size, "%s/witness/%s", host, node);
}

/* Nodes that were set up without a witness key have none. */
static bool read_key(const struct node *n, struct note_signer *out, struct error *e)
{
	char path[4096], name[NOTE_NAME_MAX];
	uint8_t public_key[32];
	struct secret seed;

	if (snprintf(path, sizeof path, "%s/witness.key", n->keys) >= (int)sizeof path)
		return error_set(e, REASON_CONFIG, "the path of the keys is too long");
	if (access(path, F_OK) != 0)
		return true;
	if (!secret_read(path, SECRETS, &seed, e))
		return false;
	out->key = ed25519_from_seed(seed.b);
	secret_wipe(&seed);
	if (!out->key)
		return error_set(e, REASON_CRYPTO, "the witness key cannot be used");
	ed25519_public(out->key, public_key);
	witness_name(n->host, n->name, name, sizeof name);
	return note_vkey_make(view_of(name), NOTE_COSIGNER, public_key, &out->vkey) ||
	       error_set(e, REASON_CONFIG, "the witness's name is not a key name");
}

struct witness *witness_open(const struct core *c, const struct ed25519_key *audit, struct error *e)
{
	const struct node *n = &c->conf->node;
	struct witness *w = calloc(1, sizeof *w);
	uint8_t public_key[32];

	if (!w) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	atomic_store(&w->latest_ms, TIME_NONE);
	atomic_store(&w->near_ms, TIME_NONE);
	ed25519_public(audit, public_key);
	if (!note_vkey_make(view_of(n->origin), NOTE_ED25519, public_key, &w->log))
		error_set(e, REASON_CONFIG, "the log's origin is not a key name");
	else if (read_key(n, &w->signer, e))
		return w;
	witness_free(w);
	return NULL;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	ed25519_free(w->signer.key);
	free(w);
}

bool witness_settled(const struct core *c)
{
	return atomic_load(&c->witness->settled);
}

bool witness_wait(const struct core *c)
{
	for (int64_t until = instant_monotonic_ms() + WAIT_MS; !atomic_load(&c->dying); usleep(2000)) {
		if (witness_settled(c))
			return true;
		if (instant_monotonic_ms() < until)
			continue;
		log_line("warning", "witnesses: no answer yet; serving without them");
		atomic_store(&c->witness->settled, true);
	}
	return false;
}

/* --- when the log was cosigned --- */

int64_t witness_latest_ms(const struct core *c)
{
	return atomic_load(&c->witness->latest_ms);
}

int64_t witness_near_ms(const struct core *c)
{
	return atomic_load(&c->witness->near_ms);
}

static void raise_to(_Atomic int64_t *to, int64_t ms)
{
	int64_t known = atomic_load(to);

	while ((known == TIME_NONE || ms > known) && !atomic_compare_exchange_weak(to, &known, ms))
		continue;
}

void witness_seen(struct witness *w, uint64_t time_s)
{
	if (time_s > INT64_MAX / 1000)
		return;
	int64_t ms = (int64_t)time_s * 1000;
	raise_to(&w->latest_ms, ms);
	if (ms < instant_now_ms() + CLOCK_FRESH_MS)
		raise_to(&w->near_ms, ms);
}

struct recalled {
	struct witness *witness;
	const struct conf *conf;
	struct view text;
};

static bool recall_line(void *arg, struct view line)
{
	const struct recalled *r = arg;
	uint64_t time_s;

	for (size_t i = 0; i < r->conf->n_partners; i++) {
		const struct partner *p = &r->conf->partners[i];
		if (p->has_witness && note_find(&p->witness, r->text, line, &time_s) == NOTE_VALID)
			witness_seen(r->witness, time_s);
	}
	for (size_t i = 0; i < r->conf->n_witnesses; i++)
		if (note_find(&r->conf->witnesses[i].to.witness, r->text, line, &time_s) == NOTE_VALID)
			witness_seen(r->witness, time_s);
	return true;
}

bool witness_recall(struct witness *w, const struct conf *conf, struct store *s, struct error *e)
{
	struct recalled r = { .witness = w, .conf = conf };
	struct buf note = BUF_INIT(NOTE_MAX);
	struct view found, signatures;
	uint64_t size;
	bool ok = store_cosigned(s, &size, e);

	if (ok && size > 0) {
		ok = store_get_checkpoint(s, size - 1, &size, &found, e);
		if (ok) {
			buf_add(&note, found);
			ok = note_split(buf_view(&note), &r.text, &signatures, e) &&
			     store_list_cosignatures(s, size, recall_line, &r, e);
		}
	}
	buf_free(&note);
	return ok;
}

/* --- POST /add-checkpoint --- */

struct addition {
	struct job job; /* first */
	struct request *request;
	struct witness_request asked; /* looks into the request's body */
	const struct partner *log;    /* whose log it is; of the request's conf */
	enum witness_verdict verdict;
	struct witness_state state;    /* before */
	struct witness_state cosigned; /* after */
	struct buf line;               /* the cosignature */
	struct buf note;               /* what is remembered */
	struct buf evidence;           /* of an incident */
	bool incident;
	bool counted, first; /* what it shows was, also when the job runs again; and is the first of the day */
	uint64_t time_s;
};

static void addition_free(struct addition *a)
{
	buf_free(&a->line);
	buf_free(&a->note);
	buf_free(&a->evidence);
	free(a);
}

/* The log's own signature and this node's, and nothing else that came along. */
static bool write_note(struct addition *a, struct view text)
{
	struct view body, signatures;

	buf_reset(&a->note);
	buf_reset(&a->line);
	if (!note_split(a->asked.note, &body, &signatures, NULL) ||
	    !note_cosign(&a->request->worker->core->witness->signer, text, a->time_s, &a->line))
		return false;
	buf_add(&a->note, text);
	buf_addc(&a->note, '\n');
	while (signatures.n) {
		struct view line = view_cut(&signatures, '\n');
		if (!note_line_is_of(line, &a->log->log))
			continue;
		buf_add(&a->note, line);
		buf_addc(&a->note, '\n');
		break;
	}
	buf_add(&a->note, buf_view(&a->line));
	return !a->note.failed && !a->line.failed;
}

/* What a signed checkpoint that does not fit shows: two trees of one size whoever brings it; the rest only from the log
 * itself, for others may hold old ones, or no proof. */
static enum sight_told incident_of(const struct addition *a, const struct checkpoint *c)
{
	if (a->state.size == 0)
		return TOLD_KINDS;
	if (c->size == a->state.size && !digest_eq(&c->root, &a->state.root))
		return TOLD_FORKED;
	if (a->request->peer != a->log)
		return TOLD_KINDS;
	if (c->size < a->state.size)
		return TOLD_BACK;
	return a->verdict == WITNESS_UNPROCESSABLE ? TOLD_WITHOUT_PROOF : TOLD_KINDS;
}

/* Once a checkpoint, and once a day and kind, so that repeating it does not grow this log. */
static bool write_incident(struct addition *a, struct writer *w, struct store *s, struct store_witnessed *known,
                           const struct checkpoint *c, struct view text, struct error *e)
{
	static const char *const whats[] = {
		[TOLD_FORKED] = "forked",
		[TOLD_BACK] = "went back",
		[TOLD_WITHOUT_PROOF] = "did not prove that it only grew",
	};
	enum sight_told what = incident_of(a, c);
	struct act act = {
		.core = a->request->worker->core, .writer = w, .job = &a->job, .store = s, .now_ms = a->request->now_ms
	};
	struct digest digest, evidence;
	char note[600];

	sha256(text, &digest);
	/* Before this node's own log is known to be whole nothing is added to it. */
	if (what == TOLD_KINDS || digest_eq(&digest, &known->incident) || !witness_settled(a->request->worker->core))
		return true;
	known->incident = digest;
	if (!a->counted)
		a->first = sights_first_today(a->request->worker->core->sights, view_of(a->log->log.name), what,
		                              a->request->now_ms);
	a->counted = true;
	/* What was cosigned before what is shown now: each has the log's signature. */
	buf_reset(&a->evidence);
	buf_add(&a->evidence, known->note);
	buf_addc(&a->evidence, '\n');
	buf_add(&a->evidence, a->asked.note);
	if (a->evidence.failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (!a->first)
		return store_put_witnessed(s, view_of(a->log->log.name), known, e);
	snprintf(note, sizeof note, "witness: the log %s %s: cosigned %llu entries, now shows %llu", a->log->log.name,
	         whats[what], (unsigned long long)a->state.size, (unsigned long long)c->size);
	sha256(buf_view(&a->evidence), &evidence);
	struct entry entry = {
		.operation = OPERATION_INCIDENT, .peer = view_of(a->log->id), .input = evidence, .note = view_of(note)
	};
	a->incident =
	        store_put_document(s, &evidence, VIEW("checkpoint"), buf_view(&a->evidence), a->request->now_ms, e) &&
	        store_put_tale(s, &evidence, e) && audit_append(&act, &entry, NULL, NULL, e) &&
	        store_put_witnessed(s, view_of(a->log->log.name), known, e);
	return a->incident;
}

/* What is remembered is read, compared and replaced in one transaction. */
static bool write_addition(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct addition *a = JOB_OF(struct addition, j);
	struct view origin = view_of(a->log->log.name), text;
	struct store_witnessed known = { .size = 0 };
	struct error judged = { .reason = REASON_NONE };
	struct checkpoint c;

	a->incident = false;
	if (sought(store_get_witnessed(s, origin, &known, e), e) == SOUGHT_FAILED)
		return false;
	a->state = (struct witness_state){ .size = known.size, .root = known.root };
	a->verdict = witness_judge(&a->asked, &a->log->log, 1, &a->state, &c, &text, &judged);
	switch (a->verdict) {
	case WITNESS_COSIGN:
		/* Text and signatures have room for what a note may be, but not for more beside it. */
		if (!write_note(a, text)) {
			a->verdict = WITNESS_BAD_REQUEST;
			return true;
		}
		known.size = c.size;
		known.root = c.root;
		a->cosigned = (struct witness_state){ .size = c.size, .root = c.root };
		known.note = buf_view(&a->note);
		return store_put_witnessed(s, origin, &known, e);
	case WITNESS_CONFLICT:
	case WITNESS_UNPROCESSABLE: return write_incident(a, w, s, &known, &c, text, e);
	case WITNESS_BAD_REQUEST:
	case WITNESS_FORBIDDEN: break;
	}
	return true;
}

static void added(struct job *j)
{
	struct addition *a = JOB_OF(struct addition, j);
	struct request *r = a->request;
	struct witness *shared = r->worker->core->witness;
	struct buf size = BUF_INIT(32);

	if (!j->committed) {
		log_line("error", "witness: %s", j->error.text);
		answer_problem(r, REASON_UNAVAILABLE);
	} else {
		if (a->incident) {
			atomic_fetch_add(&shared->incidents, 1);
			log_line("error", "witness: the log %s forked or went back", a->log->log.name);
		}
		switch (a->verdict) {
		case WITNESS_COSIGN:
			atomic_fetch_add(&shared->cosigned, 1);
			sight_cosigned(r->worker->core->sights, view_of(a->log->log.name), a->cosigned.size,
			               &a->cosigned.root);
			answer_text(r, 200, TEXT, buf_view(&a->line));
			break;
		case WITNESS_CONFLICT:
			witness_conflict_print(&a->state, &size);
			answer_text(r, 409, VIEW("text/x.tlog.size"), buf_view(&size));
			break;
		case WITNESS_BAD_REQUEST:
		case WITNESS_FORBIDDEN:
		case WITNESS_UNPROCESSABLE: answer_text(r, (int)a->verdict, TEXT, VIEW("")); break;
		}
	}
	writer_release(j);
	buf_free(&size);
	addition_free(a);
}

const struct partner *witness_find_log(const struct conf *c, struct view origin)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (c->partners[i].has_log && view_is(origin, c->partners[i].log.name))
			return &c->partners[i];
	return NULL;
}

/* Whoever brings it: the log's signature is what counts (C2SP tlog-witness). */
void handle_add_checkpoint(struct request *r)
{
	struct addition *a;
	struct witness_request asked;
	struct error e = { .reason = REASON_NONE };
	const struct partner *log;
	struct view origin;

	if (!request_may_read(r)) {
		answer_problem(r, REASON_RATE_LIMITED);
		return;
	}
	if (!witness_request_parse(buf_view(&r->body), &asked, &e) || !witness_request_origin(&asked, &origin, &e)) {
		answer_problem_at(
		        r, REASON_BAD_REQUEST,
		        "Give the old size, the consistency proof and the checkpoint, as C2SP tlog-witness has them.");
		return;
	}
	log = witness_find_log(r->conf, origin);
	if (!log || !r->worker->core->witness->signer.key) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	a = calloc(1, sizeof *a);
	if (!a) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	a->request = r;
	a->asked = asked;
	a->log = log;
	a->time_s = (uint64_t)r->now_ms / 1000;
	a->line = BUF_INIT(1024);
	a->note = BUF_INIT(NOTE_MAX);
	a->evidence = BUF_INIT(EVIDENCE_MAX);
	a->job = (struct job){ .lane = request_lane(r), .home = r->worker->home, .run = write_addition, .done = added };
	writer_submit(r->worker->core->writer, &a->job);
}
