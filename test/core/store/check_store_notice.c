/* The store's notices: those that wait and their order, how they ended, and what was taken. */
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/rest.h"
#include "test/core/store_fixture.h"

struct seen {
	unsigned n;
	uint64_t ids[8];
	char text[400];
};

static bool note(void *arg, const struct store_notice *n)
{
	struct seen *seen = arg;

	ck_assert_uint_lt(seen->n, 8);
	seen->ids[seen->n++] = n->id;
	return true;
}

static bool note_end(void *arg, const struct store_notice_end *n)
{
	struct seen *seen = arg;
	size_t at = strlen(seen->text);

	seen->n++;
	snprintf(seen->text + at, sizeof seen->text - at, "%s>%.*s:%d+%d:%.*s:%.*s ", notice_kind_name(n->kind),
	         VIEW_ARG(n->recipient), (int)(n->made_ms - T0), (int)(n->ended_ms - T0), VIEW_ARG(n->error),
	         VIEW_ARG(n->receipt));
	return true;
}

static bool note_taken(void *arg, const struct store_notice_taken *t)
{
	struct seen *seen = arg;
	size_t at = strlen(seen->text);

	seen->n++;
	snprintf(seen->text + at, sizeof seen->text - at, "%s:%d:%.*s ", notice_kind_name(t->kind), (int)t->entry,
	         VIEW_ARG(t->proof));
	return true;
}

static struct store_notice make(uint64_t seq, enum notice_kind kind, const char *recipient, int64_t next_ms)
{
	struct store_notice n = { .seq = seq,
		                  .kind = kind,
		                  .recipient = view_of(recipient),
		                  .entry = 7,
		                  .body = VIEW("{\"why\":\"made up\"}"),
		                  .made_ms = T0,
		                  .next_ms = next_ms };

	return n;
}

static uint64_t put(uint64_t seq, enum notice_kind kind, const char *recipient, int64_t next_ms)
{
	struct store_notice n = make(seq, kind, recipient, next_ms);

	OK(store_put_notice(s, &n, e));
	return n.id;
}

static struct seen due(int64_t now_ms, unsigned max)
{
	struct seen seen = { .n = 0 };
	struct error none = { .reason = REASON_NONE };

	for (struct view to = VIEW(""); store_next_notice_recipient(s, to, &to, &none);) {
		struct store_ask ask = {
			.recipient = to, .now_ms = now_ms, .before_ms = INT64_MAX, .shares = 1, .max = max
		};
		OK(store_due_notices(s, &ask, note, &seen, e));
	}
	return seen;
}

START_TEST(every_kind_has_a_name)
{
	for (int k = 0; k < NOTICE_KINDS; k++) {
		ck_assert_str_ne(notice_kind_name((enum notice_kind)k), "unknown");
		for (int o = 0; o < k; o++)
			ck_assert_str_ne(notice_kind_name((enum notice_kind)k), notice_kind_name((enum notice_kind)o));
	}
}
END_TEST

START_TEST(what_was_put_is_there_after_a_restart)
{
	struct store_notice n;
	struct store_counts counts;

	begin();
	uint64_t id = put(3, NOTICE_RETURN, "south", T0 + 5);
	OK(store_retry_notice(s, id, T0 + 50, VIEW("unreachable"), e));
	commit();
	reopen();
	OK(store_get_notice(s, id, &n, e));
	ck_assert(n.id == id && n.seq == 3 && n.kind == NOTICE_RETURN && n.entry == 7 && n.attempts == 1);
	ck_assert(n.made_ms == T0 && n.next_ms == T0 + 50);
	ck_assert(view_is(n.recipient, "south") && view_is(n.body, "{\"why\":\"made up\"}") &&
	          view_is(n.last_error, "unreachable"));
	OK(store_count(s, &counts, e));
	ck_assert_uint_eq(counts.notices, 1);
}
END_TEST

START_TEST(of_one_exchange_and_recipient_the_oldest_is_due)
{
	struct seen seen;

	begin();
	uint64_t hold = put(1, NOTICE_HOLD, "south", T0 + 100);
	uint64_t lift = put(1, NOTICE_LIFT, "south", T0);
	uint64_t east = put(1, NOTICE_HOLD, "east", T0 + 10);
	uint64_t other = put(2, NOTICE_RECALL, "south", T0 + 20);
	commit();
	ck_assert_uint_eq(due(T0 - 1, 9).n, 0);
	seen = due(T0 + 20, 9);
	ck_assert(seen.n == 2 && seen.ids[0] == east && seen.ids[1] == other);
	seen = due(T0 + 20, 1); /* of each recipient */
	ck_assert(seen.n == 2 && seen.ids[0] == east && seen.ids[1] == other);
	seen = due(T0 + 100, 9);
	ck_assert(seen.n == 3 && seen.ids[2] == hold);
	begin();
	OK(store_drop_notice(s, hold, T0 + 101, VIEW(""), VIEW("r"), e));
	commit();
	seen = due(T0 + 5, 9);
	ck_assert(seen.n == 1 && seen.ids[0] == lift);
	seen = (struct seen){ .n = 0 };
	OK(store_list_notices(s, lift, 9, note, &seen, e));
	ck_assert(seen.n == 2 && seen.ids[0] == east && seen.ids[1] == other);
	seen = (struct seen){ .n = 0 };
	OK(store_list_notices_of(s, 1, note, &seen, e));
	ck_assert(seen.n == 2 && seen.ids[0] == lift && seen.ids[1] == east);
}
END_TEST

START_TEST(how_it_ended_is_kept)
{
	struct store_notice n;
	struct seen seen = { .n = 0 };

	begin();
	uint64_t first = put(1, NOTICE_RECALL, "south", T0), second = put(1, NOTICE_HOLD, "south", T0);
	uint64_t third = put(2, NOTICE_HOLD, "east", T0);
	OK(store_drop_notice(s, second, T0 + 2, VIEW("not-found"), VIEW(""), e));
	OK(store_drop_notice(s, first, T0 + 1, VIEW(""), VIEW("proof"), e));
	REFUSED(REASON_NOT_FOUND, store_drop_notice(s, first, T0 + 3, VIEW("again"), VIEW(""), e));
	REFUSED(REASON_NOT_FOUND, store_retry_notice(s, second, T0 + 3, VIEW("again"), e));
	commit();
	REFUSED(REASON_NOT_FOUND, store_get_notice(s, first, &n, e));
	OK(store_list_notice_ends(s, 1, note_end, &seen, e));
	ck_assert_str_eq(seen.text, "recall>south:0+1::proof hold>south:0+2:not-found: ");
	begin();
	OK(store_drop_notice(s, third, T0 + 9, VIEW(""), VIEW("p"), e));
	commit();
	reopen();
	begin();
	/* Numbers are never used again, also not those of notices that ended. */
	ck_assert_uint_eq(put(4, NOTICE_LIFT, "south", T0), third + 1);
	commit();
}
END_TEST

START_TEST(taken_once)
{
	struct store_notice_taken t = { .seq = 1,
		                        .digest = { .b = { 9 } },
		                        .kind = NOTICE_RECEIPT,
		                        .entry = 30,
		                        .taken_ms = T0,
		                        .proof = VIEW("one") },
	                          found;
	struct digest other = { .b = { 8 } };
	struct seen seen = { .n = 0 };
	uint64_t n;

	begin();
	OK(store_put_notice_taken(s, &t, e));
	REFUSED(REASON_STORE, store_put_notice_taken(s, &t, e));
	t.seq = 2;
	OK(store_put_notice_taken(s, &t, e));
	t = (struct store_notice_taken){
		.seq = 1, .digest = other, .kind = NOTICE_HOLD, .entry = 20, .taken_ms = T0 + 1, .proof = VIEW("two")
	};
	OK(store_put_notice_taken(s, &t, e));
	commit();
	OK(store_get_notice_taken(s, 1, &other, &found, e));
	ck_assert(found.kind == NOTICE_HOLD && found.entry == 20 && found.taken_ms == T0 + 1 && found.seq == 1);
	ck_assert(digest_eq(&found.digest, &other) && view_is(found.proof, "two"));
	REFUSED(REASON_NOT_FOUND, store_get_notice_taken(s, 2, &other, &found, e));
	OK(store_count_notices_taken(s, 1, &n, e));
	ck_assert_uint_eq(n, 2);
	OK(store_list_notices_taken(s, 1, note_taken, &seen, e));
	ck_assert_str_eq(seen.text, "hold:20:two receipt:30:one ");
}
END_TEST

START_TEST(nothing_is_written_outside_a_transaction)
{
	struct store_notice n = make(1, NOTICE_HOLD, "south", T0);
	struct store_notice_taken t = { .seq = 1, .proof = VIEW("") };

	REFUSED(REASON_STORE, store_put_notice(s, &n, e));
	REFUSED(REASON_STORE, store_retry_notice(s, 1, T0, VIEW(""), e));
	REFUSED(REASON_STORE, store_drop_notice(s, 1, T0, VIEW(""), VIEW(""), e));
	REFUSED(REASON_STORE, store_put_notice_taken(s, &t, e));
}
END_TEST

TCase *make_store_notice_case(void);
TCase *make_store_notice_case(void)
{
	TCase *c = tcase_create("store_notice");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, every_kind_has_a_name);
	tcase_add_test(c, what_was_put_is_there_after_a_restart);
	tcase_add_test(c, of_one_exchange_and_recipient_the_oldest_is_due);
	tcase_add_test(c, how_it_ended_is_kept);
	tcase_add_test(c, taken_once);
	tcase_add_test(c, nothing_is_written_outside_a_transaction);
	return c;
}
