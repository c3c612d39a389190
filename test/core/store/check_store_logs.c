/* The store's logs of several epochs, what a witness remembers, and the cosignatures of others. */
#include <sqlite3.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/witness.h"
#include "lib/tlog/compact.h"
#include "test/core/store_fixture.h"

static const struct store_log_row second = { .before = { .b = { 7 } },
	                                     .origin = { "h/audit/n/2", 11 },
	                                     .note = { "h/audit/n/1 of 2 entries", 24 } };

static void put_entry(uint64_t index, const char *leaf)
{
	char tile[256] = { (char)index };

	OK(store_put_entry(s, index, view_of(leaf), VIEW("[\"x\"]"), e));
	OK(store_put_tile(s, 0, 0, view_make(tile, 32 * (index + 1)), e));
	OK(store_put_checkpoint(s, index + 1, view_of(leaf), e));
}

static void two_logs(void)
{
	setup();
	begin();
	put_entry(0, "old 0");
	put_entry(1, "old 1");
	OK(store_put_cosignature(s, VIEW("w"), 2, VIEW("line\n"), e));
	commit();
	begin();
	OK(store_put_log(s, &second, e));
	commit();
	reopen();
}

static bool count_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	unsigned *n = arg;

	ck_assert(index == *n && view_starts(leaf, VIEW("new")) && packed.n > 0);
	++*n;
	return true;
}

START_TEST(a_new_log_begins_empty)
{
	struct store_counts counts;
	struct view note, hashes, leaf, packed;
	uint64_t size = 9, n = 9;
	unsigned listed = 0;

	ck_assert_uint_eq(store_log(s), 1);
	OK(store_entry_count(s, &n, e));
	OK(store_last_checkpoint(s, &size, &note, e));
	ck_assert(n == 0 && size == 0);
	OK(store_cosigned(s, &size, e));
	ck_assert_uint_eq(size, 0);
	REFUSED(REASON_NOT_FOUND, store_get_tile(s, 0, 0, &hashes, e));
	REFUSED(REASON_NOT_FOUND, store_get_entry(s, 0, &leaf, &packed, e));
	REFUSED(REASON_NOT_FOUND, store_get_checkpoint(s, 0, &size, &note, e));
	begin();
	put_entry(0, "new 0");
	commit();
	OK(store_entry_count(s, &n, e));
	OK(store_count(s, &counts, e));
	ck_assert(n == 1 && counts.entries == 1);
	OK(store_list_entries(s, 0, 10, count_entry, &listed, e));
	ck_assert_uint_eq(listed, 1);
	OK(store_get_checkpoint(s, 0, &size, &note, e));
	ck_assert(size == 1 && view_is(note, "new 0"));
}
END_TEST

START_TEST(the_old_log_stays)
{
	struct view note, hashes, leaf, packed;
	struct store_log_row row;
	uint64_t size, n;

	begin();
	put_entry(0, "new 0");
	commit();
	struct store *r = open_reader();
	OK(store_get_log(r, &row, e));
	ck_assert(view_eq(row.origin, second.origin) && view_eq(row.note, second.note) && row.before.b[0] == 7);
	OK(store_use_log(r, 0, e));
	REFUSED(REASON_NOT_FOUND, store_get_log(r, &row, e));
	OK(store_entry_count(r, &n, e));
	OK(store_last_checkpoint(r, &size, &note, e));
	ck_assert(n == 2 && size == 2 && view_is(note, "old 1"));
	OK(store_get_checkpoint(r, 0, &size, &note, e));
	ck_assert(size == 1 && view_is(note, "old 0"));
	/* Past its end lies the next log, not its continuation. */
	REFUSED(REASON_NOT_FOUND, store_get_checkpoint(r, 2, &size, &note, e));
	OK(store_get_tile(r, 0, 0, &hashes, e));
	ck_assert_uint_eq(hashes.n, 64);
	OK(store_get_entry(r, 1, &leaf, &packed, e));
	ck_assert(view_is(leaf, "old 1"));
	REFUSED(REASON_NOT_FOUND, store_get_entry(r, UINT64_C(1) << STORE_LOG_SHIFT, &leaf, &packed, e));
	OK(store_find_entry(r, UINT64_C(1) << STORE_LOG_SHIFT, &leaf, &packed, e));
	ck_assert(view_is(leaf, "new 0"));
	OK(store_cosigned(r, &size, e));
	ck_assert_uint_eq(size, 2);
	REFUSED(REASON_NOT_FOUND, store_use_log(r, 2, e));
	store_close(r);
}
END_TEST

START_TEST(exchanges_name_the_log_of_their_entry)
{
	struct store_exchange x = make_exchange(1, "p", "", 7), prior;

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	OK(store_set_entry(s, x.seq, 5, e));
	commit();
	OK(store_get_exchange(s, x.seq, &prior, e));
	ck_assert(store_entry_log(prior.entry) == 1 && store_entry_index(prior.entry) == 5);
}
END_TEST

START_TEST(witnessed_logs_are_replaced)
{
	struct store_witnessed w = { .size = 3, .root = { .b = { 1 } }, .note = VIEW("three") }, got;

	REFUSED(REASON_NOT_FOUND, store_get_witnessed(s, VIEW("o"), &got, e));
	REFUSED(REASON_STORE, store_put_witnessed(s, VIEW("o"), &w, e));
	begin();
	OK(store_put_witnessed(s, VIEW("o"), &w, e));
	w = (struct store_witnessed){
		.size = 4, .root = { .b = { 2 } }, .note = VIEW("four"), .incident = { .b = { 9 } }
	};
	OK(store_put_witnessed(s, VIEW("o"), &w, e));
	commit();
	OK(store_get_witnessed(s, VIEW("o"), &got, e));
	ck_assert(got.size == 4 && got.root.b[0] == 2 && got.incident.b[0] == 9 && view_is(got.note, "four"));
	REFUSED(REASON_NOT_FOUND, store_get_witnessed(s, VIEW("p"), &got, e));
}
END_TEST

static bool add_line(void *arg, struct view line)
{
	buf_add(arg, line);
	return true;
}

START_TEST(cosignatures_by_size)
{
	struct buf lines = BUF_INIT(100);
	uint64_t size;

	begin();
	OK(store_put_cosignature(s, VIEW("b"), 5, VIEW("b5\n"), e));
	OK(store_put_cosignature(s, VIEW("a"), 5, VIEW("a5\n"), e));
	OK(store_put_cosignature(s, VIEW("c"), 5, VIEW("c5\n"), e));
	OK(store_put_cosignature(s, VIEW("c"), 6, VIEW("c6\n"), e));
	commit();
	OK(store_cosigned(s, &size, e));
	ck_assert_uint_eq(size, 5);
	OK(store_list_cosignatures(s, 5, add_line, &lines, e));
	ck_assert(view_is(buf_view(&lines), "a5\nb5\nc5\n"));
	/* A witness's second line over one size takes the place of its first. */
	begin();
	OK(store_put_cosignature(s, VIEW("c"), 6, VIEW("later\n"), e));
	OK(store_drop_cosignatures(s, 6, e));
	commit();
	OK(store_cosigned(s, &size, e));
	ck_assert_uint_eq(size, 6);
	buf_reset(&lines);
	OK(store_list_cosignatures(s, 5, add_line, &lines, e));
	OK(store_list_cosignatures(s, 6, add_line, &lines, e));
	ck_assert(view_is(buf_view(&lines), "later\n"));
	buf_free(&lines);
}
END_TEST

START_TEST(cosignatures_that_gather)
{
	struct buf lines = BUF_INIT(100);
	uint64_t size;

	begin();
	for (unsigned i = 5; i < 12; i++)
		OK(store_put_cosignature(s, VIEW("a"), i, VIEW("a\n"), e));
	OK(store_put_cosignature(s, VIEW("b"), 11, VIEW("b\n"), e));
	OK(store_trim_cosignatures(s, 2, e));
	commit();
	OK(store_cosigned(s, &size, e));
	ck_assert_uint_eq(size, 5);
	for (unsigned i = 6; i < 12; i++)
		OK(store_list_cosignatures(s, i, add_line, &lines, e));
	ck_assert(view_is(buf_view(&lines), "a\na\nb\n"));
	buf_free(&lines);
}
END_TEST

static bool add_sighted(void *arg, struct view origin, uint64_t size, struct view note)
{
	buf_addf(arg, "%.*s %llu %.*s;", VIEW_ARG(origin), (unsigned long long)size, VIEW_ARG(note));
	return true;
}

START_TEST(sighted_checkpoints)
{
	struct buf rows = BUF_INIT(1000);

	REFUSED(REASON_STORE, store_put_sighted(s, VIEW("o"), 1, VIEW("n"), e));
	begin();
	for (uint64_t size = 9; size > 0; size--)
		OK(store_put_sighted(s, VIEW("o"), size, VIEW("n"), e));
	OK(store_put_sighted(s, VIEW("o"), 9, VIEW("another"), e));
	OK(store_put_sighted(s, VIEW("p"), 4, VIEW("m"), e));
	OK(store_drop_sighted(s, VIEW("o"), 3, 5, e));
	OK(store_trim_sighted(s, VIEW("o"), 0, 4, e));
	OK(store_trim_sighted(s, VIEW("p"), 0, 4, e));
	commit();
	OK(store_list_sighted(s, add_sighted, &rows, e));
	ck_assert(view_is(buf_view(&rows), "o 6 n;o 7 n;o 8 n;o 9 n;p 4 m;"));
	/* Long ones by themselves: the others stay. */
	begin();
	OK(store_put_sighted(s, VIEW("o"), 1, VIEW("long"), e));
	OK(store_put_sighted(s, VIEW("o"), 2, VIEW("longer"), e));
	OK(store_put_sighted(s, VIEW("o"), 10, VIEW("longest"), e));
	OK(store_put_sighted(s, VIEW("p"), 5, VIEW("long"), e));
	OK(store_trim_sighted(s, VIEW("o"), 3, 2, e));
	commit();
	buf_reset(&rows);
	OK(store_list_sighted(s, add_sighted, &rows, e));
	ck_assert(view_is(buf_view(&rows), "o 2 longer;o 6 n;o 7 n;o 8 n;o 9 n;o 10 longest;p 4 m;p 5 long;"));
	struct view note;
	OK(store_get_sighted(s, VIEW("o"), 10, &note, e));
	ck_assert(view_is(note, "longest"));
	REFUSED(REASON_NOT_FOUND, store_get_sighted(s, VIEW("o"), 11, &note, e));
	buf_free(&rows);
}
END_TEST

static bool add_tale(void *arg, const struct digest *evidence)
{
	buf_addf(arg, "%d;", evidence->b[0]);
	return buf_view(arg).n < 4;
}

START_TEST(what_is_to_be_told)
{
	struct buf rows = BUF_INIT(1000);
	struct digest d = { .b = { 0 } };

	REFUSED(REASON_STORE, store_put_tale(s, &d, e));
	begin();
	for (uint8_t n = 3; n > 0; n--) {
		d.b[0] = n;
		OK(store_put_tale(s, &d, e));
		OK(store_put_tale(s, &d, e));
	}
	commit();
	OK(store_list_tales(s, add_tale, &rows, e));
	ck_assert(view_is(buf_view(&rows), "1;2;"));
	begin();
	OK(store_drop_tale(s, &d, e));
	OK(store_drop_tale(s, &d, e));
	commit();
	buf_reset(&rows);
	OK(store_list_tales(s, add_tale, &rows, e));
	ck_assert(view_is(buf_view(&rows), "2;3;"));
	buf_free(&rows);
}
END_TEST

START_TEST(timestamps_by_size)
{
	struct view response;
	uint64_t size = 9;

	OK(store_timestamped(s, &size, e));
	ck_assert_uint_eq(size, 0);
	REFUSED(REASON_STORE, store_put_timestamp(s, 3, 1000, VIEW("three"), e));
	begin();
	OK(store_put_timestamp(s, 3, 1000, VIEW("three"), e));
	OK(store_put_timestamp(s, 5, 2000, VIEW("five"), e));
	OK(store_put_timestamp(s, 5, 3000, VIEW("later"), e));
	REFUSED(REASON_NOT_FOUND, store_put_timestamp(s, UINT64_C(1) << STORE_LOG_SHIFT, 1, VIEW("x"), e));
	commit();
	OK(store_timestamped(s, &size, e));
	ck_assert_uint_eq(size, 5);
	OK(store_get_timestamp(s, 5, &response, e));
	ck_assert(view_is(response, "five"));
	REFUSED(REASON_NOT_FOUND, store_get_timestamp(s, 4, &response, e));
	/* They are the newest log's. */
	struct store *r = open_reader();
	OK(store_use_log(r, 0, e));
	OK(store_timestamped(r, &size, e));
	ck_assert_uint_eq(size, 0);
	REFUSED(REASON_NOT_FOUND, store_get_timestamp(r, 5, &response, e));
	store_close(r);
}
END_TEST

static void execute(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* ?1 is `blob`. */
static void execute_with(const char *sql, struct view blob)
{
	sqlite3_stmt *q;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_bind_blob(q, 1, blob.p, (int)blob.n, SQLITE_STATIC), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_DONE);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static bool note_leaf(void *arg, uint64_t entry, struct view leaf)
{
	struct buf *out = arg;

	buf_addf(out, "%llu %.*s;", (unsigned long long)store_entry_index(entry), VIEW_ARG(leaf));
	return true;
}

static bool note_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	note_leaf(arg, index, leaf);
	buf_add(arg, packed);
	return true;
}

/* Rows that an older build wrote are texts; those of both are read alike, and nothing is read of one that was altered. */
START_TEST(rows_of_before_and_altered_ones)
{
	struct buf out = BUF_INIT(4096);
	struct view leaf, packed;

	begin();
	put_entry(0, "new 0");
	put_entry(1, "new 1");
	put_entry(2, "new 2");
	commit();
	execute("UPDATE entry SET leaf = 'of before', compact = NULL WHERE idx = (1 << 40) + 1;"
	        "UPDATE disclosure SET packed = '[\"y\"]', compact = NULL WHERE idx = (1 << 40) + 1");
	OK(store_list_entries(s, 0, 9, note_entry, &out, e));
	OK(store_list_disclosures(s, 9, note_leaf, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "0 new 0;[\"x\"]1 of before;[\"y\"]2 new 2;[\"x\"]"
	                        "0 old 0;1 old 1;0 new 0;1 of before;2 new 2;");
	OK(store_get_entry(s, 1, &leaf, &packed, e));
	ck_assert(view_is(leaf, "of before") && view_is(packed, "[\"y\"]"));
	OK(store_find_entry(s, UINT64_C(1) << 40 | 2, &leaf, NULL, e));
	ck_assert(view_is(leaf, "new 2"));
	execute("UPDATE disclosure SET compact = x'01ff' WHERE idx = (1 << 40) + 2");
	OK(store_find_entry(s, UINT64_C(1) << 40 | 2, &leaf, NULL, e));
	REFUSED(REASON_TAMPERED, store_get_entry(s, 2, &leaf, &packed, e));
	buf_reset(&out);
	REFUSED(REASON_TAMPERED, store_list_entries(s, 2, 9, note_entry, &out, e));
	execute("UPDATE entry SET compact = x'02' WHERE idx = (1 << 40) + 2");
	REFUSED(REASON_TAMPERED, store_find_entry(s, UINT64_C(1) << 40 | 2, &leaf, NULL, e));
	REFUSED(REASON_TAMPERED, store_list_disclosures(s, 9, note_leaf, &out, e));
	buf_free(&out);
}
END_TEST

/* What is withheld of an entry may be long: hundreds of reasons, or of places in a record. */
START_TEST(long_rows)
{
	struct buf text = BUF_INIT(COMPACT_MAX);
	struct view leaf, packed;

	while (text.n < COMPACT_TEXT)
		buf_addc(&text, (char)('a' + text.n % 23));
	begin();
	OK(store_put_entry(s, 0, VIEW("new 0"), buf_view(&text), e));
	OK(store_put_entry(s, 1, VIEW("new 1"), VIEW("[\"x\"]"), e));
	commit();
	OK(store_get_entry(s, 0, &leaf, &packed, e));
	ck_assert(view_is(leaf, "new 0") && view_eq(packed, buf_view(&text)));
	OK(store_get_entry(s, 1, &leaf, &packed, e));
	ck_assert(view_is(leaf, "new 1") && view_is(packed, "[\"x\"]"));
	/* One of before is as long. */
	execute_with("UPDATE disclosure SET compact = NULL, packed = CAST(?1 AS TEXT) WHERE idx = 1 << 40",
	             buf_view(&text));
	OK(store_get_entry(s, 0, &leaf, &packed, e));
	ck_assert(view_eq(packed, buf_view(&text)));
	/* Nobody writes a longer one. */
	execute("UPDATE disclosure SET packed = packed || 'x' WHERE idx = 1 << 40");
	REFUSED(REASON_TAMPERED, store_get_entry(s, 0, &leaf, &packed, e));
	OK(store_get_entry(s, 0, &leaf, NULL, e));
	buf_addc(&text, 'x');
	begin();
	REFUSED(REASON_LIMIT, store_put_entry(s, 2, VIEW("new 2"), buf_view(&text), e));
	store_rollback(s);
	buf_free(&text);
}
END_TEST

/* A row that was altered so that it stands for more than any text has: the log was altered, and memory did not run out. */
START_TEST(rows_altered_to_stand_for_too_much)
{
	struct buf out = BUF_INIT(4096), hostile = BUF_INIT(COMPACT_MAX);
	struct view leaf, packed;

	buf_addc(&hostile, 1);
	while (hostile.n < COMPACT_TEXT / 10)
		buf_addc(&hostile, (char)0x82); /* ,"agreement_digest": */
	begin();
	put_entry(0, "new 0");
	commit();
	execute_with("UPDATE disclosure SET compact = ?1 WHERE idx = 1 << 40", buf_view(&hostile));
	REFUSED(REASON_TAMPERED, store_get_entry(s, 0, &leaf, &packed, e));
	OK(store_get_entry(s, 0, &leaf, NULL, e));
	execute_with("UPDATE entry SET compact = ?1 WHERE idx = 1 << 40", buf_view(&hostile));
	REFUSED(REASON_TAMPERED, store_get_entry(s, 0, &leaf, NULL, e));
	REFUSED(REASON_TAMPERED, store_list_entries(s, 0, 9, note_entry, &out, e));
	buf_free(&out);
	buf_free(&hostile);
}
END_TEST

START_TEST(an_old_log_is_archived)
{
	struct store_archive a = { .size = 2, .checkpoint = { .b = { 9, 8, 7 } } }, found;
	struct view note, hashes, leaf, packed;
	uint64_t size = 0;

	REFUSED(REASON_NOT_FOUND, store_get_archive(s, 0, &found, e));
	REFUSED(REASON_STORE, store_archive_entries(s, 0, &a, e)); /* no transaction */
	begin();
	REFUSED(REASON_STORE, store_archive_entries(s, 1, &a, e));
	put_entry(0, "new 0");
	OK(store_archive_entries(s, 0, &a, e));
	commit();
	ck_assert(store_erased(s));
	OK(store_checkpoint(s, true, e));
	reopen();
	REFUSED(REASON_NOT_FOUND, store_find_entry(s, 0, &leaf, &packed, e));
	REFUSED(REASON_NOT_FOUND, store_find_entry(s, 1, &leaf, &packed, e));
	OK(store_get_entry(s, 0, &leaf, &packed, e));
	ck_assert(view_is(leaf, "new 0") && packed.n > 0);
	OK(store_get_archive(s, 0, &found, e));
	ck_assert(found.size == 2 && digest_eq(&found.checkpoint, &a.checkpoint) && !found.told);
	REFUSED(REASON_NOT_FOUND, store_get_archive(s, 1, &found, e));
	begin();
	OK(store_tell_archive(s, 0, e));
	REFUSED(REASON_NOT_FOUND, store_tell_archive(s, 1, e));
	commit();
	OK(store_get_archive(s, 0, &found, e));
	ck_assert(found.told && found.size == 2);
	/* Tiles and checkpoints stay. */
	struct store *r = open_reader();
	OK(store_use_log(r, 0, e));
	OK(store_get_tile(r, 0, 0, &hashes, e));
	OK(store_last_checkpoint(r, &size, &note, e));
	ck_assert(size == 2 && view_is(note, "old 1"));
	store_close(r);
	begin();
	OK(store_put_value(s, VIEW("log/0/archived"), VIEW("short"), e));
	commit();
	REFUSED(REASON_STORE, store_get_archive(s, 0, &found, e));
}
END_TEST

TCase *make_store_logs_case(void);
TCase *make_store_logs_case(void)
{
	TCase *c = tcase_create("store_logs");

	tcase_add_checked_fixture(c, two_logs, teardown);
	tcase_add_test(c, a_new_log_begins_empty);
	tcase_add_test(c, the_old_log_stays);
	tcase_add_test(c, rows_of_before_and_altered_ones);
	tcase_add_test(c, long_rows);
	tcase_add_test(c, rows_altered_to_stand_for_too_much);
	tcase_add_test(c, an_old_log_is_archived);
	tcase_add_test(c, exchanges_name_the_log_of_their_entry);
	tcase_add_test(c, witnessed_logs_are_replaced);
	tcase_add_test(c, cosignatures_by_size);
	tcase_add_test(c, cosignatures_that_gather);
	tcase_add_test(c, sighted_checkpoints);
	tcase_add_test(c, what_is_to_be_told);
	tcase_add_test(c, timestamps_by_size);
	return c;
}
