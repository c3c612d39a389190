/* A decider over the core fixture, and envelopes made from conf/records: what the tests of this room start from. Texts
 * live until the test ends. Agreements: pnr; `counted`, the same under a k-guard that drops nationalities; `strict`,
 * under one that refuses. */
#ifndef TEST_CORE_EXCHANGE_FIXTURE_H
#define TEST_CORE_EXCHANGE_FIXTURE_H

#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/keys/payload.h"
#include "test/core/core_fixture.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/payload.h"

static struct core_fixture f;
static struct scratch scratch;
static struct decider decider;
static struct arena texts;
static unsigned commits; /* exchanges that have come home */

static inline json_t *guarded(const char *id, const char *otherwise)
{
	json_t *doc = core_preset(&f, "pnr");
	char text[300];

	snprintf(text, sizeof text, "\"%s\"", id);
	put(doc, "/id", text);
	snprintf(text, sizeof text,
	         "{\"id\":\"rare\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\","
	         "\"params\":{\"k\":2,\"fields\":[\"/travellers/*/api/nationality\"]%s}}",
	         otherwise);
	put(doc, "/rules/1000", text);
	return doc;
}

static inline void exchange_open(void)
{
	core_setup(&f);
	core_add_agreement(&f, core_preset(&f, "pnr"));
	core_add_agreement(&f, guarded("counted", ""));
	core_add_agreement(&f, guarded("strict", ",\"otherwise\":\"refuse\""));
	core_start(&f);
	ck_assert(scratch_open(&scratch));
	decider = (struct decider){ .core = &f.core, .reader = f.reader, .home = f.log.home, .scratch = &scratch };
	texts = (struct arena){ .max = 64u << 20 };
	commits = 0;
}

static inline void exchange_close(void)
{
	decider_close(&decider);
	scratch_close(&scratch);
	arena_free(&texts);
	core_teardown(&f);
}

/* --- what is sent --- */

static inline struct submission submission_by(enum core_partner who, const char *agreement)
{
	char path[200];

	snprintf(path, sizeof path, "/v1/agreements/%s/records", agreement);
	return (struct submission){ .conf = f.core.conf,
		                    .peer = core_partner(&f, who),
		                    .path = arena_copy(&texts, view_of(path)),
		                    .now_ms = f.now_ms };
}

/* conf/records/pnr/<name>.json, for the caller to change and hand to text_of(). */
static inline json_t *pnr(const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "conf/records/pnr/%s.json", name);
	json_t *doc = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	return doc;
}

/* Takes `doc` over. */
static inline struct view text_of(json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT);
	struct view v = arena_copy(&texts, view_of(text));

	ck_assert_ptr_nonnull(v.p);
	free(text);
	json_decref(doc);
	return v;
}

/* A leaf as gateways write one: its members stand in order. */
static inline struct view leaf_text(json_t *entry)
{
	char *text = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS);
	struct view v = arena_copy(&texts, view_of(text));

	ck_assert_ptr_nonnull(v.p);
	free(text);
	json_decref(entry);
	return v;
}

static inline struct view released_text(void)
{
	return text_of(pnr("released"));
}

/* An envelope whose travellers have this nationality. */
static inline json_t *of_nation(const char *nation)
{
	json_t *doc = pnr("released"), *list = json_object_get(json_object_get(doc, "record"), "travellers"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		json_object_set_new(json_object_get(one, "api"), "nationality", json_string(nation));
	}
	return doc;
}

/* --- steps --- */

static inline struct exchange *decide(const struct submission *s, struct view text)
{
	struct exchange *x = exchange_take(&decider);

	ck_assert_ptr_nonnull(x);
	exchange_decide(&decider, s, text, x);
	return x;
}

static inline void note_commit(struct exchange *x)
{
	ck_assert_ptr_eq(x->owner, &commits);
	commits++;
}

/* Prepares, commits and waits; the caller recycles. */
static inline void commit(struct exchange *x)
{
	unsigned before = commits;

	exchange_commit(x, exchange_prepare(x), note_commit, &commits);
	core_wait(&f, &commits, before + 1);
}

static inline struct exchange *sent(const struct submission *s, struct view text)
{
	struct exchange *x = decide(s, text);

	commit(x);
	return x;
}

/* --- what came of it --- */

static inline json_t *parsed(const struct buf *b)
{
	json_t *doc = json_loadb(b->p, b->n, 0, NULL);

	ck_assert_msg(doc != NULL, "not JSON: %.*s", (int)b->n, b->p);
	return doc;
}

/* Whether the leaf has this member. */
static inline bool leaf_has(const struct exchange *x, const char *name)
{
	json_t *leaf = parsed(&x->written.leaf);
	bool has = json_object_get(leaf, name) != NULL;

	json_decref(leaf);
	return has;
}

#define LEAF_SAYS(x, name, want) \
	do { \
		json_t *leaf_ = parsed(&(x)->written.leaf); \
		ck_assert_pstr_eq(core_member(leaf_, name), want); \
		json_decref(leaf_); \
	} while (0)

static inline bool buf_holds(const struct buf *b, const char *text)
{
	return b->p && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static inline struct store_exchange row_of(const struct exchange *x)
{
	struct store_exchange row;

	OK(store_find_exchange(f.reader, &x->decided.id, &row, e));
	return row;
}

/* The record (or envelope) that is sealed for the exchange; lives with `texts`. */
static inline struct view sealed_record(uint64_t seq, const struct uuid *id)
{
	struct payload p = { .plain = BUF_INIT(1 << 20) };

	OK(payload_open(f.log.keys, scratch.gcm, f.reader, seq, id, &p, e));
	struct view v = arena_copy(&texts, p.record);
	payload_close(&p);
	return v;
}

static inline bool is_sealed(uint64_t seq)
{
	struct error e = { .reason = REASON_NONE };
	struct store_payload p;

	return store_get_payload(f.reader, seq, &p, &e);
}

#endif
