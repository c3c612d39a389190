/* The store's exchanges and their idempotency. See store.h.
 *
 * The row of an exchange is wide and written once; what changes (state, audit index) lies in the narrow
 * table `state`. That row is held back until the next verb that could read it, or COMMIT, because its
 * entry is mostly known a moment after the acceptance (pending_state). */
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/sql_private.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

/* Rows of clocks that were set back may lie among younger ones; so many old ones in a row end the window. */
#define WINDOW_OLD_ROWS 1000

const char *exchange_state_name(enum exchange_state s)
{
	switch (s) {
	case STATE_REFUSED: return "refused";
	case STATE_HELD: return "held";
	case STATE_QUEUED: return "queued";
	case STATE_DELIVERED: return "delivered";
	case STATE_READY: return "ready";
	case STATE_FETCHED: return "fetched";
	case STATE_FAILED: return "failed";
	case STATE_ERASED: return "erased";
	case STATE_RECALLED: return "recalled";
	case STATE_CORRECTED: return "corrected";
	case STATE_RETURNED: return "returned";
	case STATE_ENDED: return "ended";
	}
	return "unknown";
}

bool pending_flush(struct store *s, struct error *e)
{
	struct pending_state *p = &s->pending;

	if (!p->set)
		return true;
	p->set = false;
	return sql_run(s, SQL_STATE_PUT,
	               BOUND(as_number(p->seq), as_int(p->state),
	                     p->entry != STORE_NO_ENTRY ? as_number(p->entry) : as_null(), as_int(p->received_ms),
	                     p->hash != 0 ? as_number(p->hash) : as_null()),
	               e);
}

/* --- the window of keys --- */

struct window_row {
	uint64_t seq, hash;
	int64_t received_ms;
};

/* Reads the youngest rows, newest first, until they lie before the window. Its end is the newest row, or
 * the wall clock where that is earlier: a single row from the future must not shorten the window. */
static bool read_window(struct store *s, struct window_row **rows, size_t *n, struct error *e)
{
	struct statement *q = sql_start(s, SQL_STATE_WINDOW, NULL, 0, e);
	int64_t now_ms = (int64_t)time(NULL) * 1000, end = INT64_MIN;
	size_t cap = 0;
	unsigned old = 0;
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct window_row r = { .seq = (uint64_t)col_int(q, 0),
			                .received_ms = col_int(q, 1),
			                .hash = (uint64_t)col_int(q, 2) };
		if (end == INT64_MIN)
			end = r.received_ms < now_ms ? r.received_ms : now_ms;
		old = r.received_ms < end - STORE_KEY_WINDOW_MS ? old + 1 : 0;
		if (old > WINDOW_OLD_ROWS) {
			sql_end(q);
			break;
		}
		if (old > 0 || r.hash == 0)
			continue;
		if (*n == cap) {
			cap = cap ? cap * 2 : 4096;
			struct window_row *more = realloc(*rows, cap * sizeof **rows);
			if (!more) {
				sql_end(q);
				return error_set(e, REASON_NO_MEMORY, "no memory for the window of keys");
			}
			*rows = more;
		}
		(*rows)[(*n)++] = r;
	}
	return ok;
}

static bool load_window(struct store *s, struct error *e)
{
	struct window_row *rows = NULL;
	size_t n = 0;
	bool ok = read_window(s, &rows, &n, e);

	for (size_t i = n; ok && i > 0; i--)
		if (!window_add(&s->window, (uint32_t)rows[i - 1].hash, rows[i - 1].seq, rows[i - 1].received_ms))
			ok = error_set(e, REASON_NO_MEMORY, "no memory for the window of keys");
	free(rows);
	return ok;
}

static bool load_number(struct store *s, enum sql id, uint64_t *next, struct error *e)
{
	uint64_t last;

	if (!sql_number(s, id, NULL, 0, &last, e))
		return false;
	*next = last + 1;
	return true;
}

bool exchanges_load(struct store *s, struct error *e)
{
	struct view key;

	if (!store_get_value(s, VIEW("store/window-key"), &key, e))
		return false;
	if (key.n != sizeof s->window_key)
		return error_set(e, REASON_STORE, "the store's window key is damaged");
	memcpy(s->window_key, key.p, sizeof s->window_key);
	return load_number(s, SQL_EXCHANGE_LAST, &s->next_seq, e) &&
	       load_number(s, SQL_INBOX_LAST, &s->next_inbox, e) && load_window(s, e);
}

/* Zero means "no key", in the row as well. The length keeps partner and key apart. */
static uint64_t key_hash(const struct store *s, struct view partner, struct view key)
{
	uint8_t length[4] = { (uint8_t)(partner.n >> 24), (uint8_t)(partner.n >> 16), (uint8_t)(partner.n >> 8),
		              (uint8_t)partner.n };
	struct view parts[3] = { view_make(length, sizeof length), partner, key };

	if (key.n == 0)
		return 0;
	uint64_t h = siphash24(s->window_key, parts, 3);
	return h ? h : 1;
}

/* --- rows --- */

static void exchange_row(struct statement *q, struct store_exchange *x)
{
	*x = (struct store_exchange){ .seq = (uint64_t)col_int(q, 0),
		                      .partner = col_view(q, 3),
		                      .key = col_view(q, 4),
		                      .received_ms = col_int(q, 6),
		                      .agreement = col_view(q, 7),
		                      .provider = col_view(q, 9),
		                      .recipient = col_view(q, 10),
		                      .state = (enum exchange_state)col_int(q, 11),
		                      .status = (int)col_int(q, 12),
		                      .answer = col_view(q, 13),
		                      .entry = col_null(q, 14) ? STORE_NO_ENTRY : (uint64_t)col_int(q, 14) };
	col_bytes(q, 1, x->id.b, sizeof x->id.b);
	if (col_null(q, 2))
		x->origin = x->id;
	else
		col_bytes(q, 2, x->origin.b, sizeof x->origin.b);
	col_bytes(q, 5, x->body.b, sizeof x->body.b);
	col_bytes(q, 8, x->agreement_digest.b, sizeof x->agreement_digest.b);
}

static bool keep_view(struct store *s, struct view *v)
{
	if (v->n > 0)
		*v = arena_copy(&s->scratch, *v);
	return v->p != NULL;
}

/* Copies the views, so that the statement can end and holds no snapshot of the database. */
static bool keep_exchange(struct store *s, struct statement *q, struct store_exchange *out, struct error *e)
{
	struct store_exchange x;

	arena_reset(&s->scratch);
	exchange_row(q, &x);
	bool kept = keep_view(s, &x.partner) && keep_view(s, &x.key) && keep_view(s, &x.agreement) &&
	            keep_view(s, &x.provider) && keep_view(s, &x.recipient) && keep_view(s, &x.answer);
	sql_end(q);
	if (!kept)
		return error_set(e, REASON_NO_MEMORY, "no memory for an exchange");
	*out = x;
	return true;
}

static bool find(struct store *s, enum sql id, const struct bound *b, size_t n, struct store_exchange *out,
                 struct error *e)
{
	struct statement *q = pending_flush(s, e) ? sql_row(s, id, b, n, "exchange", e) : NULL;

	return q && keep_exchange(s, q, out, e);
}

bool store_find_exchange(struct store *s, const struct uuid *id, struct store_exchange *out, struct error *e)
{
	return find(s, SQL_EXCHANGE_ID, BOUND(as_uuid(id)), out, e);
}

bool store_get_exchange(struct store *s, uint64_t seq, struct store_exchange *out, struct error *e)
{
	return find(s, SQL_EXCHANGE_SEQ, BOUND(as_number(seq)), out, e);
}

bool store_find_origin(struct store *s, struct view provider, const struct uuid *origin, struct store_exchange *out,
                       struct error *e)
{
	return find(s, SQL_EXCHANGE_ORIGIN, BOUND(as_uuid(origin), as_text(provider)), out, e);
}

bool store_list_exchanges(struct store *s, uint64_t before_seq, unsigned max,
                          bool (*each)(void *arg, const struct store_exchange *x), void *arg, struct error *e)
{
	int64_t before = before_seq == 0 || before_seq > INT64_MAX ? INT64_MAX : (int64_t)before_seq;
	struct store_exchange x;
	bool ok;

	if (!pending_flush(s, e))
		return false;
	struct statement *q = sql_start(s, SQL_EXCHANGE_LIST, BOUND(as_int(before), as_int(max)), e);
	while (sql_next(s, q, &ok, e)) {
		exchange_row(q, &x);
		if (!each(arg, &x)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

/* --- accepting --- */

static bool put_exchange(struct store *s, struct store_exchange *x, uint64_t hash, struct error *e)
{
	static const struct digest none;

	if (!pending_flush(s, e))
		return false;
	bool from_gateway = memcmp(&x->origin, &x->id, sizeof x->id) != 0;
	struct view body = view_make(x->body.b, digest_eq(&x->body, &none) ? 0 : sizeof x->body.b);
	if (!sql_run(s, SQL_EXCHANGE_PUT,
	             BOUND(as_number(s->next_seq), as_uuid(&x->id), from_gateway ? as_uuid(&x->origin) : as_null(),
	                   as_text(x->partner), x->key.n > 0 ? as_text(x->key) : as_null(), as_blob(body),
	                   as_text(x->agreement), as_digest(&x->agreement_digest), as_text(x->provider),
	                   as_text(x->recipient), as_int(x->status), as_text(x->answer)),
	             e))
		return false;
	x->seq = s->next_seq++;
	s->pending = (struct pending_state){ .set = true,
		                             .seq = x->seq,
		                             .entry = STORE_NO_ENTRY,
		                             .state = x->state,
		                             .received_ms = x->received_ms,
		                             .hash = hash };
	return true;
}

static enum store_accepted compare(const struct store_exchange *x, const struct store_exchange *prior)
{
	if (!digest_eq(&x->body, &prior->body))
		return STORE_CONFLICT;
	return prior->status == 0 ? STORE_IN_USE : STORE_REPLAY;
}

/* The row of the same partner and key within the window; *found false when there is none. */
static bool find_key(struct store *s, const struct store_exchange *x, uint32_t hash, bool *found,
                     struct store_exchange *prior, struct error *e)
{
	struct window_cursor c = { 0 };
	uint64_t seq;

	*found = false;
	while (!*found && window_next(&s->window, &c, hash, &seq)) {
		struct store_exchange row;
		enum sought candidate = sought(store_get_exchange(s, seq, &row, e), e);

		if (candidate == SOUGHT_FAILED)
			return false;
		if (candidate == SOUGHT_NONE)
			continue;
		/* A hash may collide, and a row that was rolled back may have become another one. */
		if (view_eq(row.partner, x->partner) && view_eq(row.key, x->key) &&
		    memcmp(&row.origin, &row.id, sizeof row.id) == 0 &&
		    x->received_ms - row.received_ms <= STORE_KEY_WINDOW_MS) {
			*prior = row;
			*found = true;
		}
	}
	return true;
}

bool store_accept(struct store *s, struct store_exchange *x, enum store_accepted *result, struct store_exchange *prior,
                  struct error *e)
{
	bool from_gateway = memcmp(&x->origin, &x->id, sizeof x->id) != 0, found = false;
	uint64_t hash = from_gateway ? 0 : key_hash(s, x->partner, x->key);

	if (!s->in_transaction)
		return error_set(e, REASON_STORE, "a verb that writes was called outside a transaction");
	if (from_gateway) {
		enum sought first = sought(store_find_origin(s, x->provider, &x->origin, prior, e), e);

		if (first == SOUGHT_FAILED)
			return false;
		found = first == SOUGHT_FOUND;
	} else if (hash != 0 && !find_key(s, x, (uint32_t)hash, &found, prior, e)) {
		return false;
	}
	if (found) {
		*result = compare(x, prior);
		return true;
	}
	if (!put_exchange(s, x, hash, e))
		return false;
	if (hash != 0 && !window_add(&s->window, (uint32_t)hash, x->seq, x->received_ms))
		return error_set(e, REASON_NO_MEMORY, "no memory for the window of keys");
	*result = STORE_NEW;
	return true;
}

/* --- changing --- */

static bool change(struct store *s, enum sql id, uint64_t seq, int64_t value, struct error *e)
{
	return sql_change(s, id, BOUND(as_number(seq), as_int(value)), "exchange", e);
}

bool store_set_entry(struct store *s, uint64_t seq, uint64_t index, struct error *e)
{
	uint64_t entry = s->log << STORE_LOG_SHIFT | store_entry_index(index);

	if (s->pending.set && s->pending.seq == seq) {
		s->pending.entry = entry;
		return true;
	}
	return change(s, SQL_STATE_ENTRY, seq, (int64_t)entry, e);
}

bool store_set_state(struct store *s, uint64_t seq, enum exchange_state state, struct error *e)
{
	if (s->pending.set && s->pending.seq == seq) {
		s->pending.state = state;
		return true;
	}
	return change(s, SQL_STATE_STATE, seq, state, e);
}

bool store_set_states(struct store *s, const uint64_t *seqs, size_t n, enum exchange_state state, struct error *e)
{
	const struct bound to = as_int(state);
	uint64_t changed;

	if (!pending_flush(s, e) || !sql_run_these(s, SQL_STATES_STATE, seqs, n, &to, &changed, e))
		return false;
	return changed == n || error_set(e, REASON_NOT_FOUND, "the store holds no such exchange");
}

bool store_set_agreement(struct store *s, uint64_t seq, const struct digest *agreement, struct error *e)
{
	return sql_change(s, SQL_EXCHANGE_AGREEMENT, BOUND(as_number(seq), as_digest(agreement)), "exchange", e);
}

bool store_set_answer(struct store *s, uint64_t seq, int status, struct view answer, struct error *e)
{
	return sql_change(s, SQL_EXCHANGE_ANSWER, BOUND(as_number(seq), as_int(status), as_text(answer)), "exchange",
	                  e);
}
