/* What people read of approvals: who must sign, and for how long that counts. */
#include "lib/policy/lint.h"
#include "test/policy/decision_fixture.h"

TCase *make_approval_words_case(void);

#define SOMEBODY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *looked_for;
static size_t seen;

static void look(void *arg, const struct lint_finding *f)
{
	(void)arg;
	seen += strcmp(f->rule, looked_for) == 0;
}

static size_t lint_of(const char *rule, json_t *doc)
{
	struct error_list errors = { .max = 20 };
	struct agreement *a = load_doc(doc, &from, &errors);

	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	looked_for = rule;
	seen = 0;
	agreement_lint(a, NOW, look, NULL);
	agreement_unref(a);
	return seen;
}

START_TEST(lint_reads_approvals)
{
	json_t *doc = preset("pnr"), *none = preset("cyber-threat");
	const char *others = "[\"" SOMEBODY "\"]";

	ck_assert_uint_eq(lint_of("approval-lifetime", doc), 1);
	put(doc, "/tiers/2/approval_lifetime", "\"PT8H\"");
	put(doc, "/officers", others);
	ck_assert_uint_eq(lint_of("approval-lifetime", doc), 0);
	ck_assert_uint_eq(lint_of("unused-lifetime", doc), 0);
	ck_assert_uint_eq(lint_of("unused-officers", doc), 0);
	put(none, "/tiers/0/approval_lifetime", "\"PT8H\"");
	put(none, "/officers", others);
	ck_assert_uint_eq(lint_of("unused-lifetime", none), 1);
	ck_assert_uint_eq(lint_of("unused-officers", none), 1);
	put(none, "/tiers/1/officer", "true"); /* whom the envelope names may be one of them */
	ck_assert_uint_eq(lint_of("unused-officers", none), 0);
	json_decref(doc);
	json_decref(none);
}
END_TEST

static void summary_says(json_t *doc, const char *what, bool said)
{
	struct error_list errors = { .max = 20 };
	struct agreement *a = load_doc(doc, &from, &errors);
	struct buf text = BUF_INIT(1 << 20);

	print_errors(&errors);
	ck_assert(a && agreement_summary(a, false, &text));
	buf_addc(&text, '\0');
	ck_assert_msg((strstr(text.p, what) != NULL) == said, "%s: %s", what, text.p);
	buf_free(&text);
	agreement_unref(a);
}

START_TEST(the_summary_says_who_approves)
{
	json_t *doc = preset("pnr"), *none = preset("cyber-threat"), *police = preset("police-request");
	const char *others = "[\"" SOMEBODY "\"]";

	summary_says(doc,
	             "- When the case is imminent danger: an officer answers for each record by name; 1 other "
	             "officer must sign for each record, and a signature counts for 72 hours.\n",
	             true);
	summary_says(doc, "These are trained officers of the agency that gives, never of the one that receives.", true);
	put(doc, "/tiers/2/approvals", "3");
	put(doc, "/tiers/2/approval_lifetime", "\"PT8H\"");
	put(doc, "/tiers/1/approvals", "1");
	put(doc, "/officers", others);
	summary_says(doc, "; 3 other officers must sign for each record, and a signature counts for 8 hours.\n", true);
	summary_says(doc,
	             "When the case is serious: 1 officer must sign for each record, and a signature counts for "
	             "72 hours.\n",
	             true);
	summary_says(doc, "the agency that gives, and 1 of others whom the agreement names, never of", true);
	summary_says(none, "Who must agree", false);
	summary_says(police, "and only with the signature of 1 officer;", true);
	json_decref(doc);
	json_decref(none);
	json_decref(police);
}
END_TEST

TCase *make_approval_words_case(void)
{
	TCase *c = tcase_create("approval_words");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, lint_reads_approvals);
	tcase_add_test(c, the_summary_says_who_approves);
	return c;
}
