/* The node document: what it says of this node, what the edge is sent of it, and the revocation list that it names. See
 * conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include <unistd.h>

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
	const char *s = json_string_value(json_object_get(o, name));
	const char *path = s ? file_beside(&c->mem, c->node.folder, s) : NULL;

	if (path && c->n_paths < sizeof c->paths / sizeof *c->paths - 1)
		c->paths[c->n_paths++] = path;
	return path;
}

static uint32_t number_of(const json_t *o, const char *name, uint32_t otherwise)
{
	const json_t *v = json_object_get(o, name);

	return v ? (uint32_t)json_integer_value(v) : otherwise;
}

static const char **strings_of(struct conf *c, const json_t *list, size_t *n)
{
	size_t count = json_array_size(list);
	const char **out = arena_alloc(&c->mem, (count + 1) * sizeof *out);

	for (size_t i = 0; out && i < count; i++)
		out[i] = arena_str(&c->mem, view_of(json_string_value(json_array_get(list, i))));
	*n = out ? count : 0;
	return out;
}

void conf_read_rates(const json_t *doc, struct rates *rates)
{
	const struct {
		const char *name;
		uint64_t *value;
	} members[] = { { "records_per_second", &rates->second_records },
		        { "records_per_day", &rates->day_records },
		        { "bytes_per_second", &rates->second_bytes },
		        { "bytes_per_day", &rates->day_bytes } };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const json_t *v = json_object_get(doc, members[i].name);
		if (v)
			*members[i].value = (uint64_t)json_integer_value(v);
	}
}

static void read_limits(struct conf *c, const json_t *doc)
{
	const json_t *limits = json_object_get(doc, "limits");
	struct node *n = &c->node;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	n->threads = number_of(limits, "threads", cpus < 1 ? 1 : cpus > 16 ? 16 : (uint32_t)cpus);
	n->lines = number_of(limits, "lines", 1000);
	n->reads_per_minute = number_of(limits, "reads_per_minute", 6000);
	n->memory_bytes = (uint64_t)number_of(limits, "memory_mib", 128) << 20;
	n->partner_memory_bytes = (uint64_t)number_of(limits, "memory_mib_per_partner", 32) << 20;
	n->jobs = number_of(limits, "jobs", 1024);
	n->partner_jobs = number_of(limits, "jobs_per_partner", 256);
	n->wait_ms = number_of(limits, "wait_ms", 5000);
	n->edge = (struct edge_limits){
		.body_bytes = number_of(limits, "body_bytes", 1048576),
		.connections = number_of(limits, "connections", 4096),
		.connections_per_peer = number_of(limits, "connections_per_peer", 256),
		.handshake_ms = number_of(limits, "handshake_ms", 5000),
		.header_ms = number_of(limits, "header_ms", 10000),
		.body_ms = number_of(limits, "body_ms", 30000),
		.idle_ms = number_of(limits, "idle_ms", 60000),
		.answer_ms = number_of(limits, "answer_ms", 30000),
	};
}

void conf_check_limits(const struct conf *c, const char *path, struct error_list *errors)
{
	const struct node *n = &c->node;

	if (n->partner_memory_bytes > n->memory_bytes)
		error_list_addf(errors, REASON_CONFIG, path, 0, 0,
		                "/limits/memory_mib_per_partner: is more than memory_mib, all partners' together");
	if (n->partner_memory_bytes / 4 * 3 < n->edge.body_bytes)
		error_list_addf(
		        errors, REASON_CONFIG, path, 0, 0,
		        "/limits/memory_mib_per_partner: three quarters of it do not hold a body of body_bytes; "
		        "raise it to %u",
		        (unsigned)((n->edge.body_bytes / 3 * 4 >> 20) + 1));
	if (n->partner_jobs > n->jobs)
		error_list_addf(errors, REASON_CONFIG, path, 0, 0,
		                "/limits/jobs_per_partner: is more than jobs, all partners' together");
}

static void read_space(struct conf *c, const json_t *doc)
{
	const json_t *space = json_object_get(doc, "space");

	c->node.reserve = (struct space_reserve){ .percent = number_of(space, "reserve_percent", 5),
		                                  .bytes = (uint64_t)number_of(space, "reserve_mib", 256) << 20 };
}

static void read_delivery(struct conf *c, const json_t *doc)
{
	const json_t *delivery = json_object_get(doc, "delivery");
	const char *deadline = json_string_value(json_object_get(delivery, "deadline"));
	struct node *n = &c->node;

	if (!deadline || !duration_parse(view_of(deadline), &n->delivery_deadline))
		n->delivery_deadline = (struct duration){ .days = 7 };
	n->first_retry_ms = number_of(delivery, "first_retry_ms", 1000);
	n->longest_retry_ms = number_of(delivery, "longest_retry_ms", 600000);
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

void conf_read_edge(struct conf *c, const json_t *doc, struct error_list *errors)
{
	const json_t *tls = json_object_get(doc, "tls"), *resolver = json_object_get(doc, "resolver");
	const char *hosts = conf_path_of(c, resolver, "hosts");
	struct buf text = BUF_INIT(4096);
	size_t n;
	const char **servers = strings_of(c, json_object_get(resolver, "nameservers"), &n);

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
	edge_text(c, "names", buf_view(&text));
	buf_reset(&text);
#define L(name) buf_addf(&text, "%u\n", c->node.edge.name);
	EDGE_LIMITS(L)
#undef L
	edge_text(c, "limits", buf_view(&text));
	if (c->edge_blob.failed)
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
	buf_free(&text);
}

void conf_read_revocations(struct conf *c, const json_t *doc, int64_t now_ms)
{
	const json_t *tls = json_object_get(doc, "tls");
	const char *path = conf_path_of(c, tls, "revocations");
	struct error e = { .reason = REASON_NONE };
	struct buf list = BUF_INIT(64u * 1024 * 1024), ca = BUF_INIT(DOCUMENT_MAX);

	c->revocation_checked = path != NULL;
	if (path && file_read(path, list.max, &list, &e) &&
	    file_read(conf_path_of(c, tls, "authorities"), ca.max, &ca, &e)) {
		c->crl = crl_load(buf_view(&list), buf_view(&ca), &e);
		if (c->crl)
			sha256(buf_view(&list), &c->crl_digest);
		if (c->crl && crl_next_update_ms(c->crl) <= now_ms)
			error_set(&e, REASON_REVOCATION_UNKNOWN, "revocation list: is past its next update");
	}
	if (e.reason != REASON_NONE)
		error_at(&c->revocation, e.reason, path, 0, 0, "%s", e.text);
	buf_free(&list);
	buf_free(&ca);
}

void conf_read_node(struct conf *c, const json_t *doc)
{
	const json_t *audit = json_object_get(doc, "audit");
	struct node *n = &c->node;
	char origin[400];

	n->agency = string_of(c, doc, "agency");
	n->name = string_of(c, doc, "node");
	n->host = string_of(c, doc, "host");
	n->listen = strings_of(c, json_object_get(doc, "listen"), &n->n_listen);
	n->monitor = strings_of(c, json_object_get(doc, "monitor"), &n->n_monitor);
	n->store = conf_path_of(c, doc, "store");
	n->keys = conf_path_of(c, doc, "keys");
	n->control = conf_path_of(c, doc, "control");
	n->user = string_of(c, doc, "user");
	n->mirror = conf_path_of(c, audit, "mirror");
	n->vkey = conf_path_of(c, audit, "vkey");
	n->anchor = conf_path_of(c, audit, "anchor");
	n->witness_every_s = number_of(audit, "witness_every_s", 300);
	n->rebuild_every_s = number_of(audit, "rebuild_every_s", 86400);
	const char *kept = json_string_value(json_object_get(audit, "disclosures"));
	if (!kept || !duration_parse(view_of(kept), &n->disclosures))
		n->disclosures = (struct duration){ .years = 5 };
	snprintf(origin, sizeof origin, "%s/audit/%s/%u", n->host, n->name, number_of(audit, "epoch", 1));
	n->origin = arena_str(&c->mem, view_of(origin));
	read_limits(c, doc);
	conf_read_rates(json_object_get(doc, "rates"), &n->rates);
	read_delivery(c, doc);
	read_space(c, doc);
}
