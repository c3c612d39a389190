/* gatewayctl audit new-epoch: ends this node's log and lets the daemon's next start begin a new one, under a new
 * origin, whose first entry names the old one, what was found of it, and its last checkpoint's digest. It is the
 * only way on for a node whose log was altered, lost its end, or was put back.
 *
 * The old log stays in the store as it is (audit verify STORE@EPOCH), and exchanges keep their receipts from it.
 * The store is changed first, in one transaction, the configuration last: until then the daemon does not start,
 * and this command may run again. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <unistd.h>

#include "gatewayd/core/commit/anchor.h"
#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/epoch.h"
#include "gatewayd/os/secret_file.h"

#define SECRETS 32

void epoch_free(struct epoch *x)
{
	json_decref(x->node);
	free(x->store);
	free(x->keys);
	free(x->anchor);
	free(x->mirror);
	free(x->vkey);
	buf_free(&x->note);
	buf_free(&x->announcement);
}

/* --- what there is --- */

static bool make_origin(const struct epoch *x, json_int_t epoch, char out[NOTE_NAME_MAX], struct error *e)
{
	const char *host = json_string_value(json_object_get(x->node, "host"));
	const char *name = json_string_value(json_object_get(x->node, "node"));

	if (!host || !name)
		return error_at(e, REASON_CONFIG, x->ctl->config, 0, 0, "the configuration has no host or no node");
	return snprintf(out, NOTE_NAME_MAX, "%s/audit/%s/%lld", host, name, (long long)epoch) < NOTE_NAME_MAX ||
	       error_at(e, REASON_CONFIG, x->ctl->config, 0, 0, "the log's origin is too long");
}

bool epoch_open(struct epoch *x, const struct ctl *c, struct error *e)
{
	json_error_t syntax;

	*x = (struct epoch){
		.ctl = c, .rotate = x->rotate, .note = BUF_INIT(NOTE_MAX), .announcement = BUF_INIT(NOTE_MAX)
	};
	x->node = json_load_file(x->ctl->config, 0, &syntax);
	if (!x->node)
		return error_at(e, REASON_CONFIG, x->ctl->config, 0, 0, "%s", syntax.text);
	x->before = json_integer_value(json_object_get(json_object_get(x->node, "audit"), "epoch"));
	if (x->before < 1)
		return error_at(e, REASON_CONFIG, x->ctl->config, 0, 0, "the configuration has no audit/epoch");
	x->store = audit_conf_path(x->ctl, "/store", e);
	x->keys = x->store ? audit_conf_path(x->ctl, "/keys", e) : NULL;
	x->anchor = audit_conf_path(x->ctl, "/audit/anchor", NULL);
	x->mirror = audit_conf_path(x->ctl, "/audit/mirror", NULL);
	x->vkey = audit_conf_path(x->ctl, "/audit/vkey", NULL);
	return x->keys && make_origin(x, x->before, x->old_origin, e) &&
	       make_origin(x, x->before + 1, x->new_origin, e);
}

static bool read_old_key(struct epoch *x)
{
	struct audit_keys k;
	bool ok = x->vkey && audit_keys_load(x->ctl, x->vkey, NULL, &k, NULL);

	if (!ok)
		return false;
	ok = strcmp(k.key.name, x->old_origin) == 0;
	if (ok)
		x->old_key = k.key;
	audit_keys_free(&k);
	return ok;
}

bool epoch_keys(struct epoch *x, struct error *e)
{
	char path[PATH_MAX];
	uint8_t public_key[32];
	struct secret seed;

	if (snprintf(path, sizeof path, "%s/audit.key", x->keys) >= (int)sizeof path ||
	    !secret_read(path, SECRETS, &seed, e))
		return error_set(e, REASON_CONFIG, "the audit key cannot be read");
	struct ed25519_key *key = ed25519_from_seed(seed.b);
	secret_wipe(&seed);
	if (!key)
		return error_set(e, REASON_CRYPTO, "the audit key cannot be used");
	ed25519_public(key, public_key);
	ed25519_free(key);
	/* A node whose keys were restored has a new audit key. */
	if (read_old_key(x))
		return note_vkey_make(view_of(x->new_origin), NOTE_ED25519, public_key, &x->new_key) ||
		       error_set(e, REASON_CONFIG, "the log's origin is not a key name");
	return (note_vkey_make(view_of(x->old_origin), NOTE_ED25519, public_key, &x->old_key) &&
	        note_vkey_make(view_of(x->new_origin), NOTE_ED25519, public_key, &x->new_key)) ||
	       error_set(e, REASON_CONFIG, "the log's origin is not a key name");
}

/* Whether the store's part was done by a run that was interrupted. False also on error. */
static bool begun(const struct epoch *x, struct store *s, struct error *e)
{
	struct error missing = { .reason = REASON_NONE };
	struct store_log_row row;

	if (!store_get_log(s, &row, &missing)) {
		if (missing.reason != REASON_NOT_FOUND)
			error_set(e, missing.reason, "%s", missing.text);
		return false;
	}
	if (view_is(row.origin, x->new_origin))
		return true;
	if (!view_is(row.origin, x->old_origin))
		error_set(e, REASON_CONFIG, "the store's newest log is %.*s, the configuration names %s",
		          VIEW_ARG(row.origin), x->old_origin);
	return false;
}

/* --- the old log, as far as it goes --- */

void epoch_find(struct epoch *x, const char *fmt, ...)
{
	size_t n = strlen(x->finding);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->finding + n, sizeof x->finding - n, fmt, ap);
	va_end(ap);
}

void epoch_says(struct epoch *x, const char *fmt, ...)
{
	size_t n = strlen(x->said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->said + n, sizeof x->said - n, fmt, ap);
	va_end(ap);
	n = strlen(x->said);
	snprintf(x->said + n, sizeof x->said - n, "\n");
}

/* An anchor that knows more than the store tells how much is gone. */
static void look_at_anchor(struct epoch *x, uint64_t size)
{
	struct buf note = BUF_INIT(NOTE_MAX);
	struct checkpoint c;

	if (x->anchor && anchor_read(x->anchor, &note, NULL) &&
	    checkpoint_open(buf_view(&note), &x->old_key, &c, NULL) && c.size > size) {
		epoch_find(x, "; its anchor covers %llu entries", (unsigned long long)c.size);
		x->altered = true;
	}
	buf_free(&note);
}

void epoch_examine(struct epoch *x, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	struct audit_source *s = audit_source_open(path, NULL, &e);
	struct verify_source callbacks;
	struct verify_report r;
	struct checkpoint c = { .size = 0 };

	epoch_find(x, "%s", x->old_origin);
	x->altered = true;
	if (!s) {
		epoch_find(x, ", which has no checkpoint");
	} else if (buf_add(&x->note, audit_source_note(s)), !checkpoint_open(buf_view(&x->note), &x->old_key, &c, &e)) {
		epoch_find(x, ", whose last checkpoint does not verify");
	} else {
		audit_source_callbacks(s, &callbacks);
		x->altered = !verify_log(&c, NULL, &callbacks, &r, &e);
		epoch_find(x, " of %llu entries, ", (unsigned long long)c.size);
		if (!x->altered)
			epoch_find(x, "verified in full");
		else
			epoch_find(x, "altered: %.150s", e.text);
	}
	look_at_anchor(x, c.size);
	audit_source_close(s);
}

bool epoch_put(struct epoch *x, struct store *s, struct error *e)
{
	struct store_log_row row = { .origin = view_of(x->new_origin), .note = view_of(x->finding) };

	char key_name[NOTE_NAME_MAX + 16], announced_name[NOTE_NAME_MAX + 16];
	struct buf key = BUF_INIT(4096);

	if (x->note.n > 0)
		sha256(buf_view(&x->note), &row.before);
	snprintf(key_name, sizeof key_name, LOG_KEY_NAME "%s", x->old_origin);
	snprintf(announced_name, sizeof announced_name, ANNOUNCED_NAME "%s", x->new_origin);
	note_vkey_print(&x->old_key, &key);
	bool ok =
	        store_put_log(s, &row, e) && store_put_value(s, view_of(key_name), buf_view(&key), e) &&
	        (x->announcement.n == 0 || store_put_value(s, view_of(announced_name), buf_view(&x->announcement), e));
	buf_free(&key);
	return ok;
}

static bool begin(struct epoch *x, struct store *s, struct error *e)
{
	if (store_begin(s, e) && epoch_put(x, s, e) && store_commit(s, e))
		return true;
	store_rollback(s);
	return false;
}

/* --- the files beside it --- */

/* Moves FILE to FILE.epoch-N, unless that was done before. */
static bool set_aside(const struct epoch *x, const char *path, const char *suffix, struct error *e)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (!path)
		return true;
	if (snprintf(from, sizeof from, "%s%s", path, suffix) >= (int)sizeof from ||
	    snprintf(to, sizeof to, "%s.epoch-%lld%s", path, (long long)x->before, suffix) >= (int)sizeof to)
		return error_set(e, REASON_IO, "a path is too long");
	if (access(to, F_OK) == 0 || rename(from, to) == 0 || errno == ENOENT)
		return true;
	return error_at(e, REASON_IO, from, 0, 0, "cannot be set aside: %s", strerror(errno));
}

static bool write_vkey(const struct epoch *x, struct error *e)
{
	struct buf text = BUF_INIT(1024);

	note_vkey_print(&x->new_key, &text);
	buf_addc(&text, '\n');
	bool ok = !x->vkey || (set_aside(x, x->vkey, "", e) && audit_write_file(x->vkey, buf_view(&text), e));
	buf_free(&text);
	return ok;
}

static bool write_conf(struct epoch *x, struct error *e)
{
	json_object_set_new(json_object_get(x->node, "audit"), "epoch", json_integer(x->before + 1));
	char *text = json_dumps(x->node, JSON_INDENT(2));
	struct buf b = BUF_INIT(16u * 1024 * 1024);

	buf_adds(&b, text ? text : "");
	buf_addc(&b, '\n');
	bool ok = text && !b.failed ? audit_write_file(x->ctl->config, buf_view(&b), e)
	                            : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(text);
	buf_free(&b);
	return ok;
}

bool epoch_set_files_aside(const struct epoch *x, struct error *e)
{
	return set_aside(x, x->anchor, "", e) && set_aside(x, x->mirror, "", e) && set_aside(x, x->mirror, ".1", e);
}

bool epoch_write(struct epoch *x, struct error *e)
{
	return write_vkey(x, e) && write_conf(x, e);
}

/* --- the command --- */

/* The anchor, too, must not speak of the old log any more; the mirror starts anew at index 0. */
static bool end_log(struct epoch *x, const char *force, bool *resumed, struct error *e)
{
	struct error broken = { .reason = REASON_NONE };

	if (!epoch_keys(x, e))
		return false;
	struct store *s = store_open(x->store, e);
	if (!s)
		return false;
	*resumed = begun(x, s, &broken);
	bool ok = broken.reason == REASON_NONE || error_set(e, broken.reason, "%s", broken.text);
	if (ok && !*resumed) {
		epoch_examine(x, x->store);
		ok = epoch_ask(x, force, e) && (!x->rotate || epoch_announce(x, e)) && begin(x, s, e);
	}
	ok = ok && ((!x->rotate && !*resumed) || epoch_take_key(x, e)) && epoch_set_files_aside(x, e);
	store_close(s);
	return ok;
}

static bool run_all(struct epoch *x, const struct ctl *c, const char *force, bool *resumed, struct error *e)
{
	if (!epoch_open(x, c, e) || !audit_become_owner(x->store, e))
		return false;
	bool ok = end_log(x, force, resumed, e);
	return audit_become_self(e) && ok && epoch_write(x, e);
}

static void report(const struct epoch *x, bool resumed)
{
	struct buf key = BUF_INIT(1024);

	note_vkey_print(&x->new_key, &key);
	if (x->ctl->json) {
		json_t *j = json_pack("{s:s, s:s%, s:b, s:b, s:s, s:s}", "origin", x->new_origin, "vkey", key.p, key.n,
		                      "resumed", resumed, "altered", x->altered, "before",
		                      resumed ? x->old_origin : x->finding, "partners", x->said);
		char *text = json_dumps(j, JSON_COMPACT);

		puts(text ? text : "{}");
		free(text);
		json_decref(j);
	} else {
		fputs(x->said, stdout);
		printf("ended    %s\nbegins   %s when gatewayd starts\nkey      %.*s\n",
		       resumed ? x->old_origin : x->finding, x->new_origin, VIEW_ARG(buf_view(&key)));
		puts("Give the key to auditors and partners before that: partners put it as audit/vkey and the one\n"
		     "before under audit/earlier. The old log stays in the store: audit verify STORE@EPOCH.");
	}
	buf_free(&key);
}

int audit_new_epoch(const struct ctl *c, int argc, char **argv)
{
	static const struct option list[] = { { "force", required_argument, NULL, 'F' },
		                              { "rotate-key", no_argument, NULL, 'R' },
		                              { 0 } };
	const char *force = NULL;
	struct epoch x = { .rotate = false };
	struct error e = { .reason = REASON_NONE };
	bool resumed = false;
	int opt, status = CTL_OK;

	while ((opt = getopt_long(argc, argv, "", list, NULL)) == 'F' || opt == 'R') {
		force = opt == 'F' ? optarg : force;
		x.rotate = x.rotate || opt == 'R';
	}
	if (opt != -1 || argc != optind || (force && !force[0]))
		return ctl_usage();
	if (run_all(&x, c, force, &resumed, &e)) {
		report(&x, resumed);
	} else {
		fputs(x.said, stderr);
		status = ctl_fail(CTL_FAILED, &e);
	}
	epoch_free(&x);
	return status;
}
