/* Evidence against a log, brought by whoever has it: what its key signed and its history does not bear out. A signature of
 * the log's key is needed and nobody's word. See witness.h. The body is one of
 *
 *   two signed checkpoints, an empty line between them: of one size with two roots they prove the fork by themselves
 *   one signed checkpoint
 *   a receipt with its entry (C2SP tlog-proof)
 *   the announcement of a partner's next key, which is no evidence and comes the same way (announced.c)
 *
 * What does not contradict itself is compared: of this node's own logs with the store, of a partner's with all that was seen
 * of it, and, where it is of its present log, within a second with what that shows (sight.h). */
#include "gatewayd/core/witness/witness.h"

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/announced.h"
#include "gatewayd/core/witness/ended.h"
#include "gatewayd/core/witness/own_log.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "lib/tlog/announcement.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"

#define TEXT    VIEW("text/plain; charset=utf-8")
#define RECEIPT VIEW("c2sp.org/tlog-proof@")

struct claim {
	struct view notes[2];
	struct checkpoint c[2]; /* of `origin` */
	unsigned n;
	bool receipt;
	struct receipt proof;
	struct view entry;
	struct buf scratch;
	struct view origin;
	const struct partner *whose; /* NULL: this node's own */
};

/* A checkpoint's text has no empty line, whatever else its log signs in it: the first one ends the text, the second the
 * note. */
static bool split(struct view body, struct view *first, struct view *second)
{
	struct view rest = body;

	for (unsigned empty = 0; rest.p;) {
		struct view line = view_cut(&rest, '\n');
		if (line.n > 0 || ++empty < 2)
			continue;
		*first = view_make(body.p, (size_t)(line.p - body.p));
		*second = rest;
		return rest.n > 0;
	}
	return false;
}

static bool read_claim(struct view body, struct claim *k, struct error *e)
{
	struct view text, signatures;

	k->receipt = view_starts(body, RECEIPT);
	k->n = 1;
	k->notes[0] = body;
	if (k->receipt) {
		if (!receipt_parse(body, &k->scratch, &k->proof, &k->entry, e))
			return false;
		if (k->entry.n == 0)
			return error_set(e, REASON_TAMPERED, "the receipt has no entry");
		k->notes[0] = k->proof.checkpoint;
	} else if (split(body, &k->notes[0], &k->notes[1])) {
		k->n = 2;
	}
	for (unsigned i = 0; i < k->n; i++)
		if (!note_split(k->notes[i], &text, &signatures, e) || !checkpoint_parse(text, &k->c[i], e))
			return false;
	k->origin = k->c[0].origin;
	return k->n == 1 || view_eq(k->origin, k->c[1].origin) ||
	       error_set(e, REASON_TAMPERED, "the checkpoints are of two logs");
}

/* All by one key of that log; and a receipt holds by itself. */
static bool signed_by(const struct note_vkey *key, const struct claim *k)
{
	struct checkpoint c;

	for (unsigned i = 0; i < k->n; i++)
		if (!checkpoint_open(k->notes[i], key, &c, NULL))
			return false;
	return !k->receipt || verified_includes(NULL, &k->proof, k->entry, &k->c[0], NULL);
}

static bool find_own(const struct request *r, struct claim *k, uint64_t *log, bool *good)
{
	struct store *reader = r->worker->reader;
	struct error e = { .reason = REASON_NONE };
	struct note_vkey key;

	if (!own_log_find(reader, k->origin, log, &e))
		return false;
	*good = own_log_key(reader, k->origin, r->worker->core->log_vkey, &key, &e) && signed_by(&key, k);
	return true;
}

static bool find_partner(const struct request *r, struct claim *k, bool *good)
{
	const struct conf *conf = r->conf;

	*good = false;
	for (size_t i = 0; i < conf->n_partners; i++) {
		const struct partner *p = &conf->partners[i];
		for (size_t j = 0; j < p->n_earlier + p->has_log; j++) {
			const struct note_vkey *key = j < p->n_earlier ? &p->earlier[j] : &p->log;
			if (!view_is(k->origin, key->name))
				continue;
			k->whose = p;
			*good = signed_by(key, k);
			if (*good)
				return true;
		}
	}
	return k->whose != NULL;
}

/* --- what it shows --- */

enum shows { SHOWS_NOTHING, SHOWS_LATER, SHOWS_FORK, SHOWS_BACK, SHOWS_UNREAD };

/* `what` says more. One incident a log, kind and day; what was brought before is not counted again, for everybody who finds
 * something tells everybody. */
static void keep(const struct request *r, const struct claim *k, enum shows shows, const char *what)
{
	struct core *core = r->worker->core;
	struct digest digest;
	struct view kept;
	char text[600];

	sha256(buf_view(&r->body), &digest);
	if (!tales_first(core->tales, buf_view(&r->body)) ||
	    store_get_document(r->worker->reader, &digest, &kept, NULL))
		return;
	snprintf(text, sizeof text, "evidence: %s %.*s %s: %s", k->whose ? "the log" : "this node's own log",
	         VIEW_ARG(k->origin), shows == SHOWS_BACK ? "went back" : "forked", what);
	if (!sights_first_today(core->sights, k->origin, shows == SHOWS_BACK ? TOLD_BACK : TOLD_FORKED, r->now_ms))
		return;
	incident_submit_told(core, k->whose ? k->whose->id : "", text, k->origin, 0, buf_view(&r->body));
}

static enum shows compare_own(const struct request *r, const struct claim *k, uint64_t log, unsigned i)
{
	struct error e = { .reason = REASON_NONE };
	enum own_log_verdict verdict;
	uint64_t end;
	char what[200];

	if (!own_log_compare(r->worker->reader, log, &k->c[i], &end, &verdict, &e))
		return SHOWS_UNREAD;
	if (verdict == OWN_LOG_BEARS)
		return SHOWS_NOTHING;
	snprintf(what, sizeof what, "it has %llu entries, and its key signed %s%llu", (unsigned long long)end,
	         verdict == OWN_LOG_FORKED ? "another root of " : "", (unsigned long long)k->c[i].size);
	enum shows shows = verdict == OWN_LOG_FORKED ? SHOWS_FORK : SHOWS_BACK;
	keep(r, k, shows, what);
	return shows;
}

/* An earlier log of a partner: where that ended is known. */
static bool is_past_end(const struct request *r, const struct claim *k, unsigned i, uint64_t *end)
{
	return ended_at(r->worker->reader, k->origin, end) && k->c[i].size > *end;
}

static enum shows compare_partners(const struct request *r, const struct claim *k, unsigned i)
{
	struct core *core = r->worker->core;
	struct error e = { .reason = REASON_NONE };
	uint64_t unproved = 0, end;
	char what[200];

	if (is_past_end(r, k, i, &end)) {
		snprintf(what, sizeof what, "it was ended at %llu entries, and its key signed %llu",
		         (unsigned long long)end, (unsigned long long)k->c[i].size);
		keep(r, k, SHOWS_BACK, what);
		return SHOWS_BACK;
	}
	if (sight_take(core, k->whose, &k->c[i], k->notes[i], &unproved, &e))
		return unproved ? SHOWS_LATER : SHOWS_NOTHING;
	if (e.reason != REASON_RECEIPT_INVALID)
		return SHOWS_UNREAD;
	return SHOWS_FORK; /* which it has told of itself */
}

static enum shows judge(const struct request *r, const struct claim *k, uint64_t log)
{
	enum shows worst = SHOWS_NOTHING;
	char what[200];

	if (k->n == 2 && k->c[0].size == k->c[1].size && !digest_eq(&k->c[0].root, &k->c[1].root)) {
		snprintf(what, sizeof what, "two roots of %llu entries, both signed by its key",
		         (unsigned long long)k->c[0].size);
		keep(r, k, SHOWS_FORK, what);
		return SHOWS_FORK;
	}
	for (unsigned i = 0; i < k->n; i++) {
		enum shows one = k->whose ? compare_partners(r, k, i) : compare_own(r, k, log, i);
		worst = one > worst ? one : worst;
	}
	return worst;
}

static void answer_shown(struct request *r, enum shows shows)
{
	switch (shows) {
	case SHOWS_FORK: answer_text(r, 200, TEXT, VIEW("the log forked\n")); break;
	case SHOWS_BACK: answer_text(r, 200, TEXT, VIEW("the log went back\n")); break;
	case SHOWS_LATER:
		answer_text(r, 202, TEXT, VIEW("nothing seen so far contradicts it; the log is being asked\n"));
		break;
	case SHOWS_NOTHING:
		answer_text(
		        r, 422, TEXT,
		        VIEW("the log bears this out: give two roots of one size, or what its history does not have\n"));
		break;
	case SHOWS_UNREAD: answer_problem(r, REASON_UNAVAILABLE); break;
	}
}

void handle_evidence(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct claim k = { .scratch = BUF_INIT(ENTRY_MAX + 3) };
	bool good = false;
	uint64_t log = 0;

	if (!request_may_read(r))
		answer_problem(r, REASON_RATE_LIMITED);
	else if (view_starts(buf_view(&r->body), ANNOUNCEMENT))
		announced_take(r);
	else if (!read_claim(buf_view(&r->body), &k, &e))
		answer_problem_at(
		        r, REASON_BAD_REQUEST,
		        "Give two signed checkpoints with an empty line between them, one signed checkpoint, or a "
		        "receipt with its entry.");
	else if (!find_own(r, &k, &log, &good) && !find_partner(r, &k, &good))
		answer_problem(r, REASON_NOT_FOUND);
	else if (!good)
		answer_problem(r, REASON_RECEIPT_INVALID);
	else
		answer_shown(r, judge(r, &k, log));
	buf_free(&k.scratch);
}
