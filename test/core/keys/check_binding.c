/* Which store and which key folder belong together: every pair of ids that there can be, and what a crash leaves between the
 * two writes. */
#include "gatewayd/core/keys/binding.h"

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "test/core/store_fixture.h"

static struct keystore *k;
static const struct uuid none;

/* As a build without ids made them. */
static void setup_old(void)
{
	setup();
	OK((k = keystore_open(scratch_file(&dir, "keys"), true, e)) != NULL);
	OK(keystore_name(k, &none, e));
}

static void teardown_both(void)
{
	keystore_close(k);
	teardown();
}

static bool check(struct binding *b, struct error *e)
{
	return binding_check(s, k, "STORE", "KEYS", b, e);
}

static bool refused(void)
{
	struct error e = { .reason = REASON_NONE };
	struct binding b;

	return !check(&b, &e) && e.reason == REASON_CONFIG && strcmp(e.where, "KEYS") == 0 && strstr(e.text, "STORE") &&
	       strstr(e.text, "belongs to another store");
}

static void put_id(const struct uuid *id, bool mark)
{
	char value[17];

	memcpy(value, id->b, 16);
	value[16] = 1;
	begin();
	OK(store_put_value(s, VIEW("keys/id"), view_make(value, 16u + mark), e));
	commit();
}

static void check_stored(const struct uuid *id, bool mark)
{
	struct view got;

	OK(store_get_value(s, VIEW("keys/id"), &got, e));
	ck_assert_uint_eq(got.n, 16u + mark);
	ck_assert_mem_eq(got.p, id->b, 16);
}

/* A payload whose key is there. */
static void put_payload(uint64_t seq)
{
	uint8_t key[32] = { 1 };
	struct store_payload p = { .seq = seq, .sealed = VIEW("sealed") };

	OK(keystore_put(k, key, &p.slot, e));
	OK(keystore_sync(k, e));
	begin();
	OK(store_put_payload(s, &p, e));
	commit();
	keystore_settle(k, true);
}

static void put_entry(void)
{
	begin();
	OK(store_put_entry(s, 0, VIEW("{}"), VIEW(""), e));
	commit();
}

/* Binds, and sees that both have the id then and at the next start. */
static void bind_both(void)
{
	struct binding b, again;

	OK(check(&b, e));
	OK(binding_make(s, k, &b, e));
	check_stored(&b.id, false);
	ck_assert_mem_eq(keystore_id(k)->b, b.id.b, 16);
	ck_assert_mem_ne(b.id.b, none.b, 16);
	OK(check(&again, e));
	ck_assert(again.in_store && again.in_keys && !again.marked);
	ck_assert_mem_eq(again.id.b, b.id.b, 16);
}

START_TEST(a_new_folder_and_a_new_store_are_bound)
{
	struct uuid made = { .b = { 5, 5 } };

	OK(keystore_name(k, &made, e));
	bind_both();
	check_stored(&made, false);
}
END_TEST

START_TEST(both_of_an_older_build_get_an_id)
{
	put_entry();
	put_payload(1);
	bind_both();
}
END_TEST

START_TEST(checking_changes_neither)
{
	struct binding b;
	struct view got;

	OK(check(&b, e));
	ck_assert_mem_eq(keystore_id(k)->b, none.b, 16);
	REFUSED(REASON_NOT_FOUND, store_get_value(s, VIEW("keys/id"), &got, e));
}
END_TEST

START_TEST(strangers_are_refused)
{
	struct uuid a = { .b = { 1 } }, b = { .b = { 2 } };

	put_id(&a, false);
	OK(keystore_name(k, &b, e));
	ck_assert(refused());
	/* Also while one of them was being bound to a third. */
	put_id(&a, true);
	ck_assert(refused());
	check_stored(&a, true);
	ck_assert_mem_eq(keystore_id(k)->b, b.b, 16);
}
END_TEST

START_TEST(a_store_without_an_id_takes_over_only_what_fits)
{
	struct uuid id = { .b = { 1 } };

	OK(keystore_name(k, &id, e));
	/* A store that was used, and no payload that could tell. */
	put_entry();
	ck_assert(refused());
	put_payload(1);
	struct binding b;
	OK(check(&b, e));
	ck_assert(!b.in_store && b.in_keys);
	/* One that names a slot without a key. */
	struct store_payload p = { .seq = 2, .slot = 77, .sealed = VIEW("sealed") };
	begin();
	OK(store_put_payload(s, &p, e));
	commit();
	ck_assert(refused());
}
END_TEST

START_TEST(a_folder_without_an_id_is_taken_over_only_when_it_fits)
{
	struct uuid id = { .b = { 1 } };

	put_id(&id, false);
	put_entry();
	ck_assert(refused());
	put_payload(1);
	bind_both();
	check_stored(&id, false);
}
END_TEST

START_TEST(a_crash_between_the_writes_is_ended)
{
	struct uuid id = { .b = { 9 } };

	/* Before the slot file has it; the store was used, and has no payload. */
	put_entry();
	put_id(&id, true);
	struct binding b;
	OK(check(&b, e));
	ck_assert(b.in_store && b.marked && !b.in_keys);
	bind_both();
	check_stored(&id, false);
	/* After, with the mark still there. */
	put_id(&id, true);
	bind_both();
	check_stored(&id, false);
}
END_TEST

START_TEST(a_damaged_id_is_no_id)
{
	struct binding b;

	begin();
	OK(store_put_value(s, VIEW("keys/id"), VIEW("short"), e));
	commit();
	REFUSED(REASON_TAMPERED, check(&b, e));
}
END_TEST

TCase *make_binding_case(void);
TCase *make_binding_case(void)
{
	TCase *c = tcase_create("binding");

	tcase_add_checked_fixture(c, setup_old, teardown_both);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_new_folder_and_a_new_store_are_bound);
	tcase_add_test(c, both_of_an_older_build_get_an_id);
	tcase_add_test(c, checking_changes_neither);
	tcase_add_test(c, strangers_are_refused);
	tcase_add_test(c, a_store_without_an_id_takes_over_only_what_fits);
	tcase_add_test(c, a_folder_without_an_id_is_taken_over_only_when_it_fits);
	tcase_add_test(c, a_crash_between_the_writes_is_ended);
	tcase_add_test(c, a_damaged_id_is_no_id);
	return c;
}
