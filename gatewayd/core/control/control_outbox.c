/* The control socket's commands about the outbox: what waits there and why; tried again, or ended, by a person. See
 * control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define MOST 1000 /* deliveries of one command */

struct listing {
	json_t *list;
	struct store *reader;
};

/* Its exchange is read after its row, whose views end with that. */
static bool list_delivery(void *arg, const struct store_delivery *d)
{
	struct listing *l = arg;
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	bool failed = d->next_ms == OUTBOX_FAILED;
	json_t *row =
	        json_pack("{s:I, s:o, s:s, s:i, s:o, s:o, s:o}", "seq", (json_int_t)d->seq, "recipient",
	                  control_view_json(d->recipient), "state", failed ? "failed" : "waiting", "attempts",
	                  (int)d->attempts, "next", control_time_json(failed ? TIME_NONE : d->next_ms), "deadline",
	                  control_time_json(d->deadline_ms), "last_error", control_view_json(d->last_error));
	uint64_t seq = d->seq;

	json_object_set_new(row, "holds", control_holds_json(l->reader, seq));
	if (store_get_exchange(l->reader, seq, &x, &e)) {
		json_object_set_new(row, "exchange", control_uuid_json(&x.id));
		json_object_set_new(row, "agreement", control_view_json(x.agreement));
	}
	json_array_append_new(l->list, row);
	return true;
}

void control_outbox(struct control_client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	struct listing l = { .list = json_array(), .reader = c->control->o.reader };

	(void)request;
	if (store_list_deliveries(l.reader, 0, MOST, list_delivery, &l, &e)) {
		control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "deliveries", l.list));
	} else {
		control_reply_error(c, e.text);
		json_decref(l.list);
	}
}

/* --- tried again, or ended --- */

struct change {
	struct job job; /* first */
	struct control_client *client;
	bool expire, one;     /* one: of this exchange alone */
	struct uuid exchange; /* where `one` */
	char recipient[72];   /* of this agency alone; empty: all */
	char who[64];
	int64_t now_ms;
	uint64_t seqs[MOST], notices[MOST];
	size_t n, n_notices, changed;
};

static bool add_delivery(void *arg, const struct store_delivery *d)
{
	struct change *x = arg;

	if (!x->recipient[0] || view_is(d->recipient, x->recipient))
		x->seqs[x->n++] = d->seq;
	return x->n < MOST;
}

static bool add_notice(void *arg, const struct store_notice *n)
{
	struct change *x = arg;

	if (!x->recipient[0] || view_is(n->recipient, x->recipient))
		x->notices[x->n_notices++] = n->id;
	return x->n_notices < MOST;
}

static bool find(struct change *x, struct store *s, struct error *e)
{
	struct store_exchange found;

	x->n = x->n_notices = 0;
	if (!x->one)
		return store_list_deliveries(s, 0, UINT32_MAX, add_delivery, x, e) &&
		       store_list_notices(s, 0, UINT32_MAX, add_notice, x, e);
	enum sought exchange = sought(store_find_exchange(s, &x->exchange, &found, e), e);
	if (exchange != SOUGHT_FOUND)
		return exchange != SOUGHT_FAILED;
	x->seqs[x->n++] = found.seq;
	return store_list_notices_of(s, found.seq, add_notice, x, e);
}

static bool write_change(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct change *x = JOB_OF(struct change, j);
	struct act a = { .core = x->client->control->o.core, .writer = w, .job = j, .store = s, .now_ms = x->now_ms };
	bool done = false;

	x->changed = 0;
	if (!find(x, s, e))
		return false;
	for (size_t i = 0; i < x->n; i++) {
		if (!(x->expire ? outbox_expire : outbox_retry)(&a, x->seqs[i], x->who, &done, e))
			return false;
		x->changed += done;
	}
	/* What a notice tells is owed: it is tried again, and not ended by hand. */
	for (size_t i = 0; i < x->n_notices && !x->expire; i++) {
		if (!store_hasten_notice(s, x->notices[i], x->now_ms, e))
			return false;
		x->changed++;
	}
	return true;
}

static void changed(struct job *j)
{
	struct change *x = JOB_OF(struct change, j);

	if (!j->committed)
		log_line("error", "outbox: %s", j->error.text);
	else if (!x->expire)
		atomic_fetch_add(&x->client->control->o.core->hastened, 1);
	control_finish(x->client, j->committed ? json_pack("{s:b, s:I}", "ok", 1, "changed", (json_int_t)x->changed)
	                                       : json_pack("{s:b, s:s}", "ok", 0, "error", j->error.text));
	writer_release(j);
	free(x);
}

static void change(struct control_client *c, const json_t *request, bool expire)
{
	const char *id = json_string_value(json_object_get(request, "exchange"));
	const char *partner = json_string_value(json_object_get(request, "partner"));
	struct change *x = calloc(1, sizeof *x);

	if (!x) {
		control_reply_error(c, "memory ran out");
		return;
	}
	x->client = c;
	x->expire = expire;
	x->one = id != NULL;
	x->now_ms = instant_now_ms();
	snprintf(x->recipient, sizeof x->recipient, "%s", partner ? partner : "");
	snprintf(x->who, sizeof x->who, "%s by operator with uid %u", expire ? "ended" : "tried again",
	         (unsigned)c->uid);
	if (id && !uuid_parse(view_of(id), &x->exchange)) {
		free(x);
		control_reply_error(c, "exchange: is not an exchange id");
		return;
	}
	/* A slip of the keyboard does not end all that waits. */
	if (expire && !id && !partner) {
		free(x);
		control_reply_error(c, "exchange, partner: one of them is needed");
		return;
	}
	x->job = (struct job){ .home = c->control->home, .run = write_change, .done = changed };
	c->waiting = true;
	writer_submit(c->control->o.core->writer, &x->job);
}

void control_outbox_retry(struct control_client *c, const json_t *request)
{
	change(c, request, false);
}

void control_outbox_expire(struct control_client *c, const json_t *request)
{
	change(c, request, true);
}
