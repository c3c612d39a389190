/* The control socket's commands about the clock. See control_private.h. */
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/control/control_private.h"

json_t *control_clock_json(const struct core *core)
{
	enum clock_verdict v = clock_verdict(core);

	return json_pack("{s:b, s:s}", "trusted", v == CLOCK_TRUSTED, "why", clock_why(v));
}

void control_clock_show(struct control_client *c, const json_t *request)
{
	struct core *core = c->control->o.core;
	struct conf *conf = core_conf(core);
	json_t *answer = control_clock_json(core);
	struct clock_facts facts;

	(void)request;
	clock_read(core->clock, &facts);
	json_object_set_new(answer, "ok", json_true());
	json_object_set_new(answer, "origin", json_string(conf->node.origin));
	json_object_set_new(answer, "now", control_time_json(facts.now_ms));
	json_object_set_new(answer, "last_entry", control_time_json(facts.entry_ms));
	json_object_set_new(answer, "expected", control_time_json(facts.known_ms));
	json_object_set_new(answer, "cosigned", control_time_json(facts.cosigned_ms));
	json_object_set_new(answer, "timestamped", control_time_json(facts.stamped_ms));
	conf_unref(conf);
	control_reply(c, answer);
}

static void confirmed(void *arg, const struct clock_result *r)
{
	control_finish(arg, r->text ? json_pack("{s:b, s:s}", "ok", 0, "error", r->text) : json_pack("{s:b}", "ok", 1));
}

void control_clock_confirm(struct control_client *c, const json_t *request)
{
	struct clock_request r = { .uid = (unsigned)c->uid,
		                   .home = c->control->home,
		                   .done = confirmed,
		                   .arg = c,
		                   .statement = view_of(json_string_value(json_object_get(request, "statement"))),
		                   .signature = view_of(json_string_value(json_object_get(request, "signature"))) };

	c->waiting = true;
	clock_confirm(c->control->o.core->clock, &r);
}
