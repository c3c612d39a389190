/* For tests of the codes under which records came: records that come under them, are posted on, and end. */
#ifndef TEST_CORE_EXCHANGE_CAVEATS_CASES_H
#define TEST_CORE_EXCHANGE_CAVEATS_CASES_H

#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/link.h"
#include "test/core/exchange/exchange_fixture.h"
#include "test/policy/officers.h"

#define CODE(scale, value) "{\"scale\":\"" scale "\",\"value\":\"" value "\"}"
#define WORDS              "{\"scale\":\"uk-3x5x2-handling\",\"text\":\"ask first\",\"value\":\"C\"}"
#define H(n)               CODE("europol-handling", "H" n)
#define TLP(v)             CODE("tlp-2.0", v)

/* An agreement by which records may go on to south, with no codes of its own. */
static inline void add_listed(const char *id, const char *onward)
{
	json_t *doc = core_preset(&f, "pnr");
	char text[80];

	snprintf(text, sizeof text, "\"%s\"", id);
	put(doc, "/id", text);
	put(doc, "/onward", onward);
	put(doc, "/handling/scales/4", "\"uk-3x5x2-handling\"");
	core_document(&f, core_add_agreement(&f, doc));
}

static inline void open_listed(void)
{
	exchange_open();
	add_listed("listed", "{\"allowed\":\"listed\",\"to\":[\"south\"]}");
	core_document(&f, f.core.conf->agreements[0]);
}

static inline json_t *under(const char *handling)
{
	json_t *doc = pnr("released");

	if (handling)
		put(doc, "/handling", handling);
	return doc;
}

static inline json_t *naming(json_t *doc, const char *member, const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_print(id, text);
	json_object_set_new(doc, member, json_string(text));
	return doc;
}

/* Decides, commits, and lets go; its id. */
static inline struct uuid posted(enum core_partner who, const char *agreement, json_t *doc, int status)
{
	struct submission s = submission_by(who, agreement);
	struct exchange *x = sent(&s, text_of(doc));
	struct uuid id = x->decided.id;

	ck_assert_msg(x->found.status == status, "%.*s", (int)x->written.result.n, x->written.result.p);
	exchange_recycle(x);
	return id;
}

static inline struct uuid came(const char *handling)
{
	return posted(SOUTH_SYSTEM, "listed", under(handling), 201);
}

static inline uint64_t seq_of(const struct uuid *id)
{
	struct store_exchange row;

	OK(store_find_exchange(f.reader, id, &row, e));
	return row.seq;
}

static inline void kept(const struct uuid *id, const char *want)
{
	struct store_caveats c;

	OK(store_get_caveats(f.reader, seq_of(id), &c, e));
	ck_assert_msg(view_is(c.text, want), "%.*s", VIEW_ARG(c.text));
}

static inline bool has_caveats(const struct uuid *id)
{
	struct error e = { .reason = REASON_NONE };
	struct store_caveats c;

	return store_get_caveats(f.reader, seq_of(id), &c, &e);
}

/* Refused, with that reason, and these words in the clause. */
static inline void denied(const char *agreement, json_t *doc, enum reason reason, const char *pointer, const char *why)
{
	struct submission s = submission_by(NORTH_SYSTEM, agreement);
	struct exchange *x = decide(&s, text_of(doc));
	const struct failed *first = x->decided.decision.failed;

	ck_assert_msg(exchange_reason(x) == reason, "%s: %s", reason_slug(exchange_reason(x)), first->clause);
	ck_assert_str_eq(first->pointer, pointer);
	ck_assert_msg(strstr(first->clause, why) != NULL, "%s", first->clause);
	ck_assert(exchange_prepare(x));
	ck_assert(!leaf_has(x, "caveats") && !x->decided.keeps_payload);
	exchange_recycle(x);
}

static inline bool to_state(void *arg, const struct act *a, struct error *e)
{
	const uint64_t *what = arg;
	struct copy c;

	return copy_load(a, what[0], &c, e) && exchange_become(a, &c, (enum exchange_state)what[1], e);
}

static inline void become(const struct uuid *id, enum exchange_state state)
{
	uint64_t what[] = { seq_of(id), state };
	struct core_job j = core_act(&f, to_state, what);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

#endif
