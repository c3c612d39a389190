/* What two versions differ in, where one rule does not tell it alone: conditions, a stricter rule beside a looser one,
 * a rule that says only what would happen anyway, and clauses that come and go. */
#include "lib/policy/diff.h"
#include "test/policy/decision_fixture.h"

TCase *make_diff_case(void);

static struct {
	struct buf text;
	size_t n;
} told;

static void tell(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	(void)arg;
	buf_addf(&told.text, "%s %s: %s\n", diff_kind_name(kind), pointer, text);
	told.n++;
}

#define RULE(id, pointer, rest) "{\"id\":\"" id "\",\"pointer\":\"" pointer "\",\"category\":\"operational\"," rest "}"
#define KEEP                    "\"action\":\"keep\""
#define GUARD(k) \
	"{\"id\":\"g\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\",\"params\":{\"k\":" k \
	",\"fields\":[\"/carrier\"]}}"
#define EXCEPTION(id) \
	"{\"id\":\"" id "\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"/locator\"],\"approvals\":1," \
	"\"quota\":{\"uses\":1,\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}"
#define CLEAR(exception) \
	"{\"id\":\"l\",\"pointer\":\"/locator\",\"category\":\"direct-identifier\"," KEEP ",\"waiver\":\"" exception \
	"\"}"

/* Rules of the older and the newer version; all that is told, in order. */
static const struct {
	const char *old, *new, *all;
	size_t looser;
} versions[] = {
	{ RULE("c", "/carrier", KEEP) "," RULE("s", "/status", KEEP),
	  RULE("c", "/carrier", KEEP ",\"when\":{\"purposes\":[\"serious-crime\"]}") "," RULE("s", "/status", KEEP),
	  "stricter /rules/0: /carrier is never passed on, where before it is passed on as it is (terrorism-prevention, T1)\n",
	  0 },
	{ RULE("c", "/carrier", KEEP), RULE("c", "/carrier", KEEP ",\"when\":{\"subject_categories\":[\"suspect\"]}"),
	  "stricter /rules/0: /carrier is never passed on, where before it is passed on as it is (terrorism-prevention, T1)\n",
	  0 },
	{ RULE("c", "/carrier", KEEP) "," RULE("s", "/status", KEEP),
	  RULE("s", "/status", KEEP) "," RULE(
	          "c", "/carrier", "\"action\":\"drop\",\"when\":{\"tiers\":[\"T1\"]}") "," RULE("d", "/carrier", KEEP),
	  "stricter /rules/1: /carrier is never passed on, where before it is passed on as it is (terrorism-prevention, T1)\n",
	  0 },
	{ RULE("c", "/carrier", KEEP) "," RULE("s", "/status", "\"action\":\"drop\""), RULE("c", "/carrier", KEEP), "",
	  0 },
	{ RULE("c", "/carrier", KEEP), RULE("c", "/carrier", KEEP) "," RULE("s", "/status", "\"action\":\"drop\""), "",
	  0 },
	{ RULE("c", "/carrier", KEEP) "," GUARD("5"), RULE("c", "/carrier", KEEP) "," GUARD("6"),
	  "other /rules/1: a k-guard has other parameters or conditions\n", 0 },
	{ CLEAR("x"), CLEAR("y"), "other /rules/0: /locator may leave in clear under y, where before under x\n", 0 },
	{ "{\"id\":\"l\",\"pointer\":\"/locator\",\"category\":\"direct-identifier\",\"action\":\"mask\"}",
	  "{\"id\":\"l\",\"pointer\":\"/locator\",\"category\":\"special\",\"action\":\"mask\"}",
	  "other /rules/0: /locator counts as special, where before as direct-identifier\n", 0 },
	{ "{\"id\":\"l\",\"pointer\":\"/locator\",\"category\":\"special\",\"action\":\"mask\"}",
	  RULE("l", "/locator", "\"action\":\"mask\""),
	  "looser /rules/0: /locator counts as operational, where before as special\n", 1 },
};

static struct agreement *load_version(const char *rules)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");
	char list[2000];

	snprintf(list, sizeof list, "[%s]", rules);
	put(doc, "/retention/mask_pointers", NULL);
	put(doc, "/exceptions", "[" EXCEPTION("x") "," EXCEPTION("y") "]");
	put(doc, "/rules", list);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

START_TEST(rules_beside_each_other)
{
	struct agreement *old = load_version(versions[_i].old), *new = load_version(versions[_i].new);

	told.text = (struct buf)BUF_INIT(1 << 16);
	ck_assert_uint_eq(agreement_diff(old, new, tell, NULL), versions[_i].looser);
	ck_assert_msg(view_is(buf_view(&told.text), versions[_i].all), "%.*s", VIEW_ARG(buf_view(&told.text)));
	buf_free(&told.text);
	agreement_unref(old);
	agreement_unref(new);
}
END_TEST

/* A tier that goes is told by the purposes that lose it; its demands are compared with nothing. */
START_TEST(a_tier_goes)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");
	struct agreement *old = load_doc(doc, &from, &errors);

	put(doc, "/purposes/0/tiers", "[\"T1\"]");
	put(doc, "/purposes/1/tiers", "[\"T1\"]");
	put(doc, "/tiers/0", NULL);
	struct agreement *new = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(old && new);
	told.text = (struct buf)BUF_INIT(1 << 16);
	ck_assert_uint_eq(agreement_diff(old, new, tell, NULL), 0);
	buf_addc(&told.text, '\0');
	ck_assert(strstr(told.text.p, "stricter /purposes/1: tier T0 is taken away\n") &&
	          !strstr(told.text.p, "/tiers/"));
	buf_free(&told.text);
	told.text = (struct buf)BUF_INIT(1 << 16);
	ck_assert_uint_gt(agreement_diff(new, old, tell, NULL), 0);
	buf_addc(&told.text, '\0');
	ck_assert(strstr(told.text.p, "looser /purposes/1: tier T0 is added\n") && !strstr(told.text.p, "/tiers/"));
	buf_free(&told.text);
	json_decref(doc);
	agreement_unref(old);
	agreement_unref(new);
	error_list_free(&errors);
}
END_TEST

/* What the sender keeps after delivery: more of it is looser, and none is the least. */
START_TEST(what_is_kept)
{
	static const struct {
		const char *old, *new, *told;
		size_t looser;
	} changes[] = {
		{ NULL, "{\"keep\":\"P2D\"}",
		  "looser /delivery/keep: what the sender keeps after delivery: no time at all becomes 2 days\n", 1 },
		{ "{\"keep\":\"P2D\"}", "{\"keep\":\"P1D\"}",
		  "stricter /delivery/keep: what the sender keeps after delivery: 2 days becomes 1 day\n", 0 },
		{ "{\"order\":\"case\"}", "{\"order\":\"case\",\"keep\":\"P0D\"}", "", 0 },
	};

	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct error_list errors = { .max = 20 };
		json_t *doc = preset("pnr");

		put(doc, "/delivery", changes[i].old);
		struct agreement *old = load_doc(doc, &from, &errors);
		put(doc, "/delivery", changes[i].new);
		struct agreement *new = load_doc(doc, &from, &errors);
		print_errors(&errors);
		ck_assert(old && new);
		told.text = (struct buf)BUF_INIT(1 << 16);
		ck_assert_uint_eq(agreement_diff(old, new, tell, NULL), changes[i].looser);
		ck_assert_msg(view_is(buf_view(&told.text), changes[i].told), "%.*s", VIEW_ARG(buf_view(&told.text)));
		buf_free(&told.text);
		json_decref(doc);
		agreement_unref(old);
		agreement_unref(new);
		error_list_free(&errors);
	}
}
END_TEST

TCase *make_diff_case(void)
{
	TCase *c = tcase_create("diff");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, rules_beside_each_other, 0, sizeof versions / sizeof versions[0]);
	tcase_add_test(c, a_tier_goes);
	tcase_add_test(c, what_is_kept);
	return c;
}
