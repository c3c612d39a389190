/* Shapes in the store: there as long as disclosures name them, whatever is rolled back, erased or archived between. */
#include <sqlite3.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/shape.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/entry.h"
#include "test/core/scratch.h"

TCase *make_store_shape_case(void);

static struct scratch_dir dir;
static struct store *s;

static void reopen(void)
{
	store_close(s);
	s = NULL;
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
}

static void setup(void)
{
	dir = scratch_new();
	reopen();
}

static void teardown(void)
{
	store_close(s);
	s = NULL;
	scratch_remove(&dir);
}

static struct store_shape shape(uint8_t n, const char *agreement)
{
	return (struct store_shape){ .digest.b = { n },
		                     .agreement = view_of(agreement),
		                     .text = VIEW("{\"dropped\":[]}") };
}

static void put(uint64_t index, uint8_t n, const char *agreement)
{
	struct store_shape one = shape(n, agreement);

	OK(store_put_shaped(s, index, VIEW("{}"), VIEW("[\"x\"]"), &one, e));
}

static bool is_there(uint8_t n, const char *agreement)
{
	struct store_shape one = shape(n, agreement);
	struct error e = { .reason = REASON_NONE };
	struct view text;
	bool found = store_get_shape(s, one.agreement, &one.digest, &text, &e);

	ck_assert(found ? view_eq(text, one.text) : e.reason == REASON_NOT_FOUND);
	return found;
}

static uint64_t count(const char *agreement)
{
	uint64_t n;

	OK(store_count_shapes(s, view_of(agreement), &n, e));
	return n;
}

START_TEST(goes_with_the_last_that_names_it)
{
	struct view text;

	OK(store_begin(s, e));
	put(0, 1, "a");
	put(1, 1, "a");
	put(2, 2, "a");
	put(3, 1, "b"); /* the same text under another agreement is another row */
	OK(store_commit(s, e));
	ck_assert_uint_eq(count("a"), 2);
	ck_assert_uint_eq(count("b"), 1);
	OK(store_find_shape(s, 1, &text, e));
	REFUSED(REASON_NOT_FOUND, store_find_shape(s, 9, &text, e));
	OK(store_begin(s, e));
	OK(store_erase_disclosures(s, 0, e));
	put(4, 1, "a");
	OK(store_erase_disclosures(s, 1, e));
	OK(store_commit(s, e));
	ck_assert(is_there(1, "a") && is_there(2, "a"));
	OK(store_begin(s, e));
	OK(store_erase_disclosures(s, 4, e));
	OK(store_commit(s, e));
	ck_assert(!is_there(1, "a") && is_there(1, "b") && is_there(2, "a"));
	REFUSED(REASON_NOT_FOUND, store_find_shape(s, 4, &text, e));
	/* And is put again by the next. */
	OK(store_begin(s, e));
	put(5, 1, "a");
	OK(store_commit(s, e));
	ck_assert(is_there(1, "a"));
}
END_TEST

static void write_by_hand(const char *sql)
{
	sqlite3 *db;

	store_close(s);
	s = NULL;
	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	reopen();
}

static uint64_t miscounted(void)
{
	uint64_t all, n;

	OK(store_check_shapes(s, &all, &n, e));
	return n;
}

/* Whatever somebody wrote into the store: what others name stays, and no erasure is kept from being done. */
START_TEST(counts_that_were_altered)
{
	OK(store_begin(s, e));
	for (uint64_t i = 0; i < 4; i++)
		put(i, 1, "a");
	put(4, 2, "a");
	OK(store_commit(s, e));
	ck_assert_uint_eq(miscounted(), 0);
	write_by_hand("UPDATE shape SET named = 1");
	ck_assert_uint_eq(miscounted(), 1);
	OK(store_begin(s, e));
	OK(store_erase_disclosures(s, 0, e));
	OK(store_commit(s, e));
	ck_assert(is_there(1, "a"));
	for (uint64_t i = 1; i < 4; i++) {
		ck_assert(is_there(1, "a"));
		OK(store_begin(s, e));
		OK(store_erase_disclosures(s, i, e));
		OK(store_commit(s, e));
	}
	ck_assert(!is_there(1, "a"));
	ck_assert_uint_eq(miscounted(), 0);
	write_by_hand("UPDATE shape SET named = 2");
	ck_assert_uint_eq(miscounted(), 1);
	write_by_hand("DELETE FROM shape");
	OK(store_begin(s, e));
	OK(store_erase_disclosures(s, 4, e));
	OK(store_commit(s, e));
	ck_assert_uint_eq(miscounted(), 0);
}
END_TEST

/* The same when a log is archived. */
START_TEST(a_count_that_was_altered_before_an_archive)
{
	struct store_log_row log = { .origin = VIEW("north/2"), .note = VIEW("") };
	struct store_archive archive = { .size = 2 };

	OK(store_begin(s, e));
	put(0, 1, "a");
	put(1, 1, "a");
	OK(store_put_log(s, &log, e));
	OK(store_commit(s, e));
	reopen();
	OK(store_begin(s, e));
	put(0, 1, "a");
	OK(store_commit(s, e));
	write_by_hand("UPDATE shape SET named = 1");
	OK(store_begin(s, e));
	OK(store_archive_entries(s, 0, &archive, e));
	OK(store_commit(s, e));
	ck_assert(is_there(1, "a"));
}
END_TEST

START_TEST(a_rollback_counts_nothing)
{
	OK(store_begin(s, e));
	put(0, 1, "a");
	OK(store_commit(s, e));
	OK(store_begin(s, e));
	put(1, 1, "a");
	put(2, 2, "a");
	store_rollback(s);
	ck_assert(is_there(1, "a") && !is_there(2, "a"));
	/* Nor does a process that ended in the midst. */
	OK(store_begin(s, e));
	put(1, 2, "a");
	reopen();
	ck_assert(!is_there(2, "a"));
	OK(store_begin(s, e));
	put(1, 2, "a");
	OK(store_erase_disclosures(s, 0, e));
	OK(store_commit(s, e));
	ck_assert(!is_there(1, "a") && is_there(2, "a"));
}
END_TEST

/* More at once than are remembered, and of a name that is longer than what is. */
START_TEST(many_in_turn)
{
	static const char longest[] = "a-name-that-is-as-long-as-no-agreement-has-it-for-a-schema-says-how-long-it-may-"
	                              "be-and-yet-a-store-takes-what-it-is-given-without-a-word";
	uint64_t index = 0;

	OK(store_begin(s, e));
	for (int round = 0; round < 3; round++)
		for (unsigned n = 1; n <= 60; n++)
			put(index++, (uint8_t)n, n % 2 ? "a" : "b");
	put(index++, 1, longest);
	put(index++, 1, longest);
	OK(store_commit(s, e));
	ck_assert_uint_eq(count("a"), 30);
	ck_assert_uint_eq(count("b"), 30);
	OK(store_begin(s, e));
	for (uint64_t i = 0; i < 120; i++)
		OK(store_erase_disclosures(s, i, e));
	OK(store_erase_disclosures(s, 180, e));
	OK(store_commit(s, e));
	ck_assert_uint_eq(count("a") + count("b"), 60);
	ck_assert(is_there(1, longest));
	OK(store_begin(s, e));
	for (uint64_t i = 120; i < 180; i++)
		OK(store_erase_disclosures(s, i, e));
	OK(store_erase_disclosures(s, 181, e));
	OK(store_commit(s, e));
	ck_assert_uint_eq(count("a") + count("b") + count(longest), 0);
}
END_TEST

static bool add_up(void *arg, const struct store_shape *one)
{
	unsigned *sum = arg;

	*sum = *sum * 10 + one->digest.b[0];
	return true;
}

START_TEST(an_archived_log_names_none)
{
	struct store_log_row log = { .origin = VIEW("north/2"), .note = VIEW("") };
	struct store_archive archive = { .size = 3 };
	unsigned sum = 0;

	OK(store_begin(s, e));
	put(0, 1, "a");
	put(1, 2, "a");
	put(2, 3, "b");
	OK(store_put_log(s, &log, e));
	OK(store_commit(s, e));
	reopen();
	OK(store_begin(s, e));
	put(0, 2, "a");
	OK(store_commit(s, e));
	OK(store_list_shapes(s, add_up, &sum, e));
	ck_assert_uint_eq(sum, 2);
	OK(store_begin(s, e));
	OK(store_archive_entries(s, 0, &archive, e));
	OK(store_commit(s, e));
	ck_assert(!is_there(1, "a") && is_there(2, "a") && !is_there(3, "b"));
}
END_TEST

/* A row that names one: what a verifier asks of it. */
START_TEST(found_when_it_is_gone_or_altered)
{
	static const char text[] = "{\"dropped\":[],\"released\":[]}";
	struct store_shape one = { .agreement = VIEW("a"), .text = view_of(text) };
	struct disclosures sd = { .n = 0 };
	struct buf decision = BUF_INIT(1000);
	uint8_t salt[16] = { 1 };

	sha256(one.text, &one.digest);
	buf_adds(&decision, "{\"retention\":\"P1D\",\"shape\":\"");
	digest_print(&decision, &one.digest);
	buf_adds(&decision, "\"}");
	disclosures_add(&sd, salt, VIEW("decision"), buf_view(&decision));
	struct view packed = buf_view(&sd.packed);
	OK(store_begin(s, e));
	OK(store_put_shaped(s, 0, VIEW("{}"), packed, &one, e));
	OK(store_commit(s, e));
	OK(shape_is_whole(s, 0, packed, e));
	OK(shape_is_whole(s, 0, VIEW("[\"bm9uZQ\"]"), e));
	/* The row was read, then erased. */
	OK(store_begin(s, e));
	OK(store_erase_disclosures(s, 0, e));
	OK(store_commit(s, e));
	OK(shape_is_whole(s, 0, packed, e));
	/* It names one that is not there. */
	OK(store_begin(s, e));
	OK(store_put_entry(s, 1, VIEW("{}"), packed, e));
	/* And one whose text is another. */
	one.text = VIEW("{\"dropped\":[],\"released\":[{}]}");
	OK(store_put_shaped(s, 2, VIEW("{}"), packed, &one, e));
	OK(store_commit(s, e));
	REFUSED(REASON_TAMPERED, shape_is_whole(s, 1, packed, e));
	REFUSED(REASON_TAMPERED, shape_is_whole(s, 2, packed, e));
	disclosures_free(&sd);
	buf_free(&decision);
}
END_TEST

TCase *make_store_shape_case(void)
{
	TCase *c = tcase_create("store_shape");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, goes_with_the_last_that_names_it);
	tcase_add_test(c, counts_that_were_altered);
	tcase_add_test(c, a_count_that_was_altered_before_an_archive);
	tcase_add_test(c, a_rollback_counts_nothing);
	tcase_add_test(c, many_in_turn);
	tcase_add_test(c, an_archived_log_names_none);
	tcase_add_test(c, found_when_it_is_gone_or_altered);
	return c;
}
