/* What governed an exchange, who signed it, and by whose keys. See evidence.h. */
#include <string.h>

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/store/act.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/ctl/evidence.h"
#include "gatewayd/os/files.h"
#include "lib/base/encode.h"

#define FILE_MAX (16u << 20)

/* --- what governed --- */

static bool put_document(struct evidence *x, const char *name, const char *text, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	struct digest d;
	struct view bytes;

	if (!digest_parse(view_of(text), &d))
		return true;
	switch (sought(store_get_document(x->store, &d, &bytes, &inner), &inner)) {
	case SOUGHT_FAILED: return error_set(e, inner.reason, "%s", inner.text);
	case SOUGHT_NONE: evidence_lacks(x, "the document `%s`, %s, is not in the store", name, text); return true;
	case SOUGHT_FOUND: break;
	}
	x->n_documents++;
	return evidence_put(x, bytes, e, "documents/%s", text);
}

static bool put_line(struct buf *list, const char *name, const char *text)
{
	buf_addf(list, "%s %s\n", text, name);
	return !list->failed;
}

struct signatures {
	struct evidence *x;
	const char *act;
	size_t n;
	struct error *e;
	bool ok;
};

static bool put_act_signature(void *arg, const struct store_act_signature *g)
{
	struct signatures *s = arg;

	s->x->n_signatures++;
	s->ok = evidence_put(s->x, g->cms, s->e, "documents/%s-%zu.p7s", s->act, ++s->n);
	return s->ok;
}

/* An act of persons that stopped it, or by which it passed, with the signatures under it. */
static bool put_act(struct evidence *x, const char *text, struct error *e)
{
	struct signatures s = { .x = x, .act = text, .e = e, .ok = true };
	struct error inner = { .reason = REASON_NONE };
	struct store_act row;
	struct digest d;

	if (!text || !digest_parse(view_of(text), &d))
		return true;
	switch (sought(store_find_act(x->store, &d, &row, &inner), &inner)) {
	case SOUGHT_FAILED: return error_set(e, inner.reason, "%s", inner.text);
	case SOUGHT_NONE: evidence_lacks(x, "the act %s is not in the store", text); return true;
	case SOUGHT_FOUND: break;
	}
	x->n_documents++;
	return evidence_put(x, row.text, e, "documents/%s", text) &&
	       store_list_act_signatures(x->store, row.number, put_act_signature, &s, e) && s.ok;
}

/* By the digests that the decision names; `governing` says which is which. */
static bool put_governing(struct evidence *x, json_t *digests, struct error *e)
{
	struct buf list = BUF_INIT(65536);
	const char *name;
	json_t *value;
	bool ok = true;

	for (size_t i = 0; ok && i < json_array_size(json_object_get(digests, "acts")); i++) {
		const char *act = json_string_value(json_array_get(json_object_get(digests, "acts"), i));
		ok = put_act(x, act, e) &&
		     (!act || put_line(&list, "act", act) || error_set(e, REASON_NO_MEMORY, "memory ran out"));
	}
	json_object_foreach(digests, name, value)
	{
		const char *text = json_string_value(value);
		if (ok && text && strlen(text) == 64)
			ok = put_document(x, name, text, e) &&
			     (put_line(&list, name, text) || error_set(e, REASON_NO_MEMORY, "memory ran out"));
	}
	ok = ok && evidence_put(x, buf_view(&list), e, "governing");
	buf_free(&list);
	return ok;
}

/* --- under what signature --- */

struct signature_search {
	const char *folder;
	struct digest digest;
	struct buf found;
};

static bool look(void *arg, const char *name)
{
	struct signature_search *s = arg;
	struct buf text = BUF_INIT(FILE_MAX);
	char path[4200];
	struct digest d;

	snprintf(path, sizeof path, "%s/%s", s->folder, name);
	if (s->found.n == 0 && file_read(path, FILE_MAX, &text, NULL)) {
		sha256(buf_view(&text), &d);
		snprintf(path, sizeof path, "%s/%s.p7s", s->folder, name);
		if (digest_eq(&d, &s->digest) && !file_read(path, FILE_MAX, &s->found, NULL))
			buf_reset(&s->found);
	}
	buf_free(&text);
	return true;
}

/* The signed file lies in a folder of the node, by whatever name. */
static bool put_signature(struct evidence *x, const char *member, const char *what, const char *digest, struct error *e)
{
	struct signature_search s = { .found = BUF_INIT(FILE_MAX) };
	char *folder = audit_conf_path(x->ctl, member, NULL);
	bool ok = true;

	s.folder = folder;
	if (!digest || !digest_parse(view_of(digest), &s.digest)) {
		free(folder);
		return true;
	}
	if (folder)
		ok = file_each(folder, ".json", look, &s, e);
	if (ok && s.found.n) {
		x->n_signatures++;
		ok = evidence_put(x, buf_view(&s.found), e, "documents/%s.p7s", digest);
	} else if (ok) {
		evidence_lacks(x, "the signatures under the %s, %s, are in no folder of this node", what, digest);
	}
	buf_free(&s.found);
	free(folder);
	return ok;
}

/* --- by whose keys --- */

static bool put_certificates(struct evidence *x, const struct conf *conf, struct error *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < conf->n_partners; i++)
		for (size_t k = 0; ok && k < conf->partners[i].n_signers; k++) {
			struct buf pem = BUF_INIT(65536);
			buf_adds(&pem, "-----BEGIN CERTIFICATE-----\n");
			struct buf text = BUF_INIT(65536);
			base64_encode(&text, conf->partners[i].signers[k]);
			for (size_t at = 0; at < text.n; at += 64)
				buf_addf(&pem, "%.*s\n", (int)(text.n - at < 64 ? text.n - at : 64), text.p + at);
			buf_adds(&pem, "-----END CERTIFICATE-----\n");
			ok = (!pem.failed && !text.failed) || error_set(e, REASON_NO_MEMORY, "memory ran out");
			ok = ok &&
			     evidence_put(x, buf_view(&pem), e, "certificates/%s-%zu.pem", conf->partners[i].id, k + 1);
			buf_free(&text);
			buf_free(&pem);
		}
	return ok;
}

static bool put_key(struct evidence *x, const char *name, const struct note_vkey *key, struct error *e)
{
	struct buf text = BUF_INIT(8192);

	note_vkey_print(key, &text);
	buf_addc(&text, '\n');
	bool ok = (!text.failed || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
	          evidence_put(x, buf_view(&text), e, "keys/%s.vkey", name);
	buf_free(&text);
	return ok;
}

/* Of this node's log, of its earlier epochs, and of partners' logs. */
static bool put_keys(struct evidence *x, const struct conf *conf, struct error *e)
{
	char *path = audit_conf_path(x->ctl, "/audit/vkey", e);
	struct buf own = BUF_INIT(8192);
	bool ok = path && file_read(path, 8191, &own, e) && evidence_put(x, buf_view(&own), e, "keys/own.vkey");

	buf_free(&own);
	free(path);
	for (size_t i = 0; ok && i < conf->n_partners; i++) {
		const struct partner *p = &conf->partners[i];
		char name[200];
		if (p->has_log)
			ok = put_key(x, p->id, &p->log, e);
		for (size_t k = 0; ok && k < p->n_earlier; k++) {
			snprintf(name, sizeof name, "%s-%zu", p->id, k + 1);
			ok = put_key(x, name, &p->earlier[k], e);
		}
	}
	return ok;
}

bool evidence_beside(struct evidence *x, const json_t *opened, struct error *e)
{
	json_t *digests = json_object_get(json_object_get(opened, "decision"), "digests");
	const struct secret none = { .n = 0 };
	struct error_list errors = { .max = 1 };
	struct conf *conf = conf_load(x->ctl->config, &none, (int64_t)time(NULL) * SECOND_MS, &errors);
	bool ok = conf != NULL;

	if (!ok)
		error_set(e, REASON_CONFIG, "the configuration does not load: gatewayd -c %s -t says where",
		          x->ctl->config);
	if (!digests)
		evidence_lacks(x, "the decision was erased with its disclosures: what governed is not named any more");
	ok = ok && put_governing(x, digests, e) &&
	     put_signature(x, "/agreements", "agreement", json_string_value(json_object_get(digests, "agreement")),
	                   e) &&
	     put_certificates(x, conf, e) && put_keys(x, conf, e);
	static const char *const run_time[] = { "consents", "withdrawals", "training", "epochs" };
	for (size_t i = 0; ok && i < sizeof run_time / sizeof *run_time; i++)
		ok = put_signature(x, "/documents", run_time[i],
		                   json_string_value(json_object_get(digests, run_time[i])), e);
	error_list_free(&errors);
	conf_unref(conf);
	return ok;
}

/* --- what persons signed --- */

static bool put_pair(struct evidence *x, const char *entry, size_t i, struct view statement, struct view signature,
                     struct error *e)
{
	x->n_signatures++;
	return evidence_put(x, statement, e, "entries/%s/statement-%zu", entry, i) &&
	       evidence_put(x, signature, e, "entries/%s/statement-%zu.p7s", entry, i);
}

static struct view text_of(const json_t *o, const char *name)
{
	return view_of(json_string_value(json_object_get(o, name)));
}

/* One whose signature is kept by its digest. */
static bool put_statement(struct evidence *x, const char *entry, const json_t *opened, struct error *e)
{
	struct view statement = text_of(opened, "statement"), signature = text_of(opened, "signature"), bytes;
	struct error inner = { .reason = REASON_NONE };
	struct digest d;

	if (!statement.n || !digest_parse(signature, &d))
		return true;
	switch (sought(store_get_document(x->store, &d, &bytes, &inner), &inner)) {
	case SOUGHT_FAILED: return error_set(e, inner.reason, "%s", inner.text);
	case SOUGHT_NONE:
		evidence_lacks(x, "the signature under the statement of entry %s was not kept", entry);
		return true;
	case SOUGHT_FOUND: return put_pair(x, entry, 1, statement, bytes, e);
	}
	return true;
}

bool evidence_statements(struct evidence *x, const char *entry, const json_t *opened, struct error *e)
{
	const json_t *approvals = json_object_get(opened, "approvals"), *one;
	bool ok = put_statement(x, entry, opened, e);
	size_t i;

	json_array_foreach(approvals, i, one)
	{
		struct view statement = text_of(one, "statement"), signature = text_of(one, "signature");
		if (ok && statement.n && signature.n)
			ok = put_pair(x, entry, i + 1, statement, signature, e);
	}
	return ok;
}
