/* The inbox of this agency's system: what is fetched, what is withheld, and what an acknowledgement does. */
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/os/instant.h"
#include "test/core/worker_fixture.h"

TCase *make_inbox_case(void);

static struct exchange *received;
static struct store_exchange row;

static void set_up(void)
{
	struct submission s;

	worker_open();
	s = submission_by(SOUTH_SYSTEM, "pnr");
	received = sent(&s, released_text());
	row = row_of(received);
	ck_assert_int_eq(row.state, STATE_READY);
}

static void tear_down(void)
{
	exchange_recycle(received);
	worker_close();
}

static json_t *items(void)
{
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox"), 200);
	return json_object_get(answer_doc(), "items");
}

static unsigned long long first_item(void)
{
	return (unsigned long long)json_integer_value(json_object_get(json_array_get(items(), 0), "id"));
}

static int ack(unsigned long long item, const char *body)
{
	char path[80];

	snprintf(path, sizeof path, "/v1/inbox/%llu/ack", item);
	return posted(NORTH_SYSTEM, path, view_of(body));
}

static void is_fault(const char *pointer)
{
	json_t *first = json_array_get(json_object_get(answer_doc(), "errors"), 0);

	ck_assert_int_eq(answer_seen.status, 422);
	ck_assert_pstr_eq(core_member(first, "pointer"), pointer);
}

static bool restrict_it(void *arg, const struct act *a, struct error *e)
{
	struct store_hold h = { .seq = row.seq,
		                .kind = *(enum hold_kind *)arg,
		                .from_ms = a->now_ms,
		                .until_ms = a->now_ms + DAY_MS,
		                .statement = { .b = { 3 } },
		                .signer = VIEW("north-officer"),
		                .role = VIEW("officer") };
	bool fresh;

	return store_put_hold(a->store, &h, &fresh, e);
}

static void hold_it(enum hold_kind kind)
{
	struct core_job j = core_act(&f, restrict_it, &kind);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

START_TEST(a_record_is_fetched_and_that_is_logged)
{
	json_t *one = json_array_get(items(), 0);
	char id[UUID_TEXT + 1];

	uuid_print(&received->decided.id, id);
	ck_assert_str_eq(core_member(one, "kind"), "record");
	ck_assert_str_eq(core_member(one, "exchange"), id);
	ck_assert_uint_eq(strlen(core_member(one, "salt")), 32);
	ck_assert(json_is_object(json_object_get(one, "record")));
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "consultation");
	ck_assert_str_eq(core_member(entry, "note"), "record fetched");
	json_decref(entry);
	/* It stays until it is acknowledged; after its number there is nothing. */
	ck_assert_uint_eq(json_array_size(items()), 1);
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/inbox?after=99"), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "items")), 0);
	got(NORTH_SYSTEM, "/v1/inbox?after=x");
	is_problem(400, "bad-query");
}
END_TEST

START_TEST(the_record_may_be_read_by_its_exchange)
{
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&received->decided.id, "/record")), 200);
	ck_assert(buf_holds(&answer_seen.body, "travellers"));
	got(SOUTH_SYSTEM, exchange_path(&received->decided.id, "/record"));
	is_problem(404, "not-found");
}
END_TEST

START_TEST(inboxes_are_this_agencys_own)
{
	got(SOUTH_SYSTEM, "/v1/inbox");
	is_problem(403, "role-denied");
	posted(SOUTH_SYSTEM, "/v1/inbox/1/ack", VIEW("{}"));
	is_problem(403, "role-denied");
}
END_TEST

START_TEST(an_acknowledged_record_is_erased)
{
	unsigned long long item = first_item();

	ck_assert_int_eq(ack(item, "{\"reference\":\"case 1\"}"), 200);
	ck_assert(json_is_true(json_object_get(answer_doc(), "first")));
	ck_assert_int_eq(row_of(received).state, STATE_FETCHED);
	ck_assert(!is_sealed(row.seq));
	ck_assert_uint_eq(json_array_size(items()), 0);
	got(NORTH_SYSTEM, exchange_path(&received->decided.id, "/record"));
	is_problem(404, "not-found");
	/* Again: the same, not first. */
	ck_assert_int_eq(ack(item, "{}"), 200);
	ck_assert(json_is_false(json_object_get(answer_doc(), "first")));
}
END_TEST

START_TEST(what_is_no_acknowledgement)
{
	static const struct {
		const char *body;
		int status;
		const char *slug;
	} wrong[] = { { "{", 400, "bad-json" },
		      { "[]", 400, "bad-json" },
		      { "{\"more\":1}", 422, "duty-answer-invalid" },
		      { "{\"reference\":1}", 422, "duty-answer-invalid" },
		      { "{\"reference\":\"\"}", 422, "duty-answer-invalid" },
		      { "{\"until\":\"soon\"}", 422, "duty-answer-invalid" } };
	unsigned long long item = first_item();

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ack(item, wrong[i].body);
		is_problem(wrong[i].status, wrong[i].slug);
	}
	ack(item, "{\"result\":\"erased\"}");
	is_fault("/result");
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "refusal");
	json_decref(entry);
	ack(99, "{}");
	is_problem(404, "not-found");
	ack(0, "{}");
	is_problem(404, "not-found");
	ck_assert_int_eq(row_of(received).state, STATE_READY);
	ck_assert(is_sealed(row.seq));
}
END_TEST

static bool unprove_it(void *arg, const struct act *a, struct error *e)
{
	struct store_unproved u = { .seq = row.seq, .origin = VIEW("gw.south.example/audit/gw1/1"), .size = 7 };

	return store_put_unproved(a->store, &u, e) &&
	       (!*(bool *)arg || store_set_forked(a->store, u.origin, u.size, e));
}

/* On a machine that stood still for that long, what is not proved is handed out late before anything was looked at. */
static bool wait_is_over(void)
{
	return instant_now_ms() >= row.received_ms + SIGHT_WAIT_MS;
}

/* It came under a checkpoint that is not proved, or that is found to be of another history. */
START_TEST(what_is_not_proved_cannot_be_acknowledged)
{
	unsigned long long item = first_item();
	bool forked = _i == 1;

	struct core_job j = core_act(&f, unprove_it, &forked);
	ck_assert_msg(j.committed, "%s", j.error.text);
	json_t *list = items();
	if (!forked && wait_is_over())
		return;
	ck_assert_uint_eq(json_array_size(list), forked ? 1 : 0);
	ck_assert_int_eq(json_is_true(json_object_get(answer_doc(), "unproved")), !forked);
	ack(item, "{}");
	if (!forked && wait_is_over())
		return;
	if (forked)
		is_problem(403, "receipt-invalid");
	else
		is_problem(503, "unavailable");
	ck_assert_int_eq(row_of(received).state, STATE_READY);
	ck_assert(is_sealed(row.seq));
}
END_TEST

START_TEST(what_is_restricted_is_neither_shown_nor_taken)
{
	unsigned long long item = first_item();

	hold_it(HOLD_RESTRICTION);
	json_t *one = json_array_get(items(), 0);
	ck_assert(json_is_true(json_object_get(one, "restricted")));
	ck_assert_ptr_null(json_object_get(one, "record"));
	ack(item, "{}");
	is_problem(403, "under-challenge");
	got(NORTH_SYSTEM, exchange_path(&received->decided.id, "/record"));
	is_problem(403, "under-challenge");
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&received->decided.id, "")), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "holds")), 1);
	ck_assert(is_sealed(row.seq));
}
END_TEST

/* --- duties --- */

static int recall(enum core_partner who, const char *body)
{
	return posted(who, exchange_path(&received->decided.id, "/recall"), view_of(body));
}

START_TEST(a_recall_becomes_a_duty_and_its_answer_ends_it)
{
	ck_assert_int_eq(ack(first_item(), "{}"), 200);
	ck_assert_int_eq(recall(SOUTH_SYSTEM, "{\"why\":\"sent-in-error\"}"), 200);
	ck_assert(json_is_true(json_object_get(answer_doc(), "first")));
	ck_assert_str_eq(answer_member("state"), "recalled");
	json_t *one = json_array_get(items(), 0);
	ck_assert_str_eq(core_member(one, "kind"), "recall");
	ck_assert_str_eq(core_member(one, "why"), "sent-in-error");
	unsigned long long item = first_item();
	ack(item, "{\"result\":\"masked\"}");
	is_fault("/result");
	ack(item, "{\"reference\":\"case 1\"}");
	is_fault("/reference");
	ck_assert_int_eq(row_of(received).state, STATE_RECALLED);
	ck_assert_int_eq(ack(item, "{\"result\":\"erased\"}"), 200);
	ck_assert_int_eq(row_of(received).state, STATE_ENDED);
	ck_assert_uint_eq(json_array_size(items()), 0);
	/* Nothing is left of it. */
	ck_assert_int_eq(recall(SOUTH_SYSTEM, "{\"why\":\"unlawful\"}"), 200);
	ck_assert(json_is_false(json_object_get(answer_doc(), "first")));
}
END_TEST

START_TEST(a_held_duty_is_listed_without_what_it_asks)
{
	ck_assert_int_eq(ack(first_item(), "{}"), 200);
	ck_assert_int_eq(recall(SOUTH_SYSTEM, "{\"why\":\"sent-in-error\"}"), 200);
	hold_it(HOLD_LEGAL);
	json_t *one = json_array_get(items(), 0);
	ck_assert(json_is_true(json_object_get(one, "held")));
	ck_assert_ptr_null(json_object_get(one, "why"));
}
END_TEST

START_TEST(what_is_no_recall)
{
	static const char *const wrong[] = { "{",
		                             "{}",
		                             "{\"why\":\"\"}",
		                             "{\"why\":1}",
		                             "{\"why\":\"a\",\"more\":1}",
		                             "{\"why\":\"unlawful\",\"words\":\"\"}",
		                             "{\"why\":\"unlawful\",\"words\":1}" };
	const struct uuid other = { .b = { 9 } };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		recall(SOUTH_SYSTEM, wrong[i]);
		is_problem(400, "bad-json");
	}
	recall(SOUTH_SYSTEM, "{\"why\":\"sent in error\"}");
	is_problem(422, "recall-code");
	const char *codes = core_member(json_array_get(json_object_get(answer_doc(), "errors"), 0), "keyword");
	ck_assert_msg(strstr(codes, "is none of: inaccurate, ") && strstr(codes, ", let-go"), "%s", codes);
	/* The recipient's system is not told whose it is, and the attempt is in the log. */
	recall(NORTH_SYSTEM, "{\"why\":\"unlawful\",\"words\":\"a made-up tale\"}");
	is_problem(404, "not-found");
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "refusal");
	ck_assert_str_eq(core_member(entry, "note"), "recall asked for: unlawful");
	json_decref(entry);
	posted(SOUTH_SYSTEM, exchange_path(&other, "/recall"), VIEW("{\"why\":\"unlawful\"}"));
	is_problem(404, "not-found");
	posted(SOUTH_SYSTEM, "/v1/exchanges/no-id/recall", VIEW("{\"why\":\"unlawful\"}"));
	is_problem(404, "not-found");
	ck_assert_int_eq(row_of(received).state, STATE_READY);
}
END_TEST

TCase *make_inbox_case(void)
{
	TCase *c = tcase_create("inbox");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_record_is_fetched_and_that_is_logged);
	tcase_add_test(c, the_record_may_be_read_by_its_exchange);
	tcase_add_test(c, inboxes_are_this_agencys_own);
	tcase_add_test(c, an_acknowledged_record_is_erased);
	tcase_add_test(c, what_is_no_acknowledgement);
	tcase_add_loop_test(c, what_is_not_proved_cannot_be_acknowledged, 0, 2);
	tcase_add_test(c, what_is_restricted_is_neither_shown_nor_taken);
	tcase_add_test(c, a_recall_becomes_a_duty_and_its_answer_ends_it);
	tcase_add_test(c, a_held_duty_is_listed_without_what_it_asks);
	tcase_add_test(c, what_is_no_recall);
	return c;
}
