/* The entries of one agreement, for who oversees one of its parties: each with its own inclusion proof, for an entry bundle
 * cannot be partial. A worker does not search: it looks at a bounded number of entries for each request, and says how far it
 * came. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/read/oversight.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "lib/tlog/entry.h"

#define LOOKED_AT 2048 /* entries, for one request */
#define SHOWN     64   /* of them, each proved */
#define BODY_MAX  (SHOWN * (2u * ENTRY_MAX + NOTE_MAX))

struct found {
	uint64_t index;
	struct uuid exchange;
	bool has_exchange, consultation;
};

struct search {
	char member[90]; /* `"agreement":"…"` as a leaf has it */
	struct found found[SHOWN];
	size_t n;
	uint64_t next; /* the entry after those that were looked at */
};

/* A raw quote stands in no string of a leaf: these bytes are a member's name and its value. */
static const char *has(struct view leaf, const char *bytes)
{
	return memmem(leaf.p, leaf.n, bytes, strlen(bytes));
}

static bool look_at(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	struct search *s = arg;
	const char *name = "\"exchange\":\"", *at;

	(void)packed;
	if (s->n == SHOWN)
		return false;
	s->next = index + 1;
	if (!has(leaf, s->member))
		return true;
	struct found *f = &s->found[s->n++];
	*f = (struct found){ .index = index, .consultation = has(leaf, "\"operation\":\"consultation\"") != NULL };
	at = has(leaf, name);
	if (at && (size_t)(leaf.p + leaf.n - at) > strlen(name) + UUID_TEXT)
		f->has_exchange = uuid_parse(view_make(at + strlen(name), UUID_TEXT), &f->exchange);
	return true;
}

/* What a party may see: its own exchanges, and not who consulted what here. */
static bool may_see(const struct request *r, const struct found *f, struct view agreement)
{
	struct store_exchange x;

	return oversight_own(r) ||
	       (f->has_exchange && !f->consultation && store_find_exchange(r->worker->reader, &f->exchange, &x, NULL) &&
	        view_eq(x.agreement, agreement) &&
	        (oversight_of(r, x.agreement, x.provider) || oversight_of(r, x.agreement, x.recipient)));
}

static bool write_entry(struct outsider_proofs *proofs, const struct found *f, bool first, struct buf *body,
                        struct error *e)
{
	struct buf receipt = BUF_INIT(2u * ENTRY_MAX + NOTE_MAX);
	bool ok = outsider_proof(proofs, f->index, &receipt, e);

	if (ok) {
		buf_addf(body, "%s{\"index\":%llu,\"receipt\":", first ? "" : ",", (unsigned long long)f->index);
		buf_add_json_string(body, buf_view(&receipt));
		buf_addc(body, '}');
	}
	buf_free(&receipt);
	return ok;
}

static bool write_entries(struct request *r, const struct search *s, struct view agreement, struct buf *body,
                          struct error *e)
{
	struct outsider_proofs *proofs = outsider_proofs_new(r->worker->reader);
	bool ok = proofs || error_set(e, REASON_NO_MEMORY, "memory ran out"), first = true;

	for (size_t i = 0; ok && i < s->n; i++) {
		if (!may_see(r, &s->found[i], agreement))
			continue;
		ok = write_entry(proofs, &s->found[i], first, body, e);
		first = false;
	}
	outsider_proofs_free(proofs);
	return ok;
}

static bool write_found(struct request *r, const struct search *s, struct view agreement, struct buf *body,
                        struct error *e)
{
	uint64_t size;

	if (!store_entry_count(r->worker->reader, &size, e))
		return false;
	buf_adds(body, "{\"entries\":[");
	if (!write_entries(r, s, agreement, body, e))
		return false;
	buf_adds(body, "]");
	if (s->next > 0)
		buf_addf(body, ",\"after\":%llu", (unsigned long long)(s->next - 1));
	buf_addf(body, ",\"more\":%s}", s->next < size ? "true" : "false");
	return true;
}

/* One that is loaded, or that this node's own oversight knows of. */
static bool oversees_it(const struct request *r, struct view agreement)
{
	for (size_t i = 0; i < r->conf->n_agreements; i++)
		if (view_eq(agreement_id(r->conf->agreements[i]), agreement) &&
		    oversight_under(r, r->conf->agreements[i]))
			return true;
	return oversight_own(r);
}

static bool is_id(struct view text)
{
	size_t i = 0;

	while (i < text.n && text.p[i] && strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", text.p[i]))
		i++;
	return text.n > 0 && text.n < 64 && i == text.n;
}

void handle_log_entries(struct request *r)
{
	struct view agreement = request_query(r, "agreement"), after = request_query(r, "after");
	struct search s = { .n = 0 };
	struct buf body = BUF_INIT(BODY_MAX);
	struct error e = { .reason = REASON_NONE };
	unsigned long long last = 0;

	if (!is_id(agreement) || (after.n && !view_to_u64(after, INT64_MAX - 1, &last))) {
		answer_problem_at(
		        r, REASON_BAD_QUERY,
		        "agreement: give the id of one; after: give after of the page before, or leave it out.");
		return;
	}
	if (!oversees_it(r, agreement)) {
		answer_problem(r, REASON_AGREEMENT_UNKNOWN);
		return;
	}
	s.next = after.n ? last + 1 : 0;
	snprintf(s.member, sizeof s.member, "\"agreement\":\"%.*s\"", VIEW_ARG(agreement));
	if (store_list_entries(r->worker->reader, s.next, LOOKED_AT, look_at, &s, &e) &&
	    write_found(r, &s, agreement, &body, &e))
		reading_answer(r,
		               &(struct reading){ .what = "log entries of an agreement read", .agreement = agreement },
		               VIEW("application/json"), &body);
	else
		answer_unread(r, &e);
	buf_free(&body);
}
