/* libFuzzer target: any bytes as the query of GET /v1/exchanges. What is read lies within its bounds and, written anew, reads as the
 * same; with a parameter once more it is refused. */
#include <stdio.h>

#include "gatewayd/core/read/exchange_query.h"
#include "lib/base/buf.h"
#include "lib/base/datetime.h"
#include "test/fuzz/target.h"

/* Each byte that may mean something to a query is escaped. */
static void add(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "%s%s=", out->n ? "&" : "", name);
	for (; *value; value++)
		buf_addf(out, strchr(":+&=%", *value) ? "%%%02X" : "%c", (unsigned char)*value);
}

static void add_time(struct buf *out, const char *name, int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	add(out, name, text);
}

static void write_query(const struct exchange_query *q, struct buf *out)
{
	char number[24];

	if (q->agreement[0])
		add(out, "agreement", q->agreement);
	if (q->outcome[0])
		add(out, "outcome", q->outcome);
	if (!q->any_state)
		add(out, "state", exchange_state_name(q->state));
	if (q->since_ms != INT64_MIN)
		add_time(out, "since", q->since_ms);
	if (q->until_ms != INT64_MAX)
		add_time(out, "until", q->until_ms);
	if (q->before) {
		snprintf(number, sizeof number, "%llu", q->before);
		add(out, "before", number);
	}
	snprintf(number, sizeof number, "%llu", q->limit);
	add(out, "limit", number);
}

static bool same(const struct exchange_query *a, const struct exchange_query *b)
{
	return strcmp(a->agreement, b->agreement) == 0 && strcmp(a->outcome, b->outcome) == 0 &&
	       a->any_state == b->any_state && (a->any_state || a->state == b->state) && a->since_ms == b->since_ms &&
	       a->until_ms == b->until_ms && a->before == b->before && a->limit == b->limit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size));
	struct exchange_query q, again;
	struct buf text = BUF_INIT(4096);
	const char *fault = exchange_query_read(in, &q);

	must(!fault || fault[0]);
	if (!fault) {
		must(q.limit >= 1 && q.limit <= EXCHANGES_SHOWN && q.before <= INT64_MAX);
		must(q.any_state || q.state <= STATE_ENDED);
		must(strlen(q.agreement) < QUERY_VALUE_MAX && strlen(q.outcome) < QUERY_VALUE_MAX);
		write_query(&q, &text);
		must(!text.failed && !exchange_query_read(buf_view(&text), &again) && same(&q, &again));
		add(&text, "limit", "1");
		must(exchange_query_read(buf_view(&text), &again) != NULL);
	}
	buf_free(&text);
	exact_free(in);
	return 0;
}
