/* What a system has sent, as it is listed to it: its own alone, by what it asks for, page by page. */
#include "test/core/worker_fixture.h"

TCase *make_exchange_list_case(void);

#define MANY 4000

/* So many exchanges, the oldest first. */
struct rows {
	unsigned n;
	const char *partner, *agreement, *answer;
	enum exchange_state state;
	int64_t from_ms, step_ms;
};

static unsigned made;
static const char *agency; /* of the partner that sent them; NULL: what its id begins with */

static bool put_rows(void *arg, const struct act *a, struct error *e)
{
	const struct rows *rows = arg;
	struct store_exchange prior;
	enum store_accepted result;

	const char *provider = strncmp(rows->partner, "south", 5) == 0 ? "south" : "north";

	for (unsigned i = 0; i < rows->n; i++) {
		unsigned number = made + i + 1;
		struct store_exchange x = { .id = { .b = { 1, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
			                                   (uint8_t)number } },
			                    .partner = view_of(rows->partner),
			                    .received_ms = rows->from_ms + i * rows->step_ms,
			                    .agreement = view_of(rows->agreement),
			                    .provider = view_of(agency ? agency : provider),
			                    .recipient = VIEW("south"),
			                    .state = rows->state,
			                    .status = 201,
			                    .answer = view_of(rows->answer) };

		x.origin = x.id;
		if (!store_accept(a->store, &x, &result, &prior, e))
			return false;
	}
	return true;
}

static void put_in(struct rows rows)
{
	ck_assert(core_act(&f, put_rows, &rows).job.committed);
	made += rows.n;
}

static const char released[] = "{\"status\":201,\"outcome\":\"released\"",
                  refused[] = "{\"title\":\"t\",\"outcome\":\"refused\"";

static void set_up(void)
{
	worker_open();
	made = 0;
	agency = NULL;
}

/* How many exchanges the page has. */
static size_t page(enum core_partner who, const char *query)
{
	char target[200];

	snprintf(target, sizeof target, "/v1/exchanges%s", query);
	ck_assert_msg(got(who, target) == 200, "%s: %s", target, answer_seen.body.p ? answer_seen.body.p : "");
	return json_array_size(json_object_get(answer_doc(), "exchanges"));
}

static const char *shown(size_t i, const char *name)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(answer_doc(), "exchanges"), i), name));
}

static bool more(void)
{
	return json_is_true(json_object_get(answer_doc(), "more"));
}

static long long next(void)
{
	return (long long)json_integer_value(json_object_get(answer_doc(), "next"));
}

START_TEST(what_was_sent_is_shown_with_its_key)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x;
	char id[UUID_TEXT + 1];

	s.key = VIEW("mine-1");
	x = sent(&s, released_text());
	uuid_print(&x->decided.id, id);
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 1);
	ck_assert_str_eq(shown(0, "exchange"), id);
	ck_assert_str_eq(shown(0, "key"), "mine-1");
	ck_assert_str_eq(shown(0, "agreement"), "pnr");
	ck_assert_str_eq(shown(0, "state"), "queued");
	ck_assert_str_eq(shown(0, "outcome"), "released-transformed");
	ck_assert_str_eq(shown(0, "recipient"), "south");
	ck_assert(json_is_integer(
	        json_object_get(json_array_get(json_object_get(answer_doc(), "exchanges"), 0), "audit_index")));
	ck_assert(!more() && next() == 0);
	exchange_recycle(x);
}
END_TEST

START_TEST(what_others_sent_is_not)
{
	put_in((struct rows){ 3, "south-system", "pnr", released, STATE_READY, f.now_ms, 1 });
	put_in((struct rows){ 2, "north-feed", "pnr", released, STATE_QUEUED, f.now_ms, 1 }); /* of the same agency */
	put_in((struct rows){ 1, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1 });
	put_in((struct rows){ 1, "south-gateway", "pnr", released, STATE_READY, f.now_ms, 1 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 1);
	ck_assert_uint_eq(page(SOUTH_SYSTEM, ""), 3);
	ck_assert_uint_eq(page(SOUTH_SYSTEM, "?state=queued"), 0);
	got(SOUTH_GATEWAY, "/v1/exchanges");
	is_problem(403, "role-denied");
	got(NORTH_OFFICER, "/v1/exchanges");
	is_problem(403, "role-denied");
}
END_TEST

/* A partner was removed, and its id given to a system of another agency. */
START_TEST(what_another_agency_sent_under_the_same_id_is_not)
{
	agency = "west";
	put_in((struct rows){ 2, "north-system", "pnr", released, STATE_DELIVERED, f.now_ms, 1 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 0);
	agency = NULL;
	put_in((struct rows){ 1, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 1);
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?state=delivered"), 0);
}
END_TEST

START_TEST(filters_hold_together)
{
	char query[120], at[TIME_TEXT + 1], encoded[60] = "";

	put_in((struct rows){ 4, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1000 });
	put_in((struct rows){ 3, "north-system", "other", released, STATE_DELIVERED, f.now_ms + 10000, 1000 });
	put_in((struct rows){ 2, "north-system", "pnr", refused, STATE_REFUSED, f.now_ms + 20000, 1000 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 9);
	ck_assert_str_eq(shown(0, "state"), "refused"); /* the newest first */
	ck_assert_str_eq(shown(8, "state"), "queued");
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?agreement=pnr"), 6);
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?agreement=pnr&state=queued"), 4);
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?outcome=refused"), 2);
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?outcome=held"), 0);
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?agreement=none"), 0);
	time_print(f.now_ms + 11000, at);
	snprintf(query, sizeof query, "?since=%s", at);
	ck_assert_uint_eq(page(NORTH_SYSTEM, query), 4);
	snprintf(query, sizeof query, "?until=%s&limit=200", at);
	ck_assert_uint_eq(page(NORTH_SYSTEM, query), 5);
	/* As clients write it that escape what they need not. */
	for (const char *c = at; *c; c++)
		snprintf(encoded + strlen(encoded), sizeof encoded - strlen(encoded),
		         *c == ':' ? c == strchr(at, ':') ? "%%3A" : "%%3a" : "%c", *c);
	snprintf(query, sizeof query, "?until=%s", encoded);
	ck_assert_uint_eq(page(NORTH_SYSTEM, query), 5);
}
END_TEST

START_TEST(pages_follow_each_other)
{
	char query[60] = "?limit=2";
	unsigned seen = 0;

	put_in((struct rows){ 5, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1 });
	for (;;) {
		seen += (unsigned)page(NORTH_SYSTEM, query);
		if (!more())
			break;
		snprintf(query, sizeof query, "?limit=2&before=%lld", next());
	}
	ck_assert_uint_eq(seen, 5);
	put_in((struct rows){ 250, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 50);
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?limit=200"), 200);
	ck_assert(more());
}
END_TEST

/* A worker looks at a bounded number for each request. */
START_TEST(a_page_may_be_empty_and_have_more)
{
	char query[60];

	put_in((struct rows){ 1, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1 });
	put_in((struct rows){ MANY, "south-system", "pnr", released, STATE_READY, f.now_ms, 1 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, ""), 0);
	ck_assert(more());
	ck_assert_int_eq(next(), MANY + 2 - 2048);
	snprintf(query, sizeof query, "?before=%lld", next());
	ck_assert_uint_eq(page(NORTH_SYSTEM, query), 1);
	ck_assert(!more());
}
END_TEST

/* What lies so far before `since` ends it; a few old ones among younger ones do not. */
START_TEST(what_is_older_ends_it)
{
	char query[60], at[TIME_TEXT + 1];

	put_in((struct rows){ 2, "north-system", "pnr", released, STATE_QUEUED, f.now_ms, 1 });
	put_in((struct rows){ 900, "south-system", "pnr", released, STATE_READY, f.now_ms - 3600000, 1 });
	time_print(f.now_ms, at);
	snprintf(query, sizeof query, "?since=%s", at);
	ck_assert_uint_eq(page(NORTH_SYSTEM, query), 2);
	put_in((struct rows){ 200, "south-system", "pnr", released, STATE_READY, f.now_ms - 3600000, 1 });
	ck_assert_uint_eq(page(NORTH_SYSTEM, query), 0);
	ck_assert(!more());
}
END_TEST

START_TEST(what_it_cannot_read_is_refused)
{
	static const char *const bad[] = {
		"?agrement=pnr",
		"?agreement",
		"?agreement=",
		"?agreement=a/b",
		"?agreement=%41",
		"?state=lost",
		"?state=",
		"?outcome=maybe",
		"?since=yesterday",
		"?since=2026-01-01",
		"?until=%zz",
		"?until=%3",
		"?until=%00",
		"?before=0",
		"?before=x",
		"?before=-1",
		"?limit=0",
		"?limit=201",
		"?limit=1&limit=2",
		"?&",
		"?state=queued&&limit=1",
		"?before=99999999999999999999",
		"?agreement=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	char target[200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(target, sizeof target, "/v1/exchanges%s", bad[i]);
		ck_assert_msg(got(NORTH_SYSTEM, target) == 400, "%s", bad[i]);
		is_problem(400, "bad-query");
	}
	ck_assert_uint_eq(page(NORTH_SYSTEM, "?"), 0);
}
END_TEST

TCase *make_exchange_list_case(void)
{
	TCase *c = tcase_create("exchange_list");

	tcase_add_checked_fixture(c, set_up, worker_close);
	tcase_add_test(c, what_was_sent_is_shown_with_its_key);
	tcase_add_test(c, what_others_sent_is_not);
	tcase_add_test(c, what_another_agency_sent_under_the_same_id_is_not);
	tcase_add_test(c, filters_hold_together);
	tcase_add_test(c, pages_follow_each_other);
	tcase_add_test(c, a_page_may_be_empty_and_have_more);
	tcase_add_test(c, what_is_older_ends_it);
	tcase_add_test(c, what_it_cannot_read_is_refused);
	return c;
}
