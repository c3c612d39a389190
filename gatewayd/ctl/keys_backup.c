/* gatewayctl keys backup, restore and new-slots. A backup of keys holds what a node cannot be the same without: the secrets
 * of pseudonyms and tokens and of the index of requests, and its TLS key with certificate and authorities; as a ustar archive
 * (POSIX.1-2017, pax, "ustar Interchange Format"), sealed as a backup of the store is. It never holds payload keys or their
 * master key, which would undo erasures, nor the keys of the audit log and of the witness, which would let two nodes speak
 * with one voice: keys restore makes new ones. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/keys/binding.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/ctl/backup.h"
#include "gatewayd/ctl/keys_archive.h"
#include "gatewayd/os/files.h"
#include "gatewayd/os/secret_file.h"
#include "lib/base/datetime.h"

#define SECRETS 32

/* --- what is kept --- */

/* Name in the archive; the file under `keys`, or the member of the configuration that names it. */
static const struct kept {
	const char *name, *key, *member;
	unsigned mode;
} list[] = {
	{ "keys/pseudonym.key", "pseudonym.key", NULL, 0600 },
	{ "keys/idempotency.key", "idempotency.key", NULL, 0600 },
	{ "tls/key.pem", NULL, "/tls/key", 0600 },
	{ "tls/certificate.pem", NULL, "/tls/certificate", 0644 },
	{ "tls/authorities.pem", NULL, "/tls/authorities", 0644 },
};
#define KEPT (sizeof list / sizeof *list)

/* malloc'd. */
static char *path_of(const struct ctl *c, const struct kept *k, const char *keys, struct error *e)
{
	char *out = NULL;

	if (k->member)
		return audit_conf_path(c, k->member, e);
	if (asprintf(&out, "%s/%s", keys, k->key) < 0) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	return out;
}

/* A file of TLS that the service manager hands over is there while the daemon runs. */
static bool is_away(const struct kept *k, const char *path)
{
	if (!k->member || access(path, F_OK) == 0)
		return false;
	fprintf(stderr, "note: %s is not there now, and so not in the backup\n", path);
	return true;
}

/* Those under `keys` as their owner, those of TLS as who runs this. */
static bool collect(const struct ctl *c, const char *keys, bool tls, struct buf *archive, unsigned *n, struct error *e)
{
	for (size_t i = 0; i < KEPT; i++) {
		char *path = !!list[i].member == tls ? path_of(c, &list[i], keys, e) : NULL;
		struct buf text = BUF_INIT(ARCHIVE_FILE_MAX);
		bool other = !!list[i].member != tls || (path && is_away(&list[i], path));
		bool ok = other || (path && file_read(path, ARCHIVE_FILE_MAX, &text, e) &&
		                    archive_add(archive, list[i].name, list[i].mode, buf_view(&text), e));

		*n += !other;
		buf_wipe(&text);
		free(path);
		if (!ok)
			return false;
	}
	return true;
}

/* --- backup --- */

static int in_memory(struct view bytes, struct error *e)
{
	int fd = memfd_create("keys", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n)
		return fd;
	if (fd >= 0)
		close(fd);
	error_set(e, REASON_IO, "no memory for an archive: %s", strerror(errno));
	return -1;
}

static bool read_id(const char *keys, struct uuid *out, struct error *e)
{
	struct keystore *k = keystore_open_reader(keys, e);

	if (k)
		*out = *keystore_id(k);
	keystore_close(k);
	return k != NULL;
}

static bool back_up(const struct ctl *c, const struct backup_options *o, struct manifest *m, unsigned *files,
                    struct error *e)
{
	struct buf archive = BUF_INIT(ARCHIVE_MAX);
	struct envelope_recipient *to = backup_recipient(o, e);
	struct backup_node n = { .store = NULL };
	struct backup_written done;
	int fd = -1;
	bool ok = to && backup_times(o, m, e) && backup_node_open(&n, c, e) && audit_become_owner(n.keys, e);

	if (ok) {
		ok = backup_node_keys(&n, e) && read_id(n.keys, &m->id, e) &&
		     collect(c, n.keys, false, &archive, files, e);
		ok = audit_become_self(ok ? e : &(struct error){ .reason = REASON_NONE }) && ok &&
		     collect(c, n.keys, true, &archive, files, e) && archive_end(&archive, e);
	}
	if (ok && (fd = in_memory(buf_view(&archive), e)) >= 0) {
		struct backup_writing w = {
			.dir = o->dir, .source = fd, .to = to, .tags = n.tags, .signer = &n.signer, .manifest = *m
		};
		snprintf(w.manifest.origin, sizeof w.manifest.origin, "%s", n.origin);
		w.manifest.bytes = archive.n;
		ok = backup_write(&w, &done, e);
		close(fd);
	} else {
		ok = false;
	}
	buf_wipe(&archive);
	envelope_recipient_free(to);
	backup_node_free(&n);
	return ok;
}

int ctl_keys_backup(const struct ctl *c, int argc, char **argv)
{
	struct backup_options o = { .dir = NULL };
	struct manifest m = { .kind = BACKUP_KEYS };
	struct error e = { .reason = REASON_NONE };
	char until[TIME_TEXT + 1];
	unsigned files = 0;

	if (!backup_options_take(&o, argc, argv) || !o.dir || !o.certificate || o.private_key || o.key || o.replace)
		return ctl_usage();
	if (!back_up(c, &o, &m, &files, &e))
		return ctl_fail(CTL_FAILED, &e);
	time_print(m.until_ms, until);
	if (c->json)
		printf("{\"files\":%u,\"until\":\"%s\"}\n", files, until);
	else
		printf("sealed     %u files, without payload keys and without the keys of log and witness\nuntil      %s: then it "
		       "is refused, and is to be destroyed\n",
		       files, until);
	return CTL_OK;
}

/* --- restore --- */

static const struct kept *find_kept(struct view name)
{
	for (size_t i = 0; i < KEPT; i++)
		if (view_is(name, list[i].name))
			return &list[i];
	return NULL;
}

struct restoring {
	const struct ctl *ctl;
	const char *keys;
	bool tls; /* the files of TLS, else those under `keys` */
	unsigned written, there;
};

/* Where the service manager hands a file over its folder is not there: then people put it where it comes from. */
static bool has_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (access(folder, F_OK) == 0)
		return true;
	fprintf(stderr, "note: %s has no folder now: take that file out of the backup by hand\n", path);
	return false;
}

/* A file that is there and the same is fine; another is not overwritten. */
static bool put_file(void *arg, struct view name, struct view bytes, struct error *e)
{
	struct restoring *x = arg;
	const struct kept *k = find_kept(name);
	struct buf now = BUF_INIT(ARCHIVE_FILE_MAX);
	char *path = k ? path_of(x->ctl, k, x->keys, e) : NULL;
	bool ok =
	        path || (!k && error_set(e, REASON_TAMPERED, "the archive holds a file that is none of a node's keys"));

	if (ok && (!!k->member != x->tls || !has_folder(path))) {
		free(path);
		return true;
	}
	if (ok && access(path, F_OK) == 0) {
		ok = file_read(path, ARCHIVE_FILE_MAX, &now, e) &&
		     (view_eq(buf_view(&now), bytes) ||
		      error_at(e, REASON_CONFIG, path, 0, 0, "is there, and is another one: take it away first"));
		x->there += ok;
	} else if (ok) {
		ok = file_write_new(path, bytes, k->mode, e);
		x->written += ok;
	}
	buf_wipe(&now);
	free(path);
	return ok;
}

/* A new secret where there is none. *made: it is new, and in `out`. */
static bool make_secret(const char *keys, const char *name, bool *made, struct secret *out, struct error *e)
{
	struct secret s = { .n = SECRETS };
	char path[PATH_MAX];
	bool ok = snprintf(path, sizeof path, "%s/%s", keys, name) < (int)sizeof path ||
	          error_set(e, REASON_IO, "a path is too long");

	*made = ok && access(path, F_OK) != 0;
	if (*made)
		ok = (random_secret(s.b, s.n) || error_set(e, REASON_CRYPTO, "no random bytes")) &&
		     secret_write_new(path, &s, e);
	if (*made && ok && out)
		*out = s;
	secret_wipe(&s);
	return ok;
}

/* The public half of the new witness key, under the witness's name, into the file of the configuration. */
static bool write_witness_vkey(const struct ctl *c, const char *origin, const struct secret *seed, struct error *e)
{
	struct view rest = view_of(origin), host = view_cut(&rest, '/'), node;
	struct ed25519_key *key = ed25519_from_seed(seed->b);
	char name[NOTE_NAME_MAX], *path = audit_conf_path(c, "/audit/witness_vkey", NULL);
	struct buf text = BUF_INIT(1024);
	struct note_vkey vkey;
	uint8_t public_key[32];

	view_cut(&rest, '/');
	node = view_cut(&rest, '/');
	snprintf(name, sizeof name, "%.*s/witness/%.*s", VIEW_ARG(host), VIEW_ARG(node));
	if (key)
		ed25519_public(key, public_key);
	bool ok = (key && note_vkey_make(view_of(name), NOTE_COSIGNER, public_key, &vkey)) ||
	          error_set(e, REASON_CRYPTO, "the witness key cannot be used");
	if (ok && path) {
		note_vkey_print(&vkey, &text);
		buf_addc(&text, '\n');
		ok = audit_write_file(path, buf_view(&text), e);
	}
	ed25519_free(key);
	buf_free(&text);
	free(path);
	return ok;
}

static bool read_archive(const struct backup_options *o, const struct manifest *m, struct buf *out, struct error *e)
{
	struct envelope_opener *opener = backup_opener(o, e);
	int fd = opener ? memfd_create("keys", MFD_CLOEXEC) : -1;
	bool ok = fd >= 0 && backup_read(o->dir, m, opener, fd, NULL, NULL, e);
	char *room = ok && m->bytes <= ARCHIVE_MAX ? buf_room(out, m->bytes) : NULL;

	if (room && pread(fd, room, m->bytes, 0) == (ssize_t)m->bytes)
		out->n = m->bytes;
	else if (ok)
		ok = error_set(e, REASON_TAMPERED, "the archive cannot be read");
	if (fd >= 0)
		close(fd);
	envelope_opener_free(opener);
	return ok;
}

static bool restore(struct restoring *x, const struct backup_options *o, bool *new_audit, bool *new_witness,
                    struct error *e)
{
	struct buf archive = BUF_INIT(ARCHIVE_MAX);
	struct secret witness = { .n = 0 };
	struct manifest m;
	struct note_vkey key;
	char *keys = audit_conf_path(x->ctl, "/keys", e);
	bool ok = keys && backup_take_manifest(x->ctl, o, BACKUP_KEYS, true, &key, &m, e) &&
	          read_archive(o, &m, &archive, e) &&
	          (mkdir(keys, 0700) == 0 || errno == EEXIST ||
	           error_at(e, REASON_IO, keys, 0, 0, "cannot be made: %s", strerror(errno)));

	x->keys = keys;
	if (ok && audit_become_owner(keys, e)) {
		ok = archive_each(buf_view(&archive), put_file, x, e) &&
		     make_secret(keys, "audit.key", new_audit, NULL, e) &&
		     make_secret(keys, "witness.key", new_witness, &witness, e);
		ok = audit_become_self(ok ? e : &(struct error){ .reason = REASON_NONE }) && ok;
		x->tls = true;
		ok = ok && archive_each(buf_view(&archive), put_file, x, e) &&
		     (!*new_witness || write_witness_vkey(x->ctl, m.origin, &witness, e));
	} else {
		ok = false;
	}
	secret_wipe(&witness);
	buf_wipe(&archive);
	free(keys);
	return ok;
}

int ctl_keys_restore(const struct ctl *c, int argc, char **argv)
{
	struct backup_options o = { .dir = NULL };
	struct restoring x = { .ctl = c };
	struct error e = { .reason = REASON_NONE };
	bool audit = false, witness = false;

	if (!backup_options_take(&o, argc, argv) || !o.dir || !o.certificate || !o.private_key || o.keep || o.replace)
		return ctl_usage();
	if (!restore(&x, &o, &audit, &witness, &e))
		return ctl_fail(e.reason == REASON_TAMPERED || e.reason == REASON_CRYPTO ? CTL_TAMPERED : CTL_FAILED,
		                &e);
	if (c->json)
		printf("{\"written\":%u,\"there\":%u,\"new_audit_key\":%s,\"new_witness_key\":%s}\n", x.written,
		       x.there, audit ? "true" : "false", witness ? "true" : "false");
	else
		printf("restored   %u files, %u were there\n%s%s", x.written, x.there,
		       audit ? "audit key  a new one: store restore, or audit new-epoch, begins a log with it\n" : "",
		       witness ? "witness    a new key: partners need its vkey before they count its word again\n"
		               : "");
	return CTL_OK;
}

/* --- new slots --- */

/* One more than the largest slot that a row names. */
static uint32_t slots_needed(struct store *s)
{
	uint32_t n = store_slots_end(s);

	while (n > 0 && !store_slot_live(s, n - 1))
		n--;
	store_slots_forget(s);
	return n;
}

static bool mend(const char *path, const char *keys, bool *kept, struct error *e)
{
	struct store *s = store_absent(path) ? NULL : store_open(path, e);
	struct uuid id;

	if (!s)
		return error_at(e, REASON_CONFIG, path, 0, 0, "there is no store whose slots could be made anew");
	/* The word first: should this be interrupted, the next start looks for what is lost all the same. */
	bool ok = binding_id(s, &id, e) && store_begin(s, e);
	if (ok && !(doubt_put(s, true, e) && store_commit(s, e))) {
		store_rollback(s);
		ok = false;
	}
	ok = ok && keystore_mend(keys, &id, slots_needed(s), kept, e);
	store_close(s);
	return ok;
}

int ctl_keys_new_slots(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	bool kept = false;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	char *store = audit_conf_path(c, "/store", &e), *keys = store ? audit_conf_path(c, "/keys", &e) : NULL;
	bool ok = keys && audit_become_owner(store, &e);
	if (ok) {
		ok = mend(store, keys, &kept, &e);
		ok = audit_become_self(ok ? &e : &(struct error){ .reason = REASON_NONE }) && ok;
	}
	free(store);
	free(keys);
	if (!ok)
		return ctl_fail(CTL_FAILED, &e);
	if (c->json)
		printf("{\"kept\":%s}\n", kept ? "true" : "false");
	else
		puts(kept ? "the file of key slots has its length again; what it still had it keeps"
		          : "a new file of key slots, under a new master key");
	if (!c->json)
		puts("The next start of gatewayd logs each payload whose key is lost.");
	return CTL_OK;
}
