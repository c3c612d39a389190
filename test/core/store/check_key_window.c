/* Idempotency: which exchanges are new, which were answered, and for how long a key is known. */
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/key_window.h"
#include "lib/base/datetime.h"
#include "test/core/store_fixture.h"

TCase *make_key_window_case(void);

START_TEST(key_decides_within_its_window)
{
	struct store_exchange x = make_exchange(1, "port-authority", "k-1", 7), prior;

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	ck_assert_uint_eq(x.seq, 1);
	OK(store_set_entry(s, x.seq, 42, e));
	commit();

	begin();
	struct store_exchange again = make_exchange(2, "port-authority", "k-1", 7);
	ck_assert_int_eq(accept(&again, &prior), STORE_REPLAY);
	ck_assert_uint_eq(prior.seq, 1);
	ck_assert_uint_eq(prior.entry, 42);
	ck_assert_int_eq(prior.status, 201);
	ck_assert(view_is(prior.answer, "{\"outcome\":\"released\"}"));
	ck_assert_mem_eq(&prior.id, &x.id, sizeof x.id);
	struct store_exchange other = make_exchange(3, "port-authority", "k-1", 8);
	ck_assert_int_eq(accept(&other, &prior), STORE_CONFLICT);
	/* Keys are each partner's own, and lengths keep "a" + "bc" from "ab" + "c". */
	struct store_exchange third = make_exchange(4, "port-authorityk", "-1", 7);
	ck_assert_int_eq(accept(&third, &prior), STORE_NEW);
	struct store_exchange last = make_exchange(5, "port-authority", "k-1", 7);
	last.received_ms = T0 + STORE_KEY_WINDOW_MS;
	ck_assert_int_eq(accept(&last, &prior), STORE_REPLAY);
	last.received_ms = T0 + STORE_KEY_WINDOW_MS + 1;
	ck_assert_int_eq(accept(&last, &prior), STORE_NEW);
	commit();
}
END_TEST

START_TEST(without_key_every_exchange_is_new)
{
	struct store_exchange x = make_exchange(1, "p", "", 7), y = make_exchange(2, "p", "", 7), prior;

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	ck_assert_int_eq(accept(&y, &prior), STORE_NEW);
	commit();
}
END_TEST

START_TEST(answer_to_come_means_in_use)
{
	struct store_exchange x = make_exchange(1, "p", "k", 7), again = make_exchange(2, "p", "k", 7), prior;

	x.status = 0;
	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	ck_assert_int_eq(accept(&again, &prior), STORE_IN_USE);
	again.body.b[0] = 9;
	ck_assert_int_eq(accept(&again, &prior), STORE_CONFLICT);
	OK(store_set_answer(s, x.seq, 202, VIEW("{}"), e));
	again.body.b[0] = 7;
	ck_assert_int_eq(accept(&again, &prior), STORE_REPLAY);
	ck_assert_int_eq(prior.status, 202);
	REFUSED(REASON_NOT_FOUND, store_set_answer(s, 99, 200, VIEW("{}"), e));
	commit();
}
END_TEST

START_TEST(gateways_are_known_by_origin)
{
	struct store_exchange x = make_exchange(1, "gw-north", "", 7), again = make_exchange(2, "gw-north", "", 7),
	                      prior;

	x.origin = again.origin = make_id(1000);
	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	commit();
	begin();
	again.received_ms += 400 * DAY_MS;
	ck_assert_int_eq(accept(&again, &prior), STORE_REPLAY);
	ck_assert_mem_eq(&prior.origin, &x.origin, sizeof x.origin);
	again.body.b[0] = 1;
	ck_assert_int_eq(accept(&again, &prior), STORE_CONFLICT);
	/* Another provider's exchange may have the same id. */
	again.provider = VIEW("east");
	ck_assert_int_eq(accept(&again, &prior), STORE_NEW);
	commit();
	OK(store_find_origin(s, VIEW("north"), &x.origin, &prior, e));
	ck_assert_uint_eq(prior.seq, x.seq);
	REFUSED(REASON_NOT_FOUND, store_find_origin(s, VIEW("west"), &x.origin, &prior, e));
}
END_TEST

START_TEST(rolled_back_keys_are_new_again)
{
	struct store_exchange x = make_exchange(1, "p", "k", 7), other = make_exchange(2, "p", "other", 7), prior;

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	store_rollback(s);
	begin();
	/* Takes the row number that the first had. */
	ck_assert_int_eq(accept(&other, &prior), STORE_NEW);
	ck_assert_uint_eq(other.seq, 1);
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	ck_assert_uint_eq(x.seq, 2);
	ck_assert_int_eq(accept(&x, &prior), STORE_REPLAY);
	commit();
}
END_TEST

START_TEST(window_is_rebuilt_at_start)
{
	struct store_exchange prior;
	char key[16];

	begin();
	for (unsigned i = 1; i <= 3000; i++) {
		snprintf(key, sizeof key, "key-%u", i);
		struct store_exchange x = make_exchange(i, "p", key, 7);
		x.received_ms = T0 + (int64_t)i * 60000;
		ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	}
	commit();
	reopen();
	begin();
	for (unsigned i = 3000; i > 7; i -= 7) {
		snprintf(key, sizeof key, "key-%u", i);
		struct store_exchange x = make_exchange(i + 10000, "p", key, 7);
		x.received_ms = T0 + INT64_C(3000) * 60000;
		enum store_accepted want = i >= 3000 - 24 * 60 ? STORE_REPLAY : STORE_NEW;
		ck_assert_msg(accept(&x, &prior) == want, "key %u", i);
	}
	commit();
}
END_TEST

START_TEST(window_survives_a_row_from_the_future)
{
	struct store_exchange x = make_exchange(1, "p", "k", 7), future = make_exchange(2, "p", "f", 7), prior;

	/* The wall clock must confirm it: these rows are of this minute. */
	x.received_ms = (int64_t)time(NULL) * 1000;
	future.received_ms = x.received_ms + 1000 * DAY_MS;
	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	ck_assert_int_eq(accept(&future, &prior), STORE_NEW);
	commit();
	reopen();
	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_REPLAY);
	commit();
}
END_TEST

START_TEST(window_finds_every_key)
{
	struct window w = { .length_ms = STORE_KEY_WINDOW_MS };
	int64_t now_ms = T0;

	/* Two days, so that buckets come and go; hashes collide on purpose. */
	for (uint64_t seq = 1; seq <= 200000; seq++, now_ms += 864)
		ck_assert(window_add(&w, (uint32_t)(seq % 150000), seq, now_ms));
	for (uint64_t seq = 200000 - 100000; seq <= 200000; seq++) {
		struct window_cursor c = { 0 };
		uint64_t found = 0;
		while (window_next(&w, &c, (uint32_t)(seq % 150000), &found) && found != seq)
			continue;
		ck_assert_uint_eq(found, seq);
	}
	/* What is older than the window by a bucket's length is let go. */
	ck_assert_uint_lt(window_count(&w), 120000);
	window_free(&w);
}
END_TEST

START_TEST(siphash_has_its_published_values)
{
	/* Aumasson, Bernstein, SipHash: a fast short-input PRF, appendix A: key 00..0f, input 00..0e. */
	uint8_t key[16], in[15];

	for (unsigned i = 0; i < 16; i++)
		key[i] = (uint8_t)i;
	for (unsigned i = 0; i < 15; i++)
		in[i] = (uint8_t)i;
	for (size_t cut = 0; cut <= sizeof in; cut++) {
		struct view parts[2] = { view_make(in, cut), view_make(in + cut, sizeof in - cut) };
		ck_assert_uint_eq(siphash24(key, parts, 2), UINT64_C(0xa129ca6149be45e5));
	}
}
END_TEST

TCase *make_key_window_case(void)
{
	TCase *c = tcase_create("key_window");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, key_decides_within_its_window);
	tcase_add_test(c, without_key_every_exchange_is_new);
	tcase_add_test(c, answer_to_come_means_in_use);
	tcase_add_test(c, gateways_are_known_by_origin);
	tcase_add_test(c, rolled_back_keys_are_new_again);
	tcase_add_test(c, window_is_rebuilt_at_start);
	tcase_add_test(c, window_survives_a_row_from_the_future);
	tcase_add_test(c, window_finds_every_key);
	tcase_add_test(c, siphash_has_its_published_values);
	return c;
}
