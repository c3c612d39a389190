/* Two spellings of one number or name in the presets: the record's schema takes both, and so does the normaliser, which
 * makes one pseudonym of them. */
#include "test/policy/decision_fixture.h"

TCase *make_spellings_case(void);

static const struct {
	const char *preset, *pointer, *one, *other, *another;
} spellings[] = {
	{ "pnr", "/record/travellers/0/api/document_number", "X9960308", "x 996-0308", "XQ998" },
	{ "pnr", "/record/travellers/0/family", "Sampleson", " SAMPLESON", "XQ998" },
	{ "pnr", "/record/travellers/0/family", "O'Sample", "O\u2019Sample", "XQ998" },
	{ "pnr", "/record/travellers/0/family", "\u0391\u03bd\u03bd\u03b1\u03af\u03b1",
	  "\u0391\u039d\u039d\u0391\u0399\u0391", "XQ998" },
	{ "pnr", "/record/travellers/0/family", "\u0645\u062d\u0645\u062f",
	  "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f", "XQ998" },
	{ "pnr", "/record/travellers/0/family", "\u05d2\u05f3\u05d5\u05d6", "\u05d2'\u05d5\u05d6", "XQ998" },
	{ "pnr", "/record/travellers/0/given", "\u5f20\u4f1f", "\u5f20 \u4f1f", "XQ998" },
	{ "pnr", "/record/travellers/0/given", "\u10d0\u10dc\u10d0", "\u1c90\u1c9c\u1c90", "XQ998" },
	{ "pnr", "/record/travellers/0/given", "\u0e2a\u0e21\u0e0a\u0e32\u0e22", "\u0e2a\u0e21\u0e0a\u0e32\u0e22.",
	  "XQ998" },
	{ "pnr", "/record/travellers/0/given", "Anna 2", "ANNA  2", "XQ998" },
	{ "police-request", "/record/person/documents/0/number", "X9960308", "X 9960308", "XQ998" },
	{ "police-request", "/record/person/phones/0", "+4930123456", "+49 (30) 12/34-56", "+4930654321" },
	{ "police-request", "/record/vehicle/plate", "XN123", "xn-12 3", "XQ998" },
	{ "fin-intel", "/record/subjects/0/document", "X9960308", "X.996.0308", "XQ998" },
	{ "fin-intel", "/record/accounts/0/iban", "XN12ABCD0000012345", "XN12 ABCD 0000 0123 45",
	  "XN12ABCD0000012346" },
};

/* What leaves of the preset's released record with one text exchanged. */
static char *leaves(const struct agreement *a, const char *id, const char *pointer, const char *value)
{
	json_t *v = envelope(id), *text = json_string(value);
	char *quoted = json_dumps(text, JSON_ENCODE_ANY);

	put(v, pointer, quoted);
	ck_assert_msg(run(a, v) != OUTCOME_REFUSED, "%s: %s: %s", pointer, value,
	              reason_slug(bench.decision.failed[0].reason));
	free(quoted);
	json_decref(text);
	json_decref(v);
	return strndup(bench.record.p, bench.record.n);
}

START_TEST(spellings_are_one)
{
	const char *id = spellings[_i].preset, *pointer = spellings[_i].pointer;
	struct agreement *a = load_with(id, NULL, NULL);
	char *one = leaves(a, id, pointer, spellings[_i].one), *other = leaves(a, id, pointer, spellings[_i].other),
	     *another = leaves(a, id, pointer, spellings[_i].another);

	ck_assert_msg(strcmp(one, other) == 0, "%s: %s", pointer, spellings[_i].other);
	/* It leaves at all, or the comparison would say nothing. */
	ck_assert_msg(strcmp(one, another) != 0, "%s does not leave", pointer);
	free(one);
	free(other);
	free(another);
	agreement_unref(a);
}
END_TEST

TCase *make_spellings_case(void)
{
	TCase *c = tcase_create("spellings");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, spellings_are_one, 0, (int)(sizeof spellings / sizeof *spellings));
	return c;
}
