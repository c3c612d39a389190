/* See ended.h. */
#include "gatewayd/core/witness/ended.h"

#include <utlist.h>

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/missing.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/base/encode.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define LOOK_MS     1000
#define AGAIN_MS    10000 /* after a partner that did not say */
#define DEADLINE_MS 30000
#define ANSWER_MAX  (2u * NOTE_MAX)
#define END_NAME    "end/" /* of a value: how many entries the log of that origin had */
#define VALUE_NAME  (NOTE_NAME_MAX + 8)
#define REFUSALS    3   /* so often does it not show what it must before that is an incident */
#define AT_ONCE     500 /* receipts looked at in one tick */
#define NAMED       4   /* exchanges in the entry */

enum phase { ASKS_END, ASKS_PROOF, ASKS_GENESIS, COUNTS, WRITES };

/* A log that did not show what it must, since it did last: as many as there are logs of partners. */
struct refusal {
	char name[NOTE_NAME_MAX];
	unsigned n;
	int64_t since_ms; /* monotonic: asked, and not shown */
	bool told;
	struct refusal *next;
};

struct ended {
	struct job job; /* first */
	struct worker *worker;
	struct post post;
	struct conf *conf;             /* NULL: none is asked */
	const struct partner *partner; /* of conf */
	size_t next;                   /* partner to look at */
	int64_t next_ms;               /* monotonic */
	enum phase phase;
	struct refusal *refusals;
	struct buf note;       /* where the log ended */
	struct checkpoint end; /* looks into note */
	struct sight_largest seen;
	char finding[600];       /* empty: all holds */
	struct view passed;      /* the log that was passed over, of which x->seen then is; empty: none */
	uint64_t counted, after; /* exchanges that are missing; and the last that was looked at */
	char named[NAMED * (UUID_TEXT + 2) + 1];
};

void *ended_new(struct worker *w)
{
	struct ended *x = calloc(1, sizeof *x);

	if (x)
		x->worker = w;
	return x;
}

static void reset(struct ended *x, int64_t wait_ms)
{
	post_drop(&x->post);
	buf_free(&x->note);
	buf_free(&x->seen.note);
	conf_unref(x->conf);
	x->conf = NULL;
	x->next_ms = instant_monotonic_ms() + wait_ms;
}

void ended_free(void *arg)
{
	struct ended *x = arg;
	struct refusal *one, *next;

	if (!x)
		return;
	reset(x, 0);
	LL_FOREACH_SAFE(x->refusals, one, next)
	free(one);
	free(x);
}

bool ended_at(struct store *reader, struct view origin, uint64_t *size)
{
	char name[VALUE_NAME];
	unsigned long long number;
	struct view value;

	snprintf(name, sizeof name, END_NAME "%.*s", VIEW_ARG(origin));
	if (!store_get_value(reader, view_of(name), &value, NULL) || !view_to_u64(value, INT64_MAX, &number))
		return false;
	*size = number;
	return true;
}

/* --- the end --- */

static bool note_judged(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct ended *x = JOB_OF(struct ended, j);
	char done[VALUE_NAME], end[VALUE_NAME], size[24];

	(void)w;
	snprintf(done, sizeof done, "ended/%s", x->partner->log.name);
	snprintf(end, sizeof end, END_NAME "%.*s", VIEW_ARG(x->end.origin));
	snprintf(size, sizeof size, "%llu", (unsigned long long)x->end.size);
	return store_put_value(s, view_of(done), VIEW("1"), e) && store_put_value(s, view_of(end), view_of(size), e);
}

static void judged(struct job *j)
{
	struct ended *x = JOB_OF(struct ended, j);

	writer_release(j);
	reset(x, LOOK_MS);
}

/* What the log signed and its end does not bear out, for everybody. */
static void report(struct ended *x, const char *text)
{
	struct buf both = BUF_INIT(EVIDENCE_MAX);

	/* Of two logs: which came after which others may see otherwise. */
	if (x->passed.n > 0) {
		incident_submit(x->worker->core, x->partner->id, text, buf_view(&x->seen.note));
		return;
	}
	if (x->seen.note.n > 0) {
		buf_add(&both, buf_view(&x->seen.note));
		buf_addc(&both, '\n');
	}
	buf_add(&both, buf_view(&x->note));
	incident_submit_told(x->worker->core, x->partner->id, text, x->end.origin, 0,
	                     both.failed ? buf_view(&x->note) : buf_view(&both));
	buf_free(&both);
}

/* What is of that size later, too, must be that tree. */
static void remember(struct ended *x)
{
	struct error e = { .reason = REASON_NONE };

	if (!sight_take(x->worker->core, x->partner, &x->end, buf_view(&x->note), NULL, &e))
		log_line("error", "log %.*s: %s", VIEW_ARG(x->end.origin), e.text);
}

static void conclude(struct ended *x)
{
	char text[1000];

	if (!x->finding[0]) {
		remember(x);
	} else {
		snprintf(text, sizeof text, "ended: the log %.*s %s", VIEW_ARG(x->end.origin), x->finding);
		if (x->counted)
			snprintf(text + strlen(text), sizeof text - strlen(text),
			         "; %llu exchanges with receipts beyond it: %s%s", (unsigned long long)x->counted,
			         x->named, x->counted > NAMED ? ", ..." : "");
		report(x, text);
	}
	x->phase = WRITES;
	x->job = (struct job){ .home = x->worker->home, .run = note_judged, .done = judged };
	writer_submit(x->worker->core->writer, &x->job);
}

/* --- what is missing --- */

static bool count(void *arg, const struct uuid *exchange, uint64_t index)
{
	struct ended *x = arg;
	char id[UUID_TEXT + 1];

	(void)index;
	uuid_print(exchange, id);
	if (x->counted++ < NAMED)
		snprintf(x->named + strlen(x->named), sizeof x->named - strlen(x->named), "%s%s",
		         x->named[0] ? ", " : "", id);
	return true;
}

static void count_some(struct ended *x)
{
	struct error e = { .reason = REASON_NONE };
	bool more = false;

	struct view origin = x->passed.n > 0 ? x->passed : x->end.origin;
	uint64_t end = x->passed.n > 0 ? 0 : x->end.size;

	if (!missing_list(x->worker->reader, origin, end, &x->after, AT_ONCE, &more, count, x, &e))
		log_line("error", "log %s: its receipts cannot be read: %s", x->partner->log.name, e.text);
	if (!more)
		conclude(x);
}

/* --- judging --- */

static void find(struct ended *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void find(struct ended *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->finding, sizeof x->finding, fmt, ap);
	va_end(ap);
	x->phase = COUNTS;
	if (x->passed.n == 0 && x->end.size >= x->seen.size)
		conclude(x);
}

/* Of the partner's present log; NULL: no memory. */
static struct refusal *refusal_of(struct ended *x)
{
	struct refusal *one;

	LL_FOREACH(x->refusals, one)
	if (strcmp(one->name, x->partner->log.name) == 0)
		return one;
	one = calloc(1, sizeof *one);
	if (!one)
		return NULL;
	snprintf(one->name, sizeof one->name, "%s", x->partner->log.name);
	one->since_ms = instant_monotonic_ms();
	LL_PREPEND(x->refusals, one);
	return one;
}

/* Once a process: three times, or a day, is enough. */
static void tell_refusal(struct ended *x, struct refusal *one, const char *why)
{
	bool late = instant_monotonic_ms() >= one->since_ms + DAY_MS;
	char text[500];

	if (one->told || (one->n < REFUSALS && !late))
		return;
	one->told = true;
	snprintf(text, sizeof text, "ended: the log %s does not show where the one before it ended%s: %s",
	         x->partner->log.name, late ? ", since a day" : "", why);
	incident_submit(x->worker->core, x->partner->id, text, buf_view(&x->note));
}

/* Not now: who says so for a day has no other answer. */
static void again(struct ended *x, const char *why)
{
	struct refusal *one = refusal_of(x);

	log_line("warning", "log %s: where the one before it ended is not known: %s", x->partner->log.name, why);
	if (one)
		tell_refusal(x, one, why);
	reset(x, AGAIN_MS);
}

/* An answer, but not what every node has to show. */
static void refused(struct ended *x, const char *why)
{
	struct refusal *one = refusal_of(x);

	if (one)
		one->n++;
	again(x, why);
}

static void ask(struct ended *x, enum phase phase, const char *target);

/* The epoch that an origin names; 0: none. */
static unsigned long long epoch_of(struct view origin)
{
	size_t at = origin.n;
	unsigned long long epoch;

	while (at > 0 && origin.p[at - 1] != '/')
		at--;
	return view_to_u64(view_from(origin, at), INT64_MAX, &epoch) ? epoch : 0;
}

/* A log of a later epoch than the one that is said to have ended last, of which something was seen: it was passed over, with
 * all that it had. False: the store fails. */
static bool find_passed_over(struct ended *x, struct error *e)
{
	unsigned long long epoch = epoch_of(x->end.origin);
	struct sight_largest seen;

	for (size_t i = 0; x->passed.n == 0 && i < x->partner->n_earlier; i++) {
		struct view name = view_of(x->partner->earlier[i].name);
		if (epoch_of(name) <= epoch)
			continue;
		bool ok = sight_largest(x->worker->core->sights, x->worker->reader, name, &seen, e);
		if (ok && seen.size > 0) {
			buf_free(&x->seen.note);
			x->seen = seen;
			x->passed = name;
			continue;
		}
		buf_free(&seen.note);
		if (!ok)
			return false;
	}
	return true;
}

static void judge_end(struct ended *x)
{
	struct error e = { .reason = REASON_NONE };
	unsigned long long end = x->end.size;
	char target[64];

	if (!sight_largest(x->worker->core->sights, x->worker->reader, x->end.origin, &x->seen, &e) ||
	    !find_passed_over(x, &e)) {
		log_line("error", "log %s: %s", x->partner->log.name, e.text);
		reset(x, AGAIN_MS);
		return;
	}
	unsigned long long seen = x->seen.size;
	if (x->passed.n > 0) {
		find(x, "is said to be the one before %s, and %llu entries were seen of %.*s, which came after it",
		     x->partner->log.name, seen, VIEW_ARG(x->passed));
	} else if (end < seen) {
		find(x, "was ended at %llu entries, and %llu were seen of it: what came after left it", end, seen);
	} else if (end == seen && !digest_eq(&x->end.root, &x->seen.root)) {
		find(x, "was ended at %llu entries, and %llu were seen of it: it is not the one that was seen", end,
		     seen);
	} else if (seen > 0 && seen < end) {
		snprintf(target, sizeof target, "/checkpoint?ended=%llu", seen);
		ask(x, ASKS_PROOF, target);
	} else {
		ask(x, ASKS_GENESIS, "/checkpoint?genesis");
	}
}

static void got_end(struct ended *x)
{
	buf_add(&x->note, buf_view(&x->post.answer));
	for (size_t i = 0; !x->note.failed && i < x->partner->n_earlier; i++)
		if (checkpoint_open(buf_view(&x->note), &x->partner->earlier[i], &x->end, NULL)) {
			judge_end(x);
			return;
		}
	refused(x, "what it says is not signed by a key of audit/earlier");
}

static void got_proof(struct ended *x)
{
	struct witness_request w;

	if (!witness_request_parse(buf_view(&x->post.answer), &w, NULL) || w.old != x->seen.size ||
	    !view_eq(w.note, buf_view(&x->note)))
		refused(x, "it has no proof that it only grew");
	else if (!tlog_check_consistency(x->seen.size, x->end.size, &x->seen.root, &x->end.root, w.proof, w.n))
		find(x, "was ended at %llu entries, which do not continue the %llu that were seen of it",
		     (unsigned long long)x->end.size, (unsigned long long)x->seen.size);
	else
		ask(x, ASKS_GENESIS, "/checkpoint?genesis");
}

/* The new log's first entry, as that log signed it, names the checkpoint that was shown. */
static void got_genesis(struct ended *x)
{
	struct buf scratch = BUF_INIT(ENTRY_MAX + 3), hex = BUF_INIT(80);
	struct receipt r;
	struct view entry;
	struct tape t;
	struct digest digest;

	sha256(buf_view(&x->note), &digest);
	hex_encode(&hex, view_make(digest.b, sizeof digest.b));
	buf_addc(&hex, 0);
	bool shown = receipt_parse(buf_view(&x->post.answer), &scratch, &r, &entry, NULL) && r.index == 0 &&
	             receipt_verify(&r, entry, &x->partner->log, NULL) &&
	             tape_parse(x->worker->scratch.entry, entry, &t, NULL) &&
	             proof_leaf_says(&t, "operation", operation_name(OPERATION_GENESIS)) && !hex.failed;
	if (!shown)
		refused(x, "its first entry is not shown");
	else if (!proof_leaf_says(&t, "input", hex.p))
		find(x, "was ended at %llu entries, and the log %s says in its first entry that it continues another",
		     (unsigned long long)x->end.size, x->partner->log.name);
	else
		conclude(x);
	buf_free(&scratch);
	buf_free(&hex);
}

static void answered(void *arg)
{
	struct ended *x = arg;
	char why[64];

	if (x->post.status == 0 && x->post.answer.failed) {
		refused(x, "it was answered with more than that can be");
	} else if (x->post.status == 0) {
		again(x, x->post.problem);
	} else if (x->post.status == 429 || x->post.status >= 500) {
		again(x, "the partner does not say now");
	} else if (x->post.status != 200) {
		snprintf(why, sizeof why, "it was answered with status %d", x->post.status);
		refused(x, why);
	} else if (x->phase == ASKS_END) {
		got_end(x);
	} else if (x->phase == ASKS_PROOF) {
		got_proof(x);
	} else {
		got_genesis(x);
	}
}

/* --- asking --- */

static bool to_ask(struct ended *x, const struct partner *p)
{
	struct error e = { .reason = REASON_NONE };
	char name[VALUE_NAME];
	struct view value;

	if (!p->has_log || p->n_earlier == 0 || !p->host || !(p->roles & ROLE(GATEWAY)))
		return false;
	snprintf(name, sizeof name, "ended/%s", p->log.name);
	return !store_get_value(x->worker->reader, view_of(name), &value, &e) && e.reason == REASON_NOT_FOUND;
}

static void ask(struct ended *x, enum phase phase, const char *target)
{
	struct post_head head = { .to = x->partner,
		                  .method = "GET",
		                  .target = target,
		                  .content_type = "text/plain",
		                  .deadline_ms = DEADLINE_MS };

	x->phase = phase;
	buf_free(&x->post.answer);
	x->post = (struct post){ .answer = BUF_INIT(ANSWER_MAX), .ended = answered, .arg = x };
	if (!post_send(x->worker, &x->post, &head))
		answered(x);
}

static void begin(struct ended *x, struct conf *conf, const struct partner *p)
{
	x->conf = conf_ref(conf);
	x->partner = p;
	x->note = BUF_INIT(NOTE_MAX);
	x->finding[0] = x->named[0] = 0;
	x->counted = x->after = 0;
	x->passed = VIEW("");
	ask(x, ASKS_END, "/checkpoint?ended");
}

/* The next partner that is to be asked; a moment's rest after all of them. */
void ended_tick(void *arg)
{
	struct ended *x = arg;
	struct conf *conf;

	if (x->conf && x->phase == COUNTS)
		count_some(x);
	if (x->conf || instant_monotonic_ms() < x->next_ms || !witness_settled(x->worker->core))
		return;
	conf = core_conf(x->worker->core);
	while (x->next < conf->n_partners && !x->conf) {
		const struct partner *p = &conf->partners[x->next++];
		if (to_ask(x, p))
			begin(x, conf, p);
	}
	if (x->next >= conf->n_partners) {
		x->next = 0;
		x->next_ms = instant_monotonic_ms() + LOOK_MS;
	}
	conf_unref(conf);
}
