/* The store's acts. See act.h. */
#include "gatewayd/core/store/act.h"

#include "gatewayd/core/store/sql_private.h"
#include "lib/base/datetime.h"

const char *act_state_name(enum act_state s)
{
	static const char *const names[ACT_STATES] = { "open", "provisional", "in-force", "lifted", "ended", "lapsed" };

	return names[s];
}

static struct bound as_instant(int64_t ms)
{
	return ms == TIME_NONE ? as_null() : as_int(ms);
}

static int64_t instant_at(struct statement *q, int at)
{
	return col_null(q, at) ? TIME_NONE : col_int(q, at);
}

bool store_put_act(struct store *s, struct store_act *a, struct error *e)
{
	return sql_number(s, SQL_ACT_PUT,
	                  BOUND(as_digest(&a->digest), as_text(a->text), as_text(a->agreement), as_int(a->kind),
	                        as_int(a->status), as_int(a->state), as_int(a->received_ms), as_instant(a->from_ms),
	                        as_instant(a->due_ms), as_instant(a->ended_ms), as_number(a->entry)),
	                  &a->number, e);
}

bool store_set_act(struct store *s, const struct store_act *a, struct error *e)
{
	return sql_change(s, SQL_ACT_SET,
	                  BOUND(as_number(a->number), as_int(a->state), as_instant(a->from_ms), as_instant(a->due_ms),
	                        as_instant(a->ended_ms), as_number(a->entry)),
	                  "act", e);
}

static struct store_act act_row(struct statement *q)
{
	struct store_act a = { .number = (uint64_t)col_int(q, 0),
		               .text = col_view(q, 2),
		               .agreement = col_view(q, 3),
		               .kind = (int)col_int(q, 4),
		               .status = (int)col_int(q, 5),
		               .state = (enum act_state)col_int(q, 6),
		               .received_ms = col_int(q, 7),
		               .from_ms = instant_at(q, 8),
		               .due_ms = instant_at(q, 9),
		               .ended_ms = instant_at(q, 10),
		               .entry = (uint64_t)col_int(q, 11) };

	col_bytes(q, 1, a.digest.b, sizeof a.digest.b);
	return a;
}

/* `q`: a statement on its one row; NULL: there is none, or it failed. */
static bool take_act(struct store *s, struct statement *q, struct store_act *out, struct error *e)
{
	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_act a = act_row(q);
	bool ok = col_keep(s, q, 2, &a.text, e) && col_keep(s, q, 3, &a.agreement, e);
	sql_end(q);
	if (ok)
		*out = a;
	return ok;
}

bool store_find_act(struct store *s, const struct digest *digest, struct store_act *out, struct error *e)
{
	return take_act(s, sql_row(s, SQL_ACT_FIND, BOUND(as_digest(digest)), "act", e), out, e);
}

bool store_get_act(struct store *s, uint64_t number, struct store_act *out, struct error *e)
{
	return take_act(s, sql_row(s, SQL_ACT_GET, BOUND(as_number(number)), "act", e), out, e);
}

static bool each_act(struct store *s, struct statement *q, bool (*each)(void *arg, const struct store_act *a),
                     void *arg, struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_act a = act_row(q);
		if (!each(arg, &a)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_list_acts(struct store *s, uint64_t after, unsigned max, struct view agreement, bool effective,
                     bool (*each)(void *arg, const struct store_act *a), void *arg, struct error *e)
{
	struct statement *q;

	if (effective)
		q = sql_start(s, SQL_ACT_LIST_EFFECTIVE, BOUND(as_number(after), as_int(max)), e);
	else if (agreement.n)
		q = sql_start(s, SQL_ACT_LIST_OF, BOUND(as_number(after), as_int(max), as_text(agreement)), e);
	else
		q = sql_start(s, SQL_ACT_LIST, BOUND(as_number(after), as_int(max)), e);
	return each_act(s, q, each, arg, e);
}

bool store_due_acts(struct store *s, int64_t now_ms, unsigned max, bool (*each)(void *arg, const struct store_act *a),
                    void *arg, struct error *e)
{
	return each_act(s, sql_start(s, SQL_ACT_DUE, BOUND(as_int(now_ms), as_int(max)), e), each, arg, e);
}

/* --- signatures --- */

bool store_put_act_signature(struct store *s, const struct store_act_signature *g, bool *fresh, struct error *e)
{
	struct statement *q = sql_start(s, SQL_ACT_SIGNATURE_PUT,
	                                BOUND(as_number(g->act), as_digest(&g->spki), as_text(g->seat),
	                                      as_text(g->agency), as_blob(g->cms), as_int(g->received_ms)),
	                                e);
	bool ok;

	*fresh = sql_next(s, q, &ok, e);
	if (*fresh)
		sql_end(q);
	return ok;
}

bool store_list_act_signatures(struct store *s, uint64_t act,
                               bool (*each)(void *arg, const struct store_act_signature *g), void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_ACT_SIGNATURE_LIST, BOUND(as_number(act)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_act_signature g = { .act = (uint64_t)col_int(q, 0),
			                         .seat = col_view(q, 2),
			                         .agency = col_view(q, 3),
			                         .cms = col_view(q, 4),
			                         .received_ms = col_int(q, 5) };
		col_bytes(q, 1, g.spki.b, sizeof g.spki.b);
		if (!each(arg, &g)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

/* --- who is still to be told --- */

bool store_put_act_telling(struct store *s, struct store_act_telling *t, struct error *e)
{
	return sql_number(s, SQL_ACT_TELLING_PUT,
	                  BOUND(as_number(t->act), as_text(t->recipient), as_int(t->made_ms), as_int(t->next_ms),
	                        as_int(t->until_ms)),
	                  &t->id, e);
}

bool store_retry_act_telling(struct store *s, uint64_t id, int64_t next_ms, struct view last_error, struct error *e)
{
	return sql_change(s, SQL_ACT_TELLING_RETRY, BOUND(as_number(id), as_int(next_ms), as_text(last_error)),
	                  "telling", e);
}

bool store_drop_act_telling(struct store *s, uint64_t id, struct error *e)
{
	return sql_run(s, SQL_ACT_TELLING_DROP, BOUND(as_number(id)), e);
}

static struct store_act_telling telling_row(struct statement *q)
{
	return (struct store_act_telling){ .id = (uint64_t)col_int(q, 0),
		                           .act = (uint64_t)col_int(q, 1),
		                           .recipient = col_view(q, 2),
		                           .made_ms = col_int(q, 3),
		                           .next_ms = col_int(q, 4),
		                           .until_ms = col_int(q, 5),
		                           .attempts = (uint32_t)col_int(q, 6),
		                           .last_error = col_view(q, 7) };
}

bool store_get_act_telling(struct store *s, uint64_t id, struct store_act_telling *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_ACT_TELLING_GET, id, "telling", e);

	if (!q)
		return false;
	struct store_act_telling t = telling_row(q);
	bool ok = col_keep(s, q, 2, &t.recipient, e) && col_keep(s, q, 7, &t.last_error, e);
	sql_end(q);
	if (ok)
		*out = t;
	return ok;
}

static bool each_telling(struct store *s, struct statement *q,
                         bool (*each)(void *arg, const struct store_act_telling *t), void *arg, struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_act_telling t = telling_row(q);
		if (!each(arg, &t)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_due_act_tellings(struct store *s, const struct store_ask *ask,
                            bool (*each)(void *arg, const struct store_act_telling *t), void *arg, struct error *e)
{
	return each_telling(s,
	                    sql_start(s, SQL_ACT_TELLING_DUE,
	                              BOUND(as_text(ask->recipient), as_int(ask->now_ms), as_int(ask->before_ms),
	                                    as_int(ask->share), as_int(ask->shares), as_int(ask->max)),
	                              e),
	                    each, arg, e);
}

bool store_next_act_recipient(struct store *s, struct view after, struct view *out, struct error *e)
{
	return sql_keep(s, SQL_ACT_TELLING_RECIPIENT, BOUND(as_text(after)), "recipient", out, e);
}

bool store_list_act_tellings(struct store *s, uint64_t after_id, unsigned max,
                             bool (*each)(void *arg, const struct store_act_telling *t), void *arg, struct error *e)
{
	return each_telling(s, sql_start(s, SQL_ACT_TELLING_LIST, BOUND(as_number(after_id), as_int(max)), e), each,
	                    arg, e);
}
