/* See slot_file_private.h. Every step that other steps rely on after a loss of power is synced, and the folder
 * with it where a name changed. */
#include "gatewayd/core/keys/slot_file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/keys/keystore.h"
#include "lib/base/wire.h"
#include "lib/base/errno_reason.h"
#include "gatewayd/os/secret_file.h"

#define PATH_SIZE    256
#define MASTER_BYTES 32
#define CHECK_BYTES  16
#define ID_OFFSET    32

static const char magic[8] = { 'g', 'w', 's', 'l', 'o', 't', 's', '1' };

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, errno_reason(errno), path, 0, 0, "%s: %s", what, strerror(errno));
}

static void slots_path(const char *dir, const char *suffix, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/slots%s", dir, suffix);
}

static void master_path(const char *dir, uint32_t generation, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/master.%u.key", dir, generation);
}

static bool sync_dir(const char *dir, struct error *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		fail(e, dir, "cannot sync the folder of the key store");
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool write_all(int fd, const void *p, size_t n, int64_t at, struct error *e)
{
	for (const char *next = p; n > 0;) {
		ssize_t done = pwrite(fd, next, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return fail(e, "slots", "cannot write the key slots");
		next += done;
		n -= (size_t)done;
		at += done;
	}
	return true;
}

bool slot_file_destroy_master(const char *dir, uint32_t generation, struct error *e)
{
	char path[PATH_SIZE];
	struct stat st;
	uint8_t noise[256];

	master_path(dir, generation, path);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || fail(e, path, "cannot open an old master key");
	bool ok = fstat(fd, &st) == 0 && random_bytes(noise, sizeof noise);
	for (int64_t at = 0; ok && at < st.st_size; at += (int64_t)sizeof noise)
		ok = write_all(fd, noise, sizeof noise, at, e);
	ok = ok && fsync(fd) == 0 && unlink(path) == 0;
	close(fd);
	if (!ok)
		return fail(e, path, "cannot destroy an old master key");
	return sync_dir(dir, e);
}

static void check_value(const struct secret *master, uint8_t out[CHECK_BYTES])
{
	struct digest d;

	sha256(view_make(master->b, master->n), &d);
	memcpy(out, d.b, CHECK_BYTES);
}

static bool write_header(const struct slot_file *f, struct error *e)
{
	uint8_t header[SLOT_SIZE] = { 0 };

	memcpy(header, magic, sizeof magic);
	for (unsigned i = 0; i < 4; i++)
		header[8 + i] = (uint8_t)(f->generation >> (24 - 8 * i));
	check_value(&f->master, header + 16);
	memcpy(header + ID_OFFSET, f->id.b, sizeof f->id.b);
	return write_all(f->fd, header, sizeof header, 0, e);
}

static bool make_master(struct slot_file *f, struct error *e)
{
	char path[PATH_SIZE];

	f->master.n = MASTER_BYTES;
	if (!random_secret(f->master.b, MASTER_BYTES))
		return error_set(e, REASON_CRYPTO, "no random bytes for a master key");
	master_path(f->dir, f->generation, path);
	return secret_write_new(path, &f->master, e);
}

static bool create_files(struct slot_file *f, struct error *e)
{
	struct slot_file none = *f;

	/* A first start that was interrupted may have left a key without slots. */
	none.generation = 0;
	if (!random_bytes(none.id.b, sizeof none.id.b))
		return error_set(e, REASON_CRYPTO, "no random bytes for key slots");
	if (!slot_file_destroy_master(f->dir, 1, e) || !slot_file_begin(&none, f, e))
		return false;
	f->lock = none.lock;
	return slot_file_end(&none, f, e);
}

/* What people can do where the slots of a store that is in use are not there, or not what they were. */
static bool lost(struct slot_file *f, const char *path, const char *what, struct error *e)
{
	f->lost = true;
	/* Whoever only reads may look at any copy of the folder. */
	if (f->lock < 0)
		return error_at(e, REASON_CONFIG, path, 0, 0, "%s", what);
	return error_at(e, REASON_CONFIG, path, 0, 0,
	                "%s. Put it back as it was, or let `gatewayctl keys new-slots` make a new one: payloads that "
	                "wait are lost then, and logged one by one",
	                what);
}

/* The header, and the master key that it names. */
static bool read_header(struct slot_file *f, struct error *e)
{
	uint8_t header[SLOT_SIZE], check[CHECK_BYTES];
	char path[PATH_SIZE];

	if (pread(f->fd, header, sizeof header, 0) != (ssize_t)sizeof header ||
	    memcmp(header, magic, sizeof magic) != 0)
		return lost(f, f->dir, "the file `slots` is damaged", e);
	struct reader r = { .rest = view_make(header + 8, 4) };
	f->generation = read_u32(&r);
	memcpy(f->id.b, header + ID_OFFSET, sizeof f->id.b);
	master_path(f->dir, f->generation, path);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return lost(f, path, "the master key of the file `slots` is missing", e);
	if (!secret_read(path, MASTER_BYTES, &f->master, e))
		return false;
	check_value(&f->master, check);
	if (!same_secret(check, header + 16, CHECK_BYTES))
		return lost(f, path, "the master key is not the one of the key slots", e);
	return true;
}

bool slot_file_recover(const struct slot_file *f, struct error *e)
{
	char path[PATH_SIZE];

	/* Before the switch the next key is the one too many, after it the last. */
	slots_path(f->dir, ".new", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(e, path, "cannot remove an unfinished file of key slots");
	return slot_file_destroy_master(f->dir, f->generation + 1, e) &&
	       (f->generation == 1 || slot_file_destroy_master(f->dir, f->generation - 1, e));
}

static bool take_dir(struct slot_file *f, const char *dir, struct error *e)
{
	*f = (struct slot_file){ .fd = -1, .lock = -1 };
	return (size_t)snprintf(f->dir, sizeof f->dir, "%s", dir) < sizeof f->dir ||
	       error_at(e, REASON_CONFIG, dir, 0, 0, "the path of the key store is too long");
}

/* On the folder itself, so that nothing is written for it, and a rotation, which replaces the file, keeps it. */
static bool lock_dir(struct slot_file *f, const char *dir, struct error *e)
{
	f->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->lock < 0)
		return fail(e, dir, "cannot open the folder of the key store");
	if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		return error_at(
		        e, REASON_UNAVAILABLE, dir, 0, 0,
		        "the keys are in use: another gatewayd has this folder open. Stop it, or name another folder as "
		        "`keys`");
	return fail(e, dir, "cannot lock the folder of the key store");
}

bool slot_file_lock(struct slot_file *f, const char *dir, struct error *e)
{
	return take_dir(f, dir, e) && lock_dir(f, dir, e);
}

bool slot_file_open(struct slot_file *f, const char *dir, bool create, struct error *e)
{
	char path[PATH_SIZE];

	if (!take_dir(f, dir, e))
		return false;
	if (create && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(e, dir, "cannot make the folder of the key store");
	if (!lock_dir(f, dir, e))
		return false;
	slots_path(dir, "", path);
	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd >= 0)
		return read_header(f, e);
	if (errno == ENOENT && !create)
		return lost(f, path, "the file of key slots is missing", e);
	if (errno != ENOENT)
		return fail(e, path, "cannot open the key slots");
	return create_files(f, e);
}

bool slot_file_open_reader(struct slot_file *f, const char *dir, struct error *e)
{
	char path[PATH_SIZE];

	if (!take_dir(f, dir, e))
		return false;
	slots_path(dir, "", path);
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); /* a pipe would wait for its writer */
	return f->fd >= 0 ? read_header(f, e) : fail(e, path, "cannot open the key slots");
}

void slot_file_close(struct slot_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->lock >= 0)
		close(f->lock);
	f->fd = f->lock = -1;
	secret_wipe(&f->master);
}

bool slot_file_name(struct slot_file *f, const struct uuid *id, struct error *e)
{
	f->id = *id;
	return write_all(f->fd, id->b, sizeof id->b, ID_OFFSET, e) && slot_file_sync(f, e);
}

bool slot_file_write(const struct slot_file *f, uint32_t slot, const void *p, size_t n, struct error *e)
{
	return write_all(f->fd, p, n, slot_offset(slot), e);
}

bool slot_file_extend(const struct slot_file *f, uint32_t from, uint32_t to, struct error *e)
{
	size_t n = (size_t)(to - from) * SLOT_SIZE;
	char *zeros = calloc(1, n);
	bool ok = zeros && write_all(f->fd, zeros, n, slot_offset(from), e);

	if (!zeros)
		error_set(e, REASON_NO_MEMORY, "no memory for key slots");
	free(zeros);
	/* fsync and not fdatasync: later syncs of slots then have no size to record. */
	if (ok && fsync(f->fd) < 0)
		ok = fail(e, "slots", "cannot sync the key slots");
	return ok;
}

bool slot_file_sync(const struct slot_file *f, struct error *e)
{
	return fdatasync(f->fd) == 0 || fail(e, "slots", "cannot sync the key slots");
}

bool slot_file_begin(const struct slot_file *f, struct slot_file *next, struct error *e)
{
	struct slot_file fresh = { .fd = -1, .lock = -1, .generation = f->generation + 1, .id = f->id };
	char path[PATH_SIZE];

	memcpy(fresh.dir, f->dir, sizeof fresh.dir);
	slots_path(f->dir, ".new", path);
	if (!slot_file_destroy_master(fresh.dir, fresh.generation, e) || !make_master(&fresh, e) ||
	    !sync_dir(fresh.dir, e))
		return false;
	fresh.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fresh.fd < 0)
		fail(e, path, "cannot make a new file of key slots");
	if (fresh.fd < 0 || !write_header(&fresh, e)) {
		slot_file_abort(&fresh);
		return false;
	}
	*next = fresh;
	return true;
}

bool slot_file_end(const struct slot_file *f, struct slot_file *next, struct error *e)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	slots_path(f->dir, ".new", from);
	slots_path(f->dir, "", to);
	if (fsync(next->fd) < 0 || rename(from, to) < 0) {
		fail(e, from, "cannot put new key slots into place");
		slot_file_abort(next);
		return false;
	}
	return sync_dir(next->dir, e) && (f->generation == 0 || slot_file_destroy_master(next->dir, f->generation, e));
}

void slot_file_abort(struct slot_file *next)
{
	char path[PATH_SIZE];

	slots_path(next->dir, ".new", path);
	unlink(path);
	/* What cannot be destroyed now is at the next start. */
	(void)!slot_file_destroy_master(next->dir, next->generation, NULL);
	slot_file_close(next);
}
