/* Key slots when a call to the system fails: at each in turn, of the kinds below, what was asked is refused with its reason, and the
 * folder opens again with all keys that were committed. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gatewayd/core/keys/keystore.h"
#include "test/core/scratch.h"

#define MOST 2000

static struct scratch_dir dir;
static _Thread_local long fail_at = -1; /* so many more calls succeed; -1: all do */
static _Thread_local int fail_with;
static _Thread_local bool struck;

static bool fails(void)
{
	if (fail_at < 0 || fail_at-- > 0)
		return false;
	struck = true;
	errno = fail_with;
	return true;
}

/* In the place of the C library's; fdatasync() is that of check_key_pool.c. */
#define INSTEAD(type, name, params, number, ...) \
	type name params; \
	type name params \
	{ \
		return fails() ? -1 : (type)syscall(number, __VA_ARGS__); \
	}
INSTEAD(int, fsync, (int fd), SYS_fsync, fd)
INSTEAD(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), SYS_pwrite64, fd, p, n, at)
INSTEAD(ssize_t, pread, (int fd, void *p, size_t n, off_t at), SYS_pread64, fd, p, n, at)
INSTEAD(off_t, lseek, (int fd, off_t at, int whence), SYS_lseek, fd, at, whence)
INSTEAD(int, flock, (int fd, int how), SYS_flock, fd, how)
INSTEAD(int, mkdir, (const char *path, mode_t mode), SYS_mkdir, path, mode)
INSTEAD(int, rename, (const char *from, const char *to), SYS_rename, from, to)
INSTEAD(int, unlink, (const char *path), SYS_unlink, path)
INSTEAD(int, access, (const char *path, int how), SYS_access, path, how)
INSTEAD(int, fstat, (int fd, struct stat *to), SYS_fstat, fd, to)

int open(const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return fails() ? -1 : (int)syscall(SYS_open, path, flags, mode);
}

/* OpenSSL's; 1: there are random bytes. */
int RAND_bytes_ex(void *library, unsigned char *out, size_t n, unsigned strength);
int RAND_bytes_ex(void *library, unsigned char *out, size_t n, unsigned strength)
{
	(void)library, (void)strength;
	return !fails() && syscall(SYS_getrandom, out, n, 0) == (long)n;
}

static void setup(void)
{
	dir = scratch_new();
}

static void teardown(void)
{
	fail_at = -1;
	scratch_remove(&dir);
}

static bool live(void *arg, uint32_t slot)
{
	return slot == *(uint32_t *)arg;
}

static const uint8_t key[32] = { 7 };

struct came {
	bool committed, whole;
	uint32_t slot;
	struct error e;
};

static bool read_back(const char *folder, uint32_t slot, struct error *e)
{
	struct keystore *reader = keystore_open_reader(folder, e);
	uint8_t have[32];
	bool ok = reader && keystore_get(reader, slot, have, e);

	keystore_close(reader);
	return ok;
}

/* What a daemon does with its keys from the first start on; ends at the first failure. */
static struct came run(const char *folder)
{
	struct came c = { .slot = UINT32_MAX, .e = { .reason = REASON_NONE } };
	const struct uuid id = { { 1 } };
	struct error *e = &c.e;
	uint32_t swept, other, third;
	struct keystore *k = keystore_open(folder, true, e);

	bool ok = k && keystore_name(k, &id, e) && keystore_sweep(k, live, &c.slot, &swept, e) &&
	          keystore_put(k, key, &c.slot, e) && keystore_put(k, key, &other, e) && keystore_sync(k, e);
	if (k)
		keystore_settle(k, ok);
	c.committed = ok;
	ok = ok && keystore_erase(k, other, e);
	if (c.committed)
		keystore_settle(k, ok);
	ok = ok && keystore_destroy(k, e) && keystore_fill(k, 64, e) && keystore_put(k, key, &third, e) &&
	     keystore_sync(k, e);
	if (c.committed)
		keystore_settle(k, ok);
	bool rotated = ok && keystore_rotate(k, e);
	if (rotated)
		keystore_settle(k, true);
	ok = rotated && keystore_fill(k, 64, e);
	keystore_close(k);
	/* A second start sweeps what no row names. */
	k = ok ? keystore_open(folder, false, e) : NULL;
	ok = ok && k && keystore_sweep(k, live, &c.slot, &swept, e);
	if (k)
		keystore_close(k);
	c.whole = ok && read_back(folder, c.slot, e);
	return c;
}

static void opens_again(const char *folder, const struct came *c)
{
	struct error e = { .reason = REASON_NONE };
	struct keystore *k = keystore_open(folder, true, &e);
	uint32_t swept, slot = c->slot;
	uint8_t have[32];

	ck_assert_msg(k != NULL, "%s (%s)", e.text, c->e.text);
	ck_assert_msg(keystore_sweep(k, live, &slot, &swept, &e), "%s", e.text);
	if (c->committed) {
		ck_assert_msg(keystore_get(k, slot, have, &e), "%s (%s)", e.text, c->e.text);
		ck_assert_mem_eq(have, key, sizeof have);
	}
	keystore_close(k);
}

/* In a loop: a call that says why, and one that is taken for a file that is not there. */
START_TEST(at_every_call_in_turn)
{
	unsigned hit = 0, whole = 0;

	fail_with = _i ? ENOENT : EIO;
	for (long n = 0; n < MOST && whole < 2; n++) {
		char folder[400];

		snprintf(folder, sizeof folder, "%s/keys-%ld", dir.path, n);
		struck = false;
		fail_at = n;
		struct came c = run(folder);
		fail_at = -1;
		whole = struck ? 0 : whole + 1;
		hit += struck;
		/* What could go on without it did, and did all. */
		ck_assert_msg(c.whole || c.e.reason != REASON_NONE, "call %ld", n);
		ck_assert(struck || c.whole);
		opens_again(folder, &c);
	}
	ck_assert_uint_eq(whole, 2);
	ck_assert_uint_gt(hit, 40);
}
END_TEST

/* A folder that lost its slots is made anew, or is as lost as it was. */
START_TEST(while_it_is_mended)
{
	const struct uuid id = { { 1 } };
	unsigned whole = 0;

	fail_with = EIO;
	for (long n = 0; n < MOST && whole < 2; n++) {
		struct error e = { .reason = REASON_NONE };
		char folder[400], slots[500];
		bool kept;

		snprintf(folder, sizeof folder, "%s/keys-%ld", dir.path, n);
		snprintf(slots, sizeof slots, "%s/slots", folder);
		struct keystore *k = keystore_open(folder, true, &e);
		ck_assert_ptr_nonnull(k);
		keystore_close(k);
		/* Cut, or gone. */
		ck_assert_int_eq(_i ? truncate(slots, 100) : unlink(slots), 0);
		struck = false;
		fail_at = n;
		bool ok = keystore_mend(folder, &id, 3000, &kept, &e);
		fail_at = -1;
		whole = struck ? 0 : whole + 1;
		ck_assert_msg(ok || e.reason != REASON_NONE, "call %ld", n);
		ck_assert(struck || ok);
		e = (struct error){ .reason = REASON_NONE };
		ck_assert_msg(ok || keystore_mend(folder, &id, 3000, &kept, &e) || e.reason == REASON_CONFIG, "%s",
		              e.text);
		e = (struct error){ .reason = REASON_NONE };
		k = keystore_open(folder, false, &e);
		ck_assert_msg(k != NULL, "call %ld: %s", n, e.text);
		keystore_close(k);
	}
	ck_assert_uint_eq(whole, 2);
}
END_TEST

TCase *make_key_calls_case(void);
TCase *make_key_calls_case(void)
{
	TCase *c = tcase_create("key_calls");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, at_every_call_in_turn, 0, 2);
	tcase_add_loop_test(c, while_it_is_mended, 0, 2);
	return c;
}
