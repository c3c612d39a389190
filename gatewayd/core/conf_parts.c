/* Partners, schemas and agreements of a configuration. See conf_parts.h. */
#include "gatewayd/core/conf_parts.h"

#include "gatewayd/core/conf_documents.h"
#include "gatewayd/core/files.h"
#include "lib/crypto/timestamp.h"
#include "lib/schema/document.h"

#define DOCUMENT_MAX (16u * 1024 * 1024)

struct schema_source {
	struct digest digest;
	struct view text;
};

/* What a walk over a folder carries. */
struct folder {
	struct conf *c;
	const char *path;
	struct error_list *errors;
	struct schema *schema; /* of the documents in it */
	size_t cap;
	struct agreement_sources *sources;
};

/* Grows an array in malloc'd memory by one; NULL when memory runs out. */
static void *one_more(struct folder *f, void **array, size_t n, size_t size)
{
	if (n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		void *p = realloc(*array, cap * size);
		if (!p) {
			error_list_addf(f->errors, REASON_NO_MEMORY, f->path, 0, 0, "memory ran out");
			return NULL;
		}
		*array = p;
		f->cap = cap;
	}
	void *item = (char *)*array + n * size;
	memset(item, 0, size);
	return item;
}

static bool read_text(struct folder *f, const char *path, struct buf *out)
{
	struct error e = { .reason = REASON_NONE };

	return file_read(path, DOCUMENT_MAX, out, &e) || error_list_add(f->errors, &e);
}

/* --- partners --- */

static unsigned role_find(const char *text)
{
#define R(name, role) \
	if (strcmp(text, role) == 0) \
		return ROLE(name);
	ROLE_LIST(R)
#undef R
	return 0;
}

static void read_pins(struct partner *p, const json_t *pins)
{
	const json_t *pin;
	size_t i;

	json_array_foreach(pins, i, pin) if (p->n_pins < 4 && digest_parse(view_of(json_string_value(pin)),
	                                                                   &p->pins[p->n_pins])) p->n_pins++;
}

static void read_identity(struct conf *c, struct partner *p, const json_t *identity)
{
	const char *uri = json_string_value(json_object_get(identity, "uri"));

	if (uri)
		p->uri = arena_str(&c->mem, view_of(uri));
	read_pins(p, json_object_get(identity, "pins"));
}

static void read_signers(struct folder *f, struct partner *p, const json_t *list)
{
	size_t n = json_array_size(list);

	p->signers = arena_alloc(&f->c->mem, (n + 1) * sizeof *p->signers);
	for (size_t i = 0; p->signers && i < n; i++) {
		const char *path = file_beside(&f->c->mem, f->path, json_string_value(json_array_get(list, i)));
		struct error e = { .reason = REASON_NONE };
		struct buf pem = BUF_INIT(DOCUMENT_MAX), der = BUF_INIT(DOCUMENT_MAX);

		if (!path || !file_read(path, DOCUMENT_MAX, &pem, &e) || !cert_pem_to_der(buf_view(&pem), &der, &e))
			error_list_addf(f->errors, REASON_CONFIG, path ? path : "", 0, 0, "%s", e.text);
		else
			p->signers[p->n_signers++] = arena_copy(&f->c->mem, buf_view(&der));
		buf_free(&pem);
		buf_free(&der);
	}
}

static void read_earlier(struct folder *f, struct partner *p, const json_t *list, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	size_t n = json_array_size(list);

	p->earlier = arena_alloc(&f->c->mem, (n + 1) * sizeof *p->earlier);
	for (size_t i = 0; p->earlier && i < n; i++) {
		if (note_vkey_parse(view_of(json_string_value(json_array_get(list, i))), &p->earlier[p->n_earlier], &e))
			p->n_earlier++;
		else
			error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/audit/earlier/%zu: %s", i, e.text);
	}
}

static void fill_partner(struct folder *f, struct partner *p, const json_t *doc, const char *path)
{
	struct conf *c = f->c;
	const json_t *endpoint = json_object_get(doc, "endpoint"), *role;
	const char *vkey = json_string_value(json_object_get(json_object_get(doc, "audit"), "vkey"));
	const char *witness = json_string_value(json_object_get(json_object_get(doc, "audit"), "witness_vkey"));
	const char *until = json_string_value(json_object_get(doc, "training_until"));
	const char *host = json_string_value(json_object_get(endpoint, "host"));
	struct error e = { .reason = REASON_NONE };
	size_t i;

	p->id = arena_str(&c->mem, view_of(json_string_value(json_object_get(doc, "id"))));
	p->agency = arena_str(&c->mem, view_of(json_string_value(json_object_get(doc, "agency"))));
	p->jurisdiction = arena_str(&c->mem, view_of(json_string_value(json_object_get(doc, "jurisdiction"))));
	json_array_foreach(json_object_get(doc, "roles"), i, role) p->roles |= role_find(json_string_value(role));
	read_identity(c, p, json_object_get(doc, "identity"));
	if (host) {
		p->host = arena_str(&c->mem, view_of(host));
		p->port = (uint16_t)json_integer_value(json_object_get(endpoint, "port"));
	}
	if (vkey) {
		p->has_log = note_vkey_parse(view_of(vkey), &p->log, &e);
		if (!p->has_log)
			error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/audit/vkey: %s", e.text);
	}
	read_earlier(f, p, json_object_get(json_object_get(doc, "audit"), "earlier"), path);
	if (witness) {
		p->has_witness =
		        note_vkey_parse(view_of(witness), &p->witness, &e) &&
		        (p->witness.type == NOTE_COSIGNER || error_set(&e, REASON_CONFIG, "is not a witness's key"));
		if (!p->has_witness)
			error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/audit/witness_vkey: %s", e.text);
	}
	p->training_until_ms = TIME_NONE;
	if (until && !time_parse(view_of(until), &p->training_until_ms))
		error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/training_until: is not a date-time");
	read_signers(f, p, json_object_get(doc, "signers"));
}

static bool read_partner(void *arg, const char *name)
{
	struct folder *f = arg;
	struct conf *c = f->c;
	const char *path = file_beside(&c->mem, f->path, name);
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	json_t *doc = NULL;

	if (path && read_text(f, path, &text) && (doc = document_read(f->schema, path, buf_view(&text), f->errors))) {
		struct partner *p = one_more(f, (void **)&c->partners, c->n_partners, sizeof *p);
		if (p) {
			c->n_partners++;
			fill_partner(f, p, doc, path);
			if (!view_eq(view_make(name, strlen(name) - 5), view_of(p->id)))
				error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/id: is not the file's name");
		}
	}
	json_decref(doc);
	buf_free(&text);
	return true;
}

void conf_read_partners(struct conf *c, const char *folder, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct folder f = { .c = c, .path = folder, .errors = errors };

	f.schema = document_schema(VIEW("partner"), &e);
	if (!f.schema || !file_each(folder, ".json", read_partner, &f, &e))
		error_list_add(errors, &e);
	schema_unref(f.schema);
	for (size_t i = 0; i < c->n_partners; i++)
		for (size_t k = 0; k < i; k++)
			if (c->partners[i].uri && c->partners[k].uri &&
			    strcmp(c->partners[i].uri, c->partners[k].uri) == 0)
				error_list_addf(errors, REASON_CONFIG, folder, 0, 0,
				                "%s and %s have the same certificate identity", c->partners[k].id,
				                c->partners[i].id);
}

/* --- the timestamp authority --- */

void conf_read_timestamp(struct conf *c, const json_t *audit, const char *authorities, struct error_list *errors)
{
	const json_t *doc = json_object_get(audit, "timestamp");
	struct timestamp_authority *t = &c->timestamp;
	struct error e = { .reason = REASON_NONE };
	struct buf pem = BUF_INIT(DOCUMENT_MAX);

	if (!doc)
		return;
	t->to.host = arena_str(&c->mem, view_of(json_string_value(json_object_get(doc, "host"))));
	t->to.port = (uint16_t)json_integer_value(json_object_get(doc, "port"));
	t->path = arena_str(&c->mem, view_of(json_string_value(json_object_get(doc, "path"))));
	t->plain = json_is_true(json_object_get(doc, "plain"));
	t->every_s =
	        json_object_get(doc, "every_s") ? (uint32_t)json_integer_value(json_object_get(doc, "every_s")) : 3600;
	read_pins(&t->to, json_object_get(doc, "pins"));
	if (!t->to.host || !t->path || !authorities)
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
	else if (!file_read(authorities, DOCUMENT_MAX, &pem, &e))
		error_list_add(errors, &e);
	else if (!timestamp_authorities(buf_view(&pem), &e))
		error_list_addf(errors, REASON_CONFIG, authorities, 0, 0, "%s", e.text);
	else
		t->authorities = arena_copy(&c->mem, buf_view(&pem));
	buf_free(&pem);
}

/* --- record schemas --- */

static void add_schema(struct folder *f, struct view text)
{
	struct schema_source *s = one_more(f, (void **)&f->c->schemas, f->c->n_schemas, sizeof *s);

	if (!s)
		return;
	s->text = arena_copy(&f->c->mem, text);
	sha256(text, &s->digest);
	f->c->n_schemas++;
}

static void add_builtin(void *arg, struct view name, struct view text)
{
	if (view_starts(name, VIEW("records/")))
		add_schema(arg, text);
}

static bool read_schema(void *arg, const char *name)
{
	struct folder *f = arg;
	const char *path = file_beside(&f->c->mem, f->path, name);
	struct buf text = BUF_INIT(DOCUMENT_MAX);

	if (path && read_text(f, path, &text))
		add_schema(f, buf_view(&text));
	buf_free(&text);
	return true;
}

void conf_read_schemas(struct conf *c, const char *folder, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct folder f = { .c = c, .path = folder, .errors = errors };

	document_each_builtin(add_builtin, &f);
	if (folder && !file_each(folder, ".json", read_schema, &f, &e))
		error_list_add(errors, &e);
}

/* --- agreements --- */

struct view conf_schema(const struct conf *c, const struct digest *digest)
{
	for (size_t i = 0; i < c->n_schemas; i++)
		if (digest_eq(&c->schemas[i].digest, digest))
			return c->schemas[i].text;
	return (struct view){ NULL, 0 };
}

static bool schema_text(void *arg, const struct digest *digest, struct view *text)
{
	*text = conf_schema(((struct folder *)arg)->c, digest);
	return text->p != NULL;
}

/* Among the partner files of that id or, failing that, of that agency. */
bool conf_signer_of(const struct conf *c, struct view name, size_t k, struct view *cert_der)
{
	for (size_t i = 0; i < c->n_partners; i++) {
		const struct partner *p = &c->partners[i];
		if (!view_is(name, p->id) && !view_is(name, p->agency))
			continue;
		if (p->roles & ROLE(OFFICER))
			continue;
		if (k < p->n_signers) {
			*cert_der = p->signers[k];
			return true;
		}
		k -= p->n_signers;
	}
	return false;
}

static bool signer_cert(void *arg, struct view name, size_t k, struct view *cert_der)
{
	return conf_signer_of(((struct folder *)arg)->c, name, k, cert_der);
}

static const struct signed_document *epochs_of(void *arg, struct view agreement)
{
	return conf_epochs(((struct folder *)arg)->c, agreement);
}

static bool read_agreement(void *arg, const char *name)
{
	struct folder *f = arg;
	struct conf *c = f->c;
	const char *path = file_beside(&c->mem, f->path, name);
	struct buf text = BUF_INIT(DOCUMENT_MAX), signature = BUF_INIT(DOCUMENT_MAX);
	struct error e = { .reason = REASON_NONE };
	char signature_path[4200];

	snprintf(signature_path, sizeof signature_path, "%s.p7s", path);
	if (!path || !read_text(f, path, &text))
		goto out;
	if (!file_read(signature_path, DOCUMENT_MAX, &signature, &e)) {
		error_list_addf(f->errors, REASON_SIGNATURE, path, 0, 0, "has no signature: %s.p7s is not there", name);
		goto out;
	}
	struct agreement *a = agreement_load(path, buf_view(&text), buf_view(&signature), f->sources, f->errors);
	if (a) {
		struct agreement **slot = one_more(f, (void **)&c->agreements, c->n_agreements, sizeof *slot);
		if (slot) {
			*slot = a;
			c->n_agreements++;
		} else {
			agreement_unref(a);
		}
	}
out:
	buf_free(&text);
	buf_free(&signature);
	return true;
}

void conf_read_agreements(struct conf *c, const char *folder, const char *floor, const char *overlay,
                          const struct secret *secret, int64_t now_ms, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct buf floor_text = BUF_INIT(DOCUMENT_MAX), overlay_text = BUF_INIT(DOCUMENT_MAX);
	struct folder f = { .c = c, .path = folder, .errors = errors };
	struct agreement_sources sources = { .arg = &f,
		                             .schema = schema_text,
		                             .signer = signer_cert,
		                             .epochs = epochs_of,
		                             .self = view_of(c->node.agency),
		                             .floor_file = floor,
		                             .overlay_file = overlay,
		                             .now_ms = now_ms };

	if ((floor && !read_text(&f, floor, &floor_text)) || (overlay && !read_text(&f, overlay, &overlay_text)))
		goto out;
	c->floor = sources.floor = arena_copy(&c->mem, buf_view(&floor_text));
	c->overlay = sources.overlay = arena_copy(&c->mem, buf_view(&overlay_text));
	sources.pseudonym_secret = *secret;
	f.sources = &sources;
	size_t before = errors->n;
	if (!file_each(folder, ".json", read_agreement, &f, &e))
		error_list_add(errors, &e);
	for (size_t i = 0; i < c->n_agreements; i++)
		for (size_t k = 0; k < i; k++)
			if (view_eq(agreement_id(c->agreements[i]), agreement_id(c->agreements[k])) &&
			    view_eq(agreement_version(c->agreements[i]), agreement_version(c->agreements[k])))
				error_list_addf(errors, REASON_CONFIG, folder, 0, 0,
				                "two files hold agreement %.*s version %.*s",
				                VIEW_ARG(agreement_id(c->agreements[i])),
				                VIEW_ARG(agreement_version(c->agreements[i])));
	/* Only with all of them at hand can be told what an overlay reaches. */
	if (sources.overlay.n && errors->n == before)
		overlay_reaches(overlay, sources.overlay, c->agreements, c->n_agreements, errors);
	secret_wipe(&sources.pseudonym_secret);
out:
	buf_free(&floor_text);
	buf_free(&overlay_text);
}

void conf_each_document(const struct conf *c, void (*each)(void *arg, const char *kind, struct view text), void *arg)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		each(arg, "agreement", agreement_text(c->agreements[i]));
	for (size_t i = 0; i < c->n_schemas; i++)
		each(arg, "schema", c->schemas[i].text);
	if (c->floor.n)
		each(arg, "floor", c->floor);
	if (c->overlay.n)
		each(arg, "overlay", c->overlay);
}

void conf_parts_free(struct conf *c)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		agreement_unref(c->agreements[i]);
	free(c->agreements);
	free(c->partners);
	free(c->schemas);
}
