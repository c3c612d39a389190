/* A copy of what came here is known, unless its exchange is named. */
#include "gatewayd/core/store/mark.h"
#include "test/core/exchange/caveats_cases.h"

TCase *make_copies_case(void);

/* The record as it is handed out, of one that came under these codes. */
static struct view handed_out(const char *handling, struct uuid *id)
{
	*id = came(handling);
	return arena_copy(&texts, buf_view(&scratch.record));
}

static json_t *posting(json_t *record)
{
	json_t *doc = under(NULL);

	json_object_set_new(doc, "record", record);
	return doc;
}

static json_t *read_record(struct view record)
{
	json_t *doc = json_loadb(record.p, record.n, 0, NULL);

	ck_assert_ptr_nonnull(doc);
	return doc;
}

/* Whether it is refused as a copy of what came. */
static bool known(json_t *doc)
{
	struct submission s = submission_by(NORTH_SYSTEM, "listed");
	struct exchange *x = decide(&s, text_of(doc));
	bool is = exchange_reason(x) == REASON_ONWARD_UNNAMED;

	ck_assert(!is || !strcmp(x->decided.decision.failed[0].pointer, "/onward_of"));
	exchange_recycle(x);
	return is;
}

/* The same values with the members of each object the other way round. */
static json_t *turned(json_t *value)
{
	json_t *out, *item;
	const char *name;
	size_t i;

	if (json_is_array(value)) {
		out = json_array();
		json_array_foreach(value, i, item) json_array_append_new(out, turned(item));
		return out;
	}
	if (!json_is_object(value))
		return json_deep_copy(value);
	out = json_object();
	json_object_foreach(value, name, item)
	{
		json_t *rest = json_object();
		json_object_set_new(rest, name, turned(item));
		json_object_update(rest, out);
		json_decref(out);
		out = rest;
	}
	return out;
}

START_TEST(a_copy_is_known_in_any_order)
{
	struct uuid id;
	struct view record = handed_out("[" TLP("GREEN") "]", &id);
	json_t *same = read_record(record), *other = turned(same);
	char *text = json_dumps(other, JSON_COMPACT);

	ck_assert(!view_is(record, text));
	ck_assert(known(posting(same)));
	ck_assert(known(posting(other)));
	free(text);
	/* One value more, and it is another record. */
	other = read_record(record);
	json_object_set_new(other, "status", json_string("changed"));
	ck_assert(!known(posting(other)));
	ck_assert(!known(under(NULL)));
}
END_TEST

/* The next daemon asks the store. */
START_TEST(a_copy_is_known_after_a_new_start)
{
	struct uuid id;
	bool any;

	ck_assert(!known(under(NULL)));
	ck_assert_int_eq(f.core.marked, MARKED_NONE);
	struct view record = handed_out(NULL, &id);
	OK(store_any_marked(f.reader, &any, e));
	ck_assert(any && f.core.marked == MARKED_SOME);
	f.core.marked = MARKED_UNKNOWN;
	ck_assert(known(posting(read_record(record))));
	ck_assert_int_eq(f.core.marked, MARKED_SOME);
}
END_TEST

START_TEST(a_copy_whose_exchange_is_named)
{
	struct uuid id, other;
	struct view record = handed_out("[" TLP("RED") "]", &id);
	json_t *mild = under("[" TLP("CLEAR") "]");

	ck_assert(!known(naming(posting(read_record(record)), "onward_of", &id)));
	/* Another one, which came under milder codes, does not stand for it. */
	put(mild, "/record/party_size", "3");
	other = posted(SOUTH_SYSTEM, "listed", mild, 201);
	ck_assert(known(naming(posting(read_record(record)), "onward_of", &other)));
}
END_TEST

/* Of answers that are one of few nobody can say whose they are. */
#define KEEP(id, at) "{\"id\":\"" id "\",\"pointer\":\"" at "\",\"category\":\"operational\",\"action\":\"keep\"}"
static const char *const telling[] = {
	"[" KEEP("a", "/status") "," KEEP("b", "/payment/form") "," KEEP("c", "/itinerary/*/cabin") "]",
	"[" KEEP("a", "/travellers/*/family") "," KEEP("b", "/travellers/*/given") "]",
};

START_TEST(what_tells_little_is_not_known_again)
{
	static const struct digest none = { .b = { 0 } };
	json_t *doc = core_preset(&f, "pnr");
	struct store_caveats row;

	put(doc, "/id", "\"few\"");
	put(doc, "/rules", telling[_i]);
	put(doc, "/retention/mask_pointers", NULL);
	core_document(&f, core_add_agreement(&f, doc));
	struct uuid id = posted(SOUTH_SYSTEM, "few", under(NULL), 201);
	OK(store_get_caveats(f.reader, seq_of(&id), &row, e));
	ck_assert_int_eq(!digest_eq(&row.mark, &none), _i);
}
END_TEST

START_TEST(a_copy_of_what_is_gone)
{
	struct uuid id;
	struct view record = handed_out(NULL, &id);

	become(&id, STATE_FETCHED);
	ck_assert(known(posting(read_record(record))));
	become(&id, STATE_ENDED);
	ck_assert(!known(posting(read_record(record))));
}
END_TEST

TCase *make_copies_case(void)
{
	TCase *c = tcase_create("copies");

	tcase_add_checked_fixture(c, open_listed, exchange_close);
	tcase_add_test(c, a_copy_is_known_in_any_order);
	tcase_add_test(c, a_copy_is_known_after_a_new_start);
	tcase_add_test(c, a_copy_whose_exchange_is_named);
	tcase_add_loop_test(c, what_tells_little_is_not_known_again, 0, 2);
	tcase_add_test(c, a_copy_of_what_is_gone);
	return c;
}
