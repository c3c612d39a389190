/* The node document: what it says of this node, and what the edge is sent of it. See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"
#include "lib/base/wire.h"

#define SECRET_FILE_MAX 65536

static const char *string_of(struct conf *c, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? arena_str(&c->mem, view_of(s)) : NULL;
}

const char *conf_path_of(struct conf *c, const json_t *o, const char *name)
{
	return conf_path_at(c, json_object_get(o, name));
}

const char *conf_path_at(struct conf *c, const json_t *value)
{
	const char *s = json_string_value(value);
	const char *path = s ? file_beside(&c->mem, c->node.folder, s) : NULL;

	for (size_t i = 0; path && i < c->n_paths; i++)
		if (strcmp(c->paths[i], path) == 0)
			return path;
	if (path && c->n_paths < sizeof c->paths / sizeof *c->paths - 1)
		c->paths[c->n_paths++] = path;
	return path;
}

uint32_t conf_number_of(const json_t *o, const char *name, uint32_t otherwise)
{
	const json_t *v = json_object_get(o, name);

	return v ? (uint32_t)json_integer_value(v) : otherwise;
}

const char **conf_strings_of(struct conf *c, const json_t *list, size_t *n)
{
	size_t count = json_array_size(list);
	const char **out = arena_alloc(&c->mem, (count + 1) * sizeof *out);

	for (size_t i = 0; out && i < count; i++)
		out[i] = arena_str(&c->mem, view_of(json_string_value(json_array_get(list, i))));
	*n = out ? count : 0;
	return out;
}

static void read_space(struct conf *c, const json_t *doc)
{
	const json_t *space = json_object_get(doc, "space");

	c->node.reserve = (struct space_reserve){ .percent = conf_number_of(space, "reserve_percent", 5),
		                                  .bytes = (uint64_t)conf_number_of(space, "reserve_mib", 256) << 20 };
	c->node.write_ahead_max = (uint64_t)conf_number_of(space, "write_ahead_mib", 1024) << 20;
}

static void read_delivery(struct conf *c, const json_t *doc)
{
	const json_t *delivery = json_object_get(doc, "delivery");
	const char *deadline = json_string_value(json_object_get(delivery, "deadline"));
	struct node *n = &c->node;

	if (!deadline || !duration_parse(view_of(deadline), &n->delivery_deadline))
		n->delivery_deadline = (struct duration){ .days = 7 };
	n->first_retry_ms = conf_number_of(delivery, "first_retry_ms", 1000);
	n->longest_retry_ms = conf_number_of(delivery, "longest_retry_ms", 600000);
}

/* The schema lets through no other words. */
static void read_log(struct node *n, const json_t *log)
{
	const char *level = json_string_value(json_object_get(log, "level"));
	const char *form = json_string_value(json_object_get(log, "form"));

	if (!level || !journal_level_find(view_of(level), &n->log_level))
		n->log_level = JOURNAL_INFO;
	if (!form || !journal_form_find(view_of(form), &n->log_form))
		n->log_form = JOURNAL_AUTO;
}

/* Adds a named file to what the edge is sent. */
static bool edge_file(struct conf *c, const char *name, const char *path, bool secret, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	bool ok =
	        secret ? file_read_private(path, SECRET_FILE_MAX, &text, &e) : file_read(path, DOCUMENT_MAX, &text, &e);

	if (ok) {
		put_view16(&c->edge_blob, view_of(name));
		put_view32(&c->edge_blob, buf_view(&text));
	} else {
		error_list_add(errors, &e);
	}
	buf_wipe(&text);
	return ok;
}

static void edge_text(struct conf *c, const char *name, struct view text)
{
	put_view16(&c->edge_blob, view_of(name));
	put_view32(&c->edge_blob, text);
}

/* The keys of those that have a certificate: what the edge tells strangers from partners by. */
static void edge_partners(struct conf *c)
{
	struct buf text = BUF_INIT(DOCUMENT_MAX);

	for (size_t i = 0; i < c->n_partners; i++) {
		const struct partner *p = &c->partners[i];
		for (size_t k = 0; p->uri && k < p->n_pins; k++) {
			digest_print(&text, &p->pins[k]);
			buf_addc(&text, k + 1 < p->n_pins ? ' ' : '\n');
		}
	}
	edge_text(c, "partners", buf_view(&text));
	if (text.failed)
		c->edge_blob.failed = true;
	buf_free(&text);
}

void conf_read_edge(struct conf *c, const json_t *doc, struct error_list *errors)
{
	const json_t *tls = json_object_get(doc, "tls"), *resolver = json_object_get(doc, "resolver");
	const char *hosts = conf_path_of(c, resolver, "hosts");
	struct buf text = BUF_INIT(4096);
	size_t n;
	const char **servers = conf_strings_of(c, json_object_get(resolver, "nameservers"), &n);

	c->hosts_file = hosts;
	c->edge_blob = BUF_INIT(DOCUMENT_MAX);
	edge_file(c, "tls.cert", conf_path_of(c, tls, "certificate"), false, errors);
	edge_file(c, "tls.key", conf_path_of(c, tls, "key"), true, errors);
	edge_file(c, "tls.ca", conf_path_of(c, tls, "authorities"), false, errors);
	if (hosts)
		edge_file(c, "hosts", hosts, false, errors);
	else
		edge_text(c, "hosts", VIEW(""));
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s\n", servers[i]);
	edge_text(c, "nameservers", buf_view(&text));
	buf_reset(&text);
	buf_addf(&text, "%s\n", c->node.host);
	for (size_t i = 0; i < c->node.n_names; i++)
		buf_addf(&text, "%s\n", c->node.names[i]);
	edge_text(c, "names", buf_view(&text));
	buf_reset(&text);
	for (size_t i = 0; i < c->node.n_reserved; i++)
		buf_addf(&text, "%s\n", c->node.reserved[i]);
	edge_text(c, "reserved", buf_view(&text));
	edge_partners(c);
	buf_reset(&text);
	buf_addf(&text, "%s %s", journal_level_name(c->node.log_level), journal_form_name(c->node.log_form));
	edge_text(c, "log", buf_view(&text));
	buf_reset(&text);
#define L(name) buf_addf(&text, "%u\n", c->node.edge.name);
	EDGE_LIMITS(L)
#undef L
	edge_text(c, "limits", buf_view(&text));
	if (c->edge_blob.failed)
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
	buf_free(&text);
}

void conf_read_node(struct conf *c, const json_t *doc)
{
	const json_t *audit = json_object_get(doc, "audit");
	struct node *n = &c->node;
	char origin[400];

	n->agency = string_of(c, doc, "agency");
	n->name = string_of(c, doc, "node");
	n->host = string_of(c, doc, "host");
	n->names = conf_strings_of(c, json_object_get(doc, "names"), &n->n_names);
	n->listen = conf_strings_of(c, json_object_get(doc, "listen"), &n->n_listen);
	n->monitor = conf_strings_of(c, json_object_get(doc, "monitor"), &n->n_monitor);
	n->store = conf_path_of(c, doc, "store");
	n->keys = conf_path_of(c, doc, "keys");
	n->control = conf_path_of(c, doc, "control");
	n->partners = conf_path_of(c, doc, "partners");
	n->user = string_of(c, doc, "user");
	n->mirror = conf_path_of(c, audit, "mirror");
	n->vkey = conf_path_of(c, audit, "vkey");
	n->witness_vkey = conf_path_of(c, audit, "witness_vkey");
	n->anchor = conf_path_of(c, audit, "anchor");
	n->witness_every_s = conf_number_of(audit, "witness_every_s", 300);
	n->witness_silence_s = conf_number_of(audit, "witness_silence_s", 60);
	n->rebuild_every_s = conf_number_of(audit, "rebuild_every_s", 86400);
	const char *kept = json_string_value(json_object_get(audit, "disclosures"));
	if (!kept || !duration_parse(view_of(kept), &n->disclosures))
		n->disclosures = (struct duration){ .years = 5 };
	snprintf(origin, sizeof origin, "%s/audit/%s/%u", n->host, n->name, conf_number_of(audit, "epoch", 1));
	n->origin = arena_str(&c->mem, view_of(origin));
	conf_read_rates(json_object_get(doc, "rates"), &n->rates);
	read_delivery(c, doc);
	read_space(c, doc);
	read_log(n, json_object_get(doc, "log"));
}
