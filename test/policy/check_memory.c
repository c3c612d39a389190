/* Memory runs out at every place where it can: while an agreement is loaded, explained, compared and drawn, and while
 * a record is decided. Each time that is an error and no crash, nothing is let out that would not be otherwise, and
 * nothing leaks. The program's own malloc fails, and pieces of arenas (wrapped by the linker), which seldom reach it. */
#include "lib/base/arena.h"
#include "lib/policy/diff.h"
#include "lib/policy/flowmap.h"
#include "lib/policy/lint.h"
#include "test/memory.h"
#include "test/policy/decision_fixture.h"
#include "test/policy/document_fixture.h"
#include "test/policy/officers.h"

TCase *make_memory_case(void);

static long arena_fail_at = -1; /* this many more pieces are had; -1: all */

void *__real_arena_alloc(struct arena *a, size_t n);
char *__real_arena_str(struct arena *a, struct view v);
struct view __real_arena_copy(struct arena *a, struct view v);
void *__wrap_arena_alloc(struct arena *a, size_t n);
char *__wrap_arena_str(struct arena *a, struct view v);
struct view __wrap_arena_copy(struct arena *a, struct view v);

static bool arena_may(void)
{
	if (arena_fail_at < 0)
		return true;
	return arena_fail_at && arena_fail_at--;
}

void *__wrap_arena_alloc(struct arena *a, size_t n)
{
	return arena_may() ? __real_arena_alloc(a, n) : NULL;
}

char *__wrap_arena_str(struct arena *a, struct view v)
{
	return arena_may() ? __real_arena_str(a, v) : NULL;
}

struct view __wrap_arena_copy(struct arena *a, struct view v)
{
	return arena_may() ? __real_arena_copy(a, v) : (struct view){ NULL, 0 };
}

/* Which of the two runs out. */
static void fail_after(bool arenas, long n)
{
	arena_fail_at = arenas ? n : -1;
	fail_at = arenas ? -1 : n;
}

static void fail_no_more(void)
{
	arena_fail_at = fail_at = -1;
}

/* Every place where `all`, else ever fewer: the last ten thousand look alike. */
static long next(bool all, long n)
{
	return n + 1 + (all ? 0 : n / 100);
}

/* The preset with an exception that reaches further, under floor and overlay, a schema with a reference. */
static char *text_of_agreement(void)
{
	json_t *doc = preset("police-request");
	char *text;

	put_in_force(doc, after_signing_ms());
	text = json_dumps(doc, JSON_INDENT(1));
	json_decref(doc);
	return text;
}

static void put_surroundings(void)
{
	from.floor = VIEW("{\"version\":\"1\",\"limits\":{\"copy\":\"P5Y\"},\"demands\":{\"council\":true}}");
	from.overlay = VIEW("{\"version\":\"1\",\"limits\":{\"copy\":\"P4Y\"},\"rules\":["
	                    "{\"id\":\"a\",\"pointer\":\"/vehicle/colour\",\"action\":\"drop\"},"
	                    "{\"id\":\"b\",\"pointer\":\"/person/sex\",\"action\":\"mask\"}]}");
}

START_TEST(loading)
{
	bool arenas = _i == 1, loaded = SANITIZER_ALLOCATES && !arenas;
	char *text = text_of_agreement();
	struct error_list errors = { .max = 50 };
	long n;

	put_surroundings();
	/* OpenSSL does not survive a failing allocation while it starts; what is tested is our code. */
	struct agreement *a = agreement_load("test.json", view_of(text), VIEW(""), &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	agreement_unref(a);
	for (n = 0; !loaded; n = next(_i > 0, n)) {
		fail_after(arenas, n);
		fail_growth = _i == 2;
		a = agreement_load("test.json", view_of(text), VIEW(""), &from, &errors);
		fail_growth = false;
		fail_no_more();
		/* The list of errors itself may have found no memory: then it counts what it dropped. */
		ck_assert_msg(a || errors.n + errors.dropped > 0, "no error at %ld", n);
		loaded = a != NULL;
		agreement_unref(a);
		error_list_free(&errors);
	}
	ck_assert(n > 100 || (SANITIZER_ALLOCATES && !arenas));
	free(text);
}
END_TEST

/* One that the schema refuses, of which the rest is read all the same. */
START_TEST(loading_broken)
{
	bool arenas = _i == 1;
	json_t *doc = preset("police-request");
	struct error_list errors = { .max = 50 };

	put(doc, "/rules/1/action", "\"truncate\"");
	put(doc, "/rules/3/pointer", "\"/nowhere\"");
	put(doc, "/purposes/0/retention", "{\"copy\":7}");
	put(doc, "/breach", NULL);
	char *text = json_dumps(doc, JSON_INDENT(1));
	put_surroundings();
	for (long n = 0; n < 2000; n += 1 + n / 50) {
		fail_after(arenas, n);
		fail_growth = _i == 2;
		struct agreement *a = agreement_load("test.json", view_of(text), VIEW(""), &from, &errors);
		fail_growth = false;
		fail_no_more();
		ck_assert_msg(!a && errors.n + errors.dropped > 0, "no error at %ld", n);
		error_list_free(&errors);
	}
	free(text);
	json_decref(doc);
}
END_TEST

/* Documents of run time: each kind, heaps and arenas. */
START_TEST(loading_documents)
{
	const struct document_sources sources = { .unsigned_ok = true, .now_ms = NOW };
	enum document_kind kind = (enum document_kind)(_i / 2);
	bool arenas = _i % 2, loaded = SANITIZER_ALLOCATES && !arenas;
	struct error_list errors = { .max = 50 };
	struct view text = view_of(right_documents[kind]);

	signed_document_free(loaded_document(kind));
	for (long n = 0; !loaded; n = next(arenas, n)) {
		fail_after(arenas, n);
		struct signed_document *d = signed_document_load("test.json", text, VIEW(""), &sources, &errors);
		fail_no_more();
		ck_assert_msg(d || errors.n + errors.dropped > 0, "no error at %ld", n);
		loaded = d != NULL;
		signed_document_free(d);
		error_list_free(&errors);
	}
}
END_TEST

/* --- what people read --- */

static size_t told;

static void take_finding(void *arg, const struct lint_finding *f)
{
	(void)arg;
	(void)f;
	told++;
}

static void take_change(void *arg, enum diff_kind kind, const char *pointer, const char *words)
{
	(void)arg;
	(void)kind;
	(void)pointer;
	(void)words;
	told++;
}

static bool write_words(int which, const struct agreement *a, struct buf *out)
{
	switch (which) {
	case 0: return agreement_describe(a, NOW, out);
	case 1: return agreement_summary(a, false, out);
	case 2: return agreement_summary(a, true, out);
	case 3: return agreement_flowmap_dot(a, out);
	case 4: return agreement_flowmap_svg(a, out);
	}
	agreement_lint(a, NOW, take_finding, NULL);
	agreement_diff(a, a, take_change, NULL);
	return true;
}

START_TEST(words)
{
	struct agreement *a = load_with("police-request", NULL, NULL);
	struct buf whole = BUF_INIT(1 << 20);
	bool written = SANITIZER_ALLOCATES;

	ck_assert(write_words(_i, a, &whole));
	for (long n = 0; !written; n = next(false, n)) {
		struct buf out = BUF_INIT(1 << 20);
		unsigned long before = allocations;
		fail_after(false, n);
		bool ok = write_words(_i, a, &out);
		fail_no_more();
		/* A text that is not whole says so; one that says nothing of it is whole. */
		ck_assert_msg(!ok || out.failed || view_eq(buf_view(&out), buf_view(&whole)), "cut at %ld", n);
		written = allocations - before <= (unsigned long)n;
		buf_free(&out);
	}
	buf_free(&whole);
	agreement_unref(a);
}
END_TEST

/* --- decisions --- */

/* The steps of bench_run(), without assertions, which allocate. */
static enum outcome decide(const struct agreement *a, struct view text, struct buf *json)
{
	struct error e = { .reason = REASON_NONE };
	struct decision *d = &bench.decision;

	buf_free(&bench.scratch);
	buf_free(&bench.record);
	bench.scratch = bench.record = BUF_INIT(1 << 20);
	*d = (struct decision){ .outcome = OUTCOME_REFUSED, .agreement = a };
	if (!tape_parse(bench.in, text, &bench.tape, &e) ||
	    !envelope_read(bench.envelope_schema, bench.run, &bench.tape, &bench.scratch, &bench.envelope, &e) ||
	    !decision_authorise(d, a, &facts, &bench.envelope, &bench.tape))
		return OUTCOME_REFUSED;
	struct transform_input in = { .tape = &bench.tape, .record = bench.envelope.record };
	if (!program_run(d->ruling->program, bench.transform, &in, &bench.record, &e) ||
	    !decision_conclude(d, &bench.envelope, &bench.tape, bench.transform))
		return OUTCOME_REFUSED;
	decision_json(d, &bench.tape, bench.envelope.record, bench.transform, json);
	return d->outcome;
}

/* An envelope at tier T2 with all that it takes, or without the exception that lets names leave in clear. */
START_TEST(deciding)
{
	static struct officers officers;
	json_t *doc = preset("police-request"), *e = envelope("police-request"), *reasons = json_array(), *rule;
	struct error_list errors = { .max = 20 };
	struct buf json = BUF_INIT(1 << 20), whole = BUF_INIT(1 << 20);
	char spki[65];
	bool decided = SANITIZER_ALLOCATES;
	size_t i;

	facts.now_ms = after_signing_ms();
	facts.officer = officers_find;
	facts.arg = &officers;
	officers_make(&officers, 2, facts.now_ms + DAY_MS);
	put_in_force(doc, facts.now_ms);
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert(a != NULL);
	hex_of(&officers.of[0].spki, spki);
	json_object_set_new(e, "tier", json_string("T2"));
	json_object_set_new(e, "officer", json_pack("{s:s}", "certificate", spki));
	json_object_set_new(json_object_get(e, "necessity"), "criterion", json_string("imminent-danger"));
	json_array_foreach(json_object_get(doc, "rules"), i, rule) json_array_append_new(
	        reasons, json_pack("{s:O,s:s}", "pointer", json_object_get(rule, "pointer"), "reason", "needed"));
	json_object_set_new(e, "justifications", reasons);
	if (_i == 0)
		json_object_set_new(e, "exception", json_string("imminent-threat"));
	json_object_set_new(e, "approvals",
	                    json_pack("[o]", officers_sign(&officers, &(struct approval_text){
	                                                                      .officer = 1,
	                                                                      .envelope = e,
	                                                                      .expires_ms = facts.now_ms + DAY_MS,
	                                                                      .agreement = *agreement_digest(a) })));
	char *text = json_dumps(e, JSON_COMPACT);
	enum outcome want = decide(a, view_of(text), &whole);
	ck_assert_int_eq(want, _i == 0 ? OUTCOME_TRANSFORMED : OUTCOME_REFUSED);
	for (long n = 0; !decided; n++) {
		buf_free(&json);
		json = (struct buf)BUF_INIT(1 << 20);
		unsigned long before = allocations;
		fail_after(false, n);
		enum outcome have = decide(a, view_of(text), &json);
		fail_no_more();
		ck_assert_msg(have == OUTCOME_REFUSED ||
		                      (have == want && (json.failed || view_eq(buf_view(&json), buf_view(&whole)))),
		              "decided otherwise at %ld", n);
		decided = allocations - before <= (unsigned long)n;
	}
	free(text);
	officers_free(&officers);
	agreement_unref(a);
	buf_free(&json);
	buf_free(&whole);
	json_decref(doc);
	json_decref(e);
	error_list_free(&errors);
}
END_TEST

/* Whoever sent it is not blamed: no memory is no fault of the receipt. */
START_TEST(deciding_what_arrives)
{
	static const char codes[] = "[{\"scale\":\"europol-handling\",\"value\":\"H2\"}]";
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");
	struct buf json = BUF_INIT(1 << 20);
	bool decided = SANITIZER_ALLOCATES, short_of_memory = SANITIZER_ALLOCATES;

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	deliver(&e);
	json_object_set_new(json_object_get(e, "origin"), "caveats", json_loads(codes, 0, NULL));
	char *text = json_dumps(e, JSON_COMPACT);
	enum outcome want = decide(a, view_of(text), &json);
	ck_assert_int_ne(want, OUTCOME_REFUSED);
	for (long n = 0; !decided; n++) {
		buf_free(&json);
		json = (struct buf)BUF_INIT(1 << 20);
		unsigned long before = allocations;
		fail_after(false, n);
		enum outcome have = decide(a, view_of(text), &json);
		fail_no_more();
		ck_assert(have == OUTCOME_REFUSED || have == want);
		ck_assert(!failed_with(&bench.decision, REASON_RECEIPT_INVALID));
		short_of_memory = short_of_memory || failed_with(&bench.decision, REASON_NO_MEMORY);
		decided = allocations - before <= (unsigned long)n;
	}
	ck_assert(short_of_memory);
	free(text);
	buf_free(&json);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_memory_case(void)
{
	TCase *c = tcase_create("memory");

	tcase_set_timeout(c, 300);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, loading, 0, 3);
	tcase_add_loop_test(c, loading_broken, 0, 3);
	tcase_add_loop_test(c, loading_documents, 0, 2 * DOCUMENT_KIND_COUNT);
	tcase_add_loop_test(c, words, 0, 6);
	tcase_add_loop_test(c, deciding, 0, 2);
	tcase_add_test(c, deciding_what_arrives);
	return c;
}
