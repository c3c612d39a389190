/* The partners' files, and the timestamp authority, which is reached as a partner is. See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"
#include "lib/crypto/timestamp.h"
#include "lib/schema/document.h"

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

/* What the node says of all, unless the partner's file says something else. */
static void read_rates(struct folder *f, struct partner *p, const json_t *doc)
{
	json_t *of = json_object_get(doc, "agreements"), *rates;
	const char *agreement;

	p->rates = f->c->node.rates;
	conf_read_rates(doc, &p->rates);
	p->by_agreement = arena_alloc(&f->c->mem, (json_object_size(of) + 1) * sizeof *p->by_agreement);
	json_object_foreach(of, agreement, rates)
	{
		struct agreement_rates *a = p->by_agreement ? &p->by_agreement[p->n_by_agreement] : NULL;
		if (!a || !(a->agreement = arena_str(&f->c->mem, view_of(agreement))))
			break;
		conf_read_rates(rates, &a->rates);
		p->n_by_agreement++;
	}
	if (p->n_by_agreement < json_object_size(of))
		error_list_addf(f->errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
}

static void read_oversees(struct folder *f, struct partner *p, const json_t *list, const char *path)
{
	size_t n = json_array_size(list);

	if (n == 0)
		return;
	if (!(p->roles & ROLES_OVERSIGHT))
		error_list_addf(f->errors, REASON_CONFIG, path, 0, 0,
		                "/oversees: only an auditor, a supervisor or a court oversees");
	p->oversees = arena_alloc(&f->c->mem, n * sizeof *p->oversees);
	for (size_t i = 0; p->oversees && i < n; i++) {
		const char *agency = arena_str(&f->c->mem, view_of(json_string_value(json_array_get(list, i))));
		if (agency)
			p->oversees[p->n_oversees++] = agency;
	}
	if (p->n_oversees < n)
		error_list_addf(f->errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
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
	read_oversees(f, p, json_object_get(doc, "oversees"), path);
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
		        (note_type_cosigns(p->witness.type) || error_set(&e, REASON_CONFIG, "is not a witness's key"));
		if (!p->has_witness)
			error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/audit/witness_vkey: %s", e.text);
	}
	p->training_until_ms = TIME_NONE;
	if (until && !time_parse(view_of(until), &p->training_until_ms))
		error_list_addf(f->errors, REASON_CONFIG, path, 0, 0, "/training_until: is not a date-time");
	read_signers(f, p, json_object_get(doc, "signers"));
	const json_t *weight = json_object_get(doc, "weight");
	p->weight = weight ? (uint32_t)json_integer_value(weight) : 1;
	read_rates(f, p, json_object_get(doc, "rates"));
}

static bool read_partner(void *arg, const char *name)
{
	struct folder *f = arg;
	struct conf *c = f->c;
	const char *path = file_beside(&c->mem, f->path, name);
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	json_t *doc = NULL;

	if (path && folder_read(f, path, &text) &&
	    (doc = document_read_own(f->schema, path, buf_view(&text), f->errors))) {
		struct partner *p = folder_one_more(f, (void **)&c->partners, c->n_partners, sizeof *p);
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
}

/* Who holds a part in the agency or over it signs for that part (an operator's statement, an officer's approval), not for the agency. */
#define ROLES_OF_AGENCIES (ROLE(GATEWAY) | ROLE(SYSTEM))

/* Among the partner files of that id, and those of that agency. */
bool conf_signer_of(const struct conf *c, struct view name, size_t k, struct view *cert_der)
{
	for (size_t i = 0; i < c->n_partners; i++) {
		const struct partner *p = &c->partners[i];
		if (!view_is(name, p->id) && (!view_is(name, p->agency) || p->roles & ~ROLES_OF_AGENCIES))
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

void conf_partners_free(struct conf *c)
{
	free(c->partners);
}
