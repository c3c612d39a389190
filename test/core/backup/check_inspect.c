/* What is said of a store's payloads, and of its log. */
#include "gatewayd/core/backup/inspect.h"

#include <sqlite3.h>

#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/shape.h"
#include "test/core/log_fixture.h"
#include "test/core/store_fixture.h"

static struct keystore *keys;
static struct gcm *gcm;
static unsigned told[FINDING_COUNT];

static void open_all(void)
{
	setup();
	gcm = gcm_new();
	OK((keys = keystore_open(scratch_file(&dir, "keys"), true, e)) != NULL);
	memset(told, 0, sizeof told);
}

static void close_all(void)
{
	keystore_close(keys);
	gcm_free(gcm);
	teardown();
}

static uint64_t put_exchange(unsigned n)
{
	struct store_exchange x = make_exchange(n, "north", "", (uint8_t)n), prior;
	enum store_accepted result;

	OK(store_begin(s, e));
	OK(store_accept(s, &x, &result, &prior, e));
	OK(store_commit(s, e));
	return x.seq;
}

static uint32_t put_key(const uint8_t key[32])
{
	uint32_t slot = 0;

	OK(keystore_put(keys, key, &slot, e));
	OK(keystore_sync(keys, e));
	keystore_settle(keys, true);
	return slot;
}

static void put_payload(uint64_t seq, uint32_t slot, const struct uuid *id, const uint8_t key[32])
{
	static const uint8_t nonce[12];
	static const struct salt salt;
	struct payload_parts parts = {
		.key = key, .nonce = nonce, .exchange = id, .salt = &salt, .input_salt = &salt, .record = VIEW("{}")
	};
	struct buf plain = BUF_INIT(1024), sealed = BUF_INIT(1024);

	ck_assert(payload_seal(gcm, &parts, &plain, &sealed));
	struct store_payload p = { .seq = seq, .slot = slot, .sealed = buf_view(&sealed) };
	OK(store_begin(s, e));
	OK(store_put_payload(s, &p, e));
	OK(store_commit(s, e));
	buf_free(&plain);
	buf_free(&sealed);
}

static void erase_key(uint32_t slot)
{
	OK(keystore_erase(keys, slot, e));
	keystore_settle(keys, true);
	OK(keystore_destroy(keys, e));
}

static void tell(void *arg, enum finding f, const struct uuid *exchange, const char *what)
{
	(void)arg;
	(void)exchange;
	ck_assert(what[0]);
	told[f]++;
}

static struct inspection look(struct keystore *k)
{
	struct inspection i = { .tell = tell };

	memset(told, 0, sizeof told);
	OK(inspect_engine(s, &i, e));
	OK(inspect_payloads(s, k, &i, e));
	for (int f = 0; f < FINDING_COUNT; f++)
		ck_assert_uint_eq(told[f], i.found[f]);
	return i;
}

START_TEST(every_payload_is_opened)
{
	const uint8_t key[32] = { 1 }, other[32] = { 2 };

	for (unsigned n = 1; n <= 300; n++) {
		struct uuid id = make_id(n);
		put_payload(put_exchange(n), put_key(key), &id, key);
	}
	struct inspection i = look(keys);
	ck_assert_uint_eq(i.payloads, 300);
	ck_assert_uint_eq(i.opened, 300);
	ck_assert_uint_eq(i.exchanges, 300);
	ck_assert_uint_eq(look(NULL).opened, 0);
	/* One after the other: erased, another key, behind the end, of another exchange, twice named. */
	struct store_payload row;
	OK(store_get_payload(s, 1, &row, e));
	erase_key(row.slot);
	i = look(keys);
	ck_assert_uint_eq(i.found[FINDING_ERASED], 1);
	ck_assert_uint_eq(i.opened, 299);
	struct uuid id = make_id(2), stranger = make_id(77);
	put_payload(2, put_key(other), &id, key);
	ck_assert_uint_eq(look(keys).found[FINDING_UNOPENED], 1);
	id = make_id(3);
	put_payload(3, keystore_size(keys) + 5, &id, key);
	ck_assert_uint_eq(look(keys).found[FINDING_CUT], 1);
	put_payload(4, put_key(key), &stranger, key);
	ck_assert_uint_eq(look(keys).found[FINDING_UNOPENED], 2);
	OK(store_get_payload(s, 6, &row, e));
	id = make_id(5);
	put_payload(5, row.slot, &id, key);
	i = look(keys);
	ck_assert_uint_eq(i.found[FINDING_STRANGE], 1);
	ck_assert_uint_eq(i.found[FINDING_DAMAGED], 0);
}
END_TEST

START_TEST(what_a_restore_leaves_open_is_remembered)
{
	struct restored r = { .entries = 57, .made_ms = 1767225600000 }, got;
	bool doubt = true;

	REFUSED(REASON_NOT_FOUND, restored_get(s, &got, e));
	OK(doubt_get(s, &doubt, e));
	ck_assert(!doubt);
	OK(store_begin(s, e));
	OK(restored_put(s, &r, e));
	OK(doubt_put(s, true, e));
	OK(store_commit(s, e));
	OK(restored_get(s, &got, e));
	ck_assert(got.entries == r.entries && got.made_ms == r.made_ms);
	OK(doubt_get(s, &doubt, e));
	ck_assert(doubt);
	OK(store_begin(s, e));
	OK(restored_end(s, e));
	OK(doubt_put(s, false, e));
	OK(store_commit(s, e));
	REFUSED(REASON_NOT_FOUND, restored_get(s, &got, e));
	OK(doubt_get(s, &doubt, e));
	ck_assert(!doubt);
}
END_TEST

/* --- logs --- */

static void alter(const char *path, const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* One that is counted too high would stay behind its last disclosure. */
START_TEST(shapes_are_counted)
{
	struct store_shape shape = { .agreement = VIEW("a"), .digest = { .b = { 1 } }, .text = VIEW("{}") };
	struct inspection i = { .tell = tell };

	OK(store_begin(s, e));
	OK(store_put_shaped(s, 0, VIEW("{}"), VIEW("[]"), &shape, e));
	OK(store_commit(s, e));
	OK(inspect_engine(s, &i, e));
	ck_assert_uint_eq(i.found[FINDING_DAMAGED], 0);
	alter(scratch_file(&dir, "store.db"), "UPDATE shape SET named = named + 1");
	OK(inspect_engine(s, &i, e));
	ck_assert_uint_eq(i.found[FINDING_DAMAGED], 1);
}
END_TEST

START_TEST(the_log_is_the_one_that_was_signed)
{
	static struct log_fixture f;
	struct inspection i = { .tell = tell };

	log_setup(&f);
	OK(log_start(&f, e));
	writer_stop(f.writer);
	f.writer = NULL;
	OK(inspect_logs(f.store, &f.vkey, &i, e));
	ck_assert_uint_eq(i.found[FINDING_LOG], 0);
	ck_assert_uint_eq(i.entries, 1);
	ck_assert_uint_eq(i.logs, 1);
	struct note_vkey other = f.vkey;
	other.key[0] ^= 1;
	OK(inspect_logs(f.store, &other, &i, e));
	ck_assert_uint_eq(i.found[FINDING_LOG], 1);
	store_close(f.store);
	alter(scratch_file(&f.dir, "store.db"), "UPDATE entry SET leaf = 'GENESIS', compact = NULL");
	OK((f.store = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(inspect_logs(f.store, &f.vkey, &i, e));
	ck_assert_uint_eq(i.found[FINDING_LOG], 2);
	store_close(f.store);
	alter(scratch_file(&f.dir, "store.db"), "UPDATE entry SET compact = x'01ff'");
	OK((f.store = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(inspect_logs(f.store, &f.vkey, &i, e));
	ck_assert_uint_eq(i.found[FINDING_LOG], 3);
	store_close(f.store);
	f.store = NULL;
	alter(scratch_file(&f.dir, "store.db"), "DELETE FROM entry");
	OK((f.store = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(inspect_logs(f.store, &f.vkey, &i, e));
	ck_assert_uint_eq(i.found[FINDING_LOG], 4);
	log_teardown(&f);
}
END_TEST

TCase *make_inspect_case(void);
TCase *make_inspect_case(void)
{
	TCase *tc = tcase_create("inspect");

	tcase_add_checked_fixture(tc, open_all, close_all);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_payload_is_opened);
	tcase_add_test(tc, shapes_are_counted);
	tcase_add_test(tc, what_a_restore_leaves_open_is_remembered);
	tcase_add_test(tc, the_log_is_the_one_that_was_signed);
	return tc;
}
