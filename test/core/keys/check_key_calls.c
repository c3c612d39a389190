/* Key slots when a call to the system fails: at each in turn, of the kinds below, what was asked is refused with its reason, and the
 * folder opens again with all keys that were committed. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gatewayd/core/keys/key_lease.h"
#include "gatewayd/core/keys/keystore.h"
#include "lib/crypto/crypto.h"
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

DIR *opendir(const char *path)
{
	return fails() ? NULL : fdopendir((int)syscall(SYS_open, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* OpenSSL's; 1: there are random bytes. */
#define RANDOM_INSTEAD(name) \
	int name(void *library, unsigned char *out, size_t n, unsigned strength); \
	int name(void *library, unsigned char *out, size_t n, unsigned strength) \
	{ \
		(void)library, (void)strength; \
		return !fails() && syscall(SYS_getrandom, out, n, 0) == (long)n; \
	}
RANDOM_INSTEAD(RAND_bytes_ex)
RANDOM_INSTEAD(RAND_priv_bytes_ex)

/* Of the random bytes that were drawn ahead none is left: whoever needs some next draws. */
static void use_up_random_bytes(void)
{
	uint8_t some[512];

	do
		fail_at = 0;
	while (random_bytes(some, sizeof some));
	fail_at = -1;
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

/* A call that says why, one that is taken for a file that is not there, and one that may be tried again. */
static const int failures[] = { EIO, ENOENT, EINTR };

START_TEST(at_every_call_in_turn)
{
	unsigned hit = 0, whole = 0;

	fail_with = failures[_i];
	for (long n = 0; n < MOST && whole < 2; n++) {
		char folder[400];

		snprintf(folder, sizeof folder, "%s/keys-%ld", dir.path, n);
		use_up_random_bytes();
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
		char folder[400], slots[500], older[500];
		bool kept;

		snprintf(folder, sizeof folder, "%s/keys-%ld", dir.path, n);
		snprintf(slots, sizeof slots, "%s/slots", folder);
		struct keystore *k = keystore_open(folder, true, &e);
		ck_assert_ptr_nonnull(k);
		keystore_close(k);
		/* Cut, or gone; of a rotation that was interrupted there is a second master key. */
		ck_assert_int_eq(_i ? truncate(slots, 100) : unlink(slots), 0);
		snprintf(older, sizeof older, "%s/master.7.key", folder);
		scratch_write(older, VIEW("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"));
		use_up_random_bytes();
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

static uint32_t nobody = UINT32_MAX;

/* Without random bytes no key is put, none is given out without a slot, and none is made ready. */
START_TEST(without_random_bytes)
{
	struct key_lease l = { .of = NULL };
	struct keystore *k = NULL;
	uint32_t slot, swept;

	OK((k = keystore_open(scratch_file(&dir, "keys"), true, e)) != NULL);
	OK(keystore_sweep(k, live, &nobody, &swept, e));
	OK(keystore_put(k, key, &slot, e));
	use_up_random_bytes();
	fail_at = 0;
	REFUSED(REASON_CRYPTO, keystore_put(k, key, &slot, e));
	fail_at = 0;
	ck_assert(!key_lease_take(&l, k));
	ck_assert_ptr_null(l.of);
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	ck_assert_uint_eq(keystore_count(k), 1);
	/* Neither for keys, nor for what wraps them. */
	for (long n = 0; n < 2; n++) {
		use_up_random_bytes();
		fail_at = n;
		OK(keystore_fill(k, 8, e));
		ck_assert_uint_eq(keystore_ready(k), 0);
	}
	OK(keystore_fill(k, 8, e));
	ck_assert_uint_eq(keystore_ready(k), 8);
	keystore_close(k);
}
END_TEST

TCase *make_key_calls_case(void);
TCase *make_key_calls_case(void)
{
	TCase *c = tcase_create("key_calls");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, at_every_call_in_turn, 0, (int)(sizeof failures / sizeof *failures));
	tcase_add_loop_test(c, while_it_is_mended, 0, 2);
	tcase_add_test(c, without_random_bytes);
	return c;
}
