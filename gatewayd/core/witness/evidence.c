/* Evidence that a log forked, brought by whoever has it: two checkpoints of one size with two roots, both signed by the
 * log's key. They prove it by themselves, so nobody's word is needed. See witness.h. */
#include "gatewayd/core/witness/witness.h"

#include "gatewayd/core/audit/incident.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/witness/sight.h"

#define TEXT VIEW("text/plain; charset=utf-8")

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
		return rest.p != NULL;
	}
	return false;
}

static bool read_two(struct view body, struct view notes[2], struct checkpoint c[2], struct error *e)
{
	struct view text, signatures;

	if (!split(body, &notes[0], &notes[1]))
		return error_set(e, REASON_BAD_REQUEST, "two notes with an empty line between them are expected");
	for (unsigned i = 0; i < 2; i++)
		if (!note_split(notes[i], &text, &signatures, e) || !checkpoint_parse(text, &c[i], e))
			return false;
	return true;
}

/* Both by one key of that log: a partner's, of this epoch or an earlier one, or this node's own. */
static bool signed_by(const struct note_vkey *key, const struct view notes[2])
{
	struct checkpoint c;

	return checkpoint_open(notes[0], key, &c, NULL) && checkpoint_open(notes[1], key, &c, NULL);
}

static bool find_signer(const struct request *r, struct view origin, const struct view notes[2],
                        const struct partner **whose, bool *known)
{
	const struct note_vkey *own = r->worker->core->log_vkey;
	const struct conf *conf = r->conf;

	*whose = NULL;
	*known = view_is(origin, own->name);
	if (*known)
		return signed_by(own, notes);
	for (size_t i = 0; i < conf->n_partners; i++) {
		const struct partner *p = &conf->partners[i];
		for (size_t k = 0; k < p->n_earlier + p->has_log; k++) {
			const struct note_vkey *key = k < p->n_earlier ? &p->earlier[k] : &p->log;
			if (!view_is(origin, key->name))
				continue;
			*known = true;
			*whose = p;
			if (signed_by(key, notes))
				return true;
		}
	}
	return false;
}

static void keep(const struct request *r, const struct partner *whose, const struct checkpoint *c)
{
	struct core *core = r->worker->core;
	char what[400];

	snprintf(what, sizeof what, "evidence: %s %.*s forked: two roots of %llu entries, both signed by its key",
	         whose ? "the log" : "this node's own log", VIEW_ARG(c->origin), (unsigned long long)c->size);
	if (sights_first_today(core->sights, c->origin, TOLD_FORKED, r->now_ms))
		incident_submit(core, whose ? whose->id : "", what, buf_view(&r->body));
}

void handle_evidence(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	const struct partner *whose;
	struct checkpoint c[2];
	struct view notes[2];
	bool known;

	if (!request_may_read(r))
		answer_problem(r, REASON_RATE_LIMITED);
	else if (!read_two(buf_view(&r->body), notes, c, &e))
		answer_problem(r, REASON_BAD_REQUEST);
	else if (!find_signer(r, c[0].origin, notes, &whose, &known))
		answer_problem(r, known ? REASON_RECEIPT_INVALID : REASON_NOT_FOUND);
	else if (c[0].size != c[1].size || digest_eq(&c[0].root, &c[1].root))
		answer_text(r, 422, TEXT,
		            VIEW("these checkpoints do not contradict each other: give two roots of one size\n"));
	else {
		keep(r, whose, &c[0]);
		answer_text(r, 200, TEXT, VIEW("the log forked\n"));
	}
}
