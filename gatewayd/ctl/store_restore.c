/* gatewayctl store restore: puts the store of a backup in place and ends its log, so that the next start begins a new one
 * whose first entries say so. The daemon is stopped.
 *
 * Nothing is in place before all of the backup was opened and verified. Then, in this order: one transaction in the new store
 * (its next log, that it was restored, that payloads may have lost their keys), the old store set aside, the new one renamed
 * into its place, anchor and mirror set aside, the log's public key, the configuration. Interrupted before the rename it is
 * run again; after it, `audit new-epoch` goes on, as the start says. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/keys/binding.h"
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/ctl/backup.h"
#include "gatewayd/ctl/epoch.h"
#include "lib/base/datetime.h"

struct restoring {
	const struct ctl *ctl;
	struct backup_options options;
	struct envelope_opener *opener;
	struct manifest manifest;
	struct note_vkey key; /* of the log that the backup is of */
	struct epoch epoch;
	char folder[PATH_MAX]; /* of the store */
	char fresh[PATH_MAX];  /* where it is put together */
	char aside[PATH_MAX];  /* where the old store goes */
	bool no_slots;         /* the file of key slots is lost */
	char found[300];
};

/* --- whether it may --- */

static bool make_paths(struct restoring *x, struct error *e)
{
	const char *store = x->epoch.store, *slash = strrchr(store, '/');

	return (snprintf(x->folder, sizeof x->folder, "%.*s", slash ? (int)(slash - store) + 1 : 1,
	                 slash ? store : ".") < (int)sizeof x->folder &&
	        snprintf(x->fresh, sizeof x->fresh, "%s.restored", store) < (int)sizeof x->fresh &&
	        snprintf(x->aside, sizeof x->aside, "%s.replaced", store) < (int)sizeof x->aside) ||
	       error_at(e, REASON_IO, store, 0, 0, "the path is too long");
}

static bool check_place(const struct restoring *x, struct error *e)
{
	const char *store = x->epoch.store;
	struct store *s;

	if (store_absent(store))
		return true;
	if (!x->options.replace)
		return error_at(
		        e, REASON_CONFIG, store, 0, 0,
		        "there is a store: --replace sets it aside as %.200s and puts the backup's in its place",
		        x->aside);
	if (access(x->aside, F_OK) == 0)
		return error_at(e, REASON_CONFIG, x->aside, 0, 0,
		                "a store was set aside here before: take it away first");
	/* Damaged it may be, but not in use. */
	struct error why = { .reason = REASON_NONE };
	s = store_open_trial(store, &why);
	store_close(s);
	return s || why.reason != REASON_UNAVAILABLE || error_at(e, why.reason, store, 0, 0, "%s", why.text);
}

/* The key folder is the store's, or has lost its slots. A daemon that runs holds its lock, also when the store is gone. */
static bool check_keys(struct restoring *x, struct error *e)
{
	struct error why = { .reason = REASON_NONE };
	static const struct uuid none;
	struct keystore *k = keystore_open(x->epoch.keys, false, &why);
	struct uuid id = k ? *keystore_id(k) : none;

	keystore_close(k);
	if (!k && why.reason == REASON_UNAVAILABLE)
		return error_at(e, why.reason, why.where, 0, 0, "%s", why.text);
	x->no_slots = !k;
	if (!k || memcmp(&id, &none, sizeof id) == 0 || memcmp(&id, &x->manifest.id, sizeof id) == 0)
		return true;
	return error_at(e, REASON_CONFIG, x->options.dir, 0, 0,
	                "is the backup of another node's store: the key folder %.200s belongs to another one",
	                x->epoch.keys);
}

/* --- what is put in place --- */

static void take_finding(void *arg, enum finding f, const struct uuid *exchange, const char *what)
{
	struct restoring *x = arg;

	(void)exchange;
	if (!x->found[0])
		snprintf(x->found, sizeof x->found, "%s: %.250s", finding_name(f), what);
}

static bool verify(struct restoring *x, struct error *e)
{
	struct inspection i = { .tell = take_finding, .arg = x };
	struct store *s = store_open_trial(x->fresh, e);
	struct uuid id;
	bool ok = s && inspect_engine(s, &i, e) && inspect_logs(s, &x->key, &i, e) &&
	          inspect_payloads(s, NULL, &i, e) && binding_id(s, &id, e);

	store_close(s);
	if (!ok)
		return false;
	if (x->found[0])
		return error_at(e, REASON_TAMPERED, x->options.dir, 0, 0, "what it holds is not whole: %s", x->found);
	if (i.entries != x->manifest.entries || !digest_eq(&i.checkpoint, &x->manifest.checkpoint) ||
	    memcmp(&id, &x->manifest.id, sizeof id) != 0)
		return error_at(e, REASON_TAMPERED, x->options.dir, 0, 0, "holds another store than its manifest says");
	return true;
}

/* What the genesis entry of the next log says. */
static void find(struct restoring *x)
{
	char made[TIME_TEXT + 1], configured[NOTE_NAME_MAX];

	snprintf(configured, sizeof configured, "%s", x->epoch.old_origin);
	snprintf(x->epoch.old_origin, sizeof x->epoch.old_origin, "%s", x->manifest.origin);
	x->epoch.old_key = x->key;
	epoch_examine(&x->epoch, x->fresh);
	time_print(x->manifest.made_ms, made);
	epoch_find(&x->epoch, "; restored from a backup made at %s", made);
	if (strcmp(configured, x->manifest.origin) != 0)
		epoch_find(&x->epoch, ", which is older than %s", configured);
}

static bool mark(struct restoring *x, struct error *e)
{
	struct restored r = { .entries = x->manifest.entries, .made_ms = x->manifest.made_ms };
	struct store *s = store_open(x->fresh, e);
	char lock[PATH_MAX + 8];
	bool ok =
	        s && store_begin(s, e) && epoch_put(&x->epoch, s, e) && restored_put(s, &r, e) && doubt_put(s, true, e);

	if (ok)
		ok = store_commit(s, e) && store_checkpoint(s, true, e);
	else if (s)
		store_rollback(s);
	store_close(s);
	snprintf(lock, sizeof lock, "%s.lock", x->fresh);
	unlink(lock);
	return ok;
}

static bool move(const char *from, const char *to, const char *suffix, struct error *e)
{
	char a[PATH_MAX + 8], b[PATH_MAX + 8];

	snprintf(a, sizeof a, "%s%s", from, suffix);
	snprintf(b, sizeof b, "%s%s", to, suffix);
	return rename(a, b) == 0 || errno == ENOENT ||
	       error_at(e, REASON_IO, a, 0, 0, "cannot be renamed to %.200s: %s", b, strerror(errno));
}

static bool sync_folder(const char *folder, struct error *e)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		error_at(e, REASON_IO, folder, 0, 0, "cannot be synced: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/* An old store's write-ahead log beside a new store would be taken for its own. */
static bool put_in_place(struct restoring *x, struct error *e)
{
	char index[PATH_MAX + 8];

	snprintf(index, sizeof index, "%s-shm", x->epoch.store);
	if (!move(x->epoch.store, x->aside, "-wal", e) || !move(x->epoch.store, x->aside, "", e))
		return false;
	unlink(index);
	return move(x->fresh, x->epoch.store, "", e) && sync_folder(x->folder, e);
}

/* --- the command --- */

static int make_fresh(const struct restoring *x, struct error *e)
{
	int fd = -1;

	if (!store_copy_clear(x->fresh, e))
		return -1;
	fd = open(x->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		error_at(e, REASON_IO, x->fresh, 0, 0, "the store cannot be put together: %s", strerror(errno));
	return fd;
}

/* The store's account writes, who runs this reads. */
static bool extract(struct restoring *x, struct error *e)
{
	char word[] = "opened";

	if (!audit_become_owner(x->folder, e))
		return false;
	int fd = check_place(x, e) && check_keys(x, e) && epoch_keys(&x->epoch, e) ? make_fresh(x, e) : -1;
	struct error more = { .reason = REASON_NONE };
	bool ok = audit_become_self(fd >= 0 ? e : &more) && fd >= 0 &&
	          backup_read(x->options.dir, &x->manifest, x->opener, fd, backup_progress, word, e);
	if (fd >= 0) {
		if (ok && fsync(fd) != 0)
			ok = error_at(e, REASON_IO, x->fresh, 0, 0, "cannot be synced: %s", strerror(errno));
		close(fd);
	}
	return ok;
}

static bool install(struct restoring *x, struct error *e)
{
	if (!verify(x, e))
		return false;
	find(x);
	return mark(x, e) && put_in_place(x, e) && epoch_set_files_aside(&x->epoch, e);
}

static bool run_all(struct restoring *x, struct error *e)
{
	struct error more = { .reason = REASON_NONE };

	if (!backup_take_manifest(x->ctl, &x->options, BACKUP_STORE, true, &x->key, &x->manifest, e) ||
	    !(x->opener = backup_opener(&x->options, e)) || !epoch_open(&x->epoch, x->ctl, e) || !make_paths(x, e))
		return false;
	bool ok = extract(x, e) && audit_become_owner(x->folder, e) && install(x, e);
	if (!ok && audit_become_owner(x->folder, &more))
		(void)!store_copy_clear(x->fresh, &more);
	return audit_become_self(ok ? e : &more) && ok && epoch_write(&x->epoch, e);
}

static void report(const struct restoring *x)
{
	struct buf key = BUF_INIT(1024);

	note_vkey_print(&x->epoch.new_key, &key);
	if (x->ctl->json) {
		json_t *j = json_pack("{s:I, s:s, s:s, s:s%, s:b}", "entries", (json_int_t)x->manifest.entries,
		                      "origin", x->epoch.new_origin, "ended", x->epoch.finding, "vkey", key.p, key.n,
		                      "new_slots", (int)x->no_slots);
		char *text = json_dumps(j, JSON_COMPACT);

		puts(text ? text : "{}");
		free(text);
		json_decref(j);
	} else {
		printf("restored %s\nbegins   %s when gatewayd starts\nkey      %.*s\n", x->epoch.finding,
		       x->epoch.new_origin, VIEW_ARG(buf_view(&key)));
		puts("Give the key to auditors and partners before that: partners put it as audit/vkey and the one\n"
		     "before under audit/earlier.");
		if (x->no_slots)
			puts("The file of key slots is lost: gatewayctl keys new-slots.");
		puts("Then compare with each partner: gatewayctl store reconcile; and when all are done:\n"
		     "gatewayctl store reconciled.");
	}
	buf_free(&key);
}

int ctl_store_restore(const struct ctl *c, int argc, char **argv)
{
	struct restoring x = { .ctl = c };
	struct error e = { .reason = REASON_NONE };
	int status = CTL_OK;

	if (!backup_options_take(&x.options, argc, argv) || !x.options.dir || !x.options.certificate ||
	    !x.options.private_key || x.options.keep)
		return ctl_usage();
	if (run_all(&x, &e))
		report(&x);
	else
		status = ctl_fail(e.reason == REASON_TAMPERED || e.reason == REASON_CRYPTO ? CTL_TAMPERED : CTL_FAILED,
		                  &e);
	envelope_opener_free(x.opener);
	epoch_free(&x.epoch);
	return status;
}
