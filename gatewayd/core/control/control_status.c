/* The control socket's command that tells how the daemon is. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/read/figures.h"
#include "gatewayd/core/read/waiting.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/os/instant.h"

static json_t *agreements_json(const struct conf *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_agreements; i++) {
		const struct agreement *a = conf->agreements[i];
		json_array_append_new(list,
		                      json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", control_view_json(agreement_id(a)),
		                                "version", control_view_json(agreement_version(a)), "digest",
		                                control_digest_json(agreement_digest(a)), "effective_from",
		                                control_time_json(agreement_effective_ms(a)), "sunset",
		                                control_time_json(agreement_sunset_ms(a))));
	}
	return list;
}

static json_t *documents_json(const struct conf *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_documents; i++) {
		const struct signed_document *d = conf->documents[i];
		json_t *o = json_pack("{s:s, s:o, s:I, s:o}", "document", document_kind_name(d->kind), "issuer",
		                      control_view_json(d->issuer), "number", (json_int_t)d->number, "digest",
		                      control_digest_json(&d->digest));
		if (d->agreement.n)
			json_object_set_new(o, "agreement", control_view_json(d->agreement));
		if (d->next_update_ms != TIME_NONE)
			json_object_set_new(o, "next_update", control_time_json(d->next_update_ms));
		json_array_append_new(list, o);
	}
	return list;
}

/* What this gateway shows. */
static json_t *certificate_json(const struct conf *conf)
{
	int64_t until = conf->own.until_ms, due = conf_revocation_due_ms(conf);
	json_t *o = json_pack("{s:o, s:I, s:s, s:s}", "expires", control_time_json(until), "days",
	                      (json_int_t)((until - instant_now_ms()) / DAY_MS), "uri", conf->own.id.uri, "serial",
	                      conf->own.id.serial);

	if (due != TIME_NONE)
		json_object_set_new(o, "revocations_due", control_time_json(due));
	return o;
}

/* A group comes with its first figure. */
static void add_figures(json_t *answer, const struct figures *now)
{
	uint64_t value;

	for (const struct figure *f = figure_list; f->read; f++) {
		json_t *group = f->group ? json_object_get(answer, f->group) : NULL;
		if (!f->group || !f->read(now, &value))
			continue;
		if (!group) {
			group = json_object();
			json_object_set_new(answer, f->group, group);
		}
		json_object_set_new(group, f->name, json_integer((json_int_t)value));
	}
}

static void add_account(void *arg, const char *id, const struct budget_state *s)
{
	json_array_append_new(arg,
	                      json_pack("{s:s, s:I, s:I, s:i, s:i, s:i, s:I}", "partner", id, "bytes",
	                                (json_int_t)s->bytes + (json_int_t)s->waiting_bytes, "bytes_max",
	                                (json_int_t)s->bytes_max, "jobs", (int)s->jobs, "jobs_max", (int)s->jobs_max,
	                                "waiting", (int)s->waiting, "turned_away", (json_int_t)s->turned_away));
}

/* Of each partner that was seen; those who are none have "". */
static json_t *budgets_json(struct budget *b)
{
	json_t *list = json_array();

	budget_each(b, add_account, list);
	return list;
}

static json_t *waiting_list(struct store *reader)
{
	struct buf b = BUF_INIT(1u << 20);
	struct error e = { .reason = REASON_NONE };
	json_t *list = waiting_json(reader, &b, &e) ? json_loadb(b.p, b.n, 0, NULL) : NULL;

	buf_free(&b);
	return list ? list : json_null();
}

static void add_value(json_t *answer, struct store *reader, const char *name)
{
	struct error e = { .reason = REASON_NONE };
	struct view value;

	if (store_get_value(reader, view_of(name), &value, &e) && value.n > 0)
		json_object_set_new(answer, name, control_view_json(value));
}

void control_status(struct control_client *c, const json_t *request)
{
	struct core *core = c->control->o.core;
	struct conf *conf = core_conf(core);
	struct error e = { .reason = REASON_NONE };
	struct figures now;

	(void)request;
	if (!figures_take(&now, core, conf, c->control->o.reader, instant_now_ms(), &e)) {
		control_reply_error(c, e.text);
		conf_unref(conf);
		return;
	}
	json_t *answer =
	        json_pack("{s:b, s:s, s:s, s:s, s:s, s:o, s:i, s:b, s:o, s:o, s:o}", "ok", 1, "agency",
	                  conf->node.agency, "node", conf->node.name, "origin", conf->node.origin, "build", core->build,
	                  "started", control_time_json(core->started_ms), "threads", (int)core->n_workers, "draining",
	                  (int)atomic_load(&core->draining), "agreements", agreements_json(conf), "documents",
	                  documents_json(conf), "clock", control_clock_json(core));
	json_object_set_new(answer, "certificate", certificate_json(conf));
	add_figures(answer, &now);
	add_value(answer, c->control->o.reader, STORE_BACKUP);
	add_value(answer, c->control->o.reader, STORE_REHEARSED);
	json_object_set_new(answer, "budgets", budgets_json(core->budget));
	json_object_set_new(answer, "waiting", waiting_list(c->control->o.reader));
	control_reply(c, answer);
	conf_unref(conf);
}
