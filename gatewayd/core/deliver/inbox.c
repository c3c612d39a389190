/* The inbox: how this agency's own system fetches records and duties. What is fetched is logged before it is shown;
 * inbox_ack.c takes what it acknowledges.
 *
 * A record whose use is restricted is listed without it, and cannot be acknowledged until the restriction has ended:
 * the system sees that it will be there later. A duty of an exchange with a hold in force is listed as held, for it
 * would have the system erase or alter what is to stay. One whose payload does not open is listed as damaged, without it,
 * and is an incident; the others are served. A record whose consent was withdrawn is listed with that reason alone,
 * until its recall takes its place, and so is one that came under a fork of its sender's log, or that an act of persons stops
 * (acts/stops.h), until that ends. The list ends before a
 * record whose sender's checkpoint is not proved yet, and says so: within a second it goes on (sight.h). */
#include "gatewayd/core/deliver/inbox.h"

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/copy/withdrawal.h"
#include "gatewayd/core/serve/consult.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/base/encode.h"
#include "gatewayd/os/log.h"

#define PAGE        50
#define PAGE_BYTES  (48u * 1024 * 1024) /* what one page may take */
#define PAGE_ENOUGH (4u * 1024 * 1024)  /* past this no further record is added */

bool inbox_is_told(struct view kind)
{
	return view_is(kind, "delivery-failed") || view_is(kind, "notice-failed");
}

bool inbox_stopped(struct core *c, struct store *s, uint64_t seq, enum reason *out, struct error *e)
{
	struct store_exchange x;
	struct stopped why;

	*out = REASON_NONE;
	if (!store_get_exchange(s, seq, &x, e))
		return false;
	/* What its recipient returned is its provider's own. */
	if (x.state == STATE_RETURNED)
		return true;
	if (!stops_exchange(c, s, &x, &why, e))
		return false;
	*out = why.reason;
	return true;
}

bool inbox_own_system(struct request *r)
{
	if (view_is(view_of(r->peer->agency), r->conf->node.agency))
		return true;
	answer_problem(r, REASON_ROLE_DENIED);
	return false;
}

/* --- fetch --- */

struct item {
	uint64_t id, seq;
	struct uuid exchange;
	bool record;
	struct buf kind, body;
	int64_t made_ms;
	bool withheld;            /* restricted, or a duty that a hold stops */
	bool damaged;             /* its payload does not open, or what stands beside it was altered */
	bool withdrawn;           /* its consent is, and nobody gets the record any more */
	enum reason stopped;      /* by an act of persons; REASON_NONE: by none */
	enum sight_verdict sight; /* of a record that came from another gateway */
};

struct page {
	struct item items[PAGE];
	size_t n;
	bool failed; /* memory ran out */
};

static bool copy_item(void *arg, const struct store_inbox *i)
{
	struct page *p = arg;
	struct item *to = &p->items[p->n++];

	*to = (struct item){ .id = i->id,
		             .seq = i->seq,
		             .exchange = i->exchange,
		             .record = inbox_has_record(i->kind),
		             .made_ms = i->made_ms,
		             .kind = BUF_INIT(64),
		             .body = BUF_INIT(4u * 1024 * 1024) };
	buf_add(&to->kind, i->kind);
	buf_add(&to->body, i->body);
	p->failed = p->failed || to->kind.failed || to->body.failed;
	return p->n < PAGE && !p->failed;
}

bool inbox_open(struct worker *w, uint64_t seq, const struct uuid *exchange, struct view body, struct payload *out,
                struct error *e)
{
	return payload_open(w->core->keys, w->scratch.gcm, w->reader, seq, exchange, out, e) &&
	       (payload_beside(out, body) ||
	        error_set(e, REASON_DAMAGED, "what stands beside a record is not what was sealed with it"));
}

/* ,"salt":"…","record":… and what stood beside it when it was sealed. REASON_DAMAGED: it is damaged. */
static bool write_record(struct request *r, const struct item *i, struct buf *out, struct error *e)
{
	struct payload payload = { .plain = BUF_INIT(PAGE_BYTES) };
	bool ok = inbox_open(r->worker, i->seq, &i->exchange, buf_view(&i->body), &payload, e);

	if (ok) {
		buf_addc(out, ',');
		buf_add(out, buf_view(&i->body));
		buf_adds(out, ",\"salt\":\"");
		hex_encode(out, view_make(payload.salt.b, sizeof payload.salt.b));
		buf_adds(out, "\",\"record\":");
		buf_add(out, payload.record);
	}
	payload_close(&payload);
	return ok;
}

/* Nobody gets the record now, and the item says why. */
static bool is_stopped(const struct item *i)
{
	return i->withdrawn || i->sight == SIGHT_FORKED || i->stopped != REASON_NONE;
}

/* {"id":1,"kind":"record","exchange":"…","made":"…",…members…,"salt":"…","record":…} */
static bool write_item(struct request *r, struct item *i, struct buf *out, struct error *e)
{
	char id[UUID_TEXT + 1], time[TIME_TEXT + 1];

	uuid_print(&i->exchange, id);
	time_print(i->made_ms, time);
	buf_addf(out, "{\"id\":%llu,\"kind\":\"%.*s\",\"exchange\":\"%s\",\"made\":\"%s\"", (unsigned long long)i->id,
	         VIEW_ARG(buf_view(&i->kind)), id, time);
	if (is_stopped(i)) {
		buf_addf(out, ",\"withheld\":\"%s\"}",
		         reason_slug(i->withdrawn               ? REASON_CONSENT_WITHDRAWN
		                     : i->sight == SIGHT_FORKED ? REASON_RECEIPT_INVALID
		                                                : i->stopped));
		return true;
	}
	if (i->withheld) {
		buf_adds(out, i->record ? ",\"restricted\":true}" : ",\"held\":true}");
		return true;
	}
	if (!i->record) {
		if (i->body.n) {
			buf_addc(out, ',');
			buf_add(out, buf_view(&i->body));
		}
	} else if (!write_record(r, i, out, e)) {
		i->damaged = e->reason == REASON_DAMAGED;
		if (!i->damaged)
			return false;
		*e = (struct error){ .reason = REASON_NONE };
		buf_adds(out, ",\"damaged\":true");
	}
	buf_addc(out, '}');
	return true;
}

/* What is logged of an item that is shown. */
static bool note_item(struct sights *sights, struct consult *c, const struct item *i)
{
	if (i->withheld || is_stopped(i))
		return true;
	if (i->damaged)
		return consult_incident(c, &i->exchange, "damaged in the store: record not shown");
	if (i->sight == SIGHT_LATE) {
		sights_count_late(sights);
		return consult_note(c, &i->exchange, VIEW(""), "record fetched; its sender's checkpoint is not proved");
	}
	return consult_note(c, &i->exchange, VIEW(""), i->record ? "record fetched" : "duty fetched");
}

static bool look_for_holds(struct request *r, struct item *i, struct error *e)
{
	struct store *reader = r->worker->reader;

	if (inbox_is_told(buf_view(&i->kind)))
		return true;

	if (!i->record)
		return hold_in_force(reader, i->seq, &i->withheld, e);
	return sight_of_exchange(r->worker->core->sights, reader, i->seq, i->made_ms, r->now_ms, &i->sight, e) &&
	       hold_restricted(reader, i->seq, &i->withheld, e) &&
	       withdrawal_stops(reader, r->conf, i->seq, &i->withdrawn, e) &&
	       inbox_stopped(r->worker->core, reader, i->seq, &i->stopped, e);
}

static bool write_page(struct request *r, struct page *p, uint64_t after, struct consult *c, struct error *e)
{
	struct buf *out = consult_body(c);
	uint64_t next = after;
	bool first = true, unproved = false;

	if (p->failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	buf_adds(out, "{\"items\":[");
	for (size_t i = 0; i < p->n && out->n < PAGE_ENOUGH; i++) {
		size_t before = out->n;
		if (!look_for_holds(r, &p->items[i], e))
			return false;
		unproved = p->items[i].sight == SIGHT_WAITS;
		if (unproved)
			break;
		if (!first)
			buf_addc(out, ',');
		next = p->items[i].id;
		enum sought item = sought(write_item(r, &p->items[i], out, e), e);
		if (item == SOUGHT_FAILED)
			return false;
		if (item == SOUGHT_NONE) {
			/* Its payload was erased in the meantime: it is no longer there to be fetched. */
			out->n = before;
			continue;
		}
		first = false;
		if (!note_item(r->worker->core->sights, c, &p->items[i]))
			return error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	buf_addf(out, "],\"next\":%llu%s}", (unsigned long long)next, unproved ? ",\"unproved\":true" : "");
	return true;
}

void handle_inbox(struct request *r)
{
	struct view after_text = request_query(r, "after");
	unsigned long long after = 0;
	struct error e = { .reason = REASON_NONE };
	struct page *p;
	struct consult *c;

	if (!inbox_own_system(r))
		return;
	if (after_text.n && !view_to_u64(after_text, INT64_MAX, &after)) {
		answer_problem_at(r, REASON_BAD_QUERY, "after: give next of the page before, or 0.");
		return;
	}
	c = consult_new(r, VIEW("application/json"), PAGE_BYTES);
	if (!c)
		return;
	p = calloc(1, sizeof *p);
	bool ok = p && store_look(r->worker->reader, &e) &&
	          store_list_inbox(r->worker->reader, after, PAGE, copy_item, p, &e) && write_page(r, p, after, c, &e);
	store_look_end(r->worker->reader);
	for (size_t i = 0; p && i < p->n; i++) {
		buf_free(&p->items[i].kind);
		buf_free(&p->items[i].body);
	}
	free(p);
	if (ok) {
		consult_submit(c);
		return;
	}
	log_line("error", "inbox: %s", e.text);
	consult_drop(c);
	answer_problem(r, REASON_UNAVAILABLE);
}
