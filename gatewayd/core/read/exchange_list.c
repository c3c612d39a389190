/* What a system has sent. It sees its own alone: what another one of the same agency sent is that one's. A worker does not
 * search: it looks at a bounded number of exchanges for each request, the newest first, and says how far it came; the numbers by
 * which it says so count what others sent, too, which each receipt tells as well. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/read/exchange_query.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "lib/base/datetime.h"

#define LOOKED_AT  2048 /* exchanges, for one request */
#define OLD_IN_ROW 1000 /* so many before `since` end it: rows of a clock that was set back lie among younger ones */
#define LINE_BYTES 2048

struct listing {
	const struct request *request;
	struct exchange_query asked;
	struct buf *out;
	unsigned looked, shown, old;
	uint64_t last; /* that was looked at */
	bool over;     /* nothing behind it is asked for */
};

/* In the answer's JSON, in which a raw quote stands in no string. */
static struct view outcome_of(const struct store_exchange *x)
{
	const char *name = "\"outcome\":\"",
	           *at = memmem(x->answer.p ? x->answer.p : "", x->answer.n, name, strlen(name));
	struct view rest = at ? view_from(x->answer, (size_t)(at - x->answer.p) + strlen(name)) : VIEW("");

	return view_cut(&rest, '"');
}

/* Of another agency a partner of the same id sent it: the id was given anew. */
static bool is_asked_for(const struct listing *l, const struct store_exchange *x)
{
	const struct exchange_query *a = &l->asked;

	return view_is(x->partner, l->request->peer->id) && view_is(x->provider, l->request->peer->agency) &&
	       (a->any_state || x->state == a->state) && (!a->agreement[0] || view_is(x->agreement, a->agreement)) &&
	       x->received_ms >= a->since_ms && x->received_ms < a->until_ms &&
	       (!a->outcome[0] || view_is(outcome_of(x), a->outcome));
}

static void add_text(struct buf *out, const char *name, struct view value)
{
	buf_addf(out, ",\"%s\":", name);
	buf_add_json_string(out, value);
}

static void write_line(struct listing *l, const struct store_exchange *x)
{
	struct buf *out = l->out;
	char id[UUID_TEXT + 1], made[TIME_TEXT + 1];

	uuid_print(&x->id, id);
	time_print(x->received_ms, made);
	buf_addf(out, "%s{\"exchange\":\"%s\",\"made\":\"%s\"", l->shown ? "," : "", id, made);
	if (x->agreement.n)
		add_text(out, "agreement", x->agreement);
	buf_addf(out, ",\"state\":\"%s\"", exchange_state_name(x->state));
	add_text(out, "outcome", outcome_of(x));
	buf_addf(out, ",\"status\":%d", x->status);
	add_text(out, "recipient", x->recipient);
	if (x->key.n)
		add_text(out, "key", x->key);
	if (x->entry != STORE_NO_ENTRY)
		buf_addf(out, ",\"audit_index\":%llu", (unsigned long long)store_entry_index(x->entry));
	buf_addc(out, '}');
	l->shown++;
}

static bool look_at(void *arg, const struct store_exchange *x)
{
	struct listing *l = arg;

	l->looked++;
	l->last = x->seq;
	l->old = x->received_ms < l->asked.since_ms ? l->old + 1 : 0;
	l->over = l->old > OLD_IN_ROW;
	if (l->over)
		return false;
	if (is_asked_for(l, x))
		write_line(l, x);
	return l->shown < l->asked.limit && !l->out->failed;
}

void handle_exchanges(struct request *r)
{
	struct buf body = BUF_INIT(EXCHANGES_SHOWN * LINE_BYTES);
	struct listing l = { .request = r, .out = &body };
	struct error e = { .reason = REASON_NONE };

	const char *fault = exchange_query_read(r->query, &l.asked);
	if (fault) {
		answer_problem_at(r, REASON_BAD_QUERY, fault);
		return;
	}
	buf_adds(&body, "{\"exchanges\":[");
	if (store_list_exchanges(r->worker->reader, l.asked.before, LOOKED_AT, look_at, &l, &e)) {
		bool more = !l.over && l.last > 1 && (l.looked == LOOKED_AT || l.shown == l.asked.limit);

		buf_adds(&body, "]");
		if (more)
			buf_addf(&body, ",\"next\":%llu", (unsigned long long)l.last);
		buf_addf(&body, ",\"more\":%s}", more ? "true" : "false");
		answer_written(r, VIEW("application/json"), &body);
	} else {
		answer_unread(r, &e);
	}
	buf_free(&body);
}
