/* Quotas: the window, reservations, what a restart finds, and threads that want the last use. */
#include <pthread.h>

#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "test/core/scratch.h"

#define T0_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

/* Quotas stand in the text; nothing else of the agreement matters here. */
static const char text[] = "{\"tiers\":[{\"tier\":\"T0\"},{\"tier\":\"T1\",\"quota\":{\"uses\":2,\"per\":\"P1D\"}},"
                           "{\"tier\":\"T2\",\"quota\":{\"uses\":1000,\"per\":\"P1D\"}}],"
                           "\"exceptions\":[{\"id\":\"urgent\",\"quota\":{\"uses\":1,\"per\":\"P1M\"}}]}";

static struct scratch_dir dir;
static struct store *writer, *reader;
static struct quotas *quotas;
static struct quota_source source;

static void open_all(void)
{
	struct error e = { .reason = REASON_NONE };

	writer = store_open(scratch_file(&dir, "db"), &e);
	ck_assert_ptr_nonnull(writer);
	reader = store_open_reader(scratch_file(&dir, "db"), &e);
	ck_assert_ptr_nonnull(reader);
	quotas = quotas_new();
	ck_assert_ptr_nonnull(quotas);
}

static void close_all(void)
{
	quotas_free(quotas);
	store_close(reader);
	store_close(writer);
}

static void set_up(void)
{
	dir = scratch_new();
	source = (struct quota_source){ .id = VIEW("pax"), .text = view_of(text), .digest = { .b = { 1 } } };
	open_all();
}

static void tear_down(void)
{
	close_all();
	scratch_remove(&dir);
}

static struct quota_claim claim(const char *tier, int64_t at_ms)
{
	return (struct quota_claim){
		.source = source, .provider = VIEW("north"), .tier = view_of(tier), .at_ms = at_ms
	};
}

static struct quota_use reserve(const struct quota_claim *c)
{
	struct quota_use u;

	OK(quota_reserve(quotas, c, reader, &u, e));
	return u;
}

static void commit(struct quota_use *u)
{
	OK(store_begin(writer, e));
	OK(quota_write(u, writer, e));
	OK(store_commit(writer, e));
	quota_settle(u, true);
}

/* How many uses a look finds. */
static uint32_t used(const char *tier, int64_t at_ms)
{
	struct quota_claim c = claim(tier, at_ms);

	c.look = true;
	return reserve(&c).uses[0];
}

static void use(const char *tier, int64_t at_ms)
{
	struct quota_claim c = claim(tier, at_ms);
	struct quota_use u = reserve(&c);

	commit(&u);
}

START_TEST(reserved_uses_count_until_they_are_given_back)
{
	struct quota_claim c = claim("T1", T0_MS);
	struct quota_use a = reserve(&c), b = reserve(&c);

	ck_assert_uint_eq(a.uses[0], 0);
	ck_assert_uint_eq(b.uses[0], 1);
	ck_assert_uint_eq(used("T1", T0_MS), 2);
	quota_settle(&a, false);
	quota_settle(&a, false);
	ck_assert_uint_eq(used("T1", T0_MS), 1);
	commit(&b);
	ck_assert_uint_eq(used("T1", T0_MS), 1);
	ck_assert_uint_eq(used("T0", T0_MS), 0);
	ck_assert_uint_eq(used("unknown", T0_MS), 0);
}
END_TEST

START_TEST(the_window_slides)
{
	use("T1", T0_MS);
	use("T1", T0_MS + 1000);
	ck_assert_uint_eq(used("T1", T0_MS + DAY_MS - 1), 2);
	ck_assert_uint_eq(used("T1", T0_MS + DAY_MS), 1);
	ck_assert_uint_eq(used("T1", T0_MS + DAY_MS + 1000), 0);
}
END_TEST

START_TEST(a_restart_finds_what_was_committed_and_nothing_else)
{
	struct quota_claim c = claim("T1", T0_MS);
	struct quota_use lost;

	use("T1", T0_MS);
	lost = reserve(&c);
	OK(store_begin(writer, e));
	OK(quota_write(&lost, writer, e));
	store_rollback(writer);
	close_all();
	open_all();
	ck_assert_uint_eq(used("T1", T0_MS), 1);
}
END_TEST

START_TEST(two_of_one_batch_are_both_written)
{
	struct quota_claim c = claim("T1", T0_MS);
	struct quota_use a = reserve(&c), b = reserve(&c);

	OK(store_begin(writer, e));
	OK(quota_write(&a, writer, e));
	OK(quota_write(&b, writer, e));
	OK(store_commit(writer, e));
	quota_settle(&a, true);
	quota_settle(&b, true);
	ck_assert_uint_eq(used("T1", T0_MS), 2);
	close_all();
	open_all();
	ck_assert_uint_eq(used("T1", T0_MS), 2);
}
END_TEST

START_TEST(providers_agreements_and_exceptions_count_apart)
{
	struct quota_claim c = claim("T1", T0_MS), other = c;
	struct quota_use u;

	c.exception = VIEW("urgent");
	u = reserve(&c);
	commit(&u);
	u = reserve(&c);
	ck_assert_uint_eq(u.uses[0], 1);
	ck_assert_uint_eq(u.uses[1], 1);
	quota_settle(&u, false);
	other.provider = VIEW("south");
	u = reserve(&other);
	ck_assert_uint_eq(u.uses[0], 0);
	quota_settle(&u, false);
	/* A new version of the same agreement goes on counting; another agreement does not know of it. */
	source.digest.b[0] = 2;
	ck_assert_uint_eq(used("T1", T0_MS), 1);
	source.id = VIEW("other");
	ck_assert_uint_eq(used("T1", T0_MS), 0);
}
END_TEST

START_TEST(a_partners_report_is_judged_by_its_own_instant)
{
	struct quota_claim early = claim("T1", T0_MS);

	use("T1", T0_MS + 5000);
	early.look = true;
	ck_assert_uint_eq(reserve(&early).uses[0], 1);
	early.reported = true;
	ck_assert_uint_eq(reserve(&early).uses[0], 0);
	/* What came out of order keeps its place. */
	use("T1", T0_MS);
	ck_assert_uint_eq(used("T1", T0_MS + DAY_MS + 1), 1);
}
END_TEST

START_TEST(many_uses_are_all_counted_in_few_steps)
{
	for (unsigned i = 0; i < 3 * QUOTA_STEPS; i++)
		use("T2", T0_MS + i * 1000);
	ck_assert_uint_eq(used("T2", T0_MS + DAY_MS - 1), 3 * QUOTA_STEPS);
	close_all();
	open_all();
	ck_assert_uint_eq(used("T2", T0_MS + DAY_MS - 1), 3 * QUOTA_STEPS);
	/* Joined steps end later, never earlier. */
	ck_assert_uint_ge(used("T2", T0_MS + DAY_MS + 100 * 1000), 3 * QUOTA_STEPS - 101);
	ck_assert_uint_eq(used("T2", T0_MS + DAY_MS + 3 * QUOTA_STEPS * 1000), 0);
}
END_TEST

START_TEST(a_damaged_row_is_refused)
{
	struct quota_claim c = claim("T1", T0_MS);
	struct quota_use u;

	OK(store_begin(writer, e));
	OK(store_put_value(writer, VIEW("quota/pax/north/tier/T1"), VIEW("12:"), e));
	OK(store_commit(writer, e));
	REFUSED(REASON_STORE, quota_reserve(quotas, &c, reader, &u, e));
	ck_assert_ptr_null(u.quotas);
}
END_TEST

#define THREADS 4
#define ROUNDS  2000

static _Atomic unsigned granted;

/* Each has a reader of its own, as workers have. */
static void *want_the_last(void *arg)
{
	struct error e = { .reason = REASON_NONE };
	struct quota_claim c = claim("T1", T0_MS);
	struct store *own = store_open_reader(scratch_file(&dir, "db"), &e);

	(void)arg;
	for (int i = 0; own && i < ROUNDS; i++) {
		struct quota_use u;
		if (!quota_reserve(quotas, &c, own, &u, &e))
			break;
		if (u.uses[0] >= 2) {
			quota_settle(&u, false);
			continue;
		}
		granted++;
		quota_settle(&u, true);
	}
	store_close(own);
	return NULL;
}

START_TEST(threads_share_two_uses)
{
	pthread_t t[THREADS];

	granted = 0;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, want_the_last, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	/* A reservation that is about to be given back may keep another from the last use, never the reverse. */
	ck_assert_uint_le(granted, 2);
	ck_assert_uint_ge(granted, 1);
	ck_assert_uint_eq(used("T1", T0_MS), granted);
}
END_TEST

TCase *make_quota_case(void);
TCase *make_quota_case(void)
{
	TCase *c = tcase_create("quota");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, reserved_uses_count_until_they_are_given_back);
	tcase_add_test(c, the_window_slides);
	tcase_add_test(c, a_restart_finds_what_was_committed_and_nothing_else);
	tcase_add_test(c, two_of_one_batch_are_both_written);
	tcase_add_test(c, providers_agreements_and_exceptions_count_apart);
	tcase_add_test(c, a_partners_report_is_judged_by_its_own_instant);
	tcase_add_test(c, many_uses_are_all_counted_in_few_steps);
	tcase_add_test(c, a_damaged_row_is_refused);
	tcase_add_test(c, threads_share_two_uses);
	return c;
}
