/* Acts that have effect, put into the store as the job that counts signatures would leave them. */
#ifndef TEST_CORE_STOPS_FIXTURE_H
#define TEST_CORE_STOPS_FIXTURE_H

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/store/act.h"
#include "test/core/core_fixture.h"

struct put_act {
	const char *kind;      /* act_kind_name() */
	const char *agreement; /* NULL: pnr */
	const char *about;     /* JSON members of its scope; NULL: all of the agreement */
	const char *max;       /* restrict-tier: the highest tier that passes */
	const char *status;    /* NULL: Actual */
	enum act_state state;
	int64_t from_ms, ended_ms; /* 0: now; none */
	/* set */
	struct store_act row;
	struct buf text;
};

static inline bool put_act_row(void *arg, const struct act *a, struct error *e)
{
	struct put_act *p = arg;

	return store_put_act(a->store, &p->row, e);
}

static inline bool set_act_row(void *arg, const struct act *a, struct error *e)
{
	return store_set_act(a->store, arg, e);
}

static inline int status_of(const char *name)
{
	int s = ACT_STATUS_ACTUAL;

	while (name && s < ACT_STATUSES && strcmp(name, act_status_name((enum act_status)s)) != 0)
		s++;
	return s;
}

static inline void act_instant(json_t *doc, const char *name, int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	json_object_set_new(doc, name, json_string(text));
}

static inline void write_act(struct core_fixture *f, struct put_act *p)
{
	enum act_kind kind = act_kind_find(view_of(p->kind));
	struct uuid id = uuid_v7(f->now_ms, (const uint8_t[10]){ (uint8_t)kind });
	char hex[65], name[UUID_TEXT + 1], about[2000];

	ck_assert_int_ne(kind, ACT_KINDS);
	hex[64] = 0;
	memset(hex, '0', 64);
	uuid_print(&id, name);
	snprintf(about, sizeof about, "{%s}", p->about ? p->about : "");
	json_t *scope = json_loads(about, 0, NULL);
	ck_assert_ptr_nonnull(scope);
	json_t *doc =
	        json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:o, s:s}", "act", p->kind, "id", name, "status",
	                  p->status ? p->status : "Actual", "agreement", "id", p->agreement ? p->agreement : "pnr",
	                  "digest", hex, "about", scope, "ground", "an audit found no basis");
	ck_assert_ptr_nonnull(doc);
	act_instant(doc, "issued", f->now_ms - 1000);
	act_instant(doc, "collect_until", f->now_ms + DAY_MS);
	if (kind == ACT_SUSPEND || kind == ACT_RESTRICT_TIER || kind == ACT_AUTHORISE)
		act_instant(doc, "until", f->now_ms + 7 * DAY_MS);
	if (p->max)
		json_object_set_new(doc, "max", json_string(p->max));
	char *text = json_dumps(doc, JSON_COMPACT);
	p->text = BUF_INIT(ACT_TEXT_MAX);
	buf_adds(&p->text, text);
	free(text);
	json_decref(doc);
}

/* Puts it, and the picture is made anew. `p` is freed with act_free(). */
static inline void act_put(struct core_fixture *f, struct put_act *p)
{
	write_act(f, p);
	p->row = (struct store_act){ .text = buf_view(&p->text),
		                     .agreement = view_of(p->agreement ? p->agreement : "pnr"),
		                     .kind = act_kind_find(view_of(p->kind)),
		                     .status = status_of(p->status),
		                     .state = p->state,
		                     .received_ms = f->now_ms,
		                     .from_ms = p->from_ms ? p->from_ms : f->now_ms,
		                     .due_ms = TIME_NONE,
		                     .ended_ms = p->ended_ms ? p->ended_ms : TIME_NONE };
	sha256(p->row.text, &p->row.digest);
	struct core_job j = core_act(f, put_act_row, p);
	ck_assert_msg(j.committed, "%s", j.error.text);
	stops_refresh(&f->core, f->reader);
}

/* It takes another state at `now_ms`. */
static inline void act_becomes(struct core_fixture *f, struct put_act *p, enum act_state state, int64_t now_ms)
{
	p->row.state = state;
	if (state == ACT_LIFTED || state == ACT_ENDED)
		p->row.ended_ms = now_ms;
	struct core_job j = core_act(f, set_act_row, &p->row);
	ck_assert_msg(j.committed, "%s", j.error.text);
	stops_refresh(&f->core, f->reader);
}

static inline void act_free(struct put_act *p)
{
	buf_free(&p->text);
}

#endif
