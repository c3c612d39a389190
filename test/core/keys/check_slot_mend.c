/* A file of key slots that was lost, cut or damaged is mended, and nothing else is touched. */
#include "gatewayd/core/keys/keystore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "test/core/scratch.h"

static struct scratch_dir dir;
static const struct uuid id = { { 7, 7, 7 } };

static const char *keys(void)
{
	return scratch_file(&dir, "keys");
}

/* A folder with one key. */
static uint32_t make_folder(void)
{
	uint8_t key[32] = { 1, 2, 3 };
	struct keystore *k = NULL;
	uint32_t slot = 0;

	OK((k = keystore_open(keys(), true, e)) != NULL);
	OK(keystore_name(k, &id, e));
	OK(keystore_put(k, key, &slot, e));
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	keystore_close(k);
	return slot;
}

static void setup(void)
{
	dir = scratch_new();
}

static void teardown(void)
{
	scratch_remove(&dir);
}

static enum reason get(uint32_t slot, uint32_t *size, uint32_t *generation)
{
	struct error why = { .reason = REASON_NONE };
	struct keystore *k = NULL;
	uint8_t key[32];

	OK((k = keystore_open(keys(), false, e)) != NULL);
	ck_assert_mem_eq(keystore_id(k)->b, id.b, sizeof id.b);
	*size = keystore_size(k);
	*generation = keystore_generation(k);
	(void)!keystore_get(k, slot, key, &why);
	keystore_close(k);
	return why.reason;
}

static void mend(bool want_kept, uint32_t slots)
{
	bool kept = !want_kept;

	OK(keystore_mend(keys(), &id, slots, &kept, e));
	ck_assert(kept == want_kept);
}

START_TEST(one_that_was_cut_keeps_what_it_has)
{
	uint32_t slot = make_folder(), size, generation;

	ck_assert_int_eq(truncate(scratch_file(&dir, "keys/slots"), 64 * 5), 0);
	mend(true, 100);
	ck_assert_int_eq(get(slot, &size, &generation), REASON_NONE);
	ck_assert_uint_ge(size, 100);
	ck_assert_uint_eq(generation, 1);
	ck_assert_int_eq(get(50, &size, &generation), REASON_NOT_FOUND);
	bool kept;
	REFUSED(REASON_CONFIG, keystore_mend(keys(), &id, 100, &kept, e));
}
END_TEST

/* In the midst of a slot: that one is lost, whether or not the store names as many. */
START_TEST(one_that_was_cut_within_a_slot)
{
	uint32_t slot = make_folder(), size, generation;

	ck_assert_int_eq(truncate(scratch_file(&dir, "keys/slots"), 64 * 5 + 20), 0);
	mend(true, 0);
	ck_assert_int_eq(get(slot, &size, &generation), REASON_NONE);
	ck_assert_uint_gt(size, 4);
	/* With more left than a new file has. */
	ck_assert_int_eq(truncate(scratch_file(&dir, "keys/slots"), INT64_C(64) * 20000 + 20), 0);
	mend(true, 100);
	ck_assert_int_eq(get(slot, &size, &generation), REASON_NONE);
	ck_assert_uint_eq(size, 20000);
	ck_assert_int_eq(get(19999, &size, &generation), REASON_NOT_FOUND);
}
END_TEST

static void lose_file(void)
{
	ck_assert_int_eq(unlink(scratch_file(&dir, "keys/slots")), 0);
}

static void lose_head(void)
{
	ck_assert_int_eq(truncate(scratch_file(&dir, "keys/slots"), 20), 0);
}

static void damage_head(void)
{
	int fd = open(scratch_file(&dir, "keys/slots"), O_WRONLY);

	ck_assert_int_eq(pwrite(fd, "nothing", 7, 0), 7);
	close(fd);
}

static void lose_master(void)
{
	ck_assert_int_eq(unlink(scratch_file(&dir, "keys/master.1.key")), 0);
}

static void change_master(void)
{
	lose_master();
	scratch_write(scratch_file(&dir, "keys/master.1.key"),
	              VIEW("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"));
	ck_assert_int_eq(chmod(scratch_file(&dir, "keys/master.1.key"), 0600), 0);
}

static void (*const losses[])(void) = { lose_file, lose_head, damage_head, lose_master, change_master };

START_TEST(one_that_is_lost_is_made_anew_and_no_old_key_stays)
{
	uint32_t slot = make_folder(), size, generation;
	struct error why = { .reason = REASON_NONE };

	losses[_i]();
	ck_assert(keystore_open(keys(), false, &why) == NULL);
	ck_assert_int_eq(why.reason, REASON_CONFIG);
	ck_assert_msg(strstr(why.text, "gatewayctl keys new-slots") != NULL, "%s", why.text);
	mend(false, 10);
	ck_assert_int_eq(get(slot, &size, &generation), REASON_NOT_FOUND);
	ck_assert_uint_ge(size, 10);
	ck_assert(access(scratch_file(&dir, "keys/master.1.key"), F_OK) != 0 || generation == 1);
	ck_assert(access(scratch_file(&dir, "keys/slots.new"), F_OK) != 0);
}
END_TEST

/* Of what else lies in the folder nothing is a master key. */
START_TEST(files_with_other_names_stay)
{
	static const char *const names[] = { "keys/master.key", "keys/master.1.old", "keys/master.one.key",
		                             "keys/other" };

	make_folder();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		scratch_write(scratch_file(&dir, names[i]), VIEW("mine"));
	lose_file();
	mend(false, 10);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert(scratch_holds(scratch_file(&dir, names[i]), "mine", 4));
	ck_assert(access(scratch_file(&dir, "keys/master.1.key"), F_OK) != 0);
	ck_assert(access(scratch_file(&dir, "keys/master.2.key"), F_OK) == 0);
}
END_TEST

/* What is only out of reach is not lost. */
START_TEST(nothing_is_made_anew_where_nothing_is_missing)
{
	struct keystore *k = NULL;
	bool kept;

	make_folder();
	ck_assert_int_eq(chmod(scratch_file(&dir, "keys/master.1.key"), 0644), 0);
	REFUSED(REASON_CONFIG, keystore_mend(keys(), &id, 1, &kept, e));
	ck_assert_int_eq(chmod(scratch_file(&dir, "keys/master.1.key"), 0600), 0);
	OK((k = keystore_open(keys(), false, e)) != NULL);
	REFUSED(REASON_UNAVAILABLE, keystore_mend(keys(), &id, 1 << 20, &kept, e));
	keystore_close(k);
	REFUSED(REASON_CONFIG, keystore_mend(keys(), &id, 1, &kept, e));
}
END_TEST

TCase *make_slot_mend_case(void);
TCase *make_slot_mend_case(void)
{
	TCase *tc = tcase_create("slot_mend");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_that_was_cut_keeps_what_it_has);
	tcase_add_loop_test(tc, one_that_is_lost_is_made_anew_and_no_old_key_stays, 0,
	                    (int)(sizeof losses / sizeof *losses));
	tcase_add_test(tc, one_that_was_cut_within_a_slot);
	tcase_add_test(tc, files_with_other_names_stay);
	tcase_add_test(tc, nothing_is_made_anew_where_nothing_is_missing);
	return tc;
}
