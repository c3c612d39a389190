/* What is shown of checkpoints: this node's own with the cosignatures that they have, and those of partners' logs that it
 * cosigned. See witness.h. */
#include "gatewayd/core/witness/witness.h"

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/own_log.h"
#include "gatewayd/core/witness/sight.h"

#define TEXT VIEW("text/plain; charset=utf-8")

/* --- those that it cosigned --- */

static void show_witnessed(struct request *r, const struct partner *log)
{
	struct error e = { .reason = REASON_NONE };
	struct store_witnessed known;

	if (store_get_witnessed(r->worker->reader, view_of(log->log.name), &known, &e)) {
		struct buf body = BUF_INIT(NOTE_MAX);
		buf_add(&body, known.note);
		answer_text(r, 200, TEXT, buf_view(&body));
		buf_free(&body);
	} else {
		answer_unread(r, &e);
	}
}

/* The largest that was seen of it, cosigned or not, as that log signed it: for a node that ends its log. */
static void show_seen(struct request *r, const struct partner *log)
{
	struct error e = { .reason = REASON_NONE };
	struct sight_largest seen;

	if (!sight_largest(r->worker->core->sights, r->worker->reader, view_of(log->log.name), &seen, &e))
		answer_unread(r, &e);
	else if (seen.note.n == 0)
		answer_problem(r, REASON_NOT_FOUND);
	else
		answer_text(r, 200, TEXT, buf_view(&seen.note));
	buf_free(&seen.note);
}

/* For the log itself, and for oversight. */
void handle_witnessed(struct request *r)
{
	struct view origin = view_from(r->path, strlen("/witnessed/"));
	const struct partner *log = witness_find_log(r->conf, origin);
	bool may = log == r->peer || (r->peer->roles & ROLES_OVERSIGHT);

	if (log && may && view_is(r->query, "seen"))
		show_seen(r, log);
	else if (log && may)
		show_witnessed(r, log);
	else
		answer_problem(r, REASON_NOT_FOUND);
}

/* The same by the hash of the origin, for anyone, as C2SP tlog-witness has it for monitors. */
void handle_monitored(struct request *r)
{
	struct view hash = request_path_part(r, 0);
	struct digest want, have;

	for (size_t i = 0; hash.n == 64 && digest_parse(hash, &want) && i < r->conf->n_partners; i++) {
		const struct partner *p = &r->conf->partners[i];
		if (!p->has_log)
			continue;
		sha256(view_of(p->log.name), &have);
		if (digest_eq(&want, &have)) {
			show_witnessed(r, p);
			return;
		}
	}
	answer_problem(r, REASON_NOT_FOUND);
}

/* --- its own --- */

static bool add_line(void *arg, struct view line)
{
	buf_add(arg, line);
	return true;
}

static bool none_yet(const char *what, struct error *e)
{
	return error_set(e, REASON_NOT_FOUND, "no checkpoint %s", what);
}

static bool read_newest(struct store *reader, struct buf *body, struct error *e)
{
	struct view note;
	uint64_t size;

	if (!store_last_checkpoint(reader, &size, &note, e))
		return false;
	if (size == 0)
		return none_yet("yet", e);
	buf_add(body, note);
	return store_list_cosignatures(reader, size, add_line, body, e);
}

static bool read_witnessed(struct store *reader, struct buf *body, struct error *e)
{
	uint64_t size;

	return proof_cosigned(reader, &size, body, e) && (size > 0 || none_yet("is cosigned", e));
}

/* The newest that meets the node's quorum. What is kept may be of a quorum that was another before a reload. */
static bool read_met(const struct conf *c, struct store *reader, struct buf *body, struct error *e)
{
	struct view text, signatures;
	struct trust_witnessed w;

	if (!read_witnessed(reader, body, e))
		return false;
	if (note_split(buf_view(body), &text, &signatures, NULL) &&
	    trust_weigh(c->quorum, text, signatures, &w, NULL) && w.quorum)
		return true;
	return none_yet("has its quorum", e);
}

static bool read_timestamped(struct store *reader, struct buf *body, struct error *e)
{
	struct view note;
	uint64_t size;

	if (!store_timestamped(reader, &size, e))
		return false;
	if (size == 0)
		return none_yet("has a timestamp", e);
	if (!store_get_checkpoint(reader, size - 1, &size, &note, e))
		return false;
	buf_add(body, note);
	return store_list_cosignatures(reader, size, add_line, body, e);
}

/* The last checkpoint of the log that this one continues; with the proof from the tree of `from` entries before it, in the
 * form of a request to a witness, where that is asked for. */
static bool read_ended(struct store *reader, struct view from, struct buf *body, struct error *e)
{
	uint64_t log = store_log(reader);
	struct buf note = BUF_INIT(NOTE_MAX);
	struct witness_request w;
	unsigned long long size = 0;

	if (log == 0)
		return error_set(e, REASON_NOT_FOUND, "this log continues none");
	if (from.n > 0 && !view_to_u64(from, INT64_MAX, &size))
		return error_set(e, REASON_NOT_FOUND, "the size is no number");
	bool ok = own_log_prove(reader, log - 1, size, &w, &note, e);
	if (ok && from.n > 0)
		witness_request_print(&w, body);
	else if (ok)
		buf_add(body, w.note);
	buf_free(&note);
	return ok;
}

/* The receipt of this log's first entry, with that entry: it says what the log continues. */
static bool read_genesis(struct store *reader, struct buf *body, struct error *e)
{
	return proof_of_entry(reader, store_log(reader) << STORE_LOG_SHIFT, true, NULL, body, e);
}

static bool read_asked(const struct request *r, struct buf *body, struct error *e)
{
	struct store *reader = r->worker->reader;

	if (view_is(r->query, "ended") || view_starts(r->query, VIEW("ended=")))
		return read_ended(reader, request_query(r, "ended"), body, e);
	if (view_is(r->query, "genesis"))
		return read_genesis(reader, body, e);
	if (view_is(r->query, "timestamped"))
		return read_timestamped(reader, body, e);
	if (view_is(r->query, "witnessed"))
		return read_witnessed(reader, body, e);
	if (view_is(r->query, "newest") || !r->conf->quorum)
		return read_newest(reader, body, e);
	return read_met(r->conf, reader, body, e);
}

/* The newest checkpoint that meets this node's quorum, without one the newest of all; with `?newest` that in any case, with
 * `?witnessed` the one that receipts stand on, with `?timestamped` the newest that has a timestamp, with `?ended` the
 * last one of the log before. Each with the cosignatures that it has. `?genesis` is the receipt of the first entry. */
void handle_checkpoint(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(NOTE_MAX);

	if (read_asked(r, &body, &e) && !body.failed)
		answer_text(r, 200, TEXT, buf_view(&body));
	else
		answer_unread(r, &e);
	buf_free(&body);
}
