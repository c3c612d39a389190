/* The sync beside the commits that follow: what is true when it fails. The kernel reports a failed sync once and may forget
 * what it did not write, so that nothing but the write-ahead log has it: that must be there whole for the next start. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "test/core/store_fixture.h"

#define VALUES 40

/* In the place of the C library's; the engine calls this. */
static _Atomic bool failing;
static _Atomic unsigned synced, failed;

int fdatasync(int fd)
{
	if (atomic_load(&failing)) {
		atomic_fetch_add(&failed, 1);
		errno = EIO;
		return -1;
	}
	atomic_fetch_add(&synced, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

/* Commits until the log holds more than a checkpoint would copy by itself. */
static void fill(void)
{
	static char bytes[65536];
	char name[16];

	memset(bytes, 'x', sizeof bytes);
	for (unsigned i = 0; i < VALUES; i++) {
		snprintf(name, sizeof name, "value %u", i);
		begin();
		OK(store_put_value(s, view_of(name), view_make(bytes, sizeof bytes), e));
		commit();
	}
}

static off_t log_bytes(void)
{
	struct stat st;

	return stat(scratch_file(&dir, "store.db-wal"), &st) == 0 ? st.st_size : -1;
}

/* In a loop: the writer sees that the sync failed; the store is closed before it looked. */
START_TEST(what_could_not_be_synced_stays_in_the_log)
{
	struct error last = { .reason = REASON_NONE };
	struct view value;
	bool ready, seen = _i == 0;

	fill();
	off_t before = log_bytes();
	ck_assert_int_gt(before, VALUES * 65536);
	atomic_store(&failed, 0);
	atomic_store(&failing, true);
	OK(store_move_ahead(s, &ready, e));
	ck_assert(!ready);
	for (unsigned i = 0; i < 5000 && (seen ? store_move_ahead(s, &ready, &last) : atomic_load(&failed) == 0); i++)
		usleep(1000);
	ck_assert_uint_gt(atomic_load(&failed), 0);
	atomic_store(&failing, false);
	if (seen) {
		ck_assert_int_eq(last.reason, REASON_STORE);
		/* Not tried again: the kernel would say that all is well. */
		unsigned n = atomic_load(&synced);
		REFUSED(REASON_STORE, store_move_ahead(s, &ready, e));
		REFUSED(REASON_STORE, store_checkpoint(s, true, e));
		begin();
		REFUSED(REASON_STORE, store_commit(s, e));
		store_rollback(s);
		ck_assert_uint_eq(atomic_load(&synced), n);
	}
	store_close(s);
	s = NULL;
	ck_assert_int_eq(log_bytes(), before);
	s = open_store();
	OK(store_get_value(s, VIEW("value 39"), &value, e));
	ck_assert_uint_eq(value.n, 65536);
	OK(store_checkpoint(s, true, e));
	ck_assert_int_eq(log_bytes(), 0);
}
END_TEST

/* A process that was killed may have left in the database what was never synced, and another that reads the store keeps the
 * engine from reading the log anew: what it takes for moved is synced before the log may be begun anew. */
START_TEST(a_start_syncs_what_the_last_one_left)
{
	store_close(s);
	unsigned before = atomic_load(&synced);
	s = open_store();
	ck_assert_uint_gt(atomic_load(&synced), before);
	store_close(s);
	atomic_store(&failing, true);
	REFUSED(REASON_STORE, (s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	atomic_store(&failing, false);
}
END_TEST

TCase *make_store_ahead_case(void);
TCase *make_store_ahead_case(void)
{
	TCase *c = tcase_create("store_ahead");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, what_could_not_be_synced_stays_in_the_log, 0, 2);
	tcase_add_test(c, a_start_syncs_what_the_last_one_left);
	return c;
}
