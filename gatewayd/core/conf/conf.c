/* A configuration's life, and look-ups in it. What its documents say is read in node.c, partners.c, schemas.c,
 * agreements.c and documents.c. See conf.h. */
#include "gatewayd/core/conf/conf_private.h"

#include <stdatomic.h>
#include <sys/stat.h>

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/os/files.h"
#include "lib/policy/training.h"
#include "lib/schema/document.h"

static void conf_free(struct conf *c)
{
	conf_documents_free(c);
	conf_agreements_free(c);
	conf_schemas_free(c);
	conf_partners_free(c);
	conf_revocations_free(c);
	trust_free(c->quorum);
	buf_wipe(&c->edge_blob);
	chain_free(c->chain);
	arena_free(&c->mem);
	free(c);
}

/* The certificate that is shown already goes on being shown, or nothing else could be changed until it is renewed. */
static void check_late(const struct conf *c, const struct conf *running, struct error_list *errors)
{
	if (c->own.late.reason != REASON_NONE && !(running && digest_eq(&running->own.id.whole, &c->own.id.whole)))
		error_list_add(errors, &c->own.late);
}

/* Else something of what was read is missing, which no other error tells. */
static bool has_memory(const struct conf *c, struct error_list *errors)
{
	return !c->mem.failed || error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
}

/* `here`: with what this machine lacks. */
static struct conf *load(const char *path, const struct secret *secret, bool here, const struct conf *running,
                         int64_t now_ms, struct error_list *errors)
{
	static _Atomic uint64_t generations;
	struct error e = { .reason = REASON_NONE };
	size_t before = errors->n + errors->dropped, from = errors->n;
	struct buf text = BUF_INIT(DOCUMENT_MAX);
	struct schema *schema = NULL;
	json_t *doc = NULL;
	const char *documents;
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
	doc = document_read_own(schema, path, buf_view(&text), errors);
	if (!doc)
		goto out;
	c->node.file = arena_str(&c->mem, view_of(path));
	c->node.folder = file_folder(&c->mem, path);
	if (!has_memory(c, errors))
		goto out;
	conf_read_node(c, doc);
	if (!has_memory(c, errors))
		goto out;
	conf_read_limits(c, doc, path, errors);
	conf_read_revocations(c, doc, now_ms, errors);
	conf_read_timestamp(c, json_object_get(doc, "audit"),
	                    conf_path_of(c, json_object_get(json_object_get(doc, "audit"), "timestamp"), "authorities"),
	                    errors);
	conf_read_partners(c, c->node.partners, errors);
	conf_read_edge(c, doc, errors);
	conf_read_witnesses(c, path, json_object_get(doc, "audit"), errors);
	conf_read_schemas(c, conf_path_of(c, doc, "schemas"), errors);
	conf_read_chain(c, conf_path_of(c, json_object_get(doc, "tls"), "authorities"), errors);
	conf_read_own(c, doc, now_ms, errors);
	if (!has_memory(c, errors))
		goto out;
	conf_check_clashes(c, errors);
	documents = conf_path_of(c, doc, "documents");
	conf_read_documents(c, documents, now_ms, errors);
	conf_read_assessments(c, documents, errors);
	conf_read_agreements(c, conf_path_of(c, doc, "agreements"), conf_path_of(c, doc, "floor"),
	                     conf_path_of(c, doc, "overlay"), secret, now_ms, errors);
	if (!has_memory(c, errors))
		goto out;
	/* An agreement that did not load is no reason to miss it. */
	if (errors->n + errors->dropped == before)
		conf_check_documents(c, errors);
	if (here) {
		conf_set_up(c, errors);
		check_late(c, running, errors);
	}
	conf_place(errors, from);
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

struct conf *conf_load(const char *path, const struct secret *secret, int64_t now_ms, struct error_list *errors)
{
	return load(path, secret, false, NULL, now_ms, errors);
}

struct conf *conf_load_here(const char *path, const struct secret *secret, const struct conf *running, int64_t now_ms,
                            struct error_list *errors)
{
	return load(path, secret, true, running, now_ms, errors);
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

static bool verify(struct verified *known, const struct note_vkey *log, const struct receipt *r, struct view entry,
                   struct checkpoint *shown, struct error *e)
{
	return verified_open(known, r->checkpoint, log, shown, e) && verified_includes(known, r, entry, shown, e);
}

bool conf_receipt(const struct partner *p, struct verified *known, const struct receipt *r, struct view entry,
                  struct checkpoint *shown, struct error *e)
{
	struct error newest = { .reason = REASON_NONE };

	if (!p->has_log)
		return error_set(e, REASON_TAMPERED, "no verifier key of the partner's log is known here");
	if (verify(known, &p->log, r, entry, shown, &newest))
		return true;
	for (size_t i = 0; i < p->n_earlier; i++)
		if (verify(known, &p->earlier[i], r, entry, shown, NULL))
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

bool conf_officer(const struct conf *c, struct view agency, const struct digest *spki, struct officer_found *out)
{
	struct view cert_der;
	const struct partner *p = conf_signer(c, officer_of, &agency, spki, &cert_der);
	const struct signed_document *training = conf_training(c);

	if (p)
		*out = (struct officer_found){ .cert_der = cert_der,
			                       .agency = view_of(p->agency),
			                       .training_until_ms =
			                               training ? training_until(training, spki, p->training_until_ms)
			                                        : p->training_until_ms };
	return p != NULL;
}

/* Where the versions of an agreement begin, or what would stand behind them. */
static size_t first_version(const struct conf *c, struct view id)
{
	size_t from = 0, to = c->n_agreements;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (view_cmp(agreement_id(c->agreements[middle]), id) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct agreement *conf_agreement(const struct conf *c, struct view id, const struct digest *digest, int64_t now_ms)
{
	struct agreement *best = NULL;

	for (size_t i = first_version(c, id); i < c->n_agreements; i++) {
		struct agreement *a = c->agreements[i];
		if (!view_eq(agreement_id(a), id))
			break;
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

void conf_each_document(const struct conf *c, void (*each)(void *arg, const char *kind, struct view text), void *arg)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		each(arg, "agreement", agreement_text(c->agreements[i]));
	conf_schemas_each(c, each, arg);
	if (c->floor.n)
		each(arg, "floor", c->floor);
	if (c->overlay.n)
		each(arg, "overlay", c->overlay);
}

bool conf_is_bound(const struct conf *c, const char *agency, int64_t now_ms)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		if (agreement_has_party(c->agreements[i], view_of(agency)) &&
		    agreement_sunset_ms(c->agreements[i]) > now_ms)
			return true;
	return false;
}
