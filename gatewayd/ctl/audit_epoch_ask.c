/* What partners hold of a log that is to be ended: whoever saw more than the store has knows what is missing, and will say
 * so. Each partner gateway is asked for the largest checkpoint that it cosigned or saw (GET /witnessed/<origin>?seen; one of a
 * build before answers with the last that it cosigned). What this log's own key did not sign counts for nothing, so that
 * their certificates need no pins. */
#include <dirent.h>
#include <limits.h>

#include "gatewayd/ctl/epoch.h"
#include "gatewayd/ctl/https.h"
#include "lib/tlog/tiles.h"

#define TIMEOUT_MS 5000
#define HOSTS_MAX  (1u << 20)

struct asked {
	struct epoch *x;
	const char *force; /* NULL: whoever cannot be asked stops it */
	char *certificate, *key, *authorities, *hosts;
	struct audit_source *source; /* of the old log; NULL: it cannot be read */
	uint64_t size;               /* of that log */
	unsigned unreachable;
	char who[200]; /* cannot be asked, and why */
};

/* --- where a partner is --- */

/* "HOST:PORT:ADDRESS" where the node's hosts file has the host. */
static bool find_address(const char *hosts, const char *host, int port, char *out, size_t size)
{
	char *text = NULL;
	bool found = false;
	size_t n;

	if (!hosts || !ctl_read_file(hosts, HOSTS_MAX, &text, &n, NULL))
		return false;
	struct view rest = view_make(text, n);
	while (rest.p && !found) {
		struct view line = view_cut(&rest, '\n'), address = view_make(NULL, 0);
		while (line.p && !found) {
			struct view word = view_cut(&line, ' ');
			if (word.n && !address.n)
				address = word;
			else if (word.n && view_is(word, host))
				found = snprintf(out, size, "%s:%d:%.*s", host, port, VIEW_ARG(address)) < (int)size;
		}
	}
	free(text);
	return found;
}

static struct https *reach(const struct asked *a, const json_t *endpoint, struct error *e)
{
	const char *host = json_string_value(json_object_get(endpoint, "host"));
	int port = (int)json_integer_value(json_object_get(endpoint, "port"));
	char url[512], resolve[600];
	struct https_options o = { .url = url,
		                   .certificate = a->certificate,
		                   .key = a->key,
		                   .authority = a->authorities,
		                   .timeout_ms = TIMEOUT_MS,
		                   .tries = 1 };

	snprintf(url, sizeof url, "https://%s:%d", host ? host : "", port);
	if (host && find_address(a->hosts, host, port, resolve, sizeof resolve))
		o.resolve = resolve;
	return https_open(&o, e);
}

/* --- what it says --- */

static bool read_hash(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	struct verify_source *v = arg;

	return tiles_read_stored(v->tile, v->arg, level, index, out, NULL);
}

/* Whether the store's log has that tree. One that cannot be read has none. */
static bool continues(const struct asked *a, const struct checkpoint *c)
{
	struct verify_source v;
	struct digest root;

	if (!a->source || c->size > a->size)
		return false;
	audit_source_callbacks(a->source, &v);
	return c->size == 0 || (tlog_range_hash(0, c->size, read_hash, &v, &root) && digest_eq(&root, &c->root));
}

/* For the new log's first entry only what matters there. */
static void judge(struct asked *a, const char *id, struct view note)
{
	struct epoch *x = a->x;
	struct checkpoint c;

	if (!checkpoint_open(note, &x->old_key, &c, NULL)) {
		epoch_says(x, "%s: what it holds is not signed by this log", id);
	} else if (continues(a, &c)) {
		epoch_says(x, "%s: saw %llu entries, which the log has", id, (unsigned long long)c.size);
	} else if (c.size > a->size) {
		epoch_says(x, "%s: saw %llu entries: %llu more than the log has", id, (unsigned long long)c.size,
		           (unsigned long long)(c.size - a->size));
		epoch_find(x, "; %s saw %llu entries", id, (unsigned long long)c.size);
		x->altered = true;
	} else {
		epoch_says(x, "%s: saw another tree of %llu entries", id, (unsigned long long)c.size);
		epoch_find(x, "; %s saw another tree of %llu entries", id, (unsigned long long)c.size);
		x->altered = true;
	}
}

static void ask(struct asked *a, const char *id, const json_t *endpoint)
{
	char path[NOTE_NAME_MAX + 16], why[100];
	struct buf answer = BUF_INIT(NOTE_MAX);
	struct error e = { .reason = REASON_NONE };
	struct https *h = reach(a, endpoint, &e);
	int status = 0;

	snprintf(path, sizeof path, "/witnessed/%s?seen", a->x->old_origin);
	bool answered = h && https_request(h, "GET", path, VIEW(""), NULL, &answer, &status, &e);
	if (answered && status == 200) {
		judge(a, id, buf_view(&answer));
	} else if (answered && status == 404) {
		epoch_says(a->x, "%s: saw nothing of it", id);
	} else {
		snprintf(why, sizeof why, "%.90s", answered ? "it does not answer that" : e.text);
		epoch_says(a->x, "%s: cannot be asked: %s", id, why);
		if (a->unreachable++ == 0)
			snprintf(a->who, sizeof a->who, "%s: %s", id, why);
		epoch_find(a->x, "; %s could not be asked", id);
	}
	https_close(h);
	buf_free(&answer);
}

static bool is_gateway(const json_t *partner)
{
	const json_t *role;
	size_t i;

	json_array_foreach(json_object_get(partner, "roles"), i, role)
	{
		const char *name = json_string_value(role);
		if (name && strcmp(name, "gateway") == 0)
			return true;
	}
	return false;
}

/* In the order of their names. */
static bool ask_all(struct asked *a, const char *folder, struct error *e)
{
	struct dirent **list = NULL;
	char path[PATH_MAX];
	int n = scandir(folder, &list, NULL, alphasort);

	if (n < 0)
		return error_at(e, REASON_IO, folder, 0, 0, "the partners' folder cannot be read");
	for (int i = 0; i < n; i++) {
		const char *dot = strrchr(list[i]->d_name, '.');
		json_t *doc = NULL;
		if (dot && strcmp(dot, ".json") == 0 &&
		    snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name) < (int)sizeof path)
			doc = json_load_file(path, 0, NULL);
		const char *id = json_string_value(json_object_get(doc, "id"));
		if (id && is_gateway(doc) && json_object_get(doc, "endpoint"))
			ask(a, id, json_object_get(doc, "endpoint"));
		json_decref(doc);
		free(list[i]);
	}
	free(list);
	return true;
}

/* The log's size, as its last checkpoint has it. */
static void open_log(struct asked *a)
{
	struct checkpoint c;

	if (checkpoint_open(buf_view(&a->x->note), &a->x->old_key, &c, NULL)) {
		a->size = c.size;
		a->source = audit_source_open(a->x->store, NULL, NULL);
	}
}

bool epoch_ask(struct epoch *x, const char *force, struct error *e)
{
	struct asked a = { .x = x, .force = force };
	char *folder = audit_conf_path(x->ctl, "/partners", e);

	a.certificate = audit_conf_path(x->ctl, "/tls/certificate", e);
	a.key = audit_conf_path(x->ctl, "/tls/key", e);
	a.authorities = audit_conf_path(x->ctl, "/tls/authorities", e);
	a.hosts = audit_conf_path(x->ctl, "/resolver/hosts", NULL);
	open_log(&a);
	bool ok = folder && a.certificate && a.key && a.authorities && ask_all(&a, folder, e);
	if (ok && a.unreachable && force)
		epoch_find(x, ": %.200s", force);
	if (ok && a.unreachable && !force)
		ok = error_set(
		        e, REASON_UNAVAILABLE,
		        "partners are to be asked first what they hold of this log, and %u cannot be (%s); when it "
		        "must be, --force REASON, which the new log's first entry says",
		        a.unreachable, a.who);
	audit_source_close(a.source);
	free(folder);
	free(a.certificate);
	free(a.key);
	free(a.authorities);
	free(a.hosts);
	return ok;
}
