/* Key slots when memory runs out: at every allocation in turn what was asked either happens whole or not at all, and the folder opens
 * again with all keys that were committed. */
#include <check.h>

#include "gatewayd/core/keys/keystore.h"
#include "test/core/scratch.h"
#include "test/memory.h"

TCase *make_key_memory_case(void);

#define MOST 4000

static struct scratch_dir dir;

static void setup(void)
{
	dir = scratch_new();
}

static void teardown(void)
{
	fail_at = -1;
	scratch_remove(&dir);
}

static bool live(void *arg, uint32_t slot)
{
	return slot == *(uint32_t *)arg;
}

/* What a scenario came to: how far, and the slot of the key that it committed. */
struct came {
	bool committed, rotated, whole;
	uint32_t slot;
	enum reason why;
};

static const uint8_t key[32] = { 7 };

/* All that a daemon does with its keys, once; ends at the first failure. */
static struct came run(const char *folder)
{
	struct error e = { .reason = REASON_NONE };
	struct came c = { .slot = UINT32_MAX };
	struct key_grant grant;
	uint32_t swept, other;
	struct keystore *k = keystore_open(folder, true, &e);

	bool ok = k && keystore_sweep(k, live, &c.slot, &swept, &e) && keystore_fill(k, 64, &e);
	/* Less may be ready than was asked for. */
	bool taken = ok && keystore_take(k, &grant);
	ok = ok && (!taken || keystore_use(k, grant.slot, &e)) && keystore_put(k, key, &c.slot, &e) &&
	     keystore_put(k, key, &other, &e) && keystore_sync(k, &e);
	if (k && taken && !ok)
		keystore_give_back(k, grant.slot);
	if (k)
		keystore_settle(k, ok);
	c.committed = ok;
	ok = ok && keystore_erase(k, other, &e);
	if (c.committed)
		keystore_settle(k, ok);
	ok = ok && keystore_destroy(k, &e);
	c.rotated = ok && keystore_rotate(k, &e);
	if (c.rotated)
		keystore_settle(k, true);
	c.whole = c.rotated && keystore_fill(k, 64, &e);
	c.why = e.reason;
	keystore_close(k);
	return c;
}

static void opens_again(const char *folder, struct came *c)
{
	struct error e = { .reason = REASON_NONE };
	struct keystore *k = keystore_open(folder, true, &e);
	uint32_t swept;
	uint8_t have[32];

	ck_assert_msg(k != NULL, "%s", e.text);
	ck_assert_msg(keystore_sweep(k, live, &c->slot, &swept, &e), "%s", e.text);
	if (c->committed) {
		ck_assert_msg(keystore_get(k, c->slot, have, &e), "%s", e.text);
		ck_assert_mem_eq(have, key, sizeof have);
	}
	keystore_close(k);
}

START_TEST(at_every_allocation_in_turn)
{
	unsigned failed = 0, whole = 0;

	for (long n = 0; n < MOST && whole < 3 && !SANITIZER_ALLOCATES; n++) {
		char folder[400];
		unsigned long before = failed_allocations;

		snprintf(folder, sizeof folder, "%s/keys-%ld", dir.path, n);
		fail_once = true;
		fail_at = n;
		struct came c = run(folder);
		fail_at = -1;
		/* Three times it was not reached. */
		whole = failed_allocations == before ? whole + 1 : 0;
		failed += failed_allocations != before;
		ck_assert(c.whole || c.why != REASON_NONE);
		ck_assert(whole == 0 || c.whole);
		opens_again(folder, &c);
	}
	ck_assert(SANITIZER_ALLOCATES || (whole == 3 && failed > 10));
}
END_TEST

static uint32_t nobody = UINT32_MAX;

/* A folder that holds one key. */
static uint32_t make_folder(const char *folder)
{
	uint32_t slot = UINT32_MAX;
	struct keystore *k = NULL;

	OK((k = keystore_open(folder, true, e)) != NULL);
	OK(keystore_put(k, key, &slot, e) && keystore_sync(k, e));
	keystore_settle(k, true);
	keystore_close(k);
	return slot;
}

/* What is done to a folder that is there, with one call that first needs memory. */
static bool read_it(const char *folder, uint32_t slot, struct error *e)
{
	struct keystore *k = keystore_open_reader(folder, e);
	uint8_t have[32];
	bool ok = k && keystore_get(k, slot, have, e);

	keystore_close(k);
	return ok;
}

static bool sweep_it(const char *folder, uint32_t slot, struct error *e)
{
	struct keystore *k = keystore_open(folder, false, e);
	uint32_t swept;

	(void)slot;
	bool ok = k && keystore_sweep(k, live, &nobody, &swept, e);
	keystore_close(k);
	return ok;
}

static bool change_it(const char *folder, uint32_t slot, struct error *e)
{
	long at = fail_at;
	uint32_t other;

	fail_at = -1;
	struct keystore *k = keystore_open(folder, false, e);
	ck_assert_ptr_nonnull(k);
	fail_at = at;
	bool ok = slot == UINT32_MAX ? keystore_put(k, key, &other, e) : keystore_erase(k, slot, e);
	keystore_close(k);
	return ok;
}

static bool put_one(const char *folder, uint32_t slot, struct error *e)
{
	(void)slot;
	return change_it(folder, UINT32_MAX, e);
}

static bool (*const later[])(const char *folder, uint32_t slot, struct error *e) = { read_it, sweep_it, put_one,
	                                                                             change_it };

START_TEST(of_a_folder_that_is_there)
{
	unsigned failed = 0, whole = 0;

	for (long n = 0; n < MOST && whole < 3 && !SANITIZER_ALLOCATES; n++) {
		struct error e = { .reason = REASON_NONE };
		unsigned long before = failed_allocations;
		char folder[400];

		snprintf(folder, sizeof folder, "%s/keys-%ld", dir.path, n);
		uint32_t slot = make_folder(folder);
		fail_once = true;
		fail_at = n;
		bool ok = later[_i](folder, slot, &e);
		fail_at = -1;
		whole = failed_allocations == before ? whole + 1 : 0;
		failed += failed_allocations != before;
		ck_assert(ok || e.reason != REASON_NONE);
		ck_assert(whole == 0 || ok);
		struct came c = { .committed = later[_i] != sweep_it, .slot = slot };
		opens_again(folder, &c);
	}
	ck_assert(SANITIZER_ALLOCATES || (whole == 3 && failed > 0));
}
END_TEST

/* One transaction that names more slots than there is room to remember. */
START_TEST(a_slot_too_many)
{
	struct key_grant grant;
	struct keystore *k = NULL;
	uint32_t swept;
	unsigned named = 0;

	OK((k = keystore_open(scratch_file(&dir, "keys"), true, e)) != NULL);
	OK(keystore_sweep(k, live, &nobody, &swept, e));
	OK(keystore_fill(k, 1100, e));
	while (keystore_take(k, &grant)) {
		struct error why = { .reason = REASON_NONE };

		fail_once = true;
		fail_at = 0;
		bool ok = keystore_use(k, grant.slot, &why);
		fail_at = -1;
		if (!ok) {
			ck_assert_int_eq(why.reason, REASON_NO_MEMORY);
			keystore_give_back(k, grant.slot);
		}
		named += ok;
	}
	ck_assert_uint_gt(named, 0);
	ck_assert(SANITIZER_ALLOCATES || named < 1100);
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	ck_assert_uint_eq(keystore_count(k), named);
	keystore_close(k);
}
END_TEST

TCase *make_key_memory_case(void)
{
	TCase *c = tcase_create("key_memory");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, at_every_allocation_in_turn);
	tcase_add_loop_test(c, of_a_folder_that_is_there, 0, (int)(sizeof later / sizeof *later));
	tcase_add_test(c, a_slot_too_many);
	return c;
}
