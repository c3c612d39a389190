/* gatewayctl audit archive: moves the entries of an earlier epoch's log out of the store into a folder in the layout of
 * C2SP tlog-tiles. Tiles and checkpoints stay, so that the store still proves that the log is whole.
 *
 * Nothing is deleted before the log was verified in the store, written, brought to the disk, and verified there by the
 * same key; then all of it in one transaction. Until that it may be interrupted and run again. The daemon's next start
 * logs what was done. The daemon is stopped: this holds the store's lock from the first look to the last. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"

struct archiving {
	const char *key, *policy, *from, *dir;
	bool disclosures;
	char path[PATH_MAX]; /* the store's, without the epoch */
	struct audit_keys keys;
	struct store *store; /* the writing one */
	struct audit_source *source;
	uint64_t log;
	struct store_archive archive;
	bool before; /* it was archived by an earlier run */
};

static bool parse_options(struct archiving *x, int argc, char **argv)
{
	static const struct option list[] = { { "key", required_argument, NULL, 'k' },
		                              { "policy", required_argument, NULL, 'p' },
		                              { "disclosures", no_argument, NULL, 'd' },
		                              { 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "k:p:", list, NULL)) != -1) {
		switch (opt) {
		case 'k': x->key = optarg; break;
		case 'p': x->policy = optarg; break;
		case 'd': x->disclosures = true; break;
		default: return false;
		}
	}
	if (argc - optind != 2)
		return false;
	x->from = argv[optind];
	x->dir = argv[optind + 1];
	const char *at = strrchr(x->from, '@');
	return at && snprintf(x->path, sizeof x->path, "%.*s", (int)(at - x->from), x->from) < (int)sizeof x->path;
}

/* --- what there is --- */

static bool choose_log(struct archiving *x, struct error *e)
{
	struct store *reader = audit_source_store(x->source);

	if (!reader)
		return error_set(e, REASON_CONFIG, "not a store with the log of an earlier epoch");
	x->log = store_log(reader);
	if (x->log == store_log(x->store))
		return error_set(e, REASON_CONFIG,
		                 "this is the log that the node writes: only earlier ones can be archived");
	return true;
}

static bool nothing_waits(struct archiving *x, struct error *e)
{
	struct store_needed n;

	if (!store_needs_entries(x->store, x->log, &n, e))
		return false;
	if (n.unsent > 0)
		return error_set(e, REASON_CONFIG,
		                 "%" PRIu64 " deliveries or notices with proofs from this log wait to be sent",
		                 n.unsent);
	return n.open == 0 || error_set(e, REASON_CONFIG,
	                                "%" PRIu64 " exchanges of this log are held for a decision, under a hold, "
	                                "or may yet be returned",
	                                n.open);
}

static bool verify(const struct archiving *x, struct audit_source *s, struct verify_report *r, struct error *e)
{
	return audit_verify_source(&x->keys, s, r, e);
}

/* What later logs erased of it is not in the folder: there the disclosures are compared with those of the store. */
static bool verify_folder(const struct archiving *x, struct audit_source *s, const struct verify_report *stored,
                          struct verify_report *r, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };

	return verify(x, s, r, &inner) ||
	       (r->place == VERIFY_MISSING &&
	        r->erased + r->unaccounted + r->missing == stored->erased + stored->unaccounted) ||
	       error_set(e, inner.reason, "%s", inner.text);
}

/* --- the folder --- */

/* What is another log's there would be mixed with this one's. */
static bool folder_is_ours(const struct archiving *x, struct error *e)
{
	struct audit_source *s = audit_source_open(x->dir, NULL, NULL);
	bool ours = !s || view_eq(audit_source_note(s), audit_source_note(x->source));

	audit_source_close(s);
	return ours || error_at(e, REASON_CONFIG, x->dir, 0, 0, "holds another log, or this one at another size");
}

/* The store's rows go once the files would survive a loss of power. */
static bool bring_to_disk(const char *dir, struct error *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && syncfs(fd) == 0;

	if (!ok)
		error_at(e, REASON_IO, dir, 0, 0, "cannot be brought to the disk: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool write_folder(struct archiving *x, const struct verify_report *stored, struct error *e)
{
	struct verify_report written;

	if (!folder_is_ours(x, e) || !audit_export_files(x->source, x->dir, x->disclosures, e) ||
	    !bring_to_disk(x->dir, e))
		return false;
	struct audit_source *s = audit_source_open(x->dir, NULL, e);
	bool ok = s && verify_folder(x, s, stored, &written, e);
	if (ok && (written.entries != stored->entries || !digest_eq(&written.root, &stored->root) ||
	           (x->disclosures && written.disclosed != stored->disclosed)))
		ok = error_at(e, REASON_TAMPERED, x->dir, 0, 0, "does not hold what the store does");
	audit_source_close(s);
	return ok;
}

/* --- the command --- */

static bool examine(struct archiving *x, struct verify_report *r, struct error *e)
{
	if (!nothing_waits(x, e) || !verify(x, x->source, r, e))
		return false;
	if (r->disclosed > 0 && !x->disclosures)
		return error_set(e, REASON_CONFIG,
		                 "%" PRIu64 " entries have disclosures: --disclosures moves them into the folder as "
		                 "well, where nobody erases them by time",
		                 r->disclosed);
	x->archive.size = r->entries;
	sha256(audit_source_note(x->source), &x->archive.checkpoint);
	return true;
}

static bool take_out(struct archiving *x, struct error *e)
{
	if (store_begin(x->store, e) && store_archive_entries(x->store, x->log, &x->archive, e) &&
	    store_commit(x->store, e))
		return true;
	store_rollback(x->store);
	return false;
}

/* The store is touched as its owner, the folder belongs to who runs this. */
static bool archive(struct archiving *x, struct error *e)
{
	struct verify_report r;

	if (!examine(x, &r, e) || !audit_become_self(e))
		return false;
	bool written = write_folder(x, &r, e);
	return audit_become_owner(x->path, e) && written && take_out(x, e);
}

static bool run_all(struct archiving *x, struct error *e)
{
	if (!audit_become_owner(x->path, e))
		return false;
	x->store = store_open(x->path, e);
	x->source = x->store ? audit_source_open(x->from, NULL, e) : NULL;
	bool ok = x->source && choose_log(x, e);
	x->before = ok && audit_source_archived(x->source);
	ok = ok && (x->before ? store_get_archive(x->store, x->log, &x->archive, e) : archive(x, e));
	audit_source_close(x->source);
	/* Also after a run that was interrupted right behind its commit. */
	ok = ok && store_checkpoint(x->store, true, e);
	store_close(x->store);
	return audit_become_self(e) && ok;
}

static void report(const struct ctl *c, const struct archiving *x)
{
	struct buf digest = BUF_INIT(65);

	digest_print(&digest, &x->archive.checkpoint);
	if (c->json)
		printf("{\"archived\":%" PRIu64 ",\"checkpoint\":\"%.*s\",\"before\":%s}\n", x->archive.size,
		       VIEW_ARG(buf_view(&digest)), x->before ? "true" : "false");
	else if (x->before)
		printf("its %" PRIu64 " entries were archived before\n", x->archive.size);
	else
		printf("archived   %" PRIu64
		       " entries, now only in %s\ncheckpoint %.*s\ntiles and checkpoints stay; the next start of "
		       "gatewayd logs it\n",
		       x->archive.size, x->dir, VIEW_ARG(buf_view(&digest)));
	buf_free(&digest);
}

int audit_archive(const struct ctl *c, int argc, char **argv)
{
	struct archiving x = { .key = NULL };
	struct error e = { .reason = REASON_NONE };
	int status = CTL_OK;

	if (!parse_options(&x, argc, argv))
		return ctl_usage();
	if (!audit_keys_load(c, x.key, x.policy, &x.keys, &e))
		return ctl_fail(CTL_USAGE, &e);
	if (run_all(&x, &e))
		report(c, &x);
	else
		status = ctl_fail(audit_status(&e), &e);
	audit_keys_free(&x.keys);
	return status;
}
