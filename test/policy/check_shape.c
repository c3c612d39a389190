/* Shapes: one for records of one kind, whatever the order and the number of what is in them; another where another leaf passes or
 * does not; and no name that the schema does not know. */
#include "lib/policy/shape.h"
#include "lib/tlog/entry.h"
#include "test/policy/decision_fixture.h"

TCase *make_shape_case(void);

#define RULINGS 16

static struct shapes *shapes;
static struct agreement *a;

static void open_all(void)
{
	set_up();
	shapes = shapes_new(RULINGS);
	ck_assert_ptr_nonnull(shapes);
	a = load_with("pnr", NULL, NULL);
}

static void close_all(void)
{
	shapes_free(shapes);
	agreement_unref(a);
	tear_down();
}

static struct shape_use use_of(json_t *envelope)
{
	struct shape_use use;

	ck_assert_int_eq(run(a, envelope), OUTCOME_TRANSFORMED);
	ck_assert(shapes_find(shapes, bench.decision.agreement, bench.decision.ruling, &bench.tape,
	                      bench.envelope.record, bench.transform, &use));
	return use;
}

static uint32_t sum(const struct shape_use *use, size_t first, size_t end)
{
	uint32_t n = 0;

	for (size_t i = first; i < end; i++)
		n += use->counts[i];
	return n;
}

/* The same members, the last one first. */
static json_t *reversed(const json_t *v)
{
	size_t n = json_is_object(v) ? json_object_size(v) : 0, i = n;
	const char *names[64];
	json_t *out = json_is_object(v) ? json_object() : json_is_array(v) ? json_array() : json_deep_copy(v), *item;

	ck_assert_uint_le(n, 64);
	for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)v, it))
		names[--i] = json_object_iter_key(it);
	for (i = 0; i < n; i++)
		json_object_set_new(out, names[i], reversed(json_object_get(v, names[i])));
	json_array_foreach(v, i, item)
	        json_array_append_new(out, reversed(json_array_get(v, json_array_size(v) - 1 - i)));
	return out;
}

START_TEST(one_for_records_of_one_kind)
{
	json_t *e = envelope("pnr"), *record = json_object_get(e, "record");
	struct shape_use use = use_of(e);
	struct shape *first = shape_ref(use.shape);
	struct digest digest;
	uint32_t leaves = sum(&use, 0, first->n);

	sha256(first->text, &digest);
	ck_assert(digest_eq(&digest, &first->digest));
	ck_assert_uint_gt(first->n, first->n_dropped);
	ck_assert_uint_eq(sum(&use, 0, first->n_dropped), bench.decision.dropped);
	ck_assert_uint_eq(sum(&use, first->n_dropped, first->n), bench.decision.released);
	for (size_t i = 0; i < first->text.n; i++)
		ck_assert(first->text.p[i] >= 0x20 && first->text.p[i] < 0x7f);
	ck_assert(memmem(first->text.p, first->text.n, "\"/travellers/*/family\"", 22));
	/* In another order of members and items. */
	json_object_set_new(e, "record", reversed(record));
	use = use_of(e);
	ck_assert_ptr_eq(use.shape, first);
	ck_assert_uint_eq(sum(&use, 0, first->n), leaves);
	/* With one item more, which is alike. */
	json_t *travellers = json_object_get(json_object_get(e, "record"), "travellers");
	json_array_append_new(travellers, json_deep_copy(json_array_get(travellers, 0)));
	use = use_of(e);
	ck_assert_ptr_eq(use.shape, first);
	ck_assert_uint_gt(sum(&use, 0, first->n), leaves);
	shape_unref(first);
	json_decref(e);
}
END_TEST

START_TEST(another_where_something_else_passes)
{
	json_t *e = envelope("pnr");
	struct shape *first = shape_ref(use_of(e).shape);

	json_object_del(json_object_get(e, "record"), "locator");
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED); /* the schema requires it */
	json_decref(e);
	e = envelope("pnr");
	json_object_set_new(json_object_get(e, "record"), "split_from", json_string("ABC123"));
	struct shape_use use = use_of(e);
	ck_assert(!digest_eq(&use.shape->digest, &first->digest));
	ck_assert_uint_eq(use.shape->n, first->n + 1);
	/* What it had forgotten it finds again, under the same digest. */
	struct digest digest = first->digest;
	shape_unref(first);
	json_decref(e);
	shapes_forget(shapes);
	e = envelope("pnr");
	first = shape_ref(use_of(e).shape);
	ck_assert(digest_eq(&digest, &first->digest));
	json_decref(e);
	/* And who holds it keeps it. */
	shapes_forget(shapes);
	sha256(first->text, &digest);
	ck_assert(digest_eq(&digest, &first->digest));
	shape_unref(first);
}
END_TEST

START_TEST(decisions_name_it)
{
	uint8_t salt[16] = { 1 };
	struct disclosures sd = { .n = 0 };
	struct buf json = BUF_INIT(1 << 16);
	struct error_list errors = { .max = 5 };
	struct error e = { .reason = REASON_NONE };
	struct digest named;
	json_t *env = envelope("pnr");
	struct shape_use use = use_of(env);

	decision_json_shaped(&bench.decision, bench.transform, &use, &json);
	struct schema *schema = document_schema(VIEW("decision"), &e);
	json_t *doc = document_read(schema, "decision", buf_view(&json), &errors);
	print_errors(&errors);
	ck_assert_ptr_nonnull(doc);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "leaves")), use.shape->n);
	ck_assert_ptr_null(json_object_get(doc, "dropped"));
	disclosures_add(&sd, salt, VIEW("case"), VIEW("\"decision\""));
	ck_assert(!shape_named(buf_view(&sd.packed), &named));
	disclosures_add(&sd, salt, VIEW("decision"), buf_view(&json));
	ck_assert(shape_named(buf_view(&sd.packed), &named) && digest_eq(&named, &use.shape->digest));
	/* One that lists each leaf names none, whatever texts it has. */
	disclosures_reset(&sd);
	disclosures_add(&sd, salt, VIEW("decision"), VIEW("{\"build\":\"\\\",\\\"shape\\\":\\\"\"}"));
	ck_assert(!shape_named(buf_view(&sd.packed), &named));
	disclosures_add(&sd, salt, VIEW("other"), buf_view(&json));
	ck_assert(!shape_named(buf_view(&sd.packed), &named));
	ck_assert(!shape_named(VIEW(""), &named) && !shape_named(VIEW("[\""), &named) &&
	          !shape_named(VIEW("[\"*\"]"), &named));
	json_decref(doc);
	json_decref(env);
	schema_unref(schema);
	disclosures_free(&sd);
	buf_free(&json);
}
END_TEST

#define GUARD(id, field, when) \
	"{\"id\":\"" id "\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\"," \
	"\"params\":{\"k\":5,\"fields\":[\"" field "\"]}" when "}"

/* Which guards withheld something: those that did, each once. */
START_TEST(decisions_name_the_guards)
{
	static const char *const named[] = { "\"suppressed\":[\"rare\"]", "\"suppressed\":[\"seldom\"]",
		                             "\"suppressed\":[\"rare\",\"seldom\"]" };
	struct error_list errors = { .max = 20 };
	struct error e = { .reason = REASON_NONE };
	struct buf json = BUF_INIT(1 << 16);
	json_t *doc = preset("pnr"), *env = envelope("pnr"), *rules = json_object_get(doc, "rules");
	struct shape_use use;

	json_array_append_new(rules, json_loads(GUARD("rare", "/contact/address/country", ""), 0, NULL));
	json_array_append_new(
	        rules, json_loads(GUARD("seldom", "/itinerary/*/from", ",\"when\":{\"tiers\":[\"T1\"]}"), 0, NULL));
	struct agreement *guarded = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_ptr_nonnull(guarded);
	ck_assert_int_eq(run(guarded, env), OUTCOME_REFUSED);
	for (uint32_t suppressed = 0; suppressed < 4; suppressed++) {
		struct transform_input in = {
			.tape = &bench.tape, .record = bench.envelope.record, .batch = true, .suppressed = suppressed
		};

		buf_reset(&bench.record);
		buf_reset(&json);
		bench.decision.n_failed = 0;
		ck_assert_msg(program_run(bench.decision.ruling->program, bench.transform, &in, &bench.record, &e),
		              "%s", e.text);
		ck_assert(decision_conclude(&bench.decision, &bench.envelope, &bench.tape, bench.transform));
		ck_assert(shapes_find(shapes, guarded, bench.decision.ruling, &bench.tape, bench.envelope.record,
		                      bench.transform, &use));
		decision_json_shaped(&bench.decision, bench.transform, &use, &json);
		buf_addc(&json, '\0');
		ck_assert(suppressed ? strstr(json.p, named[suppressed - 1]) != NULL : !strstr(json.p, "suppressed"));
	}
	agreement_unref(guarded);
	json_decref(doc);
	json_decref(env);
	buf_free(&json);
	error_list_free(&errors);
}
END_TEST

#define OPEN_SCHEMA "{\"type\":\"object\",\"properties\":{\"known\":{\"type\":\"object\"}}}"
#define ONE_RULE    "[{\"id\":\"k\",\"pointer\":\"/known/x\",\"category\":\"operational\",\"action\":\"keep\"}]"

static bool open_schema(void *arg, const struct digest *digest, struct view *text)
{
	(void)arg, (void)digest;
	*text = VIEW(OPEN_SCHEMA);
	return true;
}

START_TEST(no_name_that_the_schema_does_not_know)
{
	static const char *const records[] = { "{\"known\":{\"x\":1,\"secret\":2},\"hidden\":[1,2],\"*\":3}",
		                               "{\"known\":{\"x\":1,\"other\":2},\"unheard\":[4],\"*\":3}" };
	struct error_list errors = { .max = 20 };
	struct buf hex = BUF_INIT(100);
	struct digest digest;
	struct shape *first = NULL;
	json_t *doc = preset("pnr"), *e = envelope("pnr");

	sha256(VIEW(OPEN_SCHEMA), &digest);
	digest_print(&hex, &digest);
	json_object_set_new(json_array_get(json_object_get(doc, "schemas"), 0), "input", json_stringn(hex.p, hex.n));
	json_object_set_new(doc, "rules", json_loads(ONE_RULE, 0, NULL));
	from.schema = open_schema;
	agreement_unref(a);
	a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	for (int i = 0; i < 2; i++) {
		json_object_set_new(e, "record", json_loads(records[i], 0, NULL));
		struct shape_use use = use_of(e);
		ck_assert(!memmem(use.shape->text.p, use.shape->text.n, "secret", 6) &&
		          !memmem(use.shape->text.p, use.shape->text.n, "hidden", 6));
		ck_assert(memmem(use.shape->text.p, use.shape->text.n, "\"pointer\":\"/known/*\"", 20));
		if (i)
			ck_assert_ptr_eq(use.shape, first);
		else
			first = shape_ref(use.shape);
	}
	shape_unref(first);
	buf_free(&hex);
	json_decref(doc);
	json_decref(e);
	error_list_free(&errors);
}
END_TEST

/* More rulings than a table knows at a time, and one after another again. */
START_TEST(many_rulings)
{
	struct agreement *all[20];
	struct digest digest;
	json_t *e = envelope("pnr");
	struct shape_use use = use_of(e);

	digest = use.shape->digest;
	for (size_t i = 0; i < 20; i++)
		all[i] = load_with("pnr", NULL, NULL);
	for (size_t i = 0; i < 40; i++) {
		ck_assert_int_eq(run(all[i % 20], e), OUTCOME_TRANSFORMED);
		ck_assert(shapes_find(shapes, bench.decision.agreement, bench.decision.ruling, &bench.tape,
		                      bench.envelope.record, bench.transform, &use));
		ck_assert(digest_eq(&digest, &use.shape->digest));
	}
	for (size_t i = 0; i < 20; i++)
		agreement_unref(all[i]);
	json_decref(e);
}
END_TEST

TCase *make_shape_case(void)
{
	TCase *c = tcase_create("shape");

	tcase_add_checked_fixture(c, open_all, close_all);
	tcase_add_test(c, one_for_records_of_one_kind);
	tcase_add_test(c, another_where_something_else_passes);
	tcase_add_test(c, decisions_name_it);
	tcase_add_test(c, decisions_name_the_guards);
	tcase_add_test(c, no_name_that_the_schema_does_not_know);
	tcase_add_test(c, many_rulings);
	return c;
}
