/* Key slots that a job names: those that were given out or are there, inside a transaction, and no others. */
#include "gatewayd/core/keys/key_lease.h"
#include "test/core/log_fixture.h"

static struct log_fixture f;

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
}

static void teardown(void)
{
	log_teardown(&f);
}

struct key_job {
	struct append_job a; /* first */
	struct key_lease lease;
	bool erases;
	uint32_t slot; /* that it got, or that it erases */
};

static bool key_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct key_job *k = (struct key_job *)JOB_OF(struct append_job, j);

	return append_run(j, w, s, e) &&
	       (k->erases ? writer_erase_key(w, j, k->slot, e) : writer_place_key(w, &k->lease, &k->slot, e));
}

static void run_key(struct key_job *k)
{
	append_init(&k->a, f.home, 1);
	k->a.job.run = key_run;
	writer_submit(f.writer, &k->a.job);
	append_wait(f.home, &k->a, 1);
	append_free(&k->a, 1);
}

static void refused(struct key_job *k, enum reason why)
{
	struct writer_stats before, after;
	uint32_t keys = keystore_count(f.keys);

	writer_stats(f.writer, &before);
	run_key(k);
	ck_assert(!k->a.job.committed);
	ck_assert_int_eq(k->a.job.error.reason, why);
	writer_stats(f.writer, &after);
	ck_assert_uint_eq(after.tree_size, before.tree_size);
	ck_assert_uint_eq(keystore_count(f.keys), keys);
}

static void has_key(uint32_t slot, const uint8_t key[32])
{
	uint8_t got[32];

	OK(keystore_get(f.keys, slot, got, e));
	ck_assert_mem_eq(got, key, sizeof got);
}

/* From the pool with its slot, or with one that the transaction finds. */
START_TEST(leases_are_placed)
{
	struct key_job first = { .lease = { .of = NULL } }, second = { .lease = { .of = NULL } };
	uint8_t key[32];

	ck_assert(key_lease_take(&first.lease, f.keys) && !first.lease.placed);
	memcpy(key, first.lease.grant.key, sizeof key);
	run_key(&first);
	ck_assert(first.a.job.committed);
	key_lease_settle(&first.lease, true);
	has_key(first.slot, key);
	for (unsigned i = 0; i < 300 && keystore_ready(f.keys) == 0; i++)
		usleep(10000);
	ck_assert(key_lease_take(&second.lease, f.keys) && second.lease.placed);
	memcpy(key, second.lease.grant.key, sizeof key);
	run_key(&second);
	ck_assert(second.a.job.committed);
	key_lease_settle(&second.lease, true);
	has_key(second.slot, key);
	ck_assert_uint_ne(first.slot, second.slot);
}
END_TEST

START_TEST(slots_of_nobody_are_refused)
{
	struct key_job absent = { .lease = { .of = f.keys, .placed = true, .grant = { .slot = UINT32_MAX } } };
	struct key_job key = { .lease = { .of = NULL } }, again = absent, erased = { .erases = true };

	refused(&absent, REASON_INTERNAL);
	ck_assert(key_lease_take(&key.lease, f.keys));
	run_key(&key);
	ck_assert(key.a.job.committed);
	key_lease_settle(&key.lease, true);
	/* One that is another row's already. */
	again.lease.grant.slot = key.slot;
	refused(&again, REASON_INTERNAL);
	erased.slot = UINT32_MAX;
	refused(&erased, REASON_NOT_FOUND);
}
END_TEST

START_TEST(placing_needs_a_transaction)
{
	struct key_lease placed = { .of = f.keys, .placed = true }, not_placed = { .of = f.keys };
	uint32_t slot;

	REFUSED(REASON_STORE, writer_place_key(f.writer, &placed, &slot, e));
	REFUSED(REASON_STORE, writer_place_key(f.writer, &not_placed, &slot, e));
}
END_TEST

TCase *make_writer_keys_case(void);
TCase *make_writer_keys_case(void)
{
	TCase *c = tcase_create("writer_keys");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, leases_are_placed);
	tcase_add_test(c, slots_of_nobody_are_refused);
	tcase_add_test(c, placing_needs_a_transaction);
	return c;
}
