/* What decisions, words and pictures make of unusual text: names in every plane of Unicode, long ones, many items,
 * periods in every unit; and what each action and category is called. */
#include "lib/base/encode.h"
#include "lib/policy/flowmap.h"
#include "lib/policy/plain.h"
#include "test/policy/decision_fixture.h"

TCase *make_texts_case(void);

static char *schema_text;

static bool any_digest(void *arg, const struct digest *digest, struct view *text)
{
	(void)arg;
	(void)digest;
	*text = view_of(schema_text);
	return true;
}

/* The preset with a schema and rules of its own. */
static struct agreement *load_schema(const char *schema, const char *rules)
{
	struct error_list errors = { .max = 20 };
	struct buf hex = BUF_INIT(100);
	struct digest d;
	json_t *doc = preset("pnr");

	schema_text = strdup(schema);
	sha256(view_of(schema_text), &d);
	digest_print(&hex, &d);
	json_object_set_new(json_array_get(json_object_get(doc, "schemas"), 0), "input", json_stringn(hex.p, hex.n));
	json_object_set_new(doc, "rules", json_loads(rules, 0, NULL));
	from.schema = any_digest;
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	buf_free(&hex);
	error_list_free(&errors);
	return a;
}

static void decide(const struct agreement *a, const char *record, const char *retention, struct buf *json)
{
	json_t *e = envelope("pnr");

	json_object_set_new(e, "record", json_loads(record, 0, NULL));
	if (retention)
		json_object_set_new(e, "retention", json_string(retention));
	enum outcome o = run(a, e);
	ck_assert_msg(o == OUTCOME_TRANSFORMED || o == OUTCOME_RELEASED, "%s",
	              reason_slug(bench.decision.failed[0].reason));
	buf_reset(json);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, json);
	buf_addc(json, '\0');
	json_decref(e);
}

#define KEEP_ALL "[{\"id\":\"all\",\"pointer\":\"\",\"category\":\"operational\",\"action\":\"keep\",\"subtree\":true}]"
#define KEEP_ITEMS \
	"[{\"id\":\"k\",\"pointer\":\"/list/*\",\"category\":\"operational\",\"action\":\"keep\"}," \
	"{\"id\":\"s\",\"pointer\":\"/a\\\"b\\\\c\",\"category\":\"operational\",\"action\":\"keep\"}," \
	"{\"id\":\"t\",\"pointer\":\"/t~0d\",\"category\":\"operational\",\"action\":\"keep\"}," \
	"{\"id\":\"u\",\"pointer\":\"/\\u20ac\\ud83d\\ude00\\u007f\",\"category\":\"operational\",\"action\":\"keep\"}]"

START_TEST(decisions_in_ascii)
{
	struct buf json = BUF_INIT(1 << 20);
	struct agreement *a = load_schema(
	        "{\"type\":\"object\",\"properties\":{\"list\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
	        "\"a\\\"b\\\\c\":{\"type\":\"integer\"},\"t~d\":{\"type\":\"integer\"},\"\\u20ac\\ud83d\\ude00\\u007f\":{\"type\":\"integer\"}}}",
	        KEEP_ITEMS);

	decide(a,
	       "{\"list\":[0,1,2,3,4,5,6,7,8,9,10,11],\"a\\\"b\\\\c\":1,\"t~d\":2,\"\\u20ac\\ud83d\\ude00\\u007f\":3}",
	       NULL, &json);
	ck_assert(strstr(json.p, "\"pointer\":\"/list/9\"") && strstr(json.p, "\"pointer\":\"/list/11\""));
	ck_assert(strstr(json.p, "\"pointer\":\"/a\\\"b\\\\c\"") && strstr(json.p, "\"pointer\":\"/t~0d\""));
	ck_assert(strstr(json.p, "\"pointer\":\"/\\u20ac\\ud83d\\ude00\x7f\"") ||
	          strstr(json.p, "\"pointer\":\"/\\u20ac\\ud83d\\ude00\\u007f\""));
	buf_free(&json);
	agreement_unref(a);
	free(schema_text);
}
END_TEST

START_TEST(long_places_are_cut_at_a_token)
{
	struct buf schema = BUF_INIT(1 << 16), record = BUF_INIT(1 << 16), json = BUF_INIT(1 << 20);
	char name[251];

	memset(name, 'n', 250);
	name[250] = '\0';
	buf_adds(&schema, "{\"type\":\"object\"");
	for (int i = 0; i < 5; i++) {
		buf_addf(&schema, ",\"properties\":{\"%s\":{\"type\":\"object\"", name);
		buf_addf(&record, "{\"%s\":", name);
	}
	for (int i = 0; i < 5; i++)
		buf_adds(&schema, "}}");
	buf_addc(&schema, '}');
	buf_adds(&record, "{\"x\":1}}}}}}");
	buf_addc(&schema, '\0');
	buf_addc(&record, '\0');
	struct agreement *a = load_schema(schema.p, KEEP_ALL);
	json_t *doc = json_loads(record.p, 0, NULL);
	ck_assert(doc != NULL);
	json_decref(doc);
	decide(a, record.p, NULL, &json);
	ck_assert(strstr(json.p, "\"released\":[{\"action\":\"keep\",\"pointer\":\"\"") != NULL);
	buf_free(&schema);
	buf_free(&record);
	buf_free(&json);
	agreement_unref(a);
	free(schema_text);
}
END_TEST

START_TEST(periods_that_were_granted)
{
	static const char *const asked[] = { "P1Y", "P6M", "P5D", "PT90S", "P1Y2M3DT4S" };
	static const char *const granted[] = { "P1Y", "P6M", "P5D", "PT90S", "P1Y2M3DT4S" };
	struct buf json = BUF_INIT(1 << 20);
	struct agreement *a = load_schema("{\"type\":\"object\"}", KEEP_ALL);

	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		char want[60];
		decide(a, "{\"x\":1}", asked[i], &json);
		snprintf(want, sizeof want, "\"retention\":\"%s\"", granted[i]);
		ck_assert_msg(strstr(json.p, want) != NULL, "%s", want);
	}
	/* Refused before an agreement was found, and before a purpose was. */
	struct decision none = { .outcome = OUTCOME_REFUSED, .tier = TIER_COUNT, .category = SUBJECT_COUNT };
	decision_fail(&none, REASON_ENVELOPE_INVALID, NULL, NULL);
	buf_reset(&json);
	decision_json(&none, &bench.tape, 0, NULL, &json);
	buf_addc(&json, '\0');
	ck_assert(strstr(json.p, "{\"agreement\":{\"id\":\"\",\"version\":\"\"}") && strstr(json.p, "\"digests\":{}"));
	buf_free(&json);
	agreement_unref(a);
	free(schema_text);
}
END_TEST

START_TEST(every_action_has_words)
{
	struct buf b = BUF_INIT(1000);

	for (unsigned i = 0; i < ACTION_COUNT; i++) {
		const char *words = plain_action((enum action)i);
		ck_assert(words && strncmp(words, "is ", 3) == 0);
	}
	for (unsigned i = 0; i < SUBJECT_COUNT; i++)
		ck_assert(strcmp(plain_subject(subject_category_name((enum subject_category)i)),
		                 subject_category_name((enum subject_category)i)) != 0);
	ck_assert_str_eq(plain_subject("neighbour"), "neighbour");
	ck_assert_str_eq(plain_tier("T2"), "imminent danger");
	plain_place(&b, "");
	buf_addc(&b, '|');
	plain_place(&b, "/a_b");
	buf_addc(&b, '|');
	plain_place(&b, "/a/*/b_c/*");
	ck_assert(view_is(buf_view(&b), "the whole record|a b|a (b c)"));
	for (unsigned o = 0; o < 4; o++)
		ck_assert(outcome_name((enum outcome)o)[0]);
	buf_free(&b);
}
END_TEST

/* Names that are longer than a box, without a blank, and of several bytes a character. */
START_TEST(maps_of_long_names)
{
	struct error_list errors = { .max = 20 };
	struct buf svg = BUF_INIT(1 << 20), name = BUF_INIT(1000);
	json_t *doc = preset("pnr");

	for (int i = 0; i < 100; i++)
		buf_adds(&name, "\xc3\xa4");
	buf_addc(&name, '\0');
	json_object_set_new(json_array_get(json_object_get(doc, "parties"), 0), "name", json_string(name.p));
	json_object_set_new(json_array_get(json_object_get(doc, "flows"), 0), "stored", json_string(name.p));
	put(doc, "/flows/0/purposes", "[\"serious-crime\"]");
	put(doc, "/flows/0/risks", NULL);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	ck_assert(agreement_flowmap_svg(a, &svg));
	ck_assert_uint_eq(utf8_valid(buf_view(&svg)), svg.n);
	buf_free(&svg);
	buf_free(&name);
	json_decref(doc);
	agreement_unref(a);
	error_list_free(&errors);
}
END_TEST

TCase *make_texts_case(void)
{
	TCase *c = tcase_create("texts");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, decisions_in_ascii);
	tcase_add_test(c, long_places_are_cut_at_a_token);
	tcase_add_test(c, periods_that_were_granted);
	tcase_add_test(c, every_action_has_words);
	tcase_add_test(c, maps_of_long_names);
	return c;
}
