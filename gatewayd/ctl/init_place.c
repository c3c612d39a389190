/* Where the files of a node lie. See init.h. */
#include "gatewayd/ctl/init.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/os/files.h"

#define PATH_BYTES 4096

/* The folder around those of the state, which the unit has and a node in one folder has not. */
#define STATE "state"

/* In the order in which they are made. The unit makes its runtime folder itself. */
static const struct folder {
	const char *name, *system; /* in one folder; as the unit has it */
	unsigned mode;
	bool daemons; /* the daemon writes there */
	bool fresh;   /* and finds nothing of another's */
} folders[] = {
	{ "", "/etc/gatewayd", 0755, false, false },
	{ STATE, "/var/lib/gatewayd", 0700, true, false },
	{ "tls", "/etc/gatewayd/tls", 0755, false, false },
	{ "partners", "/etc/gatewayd/partners", 0755, false, false },
	{ "agreements", "/etc/gatewayd/agreements", 0755, false, false },
	{ "documents", "/etc/gatewayd/documents", 0755, false, false },
	{ "schemas", "/etc/gatewayd/schemas", 0755, false, false },
	{ "keys", "/var/lib/gatewayd/keys", 0700, true, true },
	{ "store", "/var/lib/gatewayd/store", 0700, true, true },
	{ "anchor", "/var/lib/gatewayd/anchor", 0700, true, true },
	{ "log", "/var/log/gatewayd", 0750, true, false },
	{ "run", "/run/gatewayd", 0750, true, false },
};
#define FOLDERS (sizeof folders / sizeof *folders)

bool place_system(struct place *p, const char *root, struct error *e)
{
	*p = (struct place){ .root = root ? root : "" };
	if (root)
		return true;
	const struct passwd *account = getpwnam(PLACE_ACCOUNT);
	if (geteuid() != 0)
		return error_set(e, REASON_CONFIG, "--system writes to /etc and /var/lib: run it as root");
	if (!account)
		return error_set(e, REASON_CONFIG,
		                 "there is no account " PLACE_ACCOUNT
		                 ", which the unit runs as: run systemd-sysusers, or useradd --system " PLACE_ACCOUNT);
	p->owned = true;
	p->uid = account->pw_uid;
	p->gid = account->pw_gid;
	return true;
}

/* The folder that a name lies in, and what of the name is left below it. */
static const struct folder *folder_of(const char *name, const char **rest)
{
	for (size_t i = FOLDERS; i-- > 1;) {
		size_t n = strlen(folders[i].name);
		if (strncmp(name, folders[i].name, n) == 0 && (name[n] == '/' || !name[n])) {
			*rest = name + n;
			return &folders[i];
		}
	}
	*rest = name;
	return &folders[0];
}

const char *place_named(const struct place *p, const char *name, char *out, size_t size)
{
	const char *rest;
	const struct folder *f = folder_of(name, &rest);

	if (p->dir)
		snprintf(out, size, "%s", name);
	else
		snprintf(out, size, "%s%s%s", f->system, rest[0] && rest[0] != '/' ? "/" : "", rest);
	return out;
}

const char *place_path(const struct place *p, const char *name, char *out, size_t size)
{
	char named[PATH_BYTES];

	if (p->dir)
		snprintf(out, size, "%s%s%s", p->dir, name[0] ? "/" : "", name);
	else
		snprintf(out, size, "%s%s", p->root, place_named(p, name, named, sizeof named));
	return out;
}

/* With the folders above it, which are everybody's. */
static bool make_folder(char *path, unsigned mode, struct error *e)
{
	struct stat st;

	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		bool made = mkdir(path, 0755) == 0 ? chmod(path, 0755) == 0 : errno == EEXIST;
		*slash = '/';
		if (!made)
			break;
	}
	if (mkdir(path, (mode_t)mode) == 0)
		return chmod(path, (mode_t)mode) == 0 ||
		       error_at(e, REASON_IO, path, 0, 0, "cannot set its mode: %s", strerror(errno));
	return (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) ||
	       error_at(e, REASON_IO, path, 0, 0, "cannot make the folder: %s", strerror(errno));
}

static bool is_empty(const char *path, struct error *e)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	bool empty = d != NULL;

	while (d && (entry = readdir(d)))
		empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
	if (d)
		closedir(d);
	return empty ||
	       error_at(e, REASON_IO, path, 0, 0,
	                "is not empty: a node is there already, or init was interrupted: nothing is overwritten, so "
	                "take away yourself what is not wanted");
}

/* It is written last. */
static bool is_free(const struct place *p, struct error *e)
{
	char path[PATH_BYTES];
	struct stat st;

	place_path(p, "gatewayd.json", path, sizeof path);
	return lstat(path, &st) != 0 ||
	       error_at(e, REASON_IO, path, 0, 0, "is there already: nothing is overwritten, so take it away yourself");
}

/* Before any folder is made. */
static bool is_unused(const struct place *p, struct error *e)
{
	char path[PATH_BYTES];
	struct stat st;

	for (size_t i = 0; i < FOLDERS; i++)
		if (folders[i].fresh && lstat(place_path(p, folders[i].name, path, sizeof path), &st) == 0 &&
		    (p->owned && S_ISLNK(st.st_mode)
		             ? !error_at(
		                       e, REASON_IO, path, 0, 0,
		                       "is a link, and what is secret or the daemon's lies in a folder of the node itself")
		             : !is_empty(path, e)))
			return false;
	return is_free(p, e);
}

bool place_make(const struct place *p, struct error *e)
{
	char path[PATH_BYTES];

	if (!is_unused(p, e))
		return false;
	for (size_t i = 0; i < FOLDERS; i++) {
		if (strcmp(folders[i].name, p->dir ? STATE : "run") == 0)
			continue;
		place_path(p, folders[i].name, path, sizeof path);
		if (!make_folder(path, folders[i].mode, e) || !place_own(p, folders[i].name, e))
			return false;
	}
	return true;
}

bool place_write(const struct place *p, const char *name, struct view bytes, unsigned mode, struct error *e)
{
	char path[PATH_BYTES];

	/* Of that mode whatever the umask is: the daemon is of another account. */
	return file_write_new(place_path(p, name, path, sizeof path), bytes, mode, e) &&
	       (chmod(path, (mode_t)mode) == 0 ||
	        error_at(e, REASON_IO, path, 0, 0, "cannot set its mode: %s", strerror(errno)));
}

bool place_write_json(const struct place *p, const char *name, const json_t *doc, struct error *e)
{
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	struct buf b = BUF_INIT(1 << 20);
	bool ok;

	buf_adds(&b, text ? text : "");
	buf_addc(&b, '\n');
	ok = text && !b.failed ? place_write(p, name, buf_view(&b), 0644, e)
	                       : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(text);
	buf_free(&b);
	return ok;
}

bool place_folder(const struct place *p, const char *name, unsigned mode, struct error *e)
{
	char path[PATH_BYTES];

	place_path(p, name, path, sizeof path);
	return make_folder(path, mode, e);
}

static bool own(const struct place *p, const char *path, struct error *e)
{
	return lchown(path, p->uid, p->gid) == 0 ||
	       error_at(e, REASON_IO, path, 0, 0, "cannot give it to " PLACE_ACCOUNT ": %s", strerror(errno));
}

bool place_own(const struct place *p, const char *name, struct error *e)
{
	char path[PATH_BYTES], below[PATH_BYTES + 300];
	const char *rest;
	const struct dirent *entry;
	bool ok;

	if (!p->owned || !folder_of(name, &rest)->daemons)
		return true;
	place_path(p, name, path, sizeof path);
	ok = own(p, path, e);
	DIR *d = opendir(path);
	while (d && ok && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		ok = own(p, below, e);
	}
	if (d)
		closedir(d);
	return ok;
}
