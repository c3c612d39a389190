/* Configuration: the node document and the conf's life. Partners, schemas and agreements are read in
 * conf_parts.c. See conf.h. */
#include "gatewayd/core/conf/conf.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/conf/conf_private.h"
#include "gatewayd/os/files.h"
#include "lib/base/wire.h"
#include "lib/policy/training.h"
#include "lib/schema/document.h"

#define SECRET_FILE_MAX 65536
#define DOCUMENT_MAX    (16u * 1024 * 1024)

static const char *string_of(struct conf *c, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? arena_str(&c->mem, view_of(s)) : NULL;
}

/* A path member, made absolute by the folder of the node document. */
static const char *path_of(struct conf *c, const json_t *o, const char *name)
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

static void read_limits(struct conf *c, const json_t *doc)
{
	const json_t *limits = json_object_get(doc, "limits");
	struct node *n = &c->node;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	n->threads = number_of(limits, "threads", cpus < 1 ? 1 : cpus > 16 ? 16 : (uint32_t)cpus);
	n->lines = number_of(limits, "lines", 1000);
	n->reads_per_minute = number_of(limits, "reads_per_minute", 6000);
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

static void read_edge(struct conf *c, const json_t *doc, struct error_list *errors)
{
	const json_t *tls = json_object_get(doc, "tls"), *resolver = json_object_get(doc, "resolver");
	const char *hosts = path_of(c, resolver, "hosts");
	struct buf text = BUF_INIT(4096);
	size_t n;
	const char **servers = strings_of(c, json_object_get(resolver, "nameservers"), &n);

	c->edge_blob = BUF_INIT(DOCUMENT_MAX);
	edge_file(c, "tls.cert", path_of(c, tls, "certificate"), false, errors);
	edge_file(c, "tls.key", path_of(c, tls, "key"), true, errors);
	edge_file(c, "tls.ca", path_of(c, tls, "authorities"), false, errors);
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

/* A list that cannot be used is no error of the configuration, or an old list would go on standing for it: it
 * refuses everybody. */
static void read_revocations(struct conf *c, const json_t *doc, int64_t now_ms)
{
	const json_t *tls = json_object_get(doc, "tls");
	const char *path = path_of(c, tls, "revocations");
	struct error e = { .reason = REASON_NONE };
	struct buf list = BUF_INIT(64u * 1024 * 1024), ca = BUF_INIT(DOCUMENT_MAX);

	c->revocation_checked = path != NULL;
	if (path && file_read(path, list.max, &list, &e) &&
	    file_read(path_of(c, tls, "authorities"), ca.max, &ca, &e)) {
		c->crl = crl_load(buf_view(&list), buf_view(&ca), &e);
		if (c->crl && crl_next_update_ms(c->crl) <= now_ms)
			error_set(&e, REASON_REVOCATION_UNKNOWN, "revocation list: is past its next update");
	}
	if (e.reason != REASON_NONE)
		error_at(&c->revocation, e.reason, path, 0, 0, "%s", e.text);
	buf_free(&list);
	buf_free(&ca);
}

static void read_node(struct conf *c, const json_t *doc)
{
	const json_t *audit = json_object_get(doc, "audit");
	struct node *n = &c->node;
	char origin[400];

	n->agency = string_of(c, doc, "agency");
	n->name = string_of(c, doc, "node");
	n->host = string_of(c, doc, "host");
	n->listen = strings_of(c, json_object_get(doc, "listen"), &n->n_listen);
	n->monitor = strings_of(c, json_object_get(doc, "monitor"), &n->n_monitor);
	n->store = path_of(c, doc, "store");
	n->keys = path_of(c, doc, "keys");
	n->control = path_of(c, doc, "control");
	n->user = string_of(c, doc, "user");
	n->mirror = path_of(c, audit, "mirror");
	n->vkey = path_of(c, audit, "vkey");
	n->anchor = path_of(c, audit, "anchor");
	n->witness_every_s = number_of(audit, "witness_every_s", 300);
	n->rebuild_every_s = number_of(audit, "rebuild_every_s", 86400);
	const char *kept = json_string_value(json_object_get(audit, "disclosures"));
	if (!kept || !duration_parse(view_of(kept), &n->disclosures))
		n->disclosures = (struct duration){ .years = 5 };
	snprintf(origin, sizeof origin, "%s/audit/%s/%u", n->host, n->name, number_of(audit, "epoch", 1));
	n->origin = arena_str(&c->mem, view_of(origin));
	read_limits(c, doc);
	read_delivery(c, doc);
}

static void conf_free(struct conf *c)
{
	conf_documents_free(c);
	conf_parts_free(c);
	crl_free(c->crl);
	buf_wipe(&c->edge_blob);
	arena_free(&c->mem);
	free(c);
}

struct conf *conf_load(const char *path, const struct secret *secret, int64_t now_ms, struct error_list *errors)
{
	static _Atomic uint64_t generations;
	struct error e = { .reason = REASON_NONE };
	size_t before = errors->n + errors->dropped;
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	struct schema *schema = NULL;
	json_t *doc = NULL;
	struct conf *c = calloc(1, sizeof *c);

	if (!c) {
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
		return NULL;
	}
	atomic_init(&c->refs, 1);
	c->generation = ++generations;
	if (!file_read(path, DOCUMENT_MAX, &text, &e) || !(schema = document_schema(VIEW("node"), &e))) {
		error_list_add(errors, &e);
		goto out;
	}
	doc = document_read(schema, path, buf_view(&text), errors);
	if (!doc)
		goto out;
	c->node.folder = file_folder(&c->mem, path);
	read_node(c, doc);
	read_edge(c, doc, errors);
	read_revocations(c, doc, now_ms);
	conf_read_timestamp(c, json_object_get(doc, "audit"),
	                    path_of(c, json_object_get(json_object_get(doc, "audit"), "timestamp"), "authorities"),
	                    errors);
	conf_read_partners(c, path_of(c, doc, "partners"), errors);
	conf_read_schemas(c, path_of(c, doc, "schemas"), errors);
	conf_read_documents(c, path_of(c, doc, "documents"), now_ms, errors);
	conf_read_agreements(c, path_of(c, doc, "agreements"), path_of(c, doc, "floor"), path_of(c, doc, "overlay"),
	                     secret, now_ms, errors);
	/* An agreement that did not load is no reason to miss it. */
	if (errors->n + errors->dropped == before)
		conf_check_documents(c, errors);
out:
	json_decref(doc);
	schema_unref(schema);
	buf_free(&text);
	if (errors->n + errors->dropped > before || !doc) {
		conf_free(c);
		return NULL;
	}
	return c;
}

struct conf *conf_ref(struct conf *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void conf_unref(struct conf *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		conf_free(c);
}

const char *const *conf_folders(const struct conf *c, struct arena *mem)
{
	const char **folders = arena_alloc(mem, (2 * c->n_paths + 2) * sizeof *folders);
	size_t n = 0;
	struct stat st;

	if (!folders)
		return NULL;
	folders[n++] = c->node.folder;
	for (size_t i = 0; i < c->n_paths; i++) {
		const char *folder = file_folder(mem, c->paths[i]);
		if (folder && stat(folder, &st) == 0)
			folders[n++] = folder;
		if (stat(c->paths[i], &st) == 0 && S_ISDIR(st.st_mode))
			folders[n++] = c->paths[i];
	}
	return folders;
}

static bool roles_match(const struct partner *p, unsigned role)
{
	return (p->roles & role) != 0;
}

const struct partner *conf_partner(const struct conf *c, const struct cert_id *cert)
{
	for (size_t i = 0; i < c->n_partners; i++) {
		const struct partner *p = &c->partners[i];
		if (!p->uri || strcmp(p->uri, cert->uri) != 0)
			continue;
		for (size_t k = 0; k < p->n_pins; k++)
			if (digest_eq(&p->pins[k], &cert->spki))
				return p;
	}
	return NULL;
}

bool conf_receipt(const struct partner *p, const struct receipt *r, struct view entry, struct error *e)
{
	struct error newest = { .reason = REASON_NONE };

	if (!p->has_log)
		return error_set(e, REASON_TAMPERED, "no verifier key of the partner's log is known here");
	if (receipt_verify(r, entry, &p->log, &newest))
		return true;
	for (size_t i = 0; i < p->n_earlier; i++)
		if (receipt_verify(r, entry, &p->earlier[i], NULL))
			return true;
	return error_set(e, newest.reason, "%s", newest.text);
}

const struct partner *conf_agency(const struct conf *c, struct view agency, unsigned role)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (roles_match(&c->partners[i], role) && view_is(agency, c->partners[i].agency))
			return &c->partners[i];
	return NULL;
}

const struct partner *conf_signer(const struct conf *c, bool (*may)(const void *arg, const struct partner *p),
                                  const void *arg, const struct digest *spki, struct view *cert_der)
{
	for (size_t i = 0; i < c->n_partners; i++) {
		const struct partner *p = &c->partners[i];
		if (!may(arg, p))
			continue;
		for (size_t k = 0; k < p->n_signers; k++) {
			struct cert_id id;
			struct error e = { .reason = REASON_NONE };
			if (cert_read(p->signers[k], &id, &e) && digest_eq(&id.spki, spki)) {
				*cert_der = p->signers[k];
				return p;
			}
		}
	}
	return NULL;
}

static bool officer_of(const void *arg, const struct partner *p)
{
	const struct view *agency = arg;

	return p->roles & ROLE(OFFICER) && (!agency->n || view_is(*agency, p->agency));
}

bool conf_officer(const struct conf *c, struct view agency, const struct digest *spki, struct view *cert_der,
                  int64_t *training_until_ms)
{
	const struct partner *p = conf_signer(c, officer_of, &agency, spki, cert_der);
	const struct signed_document *training = conf_training(c);

	if (p)
		*training_until_ms =
		        training ? training_until(training, spki, p->training_until_ms) : p->training_until_ms;
	return p != NULL;
}

struct agreement *conf_agreement(const struct conf *c, struct view id, const struct digest *digest, int64_t now_ms)
{
	struct agreement *best = NULL;

	for (size_t i = 0; i < c->n_agreements; i++) {
		struct agreement *a = c->agreements[i];
		if (!view_eq(agreement_id(a), id))
			continue;
		if (digest && digest_eq(agreement_digest(a), digest))
			return a;
		/* In force, or the one that comes into force first: decision_authorise() says which. */
		bool in_force = agreement_effective_ms(a) <= now_ms;
		bool best_in_force = best && agreement_effective_ms(best) <= now_ms;
		if (!best ||
		    (in_force && (!best_in_force || agreement_effective_ms(a) > agreement_effective_ms(best))) ||
		    (!in_force && !best_in_force && agreement_effective_ms(a) < agreement_effective_ms(best)))
			best = a;
	}
	return digest ? NULL : best;
}
