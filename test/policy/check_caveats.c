/* The codes under which a record travels: how they are merged, spelled, and what they say to passing it on. */
#include "lib/json/canonical.h"
#include "lib/policy/caveats.h"
#include "test/policy/decision_fixture.h"

#define CODE(scale, value)        "{\"scale\":\"" scale "\",\"value\":\"" value "\"}"
#define WORDS(scale, value, text) "{\"scale\":\"" scale "\",\"text\":\"" text "\",\"value\":\"" value "\"}"
#define H(n)                      CODE("europol-handling", "H" n)
#define TLP(v)                    CODE("tlp-2.0", v)

static struct tape_parser *parsers[2];

static void open_all(void)
{
	set_up();
	for (size_t i = 0; i < 2; i++)
		ck_assert_ptr_nonnull(parsers[i] = tape_parser_new(NULL));
}

static void close_all(void)
{
	for (size_t i = 0; i < 2; i++)
		tape_parser_free(parsers[i]);
	tear_down();
}

/* Merges `b` into `a`; the texts of both live on. */
static struct caveats merged(const char *a, const char *b)
{
	struct caveats c = { .n = 0 }, d = { .n = 0 };
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	ck_assert(tape_parse(parsers[0], view_of(a), &t, &e) && caveats_read(&t, 0, &c, &e));
	ck_assert(tape_parse(parsers[1], view_of(b), &t, &e) && caveats_read(&t, 0, &d, &e));
	ck_assert(caveats_merge(&c, &d));
	ck_assert(caveats_say_all(&c, &d));
	return c;
}

static const struct {
	const char *one, *other, *both;
} merges[] = {
	{ "[]", "[]", "[]" },
	{ "[" TLP("GREEN") "]", "[]", "[" TLP("GREEN") "]" },
	/* A weaker code adds nothing, a stricter one takes its place, whichever comes first. */
	{ "[" TLP("RED") "]", "[" TLP("CLEAR") "]", "[" TLP("RED") "]" },
	{ "[" TLP("AMBER") "]", "[" TLP("AMBER+STRICT") "]", "[" TLP("AMBER+STRICT") "]" },
	{ "[" CODE("uk-3x5x2-handling", "P") "]", "[" CODE("uk-3x5x2-handling", "C") "]",
	  "[" CODE("uk-3x5x2-handling", "C") "]" },
	/* Duplicates, and other order. */
	{ "[" TLP("RED") "," H("2") "," TLP("RED") "]", "[" H("2") "]", "[" H("2") "," TLP("RED") "]" },
	/* H1 and H2 forbid different things; H0 forbids nothing that they allow. */
	{ "[" H("2") "]", "[" H("1") "]", "[" H("1") "," H("2") "]" },
	{ "[" H("0") "]", "[" H("1") "]", "[" H("1") "]" },
	{ "[" H("2") "]", "[" H("0") "]", "[" H("2") "]" },
	/* Words are not weighed: they stay, with each code that has them. */
	{ "[" WORDS("europol-handling", "H3", "b") "]", "[" H("2") "," WORDS("europol-handling", "H3", "a") "]",
	  "[" H("2") "," WORDS("europol-handling", "H3", "a") "," WORDS("europol-handling", "H3", "b") "]" },
	{ "[" WORDS("tlp-2.0", "AMBER", "not the press") "]", "[" TLP("RED") "]",
	  "[" WORDS("tlp-2.0", "AMBER", "not the press") "," TLP("RED") "]" },
	{ "[" CODE("uk-3x5x2-handling", "C") "]", "[" WORDS("uk-3x5x2-handling", "C", "not to X") "]",
	  "[" WORDS("uk-3x5x2-handling", "C", "not to X") "]" },
	{ "[" WORDS("europol-handling", "H3", "a") "]", "[" WORDS("europol-handling", "H3", "ab") "]",
	  "[" WORDS("europol-handling", "H3", "a") "," WORDS("europol-handling", "H3", "ab") "]" },
	/* Nobody betters another's grade; scales are never converted. */
	{ "[" CODE("europol-source", "C") "]", "[" CODE("europol-source", "A") "]",
	  "[" CODE("europol-source", "C") "]" },
	{ "[" CODE("europol-source", "C") "]", "[" CODE("admiralty-source", "A") "]",
	  "[" CODE("europol-source", "C") "," CODE("admiralty-source", "A") "]" },
	/* One spelling. */
	{ "[{ \"value\":\"\\u0052ED\", \"scale\":\"tlp-2.0\" }]", "[]", "[" TLP("RED") "]" },
	{ "[" WORDS("europol-handling", "H3", "\\u0041\\/\\u00e9\\n") "]", "[]",
	  "[" WORDS("europol-handling", "H3", "A/\xc3\xa9\\n") "]" },
};

START_TEST(the_strictest_stays)
{
	struct caveats ab = merged(merges[_i].one, merges[_i].other);
	struct buf text = BUF_INIT(CAVEATS_BYTES);
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	caveats_print(&ab, &text);
	ck_assert_msg(view_is(buf_view(&text), merges[_i].both), "%.*s", (int)text.n, text.p);
	buf_reset(&text);
	struct caveats ba = merged(merges[_i].other, merges[_i].one);
	caveats_print(&ba, &text);
	ck_assert_msg(view_is(buf_view(&text), merges[_i].both), "%.*s", (int)text.n, text.p);
	ck_assert(tape_parse(parsers[0], buf_view(&text), &t, &e) && canonical_check(&t, 0, &e));
	buf_free(&text);
}
END_TEST

static const struct {
	const char *codes;
	enum caveat_onward says;
	const char *why;
} onwards[] = {
	{ "[]", CAVEAT_OPEN, NULL },
	{ "[" TLP("AMBER") "," H("1") "," CODE("uk-3x5x2-handling", "P") "," CODE("admiralty-source", "F") "]",
	  CAVEAT_OPEN, NULL },
	{ "[" TLP("CLEAR") "," H("0") "]", CAVEAT_OPEN, NULL },
	{ "[" CODE("uk-3x5x2-handling", "C") "]", CAVEAT_WORDS, "C" },
	{ "[" WORDS("europol-handling", "H3", "x") "," H("2") "]", CAVEAT_PERMITTED, "H2" },
	{ "[" WORDS("europol-handling", "H3", "x") "]", CAVEAT_WORDS, "H3" },
	{ "[" H("2") "," TLP("AMBER+STRICT") "]", CAVEAT_CLOSED, "AMBER+STRICT" },
	{ "[" TLP("RED") "," H("2") "]", CAVEAT_CLOSED, "RED" },
};

/* All of another list, or not: one that is missing, of several or alone, is noticed. */
START_TEST(what_a_list_says_all_of)
{
	static const struct {
		const char *list, *other;
		bool all;
	} table[] = {
		{ "[]", "[]", true },
		{ "[" TLP("RED") "]", "[]", true },
		{ "[]", "[" TLP("RED") "]", false },
		{ "[" TLP("RED") "]", "[" TLP("GREEN") "]", true },
		{ "[" TLP("GREEN") "]", "[" TLP("RED") "]", false },
		{ "[" H("1") "," TLP("RED") "]", "[" H("1") "," TLP("AMBER") "]", true },
		{ "[" H("1") "," TLP("RED") "]", "[" H("2") "," TLP("AMBER") "]", false },
		{ "[" H("1") "," TLP("GREEN") "]", "[" H("1") "," TLP("AMBER") "]", false },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct caveats c = { .n = 0 }, d = { .n = 0 };
		struct error e = { .reason = REASON_NONE };
		struct tape t;

		ck_assert(tape_parse(parsers[0], view_of(table[i].list), &t, &e) && caveats_read(&t, 0, &c, &e));
		ck_assert(tape_parse(parsers[1], view_of(table[i].other), &t, &e) && caveats_read(&t, 0, &d, &e));
		ck_assert_msg(caveats_say_all(&c, &d) == table[i].all, "%s and %s", table[i].list, table[i].other);
	}
}
END_TEST

START_TEST(what_they_say_to_passing_on)
{
	const struct caveat *why;
	struct caveats c = merged(onwards[_i].codes, "[]");

	ck_assert_int_eq(caveats_onward(&c, &why), onwards[_i].says);
	ck_assert_pstr_eq(why ? scale_value(why->scale, why->place) : NULL, onwards[_i].why);
}
END_TEST

static const char *const unknown[] = {
	"[{\"scale\":\"europol-handling\",\"text\":12345,\"value\":\"H3\"}]",
	"[" TLP("WHITE") "]",
	"[" TLP("red") "]",
	"[" TLP("AMBER STRICT") "]",
	"[" CODE("TLP-2.0", "RED") "]",
	"[" CODE("europol-handling", "H3") "]",
	"[" TLP("RED ") "]",
	"[{\"scale\":\"tlp-2.0\"}]",
	"[7]",
};

START_TEST(what_is_on_no_list)
{
	struct caveats c = { .n = 0 };
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	ck_assert(tape_parse(parsers[0], view_of(unknown[_i]), &t, &e));
	ck_assert(!caveats_read(&t, 0, &c, &e));
	ck_assert_int_eq(e.reason, REASON_HANDLING_UNKNOWN);
}
END_TEST

START_TEST(more_than_can_travel)
{
	struct caveats c = { .n = 0 };
	char words[CAVEATS_MAX + 1][8];
	struct caveat x = { .scale = SCALE_EUROPOL_HANDLING, .place = 3 };

	for (int i = 0; i < CAVEATS_MAX; i++) {
		snprintf(words[i], sizeof words[i], "%d", i);
		x.text = view_of(words[i]);
		ck_assert(caveats_add(&c, &x));
	}
	ck_assert(caveats_add(&c, &x));
	ck_assert_uint_eq(c.n, CAVEATS_MAX);
	x.text = VIEW("another");
	ck_assert(!caveats_add(&c, &x));
	ck_assert_uint_eq(c.n, CAVEATS_MAX);
	ck_assert_uint_eq(caveats_scales(&c), 1u << SCALE_EUROPOL_HANDLING);
}
END_TEST

/* --- in a decision --- */

/* What the record travels under, as the decision has it. */
static void travels_under(const char *want)
{
	struct buf text = BUF_INIT(CAVEATS_BYTES);

	caveats_print(&bench.decision.caveats, &text);
	ck_assert_msg(view_is(buf_view(&text), want), "%.*s", (int)text.n, text.p);
	buf_free(&text);
}

/* An envelope of the preset under these codes, passed on from what came under those. */
static enum outcome decided(const struct agreement *a, const char *id, const char *handling, const char *came)
{
	struct caveats inherited = { .n = 0 };
	json_t *e = envelope(id);

	if (came)
		inherited = merged(came, "[]");
	facts.inherited = came ? &inherited : NULL;
	json_object_del(e, "handling");
	if (handling)
		json_object_set_new(e, "handling", json_loads(handling, 0, NULL));
	enum outcome o = run(a, e);
	facts.inherited = NULL;
	json_decref(e);
	return o;
}

START_TEST(agreement_sender_and_origin_are_merged)
{
	struct agreement *a = load_with("pnr", NULL, NULL);

	ck_assert_int_ne(decided(a, "pnr", NULL, NULL), OUTCOME_REFUSED);
	travels_under("[" H("2") "]");
	decided(a, "pnr", "[" TLP("GREEN") "," H("0") "]", "[" H("1") "," TLP("AMBER") "]");
	travels_under("[" H("1") "," H("2") "," TLP("AMBER") "]");
	decided(a, "pnr", "[" TLP("RED") "]", "[" TLP("AMBER") "]");
	travels_under("[" H("2") "," TLP("RED") "]");
	agreement_unref(a);
}
END_TEST

START_TEST(what_came_counts_as_a_code_that_is_required)
{
	struct agreement *a = load_with("cyber-threat", NULL, NULL);

	ck_assert_int_eq(decided(a, "cyber-threat", NULL, NULL), OUTCOME_REFUSED);
	ck_assert(failed_with(&bench.decision, REASON_HANDLING_UNKNOWN));
	ck_assert_int_ne(decided(a, "cyber-threat", NULL, "[" TLP("GREEN") "]"), OUTCOME_REFUSED);
	travels_under("[" TLP("AMBER") "]");
	agreement_unref(a);
}
END_TEST

START_TEST(what_the_next_agreement_does_not_know_goes_no_further)
{
	struct agreement *a = load_with("cyber-threat", NULL, NULL);

	ck_assert_int_eq(decided(a, "cyber-threat", "[" TLP("GREEN") "]", "[" H("1") "]"), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_HANDLING_UNKNOWN);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/handling/scales");
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/onward_of");
	agreement_unref(a);
	/* It may know it by its own caveats alone. */
	a = load_with("cyber-threat", "/onward/caveats", "[" H("1") "," TLP("AMBER") "]");
	ck_assert_int_ne(decided(a, "cyber-threat", "[" TLP("GREEN") "]", "[" H("1") "]"), OUTCOME_REFUSED);
	ck_assert_int_eq(decided(a, "cyber-threat", "[" TLP("GREEN") "," H("1") "]", NULL), OUTCOME_REFUSED);
	agreement_unref(a);
}
END_TEST

/* Words go on where the next agreement lets words leave, or says them itself; codes do anyway. */
START_TEST(words_that_came_stay_where_none_may_leave)
{
	struct agreement *a = load_with("humanitarian", NULL, NULL);

	ck_assert_int_ne(decided(a, "humanitarian", NULL, "[" TLP("AMBER") "]"), OUTCOME_REFUSED);
	ck_assert_int_eq(decided(a, "humanitarian", NULL, "[" WORDS("europol-handling", "H3", "x") "]"),
	                 OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_HANDLING_UNKNOWN);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/handling/scales");
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/onward_of");
	agreement_unref(a);
	a = load_with("humanitarian", "/onward/caveats", "[" WORDS("europol-handling", "H3", "x") "]");
	ck_assert_int_ne(decided(a, "humanitarian", NULL, "[" WORDS("europol-handling", "H3", "x") "]"),
	                 OUTCOME_REFUSED);
	ck_assert_int_eq(decided(a, "humanitarian", NULL, "[" WORDS("europol-handling", "H3", "y") "]"),
	                 OUTCOME_REFUSED);
	agreement_unref(a);
	a = load_with("pnr", NULL, NULL);
	ck_assert_int_ne(decided(a, "pnr", NULL, "[" WORDS("europol-handling", "H3", "x") "]"), OUTCOME_REFUSED);
	agreement_unref(a);
}
END_TEST

/* A person reads words; those of the agreement, which both signed, wait for nobody at either end. */
START_TEST(words_of_the_agreement_wait_for_nobody)
{
	struct agreement *a =
	        load_with("pnr", "/onward/caveats", "[" WORDS("europol-handling", "H3", "x") "," H("2") "]");
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(!bench.decision.wait);
	deliver(&e);
	json_object_set_new(json_object_get(e, "origin"), "caveats",
	                    json_loads("[" H("2") "," WORDS("europol-handling", "H3", "x") "]", 0, NULL));
	ck_assert_int_ne(run(a, e), OUTCOME_REFUSED);
	ck_assert(!bench.decision.wait);
	travels_under("[" H("2") "," WORDS("europol-handling", "H3", "x") "]");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* Words that came stay where this node's own overlay lets none leave. */
START_TEST(words_that_came_stay_where_the_overlay_says_so)
{
	from.overlay = VIEW("{\"version\":\"1\",\"denied_envelope\":[\"handling\"]}");
	struct agreement *a = load_with("pnr", NULL, NULL);

	ck_assert_int_eq(decided(a, "pnr", NULL, "[" WORDS("europol-handling", "H3", "x") "]"), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_HANDLING_UNKNOWN);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/onward_of");
	ck_assert_int_ne(decided(a, "pnr", NULL, "[" TLP("AMBER") "]"), OUTCOME_REFUSED);
	agreement_unref(a);
}
END_TEST

/* What stands behind words is taken like what stands before them; other words are one code too many. */
START_TEST(words_among_other_codes)
{
	struct agreement *a = load_with("pnr", NULL, NULL);

	decided(a, "pnr", "[" WORDS("europol-handling", "H3", "x") "," TLP("GREEN") "]", NULL);
	ck_assert_int_eq(bench.decision.outcome, OUTCOME_HELD);
	travels_under("[" H("2") "," WORDS("europol-handling", "H3", "x") "," TLP("GREEN") "]");
	decided(a, "pnr",
	        "[" WORDS("europol-handling", "H3", "x") "," TLP("GREEN") "," WORDS("europol-handling", "H3", "y") "]",
	        NULL);
	ck_assert_int_eq(bench.decision.outcome, OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_HANDLING_UNKNOWN);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/handling/2");
	agreement_unref(a);
}
END_TEST

/* The envelope's schema lets in as many as travel. Where it did not stand before, a longer list is refused all the same. */
START_TEST(a_list_past_the_schema)
{
	const struct schema_options options = { .draft = DRAFT_2020_12 };
	struct schema_set *set = schema_set_new();
	struct error why = { .reason = REASON_NONE };
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr"), *codes = json_array();

	ck_assert(set && schema_set_add(set, VIEW("urn:any"), VIEW("true"), &why));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	deliver(&e);
	for (int i = 0; i <= CAVEATS_MAX; i++) {
		char words[8];
		snprintf(words, sizeof words, "%d", i);
		json_array_append_new(
		        codes, json_pack("{s:s,s:s,s:s}", "scale", "europol-handling", "text", words, "value", "H3"));
	}
	json_object_set_new(json_object_get(e, "origin"), "caveats", codes);
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_ENVELOPE_INVALID);
	schema_unref(bench.envelope_schema);
	bench.envelope_schema = schema_compile(set, VIEW("urn:any"), &options, &why);
	ck_assert_ptr_nonnull(bench.envelope_schema);
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_LIMIT);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/origin/caveats");
	schema_set_free(set);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

START_TEST(too_many_together)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	struct buf one = BUF_INIT(65536), came = BUF_INIT(65536);

	for (int i = 0; i < 33; i++)
		buf_addf(i < 1 ? &one : &came, "%s{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"%d\"}",
		         i < 2 ? "[" : ",", i);
	buf_add(&one, view_make("]", 2));
	came.n -= 1;
	buf_add(&came, view_make("}]", 3));
	struct caveats many = { .n = 0 };
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	ck_assert(tape_parse(parsers[0], view_of(came.p), &t, &e) && caveats_read(&t, 0, &many, &e));
	json_t *doc = envelope("pnr");
	json_object_set_new(doc, "handling", json_loads(one.p, 0, NULL));
	facts.inherited = &many;
	ck_assert_int_eq(run(a, doc), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_LIMIT);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/onward_of");
	facts.inherited = NULL;
	json_decref(doc);
	buf_free(&one);
	buf_free(&came);
	agreement_unref(a);
}
END_TEST

TCase *make_caveats_case(void);
TCase *make_caveats_case(void)
{
	TCase *c = tcase_create("caveats");

	tcase_add_checked_fixture(c, open_all, close_all);
	tcase_add_loop_test(c, the_strictest_stays, 0, sizeof merges / sizeof *merges);
	tcase_add_loop_test(c, what_they_say_to_passing_on, 0, sizeof onwards / sizeof *onwards);
	tcase_add_loop_test(c, what_is_on_no_list, 0, sizeof unknown / sizeof *unknown);
	tcase_add_test(c, what_a_list_says_all_of);
	tcase_add_test(c, more_than_can_travel);
	tcase_add_test(c, agreement_sender_and_origin_are_merged);
	tcase_add_test(c, what_came_counts_as_a_code_that_is_required);
	tcase_add_test(c, what_the_next_agreement_does_not_know_goes_no_further);
	tcase_add_test(c, words_that_came_stay_where_none_may_leave);
	tcase_add_test(c, words_of_the_agreement_wait_for_nobody);
	tcase_add_test(c, words_that_came_stay_where_the_overlay_says_so);
	tcase_add_test(c, words_among_other_codes);
	tcase_add_test(c, a_list_past_the_schema);
	tcase_add_test(c, too_many_together);
	return c;
}
