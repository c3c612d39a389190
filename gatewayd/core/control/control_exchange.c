/* The control socket's commands about exchanges: what came, what is held. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/exchange/officer.h"
#include "lib/policy/decision.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/read/story.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define REASON_TEXT_MAX 2000

/* The views of `x` are used before the store is read again. */
static json_t *exchange_json(const struct store_exchange *x, struct store *reader)
{
	uint64_t seq = x->seq;
	json_t *row =
	        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:o, s:I}", "exchange", control_uuid_json(&x->id),
	                  "partner", control_view_json(x->partner), "agreement", control_view_json(x->agreement),
	                  "provider", control_view_json(x->provider), "recipient", control_view_json(x->recipient),
	                  "received", control_time_json(x->received_ms), "state", exchange_state_name(x->state),
	                  "status", x->status, "agreement_digest", control_digest_json(&x->agreement_digest),
	                  "audit_index", (json_int_t)store_entry_index(x->entry));

	json_object_set_new(row, "holds", control_holds_json(reader, seq));
	return row;
}

struct listing {
	json_t *list;
	struct store *reader;
};

static bool list_exchange(void *arg, const struct store_exchange *x)
{
	struct listing *l = arg;

	json_array_append_new(l->list, exchange_json(x, l->reader));
	return true;
}

void control_exchange_list(struct control_client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	struct listing l = { .list = json_array(), .reader = c->control->o.reader };
	json_int_t max = json_integer_value(json_object_get(request, "max"));

	if (max < 1 || max > 1000)
		max = 50;
	if (store_list_exchanges(l.reader, 0, (unsigned)max, list_exchange, &l, &e)) {
		control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "exchanges", l.list));
	} else {
		control_reply_error(c, e.text);
		json_decref(l.list);
	}
}

/* What an operator reads of an exchange is logged before it is shown. */
struct showing {
	struct job job; /* first */
	struct control_client *client;
	json_t *answer;
	struct uuid exchange;
	char note[64];
	int64_t now_ms;
};

static bool write_showing(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct showing *show = JOB_OF(struct showing, j);
	struct act a = {
		.core = show->client->control->o.core, .writer = w, .job = j, .store = s, .now_ms = show->now_ms
	};
	struct entry entry = { .operation = OPERATION_CONSULTATION,
		               .exchange = show->exchange,
		               .note = view_of(show->note) };

	return audit_append(&a, &entry, NULL, NULL, e);
}

static void shown(struct job *j)
{
	struct showing *show = JOB_OF(struct showing, j);

	control_finish(show->client,
	               j->committed ? json_incref(show->answer)
	                            : json_pack("{s:b, s:s}", "ok", 0, "error", "the log could not be written"));
	json_decref(show->answer);
	writer_release(j);
	free(show);
}

/* Versions and duties. */
static json_t *story_json(struct store *reader, uint64_t seq)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(1 << 20);

	buf_adds(&text, "{\"told\":true");
	json_t *story = story_write(reader, seq, &text, &e)
	                        ? (buf_addc(&text, '}'), json_loadb(text.p, text.n, 0, NULL))
	                        : NULL;
	if (!story)
		log_line("error", "exchange show: %s", e.text);
	json_object_del(story, "told");
	buf_free(&text);
	return story ? story : json_object();
}

/* Digest of the version by which it would be decided now; null: none is in force. */
static json_t *agreement_now_json(struct core *core, struct view agreement)
{
	struct conf *conf = core_conf(core);
	struct agreement *a = conf_agreement(conf, agreement, NULL, instant_now_ms());
	json_t *digest = a ? control_digest_json(agreement_digest(a)) : json_null();

	conf_unref(conf);
	return digest;
}

void control_exchange_show(struct control_client *c, const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "exchange"));
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct store_archive archive;
	struct view leaf, packed, shape;
	struct uuid id;
	struct showing *show;

	if (!text || !uuid_parse(view_of(text), &id)) {
		control_reply_error(c, "exchange: is not an exchange id");
		return;
	}
	if (!store_find_exchange(c->control->o.reader, &id, &x, &e)) {
		control_reply_error(c, e.reason == REASON_NOT_FOUND ? "no such exchange" : e.text);
		return;
	}
	show = calloc(1, sizeof *show);
	if (!show) {
		control_reply_error(c, "memory ran out");
		return;
	}
	show->client = c;
	uint64_t seq = x.seq, index = x.entry;
	json_t *answer = control_view_json(x.answer), *now = agreement_now_json(c->control->o.core, x.agreement);
	show->answer = json_pack("{s:b, s:o, s:o}", "ok", 1, "exchange", exchange_json(&x, c->control->o.reader),
	                         "answer", answer);
	json_object_set_new(show->answer, "agreement_now", now);
	json_object_set_new(show->answer, "story", story_json(c->control->o.reader, seq));
	json_object_set_new(show->answer, "notices", control_notices_json(c->control->o.reader, seq));
	if (store_find_entry(c->control->o.reader, index, &leaf, &packed, &e)) {
		json_object_set_new(show->answer, "entry", control_view_json(leaf));
		json_object_set_new(show->answer, "disclosures",
		                    packed.n ? json_loadb(packed.p, packed.n, 0, NULL) : json_array());
		if (store_find_shape(c->control->o.reader, index, &shape, NULL))
			json_object_set_new(show->answer, "shape", json_loadb(shape.p, shape.n, 0, NULL));
	} else if (e.reason != REASON_NOT_FOUND) {
		json_object_set_new(show->answer, "damaged", json_string(e.text));
	} else if (store_get_archive(c->control->o.reader, store_entry_log(index), &archive, &e)) {
		json_object_set_new(show->answer, "archived", json_true());
	}
	snprintf(show->note, sizeof show->note, "operator with uid %u read the decision", (unsigned)c->uid);
	show->exchange = id;
	show->now_ms = instant_now_ms();
	show->job = (struct job){ .home = c->control->home, .run = write_showing, .done = shown };
	c->waiting = true;
	writer_submit(c->control->o.core->writer, &show->job);
}

/* --- decisions on what is held --- */

static void decided(void *arg, const struct held_result *r)
{
	json_t *answer = json_pack("{s:b, s:s, s:s}", "ok", (int)r->decided, "state", r->state, "error", r->text);

	if (r->decided) {
		json_object_set_new(answer, "released", json_boolean(r->released));
		json_object_set_new(answer, "reason", json_string(reason_slug(r->reason)));
	}
	control_finish(arg, answer);
}

static bool read_decision(struct control_client *c, const json_t *request, struct held_request *r)
{
	const char *text = json_string_value(json_object_get(request, "exchange"));

	*r = (struct held_request){ .uid = (unsigned)c->uid, .done = decided, .arg = c };
	if (text && uuid_parse(view_of(text), &r->exchange))
		return true;
	control_reply_error(c, "exchange: is not an exchange id");
	return false;
}

/* The views of the request end with the call: what is needed later, officer.c copies. */
void control_exchange_release(struct control_client *c, const json_t *request)
{
	const json_t *list = json_object_get(request, "approvals"), *item;
	struct held_shown shown[APPROVALS_MAX];
	struct held_request r;
	size_t i;

	if (!read_decision(c, request, &r))
		return;
	r.approvals = shown;
	r.n_approvals = json_array_size(list);
	if (r.n_approvals < 1 || r.n_approvals > APPROVALS_MAX) {
		control_reply_error(c, "approvals: 1 to 8 are needed");
		return;
	}
	json_array_foreach(list, i, item)
	{
		shown[i] = (struct held_shown){ view_of(json_string_value(json_object_get(item, "statement"))),
			                        view_of(json_string_value(json_object_get(item, "signature"))) };
		if (!shown[i].statement.n || !shown[i].signature.n) {
			control_reply_error(c, "approvals: each has a statement and a signature");
			return;
		}
	}
	c->waiting = true;
	held_release(c->control->held, &r);
}

void control_exchange_refuse(struct control_client *c, const json_t *request)
{
	struct held_request r;

	if (!read_decision(c, request, &r))
		return;
	r.why = view_of(json_string_value(json_object_get(request, "reason")));
	if (!r.why.n || r.why.n > REASON_TEXT_MAX) {
		control_reply_error(c, "reason: is needed, in at most 2,000 bytes");
		return;
	}
	c->waiting = true;
	held_refuse(c->control->held, &r);
}
