/* See audit_files.h. A folder may hold, beside the public tiles, disclosures/<N>: the packed disclosure rows of an entry
 * bundle, each behind a 32-bit length; disclosures/shapes: the texts that decisions in them name by their SHA-256, each a
 * line; timestamped, timestamped.tsr: the newest checkpoint that has a timestamp, and that; newest: the newest checkpoint,
 * where `checkpoint` is one that was cosigned. */
#include "gatewayd/ctl/audit_files.h"

#include <limits.h>
#include <sys/stat.h>

#include "gatewayd/ctl/ctl.h"
#include "lib/crypto/timestamp.h"
#include "lib/tlog/note.h"

#define TRIES 10 /* where a server says when to come again */

struct audit_files {
	char *folder; /* NULL: a server's */
	struct https *https;
	bool live;
};

bool audit_files_is_url(const char *path)
{
	return view_starts(view_of(path), VIEW("https://")) || view_starts(view_of(path), VIEW("http://"));
}

/* --- file: --- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

static bool undo_escapes(const char *from, char *to)
{
	for (; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || high + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		from += 2;
	}
	*to = 0;
	return true;
}

char *audit_files_local(const char *path, struct error *e)
{
	static const char *const heads[] = { "file://localhost/", "file:///", "file:/" };
	char *out = strdup(path);

	if (!out) {
		error_set(e, REASON_NO_MEMORY, "no memory for a path");
		return NULL;
	}
	if (!view_starts(view_of(path), VIEW("file:")))
		return out;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		size_t n = strlen(heads[i]);
		/* file://HOST/ is another's. */
		if (strncmp(path, heads[i], n) == 0 && (i != 2 || path[n] != '/') && undo_escapes(path + n - 1, out))
			return out;
	}
	free(out);
	error_set(e, REASON_CONFIG, "a file: address is of the form file:///PATH");
	return NULL;
}

/* --- life --- */

static bool open_server(struct audit_files *f, const char *url, struct connection *access, struct error *e)
{
	bool plain = view_starts(view_of(url), VIEW("http://"));

	if (!access)
		return error_set(e, REASON_CONFIG, "a URL cannot be read here");
	if (plain && (access->https.certificate || access->https.key))
		return error_set(e, REASON_CONFIG,
		                 "no certificate is shown over http://: a gateway's address begins with https://");
	access->https.url = url;
	access->https.tries = TRIES;
	if (!connection_fill(access, e))
		return false;
	struct https_options o = access->https;
	o.published = plain || (!o.certificate && !o.key);
	if (plain)
		o.certificate = o.key = o.authority = NULL;
	f->live = !o.published;
	f->https = https_open(&o, e);
	return f->https != NULL;
}

struct audit_files *audit_files_open(const char *path, struct connection *access, struct error *e)
{
	struct audit_files *f = calloc(1, sizeof *f);
	bool ok = f || error_set(e, REASON_NO_MEMORY, "no memory");

	if (ok && audit_files_is_url(path)) {
		ok = open_server(f, path, access, e);
	} else if (ok) {
		f->folder = strdup(path);
		ok = f->folder || error_set(e, REASON_NO_MEMORY, "no memory");
	}
	if (ok)
		return f;
	audit_files_close(f);
	return NULL;
}

void audit_files_close(struct audit_files *f)
{
	if (!f)
		return;
	https_close(f->https);
	free(f->folder);
	free(f);
}

/* --- files --- */

static bool has_file(const struct audit_files *f, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return f->folder && snprintf(path, sizeof path, "%s/%s", f->folder, name) < (int)sizeof path &&
	       stat(path, &st) == 0;
}

bool audit_files_live(const struct audit_files *f)
{
	return f->live;
}

bool audit_files_disclosures(const struct audit_files *f)
{
	return has_file(f, "disclosures");
}

/* The https waits where it is told to come again. */
static bool fetch(const struct audit_files *f, const char *name, size_t max, char **out, size_t *n, struct error *e)
{
	struct buf body = BUF_INIT(max);
	char path[500];
	int status;

	snprintf(path, sizeof path, "/%s", name);
	bool ok = https_request(f->https, "GET", path, VIEW(""), NULL, &body, &status, e);
	if (ok && status == 404)
		ok = error_set(e, REASON_NOT_FOUND, "%s is missing", name);
	else if (ok && status != 200)
		ok = error_set(e, REASON_UNAVAILABLE, "%s: the server answers with status %d", name, status);
	else if (!ok && e->reason == REASON_TOO_LARGE)
		ok = error_set(e, REASON_TAMPERED, "%s is too large", name);
	*out = ok ? malloc(body.n + 1) : NULL;
	if (*out) {
		memcpy(*out, body.n ? body.p : "", body.n);
		*n = body.n;
	} else if (ok) {
		ok = error_set(e, REASON_NO_MEMORY, "no memory");
	}
	buf_free(&body);
	return ok;
}

bool audit_files_read(const struct audit_files *f, const char *name, size_t max, char **out, size_t *n, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	char path[PATH_MAX];

	if (f->https)
		return fetch(f, name, max, out, n, e);
	if (snprintf(path, sizeof path, "%s/%s", f->folder, name) >= (int)sizeof path)
		return error_set(e, REASON_IO, "a path is too long");
	if (!has_file(f, name))
		return error_set(e, REASON_NOT_FOUND, "%s is missing", name);
	if (ctl_read_file(path, max, out, n, &inner))
		return true;
	if (inner.reason == REASON_TOO_LARGE)
		return error_set(e, REASON_TAMPERED, "%s is too large", name);
	return error_at(e, inner.reason, inner.where, 0, 0, "%s", inner.text);
}

bool audit_files_take(const struct audit_files *f, const char *name, size_t max, struct buf *out, struct error *e)
{
	char *bytes;
	size_t n;

	if (!audit_files_read(f, name, max, &bytes, &n, e))
		return false;
	buf_add(out, view_make(bytes, n));
	free(bytes);
	return !out->failed || error_set(e, REASON_NO_MEMORY, "no memory");
}

/* What may be missing. */
static bool take_if_there(const struct audit_files *f, const char *name, struct buf *out, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };

	return audit_files_take(f, name, NOTE_MAX, out, &inner) || inner.reason == REASON_NOT_FOUND ||
	       error_set(e, inner.reason, "%s", inner.text);
}

/* --- what they are called --- */

static bool published_checkpoints(const struct audit_files *f, struct buf *cosigned, struct buf *newest,
                                  struct error *e)
{
	struct error inner = { .reason = REASON_NONE };

	if (!audit_files_take(f, "checkpoint", NOTE_MAX, cosigned, &inner)) {
		if (!f->https || inner.reason != REASON_UNAVAILABLE)
			return error_at(e, inner.reason, inner.where, 0, 0, "%s", inner.text);
		return error_at(
		        e, inner.reason, inner.where, 0, 0,
		        "%s (asked for a published log: a gateway is asked with --certificate, --private-key and "
		        "--authority)",
		        inner.text);
	}
	if (!take_if_there(f, "newest", newest, e))
		return false;
	if (newest->n > 0)
		return true;
	buf_add(newest, buf_view(cosigned));
	buf_reset(cosigned);
	return !newest->failed || error_set(e, REASON_NO_MEMORY, "no memory");
}

bool audit_files_checkpoints(const struct audit_files *f, struct buf *cosigned, struct buf *newest, struct error *e)
{
	if (!f->live)
		return published_checkpoints(f, cosigned, newest, e);
	return take_if_there(f, "checkpoint?witnessed", cosigned, e) &&
	       audit_files_take(f, "checkpoint?newest", NOTE_MAX, newest, e);
}

/* A gateway names the response by the size of its checkpoint. */
static bool served_timestamp(const struct audit_files *f, struct buf *note, struct buf *response, struct error *e)
{
	struct view text, signatures;
	struct checkpoint c;
	char name[60];

	if (!audit_files_take(f, "checkpoint?timestamped", NOTE_MAX, note, e) ||
	    !note_split(buf_view(note), &text, &signatures, e) || !checkpoint_parse(text, &c, e))
		return false;
	snprintf(name, sizeof name, "timestamp/%llu", (unsigned long long)c.size);
	return audit_files_take(f, name, TIMESTAMP_MAX, response, e);
}

bool audit_files_timestamp(const struct audit_files *f, struct buf *note, struct buf *response, struct error *e)
{
	if (f->live)
		return served_timestamp(f, note, response, e);
	return audit_files_take(f, "timestamped", NOTE_MAX, note, e) &&
	       audit_files_take(f, "timestamped.tsr", TIMESTAMP_MAX, response, e);
}
