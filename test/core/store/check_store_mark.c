/* Marks are found from their commit on, wherever they lie: in memory, in the index, or half moved. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/mark.h"
#include "test/core/store_fixture.h"

TCase *make_store_mark_case(void);

static struct digest mark_of(uint8_t first, uint8_t last)
{
	return (struct digest){ .b = { first, 1, 2, 3, [31] = last } };
}

static void put(uint64_t seq, struct digest mark)
{
	struct store_caveats c = { .text = VIEW("[]"), .mark = mark };

	OK(store_put_caveats(s, seq, &c, e));
}

/* A row as if so many exchanges had come before, and a new start. */
static void execute(const char *sql)
{
	struct sqlite3 *db;

	store_close(s);
	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	s = open_store();
}

#define GO_ON_AT(seq) \
	execute("INSERT INTO exchange (seq, id, partner, body, agreement, agreement_digest, provider, recipient, status, " \
	        "answer) VALUES (" #seq ", CAST(" #seq " AS BLOB), '', x'', '', x'', '', '', 0, '')")

static uint64_t index_rows(void)
{
	struct sqlite3 *db;
	struct sqlite3_stmt *q;

	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM mark", -1, &q, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	uint64_t n = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

struct list {
	uint64_t seqs[STORE_MARKED_MAX + 1];
	size_t n, most;
};

static bool note(void *arg, uint64_t seq)
{
	struct list *l = arg;

	ck_assert_uint_le(l->n, STORE_MARKED_MAX);
	l->seqs[l->n++] = seq;
	return l->n < l->most;
}

static struct list found_by(struct store *who, struct digest mark)
{
	struct list l = { .most = STORE_MARKED_MAX + 1 };

	OK(store_list_marked(who, &mark, note, &l, e));
	return l;
}

/* By the store itself, by a reader that shares its memory, and by one that does not. */
static struct list found(struct digest mark)
{
	struct store *sharing = open_reader(), *alone = open_reader();

	store_share_marks(sharing, s);
	struct list mine = found_by(s, mark), theirs = found_by(sharing, mark), others = found_by(alone, mark);
	ck_assert_mem_eq(&mine, &theirs, sizeof mine);
	ck_assert_mem_eq(&mine, &others, sizeof mine);
	store_close(alone);
	store_close(sharing);
	return mine;
}

START_TEST(is_found_from_its_commit_on)
{
	struct digest mark = mark_of(7, 0);
	bool any;

	OK(store_any_marked(s, &any, e));
	ck_assert(!any);
	begin();
	put(1, mark);
	struct store *sharing = open_reader();
	store_share_marks(sharing, s);
	ck_assert_uint_eq(found_by(sharing, mark).n, 0);
	store_close(sharing);
	store_rollback(s);
	ck_assert_uint_eq(found(mark).n, 0);
	begin();
	put(2, mark);
	put(3, mark_of(7, 1)); /* begins as the other does */
	put(1, mark);
	commit();
	struct list l = found(mark);
	ck_assert(l.n == 2 && l.seqs[0] == 1 && l.seqs[1] == 2);
	OK(store_any_marked(s, &any, e));
	ck_assert(any);
	reopen();
	l = found(mark);
	ck_assert(l.n == 2 && l.seqs[0] == 1 && l.seqs[1] == 2);
}
END_TEST

/* Many, so that tables grow and several share a beginning; a row each. */
#define MANY 3000

static void put_many(void)
{
	begin();
	for (uint64_t seq = 1; seq <= MANY; seq++)
		put(seq, mark_of((uint8_t)(seq * 7), (uint8_t)(seq >> 8)));
	commit();
}

static void check_many(void)
{
	for (unsigned first = 0; first < 256; first += 51) {
		struct list l = found(mark_of((uint8_t)first, 4));
		ck_assert_uint_eq(l.n, 1);
		ck_assert(l.seqs[0] >> 8 == 4 && (uint8_t)(l.seqs[0] * 7) == first);
	}
}

START_TEST(moves_into_the_index_with_later_commits)
{
	put_many();
	ck_assert_uint_eq(index_rows(), 0);
	check_many();
	GO_ON_AT(70000);
	/* What is rolled back is moved again. */
	begin();
	put(70001, mark_of(9, 99));
	store_rollback(s);
	ck_assert_uint_eq(index_rows(), 0);
	begin();
	put(70001, mark_of(9, 99));
	commit();
	uint64_t some = index_rows();
	ck_assert(some > 0 && some < MANY);
	check_many();
	for (unsigned i = 0; i < MANY && index_rows() < MANY; i++) {
		begin();
		commit();
	}
	begin();
	commit();
	ck_assert_uint_eq(index_rows(), MANY);
	check_many();
	ck_assert_uint_eq(found(mark_of(9, 99)).seqs[0], 70001);
	/* Of an exchange that was held back for so long. */
	begin();
	put(69999, mark_of(9, 99));
	commit();
	ck_assert_uint_eq(index_rows(), MANY + 1);
	reopen();
	check_many();
	struct list l = found(mark_of(9, 99));
	ck_assert(l.n == 2 && l.seqs[0] == 69999 && l.seqs[1] == 70001);
}
END_TEST

static _Atomic bool looking;
static _Atomic unsigned missed, looks;

static bool count_one(void *arg, uint64_t seq)
{
	(void)seq;
	++*(unsigned *)arg;
	return true;
}

static void *look_for_all(void *reader)
{
	struct error why = { .reason = REASON_NONE };

	for (unsigned i = 0; atomic_load(&looking); i += 7) {
		uint64_t seq = 1 + i % MANY;
		struct digest mark = mark_of((uint8_t)(seq * 7), (uint8_t)(seq >> 8));
		unsigned n = 0;
		if (!store_list_marked(reader, &mark, count_one, &n, &why) || n != 1)
			atomic_fetch_add(&missed, 1);
		atomic_fetch_add(&looks, 1);
	}
	return NULL;
}

/* From memory into the index, some with each commit. */
START_TEST(are_found_by_others_while_they_move)
{
	struct store *readers[2];
	pthread_t threads[2];

	put_many();
	GO_ON_AT(70000);
	atomic_store(&missed, 0);
	atomic_store(&looks, 0);
	atomic_store(&looking, true);
	for (size_t i = 0; i < 2; i++) {
		store_share_marks(readers[i] = open_reader(), s);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, look_for_all, readers[i]), 0);
	}
	for (uint64_t n = 1; n < 400; n++) {
		begin();
		put(70000 + n, mark_of(9, 99));
		commit();
	}
	atomic_store(&looking, false);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		store_close(readers[i]);
	}
	ck_assert_uint_eq(atomic_load(&missed), 0);
	ck_assert_uint_gt(atomic_load(&looks), 100);
	ck_assert_uint_ge(index_rows(), MANY);
}
END_TEST

START_TEST(goes_with_its_row)
{
	begin();
	put(1, mark_of(1, 0));
	put(2, mark_of(1, 0));
	commit();
	begin();
	OK(store_drop_caveats(s, 1, e));
	commit();
	struct list l = found(mark_of(1, 0));
	ck_assert(l.n == 1 && l.seqs[0] == 2);
	GO_ON_AT(70000);
	begin();
	commit();
	begin();
	commit();
	ck_assert_uint_eq(index_rows(), 1);
	begin();
	OK(store_drop_caveats(s, 2, e));
	commit();
	ck_assert_uint_eq(index_rows(), 0);
	ck_assert_uint_eq(found(mark_of(1, 0)).n, 0);
}
END_TEST

START_TEST(the_first_ones_are_found_in_order)
{
	begin();
	for (uint64_t seq = 3 * STORE_MARKED_MAX; seq > 0; seq--)
		put(seq, mark_of(5, 5));
	commit();
	struct list l = found(mark_of(5, 5));
	ck_assert_uint_eq(l.n, STORE_MARKED_MAX);
	for (size_t i = 0; i < l.n; i++)
		ck_assert_uint_eq(l.seqs[i], i + 1);
	struct list one = { .most = 1 };
	struct digest mark = mark_of(5, 5);
	OK(store_list_marked(s, &mark, note, &one, e));
	ck_assert_uint_eq(one.n, 1);
}
END_TEST

/* Memory has hints of those that are gone: they take no place from one that is there. */
START_TEST(those_that_are_gone_hide_none)
{
	const uint64_t gone = 5 * STORE_MARKED_MAX;

	begin();
	for (uint64_t seq = 1; seq <= gone + 2; seq++)
		put(seq, mark_of(5, 5));
	commit();
	begin();
	for (uint64_t seq = 1; seq <= gone; seq++)
		OK(store_drop_caveats(s, seq, e));
	commit();
	struct list l = found(mark_of(5, 5));
	ck_assert_uint_eq(l.n, 2);
	ck_assert(l.seqs[0] == gone + 1 && l.seqs[1] == gone + 2);
	reopen();
	l = found(mark_of(5, 5));
	ck_assert_uint_eq(l.n, 2);
	ck_assert(l.seqs[0] == gone + 1 && l.seqs[1] == gone + 2);
}
END_TEST

/* One record over and over: what more of it than are found goes into the index at once, and memory has no long row of it that each
 * next one would have to pass. */
START_TEST(of_one_mark_few_lie_in_memory)
{
	begin();
	for (uint64_t seq = 1; seq <= MANY; seq++)
		put(seq, mark_of(5, 5));
	store_rollback(s);
	ck_assert_uint_eq(found(mark_of(5, 5)).n, 0);
	for (uint64_t seq = 1; seq <= MANY; seq++) {
		begin();
		put(seq, mark_of(5, 5));
		commit();
	}
	ck_assert_uint_eq(index_rows(), MANY - STORE_MARKED_MAX);
	ck_assert_uint_eq(found(mark_of(5, 5)).n, STORE_MARKED_MAX);
	reopen();
	ck_assert_uint_eq(found(mark_of(5, 5)).n, STORE_MARKED_MAX);
	/* The others of its first bytes are found beside it. */
	begin();
	put(MANY + 1, mark_of(5, 6));
	commit();
	struct list l = found(mark_of(5, 6));
	ck_assert(l.n == 1 && l.seqs[0] == MANY + 1);
	begin();
	for (uint64_t seq = 1; seq <= MANY; seq++)
		OK(store_drop_caveats(s, seq, e));
	commit();
	ck_assert_uint_eq(found(mark_of(5, 5)).n, 0);
	ck_assert_uint_eq(index_rows(), 1);
}
END_TEST

/* As the build without them left it. */
START_TEST(an_older_store_is_taken_over)
{
	put_many();
	execute("ALTER TABLE entry DROP COLUMN compact; ALTER TABLE disclosure DROP COLUMN compact;"
	        "DROP TABLE act; DROP TABLE act_signature; DROP TABLE act_telling;"
	        "DROP TABLE receipt_of; DROP TABLE receipt_bundle; DROP TABLE mark; DROP TABLE mark_end;"
	        "CREATE INDEX caveats_marked ON caveats (mark) WHERE mark IS NOT NULL;"
	        "INSERT INTO caveats (seq, text) VALUES (9000, '[]'); PRAGMA user_version = 21");
	ck_assert_uint_eq(index_rows(), MANY);
	check_many();
	begin();
	put(9001, mark_of(9, 99));
	put(8999, mark_of(9, 99));
	commit();
	ck_assert_uint_eq(index_rows(), MANY + 1);
	struct list l = found(mark_of(9, 99));
	ck_assert(l.n == 2 && l.seqs[0] == 8999 && l.seqs[1] == 9001);
}
END_TEST

TCase *make_store_mark_case(void)
{
	TCase *c = tcase_create("store_mark");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, is_found_from_its_commit_on);
	tcase_add_test(c, moves_into_the_index_with_later_commits);
	tcase_add_test(c, are_found_by_others_while_they_move);
	tcase_add_test(c, goes_with_its_row);
	tcase_add_test(c, the_first_ones_are_found_in_order);
	tcase_add_test(c, those_that_are_gone_hide_none);
	tcase_add_test(c, of_one_mark_few_lie_in_memory);
	tcase_add_test(c, an_older_store_is_taken_over);
	return c;
}
