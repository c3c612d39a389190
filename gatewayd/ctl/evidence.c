/* gatewayctl exchange evidence: everything about one exchange as an archive for courts and authorities. See evidence.h. */
#include "gatewayd/ctl/evidence.h"

#include <string.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/ctl/disclosed.h"
#include "gatewayd/ctl/print.h"
#include "lib/crypto/timestamp.h"

/* .incbin is understood by gcc and clang alike, and finds what stands below the folder that make runs in. */
__asm__(".pushsection .rodata\n"
        ".hidden evidence_readme, evidence_readme_end, evidence_script, evidence_script_end\n"
        ".global evidence_readme, evidence_readme_end, evidence_script, evidence_script_end\n"
        "evidence_readme:\n.incbin \"gatewayd/ctl/page/evidence.md\"\nevidence_readme_end:\n.byte 0\n"
        "evidence_script:\n.incbin \"gatewayd/ctl/page/evidence.sh\"\nevidence_script_end:\n.byte 0\n.popsection\n");
extern const char evidence_readme[] __attribute__((visibility("hidden")));
extern const char evidence_readme_end[] __attribute__((visibility("hidden")));
extern const char evidence_script[] __attribute__((visibility("hidden")));
extern const char evidence_script_end[] __attribute__((visibility("hidden")));

static const struct {
	const char *text, *end;
} readme = { evidence_readme, evidence_readme_end }, script = { evidence_script, evidence_script_end };

#define PROOF_MAX (1u << 20)

/* --- entries --- */

static bool put_json(struct evidence *x, const json_t *value, const char *entry, const char *name, struct error *e)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS);
	bool ok = text ? evidence_put(x, view_of(text), e, "entries/%s/%s", entry, name)
	               : error_set(e, REASON_NO_MEMORY, "memory ran out");

	free(text);
	return ok;
}

#define SEED_TEXT 22 /* of decoys, 16 bytes in base64url (lib/tlog/entry.h); a disclosure is longer */

/* A line each, so that a shell hashes them one by one; and the same opened. */
static bool put_disclosures(struct evidence *x, const char *entry, struct view packed, json_t **decision,
                            struct error *e)
{
	json_t *list = json_loadb(packed.p, packed.n, 0, NULL), *item, *opened = disclosed_open(list);
	struct buf lines = BUF_INIT(packed.n + 1), seed = BUF_INIT(SEED_TEXT + 1);
	size_t i;

	json_array_foreach(list, i, item)
	{
		struct view text = view_of(json_string_value(item));
		struct buf *to = text.n == SEED_TEXT ? &seed : &lines;
		buf_add(to, text);
		buf_addc(to, '\n');
	}
	bool ok = list && opened && !lines.failed && !seed.failed;
	if (!ok)
		error_set(e, REASON_TAMPERED, "the disclosures of entry %s are not readable", entry);
	ok = ok && (!lines.n || evidence_put(x, buf_view(&lines), e, "entries/%s/disclosures", entry)) &&
	     (!seed.n || evidence_put(x, buf_view(&seed), e, "entries/%s/decoys", entry)) &&
	     put_json(x, opened, entry, "opened.json", e) && evidence_statements(x, entry, opened, e);
	if (ok && !*decision && json_object_get(opened, "decision"))
		*decision = json_incref(opened);
	buf_free(&lines);
	buf_free(&seed);
	json_decref(list);
	json_decref(opened);
	return ok;
}

static bool put_shape(struct evidence *x, uint64_t number, const char *entry, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	struct view text;

	switch (sought(store_find_shape(x->store, number, &text, &inner), &inner)) {
	case SOUGHT_NONE: return true;
	case SOUGHT_FAILED: return error_set(e, inner.reason, "%s", inner.text);
	case SOUGHT_FOUND: break;
	}
	return evidence_put(x, text, e, "entries/%s/shape", entry);
}

static bool put_entry(struct evidence *x, struct audit_source *s, uint64_t log, uint64_t index, struct view leaf,
                      struct view packed, json_t **decision, struct error *e)
{
	struct buf receipt = BUF_INIT(PROOF_MAX), copy = BUF_INIT(1 << 20), rows = BUF_INIT(1 << 24);
	char entry[64];

	buf_add(&copy, leaf);
	buf_add(&rows, packed);
	snprintf(entry, sizeof entry, "%llu-%llu", (unsigned long long)log, (unsigned long long)index);
	x->n_entries++;
	bool ok = (!copy.failed && !rows.failed) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	ok = ok && evidence_put(x, buf_view(&copy), e, "entries/%s/leaf.json", entry) &&
	     audit_receipt_at(s, index, &receipt, e) &&
	     evidence_put(x, buf_view(&receipt), e, "entries/%s/receipt.tlog-proof", entry);
	if (ok && rows.n)
		ok = put_disclosures(x, entry, buf_view(&rows), decision, e) &&
		     put_shape(x, log << STORE_LOG_SHIFT | index, entry, e);
	else if (ok && memmem(copy.p, copy.n, "\"_sd\"", 5))
		evidence_lacks(x, "what entry %s discloses was erased, as retention has it", entry);
	buf_free(&receipt);
	buf_free(&copy);
	buf_wipe(&rows);
	return ok;
}

/* Every entry of one log that names the exchange: names are sorted in a leaf, so the text is unambiguous. */
static bool put_log(struct evidence *x, struct audit_source *s, const char *needle, json_t **decision, struct error *e)
{
	uint64_t log = store_log(audit_source_store(s)), n = audit_source_size(s);
	struct verify_source v;
	bool ok = true;

	audit_source_callbacks(s, &v);
	audit_source_progress(s, true);
	for (uint64_t i = 0; ok && i < n; i++) {
		struct view leaf, packed;
		ok = v.entry(v.arg, i, &leaf, &packed, e);
		if (ok && memmem(leaf.p, leaf.n, needle, strlen(needle)))
			ok = put_entry(x, s, log, i, leaf, packed, decision, e);
	}
	audit_source_progress(s, false);
	return ok;
}

/* --- what others say --- */

static bool put_timestamp(struct evidence *x, struct audit_source *s, struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX), response = BUF_INIT(TIMESTAMP_MAX);
	struct error inner = { .reason = REASON_NONE };
	bool ok = true;

	switch (sought(audit_source_timestamp(s, &note, &response, &inner), &inner)) {
	case SOUGHT_NONE: evidence_lacks(x, "no authority has timestamped the log yet"); break;
	case SOUGHT_FAILED: ok = error_set(e, inner.reason, "%s", inner.text); break;
	case SOUGHT_FOUND:
		ok = evidence_put(x, buf_view(&note), e, "timestamp/checkpoint") &&
		     evidence_put(x, buf_view(&response), e, "timestamp/checkpoint.tsr");
		break;
	}
	buf_free(&note);
	buf_free(&response);
	return ok;
}

/* The partner's receipt of the record; of notices their receipts and proofs. */
static bool put_partner(struct evidence *x, const json_t *shown, struct error *e)
{
	static const char *const ways[] = { "sent", "taken" };
	const json_t *notices = json_object_get(shown, "notices"), *one;
	struct error inner = { .reason = REASON_NONE };
	struct view receipt;
	bool ok = true;
	size_t i;

	switch (sought(store_get_receipt(x->store, x->row.seq, &receipt, &inner), &inner)) {
	case SOUGHT_NONE: break;
	case SOUGHT_FAILED: return error_set(e, inner.reason, "%s", inner.text);
	case SOUGHT_FOUND: ok = evidence_put(x, receipt, e, "partner/record.tlog-proof"); break;
	}
	for (size_t k = 0; k < 2; k++)
		json_array_foreach(json_object_get(notices, ways[k]), i, one)
		{
			const char *text = json_string_value(json_object_get(one, k ? "proof" : "receipt"));
			if (ok && text)
				ok = evidence_put(x, view_of(text), e, "partner/%s-%zu.tlog-proof", ways[k], i + 1);
		}
	return ok;
}

/* --- the words --- */

static bool put_readme(struct evidence *x, const json_t *shown, struct error *e)
{
	const json_t *row = json_object_get(shown, "exchange");
	struct buf text = BUF_INIT(1 << 20);

	buf_addf(&text, "# Evidence of exchange %s\n", ctl_text(row, "exchange"));
	buf_addf(
	        &text,
	        "Received %s, under agreement `%s`, from %s to %s; its state is `%s`. %zu entries of the log, %zu documents, "
	        "%zu signatures.\n",
	        ctl_text(row, "received"), x->agreement, x->provider, x->recipient, ctl_text(row, "state"),
	        x->n_entries, x->n_documents, x->n_signatures);
	buf_adds(&text, "\n## What is not in it\n");
	for (size_t i = 0; i < x->n_missing; i++)
		buf_addf(&text, "- %s\n", x->missing[i]);
	buf_adds(&text, "- the record: a log never has it, and the gateway's copy ends with its delivery\n\n");
	buf_add(&text, view_make(readme.text, (size_t)(readme.end - readme.text)));
	bool ok = !text.failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
	ok = ok && evidence_put(x, buf_view(&text), e, "README.md") &&
	     evidence_put(x, view_make(script.text, (size_t)(script.end - script.text)), e, "verify.sh") &&
	     evidence_put(x, audit_page(), e, "verify.html");
	buf_free(&text);
	return ok;
}

/* --- all of it --- */

/* The log of the exchange's own entry, as audit_source_open() has it: an earlier one by the last part of its origin. */
static bool log_of(struct evidence *x, char *path, size_t size, const char *store, struct error *e)
{
	uint64_t newest = store_log(x->store), log = store_entry_log(x->row.entry), n;
	struct view note, origin;
	const char *slash;

	snprintf(path, size, "%s", store);
	if (log == newest)
		return true;
	if (!store_use_log(x->store, log, e) || !store_last_checkpoint(x->store, &n, &note, e))
		return false;
	origin = view_cut(&note, '\n');
	slash = memrchr(origin.p, '/', origin.n);
	if (slash)
		snprintf(path, size, "%s@%.*s", store, (int)(origin.p + origin.n - slash - 1), slash + 1);
	return store_use_log(x->store, newest, e);
}

static bool collect_logs(struct evidence *x, const char *store, const char *exchange, json_t **decision,
                         struct error *e)
{
	char path[4200], needle[UUID_TEXT + 16];
	struct error inner = { .reason = REASON_NONE };
	struct audit_source *first, *s;
	bool ok;

	snprintf(needle, sizeof needle, "\"exchange\":\"%s\"", exchange);
	first = log_of(x, path, sizeof path, store, e) ? audit_source_open(path, NULL, e) : NULL;
	ok = first && put_log(x, first, needle, decision, e) && put_timestamp(x, first, e);
	for (uint64_t n = 1; ok && (s = audit_source_later(first, n, &inner)); n++) {
		ok = put_log(x, s, needle, decision, e);
		audit_source_close(s);
	}
	if (ok && inner.reason != REASON_NONE && inner.reason != REASON_NOT_FOUND)
		ok = error_set(e, inner.reason, "%s", inner.text);
	audit_source_close(first);
	return ok;
}

/* Texts of the row end with the next call on the store. */
static bool find_row(struct evidence *x, const struct uuid *id, struct error *e)
{
	if (!store_find_exchange(x->store, id, &x->row, e))
		return false;
	view_keep(x->agreement, sizeof x->agreement, x->row.agreement);
	view_keep(x->provider, sizeof x->provider, x->row.provider);
	view_keep(x->recipient, sizeof x->recipient, x->row.recipient);
	return true;
}

static bool collect(struct evidence *x, const char *store, const struct uuid *id, const json_t *shown, struct error *e)
{
	char exchange[UUID_TEXT + 1];
	json_t *decision = NULL;

	uuid_print(id, exchange);
	x->store = store_open_reader(store, e);
	bool ok = x->store && find_row(x, id, e) && evidence_open(x, exchange, e) &&
	          collect_logs(x, store, exchange, &decision, e) && evidence_beside(x, decision, e) &&
	          put_partner(x, shown, e) && put_readme(x, shown, e);
	json_decref(decision);
	return ok;
}

int ctl_evidence(const struct ctl *c, int argc, char **argv)
{
	struct evidence x = { .ctl = c };
	struct error e = { .reason = REASON_NONE };
	struct uuid id;
	json_t *shown;
	int status;

	if (argc != 3 || argv[1][0] == '-')
		return ctl_usage();
	if (!uuid_parse(view_of(argv[1]), &id)) {
		error_set(&e, REASON_CONFIG, "%s is no exchange: gatewayctl exchange list shows the newest", argv[1]);
		return ctl_fail(CTL_FAILED, &e);
	}
	/* The daemon shows it only after its log has that it was read. */
	status = ctl_ask_ok(c, json_pack("{s:s, s:s}", "do", "exchange-show", "exchange", argv[1]), &shown);
	if (status != CTL_OK)
		return status;
	char *store = audit_log_path(c, NULL, &e);
	if (store && collect(&x, store, &id, shown, &e) && evidence_pack(&x, argv[2], &e)) {
		if (c->json)
			ctl_print_new(json_pack("{s:s, s:I, s:I, s:I}", "file", argv[2], "entries",
			                        (json_int_t)x.n_entries, "documents", (json_int_t)x.n_documents,
			                        "signatures", (json_int_t)x.n_signatures));
		else
			printf("%s: %zu entries, %zu documents, %zu signatures\nNext: tar -xf %s && cd %s && sh verify.sh\n",
			       argv[2], x.n_entries, x.n_documents, x.n_signatures, argv[2], x.name);
	} else {
		status = ctl_fail(audit_status(&e), &e);
	}
	evidence_close(&x);
	free(store);
	json_decref(shown);
	return status;
}
