/* A new master key, and those who read meanwhile. */
#include <pthread.h>
#include <stdatomic.h>

#include "gatewayd/os/secret_file.h"
#include "test/core/keys/keystore_fixture.h"

TCase *make_rotation_case(void);

START_TEST(rotation_keeps_keys_and_kills_copies)
{
	uint32_t a = put(1), b = put(2), unsynced;
	uint8_t got[32];

	commit();
	scratch_copy(scratch_file(&dir, "keys/slots"), scratch_file(&dir, "old-slots"));
	OK(keystore_erase(k, b, e));
	unsynced = put(3);
	OK(keystore_rotate(k, e));
	keystore_settle(k, true);
	OK(keystore_destroy(k, e));
	ck_assert_uint_eq(keystore_generation(k), 2);
	check_key(a, 1);
	check_gone(b);
	check_key(unsynced, 3);
	ck_assert_int_ne(access(scratch_file(&dir, "keys/master.1.key"), F_OK), 0);
	ck_assert_int_ne(access(scratch_file(&dir, "keys/slots.new"), F_OK), 0);
	reopen();
	ck_assert_uint_eq(keystore_generation(k), 2);
	check_key(a, 1);
	/* An old copy of the slots, with every key that there still is. */
	keystore_close(k);
	scratch_copy(scratch_file(&dir, "old-slots"), scratch_file(&dir, "keys/slots"));
	REFUSED(REASON_CONFIG, keystore_open(scratch_file(&dir, "keys"), true, e) != NULL);
	ck_assert_int_eq(rename(scratch_file(&dir, "keys/master.2.key"), scratch_file(&dir, "keys/master.1.key")), 0);
	REFUSED(REASON_CONFIG, keystore_open(scratch_file(&dir, "keys"), false, e) != NULL);
	/* Even with a header that claims the new master key. */
	struct digest d;
	struct secret master = { .n = 0 };
	OK(secret_read(scratch_file(&dir, "keys/master.1.key"), 32, &master, e));
	sha256(view_make(master.b, master.n), &d);
	int fd = open(scratch_file(&dir, "keys/slots"), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, d.b, 16, 16), 16);
	close(fd);
	k = open_keys(false);
	REFUSED(REASON_CRYPTO, keystore_get(k, a, got, e));
	REFUSED(REASON_CRYPTO, keystore_get(k, b, got, e));
}
END_TEST

START_TEST(interrupted_rotation_is_ended_at_start)
{
	uint32_t a = put(1), n;
	static const char *const next = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

	commit();
	/* Before the switch: the next key and half a file of slots. */
	scratch_write(scratch_file(&dir, "keys/master.2.key"), view_of(next));
	scratch_write(scratch_file(&dir, "keys/slots.new"), VIEW("gwslots1"));
	reopen();
	OK(keystore_sweep(k, one_live, &a, &n, e));
	ck_assert_uint_eq(keystore_generation(k), 1);
	check_key(a, 1);
	ck_assert_int_ne(access(scratch_file(&dir, "keys/master.2.key"), F_OK), 0);
	ck_assert_int_ne(access(scratch_file(&dir, "keys/slots.new"), F_OK), 0);
	/* After it: the last key is still there. */
	OK(keystore_rotate(k, e));
	scratch_write(scratch_file(&dir, "keys/master.1.key"), view_of(next));
	reopen();
	OK(keystore_sweep(k, one_live, &a, &n, e));
	ck_assert_uint_eq(keystore_generation(k), 2);
	check_key(a, 1);
	ck_assert_int_ne(access(scratch_file(&dir, "keys/master.1.key"), F_OK), 0);
}
END_TEST

static _Atomic bool reading;
static uint32_t shared_slot;

static void *read_all_the_time(void *arg)
{
	uint8_t key[32], got[32];
	unsigned failures = 0;

	make_key(1, key);
	while (atomic_load(&reading))
		if (!keystore_get(k, shared_slot, got, NULL) || memcmp(got, key, sizeof key) != 0)
			failures++;
	return failures ? arg : NULL;
}

START_TEST(a_reader_changes_nothing)
{
	uint32_t a = put(1), b = put(2);
	uint8_t got[32], want[32];

	commit();
	OK(keystore_erase(k, b, e));
	commit();
	check_key(a, 1);
	OK(keystore_get(k, a, want, e));
	/* As an interrupted rotation leaves them: somebody else's to clear away. */
	scratch_write(scratch_file(&dir, "keys/slots.new"), VIEW("unfinished"));
	scratch_write(scratch_file(&dir, "keys/master.2.key"), VIEW("unfinished"));
	struct view before = scratch_read(scratch_file(&dir, "keys/slots"));
	struct keystore *reader;
	OK((reader = keystore_open_reader(scratch_file(&dir, "keys"), e)) != NULL);
	OK(keystore_get(reader, a, got, e));
	ck_assert_mem_eq(got, want, sizeof got);
	REFUSED(REASON_NOT_FOUND, keystore_get(reader, b, got, e));
	ck_assert_uint_eq(keystore_generation(reader), 1);
	ck_assert_uint_eq(keystore_size(reader), before.n / 64 - 1);
	ck_assert_uint_gt(keystore_size(reader), b);
	keystore_close(reader);
	struct view after = scratch_read(scratch_file(&dir, "keys/slots"));
	ck_assert(view_eq(before, after));
	ck_assert_int_eq(access(scratch_file(&dir, "keys/slots.new"), F_OK), 0);
	ck_assert_int_eq(access(scratch_file(&dir, "keys/master.2.key"), F_OK), 0);
	scratch_free(before);
	scratch_free(after);
	REFUSED(REASON_CONFIG, keystore_open_reader(scratch_file(&dir, "none"), e) != NULL);
}
END_TEST

START_TEST(readers_go_on_during_rotation)
{
	pthread_t threads[2];
	void *failures;

	shared_slot = put(1);
	commit();
	atomic_store(&reading, true);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all_the_time, &shared_slot), 0);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t slot = put(i + 10);
		commit();
		OK(keystore_rotate(k, e));
		OK(keystore_erase(k, slot, e));
		commit();
	}
	atomic_store(&reading, false);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &failures), 0);
		ck_assert_ptr_null(failures);
	}
}
END_TEST

TCase *make_rotation_case(void)
{
	TCase *c = tcase_create("rotation");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, rotation_keeps_keys_and_kills_copies);
	tcase_add_test(c, interrupted_rotation_is_ended_at_start);
	tcase_add_test(c, a_reader_changes_nothing);
	tcase_add_test(c, readers_go_on_during_rotation);
	return c;
}
