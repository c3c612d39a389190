/* What a system has sent. It sees its own alone: what another one of the same agency sent is that one's. A worker does not
 * search: it looks at a bounded number of exchanges for each request, the newest first, and says how far it came; the numbers by
 * which it says so count what others sent, too, which each receipt tells as well. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "lib/base/datetime.h"

#define LOOKED_AT  2048 /* exchanges, for one request */
#define SHOWN      200  /* of them, at most */
#define SHOWN_ELSE 50   /* if nothing is said */
#define OLD_IN_ROW 1000 /* so many before `since` end it: rows of a clock that was set back lie among younger ones */
#define LINE_BYTES 2048
#define VALUE_MAX  64

struct asked {
	char agreement[VALUE_MAX], outcome[VALUE_MAX]; /* empty: any */
	bool any_state;
	enum exchange_state state;
	int64_t since_ms, until_ms;
	unsigned long long before, limit;
};

struct listing {
	const struct request *request;
	struct asked asked;
	struct buf *out;
	unsigned looked, shown, old;
	uint64_t last; /* that was looked at */
	bool over;     /* nothing behind it is asked for */
};

/* --- what is asked for --- */

static bool hex_of(char c, unsigned *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	*out = at ? (unsigned)(at - digits) : 0;
	*out -= *out > 15 ? 6 : 0;
	return at;
}

/* Percent-decoding (RFC 3986 section 2.1). */
static bool decode(struct view from, char out[VALUE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < from.n; i++, n++) {
		unsigned high, low;

		if (n == VALUE_MAX - 1)
			return false;
		out[n] = from.p[i];
		if (from.p[i] != '%')
			continue;
		if (i + 2 >= from.n || !hex_of(from.p[i + 1], &high) || !hex_of(from.p[i + 2], &low) || high + low == 0)
			return false;
		out[n] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = 0;
	return n > 0;
}

static bool read_agreement(struct asked *a, const char *text)
{
	snprintf(a->agreement, sizeof a->agreement, "%s", text);
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(text);
}

static bool read_state(struct asked *a, const char *text)
{
	for (int s = 0; s <= STATE_ENDED; s++)
		if (strcmp(text, exchange_state_name((enum exchange_state)s)) == 0) {
			a->state = (enum exchange_state)s;
			a->any_state = false;
			return true;
		}
	return false;
}

static bool read_outcome(struct asked *a, const char *text)
{
	static const char *const known[] = { "released", "released-transformed", "held", "refused" };
	size_t i = 0;

	snprintf(a->outcome, sizeof a->outcome, "%s", text);
	while (i < sizeof known / sizeof *known && strcmp(text, known[i]) != 0)
		i++;
	return i < sizeof known / sizeof *known;
}

static bool read_since(struct asked *a, const char *text)
{
	return time_parse(view_of(text), &a->since_ms);
}

static bool read_until(struct asked *a, const char *text)
{
	return time_parse(view_of(text), &a->until_ms);
}

static bool read_before(struct asked *a, const char *text)
{
	return view_to_u64(view_of(text), INT64_MAX, &a->before) && a->before > 0;
}

static bool read_limit(struct asked *a, const char *text)
{
	return view_to_u64(view_of(text), SHOWN, &a->limit) && a->limit > 0;
}

static const struct {
	const char *name;
	bool (*read)(struct asked *a, const char *text);
	const char *wants;
} parameters[] = {
	{ "agreement", read_agreement, "agreement: give the id of one, as GET /v1/agreements lists it." },
	{ "state", read_state,
	  "state: give one of refused, held, queued, delivered, ready, fetched, failed, erased, recalled, corrected, returned, ended." },
	{ "outcome", read_outcome, "outcome: give one of released, released-transformed, held, refused." },
	{ "since", read_since, "since: give an instant after RFC 3339, as 2026-01-31T00:00:00Z." },
	{ "until", read_until, "until: give an instant after RFC 3339, as 2026-01-31T00:00:00Z." },
	{ "before", read_before, "before: give next of the page before." },
	{ "limit", read_limit, "limit: give a number from 1 to 200." },
};
#define PARAMETERS (sizeof parameters / sizeof *parameters)

/* What is misspelled would list more than was asked for: it is refused. NULL: it was read; else what is wrong with it. */
static const char *read_query(struct view query, struct asked *a)
{
	unsigned seen = 0;
	char value[VALUE_MAX];

	*a = (struct asked){ .any_state = true, .since_ms = INT64_MIN, .until_ms = INT64_MAX, .limit = SHOWN_ELSE };
	while (query.n) {
		struct view pair = view_cut(&query, '&'), name = view_cut(&pair, '=');
		size_t i = 0;

		while (i < PARAMETERS && !view_is(name, parameters[i].name))
			i++;
		if (i == PARAMETERS)
			return "The parameters are agreement, state, outcome, since, until, before and limit.";
		if (seen >> i & 1)
			return "Give each parameter once.";
		if (!decode(pair, value) || !parameters[i].read(a, value))
			return parameters[i].wants;
		seen |= 1u << i;
	}
	return NULL;
}

/* --- what is shown --- */

/* In the answer's JSON, in which a raw quote stands in no string. */
static struct view outcome_of(const struct store_exchange *x)
{
	const char *name = "\"outcome\":\"",
	           *at = memmem(x->answer.p ? x->answer.p : "", x->answer.n, name, strlen(name));
	struct view rest = at ? view_from(x->answer, (size_t)(at - x->answer.p) + strlen(name)) : VIEW("");

	return view_cut(&rest, '"');
}

static bool is_asked_for(const struct listing *l, const struct store_exchange *x)
{
	const struct asked *a = &l->asked;

	return view_is(x->partner, l->request->peer->id) && (a->any_state || x->state == a->state) &&
	       (!a->agreement[0] || view_is(x->agreement, a->agreement)) && x->received_ms >= a->since_ms &&
	       x->received_ms < a->until_ms && (!a->outcome[0] || view_is(outcome_of(x), a->outcome));
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
	struct buf body = BUF_INIT(SHOWN * LINE_BYTES);
	struct listing l = { .request = r, .out = &body };
	struct error e = { .reason = REASON_NONE };

	const char *fault = read_query(r->query, &l.asked);
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
