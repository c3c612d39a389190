/* gatewayctl store check: says of a store, in use or not, or of a backup, whether it is whole, whether its logs are those
 * that were signed, and which payloads open. Changes no byte; a backup is opened into a file beside it that goes again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/keys/binding.h"
#include "gatewayd/core/store/copying.h"
#include "gatewayd/ctl/backup.h"
#include "gatewayd/os/instant.h"
#include "lib/base/datetime.h"

/* --- a store --- */

/* The folder of the configuration, where it is the store's. NULL: why was said. */
static struct keystore *open_keys(const struct ctl *c, struct store *s, const char *keys)
{
	struct error e = { .reason = REASON_NONE };
	struct uuid id;
	struct keystore *k = keystore_open_reader(keys, &e);

	if (k && binding_id(s, &id, &e) && memcmp(&id, keystore_id(k), sizeof id) != 0)
		error_at(&e, REASON_CONFIG, keys, 0, 0, "is the key folder of another store");
	if (e.reason == REASON_NONE)
		return k;
	keystore_close(k);
	if (!c->json)
		ctl_fail(CTL_FAILED, &e);
	return NULL;
}

/* A trial where nobody has it, for that leaves no file behind; beside a daemon as a reader. */
static struct store *open_either(const char *path, struct error *e)
{
	struct error busy = { .reason = REASON_NONE };
	struct store *s;

	if (store_absent(path)) {
		error_at(e, REASON_IO, path, 0, 0, "there is no store");
		return NULL;
	}
	s = store_open_trial(path, &busy);
	if (s || busy.reason != REASON_UNAVAILABLE) {
		if (!s)
			error_at(e, busy.reason, busy.where, 0, 0, "%s", busy.text);
		return s;
	}
	return store_open_reader(path, e);
}

/* `keys` NULL: they are not looked at. The exit status. */
static int inspect(const struct ctl *c, const char *path, const char *keys, const struct note_vkey *key)
{
	struct error e = { .reason = REASON_NONE };
	struct store *s = open_either(path, &e);
	struct keystore *k = s && keys ? open_keys(c, s, keys) : NULL;
	struct backup_report r;

	backup_report_begin(&r, c);
	bool ok = s && inspect_engine(s, &r.inspection, &e) && inspect_logs(s, key, &r.inspection, &e) &&
	          inspect_payloads(s, k, &r.inspection, &e);
	bool read = k != NULL;
	keystore_close(k);
	store_close(s);
	int status = backup_report_end(&r, read);
	if (!ok)
		return ctl_fail(status != CTL_OK ? status : CTL_FAILED, &e);
	return status == CTL_OK && keys && !read ? CTL_CHECK_FAILED : status;
}

static int check_store(const struct ctl *c, const struct backup_options *o, const struct note_vkey *key)
{
	struct error e = { .reason = REASON_NONE };
	char *path = audit_log_path(c, o->dir, &e), *keys = audit_conf_path(c, "/keys", NULL);
	int status;

	if (!path || !audit_become_owner(path, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else
		status = inspect(c, path, keys, key);
	if (!audit_become_self(&e))
		status = ctl_fail(CTL_FAILED, &e);
	free(path);
	free(keys);
	return status;
}

/* --- a backup --- */

static void tell_manifest(const struct ctl *c, const struct manifest *m)
{
	char made[TIME_TEXT + 1], until[TIME_TEXT + 1];
	bool over = instant_now_ms() >= m->until_ms;

	time_print(m->made_ms, made);
	time_print(m->until_ms, until);
	if (!c->json)
		printf("backup     of %s with %" PRIu64 " entries, made %s\nuntil      %s%s\npieces     whole\n",
		       m->origin, m->entries, made, until,
		       over ? ": IT HAS ENDED. Destroy it, and every copy of it" : "");
	else
		printf("{\"origin\":\"%s\",\"made\":\"%s\",\"until\":\"%s\",\"ended\":%s,\"entries\":%" PRIu64 "}\n",
		       m->origin, made, until, over ? "true" : "false", m->entries);
}

static int inspect_opened(const struct ctl *c, const struct backup_options *o, const struct manifest *m,
                          const struct note_vkey *key)
{
	struct error e = { .reason = REASON_NONE };
	struct envelope_opener *opener = backup_opener(o, &e);
	char path[PATH_MAX], word[] = "opened";
	int status = CTL_FAILED, fd = -1;

	snprintf(path, sizeof path, "%s/opened", o->dir);
	if (opener && store_copy_clear(path, &e) &&
	    (fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		error_at(&e, REASON_IO, path, 0, 0, "%s", strerror(errno));
	if (fd >= 0 && backup_read(o->dir, m, opener, fd, backup_progress, word, &e))
		status = inspect(c, path, NULL, key);
	else
		status = ctl_fail(e.reason == REASON_TAMPERED || e.reason == REASON_CRYPTO ? CTL_TAMPERED : CTL_FAILED,
		                  &e);
	if (fd >= 0) {
		struct error more = { .reason = REASON_NONE };
		close(fd);
		if (!store_copy_clear(path, &more))
			status = ctl_fail(CTL_FAILED, &more);
	}
	envelope_opener_free(opener);
	return status;
}

static int check_backup(const struct ctl *c, const struct backup_options *o)
{
	struct error e = { .reason = REASON_NONE };
	struct note_vkey key;
	struct manifest m;

	if (!backup_take_manifest(c, o, BACKUP_STORE, false, &key, &m, &e) ||
	    !backup_read(o->dir, &m, NULL, -1, NULL, NULL, &e))
		return ctl_fail(e.reason == REASON_TAMPERED ? CTL_TAMPERED : CTL_FAILED, &e);
	tell_manifest(c, &m);
	int status = o->private_key ? inspect_opened(c, o, &m, &key) : CTL_OK;
	return status == CTL_OK && instant_now_ms() >= m.until_ms ? CTL_CHECK_FAILED : status;
}

int ctl_store_check(const struct ctl *c, int argc, char **argv)
{
	struct backup_options o = { .dir = NULL };
	struct error e = { .reason = REASON_NONE };
	struct audit_keys keys;
	struct stat st;

	if (!backup_options_take(&o, argc, argv) || o.keep || o.replace || !o.certificate != !o.private_key)
		return ctl_usage();
	if (o.dir && stat(o.dir, &st) == 0 && S_ISDIR(st.st_mode))
		return check_backup(c, &o);
	if (o.private_key)
		return ctl_usage();
	if (!audit_keys_load(c, o.key, NULL, &keys, &e))
		return ctl_fail(CTL_USAGE, &e);
	int status = check_store(c, &o, &keys.key);
	audit_keys_free(&keys);
	return status;
}
