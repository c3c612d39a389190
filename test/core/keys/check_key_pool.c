/* The pool: what is ready lies on disk, is given out once, and what was given out and not used is nobody's twice. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "gatewayd/core/keys/key_lease.h"
#include "test/core/keys/keystore_fixture.h"

TCase *make_key_pool_case(void);

static atomic_uint syncs;
static atomic_bool no_sync;

/* The runner's own, in the place of the C library's. */
int fdatasync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	if (atomic_load(&no_sync)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static unsigned syncs_since(unsigned before)
{
	return atomic_load(&syncs) - before;
}

static void sweep(uint32_t live)
{
	uint32_t n;

	OK(keystore_sweep(k, one_live, &live, &n, e));
}

static struct key_grant take(void)
{
	struct key_grant g = { .slot = UINT32_MAX };

	ck_assert(keystore_take(k, &g));
	return g;
}

static void holds(const struct key_grant *g)
{
	uint8_t got[32];

	OK(keystore_get(k, g->slot, got, e));
	ck_assert_mem_eq(got, g->key, sizeof got);
}

/* Whatever lies in its slot now. */
static bool opens(const struct key_grant *g)
{
	uint8_t got[32];
	struct error none = { .reason = REASON_NONE };

	return keystore_get(k, g->slot, got, &none) && memcmp(got, g->key, sizeof got) == 0;
}

static void is_new(const struct key_grant *g, const struct key_grant *old)
{
	ck_assert_uint_ne(g->slot, old->slot);
	ck_assert_mem_ne(g->key, old->key, sizeof g->key);
}

static void fill_up(uint32_t size)
{
	sweep(UINT32_MAX);
	OK(keystore_fill(k, size, e));
	ck_assert_uint_eq(keystore_ready(k), size);
}

START_TEST(what_is_ready_is_on_disk_and_given_out_once)
{
	static struct key_grant got[KEYSTORE_POOL];
	struct key_grant none;

	fill_up(KEYSTORE_POOL);
	for (unsigned i = 0; i < KEYSTORE_POOL; i++) {
		got[i] = take();
		holds(&got[i]);
		for (unsigned before = i > 100 ? i - 100 : 0; before < i; before++)
			is_new(&got[i], &got[before]);
	}
	ck_assert(!keystore_take(k, &none));
	ck_assert_uint_eq(keystore_count(k), 0);
	/* All of them are somebody's: the next ones have other slots. */
	OK(keystore_fill(k, KEYSTORE_POOL, e));
	uint32_t first = UINT32_MAX, last = 0;
	for (unsigned i = 0; i < KEYSTORE_POOL; i++) {
		first = got[i].slot < first ? got[i].slot : first;
		last = got[i].slot > last ? got[i].slot : last;
	}
	ck_assert_uint_eq(last - first + 1, KEYSTORE_POOL);
	for (unsigned i = 0; i < KEYSTORE_POOL; i++) {
		struct key_grant next = take();
		ck_assert(next.slot < first || next.slot > last);
	}
}
END_TEST

START_TEST(nothing_is_filled_before_the_sweep)
{
	struct view before = scratch_read(scratch_file(&dir, "keys/slots"));

	OK(keystore_fill(k, 8, e));
	ck_assert_uint_eq(keystore_ready(k), 0);
	struct view after = scratch_read(scratch_file(&dir, "keys/slots"));
	ck_assert(view_eq(before, after));
	scratch_free(before);
	scratch_free(after);
}
END_TEST

START_TEST(one_sync_serves_many)
{
	fill_up(KEYSTORE_POOL);
	unsigned before = atomic_load(&syncs);
	for (unsigned i = 0; i < KEYSTORE_POOL / 4 - 1; i++)
		take();
	OK(keystore_fill(k, KEYSTORE_POOL, e));
	ck_assert_uint_eq(syncs_since(before), 0);
	ck_assert_uint_eq(keystore_ready(k), KEYSTORE_POOL * 3 / 4 + 1);
	take();
	OK(keystore_fill(k, KEYSTORE_POOL, e));
	ck_assert_uint_eq(syncs_since(before), 1);
	ck_assert_uint_eq(keystore_ready(k), KEYSTORE_POOL);
	/* Never more than there is room for. */
	OK(keystore_fill(k, UINT32_MAX, e));
	ck_assert_uint_eq(keystore_ready(k), KEYSTORE_POOL);
	OK(keystore_fill(k, 0, e));
	ck_assert_uint_eq(keystore_ready(k), KEYSTORE_POOL);
}
END_TEST

START_TEST(a_key_that_is_used_is_there_after_a_restart_and_costs_no_write)
{
	fill_up(8);
	struct key_grant used = take(), lost = take(), rest;
	struct view before = scratch_read(scratch_file(&dir, "keys/slots"));
	unsigned synced = atomic_load(&syncs);

	OK(keystore_use(k, used.slot, e));
	commit();
	ck_assert_uint_eq(syncs_since(synced), 0);
	struct view after = scratch_read(scratch_file(&dir, "keys/slots"));
	ck_assert(view_eq(before, after));
	scratch_free(before);
	scratch_free(after);
	ck_assert_uint_eq(keystore_count(k), 1);
	holds(&used);
	/* What the process had not used: no row names it, and nobody gets it. */
	reopen();
	holds(&used);
	holds(&lost);
	sweep(used.slot);
	holds(&used);
	ck_assert(!opens(&lost));
	OK(keystore_fill(k, 8, e));
	ck_assert(!opens(&lost));
	for (unsigned i = 0; i < 8; i++) {
		rest = take();
		holds(&rest);
		ck_assert_mem_ne(rest.key, lost.key, sizeof rest.key);
		is_new(&rest, &used);
	}
	ck_assert_uint_eq(keystore_count(k), 1);
}
END_TEST

START_TEST(what_was_rolled_back_is_still_its_takers)
{
	fill_up(8);
	struct key_grant mine = take();

	OK(keystore_use(k, mine.slot, e));
	keystore_settle(k, false);
	ck_assert_uint_eq(keystore_count(k), 0);
	holds(&mine);
	while (keystore_ready(k) > 0) {
		struct key_grant other = take();
		is_new(&other, &mine);
	}
	OK(keystore_fill(k, 8, e));
	while (keystore_ready(k) > 0) {
		struct key_grant other = take();
		is_new(&other, &mine);
	}
	/* It is run again, in a transaction of its own; one that put keys rotated and failed does not matter. */
	put(1);
	OK(keystore_use(k, mine.slot, e));
	OK(keystore_rotate(k, e));
	keystore_settle(k, false);
	OK(keystore_use(k, mine.slot, e));
	commit();
	holds(&mine);
	ck_assert_uint_eq(keystore_count(k), 1);
}
END_TEST

START_TEST(what_is_given_back_is_overwritten_first)
{
	fill_up(4);
	struct key_grant mine = take(), other;

	take();
	take();
	take();
	keystore_give_back(k, mine.slot);
	ck_assert_uint_eq(keystore_ready(k), 0);
	ck_assert(!keystore_take(k, &other));
	unsigned before = atomic_load(&syncs);
	OK(keystore_fill(k, 4, e));
	ck_assert_uint_eq(syncs_since(before), 1);
	ck_assert(!opens(&mine));
	bool again = false;
	for (unsigned i = 0; i < 4; i++) {
		other = take();
		holds(&other);
		again = again || other.slot == mine.slot;
		ck_assert_mem_ne(other.key, mine.key, sizeof mine.key);
	}
	ck_assert(again);
}
END_TEST

/* The sync or the COMMIT failed: a row may name it, whoever took it says what he likes. */
START_TEST(a_slot_in_doubt_is_left_alone)
{
	fill_up(8);
	struct key_grant mine = take(), both = take();

	OK(keystore_use(k, mine.slot, e));
	OK(keystore_use(k, both.slot, e));
	OK(keystore_erase(k, both.slot, e));
	OK(keystore_sync(k, e));
	keystore_settle(k, false);
	ck_assert_uint_eq(keystore_count(k), 0);
	keystore_give_back(k, mine.slot);
	keystore_give_back(k, both.slot);
	for (unsigned i = 0; i < 5; i++) {
		while (keystore_ready(k) > 0) {
			struct key_grant other = take();
			is_new(&other, &mine);
			is_new(&other, &both);
		}
		OK(keystore_fill(k, KEYSTORE_POOL, e));
	}
	holds(&mine);
	holds(&both);
	/* A start that finds the row keeps it. */
	reopen();
	sweep(mine.slot);
	holds(&mine);
	ck_assert(!opens(&both));
}
END_TEST

START_TEST(used_and_erased_in_one_transaction)
{
	fill_up(8);
	struct key_grant mine = take();

	OK(keystore_use(k, mine.slot, e));
	OK(keystore_erase(k, mine.slot, e));
	ck_assert_uint_eq(keystore_count(k), 0);
	keystore_settle(k, false);
	holds(&mine);
	OK(keystore_use(k, mine.slot, e));
	OK(keystore_erase(k, mine.slot, e));
	commit();
	check_gone(mine.slot);
	ck_assert_uint_eq(keystore_count(k), 0);
	REFUSED(REASON_INTERNAL, keystore_use(k, mine.slot, e));
}
END_TEST

START_TEST(an_erased_key_is_never_ready_again)
{
	fill_up(8);
	struct key_grant mine = take();

	OK(keystore_use(k, mine.slot, e));
	commit();
	OK(keystore_erase(k, mine.slot, e));
	/* Not before it is destroyed. */
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	holds(&mine);
	OK(keystore_destroy(k, e));
	check_gone(mine.slot);
	bool again = false;
	for (unsigned i = 0; i < 3 * 16384 && !again; i++) {
		struct key_grant other;
		if (!keystore_take(k, &other)) {
			OK(keystore_fill(k, KEYSTORE_POOL, e));
			other = take();
		}
		again = other.slot == mine.slot;
		ck_assert_mem_ne(other.key, mine.key, sizeof mine.key);
	}
	ck_assert(again);
}
END_TEST

START_TEST(only_what_was_given_out_is_used)
{
	uint32_t put_one = put(1);

	commit();
	sweep(put_one);
	OK(keystore_fill(k, 8, e));
	REFUSED(REASON_INTERNAL, keystore_use(k, put_one, e));
	REFUSED(REASON_INTERNAL, keystore_use(k, 16000, e));
	REFUSED(REASON_INTERNAL, keystore_use(k, UINT32_MAX, e));
	struct key_grant mine = take();
	OK(keystore_use(k, mine.slot, e));
	REFUSED(REASON_INTERNAL, keystore_use(k, mine.slot, e));
	commit();
	REFUSED(REASON_INTERNAL, keystore_use(k, mine.slot, e));
}
END_TEST

/* Whoever had read the folder and its master key knows none of the keys that are used from then on. */
START_TEST(rotation_makes_what_is_ready_anew)
{
	static uint8_t known[16384][32];
	uint32_t n = 0;

	fill_up(8);
	struct key_grant mine = take();
	for (uint32_t slot = 0; slot < keystore_size(k); slot++) {
		struct error none = { .reason = REASON_NONE };
		n += keystore_get(k, slot, known[n], &none);
	}
	ck_assert_uint_eq(n, 8);
	OK(keystore_rotate(k, e));
	ck_assert_uint_eq(keystore_ready(k), 0);
	keystore_settle(k, true);
	OK(keystore_fill(k, 8, e));
	for (unsigned i = 0; i < 8; i++) {
		struct key_grant next = take();
		holds(&next);
		for (uint32_t old = 0; old < n; old++)
			ck_assert_mem_ne(next.key, known[old], sizeof next.key);
	}
	/* But what was given out, which is wrapped anew: its payload is sealed already. */
	holds(&mine);
	OK(keystore_use(k, mine.slot, e));
	commit();
	reopen();
	sweep(mine.slot);
	holds(&mine);
}
END_TEST

/* Where no key is to be ready, or as many are as are asked for, nothing is written. */
START_TEST(nothing_is_missing)
{
	sweep(UINT32_MAX);
	OK(keystore_fill(k, 0, e));
	ck_assert_uint_eq(keystore_ready(k), 0);
	ck_assert_uint_eq(keystore_size(k), 0);
	OK(keystore_fill(k, 2, e));
	ck_assert_uint_eq(keystore_ready(k), 2);
	unsigned before = atomic_load(&syncs);
	OK(keystore_fill(k, 2, e));
	ck_assert_uint_eq(keystore_ready(k), 2);
	ck_assert_uint_eq(syncs_since(before), 0);
}
END_TEST

START_TEST(a_sync_that_fails_makes_nothing_ready)
{
	struct key_grant none;

	sweep(UINT32_MAX);
	atomic_store(&no_sync, true);
	REFUSED(REASON_IO, keystore_fill(k, 8, e));
	ck_assert(!keystore_take(k, &none));
	/* Nor has the folder a name that is not known to be on disk. */
	REFUSED(REASON_IO, keystore_name(k, &(struct uuid){ { 1 } }, e));
	atomic_store(&no_sync, false);
}
END_TEST

START_TEST(a_file_that_cannot_grow_fails_who_needs_a_slot)
{
	struct rlimit was, small;
	struct key_grant got;

	sweep(UINT32_MAX);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 65536;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	OK(keystore_fill(k, 8, e));
	ck_assert(!keystore_take(k, &got));
	uint32_t slot;
	const uint8_t key[32] = { 1 };
	REFUSED(REASON_IO, keystore_put(k, key, &slot, e));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	/* Who needs one tries, and from then on there are enough. */
	OK(keystore_fill(k, 8, e));
	ck_assert(!keystore_take(k, &got));
	put(1);
	commit();
	OK(keystore_fill(k, 8, e));
	got = take();
	holds(&got);
}
END_TEST

/* --- leases --- */

START_TEST(a_lease_ends_in_a_row_or_goes_back)
{
	struct key_lease l = { .of = NULL }, other = { .of = NULL };

	key_lease_settle(&l, false);
	/* The pool is empty: a key without a slot. */
	ck_assert(key_lease_take(&l, k));
	ck_assert(l.of == k && !l.placed);
	uint8_t first[32];
	memcpy(first, l.grant.key, sizeof first);
	ck_assert(key_lease_take(&l, k));
	ck_assert_mem_eq(l.grant.key, first, sizeof first);
	key_lease_settle(&l, false);
	ck_assert(!l.of && l.grant.key[0] == 0 && memcmp(l.grant.key, l.grant.key + 1, 31) == 0);
	fill_up(2);
	ck_assert(key_lease_take(&l, k) && key_lease_take(&other, k));
	ck_assert(l.placed && other.placed);
	struct key_grant kept = l.grant, back = other.grant;
	OK(keystore_use(k, kept.slot, e));
	commit();
	key_lease_settle(&l, true);
	key_lease_settle(&l, false);
	key_lease_settle(&other, false);
	OK(keystore_fill(k, 2, e));
	holds(&kept);
	ck_assert(!opens(&back));
}
END_TEST

/* --- many at once --- */

static _Atomic bool going;
static atomic_uint taken_keys, wrong;

static void *take_all_the_time(void *arg)
{
	(void)arg;
	while (atomic_load(&going)) {
		struct key_grant g;
		uint8_t got[32];

		if (!keystore_take(k, &g)) {
			usleep(200); /* the writer has the next turn */
			continue;
		}
		atomic_fetch_add(&taken_keys, 1);
		/* It stays as it was given out until it goes back: nobody else has it, and no rotation takes it. */
		for (unsigned i = 0; i < 3; i++)
			if (!keystore_get(k, g.slot, got, NULL) || memcmp(got, g.key, sizeof got) != 0)
				atomic_fetch_add(&wrong, 1);
		keystore_give_back(k, g.slot);
	}
	return NULL;
}

START_TEST(what_is_given_out_is_nobody_elses)
{
	pthread_t threads[3];

	fill_up(16);
	atomic_store(&going, true);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_all_the_time, NULL), 0);
	for (unsigned i = 0; i < 10 || (atomic_load(&taken_keys) < 300 && i < 100000); i++) {
		OK(keystore_fill(k, 16, e));
		if (i % 50 == 5) {
			OK(keystore_rotate(k, e));
			keystore_settle(k, true);
		}
	}
	atomic_store(&going, false);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_ge(atomic_load(&taken_keys), 300);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
}
END_TEST

TCase *make_key_pool_case(void)
{
	TCase *c = tcase_create("key_pool");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_is_ready_is_on_disk_and_given_out_once);
	tcase_add_test(c, nothing_is_filled_before_the_sweep);
	tcase_add_test(c, one_sync_serves_many);
	tcase_add_test(c, a_key_that_is_used_is_there_after_a_restart_and_costs_no_write);
	tcase_add_test(c, what_was_rolled_back_is_still_its_takers);
	tcase_add_test(c, what_is_given_back_is_overwritten_first);
	tcase_add_test(c, a_slot_in_doubt_is_left_alone);
	tcase_add_test(c, used_and_erased_in_one_transaction);
	tcase_add_test(c, an_erased_key_is_never_ready_again);
	tcase_add_test(c, only_what_was_given_out_is_used);
	tcase_add_test(c, rotation_makes_what_is_ready_anew);
	tcase_add_test(c, nothing_is_missing);
	tcase_add_test(c, a_sync_that_fails_makes_nothing_ready);
	tcase_add_test(c, a_file_that_cannot_grow_fails_who_needs_a_slot);
	tcase_add_test(c, a_lease_ends_in_a_row_or_goes_back);
	tcase_add_test(c, what_is_given_out_is_nobody_elses);
	return c;
}
