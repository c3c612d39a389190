/* The control socket's commands after a restore, this node's or a partner's: what was delivered is delivered once more, and
 * what waits is taken for delivered where the partner's log shows it. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/deliver/arrived.h"
#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define MOST 500 /* exchanges of one command */

/* --- once more --- */

struct again {
	struct job job; /* first */
	struct control_client *client;
	struct uuid ids[MOST];
	const char *results[MOST];
	size_t n, queued;
	char who[64];
	int64_t now_ms;
};

static bool again_one(struct again *x, const struct act *a, size_t i, struct error *e)
{
	enum outbox_again what = AGAIN_NOT_DELIVERED;
	struct store_exchange found;
	enum sought exchange = sought(store_find_exchange(a->store, &x->ids[i], &found, e), e);

	x->results[i] = "unknown";
	if (exchange != SOUGHT_FOUND)
		return exchange != SOUGHT_FAILED;
	if (!outbox_again(a, found.seq, x->who, &what, e))
		return false;
	x->results[i] = outbox_again_name(what);
	x->queued += what == AGAIN_QUEUED;
	return true;
}

static bool write_again(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct again *x = JOB_OF(struct again, j);
	struct act a = { .core = x->client->control->o.core, .writer = w, .job = j, .store = s, .now_ms = x->now_ms };

	x->queued = 0;
	for (size_t i = 0; i < x->n; i++)
		if (!again_one(x, &a, i, e))
			return false;
	return true;
}

static json_t *results(const struct again *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < x->n; i++)
		json_array_append_new(list, json_pack("{s:o, s:s}", "exchange", control_uuid_json(&x->ids[i]), "result",
		                                      x->results[i]));
	return json_pack("{s:b, s:I, s:o}", "ok", 1, "queued", (json_int_t)x->queued, "exchanges", list);
}

static void again_done(struct job *j)
{
	struct again *x = JOB_OF(struct again, j);

	if (j->committed)
		atomic_fetch_add(&x->client->control->o.core->hastened, 1);
	else
		log_line("error", "outbox: %s", j->error.text);
	control_finish(x->client, j->committed ? results(x) : json_pack("{s:b, s:s}", "ok", 0, "error", j->error.text));
	writer_release(j);
	free(x);
}

static bool read_ids(const json_t *list, struct again *x)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text || !uuid_parse(view_of(text), &x->ids[x->n++]))
			return false;
	}
	return true;
}

void control_outbox_again(struct control_client *c, const json_t *request)
{
	const json_t *list = json_object_get(request, "exchanges");
	struct again *x;

	if (json_array_size(list) == 0 || json_array_size(list) > MOST) {
		control_reply_error(c, "exchanges: 1 to 500 exchange ids are needed");
		return;
	}
	x = calloc(1, sizeof *x);
	if (!x || !read_ids(list, x)) {
		control_reply_error(c, x ? "exchanges: one of them is not an exchange id" : "memory ran out");
		free(x);
		return;
	}
	x->client = c;
	x->now_ms = instant_now_ms();
	snprintf(x->who, sizeof x->who, "once more, by operator with uid %u", (unsigned)c->uid);
	x->job = (struct job){ .home = c->control->home, .run = write_again, .done = again_done };
	c->waiting = true;
	writer_submit(c->control->o.core->writer, &x->job);
}

/* --- arrived --- */

struct arrival {
	struct job job; /* first */
	struct control_client *client;
	uint64_t seq;
	struct buf receipt;
	char who[64];
	bool changed;
	int64_t now_ms;
};

static bool write_arrival(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct arrival *x = JOB_OF(struct arrival, j);
	struct act a = { .core = x->client->control->o.core, .writer = w, .job = j, .store = s, .now_ms = x->now_ms };

	return arrived_write(&a, x->seq, buf_view(&x->receipt), x->who, &x->changed, e);
}

static void arrival_done(struct job *j)
{
	struct arrival *x = JOB_OF(struct arrival, j);

	if (!j->committed)
		log_line("error", "outbox: %s", j->error.text);
	control_finish(x->client, j->committed ? json_pack("{s:b, s:b}", "ok", 1, "changed", (int)x->changed)
	                                       : json_pack("{s:b, s:s}", "ok", 0, "error", j->error.text));
	writer_release(j);
	buf_free(&x->receipt);
	free(x);
}

void control_outbox_arrived(struct control_client *c, const json_t *request)
{
	const char *id = json_string_value(json_object_get(request, "exchange"));
	const char *receipt = json_string_value(json_object_get(request, "receipt"));
	struct error e = { .reason = REASON_NONE };
	struct uuid exchange;
	uint64_t seq;

	if (!id || !uuid_parse(view_of(id), &exchange) || !receipt) {
		control_reply_error(
		        c, "exchange, receipt: an exchange id and the receipt of the partner's log are needed");
		return;
	}
	if (!arrived_check(c->control->o.core, c->control->o.reader, &exchange, view_of(receipt), &seq, &e)) {
		control_reply_error(c, e.text);
		return;
	}
	struct arrival *x = calloc(1, sizeof *x);
	if (!x) {
		control_reply_error(c, "memory ran out");
		return;
	}
	x->client = c;
	x->seq = seq;
	x->receipt = BUF_INIT(1 << 20);
	buf_adds(&x->receipt, receipt);
	x->now_ms = instant_now_ms();
	snprintf(x->who, sizeof x->who, "shown by the partner's log, operator with uid %u", (unsigned)c->uid);
	x->job = (struct job){ .home = c->control->home, .run = write_arrival, .done = arrival_done };
	c->waiting = true;
	writer_submit(c->control->o.core->writer, &x->job);
}
