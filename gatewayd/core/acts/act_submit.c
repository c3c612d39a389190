/* An act that is shown: read and verified on the thread where it came, counted and written in one job. See acts.h. */
#include "gatewayd/core/acts/acts.h"

#include "gatewayd/core/acts/act_count_private.h"
#include "gatewayd/core/acts/act_state.h"
#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/os/log.h"
#include "lib/base/encode.h"
#include "lib/schema/document.h"

#define FOR_EVER_MS INT64_C(4102444800000) /* 2100: partners are told of an end until then */

struct act_submission *act_submission_new(struct core *core, struct store *reader, struct home *home)
{
	struct act_submission *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->core = core;
	s->reader = reader;
	s->home = home;
	s->lacks = BUF_INIT(1024);
	s->leaf = BUF_INIT(ENTRY_MAX);
	testimony_init(&s->testimony);
	return s;
}

void act_submission_free(struct act_submission *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_signatures; i++)
		buf_free(&s->signatures[i].cms);
	testimony_free(&s->testimony);
	signed_act_free(s->act);
	conf_unref(s->conf);
	if (s->submitted)
		writer_release(&s->job);
	buf_free(&s->lacks);
	buf_free(&s->leaf);
	free(s);
}

/* --- reading (the thread where it came) --- */

static bool wrong(struct act_submission *s, enum reason reason, const char *where, const char *what)
{
	return error_at(&s->found, reason, where, 0, 0, "%s", what);
}

/* The version that the act names has to be the one in force, or in its grace: whoever signs has to know what stands. */
static bool find_agreement(struct act_submission *s)
{
	const struct agreement *now = conf_agreement(s->conf, s->act->agreement, NULL, s->now_ms);

	if (!now)
		return wrong(s, REASON_ACT_FOREIGN, "/agreement/id", "no agreement of this name is held here");
	s->agreement = conf_agreement(s->conf, s->act->agreement, &s->act->agreement_digest, s->now_ms);
	return s->agreement ||
	       wrong(s, REASON_ACT_STALE, "/agreement/digest", "is of no version of the agreement that is held here");
}

static bool same_seat_twice(const struct act_submission *s, const struct act_vote *v)
{
	for (size_t i = 0; i < s->n_signatures; i++)
		if (s->signatures[i].vote.seat == v->seat || digest_eq(&s->signatures[i].vote.spki, &v->spki))
			return true;
	return false;
}

/* `all`: each of them has to hold. What a partner's gateway shows are those that it could verify, and ours are the pins that count. */
static bool take_signatures(struct act_submission *s, const struct view *signatures, size_t n, bool all)
{
	const struct council *council = agreement_council(s->agreement);
	struct error first = { .reason = REASON_NONE };

	if (n == 0)
		return wrong(s, REASON_ACT_INVALID, "/signatures", "nobody has signed it");
	for (size_t i = 0; i < n && s->n_signatures < COUNCIL_SEATS_MAX; i++) {
		struct act_signature *to = &s->signatures[s->n_signatures];
		struct error e = { .reason = REASON_NONE };
		struct view seat;
		if (signatures[i].n > ACT_SIGNATURE_MAX)
			error_at(&e, REASON_ACT_INVALID, "/signatures", 0, 0, "one is longer than a signature may be");
		else if (act_verify(s->conf, council, s->act, signatures[i], s->now_ms, &to->vote, &seat, &e) &&
		         same_seat_twice(s, &to->vote))
			error_at(&e, REASON_SEAT_TWICE, "/signatures", 0, 0, "two are of one seat or certificate");
		if (e.reason != REASON_NONE) {
			if (first.reason == REASON_NONE)
				first = e;
			if (all)
				break;
			continue;
		}
		view_keep(to->seat, sizeof to->seat, seat);
		view_keep(to->agency, sizeof to->agency, to->vote.agency);
		to->vote.agency = view_of(to->agency);
		to->cms = BUF_INIT(ACT_SIGNATURE_MAX);
		buf_add(&to->cms, signatures[i]);
		s->n_signatures++;
	}
	if (s->n_signatures > 0 && (first.reason == REASON_NONE || !all))
		return true;
	s->found = first;
	return false;
}

static bool read_all(struct act_submission *s, struct view text, const struct view *signatures, size_t n)
{
	struct schema *schema = document_schema(VIEW("act"), &s->found);

	sha256(text, &s->digest);
	s->act = schema ? signed_act_read(schema, text, &s->found) : NULL;
	schema_unref(schema);
	if (!s->act || !find_agreement(s) || !signed_act_fits(s->act, s->agreement, s->now_ms, &s->found))
		return false;
	s->kind = s->act->kind;
	return take_signatures(s, signatures, n, !s->from);
}

/* --- what is withheld of its entry --- */

static void testify(struct act_submission *s)
{
	struct buf seats = BUF_INIT(8192);

	if (!s->peer)
		testimony_uid(&s->testimony, s->uid);
	if (s->act)
		testimony_text(&s->testimony, "ground", s->act->ground);
	buf_addc(&seats, '[');
	for (size_t i = 0; i < s->n_signatures; i++) {
		buf_adds(&seats, i ? "," : "");
		buf_add_json_string(&seats, view_of(s->signatures[i].seat));
	}
	buf_addc(&seats, ']');
	testimony_json(&s->testimony, "seats", &seats);
	buf_free(&seats);
	if (s->found.reason != REASON_NONE) {
		char why[sizeof s->found.where + sizeof s->found.text + 8];
		snprintf(why, sizeof why, "%s: %s", s->found.where, s->found.text);
		why[utf8_valid(view_of(why))] = 0;
		testimony_text(&s->testimony, "fault", view_of(why));
	}
}

/* --- the transaction (writer's thread) --- */

static bool refuse(struct act_submission *s, enum reason reason, const char *where, const char *what)
{
	error_at(&s->refused, reason, where, 0, 0, "%s", what);
	return true;
}

static bool append(struct act_submission *s, const struct act *a, const struct digest *act, enum act_kind kind,
                   const char *state, struct testimony *t, uint64_t *number, struct error *e)
{
	char note[48];
	struct entry entry = {
		.operation = OPERATION_ACT, .time_ms = a->now_ms, .input = *act, .outcome = view_of(state)
	};

	snprintf(note, sizeof note, "%s: %s", kind == ACT_KINDS ? "act" : act_kind_name(kind), state);
	entry.note = view_of(note);
	if (s->act && s->agreement) {
		entry.agreement = s->act->agreement;
		entry.agreement_digest = s->act->agreement_digest;
		entry.kind = view_of(act_status_name(s->act->status));
	}
	if (s->peer)
		entry.peer = view_of(s->peer);
	if (s->refused.reason != REASON_NONE)
		entry.reason = view_of(reason_coarse(s->refused.reason));
	if (!testimony_append(t, a->core, a->writer, a->job, &entry, number, e))
		return false;
	*number |= store_log(a->store) << STORE_LOG_SHIFT;
	return true;
}

/* The act that a lift ends; `*row` number 0: there is none, and it was said. */
static bool find_lifted(struct act_submission *s, const struct act *a, const struct schema *schema,
                        struct store_act *row, struct signed_act **lifted, struct error *e)
{
	*row = (struct store_act){ .number = 0 };
	*lifted = NULL;
	if (s->act->kind != ACT_LIFT)
		return true;
	switch (sought(store_find_act(a->store, &s->act->lifts, row, e), e)) {
	case SOUGHT_FAILED: return false;
	case SOUGHT_NONE: return refuse(s, REASON_ACT_INVALID, "/lifts", "no act of this digest is here");
	case SOUGHT_FOUND: break;
	}
	*lifted = signed_act_read(schema, row->text, e);
	if (!*lifted)
		return false;
	if (!view_eq(row->agreement, s->act->agreement))
		return refuse(s, REASON_ACT_FOREIGN, "/lifts", "is an act under another agreement");
	if (row->kind == ACT_TERMINATE ||
	    (row->kind == ACT_VETO && row->state == ACT_IN_FORCE &&
	     memcmp(&(*lifted)->about.exchange, &(struct uuid){ .b = { 0 } }, sizeof(struct uuid)) != 0))
		return refuse(s, REASON_ACT_INVALID, "/lifts", "is final: nothing lifts it");
	return act_state_effective(row->state) ||
	       refuse(s, REASON_ACT_EXPIRED, "/lifts", "is not in effect: there is nothing to lift");
}

struct seats_there {
	const struct act_signature *one;
	bool other; /* the seat has signed with another certificate, or the certificate for another seat */
};

static bool compare(void *arg, const struct store_act_signature *g)
{
	struct seats_there *t = arg;
	bool seat = view_is(g->seat, t->one->seat), spki = digest_eq(&g->spki, &t->one->vote.spki);

	t->other = t->other || seat != spki;
	return true;
}

/* All before any: what is refused leaves nothing. Of a partner's gateway, whose pins may be of other certificates, the others count. */
static bool find_others(struct act_submission *s, const struct act *a, const struct store_act *row, bool *other,
                        struct error *e)
{
	for (size_t i = 0; i < s->n_signatures; i++) {
		struct seats_there there = { .one = &s->signatures[i] };
		if (!store_list_act_signatures(a->store, row->number, compare, &there, e))
			return false;
		other[i] = there.other;
		if (there.other && !s->from)
			return refuse(s, REASON_SEAT_TWICE, "/signatures",
			              "this seat or certificate has signed it before");
	}
	return true;
}

static bool put_signatures(struct act_submission *s, const struct act *a, const struct store_act *row, struct error *e)
{
	bool other[COUNCIL_SEATS_MAX];

	if (!find_others(s, a, row, other, e))
		return false;
	for (size_t i = 0; s->refused.reason == REASON_NONE && i < s->n_signatures; i++) {
		struct store_act_signature g = { .act = row->number,
			                         .spki = s->signatures[i].vote.spki,
			                         .seat = view_of(s->signatures[i].seat),
			                         .agency = view_of(s->signatures[i].agency),
			                         .cms = buf_view(&s->signatures[i].cms),
			                         .received_ms = a->now_ms };
		bool fresh;
		if (other[i])
			continue;
		if (!store_put_act_signature(a->store, &g, &fresh, e))
			return false;
		s->first = s->first || fresh;
	}
	return true;
}

/* Every party's gateway, but the one that has shown all that is here. */
static bool tell_partners(struct act_submission *s, const struct act *a, const struct store_act *row, size_t n_stored,
                          struct error *e)
{
	struct view party;

	for (size_t k = 0; (party = agreement_party(s->agreement, k)).n; k++) {
		const struct partner *p = conf_agency(s->conf, party, ROLE(GATEWAY));
		bool knows = s->from && view_is(party, s->from) && n_stored == s->n_signatures;
		struct store_act_telling t = { .act = row->number,
			                       .recipient = party,
			                       .made_ms = a->now_ms,
			                       .next_ms = a->now_ms,
			                       .until_ms = FOR_EVER_MS };
		if (view_is(party, s->conf->node.agency) || !p || !p->host || knows)
			continue;
		/* What has done all that it does is taken as long as it may be signed. */
		if (row->ended_ms != TIME_NONE)
			t.until_ms = s->act->collect_until_ms;
		else if (row->due_ms != TIME_NONE && row->due_ms < FOR_EVER_MS)
			t.until_ms = row->due_ms;
		if (!store_put_act_telling(a->store, &t, e))
			return false;
	}
	return true;
}

static bool lift(struct act_submission *s, const struct act *a, struct store_act *row, struct error *e)
{
	act_state_lift(row, a->now_ms);
	return append(s, a, &row->digest, (enum act_kind)row->kind, act_state_name(row->state), NULL, &row->entry, e) &&
	       store_set_act(a->store, row, e);
}

static bool count(struct act_submission *s, const struct act *a, const struct schema *schema, struct store_act *row,
                  struct store_act *lifted_row, const struct signed_act *lifted, struct error *e)
{
	const struct council *council = agreement_council(s->agreement);
	struct act_counted c;
	uint64_t number = 0;
	/* Pins and revocations of now: a reload may have come since this was shown. */
	struct conf *now = core_conf(s->core);
	bool ok = act_count(now, council, a->store, schema, row, s->act, lifted, a->now_ms, &c, e);

	conf_unref(now);
	s->moved = ok && act_state_by_votes(row, s->act, c.standing, a->now_ms);
	buf_reset(&s->lacks);
	if (ok && row->state == ACT_OPEN)
		council_lacks(council, s->act, c.votes, c.n_votes, c.extension, &s->lacks);
	s->state = row->state;
	s->due_ms = row->due_ms;
	if (ok && s->moved && s->act->kind == ACT_LIFT && s->act->status == ACT_STATUS_ACTUAL)
		ok = lift(s, a, lifted_row, e);
	arena_free(&c.mem);
	if (!ok)
		return false;
	/* What was shown before makes no entry, so that nobody makes the log grow by showing it: the same receipt. */
	if (!s->first && !s->moved) {
		s->index = row->entry;
		return writer_receipt(a->writer, a->job, row->entry, e);
	}
	/* Last, for the receipt that is asked for is that of the last entry. */
	if (!append(s, a, &s->digest, s->act->kind, act_state_name(row->state), &s->testimony, &number, e))
		return false;
	row->entry = s->index = number;
	return store_set_act(a->store, row, e) && (!s->first || tell_partners(s, a, row, c.n, e));
}

static bool accept(struct act_submission *s, const struct act *a, const struct schema *schema, struct error *e)
{
	struct store_act row, lifted_row;
	struct signed_act *lifted = NULL;
	enum sought found = sought(store_find_act(a->store, &s->digest, &row, e), e);
	bool ok = found != SOUGHT_FAILED;

	if (found == SOUGHT_NONE)
		row = (struct store_act){ .digest = s->digest,
			                  .kind = s->act->kind,
			                  .status = s->act->status,
			                  .state = ACT_OPEN,
			                  .received_ms = a->now_ms,
			                  .from_ms = TIME_NONE,
			                  .due_ms = s->act->collect_until_ms,
			                  .ended_ms = TIME_NONE };
	/* Texts of a row end with the next call on the store. */
	row.text = s->act->text;
	row.agreement = s->act->agreement;
	if (ok && row.ended_ms != TIME_NONE && !(s->act->kind == ACT_LIFT || s->act->kind == ACT_AMEND_NO_CHANGE))
		return refuse(s, REASON_ACT_EXPIRED, "",
		              "this act has been lifted, or its time has passed: it is not taken again");
	ok = ok && find_lifted(s, a, schema, &lifted_row, &lifted, e);
	/* A lift that is shown again after it lifted is known. */
	if (ok && found == SOUGHT_FOUND && row.ended_ms != TIME_NONE)
		s->refused.reason = REASON_NONE;
	if (ok && s->refused.reason == REASON_NONE && found == SOUGHT_NONE) {
		ok = store_put_act(a->store, &row, e);
		s->first = true;
	}
	if (ok && s->refused.reason == REASON_NONE)
		ok = put_signatures(s, a, &row, e);
	if (ok && s->refused.reason == REASON_NONE)
		ok = count(s, a, schema, &row, &lifted_row, lifted, e);
	signed_act_free(lifted);
	return ok;
}

static bool write_submission(struct job *j, struct writer *w, struct store *store, struct error *e)
{
	struct act_submission *s = JOB_OF(struct act_submission, j);
	struct act a = { .core = s->core, .writer = w, .job = j, .store = store, .now_ms = s->now_ms };
	struct schema *schema = document_schema(VIEW("act"), e);
	bool ok = schema != NULL;
	struct view leaf;

	s->refused = s->found;
	s->first = s->moved = false;
	if (ok && s->refused.reason == REASON_NONE)
		ok = accept(s, &a, schema, e);
	if (ok && s->refused.reason != REASON_NONE)
		ok = append(s, &a, &s->digest, s->kind, "refused", &s->testimony, &s->index, e);
	schema_unref(schema);
	if (!ok || !store_find_entry(store, s->index, &leaf, NULL, e))
		return false;
	buf_reset(&s->leaf);
	buf_add(&s->leaf, leaf);
	s->logged = true;
	return !s->leaf.failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* --- home again --- */

/* Who showed what, and why it is refused. */
static struct attempt attempt_in(const struct act_submission *s, enum reason reason)
{
	return attempt_of(view_of(s->peer ? s->peer : "control"), view_make(s->shown.b, sizeof s->shown.b), reason);
}

static void came_home(struct job *j)
{
	struct act_submission *s = JOB_OF(struct act_submission, j);

	if (j->committed && s->moved)
		stops_refresh(s->core, s->reader);
	if (!j->committed) {
		log_line("error", "act: %s", j->error.text);
		s->refused = j->error;
		s->logged = false;
	} else if (s->refused.reason != REASON_NONE) {
		struct attempt one = attempt_in(s, s->refused.reason);
		attempts_note(s->core->attempts, &one, s->now_ms);
		log_line("warning", "act: refused: %s: %s: %s", reason_slug(s->refused.reason), s->refused.where,
		         s->refused.text);
	} else if (s->moved) {
		char name[65];
		struct buf b = { .p = name, .cap = sizeof name, .max = sizeof name - 1 };
		digest_print(&b, &s->digest);
		name[b.n] = '\0';
		log_line("notice", "act %s: %s under agreement %.*s: %s", name, act_kind_name(s->kind),
		         VIEW_ARG(s->act->agreement), act_state_name(s->state));
	}
	s->done(s); /* which frees it */
}

void act_submit(struct act_submission *s, struct view text, const struct view *signatures, size_t n)
{
	s->kind = ACT_KINDS;
	if (!read_all(s, text, signatures, n) && s->found.reason == REASON_NONE)
		error_set(&s->found, REASON_NO_MEMORY, "memory ran out");
	if (s->act)
		s->kind = s->act->kind;
	sha256(n ? signatures[0] : VIEW(""), &s->shown);
	sha256_parts(
	        (struct view[]){ view_make(s->digest.b, sizeof s->digest.b), view_make(s->shown.b, sizeof s->shown.b) },
	        2, &s->shown);
	struct attempt one = attempt_in(s, s->found.reason);
	if (s->found.reason != REASON_NONE && attempts_known(s->core->attempts, &one, s->now_ms)) {
		s->refused = s->found; /* the log has it already */
		s->done(s);
		return;
	}
	testify(s);
	s->job = (struct job){
		.lane = s->lane, .home = s->home, .run = write_submission, .done = came_home, .want_receipt = true
	};
	s->submitted = true;
	writer_submit(s->core->writer, &s->job);
}

void act_submit_signatures(struct act_submission *s, const struct digest *digest, const struct view *signatures,
                           size_t n)
{
	struct buf text = BUF_INIT(ACT_TEXT_MAX + 1);
	struct store_act row;

	s->digest = *digest;
	if (!store_find_act(s->reader, digest, &row, &s->refused)) {
		s->done(s);
		return;
	}
	buf_add(&text, row.text);
	act_submit(s, buf_view(&text), signatures, n);
	buf_free(&text);
}
