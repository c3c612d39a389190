/* What all signed documents have in common: kind, head, signature, the agreement that they are about, and what may
 * take whose place. */
#include <time.h>

#include "lib/crypto/x509.h"
#include "test/policy/document_fixture.h"

TCase *make_signed_document_case(void);

/* --- what is no document --- */

/* One member of a document that is right, changed; NULL removes it. */
static const struct mutation {
	enum document_kind kind;
	const char *member, *value, *place, *says;
} mutations[] = {
	{ DOCUMENT_WITHDRAWALS, "colour", "\"blue\"", "", "" }, /* unknown members are errors */
	{ DOCUMENT_TRAINING, "colour", "\"blue\"", "", "" },
	{ DOCUMENT_EPOCHS, "colour", "\"blue\"", "", "" },
	{ DOCUMENT_WITHDRAWALS, "document", NULL, "/document", "no kind" },
	{ DOCUMENT_WITHDRAWALS, "document", "\"agreement\"", "/document", "no kind" },
	{ DOCUMENT_WITHDRAWALS, "document", "7", "/document", "no kind" },
	{ DOCUMENT_WITHDRAWALS, "document", "\"epochs\"", "", "" }, /* a signature for one kind is none for another */
	{ DOCUMENT_WITHDRAWALS, "agreement", NULL, "", "agreement" },
	{ DOCUMENT_TRAINING, "agreement", "\"pnr\"", "", "" },
	{ DOCUMENT_EPOCHS, "agreement", NULL, "", "agreement" },
	{ DOCUMENT_WITHDRAWALS, "number", "0", "/number", "" },
	{ DOCUMENT_TRAINING, "number", "1.5", "/number", "" },
	{ DOCUMENT_EPOCHS, "number", NULL, "", "number" },
	{ DOCUMENT_WITHDRAWALS, "issued", "\"2026-06-01T00:00:00.001Z\"", "/issued", "in the future" },
	{ DOCUMENT_TRAINING, "issued", "\"2027-01-01T00:00:00Z\"", "/issued", "in the future" },
	{ DOCUMENT_EPOCHS, "issued", "\"yesterday\"", "/issued", "" },
	{ DOCUMENT_WITHDRAWALS, "next_update", NULL, "", "next_update" },
	{ DOCUMENT_WITHDRAWALS, "next_update", "\"2026-05-30T00:00:00Z\"", "/next_update", "after issued" },
	{ DOCUMENT_WITHDRAWALS, "salt", "\"00\"", "/salt", "" },
	{ DOCUMENT_WITHDRAWALS, "salt", "\"" SALT "0\"", "/salt", "" },
	{ DOCUMENT_WITHDRAWALS, "withdrawn", "[{\"reference\":\"consent-0001\"}]", "/withdrawn/0/reference", "" },
	{ DOCUMENT_WITHDRAWALS, "withdrawn", "[{\"reference\":\"" CONSENT_0001 "\",\"purposes\":[]}]",
	  "/withdrawn/0/purposes", "" },
	{ DOCUMENT_WITHDRAWALS, "withdrawn",
	  "[{\"reference\":\"" CONSENT_0001 "\"},{\"reference\":\"" CONSENT_0002 "\"},"
	  "{\"reference\":\"" CONSENT_0001 "\"}]",
	  "/withdrawn/2/reference", "the same as in /withdrawn/0" },
	{ DOCUMENT_CONSENTS, "withdrawn", "[]", "", "" },
	{ DOCUMENT_CONSENTS, "given", NULL, "", "given" },
	{ DOCUMENT_CONSENTS, "given", "[{\"reference\":\"" CONSENT_0001 "\"},{\"reference\":\"" CONSENT_0001 "\"}]",
	  "/given/1/reference", "the same as in /given/0" },
	{ DOCUMENT_TRAINING, "officers", "[{\"officer\":\"anna\",\"valid_until\":\"2026-07-01T00:00:00Z\"}]",
	  "/officers/0/officer", "" },
	{ DOCUMENT_TRAINING, "officers", "[{\"officer\":\"" OFFICER_A "\"}]", "/officers/0", "valid_until" },
	{ DOCUMENT_TRAINING, "officers",
	  "[{\"officer\":\"" OFFICER_A "\",\"valid_until\":\"2026-07-01T00:00:00Z\"},"
	  "{\"officer\":\"" OFFICER_A "\",\"valid_until\":\"2026-08-01T00:00:00Z\"}]",
	  "/officers/1/officer", "the same as in /officers/0" },
	{ DOCUMENT_EPOCHS, "epochs", "[]", "/epochs", "" },
	{ DOCUMENT_EPOCHS, "epochs", "[{\"epoch\":0,\"from\":\"2026-05-31T00:00:00Z\",\"reason\":\"r\"}]",
	  "/epochs/0/epoch", "" },
	{ DOCUMENT_EPOCHS, "epochs", "[{\"epoch\":2,\"from\":\"2026-05-31T00:00:00Z\"}]", "/epochs/0", "reason" },
	{ DOCUMENT_EPOCHS, "epochs",
	  "[{\"epoch\":2,\"from\":\"2026-05-31T00:00:00Z\",\"reason\":\"r\"},"
	  "{\"epoch\":2,\"from\":\"2026-06-01T00:00:00Z\",\"reason\":\"r\"}]",
	  "/epochs/1/epoch", "larger than the one before" },
	{ DOCUMENT_EPOCHS, "epochs",
	  "[{\"epoch\":2,\"from\":\"2026-05-31T00:00:00Z\",\"reason\":\"r\"},"
	  "{\"epoch\":3,\"from\":\"2026-05-31T00:00:00Z\",\"reason\":\"r\"}]",
	  "/epochs/1/from", "after the one before" },
};

START_TEST(mutation_is_refused)
{
	const struct mutation *m = &mutations[_i];
	struct error_list errors = { .max = 20 };
	json_t *doc = right_document(m->kind);

	if (m->value)
		json_object_set_new(doc, m->member, json_loads(m->value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(doc, m->member);
	struct signed_document *d = load_document(doc, NOW, &errors);
	ck_assert_msg(d == NULL, "%s of %s was taken", m->member, document_kind_name(m->kind));
	if (!document_says(&errors, m->place, m->says)) {
		print_errors(&errors);
		ck_abort_msg("%s of %s: not said: %s %s", m->member, document_kind_name(m->kind), m->place, m->says);
	}
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(what_is_no_json)
{
	static const struct document_sources any = { .unsigned_ok = true, .now_ms = NOW };
	static const char *const texts[] = { "", "{", "[]", "\"withdrawals\"",
		                             "{\"document\":\"epochs\",\"document\":\"epochs\"}" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct error_list errors = { .max = 20 };
		ck_assert(signed_document_load("test.json", view_of(texts[i]), VIEW(""), &any, &errors) == NULL);
		ck_assert_msg(errors.n > 0, "%s", texts[i]);
		error_list_free(&errors);
	}
}
END_TEST

START_TEST(head_is_read)
{
	for (unsigned k = 0; k < DOCUMENT_KIND_COUNT; k++) {
		struct signed_document *d = loaded_document((enum document_kind)k);
		struct digest digest;
		sha256(d->text, &digest);
		ck_assert(digest_eq(&digest, &d->digest));
		ck_assert(view_is(d->issuer, "north") && d->number == 3 && d->issued_ms == NOW - 2 * DAY_MS);
		bool list = k == DOCUMENT_WITHDRAWALS || k == DOCUMENT_CONSENTS;
		ck_assert(view_is(d->agreement, list ? "humanitarian" : k == DOCUMENT_EPOCHS ? "pnr" : ""));
		ck_assert(d->next_update_ms == (list ? NOW + 5 * DAY_MS : TIME_NONE));
		signed_document_free(d);
	}
	signed_document_free(NULL);
}
END_TEST

/* --- signatures --- */

static char folder[64];
static struct person {
	struct view pem, key;
	struct buf der;
} people[2];

static struct view file_of(const char *name, const char *suffix)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s.%s", folder, name, suffix);
	return read_whole(path);
}

static void make_person(struct person *p, const char *name)
{
	struct error e = { .reason = REASON_NONE };
	char command[600];

	snprintf(command, sizeof command,
	         "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key "
	         "-out %s.pem -days 3650 -subj /CN=%s 2>/dev/null",
	         folder, name, name, name);
	ck_assert_int_eq(system(command), 0);
	p->pem = file_of(name, "pem");
	p->key = file_of(name, "key");
	p->der = BUF_INIT(1 << 16);
	ck_assert_msg(cert_pem_to_der(p->pem, &p->der, &e), "%s", e.text);
}

/* The first person signs for north, nobody for the others. */
static bool signer(void *arg, struct view name, size_t k, struct view *der)
{
	(void)arg;
	if (!view_is(name, "north") || k > 0)
		return false;
	*der = buf_view(&people[0].der);
	return true;
}

static void sign(struct view text, struct view before, const struct person *by, struct buf *out)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(cms_sign(before, text, by->pem, by->key, out, &e), "%s", e.text);
}

static void judge(const char *text, struct view signature, const char *says)
{
	struct error_list errors = { .max = 20 };
	struct timespec now;

	/* Signatures carry the time of the real clock. */
	clock_gettime(CLOCK_REALTIME, &now);
	struct document_sources from = { .signer = signer, .now_ms = (int64_t)now.tv_sec * 1000 + 2000 };
	struct signed_document *d = signed_document_load("test.json", view_of(text), signature, &from, &errors);
	if (says && !document_says(&errors, "", says)) {
		print_errors(&errors);
		ck_abort_msg("not said: %s", says);
	}
	ck_assert((d != NULL) == (says == NULL));
	for (size_t i = 0; i < errors.n; i++)
		ck_assert_int_eq(errors.items[i].reason, REASON_SIGNATURE);
	signed_document_free(d);
	error_list_free(&errors);
}

START_TEST(signature_of_its_issuer)
{
	const char *text = right_documents[DOCUMENT_WITHDRAWALS];
	struct buf right = BUF_INIT(1 << 20), wrong = BUF_INIT(1 << 20), both = BUF_INIT(1 << 20),
	           other = BUF_INIT(1 << 20);

	snprintf(folder, sizeof folder, "/tmp/check-policy-XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	make_person(&people[0], "north");
	make_person(&people[1], "stranger");
	sign(view_of(text), VIEW(""), &people[0], &right);
	sign(view_of(text), VIEW(""), &people[1], &wrong);
	sign(view_of(text), buf_view(&right), &people[1], &both);
	sign(view_of(right_documents[DOCUMENT_EPOCHS]), VIEW(""), &people[0], &other);
	judge(text, buf_view(&right), NULL);
	judge(text, VIEW(""), "is not signed");
	judge(text, VIEW("no signature"), "cannot be read");
	judge(text, buf_view(&wrong), "not one of those who may sign it");
	judge(text, buf_view(&both), "not one of those who may sign it");
	judge(text, buf_view(&other), "does not match");
	char *changed = strdup(text);
	strstr(changed, "\"number\":3")[9] = '4';
	judge(changed, buf_view(&right), "does not match");
	free(changed);
	char *foreign = strdup(text);
	memcpy(strstr(foreign, "\"north\""), "\"south\"", 7);
	judge(foreign, buf_view(&right), "no signing certificate of south is pinned here");
	free(foreign);
	buf_free(&right);
	buf_free(&wrong);
	buf_free(&both);
	buf_free(&other);
	for (size_t i = 0; i < 2; i++) {
		free((void *)(uintptr_t)people[i].pem.p);
		free((void *)(uintptr_t)people[i].key.p);
		buf_free(&people[i].der);
	}
	char command[100];
	snprintf(command, sizeof command, "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

/* --- what it is about --- */

static const struct misfit {
	enum document_kind kind;
	const char *member, *value;
	const char *preset, *clause, *clause_value; /* of the agreement; preset NULL: none is held */
	const char *place, *says;
} misfits[] = {
	{ DOCUMENT_WITHDRAWALS, NULL, NULL, NULL, NULL, NULL, "/agreement", "no agreement of that name" },
	{ DOCUMENT_EPOCHS, NULL, NULL, NULL, NULL, NULL, "/agreement", "no agreement of that name" },
	{ DOCUMENT_WITHDRAWALS, "issuer", "\"south\"", "humanitarian", NULL, NULL, "/issuer",
	  "whose list the agreement names" },
	{ DOCUMENT_WITHDRAWALS, NULL, NULL, "pnr", NULL, NULL, "/issuer", "whose list the agreement names" },
	{ DOCUMENT_WITHDRAWALS, "withdrawn",
	  "[{\"reference\":\"" CONSENT_0001 "\",\"purposes\":[\"family-tracing\",\"marketing\"]}]", "humanitarian",
	  NULL, NULL, "/withdrawn/0/purposes/1", "no such purpose" },
	/* Its consents are taken as they come: the agreement names nobody who lists them. */
	{ DOCUMENT_CONSENTS, NULL, NULL, "humanitarian", NULL, NULL, "/issuer", "whose list the agreement names" },
	{ DOCUMENT_CONSENTS, "given", "[{\"reference\":\"" CONSENT_0001 "\",\"purposes\":[\"marketing\"]}]",
	  "humanitarian", "consent", "{\"withdrawals\":\"north\",\"given\":\"north\"}", "/given/0/purposes/0",
	  "no such purpose" },
	{ DOCUMENT_TRAINING, "issuer", "\"south\"", NULL, NULL, NULL, "/issuer",
	  "agency of this node, which is north" },
	{ DOCUMENT_EPOCHS, "issuer", "\"south\"", "pnr", NULL, NULL, "/issuer", "holds the keys, here north" },
	{ DOCUMENT_EPOCHS, NULL, NULL, "pnr", "pseudonyms",
	  "{\"key_holder\":\"provider\",\"epoch\":8,\"domains\":[{\"id\":\"traveller\","
	  "\"description\":\"d\"}]}",
	  "/epochs/1/epoch", "lower than 8" },
	{ DOCUMENT_EPOCHS, NULL, NULL, "pnr", "pseudonyms",
	  "{\"key_holder\":\"third-party\",\"epoch\":1,\"domains\":[{\"id\":\"traveller\","
	  "\"description\":\"d\"}]}",
	  "/agreement", "third party" },
};

START_TEST(misfit_is_refused)
{
	const struct misfit *m = &misfits[_i];
	struct schema_files files;
	struct agreement *a = NULL;
	struct error_list errors = { .max = 20 };
	json_t *doc = right_document(m->kind);

	schema_files_read(&files);
	if (m->preset) {
		struct agreement_sources from = draft_sources(&files);
		json_t *text = preset(m->preset);
		if (m->clause) {
			json_t *rules = json_object_get(text, "rules"), *rule;
			size_t i;
			if (strcmp(m->clause, "pseudonyms") == 0)
				json_array_foreach(rules, i,
				                   rule) if (json_object_get(json_object_get(rule, "params"), "domain"))
				        json_object_set_new(json_object_get(rule, "params"), "domain",
				                            json_string("traveller"));
			json_object_set_new(text, m->clause, json_loads(m->clause_value, 0, NULL));
		}
		a = load_doc(text, &from, &errors);
		print_errors(&errors);
		ck_assert(a != NULL);
		json_decref(text);
	}
	if (m->member)
		json_object_set_new(doc, m->member, json_loads(m->value, JSON_DECODE_ANY, NULL));
	struct signed_document *d = load_document(doc, NOW, &errors);
	ck_assert(d != NULL);
	ck_assert(!signed_document_fits(d, &a, a ? 1 : 0, VIEW("north"), &errors));
	if (!document_says(&errors, m->place, m->says)) {
		print_errors(&errors);
		ck_abort_msg("not said: %s %s", m->place, m->says);
	}
	signed_document_free(d);
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
	schema_files_free(&files);
}
END_TEST

START_TEST(right_ones_fit)
{
	static const char *const presets[] = { "humanitarian", "humanitarian", NULL, "pnr" };
	struct schema_files files;

	schema_files_read(&files);
	for (unsigned k = 0; k < DOCUMENT_KIND_COUNT; k++) {
		struct agreement_sources from = draft_sources(&files);
		struct error_list errors = { .max = 20 };
		struct signed_document *d = loaded_document((enum document_kind)k);
		json_t *text = presets[k] ? preset(presets[k]) : NULL;
		if (k == DOCUMENT_CONSENTS)
			put(text, "/consent/given", "\"north\"");
		struct agreement *a = text ? load_doc(text, &from, &errors) : NULL;
		ck_assert(signed_document_fits(d, &a, a ? 1 : 0, VIEW("north"), &errors));
		ck_assert_uint_eq(errors.n, 0);
		json_decref(text);
		agreement_unref(a);
		signed_document_free(d);
	}
	schema_files_free(&files);
}
END_TEST

/* --- what may take its place --- */

static const struct successor {
	enum document_kind kind;
	const char *member, *value; /* of the later document */
	long long number;
	const char *place, *says; /* NULL: it may */
} successors[] = {
	{ DOCUMENT_WITHDRAWALS, NULL, NULL, 3, NULL, NULL }, /* the same */
	{ DOCUMENT_WITHDRAWALS, NULL, NULL, 4, NULL, NULL },
	{ DOCUMENT_WITHDRAWALS, "withdrawn", "[]", 90, NULL, NULL }, /* who consented anew */
	{ DOCUMENT_WITHDRAWALS, NULL, NULL, 2, "/number", "a rollback: number 3" },
	{ DOCUMENT_WITHDRAWALS, "withdrawn", "[]", 2, "/number", "a rollback: number 3" },
	{ DOCUMENT_WITHDRAWALS, "withdrawn", "[]", 3, "/number", "another document with this number" },
	{ DOCUMENT_WITHDRAWALS, "salt", "\"100102030405060708090a0b0c0d0e0f\"", 4, "/salt",
	  "is not that of withdrawals number 3" },
	{ DOCUMENT_CONSENTS, "given", "[]", 4, NULL, NULL },
	{ DOCUMENT_CONSENTS, "given", "[]", 2, "/number", "a rollback: number 3" },
	{ DOCUMENT_CONSENTS, "salt", "\"" SALT "00\"", 4, "/salt", "is not that of consents number 3" },
	{ DOCUMENT_TRAINING, "officers", "[]", 4, NULL, NULL },
	{ DOCUMENT_TRAINING, "officers", "[]", 3, "/number", "another document with this number" },
	{ DOCUMENT_TRAINING, NULL, NULL, 1, "/number", "a rollback: number 3" },
	{ DOCUMENT_EPOCHS, "epochs", "[{\"epoch\":4,\"from\":\"2026-05-30T00:00:00Z\",\"reason\":\"r\"}]", 4, NULL,
	  NULL },
	{ DOCUMENT_EPOCHS, "epochs", "[{\"epoch\":9,\"from\":\"2026-05-30T00:00:00Z\",\"reason\":\"r\"}]", 4, NULL,
	  NULL },
	{ DOCUMENT_EPOCHS, "epochs", "[{\"epoch\":3,\"from\":\"2026-05-30T00:00:00Z\",\"reason\":\"r\"}]", 4, "/epochs",
	  "epoch 4 is in force" },
	{ DOCUMENT_EPOCHS, "epochs", "[{\"epoch\":9,\"from\":\"2026-06-03T00:00:00Z\",\"reason\":\"r\"}]", 4, "/epochs",
	  "epoch 4 is in force" },
	{ DOCUMENT_EPOCHS, NULL, NULL, 2, "/number", "a rollback: number 3" },
};

START_TEST(succession)
{
	const struct successor *s = &successors[_i];
	struct error_list errors = { .max = 20 };
	struct signed_document *before = loaded_document(s->kind);
	json_t *doc = right_document(s->kind);

	if (s->member)
		json_object_set_new(doc, s->member, json_loads(s->value, JSON_DECODE_ANY, NULL));
	json_object_set_new(doc, "number", json_integer(s->number));
	struct signed_document *after = load_document(doc, NOW, &errors);
	ck_assert(after != NULL);
	bool may = signed_document_follows(before, after, NOW, &errors);
	if (s->says && !document_says(&errors, s->place, s->says)) {
		print_errors(&errors);
		ck_abort_msg("not said: %s %s", s->place, s->says);
	}
	ck_assert(may == (s->says == NULL));
	signed_document_free(before);
	signed_document_free(after);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(none_may_be_gone)
{
	for (unsigned k = 0; k < DOCUMENT_KIND_COUNT; k++) {
		struct error_list errors = { .max = 20 };
		struct signed_document *before = loaded_document((enum document_kind)k);
		ck_assert(!signed_document_follows(before, NULL, NOW, &errors));
		ck_assert(errors.n == 1 && strstr(errors.items[0].text, "number 3 of north was in force and is gone"));
		signed_document_free(before);
		error_list_free(&errors);
	}
}
END_TEST

TCase *make_signed_document_case(void)
{
	TCase *c = tcase_create("signed_document");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, mutation_is_refused, 0, sizeof mutations / sizeof *mutations);
	tcase_add_test(c, what_is_no_json);
	tcase_add_test(c, head_is_read);
	tcase_add_test(c, signature_of_its_issuer);
	tcase_add_loop_test(c, misfit_is_refused, 0, sizeof misfits / sizeof *misfits);
	tcase_add_test(c, right_ones_fit);
	tcase_add_loop_test(c, succession, 0, sizeof successors / sizeof *successors);
	tcase_add_test(c, none_may_be_gone);
	return c;
}
