/* All notices of an exchange as JSON. See notice.h. */
#include "gatewayd/core/notice/notice.h"

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/notice.h"
#include "lib/base/datetime.h"

struct listing {
	struct buf *out;
	bool first;
};

static void add_time(struct buf *b, const char *name, int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	buf_addf(b, ",\"%s\":\"%s\"", name, text);
}

static void add_text(struct buf *b, const char *name, struct view value)
{
	if (value.n == 0)
		return;
	buf_addf(b, ",\"%s\":", name);
	buf_add_json_string(b, value);
}

static struct buf *open_item(struct listing *l, enum notice_kind kind, uint64_t entry)
{
	buf_addf(l->out, "%s{\"kind\":\"%s\",\"audit_index\":%llu", l->first ? "" : ",", notice_kind_name(kind),
	         (unsigned long long)store_entry_index(entry));
	l->first = false;
	return l->out;
}

static bool add_end(void *arg, const struct store_notice_end *n)
{
	struct buf *b = open_item(arg, n->kind, n->entry);

	add_text(b, "recipient", n->recipient);
	buf_addf(b, ",\"state\":\"%s\"", n->error.n ? "given up" : "arrived");
	add_time(b, "made", n->made_ms);
	add_time(b, "ended", n->ended_ms);
	add_text(b, "error", n->error);
	add_text(b, "receipt", n->receipt);
	buf_addc(b, '}');
	return !b->failed;
}

static bool add_waiting(void *arg, const struct store_notice *n)
{
	struct buf *b = open_item(arg, n->kind, n->entry);

	add_text(b, "recipient", n->recipient);
	buf_addf(b, ",\"state\":\"waiting\",\"attempts\":%u", (unsigned)n->attempts);
	add_time(b, "made", n->made_ms);
	add_time(b, "next", n->next_ms);
	add_text(b, "error", n->last_error);
	buf_addc(b, '}');
	return !b->failed;
}

static bool add_taken(void *arg, const struct store_notice_taken *t)
{
	struct buf *b = open_item(arg, t->kind, t->entry);

	add_time(b, "taken", t->taken_ms);
	add_text(b, "proof", t->proof);
	buf_addc(b, '}');
	return !b->failed;
}

bool notice_list(struct store *reader, uint64_t seq, struct buf *out, struct error *e)
{
	struct listing sent = { .out = out, .first = true }, taken = { .out = out, .first = true };

	buf_adds(out, "{\"sent\":[");
	if (!store_list_notice_ends(reader, seq, add_end, &sent, e) ||
	    !store_list_notices_of(reader, seq, add_waiting, &sent, e))
		return false;
	buf_adds(out, "],\"taken\":[");
	if (!store_list_notices_taken(reader, seq, add_taken, &taken, e))
		return false;
	buf_adds(out, "]}");
	return !out->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}
