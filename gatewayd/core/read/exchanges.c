/* What may be read: exchanges and their receipts and records, agreements, the audit log's tree, and what a
 * problem means. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/consult.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/read/story.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/tlog/tlog.h"
#include "gatewayd/os/log.h"

#define RECORD_MAX  (32u * 1024 * 1024)
#define NOTICES_MAX (64u * 1024 * 1024)

static void send_text(struct request *r, struct view type, const struct buf *body)
{
	struct answer a = { .status = 200, .content_type = type, .body = buf_view(body) };

	if (body->failed)
		answer_problem(r, REASON_NO_MEMORY);
	else
		answer_send(r, &a);
}

static void send_error(struct request *r, const struct error *e)
{
	if (e->reason != REASON_NOT_FOUND)
		log_line("error", "read: %s", e->text);
	answer_problem(r, e->reason == REASON_NOT_FOUND ? REASON_NOT_FOUND : REASON_UNAVAILABLE);
}

/* --- exchanges --- */

/* A party of the exchange, or this agency's own oversight. */
static bool may_see(const struct request *r, const struct store_exchange *x)
{
	struct view agency = view_of(r->peer->agency);

	if (r->peer->roles & (ROLE(AUDITOR) | ROLE(SUPERVISOR)))
		return view_is(agency, r->conf->node.agency) || view_eq(agency, x->provider) ||
		       view_eq(agency, x->recipient);
	return view_eq(agency, x->provider) || view_eq(agency, x->recipient);
}

struct hold_writer {
	struct buf *out;
	bool first;
};

/* What a party may know of a hold: not who stated it, nor why. */
static bool write_hold(void *arg, const struct store_hold *h)
{
	struct hold_writer *w = arg;
	char from[TIME_TEXT + 1], until[TIME_TEXT + 1];

	time_print(h->from_ms, from);
	time_print(h->until_ms, until);
	buf_addf(w->out, "%s{\"kind\":\"%s\",\"from\":\"%s\",\"until\":\"%s\"}", w->first ? "" : ",",
	         hold_kind_name(h->kind), from, until);
	w->first = false;
	return true;
}

static void show_exchange(struct request *r, const struct store_exchange *found)
{
	struct store *reader = r->worker->reader;
	struct store_exchange x = *found;
	struct buf body = BUF_INIT(1 << 20), receipt = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE }, none = { .reason = REASON_NONE };
	struct hold_writer holds = { .out = &body, .first = true };
	struct store_archive archive;
	struct view partner;

	buf_add(&body, x.answer);
	buf_addf(&body, ",\"state\":\"%s\",\"audit_index\":%llu", exchange_state_name(x.state),
	         (unsigned long long)store_entry_index(x.entry));
	buf_adds(&body, ",\"holds\":[");
	bool archived = store_get_archive(reader, store_entry_log(x.entry), &archive, &none);
	if (!store_list_holds(reader, x.seq, false, write_hold, &holds, &e) ||
	    (!archived && !proof_of_entry(reader, x.entry, true, NULL, &receipt, &e))) {
		send_error(r, &e);
	} else {
		buf_adds(&body, archived ? "],\"archived\":true" : "],\"receipt\":");
		if (!archived)
			buf_add_json_string(&body, buf_view(&receipt));
		if (store_get_receipt(reader, x.seq, &partner, &none)) {
			buf_adds(&body, ",\"partner_receipt\":");
			buf_add_json_string(&body, partner);
		}
		bool told = story_write(reader, x.seq, &body, &e);
		buf_addc(&body, '}');
		if (told)
			send_text(r, VIEW("application/json"), &body);
		else
			send_error(r, &e);
	}
	buf_free(&body);
	buf_free(&receipt);
}

static void show_receipt(struct request *r, uint64_t entry)
{
	struct buf receipt = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };

	if (proof_of_entry(r->worker->reader, entry, true, NULL, &receipt, &e))
		send_text(r, VIEW("text/plain; charset=utf-8"), &receipt);
	else
		send_error(r, &e);
	buf_free(&receipt);
}

static void show_notices(struct request *r, uint64_t seq)
{
	struct buf body = BUF_INIT(NOTICES_MAX);
	struct error e = { .reason = REASON_NONE };

	if (notice_list(r->worker->reader, seq, &body, &e))
		send_text(r, VIEW("application/json"), &body);
	else
		send_error(r, &e);
	buf_free(&body);
}

/* The released record, for the system of the agency that received it, or to which it was returned. */
static void show_record(struct request *r, const struct store_exchange *x)
{
	struct worker *w = r->worker;
	struct payload p = { .plain = BUF_INIT(RECORD_MAX) };
	struct error e = { .reason = REASON_NONE };
	struct uuid id = x->id;
	struct view own = view_of(r->conf->node.agency);
	struct consult *c;
	uint64_t seq = x->seq;
	bool restricted;

	/* What a recipient returned may be fetched here by a provider that has no gateway. */
	bool mine = view_eq(x->recipient, own) && view_is(own, r->peer->agency) && x->state == STATE_READY;
	bool returned = view_is(x->provider, r->peer->agency) && x->state == STATE_RETURNED;
	if (!mine && !returned) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (!hold_restricted(w->reader, seq, &restricted, &e)) {
		send_error(r, &e);
		return;
	}
	if (restricted) {
		answer_own_problem(r, REASON_UNDER_CHALLENGE);
		return;
	}
	c = consult_new(r, VIEW("application/json"), RECORD_MAX);
	if (!c)
		return;
	if (!payload_open(w->core->keys, w->scratch.gcm, w->reader, seq, &id, &p, &e) ||
	    !consult_note(c, &id, VIEW(""), "record read")) {
		consult_drop(c);
		send_error(r, &e);
	} else {
		buf_add(consult_body(c), p.record);
		consult_submit(c);
	}
	payload_close(&p);
}

void handle_exchange(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct uuid id;
	struct view what = request_path_part(r, 3);

	if (!uuid_parse(request_path_part(r, 2), &id) || !store_find_exchange(r->worker->reader, &id, &x, &e) ||
	    !may_see(r, &x)) {
		if (e.reason != REASON_NONE)
			send_error(r, &e);
		else
			answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (view_is(what, "receipt"))
		show_receipt(r, x.entry);
	else if (view_is(what, "record"))
		show_record(r, &x);
	else if (view_is(what, "notices"))
		show_notices(r, x.seq);
	else
		show_exchange(r, &x);
}

/* --- agreements --- */

static bool binds(const struct request *r, const struct agreement *a)
{
	return agreement_has_party(a, view_of(r->peer->agency));
}

void handle_agreements(struct request *r)
{
	struct buf body = BUF_INIT(8u * 1024 * 1024);
	bool first = true;

	buf_adds(&body, "{\"agreements\":[");
	for (size_t i = 0; i < r->conf->n_agreements; i++) {
		if (!binds(r, r->conf->agreements[i]))
			continue;
		if (!first)
			buf_addc(&body, ',');
		first = false;
		if (!agreement_describe(r->conf->agreements[i], r->now_ms, &body))
			body.failed = true;
	}
	buf_adds(&body, "]}");
	send_text(r, VIEW("application/json"), &body);
	buf_free(&body);
}

/* The record schemas that the agreement pins, as an array of the documents. */
static bool write_schemas(const struct request *r, const struct agreement *a, struct buf *body)
{
	struct digest d;

	buf_adds(body, "{\"schemas\":[");
	for (size_t k = 0; agreement_schema(a, k, &d); k++) {
		struct view text = conf_schema(r->conf, &d);
		if (!text.p)
			return false;
		buf_adds(body, k ? ",{\"digest\":\"" : "{\"digest\":\"");
		digest_print(body, &d);
		buf_adds(body, "\",\"schema\":");
		buf_add(body, text);
		buf_addc(body, '}');
	}
	buf_adds(body, "]}");
	return true;
}

void handle_agreement(struct request *r)
{
	struct agreement *a = conf_agreement(r->conf, request_path_part(r, 2), NULL, r->now_ms);
	struct view what = request_path_part(r, 3), type = VIEW("application/json");
	struct buf body = BUF_INIT(16u * 1024 * 1024);
	bool html = memmem(r->accept.p ? r->accept.p : "", r->accept.n, "text/html", 9) != NULL;
	bool ok;

	if (!a || !binds(r, a)) {
		answer_problem(r, REASON_AGREEMENT_UNKNOWN);
		return;
	}
	if (view_is(what, "schema")) {
		ok = write_schemas(r, a, &body);
	} else if (view_is(what, "summary")) {
		ok = agreement_summary(a, html, &body);
		type = html ? VIEW("text/html; charset=utf-8") : VIEW("text/plain; charset=utf-8");
	} else {
		ok = agreement_describe(a, r->now_ms, &body);
	}
	if (ok)
		send_text(r, type, &body);
	else
		answer_problem(r, REASON_INTERNAL);
	buf_free(&body);
}

/* --- the audit log --- */

void handle_tile(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(65536);
	struct tlog_tile tile;
	struct view hashes;

	if (!tlog_tile_parse(view_from(r->path, 1), &tile) || tile.entries) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (!store_get_tile(r->worker->reader, tile.level, tile.index, &hashes, &e) || hashes.n < tile.width * 32u) {
		error_set(&e, REASON_NOT_FOUND, "no such tile");
		send_error(r, &e);
	} else {
		buf_add(&body, view_make(hashes.p, tile.width * 32u));
		send_text(r, VIEW("application/octet-stream"), &body);
	}
	buf_free(&body);
}

/* An entry bundle: u16-prefixed leaves. Reading it is logged. */
void handle_entries(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct tlog_tile tile;
	struct consult *c;
	struct view leaf, packed;

	if (!view_is(view_of(r->peer->agency), r->conf->node.agency)) {
		answer_problem(r, REASON_ROLE_DENIED);
		return;
	}
	if (!tlog_tile_parse(view_from(r->path, 1), &tile) || !tile.entries) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	c = consult_new(r, VIEW("application/octet-stream"), RECORD_MAX);
	if (!c)
		return;
	bool ok = consult_note(c, NULL, VIEW(""), "log entries read");
	for (unsigned i = 0; ok && i < tile.width; i++) {
		ok = store_get_entry(r->worker->reader, tile.index * TLOG_TILE_WIDTH + i, &leaf, &packed, &e);
		if (ok)
			put_view16(consult_body(c), leaf);
	}
	if (ok) {
		consult_submit(c);
		return;
	}
	consult_drop(c);
	send_error(r, &e);
}

/* --- what an error means --- */

void handle_problem(struct request *r)
{
	enum reason reason = reason_find(request_path_part(r, 1));
	struct buf body = BUF_INIT(4096);

	if (reason == REASON_COUNT || reason == REASON_NONE) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	buf_addf(&body, "{\"type\":\"/problems/%s\",\"status\":%d,\"title\":", reason_slug(reason),
	         reason_status(reason));
	buf_add_json_string(&body, view_of(reason_text(reason)));
	buf_addc(&body, '}');
	send_text(r, VIEW("application/json"), &body);
	buf_free(&body);
}
