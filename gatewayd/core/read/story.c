/* See story.h. */
#include "gatewayd/core/read/story.h"

#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/link.h"
#include "lib/base/datetime.h"

struct teller {
	struct buf *out;
	bool first;
};

static void add_time(struct buf *out, const char *name, int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

static bool tell_duty(void *arg, const struct store_duty *d)
{
	struct teller *t = arg;

	buf_addf(t->out, "%s{\"duty\":\"%s\",\"state\":\"%s\"", t->first ? "" : ",", duty_kind_name(d->kind),
	         duty_state_name(d->state));
	t->first = false;
	add_time(t->out, "made", d->made_ms);
	add_time(t->out, "due", d->due_ms);
	if (d->done_ms)
		add_time(t->out, "done", d->done_ms);
	if (d->result.n) {
		buf_adds(t->out, ",\"result\":");
		buf_add_json_string(t->out, d->result);
	}
	buf_addf(t->out, ",\"escalated\":%u}", (unsigned)d->escalated);
	return true;
}

static bool newest_child(void *arg, const struct store_link *l)
{
	*(uint64_t *)arg = l->child;
	return true;
}

/* `,"name":"id"` of another exchange. */
static bool tell_exchange(struct store *reader, const char *name, uint64_t seq, struct buf *out, struct error *e)
{
	struct store_exchange x;
	char id[UUID_TEXT + 1];

	if (!store_get_exchange(reader, seq, &x, e))
		return false;
	uuid_print(&x.id, id);
	buf_addf(out, ",\"%s\":\"%s\"", name, id);
	return true;
}

bool story_write(struct store *reader, uint64_t seq, struct buf *out, struct error *e)
{
	struct store_link corrects = { .version = 1 };
	struct teller t = { .out = out, .first = true };
	uint64_t child = 0;
	enum sought corrected = sought(store_get_link(reader, seq, LINK_CORRECTS, &corrects, e), e);

	if (corrected == SOUGHT_FAILED)
		return false;
	buf_addf(out, ",\"version\":%u", (unsigned)corrects.version);
	if (corrected == SOUGHT_FOUND && !tell_exchange(reader, "corrects", corrects.parent, out, e))
		return false;
	if (!store_list_links(reader, seq, LINK_CORRECTS, newest_child, &child, e) ||
	    (child && !tell_exchange(reader, "corrected_by", child, out, e)))
		return false;
	buf_adds(out, ",\"duties\":[");
	bool ok = store_list_duties(reader, seq, tell_duty, &t, e);
	buf_addc(out, ']');
	return ok;
}
