/* Surrogates: who meets a new value first and who meets it meanwhile, what a commit and what a refusal leave, and the
 * end of an epoch. */
#include <pthread.h>

#include "gatewayd/core/exchange/surrogates.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/surrogate.h"
#include "test/policy/support.h"
#include "test/core/store_fixture.h"

static struct store *reader;
static struct surrogates *surrogates;
static struct schema_files files;
static struct agreement *agreement;

static void set_up(void)
{
	struct error_list errors = { .max = 20 };

	setup();
	reader = open_reader();
	surrogates = surrogates_new();
	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_t *doc = preset("pnr");
	agreement = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(surrogates && agreement);
	json_decref(doc);
}

static void tear_down(void)
{
	agreement_unref(agreement);
	schema_files_free(&files);
	surrogates_free(surrogates);
	store_close(reader);
	teardown();
}

static struct surrogate_key key_of(uint8_t n)
{
	return (struct surrogate_key){ .digest = { .b = { n } }, .epoch = 1 };
}

struct value {
	uint8_t b[SURROGATE_BYTES];
};

static struct value find_in(struct surrogate_use *u, uint8_t n)
{
	struct surrogate_search search = { surrogates, agreement, reader, u };
	struct surrogate_key key = key_of(n);
	struct value v = { { 0 } };

	OK(surrogates_find(&search, &key, v.b, e));
	return v;
}

static bool same(struct value a, struct value b)
{
	return memcmp(a.b, b.b, sizeof a.b) == 0;
}

static void release(struct surrogate_use *u)
{
	begin();
	OK(surrogates_write(u, s, e));
	commit();
	surrogates_settle(u);
}

START_TEST(one_value_one_surrogate)
{
	struct surrogate_use a = { .of = NULL }, b = { .of = NULL }, c = { .of = NULL };
	struct value x = find_in(&a, 1), y = find_in(&a, 2);

	ck_assert(!same(x, y));
	ck_assert(same(find_in(&a, 1), x));
	ck_assert_uint_eq(a.n, 2);
	/* Another record that meets the value before the first is committed. */
	ck_assert(same(find_in(&b, 1), x));
	ck_assert_uint_eq(surrogates_held(surrogates), 2);
	release(&a);
	ck_assert_uint_eq(surrogates_held(surrogates), 1);
	ck_assert(same(find_in(&c, 1), x));
	release(&b);
	surrogates_settle(&c);
	surrogates_settle(&c);
	ck_assert_uint_eq(surrogates_held(surrogates), 0);
	/* Now the store has them, and nothing needs to be held. */
	ck_assert(same(find_in(&c, 1), x) && same(find_in(&c, 2), y));
	ck_assert_uint_eq(c.n, 0);
	surrogates_free(surrogates);
	surrogates = surrogates_new();
	ck_assert(same(find_in(&c, 1), x));
}
END_TEST

/* A record that is refused leaves nothing; one beside it that is released, what both used. */
START_TEST(refusals_leave_nothing)
{
	struct surrogate_use a = { .of = NULL }, b = { .of = NULL };
	struct value x = find_in(&a, 1);

	surrogates_settle(&a);
	ck_assert_uint_eq(surrogates_held(surrogates), 0);
	struct value y = find_in(&a, 1);
	ck_assert(!same(x, y));
	ck_assert(same(find_in(&b, 1), y));
	surrogates_settle(&a);
	release(&b);
	ck_assert(same(find_in(&a, 1), y));
	/* A transaction that was rolled back is made again. */
	x = find_in(&a, 7);
	begin();
	OK(surrogates_write(&a, s, e));
	store_rollback(s);
	release(&a);
	ck_assert(same(find_in(&a, 7), x));
}
END_TEST

START_TEST(the_store_keeps_one_value)
{
	struct store_surrogate x = {
		.agreement = VIEW("pax"), .epoch = 1, .key = { .b = { 1 } }, .value = { 5 }, .until_ms = 9
	};
	uint8_t value[STORE_SURROGATE];

	REFUSED(REASON_STORE, store_put_surrogate(s, &x, e));
	begin();
	OK(store_put_surrogate(s, &x, e));
	OK(store_put_surrogate(s, &x, e));
	x.value[0] = 6;
	REFUSED(REASON_STORE, store_put_surrogate(s, &x, e));
	x.epoch = 2;
	OK(store_put_surrogate(s, &x, e));
	commit();
	OK(store_get_surrogate(reader, VIEW("pax"), 1, &x.key, value, e));
	ck_assert_uint_eq(value[0], 5);
	OK(store_get_surrogate(reader, VIEW("pax"), 2, &x.key, value, e));
	ck_assert_uint_eq(value[0], 6);
	REFUSED(REASON_NOT_FOUND, store_get_surrogate(reader, VIEW("pax"), 3, &x.key, value, e));
	REFUSED(REASON_NOT_FOUND, store_get_surrogate(reader, VIEW("pa"), 1, &x.key, value, e));
}
END_TEST

struct listed {
	unsigned n;
	uint32_t epochs[4];
	int64_t until_ms[4];
	bool stop;
};

static bool list(void *arg, struct view name, uint32_t epoch, int64_t until_ms)
{
	struct listed *l = arg;

	ck_assert(view_is(name, "pnr"));
	l->epochs[l->n] = epoch;
	l->until_ms[l->n++] = until_ms;
	return !l->stop;
}

START_TEST(epochs_are_erased)
{
	struct surrogate_search search = { surrogates, agreement, reader, &(struct surrogate_use){ .of = NULL } };
	struct listed l = { .n = 0 };
	struct digest digest = { .b = { 1 } };
	struct value v;

	for (uint32_t epoch = 1; epoch <= 2; epoch++) {
		struct surrogate_key key = { .digest = { .b = { (uint8_t)epoch } }, .epoch = epoch };
		OK(surrogates_find(&search, &key, v.b, e));
	}
	release(search.use);
	OK(store_list_surrogates(reader, list, &l, e));
	ck_assert_uint_eq(l.n, 2);
	ck_assert(l.epochs[0] == 1 && l.epochs[1] == 2);
	ck_assert_int_eq(l.until_ms[0], agreement_sunset_ms(agreement));
	OK(store_checkpoint(s, true, e));
	ck_assert(!store_erased(s));
	begin();
	OK(store_erase_surrogates(s, agreement_id(agreement), 1, e));
	commit();
	ck_assert(store_erased(s));
	REFUSED(REASON_NOT_FOUND, store_get_surrogate(reader, agreement_id(agreement), 1, &digest, v.b, e));
	digest.b[0] = 2;
	OK(store_get_surrogate(reader, agreement_id(agreement), 2, &digest, v.b, e));
	l = (struct listed){ .stop = true };
	OK(store_list_surrogates(reader, list, &l, e));
	ck_assert(l.n == 1 && l.epochs[0] == 2);
}
END_TEST

/* Workers that meet the same new values at once, some of whose records are refused. */
#define VALUES 40
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *arg)
{
	struct value *seen = arg;
	struct store *own = open_reader();

	for (uint8_t n = 0; n < VALUES; n++) {
		struct surrogate_use u = { .of = NULL };
		struct surrogate_search search = { surrogates, agreement, own, &u };
		struct surrogate_key key = key_of(n);
		struct error e = { .reason = REASON_NONE };
		bool ok = surrogates_find(&search, &key, seen[n].b, &e);

		pthread_mutex_lock(&writing);
		ok = ok && store_begin(s, &e) && surrogates_write(&u, s, &e) && store_commit(s, &e);
		pthread_mutex_unlock(&writing);
		surrogates_settle(&u);
		if (!ok)
			memset(seen[n].b, 0, sizeof seen[n].b);
	}
	store_close(own);
	return NULL;
}

START_TEST(threads_agree)
{
	static struct value seen[4][VALUES];
	static const struct value none;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, seen[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int n = 0; n < VALUES; n++) {
		ck_assert(!same(seen[0][n], none));
		for (int i = 1; i < 4; i++)
			ck_assert_msg(same(seen[i][n], seen[0][n]), "value %d", n);
	}
	ck_assert_uint_eq(surrogates_held(surrogates), 0);
}
END_TEST

TCase *make_surrogates_case(void);
TCase *make_surrogates_case(void)
{
	TCase *c = tcase_create("surrogates");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, one_value_one_surrogate);
	tcase_add_test(c, refusals_leave_nothing);
	tcase_add_test(c, the_store_keeps_one_value);
	tcase_add_test(c, epochs_are_erased);
	tcase_add_test(c, threads_agree);
	return c;
}
