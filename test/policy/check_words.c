/* What people read: summary, flow map, description. */
#include "lib/policy/flowmap.h"
#include "lib/policy/internal.h"
#include "lib/policy/plain.h"
#include "test/policy/words_fixture.h"

TCase *make_words_case(void);

static const char *const ids[] = { PRESETS };

/* --- summary, flow map, description --- */

static bool holds(struct buf *b, const char *what)
{
	buf_addc(b, '\0');
	bool found = strstr(b->p, what) != NULL;

	b->n--;
	return found;
}

START_TEST(summary_is_plain_and_bound)
{
	struct agreement *a = load_patched(ids[_i], NULL, NULL);
	struct buf text = BUF_INIT(1 << 20), html = BUF_INIT(1 << 20), digest = BUF_INIT(100);
	static const char *const jargon[] = { "pseudonym", "T1",  "controller", "/travellers",
		                              "JSON",      "P5Y", "pointer",    "schema" };

	ck_assert(agreement_summary(a, false, &text) && agreement_summary(a, true, &html));
	digest_print(&digest, agreement_digest(a));
	buf_addc(&digest, '\0');
	ck_assert(holds(&text, digest.p) && holds(&html, digest.p));
	buf_addc(&text, '\0');
	ck_assert_str_eq(strstr(text.p, digest.p) + 64, "\n"); /* in the last line */
	for (size_t i = 0; i < sizeof jargon / sizeof jargon[0]; i++)
		ck_assert_msg(!strstr(text.p, jargon[i]), "%s: %s", ids[_i], jargon[i]);
	ck_assert(holds(&html, "<h2>How long</h2>") && holds(&html, "</html>") && !holds(&html, "<script"));
	buf_free(&text);
	buf_free(&html);
	buf_free(&digest);
	agreement_unref(a);
}
END_TEST

/* A sheet of A4 in 9 pt has some 75 lines of 120 characters. */
START_TEST(summary_fits_a_page)
{
	struct agreement *a = load_patched(ids[_i], NULL, NULL);
	struct buf text = BUF_INIT(1 << 20);
	size_t lines = 0, column = 0;

	ck_assert(agreement_summary(a, false, &text));
	for (size_t i = 0; i < text.n; i++) {
		column = text.p[i] == '\n' ? 0 : column + 1;
		lines += text.p[i] == '\n' || column % 120 == 0;
	}
	ck_assert_msg(lines <= 75, "%s: %zu lines", ids[_i], lines);
	buf_free(&text);
	agreement_unref(a);
}
END_TEST

START_TEST(fields_by_where_they_stand)
{
	struct agreement *pnr = load_patched("pnr", NULL, NULL), *police = load_patched("police-request", NULL, NULL);
	struct agreement *cyber = load_patched("cyber-threat", NULL, NULL);
	struct buf text = BUF_INIT(1 << 20);

	ck_assert(agreement_summary(pnr, false, &text) && agreement_summary(police, false, &text) &&
	          agreement_summary(cyber, false, &text));
	ck_assert(
	        holds(&text, "What is passed on as it is: carrier; travel dates; travellers (seat, baggage pieces, ") &&
	        holds(&text, "names family under an exception only, names given under an exception only") &&
	        holds(&text, "What is passed on as it is: the whole record with all that is in it, now or later") &&
	        holds(&text, "What is blacked out but for its last 4 characters: payment (card)\n") &&
	        holds(&text,
	              "can test whether it stands for a value that it guesses): locator; travellers (family, given") &&
	        holds(&text, "The receiver may pass it on only where the one who gave it permits it") &&
	        holds(&text, "whoever passes it on keeps them: europol-handling H2.") &&
	        !holds(&text, "nobody can turn back"));
	buf_free(&text);
	agreement_unref(pnr);
	agreement_unref(police);
	agreement_unref(cyber);
}
END_TEST

START_TEST(summary_escapes)
{
	struct agreement *a = load_patched("pnr", "title", "\"<b>&\\\"'</b>\"");
	struct buf html = BUF_INIT(1 << 20), svg = BUF_INIT(1 << 20), dot = BUF_INIT(1 << 20);

	ck_assert(agreement_summary(a, true, &html) && agreement_flowmap_svg(a, &svg) &&
	          agreement_flowmap_dot(a, &dot));
	ck_assert(holds(&html, "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;") && !holds(&html, "<b>"));
	ck_assert(holds(&svg, "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;") && !holds(&svg, "<b>"));
	ck_assert(holds(&dot, "label=\"<b>&\\\"'</b>\""));
	buf_free(&html);
	buf_free(&svg);
	buf_free(&dot);
	agreement_unref(a);
}
END_TEST

START_TEST(flow_map_says_it)
{
	struct agreement *a = load_patched("pnr", NULL, NULL);
	struct buf svg = BUF_INIT(1 << 20), dot = BUF_INIT(1 << 20);

	ck_assert(agreement_flowmap_svg(a, &svg) && agreement_flowmap_dot(a, &dot));
	ck_assert(holds(&svg, "Could leak: staff with wide access") && holds(&svg, "masked after 6 months") &&
	          holds(&svg, "Stored in: targeting system of Northland") && holds(&svg, "/travellers/*/family"));
	ck_assert(holds(&dot, "p0 -> p1") && holds(&dot, "p1 -> p0") && holds(&dot, "could leak: copies in exports"));
	buf_free(&svg);
	buf_free(&dot);
	agreement_unref(a);
}
END_TEST

/* What is kept after the delivery is said where people read, and nowhere where it is not. */
START_TEST(what_is_kept_is_said)
{
	static const struct {
		const char *clause;
		bool kept;
	} clauses[] = { { "{\"keep\":\"P3D\"}", true },
		        { "{\"keep\":\"P0D\"}", false },
		        { "{\"order\":\"case\"}", false } };

	for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
		struct agreement *a = load_patched("pnr", "delivery", clauses[i].clause);
		struct buf text = BUF_INIT(1 << 20), svg = BUF_INIT(1 << 20), dot = BUF_INIT(1 << 20);

		ck_assert(agreement_summary(a, false, &text) && agreement_flowmap_svg(a, &svg) &&
		          agreement_flowmap_dot(a, &dot));
		ck_assert(holds(&text,
		                "For 3 days after the receiver has a record, the sender's gateway keeps it locked") ==
		          clauses[i].kept);
		ck_assert(holds(&svg, "keeps what was delivered") == clauses[i].kept);
		ck_assert(holds(&dot, "the sender's gateway keeps what was delivered for 3 days") == clauses[i].kept);
		buf_free(&text);
		buf_free(&svg);
		buf_free(&dot);
		agreement_unref(a);
	}
}
END_TEST

START_TEST(described_with_state)
{
	struct agreement *a = load_patched("pnr", NULL, NULL);
	static const struct {
		int64_t now_ms;
		const char *state;
	} states[] = {
		{ NOW, "in-force" },
		{ INT64_C(1767225599999), "not-effective" },
		{ INT64_C(1861920000000), "ended" },
		{ INT64_C(1830297600000), "review-overdue" },
	};

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		struct buf out = BUF_INIT(1 << 20);
		ck_assert(agreement_describe(a, states[i].now_ms, &out));
		json_t *doc = json_loadb(out.p, out.n, 0, NULL);
		ck_assert(doc != NULL);
		ck_assert_str_eq(json_string_value(json_object_get(doc, "state")), states[i].state);
		ck_assert_str_eq(json_string_value(json_object_get(json_object_get(doc, "agreement"), "id")), "pnr");
		json_decref(doc);
		buf_free(&out);
	}
	agreement_unref(a);
}
END_TEST

START_TEST(periods_in_words)
{
	static const struct {
		const char *period, *words;
	} table[] = {
		{ "P5Y", "5 years" },    { "P1M", "1 month" },        { "P1Y6M", "1 year and 6 months" },
		{ "PT72H", "72 hours" }, { "P0D", "no time at all" }, { "PT1M30S", "1 minute and 30 seconds" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct buf b = BUF_INIT(200);
		struct duration d;
		ck_assert(duration_parse(view_of(table[i].period), &d));
		plain_duration(&b, &d);
		ck_assert(view_is(buf_view(&b), table[i].words));
		buf_free(&b);
	}
}
END_TEST

/* --- patterns --- */

START_TEST(patterns)
{
	ck_assert(pattern_covers("/a/*/b", false, "/a/3/b") && !pattern_covers("/a/*/b", false, "/a/3"));
	ck_assert(pattern_covers("/a/*/b", false, "/a/*/b") && !pattern_covers("/a/3/b", false, "/a/*/b"));
	ck_assert(pattern_covers("/a", true, "/a/3/b") && !pattern_covers("/a", false, "/a/3/b") &&
	          pattern_covers("", true, "/x"));
	ck_assert(!pattern_covers("/a", true, "/ab") && pattern_covers("", false, ""));
	ck_assert(patterns_meet("/a/*/b", "/a/3/*") && !patterns_meet("/a/*", "/a/3/b") &&
	          !patterns_meet("/a/1", "/a/2"));
}
END_TEST

TCase *make_words_case(void)
{
	TCase *c = tcase_create("words");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, summary_is_plain_and_bound, 0, sizeof ids / sizeof ids[0]);
	tcase_add_loop_test(c, summary_fits_a_page, 0, sizeof ids / sizeof ids[0]);
	tcase_add_test(c, fields_by_where_they_stand);
	tcase_add_test(c, summary_escapes);
	tcase_add_test(c, flow_map_says_it);
	tcase_add_test(c, what_is_kept_is_said);
	tcase_add_test(c, described_with_state);
	tcase_add_test(c, periods_in_words);
	tcase_add_test(c, patterns);
	return c;
}
