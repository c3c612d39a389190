/* The key store: what was put opens, what was erased does not, whatever is left of older files. */
#include "gatewayd/core/keys/slot_file_private.h"
#include "gatewayd/os/secret_file.h"
#include "test/core/keys/keystore_fixture.h"

#define SLOT_OFFSET(slot) (64 * ((off_t)(slot) + 1)) /* slot_file_private.h */

START_TEST(keys_come_back)
{
	uint32_t a = put(1), b = put(2);

	ck_assert_uint_ne(a, b);
	check_gone(a);
	commit();
	check_key(a, 1);
	check_key(b, 2);
	ck_assert_uint_eq(keystore_count(k), 2);
	reopen();
	ck_assert_uint_eq(keystore_count(k), 2);
	check_key(a, 1);
	check_key(b, 2);
	check_gone(9);
	check_gone(UINT32_MAX);
}
END_TEST

START_TEST(keys_lie_wrapped)
{
	uint8_t key[32];
	uint32_t a = put(1);

	commit();
	make_key(1, key);
	ck_assert(!scratch_holds(scratch_file(&dir, "keys/slots"), key, sizeof key));
	/* Moved to another slot it does not open. */
	uint32_t b = put(2);
	commit();
	struct view file = scratch_read(scratch_file(&dir, "keys/slots"));
	int fd = open(scratch_file(&dir, "keys/slots"), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, file.p + SLOT_OFFSET(a), 64, SLOT_OFFSET(b)), 64);
	REFUSED(REASON_CRYPTO, keystore_get(k, b, key, e));
	/* Nor with a bit changed. */
	char bit = (char)(file.p[SLOT_OFFSET(a) + 30] ^ 4);
	ck_assert_int_eq(pwrite(fd, &bit, 1, SLOT_OFFSET(a) + 30), 1);
	REFUSED(REASON_CRYPTO, keystore_get(k, a, key, e));
	close(fd);
	scratch_free(file);
}
END_TEST

START_TEST(erased_keys_are_gone)
{
	uint32_t a = put(1), b = put(2);
	char before[64], after[64];

	commit();
	int fd = open(scratch_file(&dir, "keys/slots"), O_RDONLY);
	ck_assert_int_eq(pread(fd, before, 64, SLOT_OFFSET(a)), 64);
	OK(keystore_erase(k, a, e));
	check_key(a, 1);
	commit();
	check_gone(a);
	check_key(b, 2);
	ck_assert_int_eq(pread(fd, after, 64, SLOT_OFFSET(a)), 64);
	close(fd);
	/* Nothing of nonce and sealed key is left. */
	for (unsigned i = 4; i + 8 <= 64; i++)
		ck_assert_ptr_null(memmem(after, sizeof after, before + i, 8));
	OK(keystore_erase(k, a, e));
	commit();
	REFUSED(REASON_NOT_FOUND, keystore_erase(k, UINT32_MAX, e));
	ck_assert_uint_eq(keystore_count(k), 1);
}
END_TEST

START_TEST(roll_back_before_the_sync_changes_nothing)
{
	uint32_t a = put(1);

	commit();
	uint32_t b = put(2), c = put(3);
	OK(keystore_erase(k, a, e));
	OK(keystore_erase(k, c, e));
	keystore_settle(k, false);
	ck_assert_uint_eq(keystore_count(k), 1);
	check_key(a, 1);
	check_gone(b);
	check_gone(c);
	/* The slots are free again, a is not. */
	for (unsigned i = 0; i < 20000; i++)
		ck_assert_uint_ne(put(100 + i), a);
	commit();
	check_key(a, 1);
	ck_assert_uint_eq(keystore_count(k), 20001);
}
END_TEST

START_TEST(failure_after_the_sync_uses_no_slot_again)
{
	uint32_t a = put(1), n;

	commit();
	uint32_t b = put(2), c = put(3);
	OK(keystore_erase(k, a, e));
	OK(keystore_erase(k, c, e));
	OK(keystore_sync(k, e));
	keystore_settle(k, false);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t slot = put(100 + i);
		ck_assert(slot != a && slot != b && slot != c);
	}
	commit();
	/* The erasure did not commit: its row still names the slot, and its key is there. */
	check_key(a, 1);
	OK(keystore_erase(k, a, e));
	OK(keystore_erase(k, b, e));
	commit();
	check_gone(a);
	OK(keystore_sweep(k, none_live, NULL, &n, e));
	ck_assert_uint_eq(n, 20000);
	ck_assert_uint_eq(keystore_count(k), 0);
}
END_TEST

/* Every moment of an erasure at which the power may go. */
START_TEST(no_crash_takes_a_key_that_a_row_names)
{
	uint32_t a = put(1), n;

	commit();
	/* Before COMMIT: the row is there, and so is its key. */
	OK(keystore_erase(k, a, e));
	OK(keystore_sync(k, e));
	reopen();
	check_key(a, 1);
	OK(keystore_sweep(k, one_live, &a, &n, e));
	ck_assert_uint_eq(n, 0);
	check_key(a, 1);
	/* Between COMMIT and destruction: the row is gone, and the sweep ends what was begun. */
	OK(keystore_erase(k, a, e));
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	check_key(a, 1);
	reopen();
	OK(keystore_sweep(k, none_live, NULL, &n, e));
	ck_assert_uint_eq(n, 1);
	check_gone(a);
}
END_TEST

START_TEST(slot_is_used_again_only_when_it_is_overwritten)
{
	uint32_t a = put(1);

	commit();
	OK(keystore_erase(k, a, e));
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	for (unsigned i = 0; i < 20000; i++)
		ck_assert_uint_ne(put(100 + i), a);
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	OK(keystore_destroy(k, e));
	check_gone(a);
	bool again = false;
	for (unsigned i = 0; i < 20000 && !again; i++)
		again = put(30000 + i) == a;
	ck_assert(again);
	commit();
}
END_TEST

START_TEST(row_without_a_key_keeps_its_slot)
{
	/* An earlier build, or a disk, left a slot empty that a row still names. */
	uint32_t a = put(1), n;
	char zeros[64] = { 0 };

	commit();
	int fd = open(scratch_file(&dir, "keys/slots"), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, zeros, sizeof zeros, SLOT_OFFSET(a)), sizeof zeros);
	close(fd);
	reopen();
	OK(keystore_sweep(k, one_live, &a, &n, e));
	ck_assert_uint_eq(n, 0);
	/* Let go, it is free for others with the commit and not before. */
	OK(keystore_erase(k, a, e));
	keystore_settle(k, false);
	for (unsigned i = 0; i < 20000; i++)
		ck_assert_uint_ne(put(100 + i), a);
	commit();
	OK(keystore_erase(k, a, e));
	commit();
	bool again = false;
	for (unsigned i = 0; i < 20000 && !again; i++)
		again = put(30000 + i) == a;
	ck_assert(again);
	commit();
}
END_TEST

START_TEST(sweep_erases_orphans)
{
	uint32_t a = put(1), b = put(2), n;

	commit();
	reopen();
	OK(keystore_sweep(k, one_live, &b, &n, e));
	ck_assert_uint_eq(n, 1);
	check_gone(a);
	check_key(b, 2);
	reopen();
	ck_assert_uint_eq(keystore_count(k), 1);
}
END_TEST

START_TEST(file_grows)
{
	static uint32_t slots[40000];

	for (unsigned i = 0; i < 40000; i++)
		slots[i] = put(i);
	commit();
	for (unsigned i = 0; i < 40000; i += 100)
		check_key(slots[i], i);
	reopen();
	ck_assert_uint_eq(keystore_count(k), 40000);
	check_key(slots[39999], 39999);
}
END_TEST

/* --- opening --- */

/* Every file of the folder, one behind the other. */
static struct digest digest_of_folder(void)
{
	static const char *const names[] = { "slots", "slots.new", "master.1.key", "master.2.key", "lock" };
	struct buf all = BUF_INIT(64u << 20);
	struct digest d;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[64];
		snprintf(path, sizeof path, "keys/%s", names[i]);
		if (access(scratch_file(&dir, path), F_OK) != 0)
			continue;
		struct view text = scratch_read(scratch_file(&dir, path));
		buf_addf(&all, "%s %zu\n", names[i], text.n);
		buf_add(&all, text);
		scratch_free(text);
	}
	ck_assert(!all.failed);
	sha256(buf_view(&all), &d);
	buf_free(&all);
	return d;
}

START_TEST(opening_changes_nothing_before_the_sweep)
{
	uint32_t a = put(1), n;

	commit();
	keystore_close(k);
	/* As an interrupted rotation leaves them. */
	scratch_write(scratch_file(&dir, "keys/slots.new"), VIEW("unfinished"));
	scratch_write(scratch_file(&dir, "keys/master.2.key"), VIEW("unfinished"));
	struct digest before = digest_of_folder();
	k = open_keys(false);
	check_key(a, 1);
	keystore_close(k);
	struct digest after = digest_of_folder();
	ck_assert(digest_eq(&before, &after));
	k = open_keys(false);
	OK(keystore_sweep(k, one_live, &a, &n, e));
	ck_assert_int_ne(access(scratch_file(&dir, "keys/slots.new"), F_OK), 0);
	ck_assert_int_ne(access(scratch_file(&dir, "keys/master.2.key"), F_OK), 0);
	check_key(a, 1);
}
END_TEST

START_TEST(one_process_at_a_time)
{
	uint32_t a = put(1);

	commit();
	REFUSED(REASON_UNAVAILABLE, keystore_open(scratch_file(&dir, "keys"), false, e) != NULL);
	/* Also after the file was replaced. */
	OK(keystore_rotate(k, e));
	REFUSED(REASON_UNAVAILABLE, keystore_open(scratch_file(&dir, "keys"), false, e) != NULL);
	/* Who only reads does not ask. */
	struct keystore *reader;
	OK((reader = keystore_open_reader(scratch_file(&dir, "keys"), e)) != NULL);
	keystore_close(reader);
	reopen();
	check_key(a, 1);
}
END_TEST

START_TEST(the_id_stays)
{
	struct uuid made = *keystore_id(k), other = { .b = { 7, 7 } };
	static const struct uuid none;

	ck_assert_mem_ne(made.b, none.b, sizeof none.b);
	OK(keystore_rotate(k, e));
	ck_assert_mem_eq(keystore_id(k)->b, made.b, sizeof made.b);
	reopen();
	ck_assert_mem_eq(keystore_id(k)->b, made.b, sizeof made.b);
	OK(keystore_name(k, &other, e));
	reopen();
	ck_assert_mem_eq(keystore_id(k)->b, other.b, sizeof other.b);
}
END_TEST

START_TEST(damaged_or_missing_files_are_refused)
{
	commit();
	keystore_close(k);
	k = NULL;
	REFUSED(REASON_CONFIG, keystore_open(scratch_file(&dir, "absent"), false, e) != NULL);
	int fd = open(scratch_file(&dir, "keys/slots"), O_RDWR);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), 1);
	REFUSED(REASON_CONFIG, keystore_open(scratch_file(&dir, "keys"), true, e) != NULL);
	ck_assert_int_eq(pwrite(fd, "g", 1, 0), 1);
	close(fd);
	ck_assert_int_eq(chmod(scratch_file(&dir, "keys/master.1.key"), 0644), 0);
	REFUSED(REASON_CONFIG, keystore_open(scratch_file(&dir, "keys"), true, e) != NULL);
	ck_assert_int_eq(chmod(scratch_file(&dir, "keys/master.1.key"), 0600), 0);
	k = open_keys(false);
}
END_TEST

/* Where the path of a file in it would not be the whole path, no folder is opened or made. */
START_TEST(a_path_too_long_is_refused)
{
	const struct uuid id = { { 1 } };
	struct slot_file f;
	char path[400];
	bool kept;

	snprintf(path, sizeof path, "%s/", dir.path);
	memset(path + strlen(path), 'a', 200);
	path[strlen(dir.path) + 201] = '\0';
	REFUSED(REASON_CONFIG, keystore_open(path, true, e) != NULL);
	ck_assert_int_ne(access(path, F_OK), 0);
	REFUSED(REASON_CONFIG, keystore_open_reader(path, e) != NULL);
	REFUSED(REASON_CONFIG, keystore_mend(path, &id, 1, &kept, e));
	REFUSED(REASON_CONFIG, slot_file_lock(&f, path, e));
	slot_file_close(&f);
}
END_TEST

START_TEST(first_start_that_was_interrupted_begins_again)
{
	keystore_close(k);
	ck_assert_int_eq(unlink(scratch_file(&dir, "keys/slots")), 0);
	k = open_keys(true);
	uint32_t a = put(1);
	commit();
	check_key(a, 1);
}
END_TEST

START_TEST(secrets_are_read_with_care)
{
	const char *path = scratch_file(&dir, "secret");
	struct secret s = { .n = 4, .b = { 1, 2, 3, 0xff } }, got = { .n = 0 };

	OK(secret_write_new(path, &s, e));
	REFUSED(REASON_IO, secret_write_new(path, &s, e));
	OK(secret_read(path, 0, &got, e));
	ck_assert_uint_eq(got.n, 4);
	ck_assert_mem_eq(got.b, s.b, 4);
	OK(secret_read(path, 4, &got, e));
	REFUSED(REASON_CONFIG, secret_read(path, 32, &got, e));
	REFUSED(REASON_CONFIG, secret_read(scratch_file(&dir, "absent"), 0, &got, e));
	REFUSED(REASON_CONFIG, secret_read(dir.path, 0, &got, e));
	ck_assert_int_eq(chmod(path, 0604), 0);
	REFUSED(REASON_CONFIG, secret_read(path, 0, &got, e));
	ck_assert_int_eq(chmod(path, 0620), 0);
	REFUSED(REASON_CONFIG, secret_read(path, 0, &got, e));
	ck_assert_int_eq(chmod(path, 0600), 0);
	scratch_write(path, VIEW("xyz\n"));
	REFUSED(REASON_CONFIG, secret_read(path, 0, &got, e));
	scratch_write(path, VIEW(""));
	REFUSED(REASON_CONFIG, secret_read(path, 0, &got, e));
	scratch_write(path, VIEW("0102\n0304\n"));
	REFUSED(REASON_CONFIG, secret_read(path, 0, &got, e));
	scratch_write(path, VIEW("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	                         "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n"));
	REFUSED(REASON_CONFIG, secret_read(path, 0, &got, e));
	scratch_write(path, VIEW("0aff"));
	OK(secret_read(path, 2, &got, e));
	ck_assert(got.b[0] == 0x0a && got.b[1] == 0xff);
}
END_TEST

TCase *make_keystore_case(void);
TCase *make_keystore_case(void)
{
	TCase *c = tcase_create("keystore");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, keys_come_back);
	tcase_add_test(c, keys_lie_wrapped);
	tcase_add_test(c, erased_keys_are_gone);
	tcase_add_test(c, roll_back_before_the_sync_changes_nothing);
	tcase_add_test(c, failure_after_the_sync_uses_no_slot_again);
	tcase_add_test(c, no_crash_takes_a_key_that_a_row_names);
	tcase_add_test(c, slot_is_used_again_only_when_it_is_overwritten);
	tcase_add_test(c, row_without_a_key_keeps_its_slot);
	tcase_add_test(c, sweep_erases_orphans);
	tcase_add_test(c, file_grows);
	tcase_add_test(c, opening_changes_nothing_before_the_sweep);
	tcase_add_test(c, one_process_at_a_time);
	tcase_add_test(c, the_id_stays);
	tcase_add_test(c, damaged_or_missing_files_are_refused);
	tcase_add_test(c, a_path_too_long_is_refused);
	tcase_add_test(c, first_start_that_was_interrupted_begins_again);
	tcase_add_test(c, secrets_are_read_with_care);
	return c;
}
