/* Looks at the configuration and at this machine. See doctor.h. */
#include "gatewayd/ctl/doctor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/os/files.h"

#define SYNCS    9
#define PAGE     4096
#define TMPFS    0x01021994 /* statfs(2) */
#define RAMFS    0x858458f6
#define CRL_SOON DAY_MS

/* --- the configuration --- */

static void say_certificate(void *arg, const char *text)
{
	struct doctor *d = arg;

	doctor_say(d, "certificates", strstr(text, " expired at ") ? DOCTOR_FAULT : DOCTOR_WARNING, "%s", text);
}

static void say_list(void *arg, bool refused, const char *text)
{
	if (refused)
		doctor_say(arg, "revocations", DOCTOR_FAULT, "%s; fetch the list of that authority and reload", text);
}

static void look_at_lists(struct doctor *d, const struct conf *c)
{
	int64_t due = conf_revocation_due_ms(c);
	size_t before = json_array_size(d->findings);

	conf_revocation_notes(c, d->now_ms, say_list, d);
	if (json_array_size(d->findings) > before)
		return;
	if (!c->revocation_checked)
		doctor_say(d, "revocations", DOCTOR_OK,
		           "none are configured: a stolen certificate is good until its pin is taken away");
	else
		doctor_say(d, "revocations", due - d->now_ms < CRL_SOON ? DOCTOR_WARNING : DOCTOR_OK,
		           "the next list is due in %d hours%s", (int)((due - d->now_ms) / (3600 * SECOND_MS)),
		           due - d->now_ms < CRL_SOON ? "; fetch it and reload" : "");
}

static void look_at_certificates(struct doctor *d, const struct conf *c)
{
	size_t before = json_array_size(d->findings);

	conf_certificate_notes(c, d->now_ms, say_certificate, d);
	if (json_array_size(d->findings) == before)
		doctor_say(d, "certificates", DOCTOR_OK,
		           "the gateway's expires in %d days, and none of the others within 30",
		           (int)((c->own.until_ms - d->now_ms) / DAY_MS));
}

/* A version in whose place another is in force: it stays for what was decided by it. */
static bool replaced(const struct conf *c, const struct agreement *a, int64_t now_ms)
{
	for (size_t i = 0; i < c->n_agreements; i++) {
		const struct agreement *b = c->agreements[i];
		if (view_eq(agreement_id(b), agreement_id(a)) && agreement_effective_ms(b) <= now_ms &&
		    digest_eq(agreement_supersedes(b), agreement_digest(a)))
			return true;
	}
	return false;
}

static void look_at_agreement(struct doctor *d, const struct conf *c, const struct agreement *a)
{
	if (replaced(c, a, d->now_ms))
		doctor_say(d, "agreements", DOCTOR_OK, "agreement %.*s: version %.*s was replaced by another",
		           VIEW_ARG(agreement_id(a)), VIEW_ARG(agreement_version(a)));
	else
		doctor_judge_agreement(d, agreement_text(a));
}

struct conf *doctor_configuration(struct doctor *d, const char *path)
{
	const struct secret none = { .n = 0 };
	struct error_list errors = { .n = 0 }, again = { .n = 0 };
	struct conf *c = conf_load_here(path, &none, NULL, d->now_ms, &errors);
	char text[700];

	for (size_t i = 0; i < errors.n; i++)
		doctor_say(d, "set-up", DOCTOR_FAULT, "%s", error_print(&errors.items[i], text, sizeof text));
	if (!c)
		c = conf_load(path, &none, d->now_ms, &again);
	else
		doctor_say(d, "set-up", DOCTOR_OK, "%s: %zu partners, %zu agreements", path, c->n_partners,
		           c->n_agreements);
	error_list_free(&errors);
	error_list_free(&again);
	if (!c)
		return NULL;
	look_at_certificates(d, c);
	look_at_lists(d, c);
	for (size_t i = 0; i < c->n_agreements; i++)
		look_at_agreement(d, c, c->agreements[i]);
	return c;
}

/* --- the disk --- */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool sync_once(int fd, const char *page, uint64_t *us)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (pwrite(fd, page, PAGE, 0) != PAGE || fdatasync(fd) != 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &to);
	*us = (uint64_t)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
	return true;
}

/* A file without a name, which is gone with its descriptor. */
static void look_at_sync(struct doctor *d, const char *folder)
{
	static const char page[PAGE];
	uint64_t us[SYNCS];
	struct statfs fs;
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && fstatfs(fd, &fs) == 0;

	for (size_t i = 0; ok && i < SYNCS; i++)
		ok = sync_once(fd, page, &us[i]);
	if (fd >= 0)
		close(fd);
	if (!ok) {
		doctor_say(d, "sync", DOCTOR_WARNING, "%s: cannot be tried: no file can be made or synced there",
		           folder);
		return;
	}
	qsort(us, SYNCS, sizeof *us, by_size);
	doctor_judge_sync(d, folder, us[SYNCS / 2], fs.f_type == TMPFS || (unsigned long)fs.f_type == RAMFS);
}

static void look_at_space(struct doctor *d, const struct node *n, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	uint64_t free_bytes, kept;

	if (space_look(path, &n->reserve, &free_bytes, &kept, &e))
		doctor_judge_space(d, path, free_bytes, kept);
	else
		doctor_say(d, "space", DOCTOR_FAULT, "%s: %s", path, e.text);
}

void doctor_machine(struct doctor *d, const struct conf *c)
{
	const struct node *n = &c->node;
	const char *files[] = { n->store, n->mirror, n->anchor };
	struct arena mem = { .max = 0 };

	look_at_sync(d, file_folder(&mem, n->store));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (files[i])
			look_at_space(d, n, file_folder(&mem, files[i]));
	look_at_space(d, n, n->keys);
	arena_free(&mem);
}
