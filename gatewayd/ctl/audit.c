/* gatewayctl audit: the table of its commands, and what they share. */
#include "gatewayd/ctl/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

const struct ctl_command ctl_audit_commands[] = {
	{ "audit", "tail",
	  "[-f|--follow] [-n|--lines LINES] [--after N] [--since TIME] [--agreement ID] [--operation NAME] [--outcome NAME] [--peer ID] [--reason NAME] [--exchange ID] [--verify [--key VKEY]] [FILE]",
	  "show the newest entries of the mirror file, and go on with -f", audit_tail },
	{ "audit", "verify",
	  "[--key VKEY | --policy FILE [--max-age SECONDS]] [--state FILE] [--earlier FILE] [--later DIR|STORE]… [--tsa-ca FILE] [ACCESS] [DIR|STORE|URL]",
	  "rebuild the whole log and compare it with its signed checkpoint", audit_verify },
	{ "audit", "prove", "[--out FILE] [--from DIR|STORE] UUID",
	  "write the receipt of an exchange, which verifies offline", audit_prove },
	{ "audit", "verify-receipt", "[--key VKEY | --policy FILE] FILE", "verify a receipt offline and show its entry",
	  audit_verify_receipt },
	{ "audit", "export",
	  "[--disclosures] [--from DIR|STORE|URL] [ACCESS] DIR | --format jsonl|ocsf|ecs|cef|rfc5424 [--after N]",
	  "write the log as static files that any web server can publish, or as events", audit_export },
	{ "audit", "mirror", "--policy FILE [--cosign KEYFILE] [--every SECONDS] [--silence SECONDS] [ACCESS] DIR",
	  "keep copies of the logs of a policy, verified and cosigned, that outlive their gateways", audit_mirror },
	{ "audit", "mirror-key", "NAME FILE", "make the key with which a mirror cosigns, and print its verifier key",
	  audit_mirror_key },
	{ "audit", "reconcile", "[--policy FILE] [ACCESS] A B",
	  "compare the logs of two gateways that exchange records", audit_reconcile },
	{ "audit", "new-epoch", "[--force REASON] [--rotate-key]",
	  "end the log and begin a new one that names it (the daemon is stopped)", audit_new_epoch },
	{ "audit", "evidence", "[--from STORE] [DIGEST]",
	  "list what is kept of logs that forked or went back, or show one piece of it", audit_evidence },
	{ "audit", "missing", "[--from STORE] ORIGIN SIZE",
	  "list the exchanges whose receipts lie at or beyond that entry of a partner's log", audit_missing },
	{ "audit", "follow", "PARTNER [FILE]",
	  "take a partner's next log key from an announcement that its present one signed", audit_follow_partner },
	{ "audit", "archive", "[--key VKEY | --policy FILE] [--disclosures] STORE@EPOCH DIR",
	  "move an earlier log's entries out of the store (the daemon is stopped)", audit_archive },
	{ 0 }
};

/* --- configuration --- */

static char *join(const char *config, const char *path)
{
	const char *slash = strrchr(config, '/');
	char *out = NULL;

	if (path[0] == '/' || !slash)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - config), config, path) < 0)
		return NULL;
	return out;
}

/* A text member of the configuration, in a document that the caller frees. */
static const char *conf_member(const struct ctl *c, const char *name, json_t **node, struct error *e)
{
	json_error_t error;
	json_t *at = *node = json_load_file(c->config, 0, &error);
	char first[64] = "";

	if (!at) {
		error_at(e, REASON_CONFIG, c->config, error.line > 0 ? (uint32_t)error.line : 0, 0, "%s%s", error.text,
		         error.line > 0 ? "" : ": give the configuration as gatewayctl -c FILE");
		return NULL;
	}
	while (*name == '/') {
		size_t n = strcspn(++name, "/");

		snprintf(first, sizeof first, "%.*s", (int)n, name);
		at = json_object_get(at, first);
		name += n;
	}
	if (!json_is_string(at))
		error_at(e, REASON_CONFIG, c->config, 0, 0, "the configuration has no %s", first);
	return json_string_value(at);
}

char *audit_conf_path(const struct ctl *c, const char *name, struct error *e)
{
	json_t *node;
	const char *text = conf_member(c, name, &node, e);
	char *out = text ? join(c->config, text) : NULL;

	if (text && !out)
		error_set(e, REASON_NO_MEMORY, "no memory for a path");
	json_decref(node);
	return out;
}

char *audit_conf_text(const struct ctl *c, const char *name, struct error *e)
{
	json_t *node;
	const char *text = conf_member(c, name, &node, e);
	char *out = text ? strdup(text) : NULL;

	if (text && !out)
		error_set(e, REASON_NO_MEMORY, "no memory for a text");
	json_decref(node);
	return out;
}

char *audit_log_path(const struct ctl *c, const char *given, struct error *e)
{
	if (!given)
		return audit_conf_path(c, "/store", e);
	char *out = strdup(given);
	if (!out)
		error_set(e, REASON_NO_MEMORY, "no memory for a path");
	return out;
}

/* --- whose keys --- */

static bool read_vkey_file(const char *path, struct note_vkey *out, struct error *e)
{
	char *text;
	size_t n;

	if (!ctl_read_file(path, 4096, &text, &n, e))
		return false;
	struct view rest = view_make(text, n);
	bool ok = note_vkey_parse(view_cut(&rest, '\n'), out, e);
	free(text);
	return ok;
}

static bool read_policy(const char *path, struct trust **out, struct error *e)
{
	char *text;
	size_t n;

	if (!ctl_read_file(path, 1 << 20, &text, &n, e))
		return false;
	*out = trust_parse(view_make(text, n), e);
	free(text);
	return *out != NULL;
}

bool audit_keys_load(const struct ctl *c, const char *key, const char *policy, struct audit_keys *out, struct error *e)
{
	*out = (struct audit_keys){ .trust = NULL };
	if (key && policy)
		return error_set(e, REASON_CONFIG, "--key and --policy exclude each other");
	if (policy)
		return read_policy(policy, &out->trust, e);
	if (key) {
		bool is_key = strchr(key, '+') != NULL;
		if (!(is_key ? note_vkey_parse(view_of(key), &out->key, e) : read_vkey_file(key, &out->key, e)))
			return false;
	} else {
		char *path = audit_conf_path(c, "/audit/vkey", NULL);
		if (!path)
			return error_set(e, REASON_CONFIG, "whose key? give --key VKEY or --policy FILE");
		bool ok = read_vkey_file(path, &out->key, e);
		free(path);
		if (!ok)
			return false;
		out->from_configuration = true;
	}
	return out->key.type == NOTE_ED25519 || error_set(e, REASON_CONFIG, "the key is a witness's, not a log's");
}

void audit_keys_free(struct audit_keys *k)
{
	trust_free(k->trust);
}

bool audit_keys_open(const struct audit_keys *k, struct view note, struct checkpoint *out,
                     const struct note_vkey **signer, struct trust_witnessed *witnessed, struct error *e)
{
	if (k->trust)
		return trust_check(k->trust, note, out, signer, witnessed, e);
	if (witnessed)
		*witnessed = (struct trust_witnessed){ .quorum = true };
	*signer = &k->key;
	return checkpoint_open(note, &k->key, out, e);
}

/* --- whose files --- */

bool audit_become_owner(const char *path, struct error *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
	return geteuid() != 0 || (setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0) ||
	       error_set(e, REASON_IO, "cannot become the account of the store: %s", strerror(errno));
}

bool audit_become_self(struct error *e)
{
	return (seteuid(getuid()) == 0 && setegid(getgid()) == 0) ||
	       error_set(e, REASON_IO, "cannot become the account that ran this again: %s", strerror(errno));
}

/* --- files --- */

static bool make_folders(char *path, struct error *e)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return error_set(e, REASON_IO, "%s: %s", path, strerror(errno));
		*p = '/';
	}
	return true;
}

static bool write_all(int fd, struct view bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = view_from(bytes, (size_t)n);
	}
	return true;
}

bool audit_write_file(const char *path, struct view bytes, struct error *e)
{
	char target[PATH_MAX], temporary[PATH_MAX + 8];

	if (snprintf(target, sizeof target, "%s", path) >= (int)sizeof target)
		return error_set(e, REASON_IO, "a path is too long");
	if (!make_folders(target, e))
		return false;
	snprintf(temporary, sizeof temporary, "%s.new", target);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(e, REASON_IO, "%s: %s", temporary, strerror(errno));
	bool ok = write_all(fd, bytes);
	ok = close(fd) == 0 && ok;
	ok = ok && rename(temporary, target) == 0;
	if (!ok) {
		error_set(e, REASON_IO, "%s: %s", target, strerror(errno));
		unlink(temporary);
	}
	return ok;
}
