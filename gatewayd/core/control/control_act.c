/* The control socket's commands about acts of persons: shown, listed, and one in full. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/acts/acts.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/os/instant.h"
#include "lib/base/encode.h"

#define LIST_MAX 1000
#define ACT_MAX  (1u << 20)

/* --- showing one --- */

static json_t *outcome_json(const struct act_submission *s)
{
	struct buf b = BUF_INIT(ACT_MAX);

	act_print_outcome(s, &b);
	buf_addf(&b, ",\"audit_index\":%llu,\"ok\":true}", (unsigned long long)store_entry_index(s->index));
	json_t *answer = b.failed ? NULL : json_loadb(b.p, b.n, 0, NULL);
	buf_free(&b);
	return answer;
}

/* The text of a refusal is place and rule; only a failure of the node's own has neither. */
static json_t *refusal_json(const struct act_submission *s)
{
	char text[sizeof s->refused.where + sizeof s->refused.text + 96];

	snprintf(text, sizeof text, "%s: %s%s%s", reason_slug(s->refused.reason), s->refused.where,
	         s->refused.where[0] ? ": " : "", s->refused.text);
	text[utf8_valid(view_of(text))] = 0;
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

static void submitted(struct act_submission *s)
{
	json_t *answer = s->refused.reason == REASON_NONE ? outcome_json(s) : refusal_json(s);
	struct control_client *c = s->owner;

	act_submission_free(s);
	control_finish(c, answer);
}

/* {"act": text, "signatures": [text]}. An act without a signature is taken and refused, so that the attempt is in the log. */
void control_council_submit(struct control_client *c, const json_t *request)
{
	const json_t *act = json_object_get(request, "act"), *list = json_object_get(request, "signatures");
	struct view signatures[COUNCIL_SEATS_MAX];
	size_t n = json_array_size(list);
	struct act_submission *s;

	if (!json_is_string(act) || n > COUNCIL_SEATS_MAX) {
		control_reply_error(c, "act: is no text, or signatures are more than 32");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		signatures[i] =
		        json_is_string(one) ? view_make(json_string_value(one), json_string_length(one)) : VIEW("");
	}
	s = act_submission_new(c->control->o.core, c->control->o.reader, c->control->home);
	if (!s) {
		control_reply_error(c, "memory ran out");
		return;
	}
	s->conf = core_conf(s->core);
	s->uid = (unsigned)c->uid;
	s->now_ms = instant_now_ms();
	s->done = submitted;
	s->owner = c;
	c->waiting = true;
	act_submit(s, view_make(json_string_value(act), json_string_length(act)), signatures, n);
}

/* --- listing --- */

/* NULL, and `e`: it could not be read. */
static json_t *act_json(struct store *reader, const struct store_act *row, bool whole, struct error *e)
{
	struct buf b = BUF_INIT(ACT_MAX);
	json_t *o = act_print(reader, row, whole, &b, e) ? json_loadb(b.p, b.n, 0, NULL) : NULL;

	if (!o && e->reason == REASON_NONE)
		error_set(e, REASON_NO_MEMORY, "memory ran out");
	buf_free(&b);
	return o;
}

struct listing {
	json_t *list;
	bool all;
	struct error error;
};

static bool add_act(void *arg, const struct store_act *row)
{
	struct listing *l = arg;

	if (!l->all && row->ended_ms != TIME_NONE)
		return true;
	json_t *o = act_json(NULL, row, false, &l->error);
	return o && json_array_append_new(l->list, o) == 0 && json_array_size(l->list) < LIST_MAX;
}

void control_council_list(struct control_client *c, const json_t *request)
{
	struct error e = { .reason = REASON_NONE };
	struct listing l = { .list = json_array(), .all = json_is_true(json_object_get(request, "all")) };
	const char *agreement = json_string_value(json_object_get(request, "agreement"));

	if (!store_list_acts(c->control->o.reader, 0, INT32_MAX, view_of(agreement ? agreement : ""), false, add_act,
	                     &l, &e) ||
	    l.error.reason != REASON_NONE) {
		control_reply_error(c, l.error.reason != REASON_NONE ? l.error.text : e.text);
		json_decref(l.list);
		return;
	}
	control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "acts", l.list));
}

/* --- one --- */

struct tellings {
	json_t *list;
	uint64_t act;
};

static bool add_telling(void *arg, const struct store_act_telling *t)
{
	struct tellings *l = arg;

	if (t->act == l->act)
		json_array_append_new(l->list,
		                      json_pack("{s:o, s:i, s:o, s:o}", "recipient", control_view_json(t->recipient),
		                                "attempts", (int)t->attempts, "next", control_time_json(t->next_ms),
		                                "last_error", control_view_json(t->last_error)));
	return true;
}

void control_council_show(struct control_client *c, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "act"));
	struct error e = { .reason = REASON_NONE };
	struct store *reader = c->control->o.reader;
	struct tellings waiting = { .list = NULL };
	struct store_act row;
	struct digest digest;
	json_t *o = NULL;

	if (!name || !digest_parse(view_of(name), &digest)) {
		control_reply_error(c,
		                    "act: is no digest of an act: 64 hexadecimal digits, as `council list` shows them");
		return;
	}
	if (store_find_act(reader, &digest, &row, &e)) {
		waiting.act = row.number;
		o = act_json(reader, &row, true, &e);
	}
	waiting.list = o ? json_array() : NULL;
	if (!o || !store_list_act_tellings(reader, 0, INT32_MAX, add_telling, &waiting, &e)) {
		control_reply_error(c, e.reason == REASON_NOT_FOUND ? "no act of this digest is here" : e.text);
		json_decref(waiting.list);
		json_decref(o);
		return;
	}
	json_object_set_new(o, "untold", waiting.list);
	control_reply(c, json_pack("{s:b, s:o}", "ok", 1, "act", o));
}
