/* All stages in one pass: what the schema refuses does not keep the rest from being judged, and is not judged itself. */
#include "test/policy/support.h"

TCase *make_one_pass_case(void);

static struct schema_files files;
static struct agreement_sources from;

static void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
}

static void tear_down(void)
{
	schema_files_free(&files);
}

static void put_surroundings(void)
{
	from.floor = VIEW(
	        "{\"version\":\"1\",\"limits\":{\"copy\":\"P5Y\",\"payload\":\"P7D\",\"breach_supervisor\":\"PT24H\"},"
	        "\"demands\":{\"council_privacy_seat\":true},\"clear_identifiers\":\"never\"}");
	from.overlay = VIEW("{\"version\":\"1\",\"limits\":{\"copy\":\"P6Y\"}}");
}

/* The places at which something is said, sorted. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void places_are(const struct error_list *errors, const char *const *want, size_t n)
{
	const char *have[60];

	for (size_t i = 0; i < errors->n; i++)
		have[i] = errors->items[i].text;
	qsort(have, errors->n, sizeof have[0], by_text);
	print_errors(errors);
	ck_assert_uint_eq(errors->n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(strncmp(have[i], want[i], strlen(want[i])) == 0 && have[i][strlen(want[i])] == ':',
		              "%s, not %s", have[i], want[i]);
}

/* Shape, names, dates, rules against schema, parameters, floor, overlay, signature: an author hears of all at once. */
START_TEST(every_stage_in_one_pass)
{
	static const char *const want[] = {
		"/breach/notify_supervisor", /* floor */
		"/limits/copy",              /* of the overlay */
		"/onwards",                  /* shape: a member misspelt */
		"/parties/0",                /* nobody signs for it */
		"/parties/1",
		"/purposes/0/legal_bases/0", /* names */
		"/retention/payload",        /* floor */
		"/rules/0/pointer",          /* rules against the schema */
		"/rules/2/action",           /* shape, and neither the rule nor what it would contradict is judged */
		"/rules/5/pointer",          /* as written, though an item before it was left out */
		"/sunset",                   /* dates */
		"/title",                    /* shape */
		"",                          /* not signed */
	};
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr"), *onward = json_incref(json_object_get(doc, "onward"));

	put_surroundings();
	from.unsigned_ok = false;
	put(doc, "/title", "7");
	put(doc, "/onward", NULL);
	json_object_set_new(doc, "onwards", onward ? onward : json_object());
	put(doc, "/purposes/0/legal_bases/0", "\"pnr-low\"");
	put(doc, "/sunset", "\"2025-01-01T00:00:00Z\"");
	put(doc, "/renewal", NULL);
	put(doc, "/retention/payload", "\"P20D\"");
	put(doc, "/rules/0/pointer", "\"/locater\"");
	put(doc, "/rules/2/action", "\"truncate\"");
	put(doc, "/rules/5/pointer", "\"/travellers/*/surname\"");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	places_are(&errors, want, sizeof want / sizeof want[0]);
	ck_assert(says(&errors, "/purposes/0/legal_bases/0", "did you mean \"pnr-law\"?"));
	ck_assert(says(&errors, "/rules/5/pointer", "matches nothing"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* What hangs of a part that has no shape is not judged, nor said again: each change, and every place that is named. */
static const struct part_case {
	const char *pointer, *value;
	const char *want[4];
} part_cases[] = {
	/* a period of one purpose leaves the others', and the rules */
	{ "/purposes/0/retention", "{\"copy\":\"five years\"}", { "/purposes/0/retention/copy" } },
	{ "/retention/copy", "\"P3O\"", { "/retention/copy" } },
	{ "/retention", NULL, { "" } },
	{ "/purposes", "[]", { "/purposes" } },
	{ "/purposes/0/id", "7", { "/purposes/0/id" } },
	{ "/purposes/0", "null", { "/purposes/0" } },
	{ "/parties/0/agency", "null", { "/parties/0/agency" } },
	{ "/parties", NULL, { "" } },
	{ "/legal_bases/0/id", "false", { "/legal_bases/0/id" } },
	{ "/tiers/2", "{}", { "/tiers/2" } },
	{ "/tiers", "\"T1\"", { "/tiers" } },
	{ "/schemas/0/input", "\"abc\"", { "/schemas/0/input" } },
	{ "/schemas", NULL, { "" } },
	{ "/rules", "[]", { "/rules" } },
	{ "/rules", "{}", { "/rules" } },
	{ "/flows", "7", { "/flows" } },
	{ "/sunset", "\"soon\"", { "/sunset" } },
	{ "/effective_from", "\"soon\"", { "/effective_from" } },
	{ "/breach", NULL, { "" } },
	{ "/notification/due", "7", { "/notification/due" } },
	{ "/assessment", "[]", { "/assessment" } },
	{ "/consent", "{\"withdrawals\":7}", { "/consent/withdrawals" } },
	{ "/council/must_include", "7", { "/council/must_include" } },
	{ "/exceptions", "[{},{}]", { "/exceptions/0", "/exceptions/1" } },
	{ "/envelope",
	  "[7,{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"[\"}]",
	  { "/envelope/0", "/envelope/1/pattern" } },
	/* the word that was meant for the missing one */
	{ "/delivery", "{\"keeps\":\"P60D\"}", { "/delivery/keeps" } },
};

START_TEST(parts_without_a_shape)
{
	const struct part_case *c = &part_cases[_i];
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");
	size_t n = 0;

	put(doc, c->pointer, c->value);
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	print_errors(&errors);
	while (n < 4 && c->want[n])
		n++;
	for (size_t i = 0; i < errors.n; i++) {
		bool wanted = false;
		for (size_t k = 0; k < n; k++) {
			size_t length = strlen(c->want[k]);
			wanted = wanted ||
			         (strncmp(errors.items[i].text, c->want[k], length) == 0 &&
			          (errors.items[i].text[length] == ':' || errors.items[i].text[length] == '/'));
		}
		ck_assert_msg(wanted, "%s: %s", c->pointer, errors.items[i].text);
	}
	ck_assert_uint_ge(errors.n, n);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

TCase *make_one_pass_case(void)
{
	TCase *c = tcase_create("one_pass");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, every_stage_in_one_pass);
	tcase_add_loop_test(c, parts_without_a_shape, 0, sizeof part_cases / sizeof part_cases[0]);
	return c;
}
