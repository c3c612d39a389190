/* The store's files: who may open them, how the log is kept short, and that what is erased is gone. */
#include <sys/wait.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "lib/base/encode.h"
#include "test/core/store_fixture.h"

/* --- opening --- */

START_TEST(readers_see_what_is_committed)
{
	struct store *r = open_reader();
	struct view got;

	begin();
	OK(store_put_value(s, VIEW("a"), VIEW("1"), e));
	REFUSED(REASON_NOT_FOUND, store_get_value(r, VIEW("a"), &got, e));
	commit();
	OK(store_get_value(r, VIEW("a"), &got, e));
	ck_assert(view_is(got, "1"));
	/* A reader holds no snapshot between its calls: the log can be truncated. */
	OK(store_checkpoint(s, true, e));
	store_close(r);
}
END_TEST

static bool truncate_meanwhile(void *arg, const struct store_exchange *x)
{
	(void)arg;
	(void)x;
	begin();
	OK(store_put_value(s, VIEW("meanwhile"), VIEW("1"), e));
	commit();
	REFUSED(REASON_UNAVAILABLE, store_checkpoint(s, true, e));
	OK(store_checkpoint(s, false, e));
	return true;
}

START_TEST(reader_under_way_delays_truncation)
{
	struct store_exchange x = make_exchange(1, "p", "", 7), prior;
	struct store *r = open_reader();

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	commit();
	OK(store_list_exchanges(r, 0, 10, truncate_meanwhile, NULL, e));
	OK(store_checkpoint(s, true, e));
	store_close(r);
}
END_TEST

START_TEST(log_is_checkpointed_as_it_grows)
{
	char bytes[65536];
	struct stat st;
	int64_t largest = 0;
	unsigned wanted = 0;

	memset(bytes, 'x', sizeof bytes);
	for (unsigned i = 0; i < 1500; i++) {
		struct store_payload p = { .seq = i + 1, .slot = i, .sealed = view_make(bytes, sizeof bytes) };
		begin();
		OK(store_put_payload(s, &p, e));
		commit();
		wanted += store_wants_checkpoint(s);
		OK(store_checkpoint(s, false, e));
		ck_assert_int_eq(stat(scratch_file(&dir, "store.db-wal"), &st), 0);
		largest = st.st_size > largest ? st.st_size : largest;
	}
	/* 96 MiB went through a log of about 4. */
	ck_assert_int_lt(largest, 5 * 1024 * 1024);
	ck_assert(wanted >= 16 && wanted <= 32);
}
END_TEST

static void put_large(uint64_t seq)
{
	static char bytes[65536];
	struct store_payload p = { .seq = seq, .slot = (uint32_t)seq, .sealed = view_make(bytes, sizeof bytes) };

	memset(bytes, (int)(seq % 251), sizeof bytes);
	OK(store_begin(s, e));
	OK(store_put_payload(s, &p, e));
	OK(store_commit(s, e));
}

/* As the writer does after each transaction; whether the sync of what was copied is under way. */
static bool moves_ahead(void)
{
	bool ready = true;

	if (store_wants_checkpoint(s) || store_moving(s))
		OK(store_move_ahead(s, &ready, e));
	if (ready)
		OK(store_checkpoint(s, false, e));
	ck_assert(ready || store_moving(s));
	return !ready;
}

static void must_have(struct store *of, uint64_t seq)
{
	struct store_payload p;

	OK(store_get_payload(of, seq, &p, e));
	ck_assert_uint_eq(p.sealed.n, 65536);
	ck_assert(p.sealed.p[0] == (char)(seq % 251) && memcmp(p.sealed.p, p.sealed.p + 1, 65535) == 0);
}

/* Commits go on while what was copied is synced; the log is begun anew all the same, and a reader finds every row. */
START_TEST(long_part_goes_ahead)
{
	struct store *reader;
	struct stat st;
	unsigned beside = 0, anew = 0;
	int64_t last = 0;

	OK((reader = store_open_reader(scratch_file(&dir, "store.db"), e)) != NULL);
	for (uint64_t seq = 1; seq <= 1000; seq++) {
		put_large(seq);
		beside += moves_ahead();
		must_have(reader, seq);
		must_have(reader, seq > 200 ? seq - 200 : 1);
		ck_assert_int_eq(stat(scratch_file(&dir, "store.db"), &st), 0);
		anew += st.st_size > last;
		last = st.st_size;
	}
	ck_assert_uint_gt(beside, 0);
	ck_assert_uint_gt(anew, 10);
	ck_assert_int_eq(stat(scratch_file(&dir, "store.db-wal"), &st), 0);
	ck_assert_int_lt(st.st_size, 24 * 1024 * 1024);
	store_close(reader);
	/* Whatever is under way is ended first. */
	OK(store_checkpoint(s, true, e));
	ck_assert(!store_moving(s));
	store_close(s);
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	for (uint64_t seq = 1; seq <= 1000; seq++)
		must_have(s, seq);
}
END_TEST

/* The process ends while a sync is under way, and after one that was followed by no checkpoint. */
START_TEST(ends_while_it_goes_ahead)
{
	int status;

	store_close(s);
	s = NULL;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct error e = { .reason = REASON_NONE };
		unsigned moving = 0, last = (unsigned)_i;
		uint64_t seq = 0;
		s = store_open(scratch_file(&dir, "store.db"), &e);
		while (s && moving <= last && seq < 400) {
			put_large(++seq);
			moving += moves_ahead();
		}
		_exit(s && moving > last ? (int)(seq / 4) : 255);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) < 255);
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	for (uint64_t seq = 1; seq <= (uint64_t)WEXITSTATUS(status) * 4; seq++)
		must_have(s, seq);
}
END_TEST

START_TEST(second_writer_is_refused)
{
	REFUSED(REASON_UNAVAILABLE, store_open(scratch_file(&dir, "store.db"), e) != NULL);
}
END_TEST

START_TEST(foreign_files_are_refused)
{
	struct view db = VIEW("this is not a database, however long one looks at it; it is a page of prose...........");

	scratch_write(scratch_file(&dir, "prose.db"), db);
	REFUSED(REASON_STORE, store_open(scratch_file(&dir, "prose.db"), e) != NULL);
	REFUSED(REASON_STORE, store_open_reader(scratch_file(&dir, "prose.db"), e) != NULL);
	REFUSED(REASON_STORE, store_open_reader(scratch_file(&dir, "absent.db"), e) != NULL);
	REFUSED(REASON_STORE, store_open(scratch_file(&dir, "no-such-folder/store.db"), e) != NULL);
	/* Bytes 60 to 63 of the file are the version of its schema, 68 to 71 the program's mark. */
	store_close(s);
	scratch_copy(scratch_file(&dir, "store.db"), scratch_file(&dir, "newer.db"));
	scratch_copy(scratch_file(&dir, "store.db"), scratch_file(&dir, "foreign.db"));
	s = open_store();
	int fd = open(scratch_file(&dir, "newer.db"), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\0\0\0\x63", 4, 60), 4);
	close(fd);
	REFUSED(REASON_CONFIG, store_open(scratch_file(&dir, "newer.db"), e) != NULL);
	REFUSED(REASON_CONFIG, store_open_reader(scratch_file(&dir, "newer.db"), e) != NULL);
	fd = open(scratch_file(&dir, "foreign.db"), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\x12\x34\x56\x78", 4, 68), 4);
	close(fd);
	REFUSED(REASON_CONFIG, store_open(scratch_file(&dir, "foreign.db"), e) != NULL);
}
END_TEST

START_TEST(files_are_private)
{
	static const char *const names[] = { "store.db", "store.db-wal", "store.db.lock" };
	struct stat st;

	begin();
	OK(store_put_value(s, VIEW("a"), VIEW("1"), e));
	commit();
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		ck_assert_int_eq(stat(scratch_file(&dir, names[i]), &st), 0);
		ck_assert_int_eq(st.st_mode & 0777, 0600);
	}
}
END_TEST

/* --- erasure --- */

START_TEST(erased_bytes_are_in_no_file)
{
	static const char canary[] = "canary-4711-of-the-sealed-payload";
	static const char secret_disclosure[] = "canary-0815-of-a-disclosure";
	char sealed[9000];
	struct store_exchange x = make_exchange(1, "p", "", 7), prior;

	/* Overflow pages too: a canary every 64 bytes. */
	for (size_t i = 0; i + 64 <= sizeof sealed; i += 64)
		memcpy(sealed + i, canary, sizeof canary);
	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	struct store_payload p = { .seq = x.seq, .sealed = view_make(sealed, sizeof sealed) };
	OK(store_put_payload(s, &p, e));
	OK(store_put_entry(s, 0, VIEW("{}"), view_of(secret_disclosure), e));
	commit();
	ck_assert(scratch_holds(scratch_file(&dir, "store.db-wal"), canary, sizeof canary - 1));
	OK(store_checkpoint(s, true, e));
	ck_assert(scratch_holds(scratch_file(&dir, "store.db"), canary, sizeof canary - 1));
	begin();
	OK(store_erase_payload(s, x.seq, e));
	OK(store_erase_disclosures(s, 0, e));
	commit();
	OK(store_checkpoint(s, true, e));
	for (unsigned i = 0; i < 2; i++) {
		const char *file = scratch_file(&dir, i ? "store.db-wal" : "store.db");
		ck_assert(!scratch_holds(file, canary, sizeof canary - 1));
		ck_assert(!scratch_holds(file, secret_disclosure, sizeof secret_disclosure - 1));
	}
}
END_TEST

/* A disclosure is base64 in the text, and lies decoded in its row. */
START_TEST(erased_disclosures_are_in_no_file)
{
	static const char plain[] = "[\"AAAAAAAAAAAAAAAAAAAAAA\",\"case\",\"canary-0816-of-a-disclosure\"]";
	static const char canary[] = "canary-0816-of-a-disclosure";
	struct buf packed = BUF_INIT(4096);
	const char *found[] = { canary, NULL };

	buf_adds(&packed, "[\"");
	base64url_encode(&packed, view_of(plain));
	buf_adds(&packed, "\"]");
	buf_addc(&packed, 0);
	found[1] = packed.p;
	begin();
	OK(store_put_entry(s, 0, VIEW("{}"), view_of(packed.p), e));
	commit();
	OK(store_checkpoint(s, true, e));
	ck_assert(scratch_holds(scratch_file(&dir, "store.db"), canary, sizeof canary - 1));
	begin();
	OK(store_erase_disclosures(s, 0, e));
	commit();
	OK(store_checkpoint(s, true, e));
	for (unsigned i = 0; i < 4; i++)
		ck_assert(!scratch_holds(scratch_file(&dir, i & 1 ? "store.db-wal" : "store.db"), found[i / 2],
		                         strlen(found[i / 2])));
	buf_free(&packed);
}
END_TEST

static void erase_and_die(void)
{
	struct store *child;
	struct error e = { .reason = REASON_NONE };

	child = store_open(scratch_file(&dir, "store.db"), &e);
	if (!child || !store_begin(child, &e) || !store_erase_payload(child, 1, &e) || !store_commit(child, &e))
		_exit(1);
	_exit(0);
}

START_TEST(erasure_before_a_crash_is_cleared_at_start)
{
	static const char canary[] = "canary-4712-of-the-sealed-payload";
	struct store_payload p = { .seq = 1, .sealed = view_of(canary) };
	int status;

	begin();
	OK(store_put_payload(s, &p, e));
	commit();
	OK(store_checkpoint(s, true, e));
	store_close(s);
	pid_t pid = fork();
	if (pid == 0)
		erase_and_die();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert(scratch_holds(scratch_file(&dir, "store.db"), canary, sizeof canary - 1));
	s = open_store();
	ck_assert(!scratch_holds(scratch_file(&dir, "store.db"), canary, sizeof canary - 1));
	ck_assert(!scratch_holds(scratch_file(&dir, "store.db-wal"), canary, sizeof canary - 1));
}
END_TEST

TCase *make_store_files_case(void);
TCase *make_store_files_case(void)
{
	TCase *c = tcase_create("store_files");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, readers_see_what_is_committed);
	tcase_add_test(c, reader_under_way_delays_truncation);
	tcase_add_test(c, log_is_checkpointed_as_it_grows);
	tcase_add_test(c, long_part_goes_ahead);
	tcase_add_loop_test(c, ends_while_it_goes_ahead, 0, 4);
	tcase_add_test(c, second_writer_is_refused);
	tcase_add_test(c, foreign_files_are_refused);
	tcase_add_test(c, files_are_private);
	tcase_add_test(c, erased_bytes_are_in_no_file);
	tcase_add_test(c, erased_disclosures_are_in_no_file);
	tcase_add_test(c, erasure_before_a_crash_is_cleared_at_start);
	return c;
}
