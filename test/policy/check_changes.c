/* The comparison of two versions in words: each change from one side and from the other, stricter, looser or only different. */
#include "lib/policy/diff.h"
#include "test/policy/words_fixture.h"

TCase *make_changes_case(void);

static struct {
	enum diff_kind kind;
	const char *says;
	bool found;
	size_t n;
} change;

static void look(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	(void)arg;
	ck_assert(pointer[0] == '/' && diff_kind_name(kind)[0]);
	change.n++;
	if (change.says && kind == change.kind && strstr(text, change.says))
		change.found = true;
}

static const struct {
	const char *clause, *value;
	enum diff_kind kind;
	const char *says, *back;
} changes[] = {
	{ "sunset", "\"2029-06-01T00:00:00Z\"", DIFF_LOOSER, "1 January 2029 becomes 1 June 2029",
	  "1 June 2029 becomes 1 January 2029" },
	{ "retention",
	  "{\"payload\":\"P7D\",\"copy\":\"P4Y\",\"mask\":\"P6M\",\"review\":\"P3Y\",\"at_end\":\"erase\"}",
	  DIFF_STRICTER, "5 years becomes 4 years", "4 years becomes 5 years" },
	{ "retention", "{\"payload\":\"P7D\",\"copy\":\"P5Y\",\"review\":\"P3Y\",\"at_end\":\"erase\"}", DIFF_LOOSER,
	  "masking of the copy", "masking of the copy" },
	{ "council", NULL, DIFF_OTHER, "taken away", "added" },
	{ "title", "\"Another\"", DIFF_OTHER, "reads otherwise", "reads otherwise" },
	{ "exceptions",
	  "[{\"id\":\"x\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"/locator\"],\"approvals\":1,\"quota\":{\"uses\":1,"
	  "\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}]",
	  DIFF_LOOSER, "exception x is added", "exception x is taken away" },
	{ "rules", NULL, DIFF_STRICTER, "/locator is never passed on",
	  "that it guesses), where before it is never passed on" },
	{ "rules", "keep", DIFF_LOOSER, "/locator is passed on as it is",
	  "that it guesses), where before it is passed on as it is" },
};

START_TEST(changes_in_words)
{
	json_t *doc = preset("pnr"), *part = json_object_get(doc, changes[_i].clause), *first = json_array_get(part, 0);
	const char *value = changes[_i].value;
	char *text = NULL;

	if (strcmp(changes[_i].clause, "rules") == 0) {
		if (value) {
			json_object_set_new(first, "action", json_string(value));
			json_object_del(first, "params");
		} else {
			json_array_remove(part, 0);
		}
		value = text = json_dumps(part, 0);
	}
	struct agreement *old = load_patched("pnr", NULL, NULL), *new = load_patched("pnr", changes[_i].clause, value);
	change.kind = changes[_i].kind;
	change.says = changes[_i].says;
	change.found = false;
	size_t looser = agreement_diff(old, new, look, NULL);
	ck_assert_msg(change.found, "%s", changes[_i].says);
	ck_assert((looser > 0) == (changes[_i].kind == DIFF_LOOSER));
	change.kind = changes[_i].kind == DIFF_OTHER    ? DIFF_OTHER
	              : changes[_i].kind == DIFF_LOOSER ? DIFF_STRICTER
	                                                : DIFF_LOOSER;
	change.says = changes[_i].back;
	change.found = false;
	agreement_diff(new, old, look, NULL);
	ck_assert_msg(change.found, "%s", changes[_i].back);
	change.n = 0;
	change.says = NULL;
	ck_assert_uint_eq(agreement_diff(old, old, look, NULL), 0);
	ck_assert_uint_eq(change.n, 0);
	free(text);
	json_decref(doc);
	agreement_unref(old);
	agreement_unref(new);
}
END_TEST

/* A change deep in a clause: told one way as `is`, and the other way round as `back`. */
static const struct {
	const char *preset, *pointer, *value;
	enum diff_kind kind;
	const char *is, *back;
} deep[] = {
	{ "pnr", "/tiers/1/officer", "true", DIFF_STRICTER, "a named officer is now demanded",
	  "a named officer is no longer demanded" },
	{ "pnr", "/tiers/1/case", "false", DIFF_LOOSER, "a case reference is no longer", "a case reference is now" },
	{ "pnr", "/tiers/1/approvals", "2", DIFF_STRICTER, "0 approvals become 2", "2 approvals become 0" },
	{ "pnr", "/tiers/1/approval_lifetime", "\"PT8H\"", DIFF_STRICTER, "counts for a shorter time",
	  "counts for a longer time" },
	{ "pnr", "/officers", "[\"abababababababababababababababababababababababababababababababab\"]", DIFF_LOOSER,
	  "an officer who may approve abababab", "an officer who may approve abababab" },
	{ "pnr", "/tiers/1/quota/uses", "5", DIFF_STRICTER, "from 100000 to 5 uses", "from 5 to 100000 uses" },
	{ "pnr", "/tiers/1/quota", NULL, DIFF_LOOSER, "from 100000 to 0 uses (0: none)",
	  "from 0 to 100000 uses (0: none)" },
	{ "pnr", "/tiers/1/quota/per", "\"PT1H\"", DIFF_LOOSER, "window: 1 day becomes 1 hour",
	  "window: 1 hour becomes 1 day" },
	{ "pnr", "/tiers/1/criteria/0/text", "\"t\"", DIFF_OTHER, "the criteria read otherwise",
	  "the criteria read otherwise" },
	{ "pnr", "/purposes/1/tiers", "[\"T1\"]", DIFF_STRICTER, "tier T0 is taken away", "tier T0 is added" },
	{ "pnr", "/purposes/1/subject_categories", "[\"suspect\",\"convicted\",\"other\"]", DIFF_STRICTER,
	  "subject category victim is taken away", "subject category victim is added" },
	{ "pnr", "/purposes/1/legal_bases", "[\"pnr-law\",\"pnr-treaty\"]", DIFF_LOOSER,
	  "legal basis pnr-treaty is added", "legal basis pnr-treaty is taken away" },
	{ "pnr", "/purposes/1/id", "\"fraud\"", DIFF_LOOSER, "the purpose fraud is added",
	  "the purpose fraud is taken away" },
	{ "pnr", "/rules/2/params/to", "\"year\"", DIFF_STRICTER, "has other parameters", "has other parameters" },
	{ "pnr", "/rules/9/params/digits", "-1", DIFF_OTHER, "has other parameters", "has other parameters" },
	{ "pnr", "/rules/0/category", "\"operational\"", DIFF_LOOSER,
	  "/locator counts as operational, where before as direct-identifier", "/locator counts as direct-identifier" },
	{ "police-request", "/rules/8/waiver", NULL, DIFF_STRICTER,
	  "in clear under no exception, where before under imminent-threat",
	  "in clear under imminent-threat, where before under no exception" },
	{ "police-request", "/exceptions/0/pointers",
	  "[\"/person/names/*/family\",\"/person/names/*/given\",\"/person/sex\"]", DIFF_LOOSER,
	  "the exception's field /person/sex is added", "the exception's field /person/sex is taken away" },
	{ "police-request", "/exceptions/0/approvals", "2", DIFF_STRICTER, "1 approvals become 2",
	  "2 approvals become 1" },
	{ "police-request", "/exceptions/0/quota/uses", "11", DIFF_LOOSER, "10 uses become 11", "11 uses become 10" },
	{ "police-request", "/exceptions/0/quota/per", "\"P60D\"", DIFF_STRICTER, "window: 30 days becomes 60 days",
	  "60 days becomes 30 days" },
	{ "police-request", "/exceptions/0/expires", "\"2028-06-01T00:00:00Z\"", DIFF_STRICTER,
	  "31 December 2028 becomes 1 June 2028", "1 June 2028 becomes 31 December 2028" },
	{ "police-request", "/exceptions/0/tiers", "[\"T1\",\"T2\"]", DIFF_LOOSER, "the exception's tier T1 is added",
	  "the exception's tier T1 is taken" },
	{ "police-request", "/exceptions/0/review_within", "\"P40D\"", DIFF_LOOSER,
	  "review of its uses: 30 days becomes 40 days", "40 days becomes 30" },
	{ "police-request", "/exceptions/0/ground", "\"vital-interest\"", DIFF_OTHER, "the exception's ground reads",
	  "the exception's ground reads" },
	{ "pnr", "/rules/27/category", "\"quasi-identifier\"", DIFF_OTHER,
	  "/itinerary/*/flight counts as quasi-identifier", "counts as operational" },
	{ "cyber-threat", "/rules/0/subtree", "false", DIFF_OTHER, "the whole record has other parameters",
	  "the whole record has other parameters" },
};

START_TEST(changes_deep_within)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(deep[_i].preset);
	enum diff_kind back = deep[_i].kind == DIFF_OTHER    ? DIFF_OTHER
	                      : deep[_i].kind == DIFF_LOOSER ? DIFF_STRICTER
	                                                     : DIFF_LOOSER;

	struct agreement *old = load_doc(doc, &from, &errors);
	put(doc, deep[_i].pointer, deep[_i].value);
	if (strcmp(deep[_i].pointer, "/purposes/1/id") == 0)
		for (int i = 0; i < 2; i++)
			put(doc, i ? "/flows/1/purposes" : "/flows/0/purposes", "[\"terrorism-prevention\",\"fraud\"]");
	struct agreement *new = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(old && new);
	change.kind = deep[_i].kind;
	change.says = deep[_i].is;
	change.found = false;
	size_t looser = agreement_diff(old, new, look, NULL);
	ck_assert_msg(change.found, "%s", deep[_i].is);
	ck_assert((looser > 0) == (deep[_i].kind == DIFF_LOOSER));
	/* A field that counts as guarded again is no tightening of what leaves, only a change. */
	change.kind = strstr(deep[_i].back, "counts as direct") ? DIFF_OTHER : back;
	change.says = deep[_i].back;
	change.found = false;
	agreement_diff(new, old, look, NULL);
	ck_assert_msg(change.found, "%s", deep[_i].back);
	json_decref(doc);
	agreement_unref(old);
	agreement_unref(new);
	error_list_free(&errors);
}
END_TEST

TCase *make_changes_case(void)
{
	TCase *c = tcase_create("changes");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, changes_in_words, 0, sizeof changes / sizeof changes[0]);
	tcase_add_loop_test(c, changes_deep_within, 0, sizeof deep / sizeof deep[0]);
	return c;
}
