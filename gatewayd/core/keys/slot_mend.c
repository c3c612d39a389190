/* Mending a folder whose file of slots is lost, cut or damaged. See keystore.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "gatewayd/core/keys/slot_file_private.h"

static bool fail(struct error *e, const char *path, const char *what)
{
	return error_at(e, REASON_IO, path, 0, 0, "%s: %s", what, strerror(errno));
}

/* --- one that was only cut --- */

static bool lengthen(struct slot_file *f, uint32_t needed, uint32_t made, struct error *e)
{
	off_t size = lseek(f->fd, 0, SEEK_END);
	uint32_t have = size < (off_t)SLOT_SIZE ? 0 : (uint32_t)((size - SLOT_SIZE) / SLOT_SIZE);

	if (size < 0)
		return fail(e, f->dir, "cannot measure the key slots");
	if (have >= needed && size % SLOT_SIZE == 0)
		return error_at(
		        e, REASON_CONFIG, f->dir, 0, 0,
		        "nothing is missing: the file of key slots opens, and has every slot that the store names");
	return slot_file_extend(f, have, made > have ? made : have + 1, e);
}

/* --- one that is lost --- */

/* Whether a file of that name is a master key, and which. */
static bool is_master(const char *file, uint32_t *generation)
{
	struct view name = view_of(file), number = view_from(name, strlen("master."));
	unsigned long long n = 0;

	if (!view_starts(name, VIEW("master.")) || number.n <= strlen(".key") ||
	    !view_is(view_from(number, number.n - strlen(".key")), ".key"))
		return false;
	number.n -= strlen(".key");
	bool ok = view_to_u64(number, UINT32_MAX - 1, &n);
	*generation = (uint32_t)n;
	return ok;
}

/* Destroys every master key of the folder below generation `below`; *largest: the largest that there is. */
static bool each_master(const char *dir, uint32_t *largest, uint32_t below, struct error *e)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	uint32_t generation;
	bool ok = d || fail(e, dir, "cannot read the folder of the key store");

	while (ok && (entry = readdir(d))) {
		if (!is_master(entry->d_name, &generation))
			continue;
		if (generation > *largest)
			*largest = generation;
		if (generation < below)
			ok = slot_file_destroy_master(dir, generation, e);
	}
	if (d)
		closedir(d);
	return ok;
}

static bool make_anew(struct slot_file *old, const char *dir, const struct uuid *id, uint32_t made, struct error *e)
{
	struct slot_file next;

	if (!slot_file_lock(old, dir, e))
		return false;
	old->id = *id;
	if (!each_master(dir, &old->generation, 0, e) || !slot_file_begin(old, &next, e))
		return false;
	if (!slot_file_extend(&next, 0, made, e)) {
		slot_file_abort(&next);
		return false;
	}
	bool ok = slot_file_end(old, &next, e);
	uint32_t generation = next.generation;
	slot_file_close(&next);
	return ok && each_master(dir, &old->generation, generation, e);
}

bool slot_file_mend(const char *dir, const struct uuid *id, uint32_t needed, uint32_t made, bool *kept, struct error *e)
{
	struct error why = { .reason = REASON_NONE };
	struct slot_file f;
	bool ok;

	*kept = slot_file_open(&f, dir, false, &why);
	if (*kept) {
		ok = lengthen(&f, needed, made, e);
	} else if (f.lost) {
		slot_file_close(&f);
		ok = make_anew(&f, dir, id, made, e);
	} else {
		ok = error_at(e, why.reason, why.where, 0, 0, "%s", why.text);
	}
	slot_file_close(&f);
	return ok;
}
