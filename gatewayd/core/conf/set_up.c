/* What this machine must have for a configuration: folders that can be written where that is needed and that others cannot
 * change, secrets, and public keys that are theirs. See conf.h. */
#include "gatewayd/core/conf/conf_private.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gatewayd/os/files.h"
#include "gatewayd/os/secret_file.h"

#define SECRET_BYTES 32
#define VKEY_MAX     4096

struct set_up {
	const struct conf *c;
	struct error_list *errors;
	struct arena mem;
};

/* A fault of what the node document names at `pointer`. */
static void fault(struct set_up *x, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void fault(struct set_up *x, const char *pointer, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	error_list_addf(x->errors, REASON_CONFIG, x->c->node.file, 0, 0, "%s: %s", pointer, text);
}

/* --- folders --- */

static bool is_folder(struct set_up *x, const char *pointer, const char *path, struct stat *st)
{
	if (!path)
		return false;
	if (stat(path, st) != 0)
		fault(x, pointer, "%.200s: %s; make the folder, or mend the path", path, strerror(errno));
	else if (!S_ISDIR(st->st_mode))
		fault(x, pointer, "%.200s: is no folder; mend the path", path);
	else
		return true;
	return false;
}

static void writable_folder(struct set_up *x, const char *pointer, const char *path)
{
	struct stat st;

	if (!is_folder(x, pointer, path, &st))
		return;
	if (access(path, W_OK | X_OK) != 0)
		fault(x, pointer, "%.200s: cannot be written by uid %u (%s); give it to that account (chown)", path,
		      (unsigned)geteuid(), strerror(errno));
	else if (st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX))
		fault(x, pointer, "%.200s: everybody may write it (mode %03o); take that away (chmod o-w)", path,
		      st.st_mode & 0777u);
}

/* The folder of a file that is written. */
static void writable_file(struct set_up *x, const char *pointer, const char *path)
{
	struct stat st;

	if (!path)
		return;
	writable_folder(x, pointer, file_folder(&x->mem, path));
	if (stat(path, &st) != 0)
		return;
	if (S_ISDIR(st.st_mode))
		fault(x, pointer, "%.200s: is a folder, and a file is meant; mend the path", path);
	else if (access(path, R_OK | W_OK) != 0)
		fault(x, pointer, "%.200s: cannot be read and written by uid %u (%s); give it to that account (chown)",
		      path, (unsigned)geteuid(), strerror(errno));
}

static void check_control(struct set_up *x)
{
	const char *path = x->c->node.control;
	struct stat st;

	if (!path)
		return;
	writable_folder(x, "/control", file_folder(&x->mem, path));
	if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
		fault(x, "/control",
		      "is too long for a socket's path (%zu bytes at most, with its folder); name a shorter one",
		      sizeof((struct sockaddr_un *)0)->sun_path - 1);
	else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		fault(x, "/control",
		      "%.200s: is there and no socket; the daemon would put its socket in its place: mend the path",
		      path);
}

/* Each is written, or read as what it is, so that one file for two destroys both. */
static void check_apart(struct set_up *x)
{
	const struct node *n = &x->c->node;
	const struct {
		const char *pointer, *path;
	} files[] = { { "/store", n->store },
		      { "/audit/mirror", n->mirror },
		      { "/audit/anchor", n->anchor },
		      { "/audit/vkey", n->vkey },
		      { "/audit/witness_vkey", n->witness_vkey } };
	struct stat a, b;

	for (size_t i = 1; i < sizeof files / sizeof *files; i++)
		for (size_t k = 0; k < i; k++)
			if (files[i].path && files[k].path &&
			    (strcmp(files[i].path, files[k].path) == 0 ||
			     (stat(files[i].path, &a) == 0 && stat(files[k].path, &b) == 0 && a.st_dev == b.st_dev &&
			      a.st_ino == b.st_ino)))
				fault(x, files[i].pointer, "is the file of %s: name another one", files[k].pointer);
}

/* What decides about records may be changed by nobody else. */
static void check_guarded(struct set_up *x)
{
	struct stat st;

	for (size_t i = 0; i < x->c->n_paths; i++) {
		const char *path = x->c->paths[i];
		if (stat(path, &st) == 0 && st.st_mode & S_IWOTH && !S_ISSOCK(st.st_mode) && !S_ISCHR(st.st_mode))
			error_list_addf(x->errors, REASON_CONFIG, path, 0, 0,
			                "everybody may write it (mode %03o): take that away (chmod o-w)",
			                st.st_mode & 0777u);
	}
	if (stat(x->c->node.file, &st) == 0 && st.st_mode & S_IWOTH)
		error_list_addf(x->errors, REASON_CONFIG, x->c->node.file, 0, 0,
		                "everybody may write it (mode %03o): take that away (chmod o-w)", st.st_mode & 0777u);
}

/* --- keys --- */

static const char *key_file(struct set_up *x, const char *name)
{
	return file_beside(&x->mem, x->c->node.keys, name);
}

static bool read_key(struct set_up *x, const char *name, struct secret *out)
{
	struct error e = { .reason = REASON_NONE };
	const char *path = key_file(x, name);

	if (path && secret_read(path, SECRET_BYTES, out, &e))
		return true;
	error_list_addf(
	        x->errors, e.reason, path ? path : "", 0, 0,
	        "%s; it was made by gatewayctl init: put it back from its backup (gatewayctl keys restore), owned by "
	        "the gateway's account, mode 600",
	        e.text);
	return false;
}

static bool public_of(const struct secret *seed, const char *name, enum note_key_type type, struct note_vkey *out)
{
	struct ed25519_key *key = ed25519_from_seed(seed->b);
	uint8_t public_key[32];

	if (!key)
		return false;
	ed25519_public(key, public_key);
	ed25519_free(key);
	return note_vkey_make(view_of(name), type, public_key, out);
}

static void wrong_vkey(struct set_up *x, const char *pointer, const char *path, const struct note_vkey *own,
                       const char *why)
{
	struct buf text = BUF_INIT(VKEY_MAX);

	note_vkey_print(own, &text);
	fault(x, pointer, "%.100s: %s; auditors and partners who are given it refuse this log. It must say %.*s", path,
	      why, VIEW_ARG(buf_view(&text)));
	buf_free(&text);
}

/* The file that is given away says what the secret makes. */
static void check_vkey(struct set_up *x, const char *pointer, const char *path, const struct note_vkey *own)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(VKEY_MAX);
	struct note_vkey told;

	if (!path)
		return;
	if (!file_read(path, VKEY_MAX - 1, &text, &e)) {
		error_list_add(x->errors, &e);
	} else {
		struct view rest = buf_view(&text);
		if (!note_vkey_parse(view_cut(&rest, '\n'), &told, &e))
			wrong_vkey(x, pointer, path, own, "is no verifier key");
		else if (!note_vkey_same(&told, own))
			wrong_vkey(x, pointer, path, own,
			           strcmp(told.name, own->name) != 0
			                   ? "is of another name (host, node or epoch); was `gatewayctl audit "
			                     "new-epoch` interrupted? It may run again"
			                   : "is not the public half of the secret in `keys`");
	}
	buf_free(&text);
}

/* Whoever knows a partner by this node's own keys has its file mixed up with ours. */
static void check_partners(struct set_up *x, const struct note_vkey *log)
{
	for (size_t i = 0; i < x->c->n_partners; i++) {
		const struct partner *p = &x->c->partners[i];
		char path[4200];

		if (!p->has_log || !note_vkey_same(&p->log, log))
			continue;
		snprintf(path, sizeof path, "%s/%s.json", x->c->node.partners, p->id);
		error_list_addf(x->errors, REASON_CONFIG, path, 0, 0,
		                "/audit/vkey: is this node's own log; put the key there that the partner gave");
	}
}

/* One that was copied over another: what is made with the one could be told by who has the other. */
static void check_secrets_apart(struct set_up *x)
{
	static const char *const names[] = { "pseudonym.key", "idempotency.key", "audit.key", "witness.key" };
	struct secret all[4] = { { .n = 0 } };

	for (size_t i = 0; i < 4; i++) {
		const char *path = key_file(x, names[i]);
		if (!path || access(path, F_OK) != 0 || !secret_read(path, SECRET_BYTES, &all[i], NULL))
			continue;
		for (size_t k = 0; k < i; k++)
			if (all[k].n == all[i].n && memcmp(all[k].b, all[i].b, all[i].n) == 0)
				error_list_addf(
				        x->errors, REASON_CONFIG, path, 0, 0,
				        "is the same secret as %s: each is its own; put it back from its backup "
				        "(gatewayctl keys restore)",
				        names[k]);
	}
	for (size_t i = 0; i < 4; i++)
		secret_wipe(&all[i]);
}

static void check_keys(struct set_up *x)
{
	const struct node *n = &x->c->node;
	struct secret secret = { .n = 0 };
	struct note_vkey own;
	struct stat st;
	char name[NOTE_NAME_MAX];

	if (!is_folder(x, "/keys", n->keys, &st))
		return;
	if (st.st_mode & 0077)
		fault(x, "/keys",
		      "%.200s: holds secrets, and others than its owner may enter it (mode %03o); chmod 700", n->keys,
		      st.st_mode & 0777u);
	if (access(n->keys, R_OK | W_OK | X_OK) != 0) {
		fault(x, "/keys", "%.200s: cannot be used by uid %u (%s); give it to that account (chown -R)", n->keys,
		      (unsigned)geteuid(), strerror(errno));
		return;
	}
	check_secrets_apart(x);
	(void)!read_key(x, "pseudonym.key", &secret);
	(void)!read_key(x, "idempotency.key", &secret);
	if (read_key(x, "audit.key", &secret) && public_of(&secret, n->origin, NOTE_ED25519, &own)) {
		check_vkey(x, "/audit/vkey", n->vkey, &own);
		check_partners(x, &own);
	}
	snprintf(name, sizeof name, "%s/witness/%s", n->host, n->name);
	const char *witness = key_file(x, "witness.key");
	if (n->witness_vkey && witness && access(witness, F_OK) != 0)
		fault(x, "/audit/witness_vkey",
		      "%.200s is not there: without it this node cosigns no log; put it back, or leave "
		      "witness_vkey out",
		      witness);
	else if (witness && access(witness, F_OK) == 0 && read_key(x, "witness.key", &secret) &&
	         public_of(&secret, name, NOTE_COSIGNER, &own))
		check_vkey(x, "/audit/witness_vkey", n->witness_vkey, &own);
	secret_wipe(&secret);
}

void conf_set_up(const struct conf *c, struct error_list *errors)
{
	const struct node *n = &c->node;
	struct set_up x = { .c = c, .errors = errors };
	size_t from = errors->n;

	writable_file(&x, "/store", n->store);
	check_keys(&x);
	writable_file(&x, "/audit/mirror", n->mirror);
	writable_file(&x, "/audit/anchor", n->anchor);
	check_apart(&x);
	check_control(&x);
	check_guarded(&x);
	arena_free(&x.mem);
	conf_place(errors, from);
}

/* --- before anything is judged --- */

void conf_peek(const char *path, char *user, size_t user_size, char *keys, size_t keys_size)
{
	struct arena mem = { .max = 0 };
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	json_t *doc = file_read(path, text.max, &text, NULL) ? json_loadb(text.p, text.n, 0, NULL) : NULL;
	const char *of = json_string_value(json_object_get(doc, "user")),
	           *folder = json_string_value(json_object_get(doc, "keys"));
	const char *at = folder ? file_beside(&mem, file_folder(&mem, path), folder) : NULL;

	snprintf(user, user_size, "%s", of ? of : "");
	snprintf(keys, keys_size, "%s", at ? at : "");
	json_decref(doc);
	buf_free(&text);
	arena_free(&mem);
}
